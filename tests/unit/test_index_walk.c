/* Rows in the order of a walk, whatever changes meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "sync/index/index.h"
#include "tests/unit/index_new.h"

static void put(const char *path, bool deleted)
{
	struct record r;

	if (index_get(ix, path, &r) == 0)
		r = (struct record){ .path = mem_strdup(path), .kind = RECORD_DIR };
	r.deleted = deleted;
	assert_int_equal(index_put_change(ix, &r, NULL, 1), 0);
	record_clear(&r);
}

static void walk_all(struct index_cursor *c, char *out, size_t n)
{
	struct record r;

	*out = '\0';
	while (index_next(c, &r) == 1) {
		size_t at = strlen(out);

		snprintf(out + at, n - at, "%s%s", at > 0 ? " " : "", r.path);
		record_clear(&r);
	}
	assert_int_equal(index_next(c, &r), 0);
	index_cursor_free(c);
}

static void a_walk_sees_folders_before_their_content(void **state)
{
	static const char *const paths[] = { "b",     "a-b",  "a/c",  "a", "a/b/x",  "a/b",
		                             "a\x01", "a/b-", "\xff", "A", "a/b/x/y" };
	char text[400];

	(void)state;
	for (unsigned i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		put(paths[i], false);
	put("a/c", true);
	walk_all(index_walk(ix, ""), text, sizeof(text));
	assert_string_equal(text, "A a a/b a/b/x a/b/x/y a/b- a/c a\x01 a-b b \xff");
	walk_all(index_walk(ix, "a"), text, sizeof(text));
	assert_string_equal(text, "a a/b a/b/x a/b/x/y a/b- a/c");
	walk_all(index_walk(ix, "a/b"), text, sizeof(text));
	assert_string_equal(text, "a/b a/b/x a/b/x/y");
	walk_all(index_walk(ix, "none"), text, sizeof(text));
	assert_string_equal(text, "");
	walk_all(index_walk_from(ix, "", "a/b/x"), text, sizeof(text));
	assert_string_equal(text, "a/b/x a/b/x/y a/b- a/c a\x01 a-b b \xff");
	walk_all(index_walk_from(ix, "a", "a/b-"), text, sizeof(text));
	assert_string_equal(text, "a/b- a/c");
	walk_all(index_walk_from(ix, "a/b", "A"), text, sizeof(text)); /* before the folder */
	assert_string_equal(text, "a/b a/b/x a/b/x/y");
	walk_all(index_walk_from(ix, "a/b", "a"), text, sizeof(text));
	assert_string_equal(text, "a/b a/b/x a/b/x/y");
	walk_all(index_walk_from(ix, "a/b", "b"), text, sizeof(text)); /* behind it */
	assert_string_equal(text, "");
}

static void a_cursor_survives_changes_and_commits(void **state)
{
	struct index_cursor *c, *other;
	struct record r;
	char path[16];
	int n = 0;

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(path, sizeof(path), "f%03d", i);
		put(path, false);
	}
	c = index_walk(ix, "");
	other = index_walk(ix, "f05");
	while (index_next(c, &r) == 1) {
		snprintf(path, sizeof(path), "f%03d", n);
		assert_string_equal(r.path, path);
		put(r.path, true);
		if (n % 3 == 0)
			assert_int_equal(index_commit(ix), 0);
		record_clear(&r);
		n++;
	}
	assert_int_equal(n, 100);
	assert_int_equal(index_next(other, &r), 0);
	index_cursor_free(c);
	index_cursor_free(other);
	assert_int_equal(index_totals(ix).tombstones, 100);
}

static void tombstones_can_be_brief(void **state)
{
	struct index_cursor *c;
	struct record r;

	(void)state;
	put("d", false);
	put("d/dead", false);
	put("d/dead", true);
	put("e", false);
	c = index_walk(ix, "d");
	index_cursor_brief(c);
	assert_int_equal(index_next(c, &r), 1);
	assert_string_equal(r.path, "d");
	assert_true(r.version.n > 0);
	record_clear(&r);
	assert_int_equal(index_next(c, &r), 1);
	assert_string_equal(r.path, "d/dead");
	assert_true(r.deleted && r.version.n == 0);
	record_clear(&r);
	assert_int_equal(index_next(c, &r), 0);
	index_cursor_free(c);
}

static void what_lives_below_a_folder(void **state)
{
	(void)state;
	put("d", false);
	put("d-e", false);
	put("e/f", false);
	assert_false(index_may_live_below(ix, "d", 10));
	put("d/a/b", true);
	put("d/c", true);
	assert_false(index_may_live_below(ix, "d", 2));
	/* More than it may look at. */
	assert_true(index_may_live_below(ix, "d", 1));
	put("d/z", false);
	assert_true(index_may_live_below(ix, "d", 10));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_walk_sees_folders_before_their_content, setup, teardown),
		cmocka_unit_test_setup_teardown(tombstones_can_be_brief, setup, teardown),
		cmocka_unit_test_setup_teardown(what_lives_below_a_folder, setup, teardown),
		cmocka_unit_test_setup_teardown(a_cursor_survives_changes_and_commits, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
