/* SHA-256 on one state, and on two side by side, with the instructions of ARMv8: see sha256_kernel.h. */
#include "base/cpu.h"
#include "base/sha256_kernel.h"

#if defined(__aarch64__)

#include <arm_neon.h>

#define TARGET __attribute__((target("+crypto")))

struct arm_state {
	uint32x4_t abcd, efgh;
};

TARGET static inline __attribute__((always_inline)) uint32x4_t arm_words(const uint8_t *p)
{
	return vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(p)));
}

/* Four rounds, from number 4 * i on, with the schedule's words w. */
TARGET static inline __attribute__((always_inline)) void arm_rounds(struct arm_state *s, uint32x4_t w, int i)
{
	uint32x4_t k = vaddq_u32(w, vld1q_u32(sha256_constants + 4 * i)), before = s->abcd;

	s->abcd = vsha256hq_u32(s->abcd, s->efgh, k);
	s->efgh = vsha256h2q_u32(s->efgh, before, k);
}

TARGET static inline __attribute__((always_inline)) void arm_schedule(uint32x4_t w[4], int i)
{
	w[i % 4] = vsha256su1q_u32(vsha256su0q_u32(w[i % 4], w[(i + 1) % 4]), w[(i + 2) % 4], w[(i + 3) % 4]);
}

TARGET static inline __attribute__((always_inline)) void arm_add(struct arm_state *s, const struct arm_state *before)
{
	s->abcd = vaddq_u32(s->abcd, before->abcd);
	s->efgh = vaddq_u32(s->efgh, before->efgh);
}

TARGET static void arm_one(uint32_t *const h[], const uint8_t *const p[], size_t blocks)
{
	struct arm_state x = { vld1q_u32(h[0]), vld1q_u32(h[0] + 4) };

	for (size_t n = 0; n < blocks; n++) {
		const struct arm_state before = x;
		uint32x4_t v[4];

#pragma GCC unroll 16
		for (int i = 0; i < 16; i++) {
			if (i < 4)
				v[i] = arm_words(p[0] + n * SHA256_BLOCK + 16 * i);
			else
				arm_schedule(v, i);
			arm_rounds(&x, v[i % 4], i);
		}
		arm_add(&x, &before);
	}
	vst1q_u32(h[0], x.abcd);
	vst1q_u32(h[0] + 4, x.efgh);
}

/* The two take turns, so that the instructions of one fill the waiting time of the other. */
TARGET static void arm_two(uint32_t *const h[], const uint8_t *const p[], size_t blocks)
{
	struct arm_state x = { vld1q_u32(h[0]), vld1q_u32(h[0] + 4) };
	struct arm_state y = { vld1q_u32(h[1]), vld1q_u32(h[1] + 4) };

	for (size_t n = 0; n < blocks; n++) {
		const struct arm_state x_before = x, y_before = y;
		uint32x4_t v[4], w[4];

#pragma GCC unroll 16
		for (int i = 0; i < 16; i++) {
			if (i < 4) {
				v[i] = arm_words(p[0] + n * SHA256_BLOCK + 16 * i);
				w[i] = arm_words(p[1] + n * SHA256_BLOCK + 16 * i);
			} else {
				arm_schedule(v, i);
				arm_schedule(w, i);
			}
			arm_rounds(&x, v[i % 4], i);
			arm_rounds(&y, w[i % 4], i);
		}
		arm_add(&x, &x_before);
		arm_add(&y, &y_before);
	}
	vst1q_u32(h[0], x.abcd);
	vst1q_u32(h[0] + 4, x.efgh);
	vst1q_u32(h[1], y.abcd);
	vst1q_u32(h[1] + 4, y.efgh);
}

#define RUN_ONE arm_one
#define RUN_TWO arm_two
#else
#define RUN_ONE NULL
#define RUN_TWO NULL
#endif

const struct sha256_kernel sha256_arm_one = { "armv8", 1, CPU_ARM_SHA2, RUN_ONE };
const struct sha256_kernel sha256_arm_two = { "armv8 two", 2, CPU_ARM_SHA2, RUN_TWO };
