/* See keeping_table.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <utlist.h>

#include "tests/unit/keeping_table.h"

#include "base/fs.h"
#include "base/sha256.h"
#include "tests/unit/let_pass.h"
#include "tests/unit/noise.h"

enum { CALM_TURNS = 60, PATIENCE_MS = 500 };

/* A message on its way. */
struct table_letter {
	int to; /* a member, or VERA */
	int from;
	int what;
	uint8_t *p;
	size_t n;
	uint32_t request;
	uint8_t status;
	struct table_letter *prev, *next;
};

static struct table_member *member_of(struct table *t, uint64_t id)
{
	for (int i = 0; i < TABLE_MEMBERS; i++) {
		if (t->m[i].id == id)
			return &t->m[i];
	}
	fail();
	return NULL;
}

int table_send(struct table *t, int from, int to, int what, uint8_t *p, size_t n)
{
	struct table_letter *l = MEM_NEW(struct table_letter);

	l->from = from;
	l->to = to;
	l->what = what;
	l->p = p;
	l->n = n;
	DL_APPEND(t->letters, l);
	return 0;
}

int table_send_object(struct table *t, int from, int to, uint32_t request, uint8_t status, uint8_t *p, size_t n)
{
	(void)table_send(t, from, to, LETTER_OBJECT, p, n);
	t->letters->prev->request = request;
	t->letters->prev->status = status;
	return 0;
}

/* --- the vault's owner --- */

static int v_cores(void *arg, uint64_t peer, const struct msg_cores *m)
{
	struct table_member *e = member_of(arg, peer);
	uint8_t *p;
	size_t n;

	if (!e->up)
		return -1;
	p = msg_cores_encode(m, &n);
	return table_send(arg, VERA, e->who, LETTER_CORES, p, n);
}

static int v_vault(void *arg, uint64_t peer, const struct msg_vault *m)
{
	struct table_member *e = member_of(arg, peer);
	uint8_t *p;
	size_t n;

	if (!e->up)
		return -1;
	p = msg_vault_encode(m, &n);
	return table_send(arg, VERA, e->who, LETTER_VAULT, p, n);
}

static int v_object(void *arg, uint64_t peer, uint32_t request, uint8_t status, uint8_t *bytes, size_t n)
{
	return table_send_object(arg, VERA, member_of(arg, peer)->who, request, status, bytes, n);
}

static int v_keys(void *arg, uint64_t peer, const struct msg_keys *m)
{
	(void)arg;
	(void)peer;
	(void)m;
	return 0;
}

static void v_misbehaved(void *arg, uint64_t peer, const char *what)
{
	(void)arg;
	(void)peer;
	print_error("a member misbehaved: %s\n", what);
	fail();
}

static void v_problem(void *arg, const char *text)
{
	(void)arg;
	print_error("the vault has a problem: %s\n", text);
	fail();
}

static size_t v_room(void *arg, uint64_t peer, bool bulk)
{
	(void)arg;
	(void)peer;
	(void)bulk;
	return 16 << 20;
}

static void v_state(void *arg)
{
	(void)arg;
}

/* Nobody signs heads here. */
static bool v_head(void *arg, uint64_t peer, uint64_t epoch, uint64_t *seq)
{
	(void)arg;
	(void)peer;
	(void)epoch;
	(void)seq;
	return false;
}

static const struct vault_ops vault_ops = { v_cores,      v_vault, v_object,  v_keys, v_room,
	                                    v_misbehaved, v_head,  v_problem, v_state };

/* --- letters --- */

static void deliver_object(struct table *t, const struct table_letter *l)
{
	struct msg_object m = { .request = l->request, .status = l->status, .bytes = { l->p, l->n } };

	if (l->to == VERA)
		vault_object_in(t->vault, t->m[l->from].id, &m);
	else
		keeping_object_in(t->m[l->to].keeping, t->vault_id, &m);
}

