/* The search for cuts in plain C, and for what vectors leave of a stretch: see chunk_find.h. */
#include "sync/hash/chunk_find.h"

#include <stdbool.h>

static bool passes(uint64_t bytes)
{
	uint32_t sum = (uint32_t)((int16_t)bytes * CHUNK_K0) + (uint32_t)((int16_t)(bytes >> 16) * CHUNK_K1) +
	               (uint32_t)((int16_t)(bytes >> 32) * CHUNK_K2) + (uint32_t)((int16_t)(bytes >> 48) * CHUNK_K3);

	return (sum & CHUNK_FILTER_MASK) == CHUNK_FILTER_BITS;
}

size_t chunk_find_scalar(const uint8_t *p, size_t n, size_t from, unsigned shift)
{
	for (size_t end = from + 1; end <= n; end++)
		if (passes(chunk_load(p + end - 8)) && chunk_hash(p + end) >> shift == 0)
			return end;
	return 0;
}
