/* Names of conflict copies: what they look like, and never longer than a name or a path may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "sync/plan/conflict.h"

static char *name_for(const char *path, int64_t mtime_s, unsigned try)
{
	struct record r = { .path = mem_strdup(path),
		            .kind = RECORD_FILE,
		            .mtime_ns = mtime_s * 1000000000,
		            .modified_by = 0x0011223344556677 };
	char *name = conflict_name(&r, try);

	record_clear(&r);
	return name;
}

static void check_name(const char *path, int64_t mtime_s, unsigned try, const char *want)
{
	char *name = name_for(path, mtime_s, try);

	assert_string_equal(name, want);
	assert_true(conflict_is_copy(name));
	free(name);
}

static void copies_are_named(void **state)
{
	(void)state;
	check_name("a.txt", 1795244772, 0, "a.conflict-20261121-070612-aaisem2e.txt");
	check_name("dir.d/a", 1795244772, 0, "dir.d/a.conflict-20261121-070612-aaisem2e");
	check_name("d/a.tar.gz", 1795244772, 0, "d/a.tar.conflict-20261121-070612-aaisem2e.gz");
	check_name(".profile", 1795244772, 3, ".profile.conflict-20261121-070612-aaisem2e-3");
	check_name("a.", 0, 0, "a..conflict-19700101-000000-aaisem2e");
	check_name("old", -1, 0, "old.conflict-19691231-235959-aaisem2e");
}

static void a_moment_before_1970_rounds_down(void **state)
{
	struct record r = { .path = mem_strdup("x"), .mtime_ns = -1 };
	char *name = conflict_name(&r, 0);

	(void)state;
	assert_string_equal(name, "x.conflict-19691231-235959-aaaaaaaa");
	free(name);
	r.mtime_ns = INT64_MIN;
	name = conflict_name(&r, 0);
	assert_true(conflict_is_copy(name));
	free(name);
	record_clear(&r);
}

static void long_names_are_shortened(void **state)
{
	char path[RECORD_PATH_MAX + 1], *name;

	(void)state;
	memset(path, 'x', 255);
	path[0] = 'd', path[1] = '/';
	memcpy(path + 253, ".jpeg", 6);
	name = name_for(path, 0, 12);
	assert_int_equal(strlen(name + 2), 255);
	assert_string_equal(name + strlen(name) - 8, "-12.jpeg");
	assert_true(conflict_is_copy(name));
	free(name);

	/* not within a UTF-8 sequence (two bytes each, the cut would fall into one) */
	for (int i = 0; i < 126; i++)
		memcpy(path + 2 * i, "\xc3\xa4", 3);
	name = name_for(path, 0, 0);
	assert_true(strlen(name) == 251 || strlen(name) == 252);
	assert_memory_equal(strstr(name, ".conflict") - 2, "\xc3\xa4", 2);
	free(name);

	/* as long as the path's own name, or else 143 bytes: a disk that holds that one holds its copy */
	memset(path, 'x', 255);
	for (size_t len = 20; len <= 255; len++) {
		path[len] = '\0';
		name = name_for(path, 0, 0);
		assert_true(strlen(name) <= (len > 143 ? len : 143));
		assert_true(len > 100 || !conflict_is_shortened(name));
		assert_true(conflict_is_of(name, path));
		free(name);
		path[len] = 'x';
	}

	/* bytes that are not UTF-8 are cut anyway */
	memset(path, 0x80, 255);
	path[255] = '\0';
	name = name_for(path, 0, 0);
	assert_int_equal(strlen(name), 255);
	free(name);
}

static void long_paths_keep_within_the_limit(void **state)
{
	char path[RECORD_PATH_MAX + 1], *name;

	(void)state;
	for (int i = 0; i < RECORD_PATH_MAX; i++)
		path[i] = i % 100 == 99 ? '/' : 'p';
	path[RECORD_PATH_MAX] = '\0';
	name = name_for(path, 0, 0); /* 95 bytes of name: shortened */
	assert_int_equal(strlen(name), RECORD_PATH_MAX);
	assert_memory_equal(name, path, 4000);
	free(name);
	path[RECORD_PATH_MAX - 4] = '/'; /* 3 bytes of name: no space, so one folder higher */
	name = name_for(path, 0, 0);
	assert_true(strlen(name) <= RECORD_PATH_MAX);
	assert_memory_equal(name, path, 4000);
	assert_null(strchr(name + 4000, '/'));
	assert_true(conflict_is_copy(name));
	free(name);
}

