/* Proves that .lanyardignore means what gitignore(5) says; if git is installed, its answers to many random rules and
 * paths are compared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "sync/share/ignore_internal.h"

static bool ignores(const char *rules, const char *path, bool is_dir)
{
	struct ignore *ig = ignore_parse(rules, strlen(rules), NULL);
	bool ignored = ignore_match(ig, path, is_dir);

	ignore_free(ig);
	return ignored;
}

static void test_rules_of_the_manual(void **state)
{
	static const struct {
		const char *rules, *path;
		bool is_dir, ignored;
	} cases[] = {
		{ "", "a", false, false },
		{ "foo", "foo", false, true },
		{ "foo", "a/b/foo", false, true },
		{ "foo", "foo/bar", false, true },
		{ "foo", "foobar", false, false },
		{ "foo/", "foo", false, false },
		{ "foo/", "foo", true, true },
		{ "foo/", "a/foo/b", false, true },
		{ "/foo", "foo", false, true },
		{ "/foo", "a/foo", false, false },
		{ "a/foo", "a/foo", false, true },
		{ "a/foo", "b/a/foo", false, false },
		{ "*.o", "x.o", false, true },
		{ "*.o", "a/x.o", false, true },
		{ "*.o", "x.oo", false, false },
		{ "a/*.o", "a/x.o", false, true },
		{ "a/*.o", "a/b/x.o", false, false },
		{ "a/*", "a/b/c", false, true },
		{ "?", "a", false, true },
		{ "?", "ab", false, false },
		{ "a?c/d", "a/c/d", false, false },
		{ "[a-c]x", "bx", false, true },
		{ "[!a-c]x", "bx", false, false },
		{ "[^a-c]x", "dx", false, true },
		{ "[]]x", "]x", false, true },
		{ "[[:digit:]]", "7", false, true },
		{ "[[:digit:]]", "x", false, false },
		{ "[a-", "a", false, false },
		{ "a/x[\n**/", "a", true, true },
		{ "**/foo", "foo", false, true },
		{ "**/foo", "a/b/foo", false, true },
		{ "**/foo/bar", "x/foo/bar", false, true },
		{ "a/**", "a/b", false, true },
		{ "a/**", "a", true, false },
		{ "a/**/b", "a/b", false, true },
		{ "a/**/b", "a/x/y/b", false, true },
		{ "a/**/b", "a/x/y/c", false, false },
		{ "a/**/b/**/c", "a/b/x/b/y/c", false, true },
		{ "#foo", "#foo", false, false },
		{ "\\#foo", "#foo", false, true },
		{ "!foo", "!foo", false, false },
		{ "\\!foo", "!foo", false, true },
		{ "foo   ", "foo", false, true },
		{ "foo\\ ", "foo ", false, true },
		{ "foo\\ ", "foo", false, false },
		{ "foo\\", "foo", false, false },
		{ "*.c\n!keep.c", "keep.c", false, false },
		{ "*.c\n!keep.c", "x.c", false, true },
		{ "d/\n!d/keep", "d/keep", false, true },
		{ "d/*\n!d/keep", "d/keep", false, false },
		{ "!a\na", "a", false, true },
		{ "\xef\xbb\xbf"
		  "a",
		  "a", false, true },
		{ "a\r\nb\r\n", "a", false, true },
		{ "a\r\nb\r\n", "b", false, true },
		{ "x\ny", "y", false, true },
		{ "\xff*", "\xff\xfe", false, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (ignores(cases[i].rules, cases[i].path, cases[i].is_dir) != cases[i].ignored)
			fail_msg("rules \"%s\", path \"%s\"", cases[i].rules, cases[i].path);
}

static void test_names_the_first_line_that_means_nothing(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		int line;
	} cases[] = {
		{ "a\n# c\n\n  \nb", 10, 0 },
		{ "a\n[\nb\n[", 7, 2 },
		{ "!", 1, 1 },
		{ "a\n/\n", 4, 2 },
		{ "a//b", 4, 1 },
		{ "ok\nno\0t\n", 8, 2 },
		{ "end\\", 4, 1 },
		{ "[[:nope:]]", 10, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int bad = -1;

		ignore_free(ignore_parse(cases[i].text, cases[i].n, &bad));
		assert_int_equal(bad, cases[i].line);
	}
}