static void deliver(struct table *t, const struct table_letter *l)
{
	struct table_member *e = &t->m[l->to == VERA ? l->from : l->to];
	struct msg_arena arena = { 0 };
	struct msg_cores cores;
	struct msg_vault vault;

	if (!e->up)
		return;
	if (l->what == LETTER_OBJECT) {
		t->given += l->to == VERA && l->status == MSG_OBJECT_HERE;
		deliver_object(t, l);
	} else if (l->what == LETTER_CORES) {
		assert_int_equal(msg_cores_decode(&cores, &arena, l->p, l->n), 0);
		if (l->to == VERA)
			vault_cores_in(t->vault, e->id, &cores);
		else
			keeping_cores_in(e->keeping, t->vault_id, &cores);
	} else {
		assert_int_equal(msg_vault_decode(&vault, &arena, l->p, l->n), 0);
		if (l->to != VERA)
			table_member_hears(e, &vault);
		else if (vault.what == MSG_VAULT_HELLO)
			vault_up(t->vault, e->id, &vault);
		else
			vault_in(t->vault, e->id, &vault);
	}
	msg_free(&arena);
}

static void turn(struct table *t, bool wait)
{
	struct table_letter *l;

	loop_turn(t->loop, wait && t->letters == NULL);
	for (int i = 0; i < 64 && (l = t->letters) != NULL; i++) {
		DL_DELETE(t->letters, l);
		t->carried++;
		deliver(t, l);
		free(l->p);
		free(l);
	}
	for (int i = 0; i < TABLE_MEMBERS; i++)
		assert_int_equal(index_commit(t->m[i].index), 0);
	assert_int_equal(index_commit(t->index), 0);
	if (index_commits(t->index) == t->synced)
		return;
	t->synced = index_commits(t->index);
	vault_sync_begin(t->vault);
	assert_int_equal(index_sync(t->index), 0);
	vault_sync_end(t->vault);
}

void table_turn(struct table *t)
{
	turn(t, false);
}

void table_wait(struct table *t)
{
	turn(t, true);
}

void table_pass(struct table *t, int64_t ms)
{
	LET_PASS(t->loop, ms, turn(t, true));
}

void table_calm(struct table *t)
{
	for (int calm = 0; calm < CALM_TURNS;) {
		size_t was = t->carried;

		turn(t, false);
		calm = was == t->carried && t->letters == NULL && workers_pending(t->workers) == 0 ? calm + 1 : 0;
		if (calm > 0)
			table_pass(t, 3); /* longer, in all, than the vault gathers objects before it syncs them */
	}
}

/* --- the table --- */

static void on_commit(void *arg)
{
	struct table_member *e = arg;

	if (e->keeping != NULL)
		keeping_committed(e->keeping);
}

static void on_vault_commit(void *arg)
{
	vault_committed(((struct table *)arg)->vault);
}

static void sit_down(struct table *t, int who)
{
	struct table_member *e = &t->m[who];
	const struct ring_agent *a = &t->rings->agents[who];
	char *path = mem_printf("%s/%d", t->dir, who), *why;
	struct keeping_config c;

	assert_int_equal(mkdir(path, 0700), 0);
	assert_true(index_open(&e->index, path, &why) <= INDEX_NEW);
	free(path);
	e->t = t;
	e->who = who;
	e->id = agent_id_short(identity_id(a->self));
	e->source = table_source(e);
	c = (struct keeping_config){ .loop = t->loop,
		                     .workers = t->workers,
		                     .index = e->index,
		                     .roster = a->roster,
		                     .ring = a->ring,
		                     .self = a->self,
		                     .sources = { &e->source, 1 },
		                     .patience_ms = PATIENCE_MS,
		                     .ops = &table_member_ops,
		                     .arg = e };
	e->keeping = keeping_new(&c);
	index_on_commit(e->index, on_commit, e);
}

void table_gossip(struct table *t)
{
	ring_world_settle(t->rings);
	ring_world_act(t->rings, ANNA);
	ring_world_settle(t->rings);
	for (int i = 0; i < TABLE_MEMBERS; i++)
		keeping_told(t->m[i].keeping);
	if (t->vault != NULL)
		vault_roster_changed(t->vault);
}

