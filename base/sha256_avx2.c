/* SHA-256 on eight states with AVX2: see sha256_kernel.h. It has neither rotations nor three-way functions, so these
 * are made of two and three instructions each. */
#include "base/cpu.h"
#include "base/sha256_kernel.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define LANES_TARGET            __attribute__((target("avx2")))
#define LANES_T                 __m256i
#define LANES_ADD(a, b)         _mm256_add_epi32(a, b)
#define LANES_XOR3(a, b, c)     _mm256_xor_si256(_mm256_xor_si256(a, b), c)
#define LANES_ROTATE(x, n)      _mm256_or_si256(_mm256_srli_epi32(x, n), _mm256_slli_epi32(x, 32 - (n)))
#define LANES_SHIFT(x, n)       _mm256_srli_epi32(x, n)
#define LANES_CHOOSE(e, f, g)   _mm256_xor_si256(g, _mm256_and_si256(e, _mm256_xor_si256(f, g)))
#define LANES_MAJORITY(a, b, c) _mm256_or_si256(_mm256_and_si256(a, b), _mm256_and_si256(c, _mm256_or_si256(a, b)))
#define LANES_CONSTANT(i)       _mm256_set1_epi32((int)sha256_constants[i])
#include "base/sha256_lanes8.h"

#define RUN lanes8_run
#else
#define RUN NULL
#endif

const struct sha256_kernel sha256_avx2 = { "avx2", 8, CPU_AVX2, RUN };
