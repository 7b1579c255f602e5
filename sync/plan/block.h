/* One block of a content. Pure. */
#ifndef LANYARD_SYNC_PLAN_BLOCK_H
#define LANYARD_SYNC_PLAN_BLOCK_H

#include <stdint.h>

enum { BLOCK_MAX = 4 << 20 }; /* bytes of the largest block */

struct block {
	uint32_t len;
	uint8_t hash[32]; /* SHA-256 of the plain bytes */
};

/* What is asked of a block: all of it, or about its leaves (leaf.h). */
enum want_what { WANT_BLOCK, WANT_DIGESTS, WANT_LEAVES };
enum { WANT_RUNS_MAX = 12 };

/* Leaves of a block, counted from its first: the first of a run, and how many. */
struct leaf_run {
	uint16_t first, n;
};

/* A block that one agent asks another for: where it is in its content, and the hash that its bytes must have. */
struct block_want {
	uint32_t request; /* chosen by the asking agent, unique in its process; the answer carries it */
	uint32_t len;     /* bytes of the block */
	int64_t offset;   /* in the content */
	uint8_t hash[32]; /* SHA-256 of the plain bytes */
	uint8_t what;     /* enum want_what */
	uint16_t skew;    /* of leaves: how far behind a multiple of 4 KiB of the file the content begins */
	uint8_t nruns;    /* WANT_LEAVES: which; ascending, with leaves between them; otherwise 0 */
	struct leaf_run runs[WANT_RUNS_MAX];
};

#endif
