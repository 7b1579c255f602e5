/* Proves that files which no event says were moved are recognized: where they were moved into a folder before it was
 * watched, and while nobody looked. A content is marked in the index, so that where the mark turns up it was taken
 * over. */
#include "sync/local/local_internal.h"
#include "tests/unit/local_fixture.h"

#include <sys/stat.h>
#include <time.h>

enum { FILES = 40 }; /* of which all are moved: more than a burst */

static void name_of(char path[64], const char *folder, int i)
{
	(void)snprintf(path, 64, "%s/f%d", folder, i);
}

/* The mtime is long past, as of most files: so it is not the ctime. */
static void put_old(const char *path, const char *text)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = 1234567890 } };

	put(path, text);
	assert_int_equal(utimensat(root, path, times, 0), 0);
}

static void make_files(const char *folder)
{
	char path[64];

	make_dir(folder);
	for (int i = 0; i < FILES; i++) {
		name_of(path, folder, i);
		put_old(path, path);
	}
	put_old("stays", "x");
}

static void mark_files(const char *folder)
{
	char path[64];

	for (int i = 0; i < FILES; i++) {
		name_of(path, folder, i);
		mark_content(path);
	}
	forget_log();
}

static void move_files(const char *from, const char *to)
{
	char old[64], new[64];

	for (int i = 0; i < FILES; i++) {
		name_of(old, from, i);
		name_of(new, to, i);
		move(old, new);
	}
}

/* Each was told with the content that its old row had, and the old name's deletion right behind it. */
static void assert_moved(const char *from, const char *to)
{
	char path[64];

	for (int i = 0; i < FILES; i++) {
		int at;

		(void)snprintf(path, sizeof(path), "+%s/f%d", to, i);
		at = log_position(path);
		assert_true(told_mark(path + 1));
		(void)snprintf(path, sizeof(path), "-%s/f%d", from, i);
		assert_int_equal(log_position(path), at + 1);
	}
	assert_int_equal(local_held(local, NULL), 0);
}

static void test_files_moved_before_their_folder_is_watched(void **state)
{
	(void)state;
	make_files("old");
	start_local();
	until_idle();
	mark_files("old");
	make_dir("new/deep");
	move_files("old", "new/deep");
	until_idle();
	assert_moved("old", "new/deep");
	assert_index_is_disk();
	/* And back, where their tombstones are. */
	mark_files("new/deep");
	assert_int_equal(unlinkat(root, "old", AT_REMOVEDIR), 0);
	make_dir("old");
	move_files("new/deep", "old");
	until_idle();
	assert_moved("new/deep", "old");
	assert_index_is_disk();
	assert_int_equal(nscanned, 1);
}

/* The rename of a folder leaves the ctimes of its files: they are not read at all. */
static void test_a_folder_moved_before_its_new_place_is_watched(void **state)
{
	char path[64];

	(void)state;
	make_files("old/sub");
	checks_folders = true;
	start_local();
	checks_folders = false;
	until_idle();
	mark_files("old/sub");
	make_dir("new");
	move("old/sub", "new/sub");
	until_idle();
	assert_moved("old/sub", "new/sub");
	for (int i = 0; i < FILES; i++) {
		name_of(path, "new/sub", i);
		assert_true(has_mark(path));
	}
	assert_row("old/sub", "gone");
	/* It is watched where it is now. */
	forget_log();
	put("new/sub/late", "x");
	until_idle();
	assert_int_equal(nlogged, 1);
	assert_string_equal(logged[0], "+new/sub/late");
}

static bool all_wait(void)
{
	return local_pending(local) >= FILES;
}

/* They were seen to be gone first: then they are not counted among what was deleted any more. */
static void test_files_that_were_away_for_a_moment(void **state)
{
	char name[64], away[64];

	(void)state;
	make_files("old");
	start_local();
	until_idle();
	mark_files("old");
	assert_int_equal(mkdirat(top, "away", 0700), 0);
	for (int i = 0; i < FILES; i++) {
		name_of(name, "old", i);
		name_of(away, "away", i);
		assert_int_equal(renameat(root, name, top, away), 0);
	}
	until(all_wait);
	make_dir("new");
	for (int i = 0; i < FILES; i++) {
		name_of(name, "new", i);
		name_of(away, "away", i);
		assert_int_equal(renameat(top, away, root, name), 0);
	}
	until_idle();
	assert_moved("old", "new");
	assert_index_is_disk();
}

/* All of them are rows when the scan says that it has ended: whoever waits for that would take an installer's
 * unfinished move for a user's. */
static void test_files_moved_while_nobody_looked(void **state)
{
	(void)state;
	make_files("old");
	start_local();
	until_idle();
	mark_files("old");
	stop_local();
	make_dir("new");
	move_files("old", "new");
	start_local();
	until_idle();
	assert_moved("old", "new");
	assert_index_is_disk();
	assert_int_equal(nscanned, 2);
	assert_int_equal(logged_when_scanned, nlogged);
}

static void move_into_new(const char *path)
{
	make_dir("new");
	move(path, "new/it");
}

