/* See objects_world.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <utlist.h>

#include "tests/unit/objects_world.h"

#include "base/fs.h"
#include "base/mem.h"

enum { CALM_TURNS = 4, IN_FLIGHT = 64, FIRST_REQUEST = 1000 };

/* --- the world --- */

static void keeping_begin(struct objects_world *w, int who, const struct keeping_ops *ops)
{
	const struct ring_agent *a = &w->rings->agents[who];
	struct keeping_config c = { .loop = w->loop,
		                    .workers = w->workers,
		                    .index = w->index[who],
		                    .roster = a->roster,
		                    .ring = a->ring,
		                    .self = a->self,
		                    .sources = { &w->source, 1 },
		                    /* What is noted of contents that have no rows stays that long. */
		                    .patience_ms = INT32_MAX,
		                    .ops = ops,
		                    .arg = &w->ends[who] };

	w->ends[who] = (struct objects_end){ w, who };
	w->keeping[who] = keeping_new(&c);
}

void objects_world_start(struct objects_world *w, int policy)
{
	objects_world_start_with(w, policy, &objects_world_ops);
}

void objects_world_start_with(struct objects_world *w, int policy, const struct keeping_ops *ops)
{
	static const enum role roles[OBJECTS_AGENTS] = { ROLE_OWNER, ROLE_MEMBER, ROLE_MEMBER, ROLE_VAULT };

	*w = (struct objects_world){ .room = 1 << 20 };
	strcpy(w->dir, "/tmp/test-objects-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	w->loop = loop_new();
	w->workers = workers_new(w->loop, 3);
	w->rings = ring_world_new(OBJECTS_AGENTS, 1);
	for (int i = 1; i < OBJECTS_AGENTS; i++)
		assert_true(ring_world_grant(w->rings, GIVER, i, roles[i]));
	assert_int_equal(ring_sign(w->rings->agents[GIVER].ring, policy, RING_NOW), 0);
	ring_world_settle(w->rings);
	w->vault = agent_id_short(ring_world_id(w->rings, VAULT));
	w->source = objects_world_source(w);
	for (int i = 0; i < 2; i++) {
		char *path = mem_printf("%s/%d", w->dir, i), *why;

		assert_int_equal(mkdir(path, 0700), 0);
		assert_true(index_open(&w->index[i], path, &why) <= INDEX_NEW);
		free(path);
		keeping_begin(w, i, ops);
	}
}

void objects_world_forget_stored(struct objects_world *w)
{
	struct objects_stored *o, *next;

	HASH_ITER(hh, w->stored, o, next) {
		HASH_DELETE(hh, w->stored, o);
		free(o->p);
		free(o);
	}
}

static void answers_forget(struct objects_world *w)
{
	struct objects_answer *a, *next;

	DL_FOREACH_SAFE(w->answers, a, next)
		free(a);
	w->answers = NULL;
	w->nanswers = 0;
}

static void got_forget(struct objects_world *w, struct objects_got *g)
{
	HASH_DELETE(hh, w->got, g);
	free(g->p);
	free(g);
}

void objects_world_end(struct objects_world *w)
{
	int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct objects_got *g, *next;

	for (int i = 0; i < 2; i++) {
		keeping_stop(w->keeping[i]);
		while (!keeping_is_idle(w->keeping[i]))
			loop_turn(w->loop, true);
		keeping_free(w->keeping[i]);
		index_close(w->index[i]);
	}
	workers_free(w->workers);
	loop_free(w->loop);
	ring_world_free(w->rings);
	objects_world_forget_stored(w);
	answers_forget(w);
	HASH_ITER(hh, w->got, g, next)
		got_forget(w, g);
	objects_world_files_free(w);
	free(w->list);
	assert_int_equal(fs_remove_tree(fd, strrchr(w->dir, '/') + 1), 0);
	close(fd);
}

void objects_world_up(struct objects_world *w, int who)
{
	struct msg_vault hello = { .what = MSG_VAULT_HELLO, .epoch = 77, .role_known = ROLE_VAULT };

	keeping_up(w->keeping[who], w->vault, &hello);
}

void objects_world_down(struct objects_world *w, int who)
{
	keeping_down(w->keeping[who], w->vault);
	if (who == GETTER)
		answers_forget(w);
}

/* --- the vault answers --- */

const struct objects_stored *objects_world_stored(const struct objects_world *w, const uint8_t name[INDEX_VAULT_OBJECT],
                                                  uint8_t kind)
{
	uint8_t of_kind[INDEX_VAULT_OBJECT];
	struct objects_stored *o;

	memcpy(of_kind, name, sizeof(of_kind));
	of_kind[0] = kind;
	HASH_FIND(hh, w->stored, of_kind, sizeof(of_kind), o);
	return o;
}

static void send_object(struct objects_world *w, uint32_t request, const struct objects_stored *o, enum objects_lie lie)
{
	struct msg_object m = { .request = request, .status = MSG_OBJECT_NONE };
	uint8_t *p = NULL;

	if (lie == OBJECTS_OTHER && o != NULL)
		o = o->hh.next != NULL ? o->hh.next : w->stored;
	if (o != NULL && lie != OBJECTS_NONE) {
		p = mem_dup(o->p, o->n);
		m.status = MSG_OBJECT_HERE;
		m.bytes = (struct msg_bytes){ p, lie == OBJECTS_SHORT ? o->n - 1 : o->n };
		if (lie == OBJECTS_BIT)
			p[o->n - 1] ^= 1;
	}
	keeping_object_in(w->keeping[GETTER], w->vault, &m);
	if (lie == OBJECTS_TWICE)
		keeping_object_in(w->keeping[GETTER], w->vault, &m);
	free(p);
}

static void answer_next(struct objects_world *w)
{
	struct objects_answer *a = w->answers;
	enum objects_lie lie = w->lies > 0 ? w->lie : OBJECTS_HONEST;
	uint8_t name[INDEX_VAULT_OBJECT];
	const struct objects_stored *o;

	DL_DELETE(w->answers, a);
	w->nanswers--;
	w->lies -= w->lies > 0;
	w->open_bases -= a->want.kind == OBJECT_BLOCK;
	name[0] = a->want.kind;
	put_u64(name + 1, a->want.generation);
	memcpy(name + 9, a->want.name, 32);
	o = objects_world_stored(w, name, a->want.kind);
	if (o == NULL && a->want.kind == OBJECT_PATCH)
		o = objects_world_stored(w, name, OBJECT_BLOCK);
	if (lie != OBJECTS_SILENT)
		send_object(w, a->want.request, o, lie);
	free(a);
}

static void turn_waiting(struct objects_world *w, bool wait)
{
	loop_turn(w->loop, wait);
	if (w->more != NULL)
		w->more(w);
	for (size_t n = w->nanswers; n > 0 && w->answers != NULL; n--)
		answer_next(w);
	for (int i = 0; i < 2; i++)
		assert_int_equal(index_commit(w->index[i]), 0);
}

void objects_world_turn(struct objects_world *w)
{
	turn_waiting(w, workers_pending(w->workers) > 0);
}

void objects_world_calm(struct objects_world *w)
{
	for (int calm = 0; calm < CALM_TURNS;) {
		bool busy = workers_pending(w->workers) > 0;

		turn_waiting(w, busy);
		calm = !busy && w->answers == NULL && w->coming == 0 && workers_pending(w->workers) == 0 ? calm + 1 : 0;
	}
}

/* --- the vault wants --- */

static void want_some(struct objects_world *w, uint64_t seq, const uint8_t (*names)[INDEX_VAULT_OBJECT], size_t n)
{
	struct msg_object_want *wants = mem_calloc(n, sizeof(*wants));
	struct msg_vault m = { .what = MSG_VAULT_WANT, .row = seq, .wants = wants, .nwants = n };

	for (size_t i = 0; i < n; i++) {
		wants[i].request = ++w->request;
		wants[i].kind = names[i][0];
		wants[i].generation = get_u64(names[i] + 1);
		memcpy(wants[i].name, names[i] + 9, 32);
	}
	keeping_vault_in(w->keeping[GIVER], w->vault, &m);
	free(wants);
}

void objects_world_want(struct objects_world *w, uint64_t seq, const uint8_t name[INDEX_VAULT_OBJECT])
{
	uint8_t names[1][INDEX_VAULT_OBJECT];

	memcpy(names[0], name, INDEX_VAULT_OBJECT);
	want_some(w, seq, (const uint8_t(*)[INDEX_VAULT_OBJECT])names, 1);
}

void objects_world_want_patch(struct objects_world *w, uint64_t seq, const uint8_t name[INDEX_VAULT_OBJECT])
{
	uint8_t patch[INDEX_VAULT_OBJECT];

	memcpy(patch, name, sizeof(patch));
	patch[0] = OBJECT_PATCH;
	objects_world_want(w, seq, patch);
}

static void want_all(struct objects_world *w, uint64_t seq, const uint8_t (*names)[INDEX_VAULT_OBJECT], size_t n)
{
	size_t done = w->given + w->none, sent = 0;

	while (w->given + w->none < done + n) {
		size_t open = sent - (w->given + w->none - done), some = n - sent < IN_FLIGHT ? n - sent : IN_FLIGHT;

		if (some > 0 && open < IN_FLIGHT / 2) {
			want_some(w, seq, names + sent, some);
			sent += some;
		}
		turn_waiting(w, w->given + w->none < done + sent);
	}
}

/* What this page needs. */
static void want_page(struct objects_world *w, uint64_t seq, const uint8_t name[INDEX_VAULT_OBJECT])
{
	uint8_t(*names)[INDEX_VAULT_OBJECT];
	struct objects_stored *o;
	struct object_head h;

	HASH_FIND(hh, w->stored, name, INDEX_VAULT_OBJECT, o);
	if (o == NULL || object_parse(&h, o->p, o->n) != OBJECT_OK) {
		fail();
		return;
	}
	names = mem_calloc(h.nrefs, sizeof(*names));
	for (size_t i = 0; i < h.nrefs; i++) {
		names[i][0] = OBJECT_BLOCK;
		memcpy(names[i] + 1, h.refs + i * OBJECT_REF, OBJECT_REF);
	}
	want_all(w, seq, (const uint8_t(*)[INDEX_VAULT_OBJECT])names, h.nrefs);
	free(names);
}

void objects_world_fill(struct objects_world *w, const struct objects_file *f)
{
	want_all(w, f->seq, (const uint8_t(*)[INDEX_VAULT_OBJECT])f->refs, f->nrefs);
	for (size_t i = 0; i < f->nrefs && f->paged; i++)
		want_page(w, f->seq, f->refs[i]);
}

/* --- the getter --- */

void objects_world_get(struct objects_world *w, const struct objects_file *f, uint32_t i, uint32_t request)
{
	struct block_want want = { .request = request, .len = f->list.b[i].len, .offset = f->offsets[i] };

	memcpy(want.hash, f->list.b[i].hash, sizeof(want.hash));
	assert_int_equal(keeping_get(w->keeping[GETTER], w->vault, &f->content, &want, 1), 0);
}

int objects_world_got(struct objects_world *w, const struct objects_file *f, uint32_t i, uint32_t request)
{
	struct objects_got *g;
	uint8_t *p;
	int is;

	HASH_FIND(hh, w->got, &request, sizeof(request), g);
	if (g == NULL)
		return -1;
	is = g->p != NULL;
	if (is) {
		p = objects_world_block(f, i);
		assert_int_equal(g->n, f->list.b[i].len);
		assert_memory_equal(g->p, p, g->n);
		free(p);
	}
	got_forget(w, g);
	return is;
}

bool objects_world_list_comes(struct objects_world *w, const struct objects_file *f, uint32_t first)
{
	uint8_t *whole = mem_calloc(f->list.n, 36);
	bool good = true;

	blocklist_encode(whole, &f->list);
	w->nlist = first;
	while (good && w->nlist < f->list.n) {
		size_t asked = w->nlists, none = w->nlists_none;

		assert_int_equal(keeping_get_list(w->keeping[GETTER], w->vault, FIRST_REQUEST - 1, &f->content,
		                                  (uint32_t)w->nlist),
		                 0);
		assert_int_equal(w->nlists, asked);
		objects_world_calm(w);
		assert_int_equal(w->nlists, asked + 1);
		good = w->nlists_none == none;
	}
	good = good &&
	       memcmp(w->list + (size_t)first * 36, whole + (size_t)first * 36, 36 * (size_t)(f->list.n - first)) == 0;
	free(whole);
	return good;
}

bool objects_world_comes(struct objects_world *w, const struct objects_file *f)
{
	uint32_t asked = 0, got = 0;
	bool good = f->list.n < 2 || objects_world_list_comes(w, f, 0);

	while (good && got < f->list.n) {
		while (asked < f->list.n && asked - got < IN_FLIGHT) {
			objects_world_get(w, f, asked, FIRST_REQUEST + asked);
			asked++;
		}
		objects_world_turn(w);
		while (got < asked) {
			int is = objects_world_got(w, f, got, FIRST_REQUEST + got);

			if (is < 0)
				break;
			good = good && is == 1;
			got++;
		}
	}
	objects_world_calm(w);
	return good;
}
