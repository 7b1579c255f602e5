/* See vault_world.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <utlist.h>

#include "tests/unit/vault_world.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "tests/unit/let_pass.h"
#include "tests/unit/noise.h"
#include "tests/unit/seal_world.h"

enum { NOW_S = 1800000000, CALM_TURNS = 60 };

/* What a member sends the vault: not from within a call of the vault's. */
struct vault_answer {
	uint64_t peer;
	uint32_t request;
	uint8_t status;
	uint8_t *p;
	size_t n;
	struct vault_answer *prev, *next;
};

static struct vault_member *member(struct vault_world *w, uint64_t id)
{
	for (int i = 0; i < VAULT_AGENTS; i++) {
		if (w->m[i].id == id)
			return &w->m[i];
	}
	fail();
	return NULL;
}

/* --- what the vault calls --- */

static int on_cores(void *arg, uint64_t peer, const struct msg_cores *msg)
{
	struct vault_member *m = member(arg, peer);

	if (!m->up)
		return -1;
	assert_int_equal(msg->after, m->heard_upto);
	for (size_t i = 0; i < msg->ncores; i++) {
		m->heard = mem_realloc(m->heard, m->nheard + 1, 32);
		sha256(m->heard[m->nheard++], msg->cores[i].core.p, msg->cores[i].core.n);
	}
	m->heard_upto = msg->upto;
	return 0;
}

static void answer(struct vault_world *w, struct vault_member *m, const struct msg_object_want *want)
{
	struct vault_answer *a = MEM_NEW(struct vault_answer);
	uint8_t name[INDEX_VAULT_OBJECT];
	struct member_object *o, *patch = NULL;

	object_name_of(name, want->kind == OBJECT_PATCH ? OBJECT_BLOCK : want->kind, want->generation, want->name);
	HASH_FIND(hh, m->objects, name, sizeof(name), o);
	if (want->kind == OBJECT_PATCH || m->lie == LIE_PATCH)
		HASH_FIND(hh, m->patches, name, sizeof(name), patch);
	if (patch != NULL)
		o = patch;
	if (want->kind == OBJECT_PATCH && m->lie == LIE_OLD)
		o = NULL;
	if (m->lie == LIE_OTHER)
		o = m->objects;
	*a = (struct vault_answer){ .peer = m->id, .request = want->request, .status = MSG_OBJECT_NONE };
	if (o != NULL && m->lie != LIE_NONE) {
		a->status = MSG_OBJECT_HERE;
		a->p = mem_dup(o->p, o->n);
		a->n = o->n;
		if (m->lie == LIE_BIT)
			a->p[3] ^= 1; /* in the head: what a vault can see */
	}
	DL_APPEND(w->answers, a);
}

static void on_want(struct vault_world *w, struct vault_member *m, const struct msg_vault *msg)
{
	for (size_t i = 0; i < msg->nwants; i++) {
		m->asked++;
		m->asked_whole += msg->wants[i].kind == OBJECT_BLOCK;
		if (m->lie != LIE_SILENT)
			answer(w, m, &msg->wants[i]);
	}
}

static int on_vault(void *arg, uint64_t peer, const struct msg_vault *msg)
{
	struct vault_member *m = member(arg, peer);

	switch (msg->what) {
	case MSG_VAULT_HELLO:
		m->hellos++;
		if (m->vault_epoch != msg->epoch)
			m->heard_upto = 0;
		m->vault_epoch = msg->epoch;
		m->hello_settled = msg->have_epoch == m->epoch ? msg->settled : 0;
		m->settled = m->hello_settled;
		break;
	case MSG_VAULT_ACK:
		assert_true(msg->settled <= msg->have_seq && msg->have_seq <= m->seq);
		assert_int_equal(msg->have_epoch, m->epoch);
		m->settled = msg->settled;
		break;
	case MSG_VAULT_WANT:
		on_want(arg, m, msg);
		break;
	default:
		m->full = msg->full;
		m->used = msg->used;
		m->quota = msg->quota;
	}
	return m->up ? 0 : -1;
}

static int on_object(void *arg, uint64_t peer, uint32_t request, uint8_t status, uint8_t *bytes, size_t n)
{
	struct vault_member *m = member(arg, peer);
	struct object_head h;
	struct member_object *o;

	(void)request;
	if (status != MSG_OBJECT_HERE) {
		m->none++;
		return 0;
	}
	assert_int_equal(object_parse(&h, bytes, n), OBJECT_OK);
	o = MEM_NEW(struct member_object);
	object_name_of(o->name, h.kind, h.self.generation, h.self.name);
	o->p = bytes;
	o->n = n;
	HASH_ADD(hh, m->got, name, sizeof(o->name), o);
	return 0;
}

