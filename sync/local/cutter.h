/* Reads an open file block by block: cut by content, each block hashed. Works on one range at a time, so that several
 * can share a file. For workers. */
#ifndef LANYARD_SYNC_LOCAL_CUTTER_H
#define LANYARD_SYNC_LOCAL_CUTTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/sha256.h"
#include "sync/local/chunk.h"
#include "sync/plan/record.h"

struct cutter {
	int fd;       /* the caller's */
	int64_t size; /* of the file */
	int64_t pos;  /* where the next block begins */
	bool sparse;  /* the file has holes: they need not be read */
	uint8_t avg_log2;
	uint8_t *buf;     /* owned */
	size_t used, len; /* of buf: bytes taken, bytes there */
	int64_t read_pos; /* of the file, behind buf */
	struct sha256_stream sha;
};

enum { CUTTER_READ = 256 << 10 };

void cutter_init(struct cutter *c, int fd, int64_t size, int64_t pos, uint8_t avg_log2, bool sparse);
void cutter_free(struct cutter *c);
/* The next block: 1; 0 at the end of the file; -1 with errno, which is ESTALE when the file is shorter than `size`.
 * b->hash is left alone unless `hash`. */
int cutter_next(struct cutter *c, bool hash, struct block *b);

#endif
