/* What the records of one NEWS share: each says only how it differs from the one before it. On the generated structs:
 * msg_sync.c fills and reads whole records. */
#include "sync/wire/msg_like.h"

#include <string.h>

enum {
	LIKE_WRITER = 1, /* one version entry, of the same writer; `step` is added to its counter */
	LIKE_KIND = 2,   /* kind, mode, modified_by, chunk_log2 and nblocks */
	LIKE_TIME = 4,   /* mtime_ns is a difference */
	LIKE_SEQ = 8,    /* the next number */
	LIKE_ALL = 15,
};

static bool same_kind(const Lanyard__Record *a, const Lanyard__Record *b)
{
	return a->kind == b->kind && a->mode == b->mode && a->modified_by == b->modified_by &&
	       a->chunk_log2 == b->chunk_log2 && a->nblocks == b->nblocks;
}

static bool same_writer(const Lanyard__Record *a, const Lanyard__Record *b)
{
	return a->n_writers == 1 && b->n_writers == 1 && a->writers[0] == b->writers[0];
}

static uint32_t shared_prefix(const ProtobufCBinaryData *a, const ProtobufCBinaryData *b)
{
	size_t n = 0, most = a->len < b->len ? a->len : b->len;

	while (n < most && a->data[n] == b->data[n])
		n++;
	return (uint32_t)n;
}

/* A difference of any two 64-bit numbers, and its undoing, without overflow. */
static int64_t minus(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a - (uint64_t)b);
}

static int64_t plus(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a + (uint64_t)b);
}

void msg_like_shorten(Lanyard__Record *r, const Lanyard__Record *before)
{
	r->shared = shared_prefix(&r->path, &before->path);
	r->path.data += r->shared;
	r->path.len -= r->shared;
	if (same_writer(r, before)) {
		r->like |= LIKE_WRITER;
		r->step = minus((int64_t)r->counters[0], (int64_t)before->counters[0]);
		r->n_writers = r->n_counters = 0;
	}
	if (same_kind(r, before)) {
		r->like |= LIKE_KIND;
		r->kind = r->mode = r->chunk_log2 = r->nblocks = 0;
		r->modified_by = 0;
	}
	if (r->mtime_ns != 0 && before->mtime_ns != 0) {
		r->like |= LIKE_TIME;
		r->mtime_ns = minus(r->mtime_ns, before->mtime_ns);
	}
	if (r->seq == before->seq + 1) {
		r->like |= LIKE_SEQ;
		r->seq = 0;
	}
}

static int path_complete(Lanyard__Record *r, struct msg_arena *a, const Lanyard__Record *before)
{
	uint8_t *path;

	if (r->shared == 0)
		return 0;
	if (r->shared > before->path.len || r->shared + r->path.len > RECORD_PATH_MAX)
		return -1;
	path = msg_arena_alloc(a, r->shared + r->path.len);
	if (!path)
		return -1;
	memcpy(path, before->path.data, r->shared);
	if (r->path.len > 0)
		memcpy(path + r->shared, r->path.data, r->path.len);
	r->path = msg_binary(path, r->shared + r->path.len);
	return 0;
}

static int writer_complete(Lanyard__Record *r, struct msg_arena *a, const Lanyard__Record *before)
{
	if (before->n_writers != 1 || before->n_counters != 1 || r->n_writers != 0 || r->n_counters != 0)
		return -1;
	r->counters = msg_arena_alloc(a, sizeof(*r->counters));
	if (!r->counters)
		return -1;
	r->counters[0] = (uint64_t)plus((int64_t)before->counters[0], r->step);
	r->writers = before->writers;
	r->n_writers = r->n_counters = 1;
	return 0;
}

int msg_like_complete(Lanyard__Record *r, struct msg_arena *a, const Lanyard__Record *before)
{
	if (r->like == 0 && r->shared == 0)
		return 0;
	if (!before || r->like > LIKE_ALL || path_complete(r, a, before) ||
	    ((r->like & LIKE_WRITER) && writer_complete(r, a, before)))
		return -1;
	if (r->like & LIKE_KIND) {
		r->kind = before->kind;
		r->mode = before->mode;
		r->modified_by = before->modified_by;
		r->chunk_log2 = before->chunk_log2;
		r->nblocks = before->nblocks;
	}
	if (r->like & LIKE_TIME)
		r->mtime_ns = plus(before->mtime_ns, r->mtime_ns);
	if (r->like & LIKE_SEQ)
		r->seq = before->seq + 1;
	return 0;
}
