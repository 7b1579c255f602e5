/* FastCDC's gear hash and normalised cutting: see chunk.h.
 *
 * Every agent must cut in the same places, or equal files would share no blocks: table, masks and sizes are part of
 * the protocol. */
#include "sync/hash/chunk.h"

/* A byte's bits reach the top of the hash, and leave it 64 bytes later. */
enum { WINDOW = 64 };

/* One number per byte value: splitmix64's output function over its counter. */
#define GOLDEN    UINT64_C(0x9e3779b97f4a7c15)
#define STEP1(z)  (((z) ^ ((z) >> 30)) * UINT64_C(0xbf58476d1ce4e5b9))
#define STEP2(z)  (((z) ^ ((z) >> 27)) * UINT64_C(0x94d049bb133111eb))
#define STEP3(z)  ((z) ^ ((z) >> 31))
#define GEAR(i)   STEP3(STEP2(STEP1(((uint64_t)(i) + 1) * GOLDEN)))
#define GEAR4(i)  GEAR(i), GEAR((i) + 1), GEAR((i) + 2), GEAR((i) + 3)
#define GEAR16(i) GEAR4(i), GEAR4((i) + 4), GEAR4((i) + 8), GEAR4((i) + 12)
#define GEAR64(i) GEAR16(i), GEAR16((i) + 16), GEAR16((i) + 32), GEAR16((i) + 48)

static const uint64_t gear[256] = { GEAR64(0), GEAR64(64), GEAR64(128), GEAR64(192) };

/* The same, shifted once. */
#define TWICE4(i)  GEAR(i) << 1, GEAR((i) + 1) << 1, GEAR((i) + 2) << 1, GEAR((i) + 3) << 1
#define TWICE16(i) TWICE4(i), TWICE4((i) + 4), TWICE4((i) + 8), TWICE4((i) + 12)
#define TWICE64(i) TWICE16(i), TWICE16((i) + 16), TWICE16((i) + 32), TWICE16((i) + 48)

static const uint64_t gear_twice[256] = { TWICE64(0), TWICE64(64), TWICE64(128), TWICE64(192) };

uint8_t chunk_log2(int64_t size, uint8_t previous)
{
	int log2 = size > 0 ? 63 - __builtin_clzll((uint64_t)size) - 12 : 0;

	if (log2 < CHUNK_MIN_LOG2)
		log2 = CHUNK_MIN_LOG2;
	if (log2 > CHUNK_MAX_LOG2)
		log2 = CHUNK_MAX_LOG2;
	if (previous >= CHUNK_MIN_LOG2 && previous <= CHUNK_MAX_LOG2 && previous + 1 >= log2 && previous <= log2 + 1)
		return previous;
	return (uint8_t)log2;
}

size_t chunk_max(uint8_t avg_log2)
{
	return (size_t)4 << avg_log2;
}

static uint64_t roll(uint64_t hash, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		hash = (hash << 1) + gear[p[i]];
	return hash;
}

/* `bits` ones below the top bit, which stays free so that two bytes can be rolled in at once. */
static uint64_t mask_of(unsigned bits)
{
	return ((UINT64_C(1) << bits) - 1) << (63 - bits);
}

/* Rolls two bytes in. Returns how many of them are before a cut; 0: there is no cut. */
static inline size_t roll_two(uint64_t *hash, const uint8_t *p, uint64_t mask)
{
	uint64_t first = (*hash << 2) + gear_twice[p[0]]; /* the hash after the first byte, shifted once more */

	if ((first & mask << 1) == 0)
		return 1;
	*hash = first + gear[p[1]];
	return (*hash & mask) == 0 ? 2 : 0;
}

/* Rolls bytes in until the masked bits of the hash are all zero. Returns how many; *cut: it stopped for that, not
 * for the end of p. */
static size_t search(uint64_t *hash, const uint8_t *p, size_t n, uint64_t mask, bool *cut)
{
	uint64_t h = *hash;
	size_t i = 0;

	*cut = true;
	for (; i + 8 <= n; i += 8) {
#pragma GCC unroll 4
		for (size_t k = 0; k < 8; k += 2) {
			size_t cut_behind = roll_two(&h, p + i + k, mask);

			if (cut_behind > 0)
				return i + k + cut_behind;
		}
	}
	for (; i < n; i++) {
		h = roll(h, p + i, 1);
		if ((h & mask) == 0)
			return i + 1;
	}
	*hash = h;
	*cut = false;
	return n;
}

static size_t at_most(size_t n, uint32_t len, size_t end)
{
	return n < end - len ? n : end - len;
}

size_t chunk_feed(struct chunk_stream *s, const uint8_t *p, size_t n, bool *cut)
{
	size_t avg = (size_t)1 << s->avg_log2;
	size_t min = avg / 2;
	size_t max = avg * 4;
	size_t used = 0;

	*cut = false;
	while (used < n && !*cut) {
		size_t take;

		if (s->len < min - WINDOW) {
			take = at_most(n - used, s->len, min - WINDOW);
		} else if (s->len < min) {
			take = at_most(n - used, s->len, min);
			s->hash = roll(s->hash, p + used, take);
		} else {
			/* Two more bits than the average asks for below it, two fewer above it: sizes gather around
			 * it. */
			bool below = s->len < avg;

			take = at_most(n - used, s->len, below ? avg : max);
			take = search(&s->hash, p + used, take, mask_of(s->avg_log2 + (below ? 2u : -2u)), cut);
		}
		s->len += (uint32_t)take;
		used += take;
		if (s->len == max)
			*cut = true;
	}
	if (*cut) {
		s->len = 0;
		s->hash = 0;
	}
	return used;
}
