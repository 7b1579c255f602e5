/* SHA-256 on eight states with AVX-512's instructions for vectors of 256 bits, where there are not sixteen inputs: see
 * sha256_kernel.h. */
#include "base/cpu.h"
#include "base/sha256_kernel.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define LANES_TARGET            __attribute__((target("avx2,avx512f,avx512bw,avx512vl")))
#define LANES_T                 __m256i
#define LANES_ADD(a, b)         _mm256_add_epi32(a, b)
#define LANES_XOR3(a, b, c)     _mm256_ternarylogic_epi32(a, b, c, 0x96)
#define LANES_ROTATE(x, n)      _mm256_ror_epi32(x, n)
#define LANES_SHIFT(x, n)       _mm256_srli_epi32(x, n)
#define LANES_CHOOSE(e, f, g)   _mm256_ternarylogic_epi32(e, f, g, 0xca)
#define LANES_MAJORITY(a, b, c) _mm256_ternarylogic_epi32(a, b, c, 0xe8)
#define LANES_CONSTANT(i)       _mm256_set1_epi32((int)sha256_constants[i])
#include "base/sha256_lanes8.h"

#define RUN lanes8_run
#else
#define RUN NULL
#endif

const struct sha256_kernel sha256_avx512vl = { "avx512vl", 8, CPU_AVX512, RUN };
