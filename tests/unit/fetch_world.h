/* A share with its index, workers and fetch, and peers that are made of memory: what they have is a list of files, what they
 * are asked for is answered in the next turn. */
#ifndef LANYARD_TESTS_UNIT_FETCH_WORLD_H
#define LANYARD_TESTS_UNIT_FETCH_WORLD_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <uthash.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/fetch/fetch.h"
#include "sync/plan/reconcile.h"
#include "sync/share/path.h"

enum { ME = 7, ANNA = 100, BERT = 200, PEERS = 2, CHUNK = 64 << 10, ROOM = 4 << 20 };

/* A content a peer can give. */
struct blob {
	struct content content;
	struct blocklist list;
	uint8_t *bytes;
	UT_hash_handle hh; /* in its peer's, by root */
};

struct answer {
	uint64_t peer;
	uint32_t request;
	bool is_list, none;
	uint32_t first;
	uint8_t *bytes;
	size_t n;
	struct answer *prev, *next;
};

struct fake_peer {
	uint64_t id, epoch, seq;
	bool up, mute;
	bool lies;        /* answers with other bytes */
	int64_t has_upto; /* blocks at or above this offset are not given; INT64_MAX: all are */
	uint64_t arrived; /* bytes, as a connection counts them */
	size_t in_flight;
	uint64_t blocks, lists, bytes; /* given */
	struct blob *blobs;
};

struct world {
	char dir[64], share_dir[96], home_dir[96];
	int root;      /* of the share */
	size_t memory; /* for the next fetch_begin() */
	struct loop *loop;
	struct workers *workers;
	struct share *share;
	struct index *index;
	struct fetch *fetch;
	struct loop_hook *hook;
	struct loop_timer *timer;
	struct loop_timer *tick; /* a loop with nothing to wait for runs no hooks */
	struct fake_peer peer[PEERS];
	struct answer *answers;
	char *hints[256], *conflicts[256];
	size_t nhints, nconflicts, ninstalled, nproblems, misbehaved;
	uint64_t liar;
	char problem[256];
	bool scan_hints; /* a hinted file's row is brought up to date, as the scan would */
};

static struct world *w;

/* --- contents --- */

static inline struct content blob_make(struct blob *b, const void *bytes, size_t n, size_t chunk)
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

static inline void blob_free(struct blob *b)
{
	blocklist_clear(&b->list);
	free(b->bytes);
}

/* Bytes that no other seed gives. */
static inline uint8_t *noise(size_t n, uint64_t seed)
{
	uint8_t *p = mem_calloc(n + 8, 1);
	uint64_t x = seed * 0x9e3779b97f4a7c15u + 1;

	for (size_t i = 0; i < n; i += 8) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(p + i, &x, 8);
	}
	return p;
}

static inline struct content contents(const void *bytes, size_t n)
{
	struct blob b = { 0 };
	struct content c = blob_make(&b, bytes, n, CHUNK);

	blob_free(&b);
	return c;
}

/* --- peers --- */

static inline struct fake_peer *peer_of(uint64_t id)
{
	for (size_t i = 0; i < PEERS; i++) {
		if (w->peer[i].id == id)
			return &w->peer[i];
	}
	fail();
	return NULL;
}

static inline size_t op_room(void *arg, uint64_t peer)
{
	struct fake_peer *p = peer_of(peer);

	(void)arg;
	return p->up && p->in_flight < ROOM ? ROOM - p->in_flight : 0;
}

static inline uint64_t op_arrived(void *arg, uint64_t peer)
{
	(void)arg;
	return peer_of(peer)->arrived;
}

static inline void wake_world(void *arg)
{
	(void)arg;
}

static inline void answer_later(struct answer *a)
{
	DL_APPEND(w->answers, a);
	if (!loop_timer_running(w->timer))
		loop_timer_start(w->timer, 0, 0);
}

static inline struct blob *blob_of(struct fake_peer *p, const struct content *c)
{
	struct blob *b;

	HASH_FIND(hh, p->blobs, c->root, 32, b);
	return b;
}

