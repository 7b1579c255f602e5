/* One block that an agent asks for: where it is in its content, and the hash that its bytes must have. Pure. */
#ifndef LANYARD_SYNC_PLAN_BLOCK_H
#define LANYARD_SYNC_PLAN_BLOCK_H

#include <stdint.h>

struct block_want {
	uint32_t request; /* chosen by the asking agent, unique in its process; the answer carries it */
	uint32_t len;     /* bytes of the block */
	int64_t offset;   /* in the content */
	uint8_t hash[32]; /* SHA-256 of the plain bytes */
};

#endif
