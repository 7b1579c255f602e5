/* SHA-256 on four states with NEON, for 64-bit ARM without the SHA-256 instructions: see sha256_kernel.h. */
#include "base/cpu.h"
#include "base/sha256_kernel.h"

#if defined(__aarch64__)

#include <arm_neon.h>

enum { NEON_LANES = 4 };

#define LANES_TARGET
#define LANES_T             uint32x4_t
#define LANES_ADD(a, b)     vaddq_u32(a, b)
#define LANES_XOR3(a, b, c) veorq_u32(veorq_u32(a, b), c)
/* Shifts x left and inserts what is shifted out: two instructions. */
#define LANES_ROTATE(x, n)      vsriq_n_u32(vshlq_n_u32(x, 32 - (n)), x, n)
#define LANES_SHIFT(x, n)       vshrq_n_u32(x, n)
#define LANES_CHOOSE(e, f, g)   vbslq_u32(e, f, g)
#define LANES_MAJORITY(a, b, c) vbslq_u32(veorq_u32(a, b), c, b)
#define LANES_CONSTANT(i)       vdupq_n_u32(sha256_constants[i])
#include "base/sha256_lanes.h"

/* Word i of a quarter of a block from each lane into r[i]. */
static inline __attribute__((always_inline)) void neon_load(uint32x4_t r[4], const uint8_t *const p[], size_t at)
{
	uint32x4_t t[4];
	uint32x4x2_t a, b;

#pragma GCC unroll 4
	for (int i = 0; i < NEON_LANES; i++)
		t[i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(p[i] + at)));
	a = vzipq_u32(t[0], t[2]);
	b = vzipq_u32(t[1], t[3]);
	r[0] = vzipq_u32(a.val[0], b.val[0]).val[0];
	r[1] = vzipq_u32(a.val[0], b.val[0]).val[1];
	r[2] = vzipq_u32(a.val[1], b.val[1]).val[0];
	r[3] = vzipq_u32(a.val[1], b.val[1]).val[1];
}

static void neon_run(uint32_t *const h[], const uint8_t *const p[], size_t blocks)
{
	uint32_t words[8][NEON_LANES];
	uint32x4_t s[8];

	for (int i = 0; i < 8; i++) {
		for (int lane = 0; lane < NEON_LANES; lane++)
			words[i][lane] = h[lane][i];
		s[i] = vld1q_u32(words[i]);
	}
	for (size_t n = 0; n < blocks; n++) {
		uint32x4_t w[16];

#pragma GCC unroll 4
		for (int i = 0; i < 4; i++)
			neon_load(w + 4 * i, p, n * SHA256_BLOCK + 16 * (size_t)i);
		lanes_take(s, w);
	}
	for (int i = 0; i < 8; i++) {
		vst1q_u32(words[i], s[i]);
		for (int lane = 0; lane < NEON_LANES; lane++)
			h[lane][i] = words[i][lane];
	}
}

#define RUN neon_run
#else
#define RUN NULL
#endif

const struct sha256_kernel sha256_neon = { "neon", 4, CPU_NEON, RUN };
