/* Re-reads the files that the rows say are here. Bytes that changed although size, mtime and ctime did not have
 * rotted. One job at a time, so that it takes at most one core from the rest; a scrub also pauses between jobs. See
 * local_verify() and local_scrub() in local.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/sha256.h"
#include "sync/hash/hash.h"
#include "sync/local/local_internal.h"
#include "sync/plan/zeros.h"

enum {
	BATCH_FILES = 64,
	STEP_BYTES = 32 << 20,      /* read by one job */
	SCRUB_STEP_BYTES = 2 << 20, /* of a scrub */
	BATCH_BLOCKS = 32,          /* hashed together, if they are no more than */
	BATCH_BYTES = 8 << 20,
};

enum verify_verdict { VERDICT_NONE, VERDICT_SAME, VERDICT_ROTTEN, VERDICT_CHANGED, VERDICT_UNREAD };

struct verify_item {
	struct record row;
	struct blocklist blocks; /* at least one, except for an empty file */
	int fd;                  /* -1: not open */
	uint32_t next_block;
	int64_t pos; /* where that block begins */
	bool rotten;
	enum verify_verdict verdict;
	int error; /* UNREAD */
};

struct verify {
	struct workers *workers;
	struct share_handle *handle;
	struct local *local;         /* NULL: freed while a job was out */
	struct index_cursor *cursor; /* NULL: a scrub */
	struct loop_timer *rest;     /* the pause between jobs; NULL: not a scrub */
	int64_t bytes_per_s;         /* of a scrub */
	uint64_t after;              /* a scrub: the last row taken */
	int64_t step_bytes;          /* read by the last job */
	struct verify_item items[BATCH_FILES];
	size_t n;
	size_t at; /* the item being read */
	int64_t files, bytes, rotten;
	const struct local_verify_ops *ops;
	void *arg;
};

/* --- worker --- */

static bool as_seen(const struct verify_item *it, int fd)
{
	struct fs_stat st;

	return fs_stat_fd(fd, &st) == 0 && seen_match(&it->row.seen, &st) == SEEN_SAME;
}

static void verify_conclude(struct verify_item *it, enum verify_verdict verdict, int error)
{
	it->verdict = verdict;
	it->error = error;
	if (it->fd >= 0)
		close(it->fd);
	it->fd = -1;
}

static void open_item(struct verify *v, struct verify_item *it)
{
	const char *name;
	int dirfd = fs_open_parent(v->handle->root, it->row.path, &name);

	if (dirfd >= 0) {
		it->fd = hash_open(dirfd, name);
		if (it->fd < 0 && errno != ENOENT && errno != ELOOP)
			verify_conclude(it, VERDICT_UNREAD, errno);
		close(dirfd);
	}
	if (it->verdict == VERDICT_NONE && (it->fd < 0 || !as_seen(it, it->fd)))
		verify_conclude(it, VERDICT_CHANGED, 0);
}

/* A hole that is still a hole needs no reading. */
static bool is_hole(const struct verify_item *it, const struct block *b)
{
	return zeros_block(b) && it->row.seen.size - it->pos >= b->len &&
	       fs_next_data(it->fd, it->pos) - it->pos >= b->len;
}

/* Blocks that were read and wait to be hashed together. */
struct verify_batch {
	struct pool_buffer buffer;
	size_t used;
	struct sha256_input inputs[BATCH_BLOCKS];
	struct verify_item *of[BATCH_BLOCKS];
	uint32_t block[BATCH_BLOCKS];
	size_t n;
};

static void batch_compare(struct verify_batch *b)
{
	sha256_many(b->inputs, b->n);
	for (size_t i = 0; i < b->n; i++) {
		if (memcmp(b->inputs[i].digest, b->of[i]->blocks.b[b->block[i]].hash, SHA256_SIZE) != 0)
			b->of[i]->rotten = true;
	}
	b->n = b->used = 0;
}

