/* Proves which instruction sets a value of LANYARD_CPU allows, and that the process keeps to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cpu.h"

static void names_allow_what_they_are_built_upon(void **state)
{
	const unsigned sse41 = CPU_SSE2 | CPU_SSSE3 | CPU_SSE41;

	(void)state;
	assert_int_equal(cpu_named(NULL), ~0u);
	assert_int_equal(cpu_named(""), ~0u);
	assert_int_equal(cpu_named("scalar"), 0);
	assert_int_equal(cpu_named("avx2"), sse41 | CPU_AVX2);
	assert_int_equal(cpu_named("avx512"), sse41 | CPU_AVX2 | CPU_AVX512);
	assert_int_equal(cpu_named("avx2,sha"), sse41 | CPU_AVX2 | CPU_SHA);
	assert_int_equal(cpu_named("sha2"), CPU_NEON | CPU_ARM_SHA2);
	assert_int_equal(cpu_named("avx,sh,,unknown,"), 0);
}

/* The sets are looked up once in a process: each value is tried in one of its own. */
static bool allowed(const char *value, unsigned sets)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		setenv("LANYARD_CPU", value, 1);
		_exit(cpu_may_use(sets) ? 1 : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status) == 1;
}

static void the_environment_limits_the_machine(void **state)
{
	(void)state;
	assert_true(allowed("scalar", CPU_SCALAR));
	assert_false(allowed("scalar", CPU_SSE2));
	assert_false(allowed("scalar", CPU_NEON));
#if defined(__x86_64__)
	assert_true(allowed("", CPU_SSE2));
	assert_true(allowed("sse2", CPU_SSE2));
	assert_false(allowed("sse2", CPU_SSE2 | CPU_SSSE3));
	assert_false(allowed("", CPU_NEON));
#elif defined(__aarch64__)
	assert_true(allowed("", CPU_NEON));
	assert_false(allowed("neon", CPU_ARM_SHA2));
	assert_false(allowed("", CPU_SSE2));
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_allow_what_they_are_built_upon),
		cmocka_unit_test(the_environment_limits_the_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
