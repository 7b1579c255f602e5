/* Proves that what is renamed is not read again, that its old row's tombstone follows its new row, and that the watch
 * follows what moves. A content is marked in the index, so that where the mark turns up it was taken over. */
#include "tests/unit/local_fixture.h"

#include <sys/syscall.h>
#include <time.h>

static ino_t slow; /* to list this folder takes its time */

/* In place of the C library's. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): libc's own names are reserved ones */
ssize_t getdents64(int fd, void *buffer, size_t length)
{
	const struct timespec a_while = { .tv_nsec = 100000000 };
	struct stat st;

	if (slow != 0 && fstat(fd, &st) == 0 && st.st_ino == slow)
		nanosleep(&a_while, NULL);
	return syscall(SYS_getdents64, fd, buffer, length);
}

/* At once with the content that its row had; the new ctime is read behind that, and what it hides is told then. */
static void test_a_renamed_file_is_told_before_it_is_read(void **state)
{
	struct record was;
	struct record old_row;

	(void)state;
	put("old", "some bytes");
	make_dir("d");
	start_local();
	until_idle();
	mark_content("old");
	was = get_row("old");
	forget_log();
	move("old", "d/new");
	until_idle();
	assert_true(told_mark("d/new"));
	assert_int_equal(log_position("+d/new"), 0);
	assert_int_equal(log_position("-old"), 1);
	assert_index_is_disk();
	old_row = get_row("old");
	assert_true(old_row.seq > was.seq);
	assert_int_equal(version_compare(&old_row.version, &was.version), VERSION_NEWER);
	record_clear(&was);
	record_clear(&old_row);
}

static void test_a_file_renamed_twice_is_told_before_it_is_read(void **state)
{
	(void)state;
	put("a", "some bytes");
	start_local();
	until_idle();
	mark_content("a");
	move("a", "b");
	move("b", "c");
	until_idle();
	assert_true(told_mark("c"));
	assert_row("a", "gone");
	assert_row("b", "");
}

static void test_a_file_renamed_and_then_written_is_read(void **state)
{
	(void)state;
	put("a", "some bytes");
	start_local();
	until_idle();
	mark_content("a");
	move("a", "b");
	put("b", "other bytes");
	until_idle();
	assert_index_is_disk();
	assert_row("a", "gone");
}

/* As a write in the same tick of the clock as the one before it would be. */
static void write_unseen(const char *path, const char *text)
{
	struct timespec times[2];
	struct stat st;

	assert_int_equal(fstatat(root, path, &st, 0), 0);
	put(path, text);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	assert_int_equal(utimensat(root, path, times, 0), 0);
}

static void turns(int n)
{
	for (int i = 0; i < n; i++)
		(void)loop_turn(loop, false);
}

/* However far the look at it has come when it is renamed. */
static void test_a_file_written_and_then_renamed_is_read(void **state)
{
	char from[16], to[16];

	(void)state;
	put("f0", "bytes 0");
	start_local();
	until_idle();
	for (int i = 0; i < 40; i++) {
		(void)snprintf(from, sizeof(from), "f%d", i);
		(void)snprintf(to, sizeof(to), "f%d", i + 1);
		write_unseen(from, i % 2 == 0 ? "bytes 1" : "bytes 0");
		turns(i % 8);
		move(from, to);
		if (i % 16 >= 8) {
			turns(i % 3);
			(void)snprintf(from, sizeof(from), "g%d", i);
			move(to, from);
			move(from, to);
		}
		until_idle();
		assert_index_is_disk();
	}
}

static void test_a_tree_written_to_and_then_moved_is_read(void **state)
{
	char from[16], to[16];

	(void)state;
	make_dir("d0");
	put("d0/other", "other");
	put("d0/f", "bytes 0");
	start_local();
	until_idle();
	for (int i = 0; i < 40; i++) {
		(void)snprintf(from, sizeof(from), "d%d/f", i);
		write_unseen(from, i % 2 == 0 ? "bytes 1" : "bytes 0");
		turns(i % 8);
		(void)snprintf(from, sizeof(from), "d%d", i);
		(void)snprintf(to, sizeof(to), "d%d", i + 1);
		if (i % 16 >= 8) {
			move(from, "between");
			turns(i % 3);
			write_unseen("between/other", i % 2 == 0 ? "OTHER" : "other");
			move("between", to);
		} else {
			move(from, to);
		}
		until_idle();
		assert_index_is_disk();
	}
}

/* How editors save: the old file aside, a new one in its place. */
static void test_a_backup_takes_over_and_its_successor_is_read(void **state)
{
	struct record row;

	(void)state;
	put("doc", "one");
	start_local();
	until_idle();
	mark_content("doc");
	move("doc", "doc~");
	put("doc", "two");
	until_idle();
	assert_true(told_mark("doc~"));
	row = get_row("doc");
	assert_same("doc", &row);
	record_clear(&row);
}

