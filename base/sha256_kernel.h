/* The SHA-256 compression function (FIPS 180-4, 6.2) on several states at once, in as many ways as processors have:
 * for sha256_many() and its tests alone. Each way is a kernel; each gives the same digests. */
#ifndef LANYARD_BASE_SHA256_KERNEL_H
#define LANYARD_BASE_SHA256_KERNEL_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_BLOCK = 64, SHA256_LANES_MAX = 16, SHA256_KERNELS = 9 };

/* FIPS 180-4, 5.3.3 */
#define SHA256_START                                                                                           \
	{                                                                                                      \
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 \
	}

/* FIPS 180-4, 4.2.2 */
extern const uint32_t sha256_constants[64];

/* Takes `blocks` blocks from p[i] into the state h[i], for each lane i of the kernel. The states differ; the bytes may
 * be the same ones. */
typedef void sha256_kernel_fn(uint32_t *const h[], const uint8_t *const p[], size_t blocks);

struct sha256_kernel {
	const char *name;
	unsigned lanes;        /* 1 to SHA256_LANES_MAX */
	unsigned sets;         /* CPU_* it needs */
	sha256_kernel_fn *run; /* NULL: not in this build */
};

extern const struct sha256_kernel sha256_plain, sha256_avx2, sha256_avx512vl, sha256_avx512;
extern const struct sha256_kernel sha256_ni_one, sha256_ni_two, sha256_neon, sha256_arm_one, sha256_arm_two;
/* All of these; the plain one, which runs anywhere, first. */
extern const struct sha256_kernel *const sha256_kernels[SHA256_KERNELS];

#endif
