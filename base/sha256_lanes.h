/* SHA-256 on as many states as a vector has 32-bit lanes: word i of every state in one vector, so each step of the
 * standard is a few vector instructions. A template: each sha256_<set>.c defines its vector and its steps and then
 * includes this, which gives it lanes_take(). The steps:
 *   LANES_TARGET               the attributes of a function that may use the set
 *   LANES_T                    the vector
 *   LANES_ADD(a, b), LANES_XOR3(a, b, c), LANES_ROTATE(x, n) to the right, LANES_SHIFT(x, n) to the right
 *   LANES_CHOOSE(e, f, g), LANES_MAJORITY(a, b, c)     Ch and Maj of FIPS 180-4, 4.1.2
 *   LANES_CONSTANT(i)          number i of sha256_constants, in each lane
 * Sixteen vectors of the message are kept, and each becomes the one sixteen rounds on as soon as it was used. */
#ifndef LANYARD_BASE_SHA256_LANES_H
#define LANYARD_BASE_SHA256_LANES_H

#include "base/sha256_kernel.h"

/* FIPS 180-4, 6.2.2, step 3, without moving the eight words: the caller renames them from round to round. */
#define LANES_ROUND(a, b, c, d, e, f, g, h, i)                                                                         \
	do {                                                                                                           \
		LANES_T t1 =                                                                                           \
			LANES_ADD(LANES_ADD(h, LANES_ADD(w[(i) % 16], LANES_CONSTANT(from + (i)))),                    \
		                  LANES_ADD(LANES_CHOOSE(e, f, g), LANES_XOR3(LANES_ROTATE(e, 6), LANES_ROTATE(e, 11), \
		                                                              LANES_ROTATE(e, 25))));                  \
		LANES_T t2 = LANES_ADD(LANES_MAJORITY(a, b, c),                                                        \
		                       LANES_XOR3(LANES_ROTATE(a, 2), LANES_ROTATE(a, 13), LANES_ROTATE(a, 22)));      \
		d = LANES_ADD(d, t1);                                                                                  \
		h = LANES_ADD(t1, t2);                                                                                 \
	} while (0)

/* 6.2.2, step 1: word i of the next sixteen. */
#define LANES_SCHEDULE(i)                                                            \
	(w[i] = LANES_ADD(LANES_ADD(w[i], w[((i) + 9) % 16]),                        \
	                  LANES_ADD(LANES_XOR3(LANES_ROTATE(w[((i) + 1) % 16], 7),   \
	                                       LANES_ROTATE(w[((i) + 1) % 16], 18),  \
	                                       LANES_SHIFT(w[((i) + 1) % 16], 3)),   \
	                            LANES_XOR3(LANES_ROTATE(w[((i) + 14) % 16], 17), \
	                                       LANES_ROTATE(w[((i) + 14) % 16], 19), \
	                                       LANES_SHIFT(w[((i) + 14) % 16], 10)))))

#define LANES_EIGHT(i, then)                                \
	do {                                                \
		LANES_ROUND(a, b, c, d, e, f, g, h, i);     \
		then(i);                                    \
		LANES_ROUND(h, a, b, c, d, e, f, g, i + 1); \
		then(i + 1);                                \
		LANES_ROUND(g, h, a, b, c, d, e, f, i + 2); \
		then(i + 2);                                \
		LANES_ROUND(f, g, h, a, b, c, d, e, i + 3); \
		then(i + 3);                                \
		LANES_ROUND(e, f, g, h, a, b, c, d, i + 4); \
		then(i + 4);                                \
		LANES_ROUND(d, e, f, g, h, a, b, c, i + 5); \
		then(i + 5);                                \
		LANES_ROUND(c, d, e, f, g, h, a, b, i + 6); \
		then(i + 6);                                \
		LANES_ROUND(b, c, d, e, f, g, h, a, i + 7); \
		then(i + 7);                                \
	} while (0)

#define LANES_NOTHING(i) ((void)0)

/* One block of each lane into its state: s[i] is word i of the states, w[i] word i of the blocks. */
LANES_TARGET static inline __attribute__((always_inline)) void lanes_take(LANES_T s[8], LANES_T w[16])
{
	LANES_T a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7];
	int from = 0;

	for (; from < 48; from += 16) {
		LANES_EIGHT(0, LANES_SCHEDULE);
		LANES_EIGHT(8, LANES_SCHEDULE);
	}
	LANES_EIGHT(0, LANES_NOTHING);
	LANES_EIGHT(8, LANES_NOTHING);
	s[0] = LANES_ADD(s[0], a);
	s[1] = LANES_ADD(s[1], b);
	s[2] = LANES_ADD(s[2], c);
	s[3] = LANES_ADD(s[3], d);
	s[4] = LANES_ADD(s[4], e);
	s[5] = LANES_ADD(s[5], f);
	s[6] = LANES_ADD(s[6], g);
	s[7] = LANES_ADD(s[7], h);
}

#endif
