/* The processor's instruction sets: see cpu.h. */
#include "base/cpu.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

static pthread_once_t once = PTHREAD_ONCE_INIT;
static unsigned usable;

static const struct {
	const char *name;
	unsigned sets;
} names[] = {
	{ "scalar", CPU_SCALAR },
	{ "sse2", CPU_SSE2 },
	{ "ssse3", CPU_SSE2 | CPU_SSSE3 },
	{ "sse4.1", CPU_SSE2 | CPU_SSSE3 | CPU_SSE41 },
	{ "avx2", CPU_SSE2 | CPU_SSSE3 | CPU_SSE41 | CPU_AVX2 },
	{ "avx512", CPU_SSE2 | CPU_SSSE3 | CPU_SSE41 | CPU_AVX2 | CPU_AVX512 },
	{ "sha", CPU_SSE2 | CPU_SSSE3 | CPU_SSE41 | CPU_SHA },
	{ "neon", CPU_NEON },
	{ "sha2", CPU_NEON | CPU_ARM_SHA2 },
};

#if defined(__x86_64__)

/* libgcc and compiler-rt ask the processor and, for the wide registers, whether the kernel saves them. */
static unsigned cpu_has(void)
{
	unsigned a, b, c, d, has = CPU_SSE2;

	if (__builtin_cpu_supports("ssse3"))
		has |= CPU_SSSE3;
	if (__builtin_cpu_supports("sse4.1"))
		has |= CPU_SSE41;
	if (__builtin_cpu_supports("avx2"))
		has |= CPU_AVX2;
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	    __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
		has |= CPU_AVX512;
	/* Not every compiler in use knows this name. */
	if (__get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_SHA) != 0)
		has |= CPU_SHA;
	return has;
}

#elif defined(__aarch64__)

static unsigned cpu_has(void)
{
	return CPU_NEON | ((getauxval(AT_HWCAP) & HWCAP_SHA2) != 0 ? CPU_ARM_SHA2 : 0);
}

#else

static unsigned cpu_has(void)
{
	return CPU_SCALAR;
}

#endif

unsigned cpu_named(const char *text)
{
	unsigned sets = 0;

	if (text == NULL || *text == '\0')
		return ~0u;
	while (*text != '\0') {
		size_t n = strcspn(text, ",");

		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			if (strlen(names[i].name) == n && strncmp(names[i].name, text, n) == 0)
				sets |= names[i].sets;
		}
		text += n + (text[n] == ',');
	}
	return sets;
}

static void look(void)
{
	usable = cpu_has() & cpu_named(getenv("LANYARD_CPU"));
}

bool cpu_may_use(unsigned sets)
{
	pthread_once(&once, look);
	return (usable & sets) == sets;
}