static inline int op_get(void *arg, uint64_t peer, const struct content *c, const struct fetch_want *wants, size_t n)
{
	struct fake_peer *p = peer_of(peer);
	struct blob *b = blob_of(p, c);

	(void)arg;
	assert_true(p->up);
	for (size_t i = 0; i < n; i++) {
		struct answer *a;

		p->in_flight += wants[i].len;
		if (p->mute)
			continue;
		a = MEM_NEW(struct answer);
		a->peer = peer;
		a->request = wants[i].request;
		a->n = wants[i].len;
		a->none = b == NULL || wants[i].offset + wants[i].len > p->has_upto;
		if (!a->none) {
			a->bytes = mem_dup(b->bytes + wants[i].offset, wants[i].len);
			if (p->lies)
				a->bytes[wants[i].len / 2] ^= 1;
		}
		answer_later(a);
	}
	return 0;
}

static inline int op_get_list(void *arg, uint64_t peer, uint32_t request, const struct content *c, uint32_t first)
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

static inline void op_cancel(void *arg, uint64_t peer, const uint32_t *requests, size_t n)
{
	(void)arg;
	(void)peer;
	(void)requests;
	(void)n;
}

static inline void op_misbehaved(void *arg, uint64_t peer, const char *path, const char *what)
{
	(void)arg;
	(void)path;
	(void)what;
	w->misbehaved++;
	w->liar = peer;
}

static inline bool op_connected(void *arg, uint64_t peer)
{
	(void)arg;
	return peer_of(peer)->up;
}

static const struct fetch_ops world_ops = { op_room,       op_get,       op_get_list, op_cancel,
	                                    op_misbehaved, op_connected, op_arrived };

static inline void give_answers(void *arg)
{
	(void)arg;
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
			fetch_block(w->fetch, a->peer, a->request,
			            &(struct slab){ .p = a->none ? NULL : a->bytes,
			                            .n = a->none ? 0 : a->n,
			                            .base = a->bytes });
		}
		free(a);
	}
	if (w->answers != NULL)
		loop_timer_start(w->timer, 0, 0);
}

/* --- what fetch tells --- */

static inline void scan_path(const char *path);

static inline void on_hint(void *arg, const char *path)
{
	(void)arg;
	if (w->nhints < 256)
		w->hints[w->nhints++] = mem_strdup(path);
}

static inline void on_installed(void *arg, const struct record *r)
{
	(void)arg;
	assert_non_null(r->path);
	w->ninstalled++;
}

static inline void on_conflict(void *arg, const char *path, const char *of)
{
	(void)arg;
	(void)of;
	if (w->nconflicts < 256)
		w->conflicts[w->nconflicts++] = mem_strdup(path);
}

static inline void on_problem(void *arg, const char *path, const char *reason)
{
	(void)arg;
	(void)path;
	w->nproblems++;
	snprintf(w->problem, sizeof(w->problem), "%s", reason);
}

static inline void commit(void *arg)
{
	(void)arg;
	index_commit(w->index);
}

/* --- the world --- */

static inline void fetch_begin(void)
{
	struct fetch_config config = {
		.loop = w->loop,
		.workers = w->workers,
		.share = w->share,
		.index = w->index,
		.short_id = ME,
		.memory = w->memory,
		.ops = &world_ops,
		.hint = on_hint,
		.installed = on_installed,
		.conflict = on_conflict,
		.problem = on_problem,
	};

	w->fetch = fetch_new(&config);
	w->hook = loop_hook_new(w->loop, commit, NULL);
	fetch_start(w->fetch);
}

static inline void fetch_end(void)
{
	struct answer *a, *next;

	fetch_free(w->fetch);
	w->fetch = NULL;
	loop_hook_free(w->hook);
	loop_timer_stop(w->timer);
	DL_FOREACH_SAFE(w->answers, a, next) {
		DL_DELETE(w->answers, a);
		free(a->bytes);
		free(a);
	}
	for (size_t i = 0; i < PEERS; i++)
		w->peer[i].in_flight = 0;
	/* Jobs that are out come back to nobody. */
	while (workers_pending(w->workers) > 0)
		loop_turn(w->loop, true);
	index_commit(w->index);
}

