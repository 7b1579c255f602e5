/* The SHA-256 compression function on two states at once (x86 SHA extensions), for sha256_many() alone. */
#ifndef LANYARD_BASE_SHA256_TWO_H
#define LANYARD_BASE_SHA256_TWO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHA256_BLOCK = 64 };

/* FIPS 180-4, 5.3.3 */
#define SHA256_START                                                                                           \
	{                                                                                                      \
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 \
	}

/* Whether this machine can run sha256_two(). */
bool sha256_two_works(void);
/* Takes `blocks` blocks from p into a, and as many from q into b. a and b differ; p and q may be the same. */
void sha256_two(uint32_t a[8], const uint8_t *p, uint32_t b[8], const uint8_t *q, size_t blocks);

#endif