static void test_a_rename_over_a_file_replaces_it(void **state)
{
	struct record before;
	struct record after;

	(void)state;
	put("doc", "one");
	start_local();
	until_idle();
	before = get_row("doc");
	put("doc.tmp", "two");
	move("doc.tmp", "doc");
	until_idle();
	after = get_row("doc");
	assert_int_equal(version_compare(&after.version, &before.version), VERSION_NEWER);
	assert_index_is_disk();
	record_clear(&before);
	record_clear(&after);
}

static void test_two_files_that_swap_names(void **state)
{
	(void)state;
	put("a", "first");
	put("b", "second one");
	start_local();
	until_idle();
	assert_int_equal(fs_rename_exchange(root, "a", root, "b"), 0);
	until_idle();
	assert_index_is_disk();
	move("a", "x");
	move("b", "a");
	move("x", "b");
	until_idle();
	assert_index_is_disk();
}

enum { FILES = 1000 }; /* more than one turn takes */

static void make_tree(const char *top_name)
{
	char path[64];

	for (int i = 0; i < FILES; i++) {
		(void)snprintf(path, sizeof(path), "%s/d%d", top_name, i % 10);
		make_dir(path);
		(void)snprintf(path, sizeof(path), "%s/d%d/f%d", top_name, i % 10, i);
		put(path, path);
	}
	(void)snprintf(path, sizeof(path), "%s/d3/link", top_name);
	assert_int_equal(symlinkat("f3", root, path), 0);
}

static void mark_tree(const char *top_name)
{
	char path[64];

	for (int i = 0; i < FILES; i++) {
		(void)snprintf(path, sizeof(path), "%s/d%d/f%d", top_name, i % 10, i);
		mark_content(path);
	}
}

static void test_a_moved_tree_is_not_read(void **state)
{
	char path[64];

	(void)state;
	make_dir("in");
	make_tree("old");
	start_local();
	until_idle();
	mark_tree("old");
	forget_log();
	move("old", "in/new");
	until_idle();
	assert_int_equal(nscanned, 1);
	for (int i = 0; i < FILES; i++) {
		(void)snprintf(path, sizeof(path), "in/new/d%d/f%d", i % 10, i);
		assert_true(has_mark(path));
		(void)snprintf(path, sizeof(path), "old/d%d/f%d", i % 10, i);
		assert_row(path, "gone");
		/* New row, then tombstone, with nothing in between. */
		(void)snprintf(path, sizeof(path), "-old/d%d/f%d", i % 10, i);
		assert_int_equal(strncmp(logged[log_position(path) - 1] + 1, "in/new/", 7), 0);
		assert_string_equal(strrchr(logged[log_position(path) - 1], '/'), strrchr(path, '/'));
	}
	/* Folders go when they are empty, which the one with a link is later. */
	assert_true(log_position("+in/new/d4/f994") < log_position("-old/d4"));
	assert_true(log_position("-old/d4") < log_position("+in/new/d5"));
	assert_true(log_position("-old/d3") > log_position("+in/new/d9"));
	assert_string_equal(logged[nlogged - 1], "-old");
	assert_true(log_position("-old/d3/link") < log_position("-old/d3"));
	/* The watches have moved along. */
	forget_log();
	put("in/new/d4/late", "x");
	until_idle();
	assert_int_equal(nlogged, 1);
	assert_string_equal(logged[0], "+in/new/d4/late");
	assert_int_equal(nscanned, 1);
}

static void test_a_tree_moved_twice_or_back_is_not_read(void **state)
{
	char path[64];

	(void)state;
	make_tree("old");
	start_local();
	until_idle();
	mark_tree("old");
	move("old", "middle");
	move("middle", "new");
	until_idle();
	for (int i = 0; i < FILES; i++) {
		(void)snprintf(path, sizeof(path), "new/d%d/f%d", i % 10, i);
		assert_true(has_mark(path));
	}
	assert_row("old/d1/f1", "gone");
	assert_row("middle", "");
	forget_log();
	move("new", "middle");
	move("middle", "new");
	until_idle();
	assert_int_equal(nlogged, 0);
	assert_true(has_mark("new/d1/f1"));
	assert_int_equal(nscanned, 1);
}

/* Whatever an installer's work around a moved folder hid from the events. */
static void test_moved_folders_are_followed_by_a_full_look(void **state)
{
	(void)state;
	make_tree("old");
	checks_folders = true;
	start_local();
	checks_folders = false;
	until_idle();
	move("old", "new");
	until_idle();
	assert_int_equal(nscanned, 2);
	/* One more where the last look has just ended: it waits a little, and then is the only one. */
	move("new", "newer");
	until_idle();
	assert_int_equal(nscanned, 3);
	put("newer/d1/f1", "changed");
	until_idle();
	assert_int_equal(nscanned, 3);
	assert_index_is_disk();
}

/* A folder is moved when the last look, a long one, has just ended: the next has to wait a little, and is then the only
 * one. */
