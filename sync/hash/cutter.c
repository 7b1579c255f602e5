/* Cuts a file's bytes into blocks and hashes them, a buffer at a time, so that the hashing can run several blocks
 * side by side; passes over holes. See cutter.h. */
#include "sync/hash/cutter.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "sync/plan/zeros.h"

enum {
	BLOCKS_MANY = 24,      /* average blocks in the buffer, where that many hash faster than a few do */
	BLOCKS_FEW = 8,        /* two of the largest */
	BUFFER_MAX = 16 << 20, /* the buffer of the former is no larger than this */
};

/* The most blocks that fit into a buffer, each of half the average or more, plus the end of the file. */
_Static_assert(CUTTER_BATCH > BLOCKS_MANY * 2 && BLOCKS_MANY >= BLOCKS_FEW, "a full buffer");

static size_t buffer_size(size_t block_max, uint8_t avg_log2, bool soon)
{
	size_t few = 2 * block_max, many = (size_t)BLOCKS_MANY << avg_log2;

	sha256_many_measure();
	if (soon || sha256_many_enough() <= BLOCKS_FEW / 2)
		return few;
	return few > BUFFER_MAX ? few : many > BUFFER_MAX ? BUFFER_MAX : many;
}

void cutter_init(struct cutter *c, const struct chunk_rule *rule, int fd, int64_t size, uint8_t avg_log2, bool sparse,
                 struct cutter_range range)
{
	size_t block_max = rule->max(rule, avg_log2), cap = buffer_size(block_max, avg_log2, range.soon);

	*c = (struct cutter){
		.fd = fd,
		.size = size,
		.pos = range.pos,
		.hash_from = range.hash_from,
		.end = range.end < size ? range.end : size,
		.sparse = sparse,
		.rule = rule,
		.block_max = block_max,
		.buf_pos = range.pos,
		.cap = (int64_t)cap < size - range.pos ? cap : (size_t)(size - range.pos),
		.stream = rule->start(rule, avg_log2),
	};
	c->pooled = pool_take(c->cap + 1);
	c->buf = c->pooled.p;
}

void cutter_free(struct cutter *c)
{
	c->rule->stop(c->stream);
	c->stream = NULL;
	pool_give(&c->pooled);
	c->buf = NULL;
}

/* Whether the n bytes at pos are all hole. */
static bool in_hole(struct cutter *c, int64_t pos, int64_t n)
{
	if (!c->sparse || c->size - pos < n)
		return false;
	if (pos < c->hole || c->hole_end - pos < n) {
		c->hole = pos;
		c->hole_end = fs_next_data(c->fd, pos);
	}
	return c->hole_end - pos >= n;
}

/* Zeros are never cut before the maximum size, so a hole of that length is one block. */
static void take_hole(struct cutter *c)
{
	struct block *b = &c->ready[c->nready++];

	b->len = (uint32_t)c->block_max;
	memcpy(b->hash, zeros_hash(b->len), SHA256_SIZE);
	/* The buffer may reach beyond the hole's first bytes. */
	c->buf_pos = c->pos + b->len;
	c->len = 0;
	c->rule->restart(c->stream);
	c->fed = 0;
}

/* Adds the next bytes of the file to the buffer. */
static int cutter_fill(struct cutter *c)
{
	int64_t at = c->buf_pos + (int64_t)c->len;
	size_t want = c->cap - c->len;
	ssize_t n;

	if (want > CUTTER_READ)
		want = CUTTER_READ;
	if (c->size - at < (int64_t)want)
		want = (size_t)(c->size - at);
	n = fs_pread_full(c->fd, c->buf + c->len, want, at);
	if (n < 0)
		return -1;
	if ((size_t)n < want) {
		errno = ESTALE;
		return -1;
	}
	c->len += want;
	return 0;
}

/* Cuts until the buffer is full of whole blocks, or there is nothing more to cut, or the next block is a hole. */
static int cut_batch(struct cutter *c)
{
	size_t begin = 0;   /* in buf, of the block being cut */
	size_t at = c->fed; /* where to go on, in buf */

	for (;;) {
		bool cut = false;

		if (at == c->len && (c->len == c->cap || c->buf_pos + (int64_t)at == c->size))
			break;
		if (at == c->len && cutter_fill(c) < 0)
			return -1;
		at += c->rule->feed(c->stream, c->buf + at, c->len - at, &cut);
		if (!cut && c->buf_pos + (int64_t)at < c->size)
			continue;
		c->ready[c->nready++].len = (uint32_t)(at - begin);
		begin = at;
		if (c->buf_pos + (int64_t)at >= c->end || in_hole(c, c->buf_pos + (int64_t)at, (int64_t)c->block_max))
			break;
	}
	c->fed = at - begin;
	return 0;
}

/* Hashes the blocks of `ready` all at once. Those before hash_from are only cut: the caller knows them, or does not
 * need them. */
static void hash_batch(struct cutter *c)
{
	struct sha256_input inputs[CUTTER_BATCH];
	size_t first = 0, n = 0;
	int64_t pos = c->pos;
	const uint8_t *p = c->buf;

	for (size_t i = 0; i < c->nready; i++) {
		if (pos < c->hash_from) {
			first = i + 1;
		} else {
			inputs[n] = (struct sha256_input){ .p = p, .n = c->ready[i].len };
			n++;
		}
		p += c->ready[i].len;
		pos += c->ready[i].len;
	}
	sha256_many(inputs, n);
	for (size_t i = 0; i < n; i++)
		memcpy(c->ready[first + i].hash, inputs[i].digest, SHA256_SIZE);
}

static int next_batch(struct cutter *c)
{
	size_t used = (size_t)(c->pos - c->buf_pos);

	c->taken = c->nready = 0;
	if (c->pos >= c->end)
		return 0;
	if (in_hole(c, c->pos, (int64_t)c->block_max)) {
		take_hole(c);
		return 1;
	}
	c->len -= used;
	memmove(c->buf, c->buf + used, c->len);
	c->buf_pos = c->pos;
	if (cut_batch(c) < 0)
		return -1;
	hash_batch(c);
	return 1;
}

int cutter_next(struct cutter *c, struct block *b)
{
	if (c->taken == c->nready) {
		int rc = next_batch(c);

		if (rc <= 0)
			return rc;
	}
	*b = c->ready[c->taken++];
	c->pos += b->len;
	return 1;
}
