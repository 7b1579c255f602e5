/* Where a block may end: the search behind chunk.c, one function per instruction set. All of them find the same ends;
 * only chunk.c and the test that compares them include this. Any thread.
 *
 * Every agent must cut in the same places, or equal files would share no blocks: the numbers here are part of the
 * protocol (docs/protocol.md, 5). */
#ifndef LANYARD_SYNC_HASH_CHUNK_FIND_H
#define LANYARD_SYNC_HASH_CHUNK_FIND_H

#include <stddef.h>
#include <stdint.h>

/* The filter: the last eight bytes are four little-endian words w0..w3 with a sign, and w0 K0 + w1 K1 + w2 K2 + w3 K3
 * has these bits. No run of one byte passes (test_chunk.c), so zeros are never cut before the maximum. */
enum {
	CHUNK_K0 = 0x7c15,
	CHUNK_K1 = 0x7f4a,
	CHUNK_K2 = 0x79b9,
	CHUNK_K3 = -0x61c9,
	CHUNK_FILTER_MASK = 511 << 16,
	CHUNK_FILTER_BITS = 346 << 16,
};

/* Finds the first end e with from < e <= n where the bytes before e pass the filter and their hash, shifted right by
 * `shift`, is 0: e, or 0 if there is none. from is at least CHUNK_WINDOW - 1; p has n bytes, and none beyond them is
 * read. */
typedef size_t chunk_find(const uint8_t *p, size_t n, size_t from, unsigned shift);

chunk_find chunk_find_scalar;
#if defined(__x86_64__)
chunk_find chunk_find_sse2, chunk_find_avx2;
#elif defined(__aarch64__)
chunk_find chunk_find_neon;
#endif

/* The fastest that this machine has and LANYARD_CPU allows (base/cpu.h). */
chunk_find *chunk_find_best(void);

/* --- for the functions themselves --- */

static inline uint64_t chunk_load(const uint8_t *p)
{
	uint64_t v;

	__builtin_memcpy(&v, p, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}

/* Of the 32 bytes before e. The factors are outputs of splitmix64, made odd. */
static inline uint64_t chunk_hash(const uint8_t *e)
{
	uint64_t h =
		chunk_load(e - 32) * UINT64_C(0xe220a8397b1dcdaf) + chunk_load(e - 24) * UINT64_C(0x6e789e6aa1b965f5) +
		chunk_load(e - 16) * UINT64_C(0x06c45d188009454f) + chunk_load(e - 8) * UINT64_C(0xf88bb8a8724c81ed);

	return (h ^ h >> 32) * UINT64_C(0x1b39896a51a8749b);
}

/* ends: bit i stands for the end i + 1 behind p. The first of them whose hash is small enough; 0: none. */
static inline size_t chunk_first(const uint8_t *p, uint64_t ends, unsigned shift)
{
	for (; ends != 0; ends &= ends - 1) {
		size_t end = (size_t)__builtin_ctzll(ends) + 1;

		if (chunk_hash(p + end) >> shift == 0)
			return end;
	}
	return 0;
}

#endif