/* Reads the item's next block. Returns the bytes that were read; -1 with errno. */
static int64_t verify_read_block(struct verify_batch *batch, struct verify_item *it)
{
	const struct block *b = &it->blocks.b[it->next_block++];
	ssize_t n;

	if (is_hole(it, b)) {
		it->pos += b->len;
		return 0;
	}
	if (batch->n == BATCH_BLOCKS || batch->buffer.cap - batch->used < b->len)
		batch_compare(batch);
	if (batch->buffer.cap < b->len) {
		pool_give(&batch->buffer);
		batch->buffer = pool_take(b->len);
	}
	n = fs_pread_full(it->fd, batch->buffer.p + batch->used, b->len, it->pos);
	if (n < 0)
		return -1;
	it->pos += b->len;
	/* Shorter than its own size: whatever that is, it is not what the row says. */
	if (n < (ssize_t)b->len) {
		it->rotten = true;
		return n;
	}
	batch->inputs[batch->n] = (struct sha256_input){ .p = batch->buffer.p + batch->used, .n = b->len };
	batch->of[batch->n] = it;
	batch->block[batch->n++] = it->next_block - 1;
	batch->used += b->len;
	return b->len;
}

/* A file is only judged if it looked like its row both before its first block was read and after the last one:
 * otherwise it changed, and the scan is told. */
static void verify_work(void *arg)
{
	struct verify *v = arg;
	const int64_t step = v->rest != NULL ? SCRUB_STEP_BYTES : STEP_BYTES;
	const size_t first = v->at;
	struct verify_batch batch = { .buffer = pool_take(BATCH_BYTES) };
	int64_t left = step;

	while (v->at < v->n && left > 0) {
		struct verify_item *it = &v->items[v->at];

		if (it->fd < 0)
			open_item(v, it);
		while (it->verdict == VERDICT_NONE && it->next_block < it->blocks.n && left > 0) {
			int64_t n = verify_read_block(&batch, it);

			if (n < 0)
				verify_conclude(it, VERDICT_UNREAD, errno);
			else
				left -= n;
		}
		if (it->verdict == VERDICT_NONE && it->next_block == it->blocks.n)
			verify_conclude(it, as_seen(it, it->fd) ? VERDICT_SAME : VERDICT_CHANGED, 0);
		if (it->verdict != VERDICT_NONE)
			v->at++;
	}
	batch_compare(&batch);
	for (size_t i = first; i < v->at; i++) {
		if (v->items[i].verdict == VERDICT_SAME && v->items[i].rotten)
			v->items[i].verdict = VERDICT_ROTTEN;
	}
	v->step_bytes = step - left;
	pool_give(&batch.buffer);
}

/* --- loop --- */

static void clear_items(struct verify *v)
{
	for (size_t i = 0; i < v->n; i++) {
		struct verify_item *it = &v->items[i];

		workers_close(v->workers, it->fd);
		record_clear(&it->row);
		blocklist_clear(&it->blocks);
	}
	v->n = v->at = 0;
}

static void verify_free_all(struct verify *v)
{
	clear_items(v);
	index_cursor_free(v->cursor);
	loop_timer_free(v->rest);
	share_handle_free(v->handle);
	free(v);
}

/* The blocks that the file should have. False: the index cannot tell. */
static bool fill_blocks(struct index *index, struct verify_item *it)
{
	const struct content *c = &it->row.content;

	if (c->nblocks >= 2)
		return index_blocks(index, c, &it->blocks) > 0;
	if (c->nblocks == 0)
		return true;
	it->blocks.n = 1;
	it->blocks.b = MEM_NEW(struct block);
	it->blocks.b[0].len = (uint32_t)c->size;
	memcpy(it->blocks.b[0].hash, c->root, sizeof(c->root));
	return true;
}

static const char *group_of(const struct verify *v)
{
	return share_group(v->local->c.share);
}

/* Adds the row, which it takes over, to the items, if it is of a file. */
static void add_row(struct verify *v, struct record *row)
{
	struct verify_item *it = &v->items[v->n];

	*it = (struct verify_item){ .fd = -1, .row = *row };
	*row = (struct record){ 0 };
	if (it->row.deleted || it->row.kind != RECORD_FILE) {
		record_clear(&it->row);
	} else if (!fill_blocks(v->local->c.index, it)) {
		log_about(LOG_WARN, &(struct log_about){ .group = group_of(v), .file = it->row.path },
		          "%s: not verified: its blocks are not in the index", it->row.path);
		record_clear(&it->row);
	} else {
		v->n++;
	}
}