static inline void peer_up(uint64_t id)
{
	peer_of(id)->up = true;
	fetch_peer_up(w->fetch, id);
}

static inline void peer_down(uint64_t id)
{
	struct answer *a, *next;

	peer_of(id)->up = false;
	peer_of(id)->in_flight = 0;
	DL_FOREACH_SAFE(w->answers, a, next) {
		if (a->peer == id) {
			DL_DELETE(w->answers, a);
			free(a->bytes);
			free(a);
		}
	}
	fetch_peer_down(w->fetch, id);
}

static inline void world_open(const char *dir)
{
	uint8_t marker[32] = { 1, 2, 3 };
	char *why = NULL;

	w = MEM_NEW(struct world);
	snprintf(w->dir, sizeof(w->dir), "%s", dir);
	snprintf(w->share_dir, sizeof(w->share_dir), "%s/share", dir);
	snprintf(w->home_dir, sizeof(w->home_dir), "%s/home", dir);
	(void)mkdir(w->home_dir, 0700); /* it is there when a world goes on after a crash */
	w->loop = loop_new();
	w->workers = workers_new(w->loop, 3);
	w->timer = loop_timer_new(w->loop, give_answers, NULL);
	w->tick = loop_timer_new(w->loop, wake_world, NULL);
	loop_timer_start(w->tick, 1, 1);
	w->share = share_open(w->share_dir, true, false, marker, &why);
	assert_non_null(w->share);
	w->root = share_root(w->share);
	assert_true(index_open(&w->index, w->home_dir, &why) <= INDEX_NEW);
	for (size_t i = 0; i < PEERS; i++)
		w->peer[i] = (struct fake_peer){ .id = (i + 1) * 100, .epoch = 1000 + i, .has_upto = INT64_MAX };
	w->scan_hints = true;
	fetch_begin();
	peer_up(ANNA);
}

static inline void world_close(void)
{
	char dir[64];
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (w->fetch != NULL)
		fetch_end();
	for (size_t i = 0; i < PEERS; i++) {
		struct blob *b, *next;

		HASH_ITER(hh, w->peer[i].blobs, b, next) {
			HASH_DEL(w->peer[i].blobs, b);
			blob_free(b);
			free(b);
		}
	}
	for (size_t i = 0; i < w->nhints; i++)
		free(w->hints[i]);
	for (size_t i = 0; i < w->nconflicts; i++)
		free(w->conflicts[i]);
	index_close(w->index);
	share_free(w->share);
	loop_timer_free(w->timer);
	loop_timer_free(w->tick);
	workers_free(w->workers);
	loop_free(w->loop);
	snprintf(dir, sizeof(dir), "%s", w->dir);
	free(w);
	w = NULL;
	(void)fs_remove_tree(fd, dir + 1);
	close(fd);
}

static inline int world_setup(void **state)
{
	char dir[64] = "/tmp/test-fetch-XXXXXX";

	(void)state;
	umask(022);
	assert_non_null(mkdtemp(dir));
	world_open(dir);
	return 0;
}

static inline int world_teardown(void **state)
{
	(void)state;
	world_close();
	return 0;
}

