/* Bursts of deletions: held before they become rows, over a restart too; let go, or ended by the files' return. */
#include "tests/unit/local_fixture.h"

enum { FILES = 40 };

/* Idle, and through one end of a turn since. */
static void settled(void)
{
	do {
		until_idle();
		turn_once();
	} while (!local_idle(local));
}

static void make_files(const char *dir)
{
	make_dir(dir);
	for (int i = 0; i < FILES; i++) {
		char *path = mem_printf("%s/f%02d", dir, i);

		put(path, i % 2 == 0 ? "the same" : path);
		free(path);
	}
}

static void remove_files(const char *dir, int from, int to)
{
	for (int i = from; i < to; i++) {
		char *path = mem_printf("%s/f%02d", dir, i);

		assert_int_equal(unlinkat(root, path, 0), 0);
		free(path);
	}
}

static int64_t live_files(void)
{
	return index_totals(ix).files;
}

static bool is_held(void)
{
	return local_held(local, NULL) > 0;
}

static bool is_not_held(void)
{
	return local_held(local, NULL) == 0;
}

static bool count_held(void *arg, const struct local_problem *p)
{
	int *n = arg;

	*n += strstr(p->reason, "held") != NULL && strstr(p->next, "release") != NULL && p->since_s > 0;
	return true;
}

static void start_with(const char *dir)
{
	make_files(dir);
	start_local();
	settled();
	assert_int_equal(live_files(), FILES);
	forget_log();
}

static void test_a_burst_is_held_whole_and_listed(void **state)
{
	int n = 0;

	(void)state;
	start_with("d");
	remove_files("d", 0, FILES);
	assert_int_equal(unlinkat(root, "d", AT_REMOVEDIR), 0);
	until(is_held);
	settled();
	assert_int_equal(live_files(), FILES);
	assert_int_equal(nlogged, 0);
	assert_int_equal(local_held(local, NULL), FILES + 1);
	assert_int_equal(local_problems(local, count_held, &n), FILES + 1);
	assert_int_equal(n, FILES + 1);
}

static void test_released_they_go_folders_last(void **state)
{
	(void)state;
	start_with("d");
	remove_files("d", 0, FILES);
	assert_int_equal(unlinkat(root, "d", AT_REMOVEDIR), 0);
	until(is_held);
	assert_int_equal(local_release(local), FILES + 1);
	settled();
	assert_int_equal(local_held(local, NULL), 0);
	assert_int_equal(local_release(local), 0);
	assert_int_equal(live_files(), 0);
	assert_int_equal(nlogged, FILES + 1);
	assert_string_equal(logged[FILES], "-d");
	assert_index_is_disk();
}

static void test_held_over_a_restart_and_found_while_off(void **state)
{
	(void)state;
	start_with("d");
	stop_local();
	remove_files("d", 0, FILES / 2);
	start_local();
	until(is_held);
	settled();
	assert_int_equal(live_files(), FILES);
	stop_local();
	/* One more, alone far from a burst: nothing leaves while a burst is held. */
	index_close(ix);
	open_index();
	remove_files("d", FILES / 2, FILES / 2 + 1);
	start_local();
	settled();
	until(is_held);
	assert_int_equal(local_held(local, NULL), FILES / 2 + 1);
	assert_int_equal(live_files(), FILES);
	assert_int_equal(local_release(local), FILES / 2 + 1);
	settled();
	assert_int_equal(live_files(), FILES / 2 - 1);
	/* And that is remembered too. */
	stop_local();
	start_local();
	settled();
	assert_int_equal(local_held(local, NULL), 0);
	assert_index_is_disk();
}

static void test_ends_when_the_files_are_back(void **state)
{
	(void)state;
	start_with("d");
	assert_int_equal(renameat(root, "d", top, "outside"), 0);
	until(is_held);
	assert_int_equal(renameat(top, "outside", root, "d"), 0);
	until(is_not_held);
	settled();
	assert_int_equal(nlogged, 0);
	assert_index_is_disk();
	/* What comes now is judged by itself again. */
	remove_files("d", 0, 1);
	settled();
	assert_row("d/f00", "gone");
}

static void test_back_while_off_it_ends_too(void **state)
{
	(void)state;
	start_with("d");
	assert_int_equal(renameat(root, "d", top, "outside"), 0);
	until(is_held);
	stop_local();
	assert_int_equal(renameat(top, "outside", root, "d"), 0);
	start_local();
	settled();
	assert_int_equal(local_held(local, NULL), 0);
	remove_files("d", 0, 1);
	settled();
	assert_row("d/f00", "gone");
}

/* The index has the files under their old names only, and nobody told of the move. */
static void test_a_tree_moved_while_off_is_no_burst(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		const char *to = i == 0 ? "a-before" : "z-after";

		if (i == 0)
			start_with("d");
		stop_local();
		move(i == 0 ? "d" : "a-before", to);
		start_local();
		settled();
		assert_int_equal(local_held(local, NULL), 0);
		assert_int_equal(live_files(), FILES);
		assert_index_is_disk();
	}
}

static void test_every_file_moved_one_by_one_is_no_burst(void **state)
{
	(void)state;
	start_with("d");
	make_dir("e");
	for (int i = 0; i < FILES; i++) {
		char *from = mem_printf("d/f%02d", i);
		char *to = mem_printf("e/f%02d", i);

		move(from, to);
		free(from);
		free(to);
	}
	settled();
	assert_int_equal(local_held(local, NULL), 0);
	assert_index_is_disk();
}

static void test_a_small_part_goes_at_once(void **state)
{
	(void)state;
	make_files("stays");
	make_files("goes");
	start_local();
	settled();
	remove_files("goes", 0, FILES - 1);
	settled();
	assert_int_equal(local_held(local, NULL), 0);
	assert_int_equal(live_files(), FILES + 1);
}

/* A file where a folder was comes behind what was in it, and is held with it. */
static void test_a_file_in_place_of_a_folder_waits_for_what_was_in_it(void **state)
{
	(void)state;
	start_with("d");
	make_files("e");
	settled();
	forget_log();
	assert_int_equal(renameat(root, "d", top, "outside"), 0);
	put("d", "a file");
	settled();
	assert_true(local_held(local, NULL) >= FILES);
	assert_row("d", "dir");
	assert_true(local_release(local) > 0);
	settled();
	assert_row("d", "file");
	assert_string_equal(logged[nlogged - 1], "+d");
	assert_index_is_disk();
}

/* In one tree of many, one after the other, with no end: only the part that is not large gets out. */
static void test_slow_deletions_are_a_burst_too(void **state)
{
	(void)state;
	start_with("d");
	for (int i = 0; i < FILES; i++) {
		remove_files("d", i, i + 1);
		settled();
	}
	assert_true(local_held(local, NULL) > FILES / 2);
	assert_true(live_files() > FILES / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_burst_is_held_whole_and_listed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_released_they_go_folders_last, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_held_over_a_restart_and_found_while_off, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ends_when_the_files_are_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_back_while_off_it_ends_too, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_tree_moved_while_off_is_no_burst, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_every_file_moved_one_by_one_is_no_burst, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_small_part_goes_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_file_in_place_of_a_folder_waits_for_what_was_in_it, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(test_slow_deletions_are_a_burst_too, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
