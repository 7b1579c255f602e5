/* One block after another of a file: see cutter.h. */
#include "sync/local/cutter.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"

void cutter_init(struct cutter *c, int fd, int64_t size, int64_t pos, uint8_t avg_log2, bool sparse)
{
	*c = (struct cutter){
		.fd = fd,
		.size = size,
		.pos = pos,
		.read_pos = pos,
		.avg_log2 = avg_log2,
		.sparse = sparse,
		.buf = mem_realloc(NULL, CUTTER_READ, 1),
	};
}

void cutter_free(struct cutter *c)
{
	sha256_free(&c->sha);
	free(c->buf);
	c->buf = NULL;
}

/* The hash of a block of zeros of the maximum size, which is what a hole is cut into. */
static void zero_hash(uint8_t out[SHA256_SIZE], uint8_t avg_log2)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static uint8_t known[CHUNK_MAX_LOG2 - CHUNK_MIN_LOG2 + 1][SHA256_SIZE];
	static bool have[CHUNK_MAX_LOG2 - CHUNK_MIN_LOG2 + 1];
	int i = avg_log2 - CHUNK_MIN_LOG2;

	pthread_mutex_lock(&lock);
	if (!have[i]) {
		size_t n = chunk_max(avg_log2);
		uint8_t *zeros = mem_calloc(n, 1);

		sha256(known[i], zeros, n);
		free(zeros);
		have[i] = true;
	}
	memcpy(out, known[i], SHA256_SIZE);
	pthread_mutex_unlock(&lock);
}

/* Whether the next `n` bytes are all hole. */
static bool in_hole(const struct cutter *c, int64_t n)
{
	off_t data = lseek(c->fd, c->pos, SEEK_DATA);

	if (data < 0)
		return errno == ENXIO && c->size - c->pos >= n;
	return data - c->pos >= n && c->size - c->pos >= n;
}

static int fill(struct cutter *c)
{
	int64_t left = c->size - c->read_pos;
	size_t want = left < CUTTER_READ ? (size_t)left : CUTTER_READ;
	ssize_t n = fs_pread_full(c->fd, c->buf, want, c->read_pos);

	if (n < 0)
		return -1;
	if ((size_t)n < want) {
		errno = ESTALE;
		return -1;
	}
	c->used = 0;
	c->len = want;
	c->read_pos += n;
	return 0;
}

int cutter_next(struct cutter *c, bool hash, struct block *b)
{
	struct chunk_stream cs = CHUNK_STREAM_INIT(c->avg_log2);
	int64_t begin = c->pos;
	bool cut = false;

	if (c->pos >= c->size)
		return 0;
	/* Zeros are never cut before the maximum, so a hole that long is one block. */
	if (c->sparse && in_hole(c, (int64_t)chunk_max(c->avg_log2))) {
		b->len = (uint32_t)chunk_max(c->avg_log2);
		if (hash)
			zero_hash(b->hash, c->avg_log2);
		c->pos += b->len;
		/* What is in the buffer may reach beyond the hole's first bytes. */
		c->used = c->len = 0;
		c->read_pos = c->pos;
		return 1;
	}
	if (hash)
		sha256_begin(&c->sha);
	while (!cut && c->pos < c->size) {
		size_t n;

		if (c->used == c->len && fill(c) < 0)
			return -1;
		n = chunk_feed(&cs, c->buf + c->used, c->len - c->used, &cut);
		if (hash)
			sha256_update(&c->sha, c->buf + c->used, n);
		c->used += n;
		c->pos += (int64_t)n;
	}
	b->len = (uint32_t)(c->pos - begin);
	if (hash)
		sha256_end(&c->sha, b->hash);
	return 1;
}