/* What the scan would do: the file's row says what is on disk. Only files of memory size, folders and symlinks. */
static inline void scan_path(const char *path)
{
	struct record row = { 0 }, r = { 0 };
	struct fs_stat st;
	struct blob b = { 0 };
	bool known = index_get(w->index, path, &row) > 0;
	char *text;
	size_t n;

	assert_int_equal(fs_stat_beneath(w->root, path, &st), 0);
	if (st.kind == 0) {
		if (known && !row.deleted) {
			row.deleted = true;
			row.seen = (struct seen){ 0 };
			index_put_change(w->index, &row, NULL, ME);
			fetch_row_changed(w->fetch, path);
		}
		record_clear(&row);
		return;
	}
	if (known && !row.deleted && row.mode == st.mode && row.seen.ino == st.ino && row.seen.size == st.size &&
	    row.seen.mtime_ns == st.mtime_ns && row.seen.ctime_ns == st.ctime_ns) {
		record_clear(&row);
		return;
	}
	r.path = mem_strdup(path);
	r.mode = st.mode;
	r.mtime_ns = st.mtime_ns;
	r.seen = (struct seen){ .size = st.size, .mtime_ns = st.mtime_ns, .ctime_ns = st.ctime_ns, .ino = st.ino };
	r.kind = st.kind == S_IFDIR ? RECORD_DIR : st.kind == S_IFLNK ? RECORD_SYMLINK : RECORD_FILE;
	if (r.kind == RECORD_DIR)
		r.mtime_ns = 0;
	if (r.kind == RECORD_SYMLINK) {
		const char *name;
		int fd = fs_open_parent(w->root, path, &name);

		r.target = fs_readlink_at(fd, name);
		r.mode = 0;
		close(fd);
	}
	if (r.kind == RECORD_FILE) {
		text = fs_read_file(w->root, path, 256 << 20, &n);
		assert_non_null(text);
		r.content = blob_make(&b, text, n, CHUNK);
		free(text);
	}
	if (known)
		version_copy(&r.version, &row.version);
	if (known && record_same(&row, &r)) {
		index_touch(w->index, path, &r.seen);
	} else {
		index_put_change(w->index, &r, b.list.n > 1 ? &b.list : NULL, ME);
		fetch_row_changed(w->fetch, path);
	}
	blob_free(&b);
	record_clear(&row);
	record_clear(&r);
}

static inline void scan_hinted(void)
{
	for (size_t i = 0; i < w->nhints; i++) {
		if (!fetch_installing(w->fetch, w->hints[i]))
			scan_path(w->hints[i]);
		free(w->hints[i]);
	}
	w->nhints = 0;
}

static inline void turn(void)
{
	loop_turn(w->loop, true);
	if (w->scan_hints)
		scan_hinted();
}

/* Runs until nothing is wanted, at most for this many milliseconds; true when it came to that. */
static inline bool run_ms(int64_t ms)
{
	int64_t end = clock_mono_ns() + ms * 1000000;

	while (!fetch_idle(w->fetch)) {
		if (clock_mono_ns() > end)
			return false;
		turn();
	}
	return true;
}

static inline bool run(void)
{
	return run_ms(20000);
}

/* Runs until the condition holds, for at most 10 s. */
#define RUN_UNTIL(condition)                                  \
	do {                                                  \
		int64_t end_ = clock_mono_ns() + 10000000000; \
		while (!(condition)) {                        \
			assert_true(clock_mono_ns() < end_);  \
			turn();                               \
		}                                             \
	} while (0)

/* --- records of peers --- */

static inline struct record peer_record(uint64_t id, const char *path, enum record_kind kind)
{
	struct fake_peer *p = peer_of(id);
	struct record r = { .path = mem_strdup(path), .kind = kind, .seq = ++p->seq, .modified_by = id };

	r.mode = kind == RECORD_DIR ? 0755 : kind == RECORD_FILE ? 0644 : 0;
	r.mtime_ns = kind == RECORD_DIR ? 0 : 1900000000123456789 + (int64_t)p->seq;
	assert_int_equal(version_bump(&r.version, p->epoch, p->seq), 0);
	return r;
}

/* A record that knows our row of its path. */
static inline struct record peer_next(uint64_t id, const char *path, enum record_kind kind)
{
	struct record r = peer_record(id, path, kind), ours = { 0 };

	if (index_get(w->index, path, &ours) > 0)
		assert_int_equal(version_join(&r.version, &ours.version), 0);
	record_clear(&ours);
	return r;
}