static int on_keys(void *arg, uint64_t peer, const struct msg_keys *msg)
{
	member(arg, peer)->envelopes += msg->nenvelopes;
	return 0;
}

static size_t on_room(void *arg, uint64_t peer, bool bulk)
{
	(void)arg;
	(void)peer;
	(void)bulk;
	return 16 << 20;
}

static void on_misbehaved(void *arg, uint64_t peer, const char *what)
{
	(void)what;
	member(arg, peer)->misbehaved++;
}

static bool on_head(void *arg, uint64_t peer, uint64_t epoch, uint64_t *seq)
{
	const struct vault_member *m = member(arg, peer);

	*seq = m->seq;
	return !m->scanning && epoch == m->epoch;
}

static void on_problem(void *arg, const char *text)
{
	(void)text;
	((struct vault_world *)arg)->problems++;
}

static void on_state(void *arg)
{
	(void)arg;
}

static void on_commit(void *arg)
{
	struct vault_world *w = arg;

	if (w->vault != NULL)
		vault_committed(w->vault);
}

static int64_t on_up_ms(void *arg)
{
	const struct vault_world *w = arg;

	return w->aged_ms + loop_now_ms(w->loop);
}

static const struct vault_ops ops = { on_cores,      on_vault, on_object,  on_keys, on_room,
	                              on_misbehaved, on_head,  on_problem, on_state };

/* --- the world --- */

static void vault_begin(struct vault_world *w)
{
	struct vault_config c = { w->loop,  w->workers, w->index, w->share, w->roster,
		                  w->quota, &ops,       w,        on_up_ms, w->tick_ms };
	char *why;

	w->vault = vault_new(&c, &why);
	assert_non_null(w->vault);
	index_on_commit(w->index, on_commit, w);
}

static void found(struct vault_world *w)
{
	static const enum role roles[VAULT_AGENTS] = { ROLE_OWNER, ROLE_MEMBER, ROLE_READER, ROLE_MEMBER, ROLE_VAULT };

	for (int i = 0; i < VAULT_AGENTS; i++) {
		struct vault_member *m = &w->m[i];

		m->self = seal_world_agent((uint64_t)i);
		m->id = agent_id_short(identity_id(m->self));
		m->epoch = 100 + (uint64_t)i;
	}
	w->roster = roster_found(w->m[ANNA].self, "vaulted", false, true, "anna", NOW_S);
	for (int i = 1; i < VAULT_AGENTS; i++)
		assert_int_equal(roster_grant(w->roster, w->m[ANNA].self, identity_id(w->m[i].self), roles[i], "member",
		                              NOW_S + i),
		                 0);
}

void vault_world_start(struct vault_world *w, int64_t quota)
{
	uint8_t marker[32] = { 7 };
	char *path, *why;

	*w = (struct vault_world){ .quota = quota, .tick_ms = w->tick_ms };
	strcpy(w->dir, "/tmp/test-vault-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	w->loop = loop_new();
	w->workers = workers_new(w->loop, 2);
	assert_true(index_open(&w->index, w->dir, &why) <= INDEX_NEW);
	path = mem_printf("%s/share", w->dir);
	w->share = share_open(path, true, false, marker, &why);
	assert_non_null(w->share);
	free(path);
	found(w);
	for (uint64_t g = 1; g < 3; g++)
		w->keys[g] = seal_world_keys(g);
	vault_begin(w);
}

static void vault_finish(struct vault_world *w)
{
	struct vault_answer *a, *next;

	vault_stop(w->vault);
	while (!vault_stopped(w->vault))
		loop_turn(w->loop, true);
	vault_free(w->vault);
	w->vault = NULL;
	DL_FOREACH_SAFE(w->answers, a, next) {
		DL_DELETE(w->answers, a);
		free(a->p);
		free(a);
	}
	for (int i = 0; i < VAULT_AGENTS; i++)
		w->m[i].up = false;
}

static void shell(struct vault_world *w, const char *form)
{
	char *cmd = mem_printf("d=%s; %s", w->dir, form);

	assert_int_equal(system(cmd), 0);
	free(cmd);
}

static void index_again(struct vault_world *w)
{
	char *why;

	assert_true(index_open(&w->index, w->dir, &why) <= INDEX_NEW);
	vault_begin(w);
}

/* crash: as after a kill, with the files as they are. */
void vault_world_restart(struct vault_world *w, bool crash)
{
	if (crash)
		shell(w, "mkdir -p $d/aside; rm -f $d/aside/*; cp $d/index.db* $d/aside");
	vault_finish(w);
	index_close(w->index);
	if (crash)
		shell(w, "rm -f $d/index.db*; cp $d/aside/index.db* $d");
	index_again(w);
}

void vault_world_rolled_back(struct vault_world *w)
{
	vault_finish(w);
	index_close(w->index);
	shell(w, "rm -f $d/index.db*; cp $d/old/index.db* $d");
	index_again(w);
}

void vault_world_index_lost(struct vault_world *w)
{
	vault_finish(w);
	index_close(w->index);
	shell(w, "rm -f $d/index.db*");
	index_again(w);
}

void vault_world_sql(struct vault_world *w, const char *sql)
{
	char *path = mem_printf("%s/index.db", w->dir), *why = NULL;
	sqlite3 *db;

	vault_finish(w);
	index_close(w->index);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, &why), SQLITE_OK);
	sqlite3_close(db);
	free(path);
	index_again(w);
}