static void only_copies_look_like_copies(void **state)
{
	(void)state;
	assert_false(conflict_is_copy("a.conflict-2026112-070612-aaisem2e"));
	assert_false(conflict_is_copy("a.conflict-20261121-070612-aaisemz"));
	assert_false(conflict_is_copy("a.conflict-20261121-070612-aaisem1e"));
	assert_false(conflict_is_copy("a.conflict-20261121-070612-aaisem2ex"));
	assert_false(conflict_is_copy("a.conflict-20261121-070612-aaisem2e/b"));
	assert_false(conflict_is_copy("a.conflict-"));
	assert_false(conflict_is_copy(""));
	assert_true(conflict_is_copy("d/.conflict-.conflict-20261121-070612-aaisem2e-44.c"));
}

static void assert_original(const char *copy, const char *original)
{
	char *name = conflict_original(copy);

	assert_non_null(name);
	assert_string_equal(name, original);
	free(name);
}

static void a_copy_tells_of_what_by_whom_and_when(void **state)
{
	struct record loser = { .path = (char[]){ "d/doc.tar.gz" }, .modified_by = 0x0123456789abcdef };
	char *copy = conflict_name(&loser, 0), *again = conflict_name(&loser, 7);

	(void)state;
	assert_original(copy, "d/doc.tar.gz");
	assert_original(again, "d/doc.tar.gz");
	assert_original("d/.conflict-.conflict-20261121-070612-aaisem2e-44.c", "d/.conflict-.c");
	assert_original("noext.conflict-20261121-070612-aaisem2e", "noext");
	assert_null(conflict_original("d/doc.tar.gz"));
	assert_true(conflict_is_by(copy, loser.modified_by));
	assert_true(conflict_is_by(again, loser.modified_by));
	assert_false(conflict_is_by(copy, ~loser.modified_by));
	assert_false(conflict_is_by("d/doc.tar.gz", loser.modified_by));
	assert_string_equal(conflict_mark("a/b.conflict-20261121-070612-aaisem2e.c"), "20261121-070612-aaisem2e.c");
	assert_null(conflict_mark("a.conflict-20261121-070612-aaisem2e/b"));
	free(copy);
	free(again);
}

static void a_shortened_copy_is_of_its_path(void **state)
{
	char path[RECORD_NAME_MAX + 1] = { 0 }, other[RECORD_NAME_MAX + 1] = { 0 };

	(void)state;
	memset(path, 'x', RECORD_NAME_MAX);
	memcpy(path + RECORD_NAME_MAX - 5, ".text", 5);
	memset(other, 'x', RECORD_NAME_MAX);
	for (unsigned try = 0; try < 12; try += 11) {
		char *copy = name_for(path, 1795244772, try);

		assert_true(conflict_is_shortened(copy) && conflict_is_of(copy, path));
		assert_false(conflict_is_of(copy, other));
		assert_false(conflict_is_of(copy, "x.text"));
		free(copy);
	}
	assert_true(conflict_is_of("d/a.tar.conflict-20261121-070612-aaisem2e-3.gz", "d/a.tar.gz"));
	assert_false(conflict_is_of("d/a.tar.conflict-20261121-070612-aaisem2e-3.gz", "a.tar.gz"));
	assert_false(conflict_is_of("d/a.tar.gz", "d/a.tar.gz"));
	assert_false(conflict_is_shortened("d/a.tar.conflict-20261121-070612-aaisem2e-3.gz"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_are_named),
		cmocka_unit_test(a_moment_before_1970_rounds_down),
		cmocka_unit_test(long_names_are_shortened),
		cmocka_unit_test(long_paths_keep_within_the_limit),
		cmocka_unit_test(only_copies_look_like_copies),
		cmocka_unit_test(a_copy_tells_of_what_by_whom_and_when),
		cmocka_unit_test(a_shortened_copy_is_of_its_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
