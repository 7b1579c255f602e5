/* Padded sizes: see pad.h. */
#include "sync/seal/pad.h"

#include "sync/hash/chunk.h"

/* floor(log2(n)); n is not 0. */
static unsigned floor_log2(size_t n)
{
	return 63 - (unsigned)__builtin_clzll(n);
}

size_t pad_size(size_t n)
{
	size_t step;

	if (n <= PAD_LEAST)
		return PAD_LEAST;
	step = (size_t)1 << (floor_log2(n - 1) - 3);
	return (n + step - 1) / step * step;
}

static size_t power_of_two(size_t n)
{
	return n <= PAD_LEAST ? PAD_LEAST : (size_t)2 << floor_log2(n - 1);
}

size_t pad_block_max(enum keys_policy policy, uint8_t avg_log2)
{
	size_t avg = (size_t)1 << avg_log2;

	return policy == KEYS_UNIFORM ? avg + avg / 4 : 2 * avg;
}

size_t pad_content(enum keys_policy policy, size_t n, uint8_t avg_log2)
{
	if (policy != KEYS_UNIFORM)
		return pad_size(n);
	return avg_log2 != 0 ? pad_block_max(policy, avg_log2) : power_of_two(n);
}

uint8_t pad_block_avg(enum keys_policy policy, uint8_t cut, size_t n)
{
	uint8_t avg = cut & (CHUNK_RULE - 1);

	if ((cut & CHUNK_RULE) == 0 || avg < CHUNK_MIN_LOG2 || avg > CHUNK_MAX_LOG2)
		return 0;
	return n <= pad_block_max(policy, avg) ? avg : 0;
}

bool pad_fits(enum keys_policy policy, size_t n, size_t padded)
{
	if (n > padded)
		return false;
	if (pad_content(policy, n, 0) == padded)
		return true;
	if (policy != KEYS_UNIFORM)
		return false;
	for (int log2 = CHUNK_MIN_LOG2; log2 <= CHUNK_MAX_LOG2; log2++)
		if (pad_block_max(policy, (uint8_t)log2) == padded)
			return true;
	return false;
}

bool pad_possible(size_t padded)
{
	/* Powers of two and five quarters of them are among the eight sizes of an octave. */
	return pad_size(padded) == padded;
}
