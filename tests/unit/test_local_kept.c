/* Proves that what a disk made of the mode and mtime it was asked to keep is not told as a user's change, and that what
 * is one is told with the rest as it was asked. The disk under the test keeps everything: the rows say that it does
 * not. */
#include "tests/unit/local_fixture.h"

enum { MTIME_S = 1700000000 };
static const int64_t asked_ns = MTIME_S * INT64_C(1000000000) + 123456789, kept_ns = MTIME_S * INT64_C(1000000000);

static void set_time(const char *path, int64_t ns)
{
	assert_int_equal(fs_set_mtime_at(root, path, ns), 0);
}

/* What is at path gets the mode and time that a disk without modes and with whole seconds would show, and its row those
 * that were asked for. */
static void lose(const char *path, uint32_t asked)
{
	struct record r = get_row(path);
	struct fs_stat st;

	if (r.kind != RECORD_SYMLINK)
		assert_int_equal(fs_set_mode_at(root, path, 0755), 0);
	if (r.kind != RECORD_DIR)
		set_time(path, kept_ns);
	assert_int_equal(fs_stat_beneath(root, path, &st), 0);
	r.mode = r.kind != RECORD_SYMLINK ? asked : 0;
	r.mtime_ns = r.kind != RECORD_DIR ? asked_ns : 0;
	r.seen = (struct seen){ st.size, st.mtime_ns, st.ctime_ns, st.ino, st.mode };
	assert_int_equal(index_put(ix, &r, NULL), 0);
	record_clear(&r);
}

static void assert_told(const char *path, uint32_t mode, int64_t mtime_ns)
{
	struct record r = get_row(path);

	assert_false(r.deleted);
	assert_int_equal(r.mode, mode);
	assert_int_equal(r.mtime_ns, mtime_ns);
	record_clear(&r);
}

static void make_lossy(void)
{
	put("key", "secret");
	assert_int_equal(mkdirat(root, "dir", 0700), 0);
	assert_int_equal(symlinkat("key", root, "link"), 0);
	start_local();
	until_idle();
	lose("key", 0600);
	lose("dir", 0710);
	lose("link", 0);
	until_idle();
	forget_log();
}

static void test_what_the_disk_kept_is_no_change(void **state)
{
	uint64_t seq;

	(void)state;
	make_lossy();
	seq = index_seq(ix);
	local_rescan(local);
	until_idle();
	/* A copy of it, as after the disk was mounted again. */
	put(".lanyard/copy", "secret");
	assert_int_equal(fchmodat(root, ".lanyard/copy", 0755, 0), 0);
	assert_int_equal(utimensat(root, ".lanyard/copy", (struct timespec[]){ { MTIME_S, 0 }, { MTIME_S, 0 } }, 0), 0);
	move(".lanyard/copy", "key");
	until_idle();
	assert_int_equal(nlogged, 0);
	assert_int_equal(index_seq(ix), seq);
	assert_told("key", 0600, asked_ns);
}

static void test_a_new_content_keeps_the_mode_that_was_asked(void **state)
{
	struct fs_stat st;

	(void)state;
	make_lossy();
	put("key", "another");
	until_idle();
	assert_int_equal(fs_stat_beneath(root, "key", &st), 0);
	assert_told("key", 0600, st.mtime_ns);
	/* And a time that was set back is the one that was asked, too. */
	put("key", "a third");
	set_time("key", st.mtime_ns);
	until_idle();
	assert_told("key", 0600, st.mtime_ns);
}

static void test_what_a_user_sets_is_told(void **state)
{
	(void)state;
	make_lossy();
	assert_int_equal(fs_set_mode_at(root, "key", 0640), 0);
	assert_int_equal(fs_set_mode_at(root, "dir", 0750), 0);
	until_idle();
	assert_told("key", 0640, asked_ns);
	assert_told("dir", 0750, 0);
	set_time("key", kept_ns + 5000000000);
	set_time("link", kept_ns + 5000000000);
	until_idle();
	assert_told("key", 0640, kept_ns + 5000000000);
	assert_told("link", 0, kept_ns + 5000000000);
}

static void test_a_move_takes_along_what_was_asked(void **state)
{
	(void)state;
	make_lossy();
	move("key", "dir/moved");
	until_idle();
	assert_told("dir/moved", 0600, asked_ns);
	move("dir", "folder");
	until_idle();
	assert_told("folder/moved", 0600, asked_ns);
}

/* No event says so: the agent is off. */
static void test_what_was_moved_over_another_takes_along_what_was_asked(void **state)
{
	(void)state;
	put("other", "replaced");
	make_lossy();
	stop_local();
	move("key", "other");
	start_local();
	until_idle();
	assert_told("other", 0600, asked_ns);
	/* Or linked: both names show the same. */
	stop_local();
	assert_int_equal(linkat(root, "other", root, "dir/name", 0), 0);
	start_local();
	until_idle();
	assert_told("other", 0600, asked_ns);
	assert_told("dir/name", 0600, asked_ns);
}

/* Some disks show the finer part of a time until the file is not in memory any more. */
static void test_a_time_that_gets_coarser_by_itself_is_no_change(void **state)
{
	struct record r;
	uint64_t seq;

	(void)state;
	make_lossy();
	r = get_row("key");
	r.seen.mtime_ns = asked_ns;
	assert_int_equal(index_touch(ix, "key", &r.seen), 0);
	seq = index_seq(ix);
	local_rescan(local);
	until_idle();
	assert_int_equal(index_seq(ix), seq);
	assert_told("key", 0600, asked_ns);
	/* Unlike a time that a user made so, which shows in the ctime. */
	r.seen.mtime_ns = asked_ns;
	r.seen.ctime_ns -= 1000000;
	assert_int_equal(index_touch(ix, "key", &r.seen), 0);
	record_clear(&r);
	local_rescan(local);
	until_idle();
	assert_told("key", 0600, kept_ns);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_what_the_disk_kept_is_no_change),
		T(test_a_new_content_keeps_the_mode_that_was_asked),
		T(test_what_a_user_sets_is_told),
		T(test_a_move_takes_along_what_was_asked),
		T(test_what_was_moved_over_another_takes_along_what_was_asked),
		T(test_a_time_that_gets_coarser_by_itself_is_no_change),
	};

	return cmocka_run_group_tests_name("local_kept", tests, NULL, NULL);
}
