/* The search for cuts with the vectors of x86: see chunk_find.h.
 *
 * Lane i of a vector read at q holds the bytes q + 4i to q + 4i + 3: a multiply-add makes the first half of the
 * filter's sum there, and the same of a vector read at q + 4 the second. So four pairs of vectors, each read a byte
 * further, cover every end of a stretch as long as a vector. Vectors of 64 bytes gain nothing over 32: both are faster
 * than memory. */
#if defined(__x86_64__)

#include "sync/hash/chunk_find.h"

#include <immintrin.h>

/* Two words of factors, as a lane of 32 bits has them. */
#define PAIR(low, high) ((int)((uint32_t)(high) << 16 | ((uint32_t)(low)&0xffff)))
#define FIRST           PAIR(CHUNK_K0, CHUNK_K1)
#define SECOND          PAIR(CHUNK_K2, CHUNK_K3)

/* --- 16 ends at a time --- */

static inline __m128i passes_sse2(const uint8_t *q)
{
	__m128i a = _mm_loadu_si128((const __m128i *)(const void *)q);
	__m128i b = _mm_loadu_si128((const __m128i *)(const void *)(q + 4));
	__m128i sum =
		_mm_add_epi32(_mm_madd_epi16(a, _mm_set1_epi32(FIRST)), _mm_madd_epi16(b, _mm_set1_epi32(SECOND)));

	return _mm_cmpeq_epi32(_mm_and_si128(sum, _mm_set1_epi32(CHUNK_FILTER_MASK)),
	                       _mm_set1_epi32(CHUNK_FILTER_BITS));
}

size_t chunk_find_sse2(const uint8_t *p, size_t n, size_t from, unsigned shift)
{
	size_t i = from;

	for (; i + 16 <= n; i += 16) {
		const uint8_t *q = p + i - 7;
		__m128i e0 = passes_sse2(q), e1 = passes_sse2(q + 1), e2 = passes_sse2(q + 2), e3 = passes_sse2(q + 3);
		__m128i odd = _mm_or_si128(e1, e3), any = _mm_or_si128(_mm_or_si128(e0, e2), odd);
		size_t end;

		if (_mm_movemask_epi8(any) == 0)
			continue;
		/* Byte 4i + k of a lane's four is set for the end of vector k. */
		any = _mm_or_si128(_mm_or_si128(_mm_srli_epi32(e0, 24), _mm_slli_epi32(_mm_srli_epi32(e1, 24), 8)),
		                   _mm_or_si128(_mm_slli_epi32(_mm_srli_epi32(e2, 24), 16), _mm_slli_epi32(e3, 24)));
		end = chunk_first(p + i, (uint32_t)_mm_movemask_epi8(any), shift);
		if (end > 0)
			return i + end;
	}
	return chunk_find_scalar(p, n, i, shift);
}

/* --- 32 --- */

#define AVX2 __attribute__((target("avx2")))

AVX2 static inline __m256i passes_avx2(const uint8_t *q)
{
	__m256i a = _mm256_loadu_si256((const __m256i *)(const void *)q);
	__m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(q + 4));
	__m256i sum = _mm256_add_epi32(_mm256_madd_epi16(a, _mm256_set1_epi32(FIRST)),
	                               _mm256_madd_epi16(b, _mm256_set1_epi32(SECOND)));

	return _mm256_cmpeq_epi32(_mm256_and_si256(sum, _mm256_set1_epi32(CHUNK_FILTER_MASK)),
	                          _mm256_set1_epi32(CHUNK_FILTER_BITS));
}

AVX2 size_t chunk_find_avx2(const uint8_t *p, size_t n, size_t from, unsigned shift)
{
	size_t i = from;

	for (; i + 32 <= n; i += 32) {
		const uint8_t *q = p + i - 7;
		__m256i e0 = passes_avx2(q), e1 = passes_avx2(q + 1), e2 = passes_avx2(q + 2), e3 = passes_avx2(q + 3);
		__m256i any = _mm256_or_si256(_mm256_or_si256(e0, e2), _mm256_or_si256(e1, e3));
		size_t end;

		if (_mm256_testz_si256(any, any))
			continue;
		any = _mm256_or_si256(_mm256_or_si256(_mm256_srli_epi32(e0, 24),
		                                      _mm256_slli_epi32(_mm256_srli_epi32(e1, 24), 8)),
		                      _mm256_or_si256(_mm256_slli_epi32(_mm256_srli_epi32(e2, 24), 16),
		                                      _mm256_slli_epi32(e3, 24)));
		end = chunk_first(p + i, (uint32_t)_mm256_movemask_epi8(any), shift);
		if (end > 0)
			return i + end;
	}
	return chunk_find_sse2(p, n, i, shift);
}

#endif