static void test_bounds_the_number_of_rules(void **state)
{
	size_t n = (IGNORE_MAX_RULES + 2) * 2;
	char *text = mem_calloc(n + 1, 1);
	struct ignore *ig;
	int bad = 0;

	(void)state;
	for (size_t i = 0; i < n; i += 2)
		memcpy(text + i, i < n - 2 ? "a\n" : "z\n", 2);
	ig = ignore_parse(text, n, &bad);
	assert_int_equal(bad, IGNORE_MAX_RULES + 1);
	assert_true(ignore_match(ig, "a", false));
	assert_false(ignore_match(ig, "z", false));
	ignore_free(ig);
	free(text);
}

static void test_holders_keep_rules_alive(void **state)
{
	struct ignore *ig = ignore_parse("a", 1, NULL);
	struct ignore *job = ignore_ref(ig);

	(void)state;
	ignore_free(ig);
	assert_true(ignore_match(job, "a", false));
	ignore_free(job);
	assert_null(ignore_ref(NULL));
	ignore_free(NULL);
	assert_false(ignore_match(NULL, "a", false));
}

static void test_entry_does_not_ask_of_folders_above(void **state)
{
	struct ignore *ig = ignore_parse("d/\nx", 4, NULL);

	(void)state;
	assert_true(ignore_match(ig, "d/f", false));
	assert_false(ignore_match_entry(ig, "d/f", false));
	assert_true(ignore_match_entry(ig, "d", true));
	assert_true(ignore_match_entry(ig, "q/x", false));
	ignore_free(ig);
}

/* Steps, not seconds: those depend on the machine, the sanitizer and on what else runs. */
static void assert_bounded(const char *rules, size_t n, const char *path)
{
	struct ignore *ig = ignore_parse(rules, n, NULL);

	assert_false(ignore_match(ig, path, false));
	assert_true(ignore_match_steps(ig, path) <= 2 * strlen(path) * (ig->ntokens + ig->ncomponents));
	ignore_free(ig);
}

/* Rules that make a backtracking matcher take exponential time. */
static void test_no_rule_is_slow(void **state)
{
	static const char piece[] = "**/a*a/", stars[] = "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*ab";
	char rules[60 * (sizeof(piece) - 1) + 2] = "";
	char path[4096];

	(void)state;
	for (size_t i = 0; i < 60; i++)
		memcpy(rules + i * (sizeof(piece) - 1), piece, sizeof(piece));
	rules[sizeof(rules) - 2] = 'b';
	memset(path, 'a', 4094);
	for (size_t i = 5; i < 4094; i += 6)
		path[i] = '/';
	path[4094] = '\0';
	assert_bounded(rules, strlen(rules), path);
	memset(path, 'a', 255);
	path[255] = '\0';
	assert_bounded(stars, strlen(stars), path);
}

/* Each of a path's 2,000 folders was matched against each of 4,000 rules, by its whole path: 15 s. */
static void test_no_path_is_slow(void **state)
{
	static const char *const lines[] = { "**/a/**/b/\n", "a/**/a/**/b\n", "*a*a*b\n", "!**/b\n", "a/a/a/a/b\n" };
	char path[4096];

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(path); i++)
		path[i] = i % 2 == 0 ? 'a' : '/';
	path[sizeof(path) - 1] = '\0';
	path[sizeof(path) - 2] = 'a';
	for (size_t k = 0; k < sizeof(lines) / sizeof(lines[0]); k++) {
		size_t len = strlen(lines[k]), n = (65 << 10) / len * len;
		char *rules = mem_calloc(n, 1);

		for (size_t i = 0; i < n; i += len)
			memcpy(rules + i, lines[k], len);
		assert_bounded(rules, n, path);
		free(rules);
	}
}

/* --- git --- */

static char dir[] = "/tmp/lanyard-ignore-XXXXXX";
static const char *const names[] = { "a", "b", "ab", "ba", "a b", ".a", "[b]", "aab", "\\a", "a*" };

static const char *pick(const char *const *from, size_t n)
{
	return from[random_below(n)];
}

/* A "**" behind something else than a slash is left out: git's matcher treats it differently from its manual when only
 * plain bytes stand before it. */
static void make_rule(char *out)
{
	static const char *const pieces[] = {
		"a",     "b",   "ab",  "*",    "?",      "/", "/",   "[ab]", "[!a]",        "[^b]",
		"[a-b]", "\\a", "\\*", "\\ ",  " ",      ".", "[b]", "[]]",  "[[:alpha:]]", "[a-",
		"/**/",  "**/", "/**", "\\\\", "[\\]b]", "!", "#",   "*b",   "a*",
	};
	size_t n = 1 + random_below(4);
	size_t len = 0;

	if (random_below(4) == 0)
		out[len++] = '!';
	out[len] = '\0';
	while (n-- > 0) {
		const char *piece = pick(pieces, sizeof(pieces) / sizeof(pieces[0]));
		bool after_slash = len == 0 || out[len - 1] == '/' || (len == 1 && out[0] == '!');

		if (strncmp(piece, "**", 2) == 0 && !after_slash)
			continue;
		memcpy(out + len, piece, strlen(piece) + 1);
		len += strlen(piece);
	}
}

