/* The eight-lane kernels' way in and out of vectors of 256 bits: included by them after sha256_lanes.h. */
#ifndef LANYARD_BASE_SHA256_LANES8_H
#define LANYARD_BASE_SHA256_LANES8_H

#include "base/sha256_lanes.h"

enum { LANES8 = 8 };

/* Word i of half a block from each lane into r[i]. */
LANES_TARGET static inline __attribute__((always_inline)) void lanes8_load(__m256i r[8], const uint8_t *const p[],
                                                                           size_t at)
{
	const __m256i swap = _mm256_broadcastsi128_si256(_mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203));
	__m256i t[8], u[8];

	/* Row i holds the first four words of lane i, and of lane i + 4: so two steps within the halves are enough. */
#pragma GCC unroll 4
	for (int i = 0; i < 4; i++) {
		const __m128i *a = (const __m128i *)(p[i] + at), *b = (const __m128i *)(p[i + 4] + at);

		t[i] = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(a)), _mm_loadu_si128(b), 1);
		t[i + 4] = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(a + 1)),
		                                   _mm_loadu_si128(b + 1), 1);
		t[i] = _mm256_shuffle_epi8(t[i], swap);
		t[i + 4] = _mm256_shuffle_epi8(t[i + 4], swap);
	}
#pragma GCC unroll 2
	for (int i = 0; i < 8; i += 4) {
		u[i] = _mm256_unpacklo_epi32(t[i], t[i + 1]);
		u[i + 1] = _mm256_unpackhi_epi32(t[i], t[i + 1]);
		u[i + 2] = _mm256_unpacklo_epi32(t[i + 2], t[i + 3]);
		u[i + 3] = _mm256_unpackhi_epi32(t[i + 2], t[i + 3]);
		r[i] = _mm256_unpacklo_epi64(u[i], u[i + 2]);
		r[i + 1] = _mm256_unpackhi_epi64(u[i], u[i + 2]);
		r[i + 2] = _mm256_unpacklo_epi64(u[i + 1], u[i + 3]);
		r[i + 3] = _mm256_unpackhi_epi64(u[i + 1], u[i + 3]);
	}
}

LANES_TARGET static void lanes8_run(uint32_t *const h[], const uint8_t *const p[], size_t blocks)
{
	uint32_t words[8][LANES8] __attribute__((aligned(32)));
	__m256i s[8];

	for (int i = 0; i < 8; i++) {
		for (int lane = 0; lane < LANES8; lane++)
			words[i][lane] = h[lane][i];
		s[i] = _mm256_load_si256((const __m256i *)words[i]);
	}
	for (size_t n = 0; n < blocks; n++) {
		__m256i w[16];

		lanes8_load(w, p, n * SHA256_BLOCK);
		lanes8_load(w + 8, p, n * SHA256_BLOCK + SHA256_BLOCK / 2);
		lanes_take(s, w);
	}
	for (int i = 0; i < 8; i++) {
		_mm256_store_si256((__m256i *)words[i], s[i]);
		for (int lane = 0; lane < LANES8; lane++)
			h[lane][i] = words[i][lane];
	}
}

#endif