/* Says it, as one message. */
static inline void say(uint64_t id, struct record *r, const void *bytes, size_t n)
{
	fetch_record(w->fetch, id, r, bytes, n, NULL);
	fetch_records_end(w->fetch, id);
	record_clear(r);
}

static inline void blob_add(uint64_t id, struct blob *b)
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

static inline void have(uint64_t id, struct record *r, const void *bytes, size_t n, size_t chunk)
{
	struct blob *b = MEM_NEW(struct blob);

	r->content = blob_make(b, bytes, n, chunk);
	blob_add(id, b);
}

/* A file of a peer; inlined: its bytes come with the record. */
static inline void say_file(uint64_t id, const char *path, const void *bytes, size_t n, bool inlined)
{
	struct record r = peer_next(id, path, RECORD_FILE);

	have(id, &r, bytes, n, CHUNK);
	say(id, &r, inlined ? bytes : NULL, inlined ? n : 0);
}

static inline void say_text(uint64_t id, const char *path, const char *text)
{
	say_file(id, path, text, strlen(text), true);
}

static inline void say_dir(uint64_t id, const char *path)
{
	struct record r = peer_next(id, path, RECORD_DIR);

	say(id, &r, NULL, 0);
}

static inline void say_link(uint64_t id, const char *path, const char *target)
{
	struct record r = peer_next(id, path, RECORD_SYMLINK);

	r.target = mem_strdup(target);
	say(id, &r, NULL, 0);
}

static inline void say_gone(uint64_t id, const char *path)
{
	struct record ours = { 0 }, r;

	assert_int_equal(index_get(w->index, path, &ours), 1);
	r = peer_next(id, path, ours.kind);
	r.deleted = true;
	record_clear(&ours);
	say(id, &r, NULL, 0);
}

/* --- what is on disk --- */

static inline void write_text(const char *path, const char *text)
{
	int fd = fs_open(w->root, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(fs_pwrite_all(fd, text, strlen(text), 0), 0);
	close(fd);
}

static inline void assert_bytes(const char *path, const void *bytes, size_t n)
{
	size_t got = 0;
	char *text = fs_read_file(w->root, path, 256 << 20, &got);

	if (text == NULL)
		fail_msg("%s is not there", path);
	assert_int_equal(got, n);
	assert_memory_equal(text, bytes, n);
	free(text);
}

static inline void assert_text(const char *path, const char *text)
{
	assert_bytes(path, text, strlen(text));
}

static inline bool is_there(const char *path)
{
	struct fs_stat st;

	assert_int_equal(fs_stat_beneath(w->root, path, &st), 0);
	return st.kind != 0;
}

/* The row says what is on disk: to the last bit of `seen`. */
static inline void assert_row_is_true(const char *path)
{
	struct record r = { 0 };
	struct fs_stat st;

	assert_int_equal(fs_stat_beneath(w->root, path, &st), 0);
	if (index_get(w->index, path, &r) != 1)
		fail_msg("%s has no row", path);
	assert_int_equal(r.deleted, st.kind == 0);
	if (!r.deleted) {
		assert_int_equal(r.seen.ino, st.ino);
		if (r.kind != RECORD_SYMLINK)
			assert_int_equal(r.mode, st.mode);
		if (r.kind != RECORD_DIR) {
			assert_int_equal(r.seen.size, st.size);
			assert_int_equal(r.seen.mtime_ns, st.mtime_ns);
			assert_int_equal(r.seen.ctime_ns, st.ctime_ns);
			assert_int_equal(r.mtime_ns, st.mtime_ns);
		}
	}
	record_clear(&r);
}

/* Nothing is left of all that was done. */
static inline size_t parts_left(void)
{
	char command[160];
	FILE *p;
	int n = -1;

	snprintf(command, sizeof(command), "ls -A %s/.lanyard/parts | wc -l", w->share_dir);
	p = popen(command, "r");
	assert_non_null(p);
	assert_int_equal(fscanf(p, "%d", &n), 1);
	pclose(p);
	return (size_t)n;
}

#endif
