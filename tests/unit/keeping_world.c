/* See keeping_world.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/keeping_world.h"

#include "base/fs.h"
#include "base/sha256.h"
#include "sync/plan/zeros.h"
#include "tests/unit/let_pass.h"
#include "tests/unit/seal_world.h"

enum { CALM_TURNS = 30, WRITER = 900, BLOCK_LEN = 60000, ZEROS_LEN = 128 << 10, CHUNK_LOG2 = 16 + 32 };

/* --- what keeping calls --- */

static void hear(struct keeping_world *w, const struct msg_core *c)
{
	struct heard_row *h;

	w->heard = mem_realloc(w->heard, w->nheard + 1, sizeof(*w->heard));
	h = &w->heard[w->nheard++];
	*h = (struct heard_row){ c->seq, BYTES_INIT(CORE_MAX), BYTES_INIT(ENDORSE_LEN_MAX) };
	assert_int_equal(bytes_append(&h->core, c->core.p, c->core.n), 0);
	assert_int_equal(bytes_append(&h->endorsement, c->endorsement.p, c->endorsement.n), 0);
}

static int on_cores(void *arg, uint64_t peer, const struct msg_cores *m)
{
	struct keeping_world *w = arg;
	uint64_t last = m->after;

	assert_int_equal(peer, w->vault);
	if (!w->connected)
		return -1;
	if (w->on_cores != NULL)
		w->on_cores(w);
	assert_int_equal(m->after, w->told_upto);
	for (size_t i = 0; i < m->ncores; i++) {
		assert_true(m->cores[i].seq > last && m->cores[i].seq <= m->upto);
		last = m->cores[i].seq;
		hear(w, &m->cores[i]);
	}
	w->told_upto = m->upto;
	w->messages++;
	return 0;
}

static int on_vault(void *arg, uint64_t peer, const struct msg_vault *m)
{
	(void)arg;
	(void)peer;
	(void)m;
	return 0;
}

static int on_object(void *arg, uint64_t peer, uint32_t request, uint8_t status, uint8_t *bytes, size_t n)
{
	(void)arg;
	(void)peer;
	(void)request;
	(void)status;
	(void)n;
	free(bytes);
	return 0;
}

static size_t on_room(void *arg, uint64_t peer, bool bulk)
{
	(void)peer;
	(void)bulk;
	return ((struct keeping_world *)arg)->room;
}

static bool on_accepts(void *arg, const char *path, bool is_dir)
{
	struct keeping_world *w = arg;

	(void)is_dir;
	return w->ignored == NULL || strcmp(path, w->ignored) != 0;
}

static bool on_rosters_equal(void *arg, uint64_t peer)
{
	(void)peer;
	return ((struct keeping_world *)arg)->rosters_equal;
}

static void on_news(void *arg, uint64_t peer, const struct msg_news *m)
{
	struct keeping_world *w = arg;

	assert_int_equal(peer, w->vault);
	assert_true(m->after <= w->news_upto && m->upto >= m->after);
	if (w->ends_on_news)
		keeping_world_down(w);
	for (size_t i = 0; i < m->nrecords; i++) {
		struct news_row *n;

		assert_true(m->records[i].record.seq > m->after && m->records[i].record.seq <= m->upto);
		w->news = mem_realloc(w->news, w->nnews + 1, sizeof(*w->news));
		n = &w->news[w->nnews++];
		*n = (struct news_row){ .seq = m->records[i].record.seq, .nblocks = m->records[i].blocks.n / 36 };
		record_copy(&n->r, &m->records[i].record);
	}
	if (m->upto > w->news_upto)
		w->news_upto = m->upto;
}

static bool on_fetching(void *arg)
{
	(void)arg;
	return true; /* the world never stores what it is told */
}

static void on_misbehaved(void *arg, uint64_t peer, const char *what)
{
	(void)peer;
	(void)what;
	((struct keeping_world *)arg)->misbehaved++;
}

static void on_rolled_back(void *arg, uint64_t peer)
{
	(void)peer;
	((struct keeping_world *)arg)->rolled_back++;
}

