/* Proves which paths a share accepts, and that their order is the order of a walk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "sync/plan/record.h"
#include "sync/plan/path.h"

static enum path_verdict check(const char *path)
{
	return path_check(path, strlen(path));
}

static void test_takes_any_legal_name(void **state)
{
	static const char *const fine[] = {
		"a",
		"a/b",
		"...",
		"a/..b",
		".hidden",
		".lanyardx",
		"x.lanyard",
		"lanyard",
		"lanyar~",
		"lanyar~x",
		"a/.lanyardignore",
		".lanyardignored",
		"\xe2\x80\x8c",
		"a\nb",
		"\x1b[31m",
		"\xff\xfe",
		"-rf",
		" ",
		"a b/ c",
		"\\",
		"con",
		"a:b",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
		assert_int_equal(check(fine[i]), PATH_OK);
}

static void test_refuses_tricks(void **state)
{
	(void)state;
	assert_int_equal(check(""), PATH_EMPTY);
	assert_int_equal(check("/"), PATH_EMPTY);
	assert_int_equal(check("/etc/passwd"), PATH_EMPTY);
	assert_int_equal(check("a//b"), PATH_EMPTY);
	assert_int_equal(check("a/"), PATH_EMPTY);
	assert_int_equal(check("."), PATH_DOTS);
	assert_int_equal(check(".."), PATH_DOTS);
	assert_int_equal(check("../a"), PATH_DOTS);
	assert_int_equal(check("a/../b"), PATH_DOTS);
	assert_int_equal(check("a/.."), PATH_DOTS);
	assert_int_equal(check("a/./b"), PATH_DOTS);
	assert_int_equal(check(".lanyard"), PATH_OURS);
	assert_int_equal(check(".lanyard/parts/x"), PATH_OURS);
	/* At any depth, and by every name that some file system takes for the same. */
	assert_int_equal(check("a/.lanyard"), PATH_OURS);
	assert_false(path_is_like_ours(".lanyard"));
	assert_false(path_is_like_ours(".lanyardignore"));
	assert_false(path_is_like_ours(".lanyard/parts"));
	assert_false(path_is_like_ours("a/.lanyard/x"));
	assert_false(path_is_like_ours("a/.lanyard/.lanyard"));
	assert_false(path_is_like_ours("a/b"));
	assert_false(path_is_like_ours(""));
	assert_true(path_is_like_ours("a/.lanyard"));
	assert_true(path_is_like_ours(".LANYARD"));
	assert_true(path_is_like_ours(".LanyardIgnore"));
	assert_int_equal(check("a/b/.lanyard/versions/x"), PATH_OURS);
	assert_int_equal(check(".Lanyard"), PATH_OURS);
	assert_int_equal(check("a/.LANYARD/share"), PATH_OURS);
	assert_int_equal(check(".lanyard./share"), PATH_OURS);
	assert_int_equal(check(".lanyard .. /share"), PATH_OURS);
	assert_int_equal(check(".lan\xe2\x80\x8dyard/share"), PATH_OURS);
	assert_int_equal(check("\xef\xbb\xbf.lanyard"), PATH_OURS);
	assert_int_equal(check("LANYAR~1/share"), PATH_OURS);
	/* Each machine has its own ignore rules at the top. */
	assert_int_equal(check(".lanyardignore"), PATH_RULES);
	assert_int_equal(check(".LanyardIgnore."), PATH_RULES);
	assert_int_equal(path_check("a\0b", 3), PATH_NUL);
	assert_int_equal(path_check("a\0", 2), PATH_NUL);
	assert_int_equal(path_check("..\0", 3), PATH_NUL);
}

static void test_bounds_lengths(void **state)
{
	char path[RECORD_PATH_MAX + 2];

	(void)state;
	memset(path, 'n', sizeof(path));
	assert_int_equal(path_check(path, RECORD_NAME_MAX), PATH_OK);
	assert_int_equal(path_check(path, RECORD_NAME_MAX + 1), PATH_LONG);
	for (size_t i = 1; i < sizeof(path); i += 2)
		path[i] = '/';
	assert_int_equal(path_check(path, RECORD_PATH_MAX), PATH_OK);
	assert_int_equal(path_check(path, RECORD_PATH_MAX + 2), PATH_LONG);
}

static int by_path(const void *a, const void *b)
{
	return path_compare(*(const char *const *)a, *(const char *const *)b);
}

static void test_order_is_that_of_a_walk(void **state)
{
	/* A folder, then everything in it, then its next sibling; siblings in the order of their bytes. */
	static const char *const walk[] = {
		"", "a", "a/b", "a/b/c", "a/b\x01", "a/\xff", "a\x01", "a ", "a-b", "a-b/x", "a.b", "ab", "b", "\xff",
	};
	const char *sorted[sizeof(walk) / sizeof(walk[0])];
	size_t n = sizeof(walk) / sizeof(walk[0]);

	(void)state;
	for (size_t i = 0; i < n; i++)
		sorted[i] = walk[(i * 5 + 3) % n];
	qsort(sorted, n, sizeof(sorted[0]), by_path);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(sorted[i], walk[i]);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++)
			assert_true((path_compare(walk[i], walk[k]) < 0) == (i < k) &&
			            (path_compare(walk[i], walk[k]) > 0) == (i > k));
}

static void test_under_means_whole_components(void **state)
{
	(void)state;
	assert_true(path_is_under("a/b", ""));
	assert_true(path_is_under("a", "a"));
	assert_true(path_is_under("a/b/c", "a/b"));
	assert_false(path_is_under("a/bc", "a/b"));
	assert_false(path_is_under("a", "a/b"));
}

static void test_joins(void **state)
{
	char *top = path_join("", "x");
	char *deep = path_join("a/b", "x");

	(void)state;
	assert_string_equal(top, "x");
	assert_string_equal(deep, "a/b/x");
	free(top);
	free(deep);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_takes_any_legal_name),
		cmocka_unit_test(test_refuses_tricks),
		cmocka_unit_test(test_bounds_lengths),
		cmocka_unit_test(test_order_is_that_of_a_walk),
		cmocka_unit_test(test_under_means_whole_components),
		cmocka_unit_test(test_joins),
	};

	return cmocka_run_group_tests_name("path", tests, NULL, NULL);
}
