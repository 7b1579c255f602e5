/* The name of a file's bytes, whatever path they are at. Pure. */
#ifndef LANYARD_SYNC_PLAN_CONTENT_H
#define LANYARD_SYNC_PLAN_CONTENT_H

#include <stdbool.h>
#include <stdint.h>

enum { CONTENT_MAX_BLOCKS = 1 << 20 }; /* blocks of the largest file (about 1 TiB) */

/* root: of an empty file all zero; of one block its SHA-256; of more the SHA-256 of the encoded block list
 * (blocklist.h). Two contents are equal when all three are. */
struct content {
	int64_t size;
	uint32_t nblocks;
	uint8_t root[32];
};

bool content_equal(const struct content *a, const struct content *b);

#endif
