/* The search for cuts with the vectors of 64-bit ARM: see chunk_find.h.
 *
 * Of sixteen bytes read at q, the words are those at q, q + 2, ... q + 14: products with vectors read two, four and six
 * bytes further add up to the filter's sum at eight ends. A byte further, they give the eight between them. */
#if defined(__aarch64__)

#include "sync/hash/chunk_find.h"

#include <arm_neon.h>

static inline int16x8_t words_at(const uint8_t *q)
{
	return vreinterpretq_s16_u8(vld1q_u8(q));
}

/* All ones in the lanes of the ends whose bytes pass. */
static inline uint16x8_t passes_neon(const uint8_t *q)
{
	int16x8_t w0 = words_at(q), w1 = words_at(q + 2), w2 = words_at(q + 4), w3 = words_at(q + 6);
	int32x4_t low = vmull_n_s16(vget_low_s16(w0), (int16_t)CHUNK_K0);
	int32x4_t high = vmull_high_n_s16(w0, (int16_t)CHUNK_K0);
	int16x8_t middle;

	low = vmlal_n_s16(low, vget_low_s16(w1), (int16_t)CHUNK_K1);
	high = vmlal_high_n_s16(high, w1, (int16_t)CHUNK_K1);
	low = vmlal_n_s16(low, vget_low_s16(w2), (int16_t)CHUNK_K2);
	high = vmlal_high_n_s16(high, w2, (int16_t)CHUNK_K2);
	low = vmlal_n_s16(low, vget_low_s16(w3), (int16_t)CHUNK_K3);
	high = vmlal_high_n_s16(high, w3, (int16_t)CHUNK_K3);
	middle = vuzp2q_s16(vreinterpretq_s16_s32(low), vreinterpretq_s16_s32(high));
	middle = vandq_s16(middle, vdupq_n_s16(CHUNK_FILTER_MASK >> 16));
	return vceqq_s16(middle, vdupq_n_s16(CHUNK_FILTER_BITS >> 16));
}

/* One bit for each of the sixteen ends. */
static inline uint64_t bits_of(uint16x8_t even, uint16x8_t odd)
{
	static const uint8_t weights[16] = { 1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128 };
	/* The low byte of each lane of `even`, the high one of `odd`. */
	uint8x16_t all = vbslq_u8(vreinterpretq_u8_u16(vdupq_n_u16(0x00ff)), vreinterpretq_u8_u16(even),
	                          vreinterpretq_u8_u16(odd));

	all = vandq_u8(all, vld1q_u8(weights));
	return vaddv_u8(vget_low_u8(all)) | (uint64_t)vaddv_u8(vget_high_u8(all)) << 8;
}

size_t chunk_find_neon(const uint8_t *p, size_t n, size_t from, unsigned shift)
{
	size_t i = from;

	for (; i + 16 <= n; i += 16) {
		const uint8_t *q = p + i - 7;
		uint16x8_t even = passes_neon(q), odd = passes_neon(q + 1);
		size_t end;

		if (vmaxvq_u16(vorrq_u16(even, odd)) == 0)
			continue;
		end = chunk_first(p + i, bits_of(even, odd), shift);
		if (end > 0)
			return i + end;
	}
	return chunk_find_scalar(p, n, i, shift);
}

#endif
