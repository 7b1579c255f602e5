/* What the unit tests use of cmocka, for libraries of C that Debian has no cmocka for: see `make musl`. A test that fails
 * ends the program. */
#ifndef LANYARD_TESTS_MUSL_CMOCKA_H
#define LANYARD_TESTS_MUSL_CMOCKA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
	const char *name;
	void (*test)(void **state);
	int (*set_up)(void **state), (*tear_down)(void **state);
};

static jmp_buf musl_skipped;

static inline void musl_need(int holds, const char *what, const char *file, int line)
{
	if (holds)
		return;
	printf("%s:%d: %s\n", file, line, what);
	exit(1);
}

static inline void musl_equal(uintmax_t a, uintmax_t b, const char *what, const char *file, int line)
{
	if (a != b)
		printf("%s:%d: %ju (%jx), %ju (%jx)\n", file, line, a, a, b, b);
	musl_need(a == b, what, file, line);
}

static inline void musl_skip(void)
{
	longjmp(musl_skipped, 1);
}

static inline int musl_run(const struct CMUnitTest *t)
{
	void *state = NULL;

	musl_need(t->set_up == NULL || t->set_up(&state) == 0, "set-up failed", t->name, 0);
	if (setjmp(musl_skipped) == 0)
		t->test(&state);
	else
		printf("skipped: %s\n", t->name);
	musl_need(t->tear_down == NULL || t->tear_down(&state) == 0, "tear-down failed", t->name, 0);
	return 0;
}

static inline int musl_run_all(const struct CMUnitTest *tests, size_t n, int (*set_up)(void **),
                               int (*tear_down)(void **))
{
	void *state = NULL;

	musl_need(set_up == NULL || set_up(&state) == 0, "set-up failed", "group", 0);
	for (size_t i = 0; i < n; i++)
		musl_run(&tests[i]);
	musl_need(tear_down == NULL || tear_down(&state) == 0, "tear-down failed", "group", 0);
	printf("%zu tests passed\n", n);
	return 0;
}

#define cmocka_unit_test(t)       \
	{                         \
#t, t, NULL, NULL \
	}
#define cmocka_unit_test_setup_teardown(t, up, down) \
	{                                            \
#t, t, up, down                      \
	}
#define cmocka_run_group_tests(tests, set_up, tear_down) \
	musl_run_all(tests, sizeof(tests) / sizeof((tests)[0]), set_up, tear_down)
#define cmocka_run_group_tests_name(name, tests, set_up, tear_down) cmocka_run_group_tests(tests, set_up, tear_down)
#define skip()                                                      musl_skip()

#define MUSL_NEED(holds, what)           musl_need((holds) ? 1 : 0, what, __FILE__, __LINE__)
#define MUSL_NUMBER(a)                   ((uintmax_t)(a))
#define assert_true(a)                   MUSL_NEED(a, "is not so: " #a)
#define assert_false(a)                  MUSL_NEED(!(a), "is so: " #a)
#define assert_null(a)                   MUSL_NEED((a) == NULL, "is not NULL: " #a)
#define assert_non_null(a)               MUSL_NEED((a) != NULL, "is NULL: " #a)
#define assert_ptr_equal(a, b)           MUSL_NEED((const void *)(a) == (const void *)(b), "differ: " #a ", " #b)
#define assert_int_equal(a, b)           musl_equal(MUSL_NUMBER(a), MUSL_NUMBER(b), "differ: " #a ", " #b, __FILE__, __LINE__)
#define assert_int_not_equal(a, b)       MUSL_NEED(MUSL_NUMBER(a) != MUSL_NUMBER(b), "equal: " #a ", " #b)
#define assert_string_equal(a, b)        MUSL_NEED(strcmp(a, b) == 0, "differ: " #a ", " #b)
#define assert_string_not_equal(a, b)    MUSL_NEED(strcmp(a, b) != 0, "equal: " #a ", " #b)
#define assert_memory_equal(a, b, n)     MUSL_NEED(memcmp(a, b, n) == 0, "differ: " #a ", " #b)
#define assert_memory_not_equal(a, b, n) MUSL_NEED(memcmp(a, b, n) != 0, "equal: " #a ", " #b)
#define assert_in_range(a, low, high) \
	MUSL_NEED(MUSL_NUMBER(a) >= MUSL_NUMBER(low) && MUSL_NUMBER(a) <= MUSL_NUMBER(high), "out of range: " #a)
#define fail()             MUSL_NEED(0, "fails")
#define fail_msg(...)      (printf(__VA_ARGS__), MUSL_NEED(0, ""))
#define print_message(...) printf(__VA_ARGS__)
#define print_error(...)   printf(__VA_ARGS__)

#endif
