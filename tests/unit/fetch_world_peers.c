/* The peers of a fetch_world.h: what they can give, how they answer, and what they say. */
#include "sync/plan/leaf.h"
#include "tests/unit/fetch_world.h"

/* --- contents --- */

struct content blob_make(struct blob *b, const void *bytes, size_t n, size_t chunk)
{
	b->bytes = mem_dup(bytes, n);
	b->list.n = (uint32_t)((n + chunk - 1) / chunk);
	b->list.b = mem_calloc(b->list.n + 1, sizeof(*b->list.b));
	for (uint32_t i = 0; i < b->list.n; i++) {
		size_t at = i * chunk;

		b->list.b[i].len = (uint32_t)(n - at < chunk ? n - at : chunk);
		sha256(b->list.b[i].hash, b->bytes + at, b->list.b[i].len);
	}
	b->content = blocklist_content(&b->list);
	return b->content;
}

void blob_free(struct blob *b)
{
	blocklist_clear(&b->list);
	free(b->bytes);
}

struct content contents(const void *bytes, size_t n)
{
	struct blob b = { 0 };
	struct content c = blob_make(&b, bytes, n, CHUNK);

	blob_free(&b);
	return c;
}

/* --- peers --- */

struct fake_peer *peer_of(uint64_t id)
{
	for (size_t i = 0; i < PEERS; i++) {
		if (w->peer[i].id == id)
			return &w->peer[i];
	}
	fail();
	return NULL;
}

static size_t op_window(void *arg, uint64_t peer)
{
	struct fake_peer *p = peer_of(peer);

	(void)arg;
	return p->up && p->in_flight < WINDOW ? WINDOW - p->in_flight : 0;
}

static uint64_t op_arrived(void *arg, uint64_t peer)
{
	struct fake_peer *p = peer_of(peer);

	(void)arg;
	if (p->chatters)
		p->arrived += 64;
	return p->arrived;
}

static void answer_later(struct answer *a)
{
	DL_APPEND(w->answers, a);
	if (!loop_timer_running(w->timer))
		loop_timer_start(w->timer, 0, 0);
}

static struct blob *blob_of(struct fake_peer *p, const struct content *c)
{
	struct blob *b;

	HASH_FIND(hh, p->blobs, c->root, 32, b);
	return b;
}

static int op_get(void *arg, uint64_t peer, const struct content *c, const struct block_want *wants, size_t n)
{
	struct fake_peer *p = peer_of(peer);
	struct blob *b = blob_of(p, c);

	(void)arg;
	assert_true(p->up);
	for (size_t i = 0; i < n; i++) {
		struct answer *a;

		p->in_flight += leaf_answer_len(&wants[i]);
		if (p->mute)
			continue;
		a = MEM_NEW(struct answer);
		a->peer = peer;
		a->request = wants[i].request;
		a->n = leaf_answer_len(&wants[i]);
		a->none = b == NULL || wants[i].offset + wants[i].len > p->has_upto;
		if (!a->none) {
			a->bytes = mem_calloc(wants[i].len + LEAF_SLACK, 1);
			memcpy(a->bytes, b->bytes + wants[i].offset, wants[i].len);
			(void)leaf_answer(&wants[i], a->bytes);
			if (p->lies)
				a->bytes[a->n / 2] ^= 1;
		}
		answer_later(a);
	}
	return 0;
}

static int op_get_list(void *arg, uint64_t peer, uint32_t request, const struct content *c, uint32_t first)
{
	struct fake_peer *p = peer_of(peer);
	struct blob *b = blob_of(p, c);
	struct blocklist part = { 0 };
	struct answer *a;

	(void)arg;
	p->lists++;
	if (p->mute)
		return 0;
	a = MEM_NEW(struct answer);
	a->peer = peer;
	a->request = request;
	a->is_list = true;
	a->first = first;
	a->none = b == NULL;
	if (b != NULL) {
		/* In pieces of at most 100. */
		part.n = b->list.n - first < 100 ? b->list.n - first : 100;
		part.b = b->list.b + first;
		a->n = part.n * 36;
		a->bytes = mem_calloc(a->n + 1, 1);
		blocklist_encode(a->bytes, &part);
		if (p->lies)
			a->bytes[8] ^= 1;
	}
	answer_later(a);
	return 0;
}

static void op_cancel(void *arg, uint64_t peer, const uint32_t *requests, size_t n)
{
	(void)arg;
	(void)peer;
	(void)requests;
	(void)n;
}

static void op_misbehaved(void *arg, uint64_t peer, const char *path, const char *what)
{
	(void)arg;
	(void)path;
	(void)what;
	w->misbehaved++;
	w->liar = peer;
}

static bool op_connected(void *arg, uint64_t peer)
{
	(void)arg;
	return peer_of(peer)->up;
}

static void op_again(void *arg, uint64_t peer)
{
	(void)arg;
	w->told_again = peer;
}

/* Answers in a later turn; a peer that is not to be asked may not write. */
static int op_hold_ask(void *arg, uint64_t peer, uint32_t request, const struct record *r)
{
	const struct fake_peer *p = peer_of(peer);

	(void)arg;
	assert_true(record_is_live(r));
	if (!p->up || p->holds == HOLD_NOT_ASKED)
		return -1;
	if (p->holds == HOLD_SILENT)
		return 0;
	assert_true(w->nholds < 8);
	w->hold[w->nholds].peer = peer;
	w->hold[w->nholds].request = request;
	w->hold[w->nholds++].has = p->holds == HOLD_YES;
	if (!loop_timer_running(w->timer))
		loop_timer_start(w->timer, 0, 0);
	return 0;
}