/* As a write in the same tick of the clock as the one before it would be, or by who sets the time back. */
static void test_what_was_written_after_the_move_is_read(void **state)
{
	(void)state;
	put_old("it", "bytes 0");
	put_old("stays", "x");
	start_local();
	until_idle();
	mark_content("it");
	forget_log();
	move_into_new("it");
	put_old("new/it", "bytes 1");
	until_idle();
	assert_index_is_disk();
}

static void test_what_was_written_before_the_move_is_read_first(void **state)
{
	(void)state;
	put_old("it", "bytes 0");
	put_old("stays", "x");
	start_local();
	until_idle();
	mark_content("it");
	forget_log();
	put_old("it", "bytes 1");
	move_into_new("it");
	until_idle();
	assert_false(told_mark("new/it"));
	assert_index_is_disk();
}

static void test_another_file_is_not_taken_for_the_one_that_went(void **state)
{
	(void)state;
	put_old("it", "bytes 0");
	put_old("stays", "x");
	start_local();
	until_idle();
	mark_content("it");
	forget_log();
	make_dir("new");
	put_old("new/it", "bytes 1");
	assert_int_equal(unlinkat(root, "it", 0), 0);
	until_idle();
	assert_false(told_mark("new/it"));
	assert_index_is_disk();
}

/* Its old name may be there still. */
static void test_a_file_of_two_names_is_read(void **state)
{
	(void)state;
	put_old("it", "bytes");
	put_old("stays", "x");
	start_local();
	until_idle();
	mark_content("it");
	forget_log();
	make_dir("new");
	assert_int_equal(linkat(root, "it", root, "new/it", 0), 0);
	until_idle();
	assert_false(told_mark("new/it"));
	assert_row("it", "file");
	assert_row("new/it", "file");
}

/* What the rules leave out is nobody's loss when it goes. */
static void test_a_file_that_the_rules_left_out_is_not_deleted(void **state)
{
	(void)state;
	put_old("it.tmp", "bytes");
	put_old("stays", "x");
	start_local();
	until_idle();
	put(".lanyardignore", "*.tmp\n");
	until_idle();
	forget_log();
	move_into_new("it.tmp");
	until_idle();
	assert_row("it.tmp", "file");
	assert_row("new/it", "file");
}

/* --- disks that give out inode numbers again --- */

/* Such a disk has the mtime for a ctime, or keeps ctimes. */
static void test_an_inode_without_a_ctime_of_its_own_is_no_proof(void **state)
{
	const struct record row = { .kind = RECORD_FILE,
		                    .seen = { .size = 5, .mtime_ns = 1000, .ctime_ns = 1000, .ino = 7, .mode = 0644 } };
	struct fs_stat st = { .kind = S_IFREG,
		              .size = 5,
		              .mtime_ns = 1000,
		              .ctime_ns = 1000,
		              .ino = 7,
		              .mode = 0644,
		              .nlink = 1 };
	struct record moved = row;

	(void)state;
	assert_false(moves_is_that_file(&row, &st));
	st.ctime_ns = 2001; /* of a rename */
	assert_true(moves_is_that_file(&row, &st));
	moved.seen.ctime_ns = 2001; /* of the rename of its folder, after another change */
	assert_true(moves_is_that_file(&moved, &st));
	st.mtime_ns = 1001;
	assert_false(moves_is_that_file(&moved, &st));
}

/* As after a mount of CIFS without the server's numbers: a has the number that b's row remembers. */
static void test_a_renumbered_file_is_read_before_it_is_told(void **state)
{
	struct record a, b;
	struct seen sa, sb;

	(void)state;
	put_old("a", "bytes of a");
	put_old("b", "bytes of b");
	put_old("stays", "x");
	start_local();
	until_idle();
	mark_content("b");
	stop_local();
	a = get_row("a");
	b = get_row("b");
	sa = a.seen;
	sb = b.seen;
	sa.ino = b.seen.ino;
	sb.ino = a.seen.ino;
	sb.ctime_ns += 5;
	assert_int_equal(index_touch(ix, "a", &sa), 0);
	assert_int_equal(index_touch(ix, "b", &sb), 0);
	forget_log();
	start_local();
	until_idle();
	assert_false(told_mark("a"));
	assert_index_is_disk();
	record_clear(&a);
	record_clear(&b);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_files_moved_before_their_folder_is_watched),
		T(test_a_folder_moved_before_its_new_place_is_watched),
		T(test_files_that_were_away_for_a_moment),
		T(test_files_moved_while_nobody_looked),
		T(test_what_was_written_after_the_move_is_read),
		T(test_what_was_written_before_the_move_is_read_first),
		T(test_another_file_is_not_taken_for_the_one_that_went),
		T(test_a_file_of_two_names_is_read),
		T(test_a_file_that_the_rules_left_out_is_not_deleted),
		T(test_an_inode_without_a_ctime_of_its_own_is_no_proof),
		T(test_a_renumbered_file_is_read_before_it_is_told),
	};

	return cmocka_run_group_tests_name("local unseen moves", tests, NULL, NULL);
}