void vault_world_end(struct vault_world *w)
{
	int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	vault_finish(w);
	index_close(w->index);
	share_free(w->share);
	roster_free(w->roster);
	workers_free(w->workers);
	loop_free(w->loop);
	for (int g = 1; g < 3; g++)
		keys_free(w->keys[g]);
	for (int i = 0; i < VAULT_AGENTS; i++) {
		struct vault_member *m = &w->m[i];

		for (size_t k = 0; k < m->nrows; k++)
			bytes_free(&m->rows[k].core);
		free(m->rows);
		free(m->heard);
		vault_world_objects_free(&m->objects);
		vault_world_objects_free(&m->patches);
		vault_world_objects_free(&m->got);
		identity_free(m->self);
	}
	assert_int_equal(fs_remove_tree(fd, strrchr(w->dir, '/') + 1), 0);
	close(fd);
}

/* Everybody who is not deaf has all that it heard. */
static void acknowledge(struct vault_world *w)
{
	for (int i = 0; i < VAULT_AGENTS; i++) {
		struct vault_member *m = &w->m[i];
		struct msg_vault ack = { .what = MSG_VAULT_ACK,
			                 .epoch = m->vault_epoch,
			                 .have_epoch = m->vault_epoch,
			                 .have_seq = m->heard_upto,
			                 .settled = m->heard_upto };

		if (m->up && !m->deaf)
			vault_in(w->vault, m->id, &ack);
	}
}

static void turn(struct vault_world *w, bool wait)
{
	struct vault_answer *a;

	loop_turn(w->loop, wait);
	acknowledge(w);
	for (int i = 0; i < 64 && (a = w->answers) != NULL; i++) {
		struct msg_object m = { .request = a->request, .status = a->status, .bytes = { a->p, a->n } };

		DL_DELETE(w->answers, a);
		if (member(w, a->peer)->up)
			vault_object_in(w->vault, a->peer, &m);
		free(a->p);
		free(a);
	}
	if (w->crashed)
		return;
	assert_int_equal(index_commit(w->index), 0);
	vault_sync_begin(w->vault);
	assert_int_equal(index_sync(w->index), 0);
	vault_sync_end(w->vault);
}

void vault_world_turn(struct vault_world *w)
{
	turn(w, false);
}

void vault_world_pass(struct vault_world *w, int64_t ms)
{
	LET_PASS(w->loop, ms, turn(w, true));
}

int vault_world_turns(struct vault_world *w, int64_t ms)
{
	int n = 0;

	LET_PASS(w->loop, ms, (turn(w, true), n++));
	return n;
}

void vault_world_age(struct vault_world *w, int64_t s)
{
	w->aged_ms += s * 1000;
	vault_world_pass(w, w->tick_ms > 0 ? 2 * w->tick_ms : 1200);
	vault_world_calm(w);
}

void vault_world_calm(struct vault_world *w)
{
	uint64_t was = 0;

	for (int calm = 0; calm < CALM_TURNS;) {
		struct index_vault_totals t = index_vault_totals(w->index);
		uint64_t is = (uint64_t)(t.rows + t.objects);

		vault_world_turn(w);
		for (int i = 0; i < VAULT_AGENTS; i++)
			is += w->m[i].settled + (uint64_t)w->m[i].asked + w->m[i].heard_upto;
		calm = is == was && w->answers == NULL && workers_pending(w->workers) == 0 ? calm + 1 : 0;
		was = is;
		if (calm > 0)
			vault_world_pass(w, 3); /* longer, in all, than it gathers objects before it syncs them */
	}
}
