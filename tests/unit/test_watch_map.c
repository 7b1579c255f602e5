/* Proves that a watch number leads to where its folder is now, whatever was renamed, dropped or told late. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "sync/local/watch_map.h"

static struct watch_map *m;

static int set_up(void **state)
{
	(void)state;
	m = watch_map_new();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	watch_map_free(m);
	return 0;
}

/* No inotify here: removing a watch of a descriptor that is none fails, which is all the map expects of it. */
enum { NO_INOTIFY = 1 << 20 };

static void assert_path(int wd, const char *want)
{
	char path[PATH_MAX];

	assert_int_equal(watch_map_path(m, wd, path, sizeof(path)), strlen(want));
	assert_string_equal(path, want);
}

static ssize_t look_up(int wd)
{
	char path[PATH_MAX];

	return watch_map_path(m, wd, path, sizeof(path));
}

static void test_paths(void **state)
{
	(void)state;
	assert_false(watch_map_put(m, "", 1));
	assert_false(watch_map_put(m, "a", 2));
	assert_false(watch_map_put(m, "a/b/c", 3));
	assert_path(1, "");
	assert_path(2, "a");
	assert_path(3, "a/b/c");
	assert_int_equal(look_up(4), WATCH_MAP_UNKNOWN);
	assert_true(watch_map_has(m, "a/b/c"));
	assert_false(watch_map_has(m, "a/b"));
	assert_false(watch_map_has(m, "a/b/c/d"));
	assert_int_equal(watch_map_count(m), 3);
}

static void test_a_path_that_does_not_fit_does_not_matter(void **state)
{
	char path[8];

	(void)state;
	(void)watch_map_put(m, "folder", 1);
	(void)watch_map_put(m, "folder/x", 2);
	assert_int_equal(watch_map_path(m, 1, path, sizeof(path)), 6);
	assert_int_equal(watch_map_path(m, 2, path, sizeof(path)), WATCH_MAP_GONE);
}

static void test_a_move_takes_all_below_along(void **state)
{
	(void)state;
	(void)watch_map_put(m, "a", 1);
	(void)watch_map_put(m, "a/b", 2);
	(void)watch_map_put(m, "x", 3);
	watch_map_move(m, NO_INOTIFY, "a", "x/y");
	assert_path(1, "x/y");
	assert_path(2, "x/y/b");
	assert_false(watch_map_has(m, "a"));
	/* What stood at the target is gone. */
	(void)watch_map_put(m, "z", 4);
	watch_map_move(m, NO_INOTIFY, "x/y/b", "z");
	assert_path(2, "z");
	assert_int_equal(look_up(4), WATCH_MAP_GONE);
	watch_map_forget(m, 4);
	assert_int_equal(look_up(4), WATCH_MAP_UNKNOWN);
	/* Of what is not known, nothing happens. */
	watch_map_move(m, NO_INOTIFY, "nowhere", "q");
	assert_false(watch_map_has(m, "q"));
}

static void test_a_folder_that_seems_to_move_into_itself_is_dropped(void **state)
{
	(void)state;
	(void)watch_map_put(m, "a", 1);
	(void)watch_map_put(m, "a/b", 2);
	watch_map_move(m, NO_INOTIFY, "a", "a/b/c");
	assert_int_equal(look_up(1), WATCH_MAP_GONE);
	assert_int_equal(look_up(2), WATCH_MAP_GONE);
	(void)watch_map_put(m, "x/y", 3);
	watch_map_move(m, NO_INOTIFY, "x/y", "x");
	assert_int_equal(look_up(3), WATCH_MAP_GONE);
}

static void test_what_left_the_tree_is_told_from_the_root(void **state)
{
	(void)state;
	(void)watch_map_put(m, "", 1);
	(void)watch_map_put(m, "a", 2);
	(void)watch_map_put(m, "a/b", 3);
	watch_map_drop(m, NO_INOTIFY, "a");
	assert_int_equal(look_up(2), WATCH_MAP_GONE);
	assert_int_equal(look_up(3), WATCH_MAP_GONE);
	assert_path(1, "");
	/* Back under a new number before the kernel has spoken of the old one. */
	(void)watch_map_put(m, "a", 5);
	watch_map_forget(m, 2);
	watch_map_forget(m, 3);
	assert_path(5, "a");
	assert_int_equal(watch_map_count(m), 2);
}

static void test_one_folder_has_one_path(void **state)
{
	(void)state;
	/* The same inode under another name: it was moved, and the walk was faster than the event. */
	(void)watch_map_put(m, "a", 1);
	(void)watch_map_put(m, "b", 1);
	assert_path(1, "b");
	assert_false(watch_map_has(m, "a"));
	assert_int_equal(watch_map_count(m), 1);
	/* Another inode under the same name. */
	(void)watch_map_put(m, "b", 2);
	assert_path(2, "b");
	assert_int_equal(look_up(1), WATCH_MAP_UNKNOWN);
}

static void test_events_before_their_folder_is_known_are_remembered(void **state)
{
	(void)state;
	assert_true(watch_map_miss(m, 7));
	assert_true(watch_map_miss(m, 7));
	assert_true(watch_map_put(m, "a", 7));
	assert_false(watch_map_put(m, "a", 7));
	/* Removed before it was known: it must not be taken for watched. */
	watch_map_forget(m, 8);
	assert_true(watch_map_put(m, "b", 8));
	assert_false(watch_map_has(m, "b"));
	assert_false(watch_map_put(m, "b", 8));
	assert_true(watch_map_has(m, "b"));
}

static void test_what_is_remembered_is_bounded(void **state)
{
	int wd = 1;

	(void)state;
	while (watch_map_miss(m, wd))
		assert_true(wd++ < 100000);
	assert_true(wd > 1000);
}

static void test_fifty_thousand_folders(void **state)
{
	char path[64];

	(void)state;
	for (int i = 0; i < 50000; i++) {
		(void)snprintf(path, sizeof(path), "d%d/e%d/f%d", i / 1000, i / 100, i);
		assert_false(watch_map_put(m, path, i + 1));
	}
	watch_map_move(m, NO_INOTIFY, "d7", "moved");
	assert_path(7124, "moved/e71/f7123");
	watch_map_drop(m, NO_INOTIFY, "d8");
	assert_int_equal(look_up(8124), WATCH_MAP_GONE);
	assert_path(50000, "d49/e499/f49999");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_paths, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_path_that_does_not_fit_does_not_matter, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_move_takes_all_below_along, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_folder_that_seems_to_move_into_itself_is_dropped, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(test_what_left_the_tree_is_told_from_the_root, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_one_folder_has_one_path, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_events_before_their_folder_is_known_are_remembered, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_remembered_is_bounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_fifty_thousand_folders, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("watch map", tests, NULL, NULL);
}