const struct fetch_ops world_ops = { .window = op_window,
	                             .get = op_get,
	                             .get_list = op_get_list,
	                             .cancel = op_cancel,
	                             .misbehaved = op_misbehaved,
	                             .connected = op_connected,
	                             .arrived = op_arrived,
	                             .again = op_again,
	                             .hold_ask = op_hold_ask };

void give_answers(void *arg)
{
	(void)arg;
	while (w->nholds > 0) {
		w->nholds--;
		fetch_hold_answer(w->fetch, w->hold[w->nholds].peer, w->hold[w->nholds].request,
		                  w->hold[w->nholds].has);
	}
	for (int i = 0; w->answers != NULL && i < 64; i++) {
		struct answer *a = w->answers;
		struct fake_peer *p = peer_of(a->peer);

		DL_DELETE(w->answers, a);
		if (a->is_list) {
			fetch_list(w->fetch, a->peer, a->request, a->first, a->none ? NULL : a->bytes, a->n);
			free(a->bytes);
		} else {
			p->in_flight -= p->in_flight < a->n ? p->in_flight : a->n;
			p->blocks += !a->none;
			p->bytes += a->none ? 0 : a->n;
			fetch_block(w->fetch, a->peer, a->request, SWARM_AS_ASKED,
			            &(struct slab){ .p = a->none ? NULL : a->bytes,
			                            .n = a->none ? 0 : a->n,
			                            .base = a->bytes });
		}
		free(a);
	}
	if (w->answers != NULL)
		loop_timer_start(w->timer, 0, 0);
}

/* --- records of peers --- */

struct record peer_record(uint64_t id, const char *path, enum record_kind kind)
{
	struct fake_peer *p = peer_of(id);
	struct record r = { .path = mem_strdup(path), .kind = kind, .seq = ++p->seq, .modified_by = id };

	r.mode = kind == RECORD_DIR ? 0755 : kind == RECORD_FILE ? 0644 : 0;
	r.mtime_ns = kind == RECORD_DIR ? 0 : 1900000000123456789 + (int64_t)p->seq;
	assert_int_equal(version_bump(&r.version, p->epoch, p->seq), 0);
	return r;
}

struct record peer_next(uint64_t id, const char *path, enum record_kind kind)
{
	struct record r = peer_record(id, path, kind), ours = { 0 };

	if (index_get(w->index, path, &ours) > 0)
		assert_int_equal(version_join(&r.version, &ours.version), 0);
	record_clear(&ours);
	return r;
}

void say(uint64_t id, struct record *r, const void *bytes, size_t n)
{
	fetch_record(w->fetch, id, r, bytes, n, NULL);
	fetch_records_end(w->fetch, id);
	record_clear(r);
}

void blob_add(uint64_t id, struct blob *b)
{
	struct fake_peer *p = peer_of(id);
	struct blob *known = blob_of(p, &b->content);

	if (known != NULL) {
		blob_free(b);
		free(b);
		return;
	}
	HASH_ADD(hh, p->blobs, content.root, 32, b);
}

void have(uint64_t id, struct record *r, const void *bytes, size_t n, size_t chunk)
{
	struct blob *b = MEM_NEW(struct blob);

	r->content = blob_make(b, bytes, n, chunk);
	blob_add(id, b);
}

void say_file(uint64_t id, const char *path, const void *bytes, size_t n, bool inlined)
{
	struct record r = peer_next(id, path, RECORD_FILE);

	have(id, &r, bytes, n, CHUNK);
	say(id, &r, inlined ? bytes : NULL, inlined ? n : 0);
}

void say_text(uint64_t id, const char *path, const char *text)
{
	say_file(id, path, text, strlen(text), true);
}

void say_dir(uint64_t id, const char *path)
{
	struct record r = peer_next(id, path, RECORD_DIR);

	say(id, &r, NULL, 0);
}

void say_link(uint64_t id, const char *path, const char *target)
{
	struct record r = peer_next(id, path, RECORD_SYMLINK);

	r.target = mem_strdup(target);
	say(id, &r, NULL, 0);
}

void say_gone(uint64_t id, const char *path)
{
	struct record ours = { 0 }, r;

	assert_int_equal(index_get(w->index, path, &ours), 1);
	r = peer_next(id, path, ours.kind);
	r.deleted = true;
	record_clear(&ours);
	say(id, &r, NULL, 0);
}

void say_both(const char *path, const uint8_t *bytes, size_t n, size_t chunk)
{
	struct record anna = peer_next(ANNA, path, RECORD_FILE), bert = { 0 };
	struct blob *b = MEM_NEW(struct blob);

	have(ANNA, &anna, bytes, n, chunk);
	blob_make(b, bytes, n, chunk);
	blob_add(BERT, b);
	record_copy(&bert, &anna);
	bert.seq = ++peer_of(BERT)->seq;
	fetch_record(w->fetch, ANNA, &anna, NULL, 0, NULL);
	fetch_record(w->fetch, BERT, &bert, NULL, 0, NULL);
	fetch_records_end(w->fetch, ANNA);
	record_clear(&anna);
	record_clear(&bert);
}