static bool add_since(void *arg, const struct record *r)
{
	struct verify *v = arg;
	struct record copy = { 0 };

	v->after = r->seq;
	if (r->absent)
		return true;
	record_copy(&copy, r);
	add_row(v, &copy);
	return true;
}

static void verify_gather(struct verify *v)
{
	struct record row = { 0 };

	while (v->rest != NULL && v->n == 0 && index_since(v->local->c.index, v->after, BATCH_FILES, add_since, v) > 0)
		;
	while (v->rest == NULL && v->n < BATCH_FILES && index_next(v->cursor, &row) > 0)
		add_row(v, &row);
}

static void verify_judge(struct verify *v, const struct verify_item *it)
{
	struct record now = { 0 };

	if (it->verdict == VERDICT_UNREAD) {
		log_about(LOG_WARN, &(struct log_about){ .group = group_of(v), .file = it->row.path },
		          "%s: not verified: %s", it->row.path, strerror(it->error));
		return;
	}
	if (it->verdict == VERDICT_CHANGED) {
		local_hint(v->local, it->row.path);
		return;
	}
	v->files++;
	v->bytes += it->row.content.size;
	if (it->verdict != VERDICT_ROTTEN)
		return;
	/* Not if the row was written again since. */
	if (index_get(v->local->c.index, it->row.path, &now) > 0 && now.seq == it->row.seq) {
		v->rotten++;
		log_about(LOG_ERROR, &(struct log_about){ .group = group_of(v), .file = it->row.path },
		          "%s: its content has changed although nobody wrote to it", it->row.path);
		v->ops->rotten(v->arg, &it->row);
	}
	record_clear(&now);
}

static void verify_step_done(void *arg);

static void verify_submit(void *arg)
{
	struct verify *v = arg;

	workers_submit(v->workers, WORKERS_BULK, verify_work, verify_step_done, v);
}

static void verify_go_on(struct verify *v)
{
	if (v->at == v->n) {
		clear_items(v);
		if (v->rest != NULL)
			v->ops->reached(v->arg, v->after);
		verify_gather(v);
	}
	if (v->n == 0) {
		v->local->verify = NULL;
		v->ops->done(v->arg, v->files, v->bytes, v->rotten);
		verify_free_all(v);
	} else if (v->rest != NULL) {
		loop_timer_start(v->rest, v->step_bytes * 1000 / v->bytes_per_s, 0);
	} else {
		verify_submit(v);
	}
}

static void verify_step_done(void *arg)
{
	struct verify *v = arg;

	if (v->local != NULL && v->at == v->n)
		for (size_t i = 0; i < v->n && v->local != NULL; i++)
			verify_judge(v, &v->items[i]);
	if (v->local == NULL)
		verify_free_all(v);
	else
		verify_go_on(v);
}

void verify_free(struct verify *v)
{
	if (v == NULL)
		return;
	v->local->verify = NULL;
	if (v->rest != NULL && loop_timer_running(v->rest)) {
		verify_free_all(v);
		return;
	}
	/* A job is out: it frees the rest when it is back. */
	index_cursor_free(v->cursor);
	v->cursor = NULL;
	v->local = NULL;
}

static struct verify *verify_new(struct local *l, const struct local_verify_ops *ops, void *arg)
{
	struct verify *v = MEM_NEW(struct verify);

	v->workers = l->c.workers;
	v->handle = share_handle_ref(l->handle);
	v->local = l;
	v->ops = ops;
	v->arg = arg;
	l->verify = v;
	return v;
}

int local_verify(struct local *l, const struct local_verify_ops *ops, void *arg)
{
	struct verify *v;

	if (l->handle == NULL || (l->verify != NULL && l->verify->rest == NULL))
		return -1;
	verify_free(l->verify); /* a scrub */
	v = verify_new(l, ops, arg);
	v->cursor = index_walk(l->c.index, "");
	verify_submit(v);
	return 0;
}

int local_scrub(struct local *l, uint64_t after, int64_t bytes_per_s, const struct local_verify_ops *ops, void *arg)
{
	struct verify *v;

	if (l->handle == NULL || l->verify != NULL)
		return -1;
	v = verify_new(l, ops, arg);
	v->after = after;
	v->bytes_per_s = bytes_per_s;
	v->rest = loop_timer_new(l->c.loop, verify_submit, v);
	loop_timer_start(v->rest, 0, 0);
	return 0;
}
