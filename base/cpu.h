/* Which instruction sets beyond the compiler's own target this process may use. A function that uses one carries a
 * target attribute of its own (the tree is built without -m flags) and is called only after cpu_may_use() said so.
 *
 * The environment's LANYARD_CPU names the only sets that may be used, with commas between: "avx2,sha"; each also allows
 * what it is built upon (avx512: avx2, sse4.1, ssse3 and sse2). "scalar" names none. A set that this machine lacks, or
 * a name that nobody knows, allows nothing. It is there for tests and measurements: results are the same either way. */
#ifndef LANYARD_BASE_CPU_H
#define LANYARD_BASE_CPU_H

#include <stdbool.h>

enum {
	CPU_SSE2 = 1 << 0,
	CPU_SSSE3 = 1 << 1,
	CPU_SSE41 = 1 << 2,
	CPU_AVX2 = 1 << 3,
	CPU_AVX512 = 1 << 4,   /* F, BW, DQ and VL together */
	CPU_SHA = 1 << 5,      /* x86: SHA-NI */
	CPU_NEON = 1 << 6,     /* "neon": always there on 64-bit ARM */
	CPU_ARM_SHA2 = 1 << 7, /* "sha2": ARMv8's SHA-256 instructions */
	CPU_SCALAR = 0,
};

/* Whether the machine has all of these sets (CPU_* or-ed), the kernel saves their registers, and LANYARD_CPU allows
 * them. Looked up once in a process, then a load. Any thread. */
bool cpu_may_use(unsigned sets);
/* The sets that a value of LANYARD_CPU names, with what they are built upon; all of them for NULL or "". */
unsigned cpu_named(const char *text);

#endif
