/* What users name when they choose: paths and patterns; against a plain recursive matcher at random. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sync/plan/pattern.h"

static void covers(const char *pattern, const char *path, bool expected)
{
	if (pattern_covers(pattern, path) != expected)
		fail_msg("%s %s %s", pattern, expected ? "does not cover" : "covers", path);
}

static void a_path_covers_itself_and_what_is_below(void **state)
{
	(void)state;
	covers("", "a/b", true);
	covers("a", "a", true);
	covers("a", "a/b/c", true);
	covers("a/b", "a/b/c", true);
	covers("a/b", "a", false);
	covers("a", "ab", false);
	covers("ab", "a", false);
	covers("a", "b/a", false);
	covers("\xff\xfe", "\xff\xfe/x", true);
}

static void globs(void **state)
{
	(void)state;
	covers("*", "a", true);
	covers("*", "a/b", true); /* by what is above it */
	covers("*.jpg", "a.jpg", true);
	covers("*.jpg", "d/a.jpg", false);
	covers("**/*.jpg", "d/a.jpg", true);
	covers("**/*.jpg", "a.jpg", true);
	covers("**/*.jpg", "d/e/a.jpg.txt", false);
	covers("photos/**", "photos", false);
	covers("photos/**", "photos/2026/a.jpg", true);
	covers("photos/*/a.jpg", "photos/2026/a.jpg", true);
	covers("photos/*/a.jpg", "photos/x/2026/a.jpg", false);
	covers("a/**/b", "a/b", true);
	covers("a/**/b", "a/x/y/b", true);
	covers("a/**/b", "a/xb", false);
	covers("a/**/b", "ab", false);
	covers("a**b", "ax/yb", true);
	covers("a?c", "abc", true);
	covers("a?c", "a/c", false);
	covers("a[0-9]", "a7", true);
	covers("a[!0-9]", "a7", false);
	covers("a[!0-9]", "ax", true);
	covers("a[!x]b", "a/b", false);
	covers("a[]]", "a]", true);
	covers("a[", "a[", true);
	covers("\\*", "*", true);
	covers("\\*", "a", false);
	covers("*x/*y", "axbx/zy", true);
	covers("*x/**/q*y", "axbx/m/qzy/n", true);
}

static void a_path_is_quoted(void **state)
{
	static const char *const odd[] = { "a*b", "[x]", "what?", "back\\slash", "plain/path" };

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		char *quoted = pattern_quote(odd[i]), *root = pattern_root(quoted);

		assert_false(pattern_is_glob(quoted));
		assert_true(pattern_check(quoted));
		covers(quoted, odd[i], true);
		assert_string_equal(root, odd[i]);
		free(root);
		free(quoted);
	}
	assert_true(pattern_is_glob("a*b"));
	assert_true(pattern_is_glob("[x]"));
	assert_false(pattern_is_glob("[x"));
}

static void the_root_of_a_pattern(void **state)
{
	static const struct {
		const char *pattern, *root;
	} known[] = { { "", "" },  { "a/b", "a/b" },       { "a/b*", "a" },  { "a/b/**", "a/b" },
		      { "*", "" }, { "a\\*/b/?", "a*/b" }, { "a\\/b*", "a" } };

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		char *root = pattern_root(known[i].pattern);

		assert_string_equal(root, known[i].root);
		free(root);
	}
}

static void what_can_cover_nothing_is_refused(void **state)
{
	static const char *const bad[] = { "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a\\" };
	char *big = calloc(1, PATTERN_MAX + 2);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(pattern_check(bad[i]));
	assert_true(pattern_check(""));
	assert_true(pattern_check("a/.b/..c"));
	memset(big, 'a', PATTERN_MAX + 1);
	assert_false(pattern_check(big));
	free(big);
}

/* The same rules, told in another way: every way to match is tried. */
static bool tries(const char *pattern, const char *p, const char *s)
{
	if (*p == '\0')
		return *s == '\0' || *s == '/';
	if (p[0] == '*' && p[1] == '*') {
		const char *rest = p;

		while (*rest == '*')
			rest++;
		if ((p == pattern || p[-1] == '/') && *rest == '/' && tries(pattern, rest + 1, s))
			return true;
		for (;; s++) {
			if (tries(pattern, rest, s))
				return true;
			if (*s == '\0')
				return false;
		}
	}
	if (*p == '*') {
		for (;; s++) {
			if (tries(pattern, p + 1, s))
				return true;
			if (*s == '\0' || *s == '/')
				return false;
		}
	}
	return *s != '\0' && (*p == '?' ? *s != '/' : *p == *s) && tries(pattern, p + 1, s + 1);
}

static void random_text(unsigned *seed, const char *alphabet, char *out, size_t max)
{
	size_t n = 1 + (size_t)rand_r(seed) % max;

	for (size_t i = 0; i < n; i++)
		out[i] = alphabet[(size_t)rand_r(seed) % strlen(alphabet)];
	out[n] = '\0';
}

static void every_way_to_match_is_found(void **state)
{
	unsigned seed = 1;
	int covered = 0;

	(void)state;
	for (int i = 0; i < 300000; i++) {
		char pattern[12], path[14];

		random_text(&seed, "ab/**?", pattern, 10);
		random_text(&seed, "aab/", path, 12);
		if (!pattern_check(pattern) || !pattern_check(path))
			continue;
		covered += tries(pattern, pattern, path);
		covers(pattern, path, tries(pattern, pattern, path));
	}
	assert_true(covered > 1000);
}

static void a_long_match_takes_no_time(void **state)
{
	char pattern[4001], path[4001];

	(void)state;
	memset(path, 'a', 4000);
	path[4000] = '\0';
	for (int i = 0; i < 4000; i += 2)
		memcpy(pattern + i, "a*", 2);
	pattern[3999] = 'b';
	pattern[4000] = '\0';
	covers(pattern, path, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_covers_itself_and_what_is_below),
		cmocka_unit_test(globs),
		cmocka_unit_test(a_path_is_quoted),
		cmocka_unit_test(the_root_of_a_pattern),
		cmocka_unit_test(what_can_cover_nothing_is_refused),
		cmocka_unit_test(every_way_to_match_is_found),
		cmocka_unit_test(a_long_match_takes_no_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
