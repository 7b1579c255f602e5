/* SHA-256 on sixteen states with AVX-512: see sha256_kernel.h. A rotation is one instruction here, and so is each of
 * the standard's three-way functions. */
#include "base/cpu.h"
#include "base/sha256_kernel.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define LANES_TARGET            __attribute__((target("avx512f,avx512bw")))
#define LANES_T                 __m512i
#define LANES_ADD(a, b)         _mm512_add_epi32(a, b)
#define LANES_XOR3(a, b, c)     _mm512_ternarylogic_epi32(a, b, c, 0x96)
#define LANES_ROTATE(x, n)      _mm512_ror_epi32(x, n)
#define LANES_SHIFT(x, n)       _mm512_srli_epi32(x, n)
#define LANES_CHOOSE(e, f, g)   _mm512_ternarylogic_epi32(e, f, g, 0xca)
#define LANES_MAJORITY(a, b, c) _mm512_ternarylogic_epi32(a, b, c, 0xe8)
#define LANES_CONSTANT(i)       _mm512_set1_epi32((int)sha256_constants[i])
#include "base/sha256_lanes.h"

/* Transposes sixteen rows of sixteen words. */
LANES_TARGET static inline __attribute__((always_inline)) void transpose16(__m512i r[16])
{
	__m512i t[16];

#pragma GCC unroll 8
	for (int i = 0; i < 16; i += 2) {
		t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
		t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
	}
	/* r[4 * i + j]: of rows 4 * i to 4 * i + 3, the words 4 * k + j for each quarter k */
#pragma GCC unroll 4
	for (int i = 0; i < 16; i += 4) {
		r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
		r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
		r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
		r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
	}
#pragma GCC unroll 4
	for (int i = 0; i < 4; i++) {
		t[i] = _mm512_shuffle_i32x4(r[i], r[4 + i], 0x88);
		t[4 + i] = _mm512_shuffle_i32x4(r[i], r[4 + i], 0xdd);
		t[8 + i] = _mm512_shuffle_i32x4(r[8 + i], r[12 + i], 0x88);
		t[12 + i] = _mm512_shuffle_i32x4(r[8 + i], r[12 + i], 0xdd);
	}
#pragma GCC unroll 4
	for (int i = 0; i < 4; i++) {
		r[i] = _mm512_shuffle_i32x4(t[i], t[8 + i], 0x88);
		r[8 + i] = _mm512_shuffle_i32x4(t[i], t[8 + i], 0xdd);
		r[4 + i] = _mm512_shuffle_i32x4(t[4 + i], t[12 + i], 0x88);
		r[12 + i] = _mm512_shuffle_i32x4(t[4 + i], t[12 + i], 0xdd);
	}
}

LANES_TARGET static void take_16(uint32_t *const h[], const uint8_t *const p[], size_t blocks)
{
	const __m512i swap = _mm512_broadcast_i32x4(_mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203));
	uint32_t words[8][SHA256_LANES_MAX] __attribute__((aligned(64)));
	__m512i s[8];

	for (int i = 0; i < 8; i++) {
		for (int lane = 0; lane < SHA256_LANES_MAX; lane++)
			words[i][lane] = h[lane][i];
		s[i] = _mm512_load_si512(words[i]);
	}
	for (size_t n = 0; n < blocks; n++) {
		__m512i w[16];

#pragma GCC unroll 16
		for (int lane = 0; lane < SHA256_LANES_MAX; lane++)
			w[lane] = _mm512_shuffle_epi8(_mm512_loadu_si512(p[lane] + n * SHA256_BLOCK), swap);
		transpose16(w);
		lanes_take(s, w);
	}
	for (int i = 0; i < 8; i++) {
		_mm512_store_si512(words[i], s[i]);
		for (int lane = 0; lane < SHA256_LANES_MAX; lane++)
			h[lane][i] = words[i][lane];
	}
}

#define RUN take_16
#else
#define RUN NULL
#endif

const struct sha256_kernel sha256_avx512 = { "avx512", SHA256_LANES_MAX, CPU_AVX512, RUN };
