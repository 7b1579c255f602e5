/* Proves that what must not be told of a share stays here, and that what no record can hold is listed. */
#include "tests/unit/local_fixture.h"

/* A share that was moved into this one, with all it keeps, or one on a disk where .LANYARD is the same. Rows that
 * version 0.1.0 wrote of it are let be, since their tombstones would reach the other share's files. */
static void test_the_folder_of_another_share_is_listed_and_never_told(void **state)
{
	struct record r = { .path = mem_strdup("in/.lanyard/old"), .kind = RECORD_FILE, .mode = 0644 };

	(void)state;
	assert_int_equal(index_put_change(ix, &r, NULL, 7), 0);
	record_clear(&r);
	make_dir("in/.lanyard/versions");
	put("in/.lanyard/versions/secret", "x");
	put("in/file", "x");
	start_local();
	until_idle();
	for (int i = 0; i < 2; i++) {
		assert_row("in/file", "file");
		assert_row("in/.lanyard", "");
		assert_row("in/.lanyard/versions", "");
		assert_row("in/.lanyard/versions/secret", "");
		assert_row("in/.lanyard/old", "file");
		assert_true(has_problem("in/.lanyard"));
		assert_int_equal(local_failing(local), 0);
		/* Nor while the agent runs. */
		put("in/.lanyard/versions/more", "x");
		put("in/.LANYARD", "x");
		until_idle();
		assert_row("in/.lanyard/versions/more", "");
		assert_row("in/.LANYARD", "");
		stop_local();
		start_local();
		until_idle();
	}
	move("in", "out");
	until_idle();
	assert_row("out/file", "file");
	assert_row("out/.lanyard", "");
	assert_row("out/.lanyard/versions/secret", "");
}

/* As soon as it is there, and until it is gone: by events, as a walk that was there before cannot have seen it. */
static void test_such_a_name_is_listed_as_it_comes_and_goes(void **state)
{
	static const char *const names[] = { "in/.lanyard", "in/.LANYARD", ".Lanyard" };

	(void)state;
	make_dir("in");
	put("in/file", "x");
	start_local();
	until_idle();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		put(names[i], "x");
		until_idle();
		assert_true(has_problem(names[i]));
		/* It stays listed while it is written to. */
		put(names[i], "xy");
		until_idle();
		assert_true(has_problem(names[i]));
		assert_int_equal(unlinkat(root, names[i], 0), 0);
		until_idle();
		assert_false(has_problem(names[i]));
		make_dir(names[i]);
		until_idle();
		assert_true(has_problem(names[i]));
		move(names[i], "named");
		until_idle();
		assert_false(has_problem(names[i]));
		assert_row("named", "dir");
		move("named", names[i]);
		until_idle();
		assert_true(has_problem(names[i]));
		assert_row("named", "gone");
		assert_row(names[i], "");
		assert_int_equal(unlinkat(root, names[i], AT_REMOVEDIR), 0);
		until_idle();
		assert_false(has_problem(names[i]));
	}
	move("in/file", "in/.lanyard");
	until_idle();
	assert_true(has_problem("in/.lanyard"));
	assert_row("in/file", "gone");
	move("in/.lanyard", "in/file");
	until_idle();
	assert_false(has_problem("in/.lanyard"));
	assert_row("in/file", "file");
	assert_int_equal(local_failing(local), 0);
}

/* They are this machine's own. */
static void test_setuid_setgid_and_sticky_are_not_told(void **state)
{
	struct record r;

	(void)state;
	put("f", "x");
	make_dir("d");
	start_local();
	until_idle();
	forget_log();
	assert_int_equal(fchmodat(root, "f", 07644, 0), 0);
	assert_int_equal(fchmodat(root, "d", 03755, 0), 0);
	until_idle();
	assert_int_equal(nlogged, 0);
	put("g", "x");
	assert_int_equal(fchmodat(root, "g", 06755, 0), 0);
	until_idle();
	r = get_row("g");
	assert_int_equal(r.mode, 0755);
	record_clear(&r);
	assert_index_is_disk();
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_the_folder_of_another_share_is_listed_and_never_told),
		T(test_such_a_name_is_listed_as_it_comes_and_goes),
		T(test_setuid_setgid_and_sticky_are_not_told),
	};

	return cmocka_run_group_tests_name("local kinds", tests, NULL, NULL);
}