static void on_block(void *arg, uint64_t peer, uint32_t request, struct slab *bytes)
{
	(void)arg;
	(void)peer;
	(void)request;
	slab_free(bytes);
}

static void on_list(void *arg, uint64_t peer, uint32_t request, uint32_t first, const uint8_t *blocks, size_t n)
{
	(void)arg;
	(void)peer;
	(void)request;
	(void)first;
	(void)blocks;
	(void)n;
}

static void on_state(void *arg)
{
	(void)arg;
}

static const struct keeping_ops ops = {
	.cores = on_cores,
	.vault = on_vault,
	.object = on_object,
	.room = on_room,
	.accepts = on_accepts,
	.rosters_equal = on_rosters_equal,
	.news = on_news,
	.fetching = on_fetching,
	.misbehaved = on_misbehaved,
	.rolled_back = on_rolled_back,
	.block = on_block,
	.list = on_list,
	.state = on_state,
};

static void on_commit(void *arg)
{
	struct keeping_world *w = arg;

	if (w->keeping != NULL)
		keeping_committed(w->keeping);
}

/* --- the world --- */

void keeping_world_start(struct keeping_world *w, int who)
{
	static const enum role roles[KEEPING_AGENTS] = { ROLE_OWNER, ROLE_MEMBER, ROLE_READER, ROLE_MEMBER,
		                                         ROLE_VAULT };
	struct keeping_config c;
	char *why;

	*w = (struct keeping_world){ .who = who, .room = 16 << 20 };
	strcpy(w->dir, "/tmp/test-keeping-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	w->loop = loop_new();
	w->workers = workers_new(w->loop, 2);
	w->group = ring_world_new(KEEPING_AGENTS, 1);
	assert_int_equal(ring_sign(w->group->agents[ANNA].ring, -1, RING_NOW), 0);
	for (int i = 1; i < KEEPING_AGENTS; i++)
		assert_true(ring_world_grant(w->group, ANNA, i, roles[i]));
	ring_world_settle(w->group);
	ring_world_act(w->group, ANNA); /* the vault came in: it has no keys to lose, but nobody knows that */
	ring_world_settle(w->group);
	w->vault = agent_id_short(ring_world_id(w->group, VERA));
	assert_true(index_open(&w->index, w->dir, &why) <= INDEX_NEW);
	index_set_reader(w->index, who == RITA);
	c = (struct keeping_config){ .loop = w->loop,
		                     .workers = w->workers,
		                     .index = w->index,
		                     .roster = w->group->agents[who].roster,
		                     .ring = w->group->agents[who].ring,
		                     .self = w->group->agents[who].self,
		                     .patience_ms = KEEPING_PATIENCE_MS,
		                     .ops = &ops,
		                     .arg = w };
	w->keeping = keeping_new(&c);
	index_on_commit(w->index, on_commit, w);
}

void keeping_world_end(struct keeping_world *w)
{
	int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	keeping_stop(w->keeping);
	while (!keeping_is_idle(w->keeping))
		loop_turn(w->loop, true);
	keeping_free(w->keeping);
	index_close(w->index);
	workers_free(w->workers);
	loop_free(w->loop);
	ring_world_free(w->group);
	for (size_t i = 0; i < w->nheard; i++) {
		bytes_free(&w->heard[i].core);
		bytes_free(&w->heard[i].endorsement);
	}
	free(w->heard);
	for (size_t i = 0; i < w->nnews; i++)
		record_clear(&w->news[i].r);
	free(w->news);
	assert_int_equal(fs_remove_tree(fd, strrchr(w->dir, '/') + 1), 0);
	close(fd);
}

static void turn(struct keeping_world *w, bool wait)
{
	loop_turn(w->loop, wait);
	assert_int_equal(index_commit(w->index), 0);
}

void keeping_world_turn(struct keeping_world *w)
{
	turn(w, false);
}

void keeping_world_calm(struct keeping_world *w)
{
	for (int calm = 0; calm < CALM_TURNS;) {
		size_t was = w->nheard + w->nnews + (size_t)w->messages + w->news_upto;

		turn(w, workers_pending(w->workers) > 0);
		calm = was == w->nheard + w->nnews + (size_t)w->messages + w->news_upto &&
		                       workers_pending(w->workers) == 0
		               ? calm + 1
		               : 0;
	}
}

void keeping_world_pass(struct keeping_world *w, int64_t ms)
{
	LET_PASS(w->loop, ms, turn(w, true));
}

/* --- the vault --- */

static void note_settled(struct keeping_world *w, uint64_t settled)
{
	struct index_peer p;

	assert_int_equal(index_peer_get(w->index, w->vault, &p), 0);
	p.epoch = VAULT_EPOCH;
	p.settled = settled;
	p.settled_epoch = index_epoch(w->index);
	assert_int_equal(index_peer_put(w->index, w->vault, &p), 0);
}

void keeping_world_up(struct keeping_world *w, uint64_t seq, uint64_t settled)
{
	struct msg_vault hello = { .what = MSG_VAULT_HELLO,
		                   .epoch = VAULT_EPOCH,
		                   .seq = seq,
		                   .have_epoch = index_epoch(w->index),
		                   .have_seq = settled,
		                   .settled = settled,
		                   .role_known = ROLE_VAULT };

	w->connected = true;
	w->told_upto = settled;
	note_settled(w, settled);
	keeping_up(w->keeping, w->vault, &hello);
}

void keeping_world_down(struct keeping_world *w)
{
	w->connected = false;
	keeping_down(w->keeping, w->vault);
}

void keeping_world_settle(struct keeping_world *w, uint64_t settled)
{
	note_settled(w, settled);
	keeping_settled(w->keeping, w->vault);
}

/* --- rows --- */

struct blocklist keeping_world_blocks(uint32_t nblocks, uint64_t seed)
{
	struct blocklist list = { .n = nblocks, .b = mem_calloc(nblocks + 1, sizeof(struct block)) };

	for (uint32_t i = 0; i < nblocks && seed == 0; i++) {
		list.b[i].len = ZEROS_LEN;
		memcpy(list.b[i].hash, zeros_hash(ZEROS_LEN), sizeof(list.b[i].hash));
	}
	for (uint32_t i = 0; i < nblocks && seed != 0; i++) {
		list.b[i].len = BLOCK_LEN + i;
		seal_world_bytes(list.b[i].hash, seed * 1000000 + i);
	}
	return list;
}

static struct record make_record(const char *path, uint32_t nblocks, uint64_t seed, struct blocklist *list)
{
	struct record r = { .path = mem_strdup(path),
		            .kind = RECORD_FILE,
		            .deleted = nblocks == 0,
		            .mode = 0640,
		            .mtime_ns = (int64_t)seed,
		            .chunk_log2 = CHUNK_LOG2,
		            .modified_by = WRITER };

	*list = keeping_world_blocks(nblocks, seed);
	if (nblocks == 1) {
		r.content = (struct content){ .size = list->b[0].len, .nblocks = 1 };
		memcpy(r.content.root, list->b[0].hash, sizeof(r.content.root));
	} else if (nblocks > 1) {
		r.content = blocklist_content(list);
	}
	return r;
}

void keeping_world_put(struct keeping_world *w, const char *path, uint32_t nblocks, uint64_t seed)
{
	struct blocklist list;
	struct record r = make_record(path, nblocks, seed, &list), was = { 0 };

	if (nblocks == 0)
		assert_int_equal(index_get(w->index, path, &was), 1);
	r.version = was.version;
	was.version = (struct version){ 0 };
	assert_int_equal(index_put_change(w->index, &r, nblocks > 1 ? &list : NULL, WRITER), 0);
	record_clear(&was);
	record_clear(&r);
	blocklist_clear(&list);
}

static struct row_keys keys_of(struct keeping_world *w, int as)
{
	struct row_keys held;

	held.keys = ring_keys(w->group->agents[as].ring, &held.n);
	return held;
}

static void keys_clear(struct row_keys *held)
{
	union {
		struct keys *const *in;
		void *out;
	} u = { .in = held->keys };

	for (size_t i = 0; i < held->n; i++)
		keys_free(held->keys[i]);
	free(u.out);
}

struct record keeping_world_open(struct keeping_world *w, int as, size_t heard)
{
	const struct heard_row *h = &w->heard[heard];
	struct row_keys held = keys_of(w, as);
	struct core *c = MEM_NEW(struct core);
	struct row_opened o;
	struct record r;
	const char *why = "";

	assert_int_equal(core_parse(c, h->core.p, h->core.len), CORE_OK);
	assert_int_equal(row_open(&o, &held, c, &why), ROW_OK);
	record_copy(&r, &o.record.record);
	row_opened_clear(&o);
	core_clear(c);
	free(c);
	keys_clear(&held);
	return r;
}

/* --- what the vault gives --- */

static void seal_given(struct keeping_world *w, const struct given_row *g, struct bytes *core,
                       struct bytes *endorsement)
{
	struct row_keys held = keys_of(w, g->by);
	struct version_entry e = { .writer = WRITER, .counter = g->counter };
	struct blocklist list;
	struct record r = make_record(g->path, g->nblocks, g->seed, &list);
	struct row_sealed s;
	struct endorse_item item = { .seq = g->endorsed };
	struct endorse_batch *b;

	r.version = (struct version){ .n = 1, .e = &e };
	assert_true(held.n > 0);
	assert_int_equal(row_seal(&s, &held, held.keys[0], held.keys[0], &r, g->nblocks > 1 ? &list : NULL), 0);
	*core = s.core;
	s.core = (struct bytes){ 0 };
	row_sealed_clear(&s);
	if (g->harm == HARM_INSIDE)
		core->p[core->len - 20] ^= 1;
	if (g->harm == HARM_LATER)
		core->p[0] = CORE_FORMAT + 1;
	sha256(item.core, core->p, core->len);
	b = endorse_batch_new(&w->group->group, w->group->agents[g->by].self, g->epoch, &item, 1);
	*endorsement = BYTES_INIT(ENDORSE_LEN_MAX);
	assert_int_equal(endorse_batch_one(b, 0, endorsement), 0);
	endorse_batch_free(b);
	if (g->harm == HARM_CORE)
		core->p[core->len - 20] ^= 1;
	if (g->harm == HARM_LATER_MADE_UP)
		core->p[0] = CORE_FORMAT + 1;
	if (g->harm == HARM_ENDORSEMENT)
		endorsement->p[endorsement->len - 20] ^= 1;
	r.version = (struct version){ 0 };
	record_clear(&r);
	blocklist_clear(&list);
	keys_clear(&held);
}

void keeping_world_give(struct keeping_world *w, uint64_t after, uint64_t upto, const struct given_row *rows, size_t n)
{
	struct msg_core *cores = mem_calloc(n + 1, sizeof(*cores));
	struct bytes *sealed = mem_calloc(2 * n + 1, sizeof(*sealed));
	struct msg_cores m = { .after = after, .upto = upto, .cores = cores, .ncores = n };

	for (size_t i = 0; i < n; i++) {
		struct bytes *core = &sealed[2 * i], *endorsement = core + 1;

		seal_given(w, &rows[i], core, endorsement);
		cores[i] =
			(struct msg_core){ rows[i].seq, { core->p, core->len }, { endorsement->p, endorsement->len } };
	}
	keeping_cores_in(w->keeping, w->vault, &m);
	for (size_t i = 0; i < 2 * n; i++)
		bytes_free(&sealed[i]);
	free(sealed);
	free(cores);
}

const struct news_row *keeping_world_news(const struct keeping_world *w, const char *path)
{
	const struct news_row *found = NULL;

	for (size_t i = 0; i < w->nnews; i++) {
		if (strcmp(w->news[i].r.path, path) == 0)
			found = &w->news[i];
	}
	return found;
}

/* --- generations --- */

void keeping_world_generation(struct keeping_world *w, int by, bool keys)
{
	assert_int_equal(ring_sign(w->group->agents[by].ring, -1, RING_NOW), 0);
	for (int i = 0; i < KEEPING_AGENTS; i++) {
		if (i != by)
			ring_world_tell(w->group, by, i, true);
	}
	if (keys)
		ring_world_settle(w->group);
	keeping_told(w->keeping);
}
