/* Reads an open file block by block: cut by content, each block hashed. Works on one range at a time, so that several
 * can share a file. For workers. */
#ifndef LANYARD_SYNC_HASH_CUTTER_H
#define LANYARD_SYNC_HASH_CUTTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/pool.h"
#include "base/sha256.h"
#include "sync/hash/chunk.h"
#include "sync/plan/block.h"
#include "sync/plan/record.h"

enum {
	CUTTER_READ = 256 << 10, /* bytes cut while they are still in the processor's cache */
	CUTTER_BATCH = 50,       /* blocks in a full buffer: see cutter.c */
};

struct cutter {
	int fd;       /* the caller's */
	int64_t size; /* of the file */
	int64_t pos;  /* where the next block begins */
	int64_t hash_from;
	int64_t end;
	bool sparse;
	int64_t hole, hole_end; /* there is no data between them; equal: not known */
	const struct chunk_rule *rule;
	size_t block_max;
	struct block ready[CUTTER_BATCH]; /* the blocks from pos on */
	size_t taken, nready;
	struct pool_buffer pooled; /* owned */
	uint8_t *buf;              /* in pooled */
	size_t cap, len;           /* of buf: how much is used of it at most, the bytes there */
	int64_t buf_pos;           /* of its first byte in the file */
	void *stream;              /* the rule's, of the block that begins at buf_pos, or after `ready` */
	size_t fed;                /* its bytes so far */
};

/* The blocks that begin in [pos, end). The hash of those that begin before hash_from is undefined. */
struct cutter_range {
	int64_t pos, hash_from, end;
	bool soon; /* the caller will probably stop after a few blocks: not many are read ahead */
};

/* Cuts and hashes the blocks of a range. sparse: the file has holes, which need not be read. The rule outlives c. */
void cutter_init(struct cutter *c, const struct chunk_rule *rule, int fd, int64_t size, uint8_t avg_log2, bool sparse,
                 struct cutter_range range);
void cutter_free(struct cutter *c);
/* The next block: 1; 0 when none is left; -1 with errno, which is ESTALE when the file is shorter than `size`. */
int cutter_next(struct cutter *c, struct block *b);

#endif