static void test_a_full_look_that_had_to_wait_is_the_last(void **state)
{
	struct stat st;

	(void)state;
	make_dir("slow");
	make_dir("old");
	assert_int_equal(fstatat(root, "slow", &st, 0), 0);
	slow = st.st_ino;
	checks_folders = true;
	start_local();
	checks_folders = false;
	until_idle();
	assert_int_equal(nscanned, 1);
	move("old", "new");
	/* As the agent does it, waking for nothing else: so the timer comes before anybody asks how late it is. */
	loop_timer_start(deadline, PATIENCE_MS, 0);
	while (!local_idle(local) && nscanned < 4)
		(void)loop_turn(loop, true);
	loop_timer_stop(deadline);
	slow = 0;
	assert_int_equal(nscanned, 2);
	assert_index_is_disk();
}

/* The walk has the number of its watch, and its entries, when nothing has come of the first half of its rename:
 * then the watch is removed. */
static void test_a_folder_is_watched_where_a_walk_met_it(void **state)
{
	struct stat st;

	(void)state;
	put("stays", "x");
	make_dir("old/sub");
	assert_int_equal(fstatat(root, "old/sub", &st, 0), 0);
	checks_folders = true;
	start_local();
	checks_folders = false;
	until_idle();
	slow = st.st_ino;
	make_dir("new");
	move("old/sub", "new/sub");
	until_idle();
	slow = 0;
	forget_log();
	put("new/sub/late", "x");
	until_idle();
	assert_int_equal(nlogged, 1);
	assert_index_is_disk();
}

static void test_a_tree_moved_twice_and_changed_meanwhile(void **state)
{
	(void)state;
	make_tree("old");
	start_local();
	until_idle();
	move("old", "middle");
	put("middle/d5/f5", "changed");
	assert_int_equal(unlinkat(root, "middle/d6/f6", 0), 0);
	for (int i = 0; i < 3; i++)
		(void)loop_turn(loop, false);
	move("middle", "new");
	put("new/d7/added", "x");
	until_idle();
	assert_index_is_disk();
	assert_row("old/d1", "gone");
	assert_int_equal(nscanned, 1);
}

static void test_a_tree_moved_out_is_gone_and_not_listened_to(void **state)
{
	(void)state;
	make_tree("t");
	make_tree("stays");
	make_tree("stays-too");
	start_local();
	until_idle();
	assert_int_equal(renameat(root, "t", top, "outside"), 0);
	until_idle();
	assert_index_is_disk();
	assert_row("t/d1/f1", "gone");
	forget_log();
	assert_int_equal(unlinkat(top, "outside/d1/f1", 0), 0);
	until_idle();
	assert_int_equal(nlogged, 0);
	/* And back: found and watched again. */
	assert_int_equal(renameat(top, "outside", root, "back"), 0);
	until_idle();
	assert_index_is_disk();
	put("back/d2/late", "x");
	until_idle();
	assert_row("back/d2/late", "file");
	assert_int_equal(nscanned, 1);
}

static void test_kinds_that_replace_each_other(void **state)
{
	(void)state;
	put("a", "file");
	make_dir("b/sub");
	put("b/sub/f", "x");
	assert_int_equal(symlinkat("a", root, "c"), 0);
	start_local();
	until_idle();
	assert_int_equal(unlinkat(root, "a", 0), 0);
	make_dir("a/deep");
	put("a/deep/f", "x");
	assert_int_equal(fs_remove_tree(root, "b"), 0);
	put("b", "file");
	assert_int_equal(unlinkat(root, "c", 0), 0);
	make_dir("c");
	until_idle();
	assert_index_is_disk();
	assert_row("b/sub/f", "gone");
	assert_row("b/sub", "gone");
	assert_row("b", "file");
	assert_int_equal(fs_remove_tree(root, "a"), 0);
	assert_int_equal(symlinkat("b", root, "a"), 0);
	until_idle();
	assert_index_is_disk();
	assert_row("a/deep/f", "gone");
	assert_int_equal(nscanned, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_a_renamed_file_is_told_before_it_is_read),
		T(test_a_file_renamed_twice_is_told_before_it_is_read),
		T(test_a_file_renamed_and_then_written_is_read),
		T(test_a_file_written_and_then_renamed_is_read),
		T(test_a_tree_written_to_and_then_moved_is_read),
		T(test_a_backup_takes_over_and_its_successor_is_read),
		T(test_a_rename_over_a_file_replaces_it),
		T(test_two_files_that_swap_names),
		T(test_a_moved_tree_is_not_read),
		T(test_a_tree_moved_twice_or_back_is_not_read),
		T(test_moved_folders_are_followed_by_a_full_look),
		T(test_a_full_look_that_had_to_wait_is_the_last),
		T(test_a_folder_is_watched_where_a_walk_met_it),
		T(test_a_tree_moved_twice_and_changed_meanwhile),
		T(test_a_tree_moved_out_is_gone_and_not_listened_to),
		T(test_kinds_that_replace_each_other),
	};

	return cmocka_run_group_tests_name("local moves", tests, NULL, NULL);
}
