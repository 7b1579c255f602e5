/* The pieces of a part: verified and written, copied from local files, verified again. See part.h and
 * part_internal.h. */
#include "sync/get/part_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/sha256.h"
#include "base/sparse.h"
#include "sync/share/reserve.h"

enum {
	TOGETHER = 32, /* pieces hashed at a time, and if they have to be read, no more bytes than */
	TOGETHER_BYTES = 8 << 20,
};

/* Pieces that are read and hashed together. */
struct piece_group {
	struct pool_buffer buffer;
	struct sha256_input inputs[TOGETHER];
	size_t n;
	int64_t bytes;
};

/* How many pieces from `at` on are of one group. */
static void group_begin(struct piece_group *g, const struct part_job *job, size_t at)
{
	g->n = 0;
	g->bytes = 0;
	while (at + g->n < job->n && g->n < TOGETHER &&
	       (g->n == 0 || g->bytes + job->pieces[at + g->n].len <= TOGETHER_BYTES))
		g->bytes += job->pieces[at + g->n++].len;
	if (g->buffer.cap < (size_t)g->bytes) {
		pool_give(&g->buffer);
		g->buffer = pool_take(g->bytes > TOGETHER_BYTES ? (size_t)g->bytes : TOGETHER_BYTES);
	}
}

/* Reads them from fd: what is not the block that it should be has `n` 0 afterwards. */
static void group_read(struct piece_group *g, const struct piece *pieces, int fd, bool copy)
{
	uint8_t *to = g->buffer.p;

	for (size_t i = 0; i < g->n; i++) {
		const struct piece *p = &pieces[i];
		ssize_t n = fs_pread_full(fd, to, p->len, copy ? p->from_offset : p->offset);

		g->inputs[i] = (struct sha256_input){ .p = to, .n = n == (ssize_t)p->len ? p->len : 0 };
		to += p->len;
	}
	sha256_many(g->inputs, g->n);
	for (size_t i = 0; i < g->n; i++) {
		if (memcmp(g->inputs[i].digest, pieces[i].hash, SHA256_SIZE) != 0)
			g->inputs[i].n = 0;
	}
}

/* The block first, then its claim: never the other way round. */
static int piece_store(struct part_job *job, struct piece *p, const uint8_t *bytes)
{
	static const uint8_t one = 1;

	if (sparse_write(job->part, bytes, p->len, job->base + p->offset, job->dirty) < 0 ||
	    (job->map >= 0 && fs_pwrite_all(job->map, &one, 1, job->have_at + p->block) < 0))
		return -1;
	p->ok = true;
	return 0;
}

/* The kernel begins to write back now, so that the last fsync has little left to do. */
static void write_back(struct part_job *job)
{
	int64_t start = 0, end = 0;

	for (size_t i = 0; i < job->n; i++) {
		const struct piece *p = &job->pieces[i];

		if (p->offset != end || i == 0) {
			if (end > start)
				(void)sync_file_range(job->part, job->base + start, end - start, SYNC_FILE_RANGE_WRITE);
			start = p->offset;
		}
		end = p->offset + p->len;
	}
	if (end > start)
		(void)sync_file_range(job->part, job->base + start, end - start, SYNC_FILE_RANGE_WRITE);
}

/* Whether these bytes may be written now; if so, give_room() follows. */
static bool take_room(struct part_job *job, int64_t bytes)
{
	if (!job->reserve || reserve_take(job->part, bytes) == 0)
		return true;
	job->error = errno;
	return false;
}

static void give_room(const struct part_job *job, int64_t bytes)
{
	if (job->reserve)
		reserve_give(bytes);
}

static void piece_digest(const struct part_job *job, struct piece *p)
{
	int64_t offset = job->base + p->offset;

	if (!p->ok || p->digester.make == NULL)
		return;
	p->digests = mem_calloc(leaf_count_at(offset, p->len), LEAF_DIGEST);
	p->ndigests = p->digester.make(p->digester.key, offset, p->bytes.p, p->len, p->digests);
}

/* Verifies n pieces, and writes those that are right while they are still in the processor's cache. */
static void write_group(struct part_job *job, struct piece *pieces, size_t n)
{
	struct sha256_input inputs[TOGETHER];
	int64_t bytes = 0;

	for (size_t i = 0; i < n; i++) {
		inputs[i] = (struct sha256_input){ .p = pieces[i].bytes.p, .n = pieces[i].len };
		bytes += pieces[i].len;
	}
	sha256_many(inputs, n);
	if (!take_room(job, bytes))
		return;
	for (size_t i = 0; i < n && job->error == 0; i++) {
		struct piece *p = &pieces[i];

		if (memcmp(inputs[i].digest, p->hash, SHA256_SIZE) == 0 && piece_store(job, p, p->bytes.p) < 0)
			job->error = errno;
		piece_digest(job, p);
		slab_free(&p->bytes);
	}
	give_room(job, bytes);
}

/* In groups that are no larger than what the hashing gains by, and the last one with what would be left alone. */
void part_write_pieces(struct part_job *job)
{
	const size_t enough = sha256_many_enough();

	for (size_t at = 0, n; at < job->n && job->error == 0; at += n) {
		n = job->n - at < 2 * enough ? job->n - at : enough;
		n = n > TOGETHER ? TOGETHER : n;
		write_group(job, job->pieces + at, n);
	}
	if (job->error == 0)
		write_back(job);
}

void part_copy_pieces(struct part_job *job)
{
	int fd = fs_open(job->root, job->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	struct piece_group g = { 0 };

	if (fd < 0)
		return;
	for (size_t at = 0; at < job->n && job->error == 0; at += g.n) {
		group_begin(&g, job, at);
		group_read(&g, job->pieces + at, fd, true);
		if (!take_room(job, g.bytes))
			break;
		for (size_t i = 0; i < g.n && job->error == 0; i++) {
			if (g.inputs[i].n > 0 && piece_store(job, &job->pieces[at + i], g.inputs[i].p) < 0)
				job->error = errno;
		}
		give_room(job, g.bytes);
	}
	write_back(job);
	pool_give(&g.buffer);
	close(fd);
}

void part_verify_pieces(struct part_job *job)
{
	static const uint8_t zero;
	struct piece_group g = { 0 };

	for (size_t at = 0; at < job->n && job->error == 0; at += g.n) {
		group_begin(&g, job, at);
		group_read(&g, job->pieces + at, job->part, false);
		for (size_t i = 0; i < g.n && job->error == 0; i++) {
			struct piece *p = &job->pieces[at + i];

			p->ok = g.inputs[i].n > 0;
			if (!p->ok && fs_pwrite_all(job->map, &zero, 1, job->have_at + p->block) < 0)
				job->error = errno;
		}
	}
	pool_give(&g.buffer);
}