void table_start(struct table *t)
{
	static const enum role roles[TABLE_AGENTS] = { ROLE_OWNER, ROLE_MEMBER, ROLE_MEMBER, ROLE_VAULT };
	uint8_t marker[32] = { 7 };
	struct vault_config c;
	char *path, *why;

	*t = (struct table){ 0 };
	strcpy(t->dir, "/tmp/test-table-XXXXXX");
	assert_non_null(mkdtemp(t->dir));
	t->loop = loop_new();
	t->workers = workers_new(t->loop, 2);
	t->rings = ring_world_new(TABLE_AGENTS, 1);
	assert_int_equal(ring_sign(t->rings->agents[ANNA].ring, -1, RING_NOW), 0);
	for (int i = 1; i < TABLE_AGENTS; i++)
		assert_true(ring_world_grant(t->rings, ANNA, i, roles[i]));
	for (int i = 0; i < TABLE_MEMBERS; i++)
		sit_down(t, i);
	table_gossip(t);
	t->vault_id = agent_id_short(ring_world_id(t->rings, VERA));
	assert_true(index_open(&t->index, t->dir, &why) <= INDEX_NEW);
	path = mem_printf("%s/share", t->dir);
	t->share = share_open(path, true, false, marker, &why);
	assert_non_null(t->share);
	free(path);
	c = (struct vault_config){ t->loop, t->workers, t->index, t->share, t->rings->agents[VERA].roster,
		                   0,       &vault_ops, t,        NULL,     0 };
	t->vault = vault_new(&c, &why);
	assert_non_null(t->vault);
	index_on_commit(t->index, on_vault_commit, t);
}

void table_end(struct table *t)
{
	int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct table_letter *l, *next;

	vault_stop(t->vault);
	for (int i = 0; i < TABLE_MEMBERS; i++)
		keeping_stop(t->m[i].keeping);
	for (int i = 0; i < TABLE_MEMBERS; i++) {
		while (!keeping_is_idle(t->m[i].keeping))
			loop_turn(t->loop, true);
		keeping_free(t->m[i].keeping);
		free(t->m[i].block);
	}
	while (!vault_stopped(t->vault))
		loop_turn(t->loop, true);
	vault_free(t->vault);
	for (int i = 0; i < TABLE_MEMBERS; i++)
		index_close(t->m[i].index);
	index_close(t->index);
	share_free(t->share);
	workers_free(t->workers);
	loop_free(t->loop);
	ring_world_free(t->rings);
	DL_FOREACH_SAFE(t->letters, l, next) {
		free(l->p);
		free(l);
	}
	for (size_t i = 0; i < t->nfiles; i++)
		blocklist_clear(&t->files[i].list);
	assert_int_equal(fs_remove_tree(fd, strrchr(t->dir, '/') + 1), 0);
	close(fd);
}

void table_up(struct table *t, int who)
{
	struct table_member *e = &t->m[who];
	struct msg_vault hello = { .what = MSG_VAULT_HELLO,
		                   .epoch = index_epoch(e->index),
		                   .seq = index_seq(e->index),
		                   .role_known = (uint32_t)(who == ANNA ? ROLE_OWNER : ROLE_MEMBER) };
	struct index_peer p;

	assert_int_equal(index_peer_get(e->index, t->vault_id, &p), 0);
	hello.have_epoch = p.epoch;
	hello.have_seq = hello.settled = e->got = p.received;
	e->up = true;
	vault_proved(t->vault, e->id);
	(void)table_send_vault(e, &hello);
}

void table_down(struct table *t, int who)
{
	struct table_member *e = &t->m[who];
	struct table_letter *l, *next;

	DL_FOREACH_SAFE(t->letters, l, next) {
		if (l->from != who && l->to != who)
			continue;
		DL_DELETE(t->letters, l);
		free(l->p);
		free(l);
	}
	e->up = false;
	keeping_down(e->keeping, t->vault_id);
	vault_down(t->vault, e->id);
}