static size_t make_tree(int fd, char paths[][64], bool *is_dir)
{
	size_t n = 0;
	char path[64];

	for (size_t i = 0; i < 10; i++) {
		for (size_t k = 0; k <= 10; k++) {
			if (k == 10)
				(void)snprintf(path, sizeof(path), "%s", names[i]);
			else
				(void)snprintf(path, sizeof(path), "%s/%s", names[i], names[k]);
			is_dir[n] = k == 10 || k % 2 == 0;
			assert_int_equal(is_dir[n] ? fs_mkdirs(fd, path, 0755) : fs_write_file(fd, path, "", 0, 0644),
			                 0);
			memcpy(paths[n++], path, sizeof(path));
			if (k % 2 != 0 || k == 10)
				continue;
			(void)snprintf(path, sizeof(path), "%s/%s/%s", names[i], names[k], names[(i + k) % 10]);
			assert_int_equal(fs_write_file(fd, path, "", 0, 0644), 0);
			is_dir[n] = false;
			memcpy(paths[n++], path, sizeof(path));
		}
	}
	return n;
}

/* Feeds `in` to git check-ignore in dir; its answer is written to dir/.out. */
static bool ask_git(const char *command)
{
	char *line = mem_printf("cd %s && %s", dir, command);
	int rc = system(line);

	free(line);
	/* 1: none is ignored. */
	return WIFEXITED(rc) && WEXITSTATUS(rc) <= 1;
}

static void test_agrees_with_git(void **state)
{
	static char paths[256][64];
	static bool is_dir[256];
	size_t n;
	int fd;

	(void)state;
	if (system("git --version >/dev/null 2>&1") != 0)
		skip();
	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	assert_true(fd >= 0);
	n = make_tree(fd, paths, is_dir);
	assert_true(ask_git("env -u GIT_DIR git -c init.defaultBranch=x init -q . >/dev/null 2>&1"));
	{
		char text[256 * 64] = "";
		size_t len = 0;

		for (size_t i = 0; i < n; i++)
			len += (size_t)sprintf(text + len, "%s", paths[i]) + 1;
		assert_int_equal(fs_write_file(fd, ".in", text, len, 0644), 0);
	}
	random_set_seed(7);
	for (int round = 0; round < 150; round++) {
		char rules[1024] = "";
		struct ignore *ig;
		size_t len = 0;
		char *out;
		size_t at = 0;

		for (size_t k = 1 + random_below(4); k > 0; k--) {
			make_rule(rules + len);
			len = strlen(rules);
			rules[len++] = '\n';
			rules[len] = '\0';
		}
		assert_int_equal(fs_write_file(fd, ".gitignore", rules, len, 0644), 0);
		assert_true(ask_git("env -u GIT_DIR git -c core.excludesFile=/dev/null check-ignore -z --no-index "
		                    "--stdin <.in >.out"));
		out = fs_read_file(fd, ".out", 1 << 20, &len);
		assert_non_null(out);
		ig = ignore_parse(rules, strlen(rules), NULL);
		for (size_t i = 0; i < n; i++) {
			bool git = at < len && strcmp(out + at, paths[i]) == 0;

			if (git)
				at += strlen(paths[i]) + 1;
			if (ignore_match(ig, paths[i], is_dir[i]) != git)
				fail_msg("path \"%s\"%s: git says %d; rules:\n%s", paths[i], is_dir[i] ? "/" : "", git,
				         rules);
		}
		assert_int_equal(at, len);
		ignore_free(ig);
		free(out);
	}
	random_set_seed(0);
	close(fd);
	fd = open("/tmp", O_RDONLY | O_DIRECTORY);
	assert_int_equal(fs_remove_tree(fd, dir + strlen("/tmp/")), 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules_of_the_manual),
		cmocka_unit_test(test_names_the_first_line_that_means_nothing),
		cmocka_unit_test(test_bounds_the_number_of_rules),
		cmocka_unit_test(test_holders_keep_rules_alive),
		cmocka_unit_test(test_entry_does_not_ask_of_folders_above),
		cmocka_unit_test(test_no_rule_is_slow),
		cmocka_unit_test(test_no_path_is_slow),
		cmocka_unit_test(test_agrees_with_git),
	};

	return cmocka_run_group_tests_name("ignore", tests, NULL, NULL);
}
