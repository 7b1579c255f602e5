/* One block of a content. Pure. */
#ifndef LANYARD_SYNC_PLAN_BLOCK_H
#define LANYARD_SYNC_PLAN_BLOCK_H

#include <stdint.h>

enum { BLOCK_MAX = 4 << 20 }; /* bytes of the largest block */

struct block {
	uint32_t len;
	uint8_t hash[32]; /* SHA-256 of the plain bytes */
};

/* A block that one agent asks another for: where it is in its content, and the hash that its bytes must have. */
struct block_want {
	uint32_t request; /* chosen by the asking agent, unique in its process; the answer carries it */
	uint32_t len;     /* bytes of the block */
	int64_t offset;   /* in the content */
	uint8_t hash[32]; /* SHA-256 of the plain bytes */
};

#endif
