/* Which digests a table surely does not have. See index_filter.h. */
#include "sync/index/index_filter.h"

#include <stdlib.h>

#include "base/mem.h"

enum {
	LINES = 1 << 14,
	LINE_WORDS = 8, /* of 64 bits */
	PLACE_BITS = 9, /* choose a bit of a line */
	EACH = 3,       /* bits of a digest */
};

struct index_filter {
	uint64_t bits[LINES][LINE_WORDS];
};

struct index_filter *index_filter_new(void)
{
	return MEM_NEW(struct index_filter);
}

void index_filter_free(struct index_filter *filter)
{
	free(filter);
}

/* The word of a digest's bit number i, and *bit within it. */
static uint32_t filter_place(uint64_t digest, int i, uint64_t *bit)
{
	uint32_t at = (uint32_t)(digest >> (64 - PLACE_BITS * (i + 1))) & ((1 << PLACE_BITS) - 1);

	*bit = UINT64_C(1) << (at & 63);
	return at >> 6;
}

void index_filter_add(struct index_filter *filter, int64_t digest)
{
	uint64_t *line = filter->bits[(uint64_t)digest % LINES], bit;

	for (int i = 0; i < EACH; i++) {
		uint32_t word = filter_place((uint64_t)digest, i, &bit);

		line[word] |= bit;
	}
}

bool index_filter_lacks(const struct index_filter *filter, int64_t digest)
{
	const uint64_t *line = filter->bits[(uint64_t)digest % LINES];
	uint64_t bit;

	for (int i = 0; i < EACH; i++) {
		uint32_t word = filter_place((uint64_t)digest, i, &bit);

		if ((line[word] & bit) == 0)
			return true;
	}
	return false;
}
