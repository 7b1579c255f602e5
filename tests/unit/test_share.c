/* Proves that a share is recognised by its marker, and that a folder which vanished, was replaced or was emptied is not
 * taken for one whose files were deleted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/share/share.h"

static const uint8_t marker[32] = { 1, 2, 3 };
static const uint8_t other[32] = { 9 };
static char top_path[32];
static int top;
static char *path; /* top/share */
static char *why;

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(top_path, sizeof(top_path), "/tmp/lanyard-share-XXXXXX");
	if (mkdtemp(top_path) == NULL)
		return -1;
	top = open(top_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	path = mem_printf("%s/deep/share", top_path);
	log_set_level(LOG_ERROR);
	return top < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	free(path);
	free(why);
	why = NULL;
	close(top);
	if (fs_remove_tree(tmp, top_path + strlen("/tmp/")) < 0)
		return -1;
	close(tmp);
	return 0;
}

static struct share *open_share(bool create, bool expect_marker, const uint8_t m[32])
{
	free(why);
	return share_open(path, create, expect_marker, m, &why);
}

/* The reason that the last call gave. */
static void forget_why(void)
{
	free(why);
	why = NULL;
}

static int check(struct share *s)
{
	struct share_handle *g = share_handle_of(s);
	int rc;

	forget_why();
	rc = share_handle_check(g, &why);
	share_handle_free(g);
	return rc;
}

static int reopen(struct share *s)
{
	struct share *again;

	forget_why();
	again = share_open(share_path(s), false, true, marker, &why);
	return again != NULL ? share_move(s, again, &why) : -1;
}

static bool reload(struct share *s)
{
	return share_take_rules(s, share_read_rules(share_root(s)));
}

static void assert_bad(struct share *s)
{
	assert_int_equal(check(s), -1);
	assert_non_null(why);
}

static void assert_good(struct share *s)
{
	assert_int_equal(check(s), 0);
	assert_null(why);
}

static void put(const char *name, const char *text)
{
	assert_int_equal(fs_write_file(top, name, text, strlen(text), 0644), 0);
}

static void test_creates_what_is_missing_and_nothing_else(void **state)
{
	struct share *s;
	struct stat st;

	(void)state;
	assert_null(open_share(false, false, marker));
	assert_non_null(why);
	assert_null(open_share(true, true, marker)); /* a share that was there is not created again */
	assert_int_equal(faccessat(top, "deep", F_OK, 0), -1);
	s = open_share(true, false, marker);
	assert_non_null(s);
	assert_null(why);
	assert_int_equal(fstatat(top, "deep/share/.lanyard", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(fstat(share_parts(s), &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_string_equal(share_path(s), path);
	assert_good(s);
	share_free(s);
	s = open_share(false, true, marker);
	assert_non_null(s);
	share_free(s);
}

/* The flag, of a folder that is made at `at` if it is not there; -1: the file system has no such flag. */
static int spread_flag(const char *at, bool set)
{
	int fd, flags = 0;

	(void)mkdir(at, 0700);
	fd = open(at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		flags = -1;
	if (set && flags >= 0) {
		flags |= FS_TOPDIR_FL;
		if (ioctl(fd, FS_IOC_SETFLAGS, &flags) < 0)
			flags = -1;
	}
	close(fd);
	return flags < 0 ? -1 : (flags & FS_TOPDIR_FL) != 0;
}

static void test_batches_are_spread_over_the_disk(void **state)
{
	char *tried = mem_printf("%s/tried", top_path), *parts = mem_printf("%s/.lanyard/parts", path);
	int has = spread_flag(tried, true);
	struct share *s;

	(void)state;
	assert_int_equal(rmdir(tried), 0);
	s = open_share(true, false, marker);
	assert_non_null(s);
	if (has == 1)
		assert_int_equal(spread_flag(parts, false), 1);
	share_free(s);
	free(tried);
	free(parts);
}

static void test_refuses_the_share_of_another_group(void **state)
{
	(void)state;
	share_free(open_share(true, false, marker));
	assert_null(open_share(true, false, other));
	assert_non_null(strstr(why, "another group"));
	put("deep/share/.lanyard/share", "short");
	assert_null(open_share(true, false, marker));
}

static void test_refuses_an_empty_folder_where_a_share_was(void **state)
{
	(void)state;
	assert_int_equal(fs_mkdirs(top, "deep/share", 0755), 0);
	assert_null(open_share(true, true, marker));
	assert_non_null(strstr(why, "mounted"));
	assert_int_equal(faccessat(top, "deep/share/.lanyard", F_OK, 0), -1);
}

static void test_refuses_a_symlink_for_its_own_folder(void **state)
{
	(void)state;
	assert_int_equal(fs_mkdirs(top, "deep/share", 0755), 0);
	assert_int_equal(fs_mkdirs(top, "elsewhere", 0755), 0);
	assert_int_equal(symlinkat("../../elsewhere", top, "deep/share/.lanyard"), 0);
	assert_null(open_share(true, false, marker));
	assert_int_equal(faccessat(top, "elsewhere/parts", F_OK, 0), -1);
	assert_int_equal(faccessat(top, "elsewhere/share", F_OK, 0), -1);
}

static void test_tells_a_vanished_folder(void **state)
{
	struct share *s = open_share(true, false, marker);

	(void)state;
	assert_int_equal(renameat(top, "deep/share", top, "away"), 0);
	assert_bad(s);
	assert_int_equal(reopen(s), -1);
	assert_int_equal(renameat(top, "away", top, "deep/share"), 0);
	assert_good(s);
	share_free(s);
}

static void test_tells_a_replaced_folder_and_takes_back_the_same_share(void **state)
{
	struct share *s = open_share(true, false, marker);
	int root = share_root(s);
	struct fs_stat st;
	int old = dup(root);
	struct fs_stat old_st;

	(void)state;
	assert_int_equal(renameat(top, "deep/share", top, "away"), 0);
	assert_int_equal(fs_mkdirs(top, "deep/share", 0755), 0);
	assert_bad(s);
	assert_int_equal(reopen(s), -1); /* no marker: perhaps the empty mount point */
	assert_int_equal(fs_mkdirs(top, "deep/share/.lanyard", 0700), 0);
	assert_int_equal(fs_write_file(top, "deep/share/.lanyard/share", marker, sizeof(marker), 0600), 0);
	assert_bad(s);
	assert_int_equal(reopen(s), 0);
	assert_good(s);
	assert_int_equal(share_root(s), root);
	assert_int_equal(fs_stat_fd(root, &st), 0);
	assert_int_equal(fs_stat_fd(old, &old_st), 0);
	assert_true(st.ino != old_st.ino);
	close(old);
	share_free(s);
}

static void test_tells_an_emptied_folder(void **state)
{
	struct share *s = open_share(true, false, marker);

	(void)state;
	assert_int_equal(unlinkat(top, "deep/share/.lanyard/share", 0), 0);
	assert_bad(s);
	assert_int_equal(fs_write_file(top, "deep/share/.lanyard/share", other, sizeof(other), 0600), 0);
	assert_bad(s);
	share_free(s);
}

static void test_tells_removed_parts_and_makes_them_anew(void **state)
{
	struct share *s = open_share(true, false, marker);
	int fd;

	(void)state;
	assert_non_null(s);
	assert_int_equal(unlinkat(share_root(s), ".lanyard/parts", AT_REMOVEDIR), 0);
	assert_int_equal(check(s), -1);
	assert_non_null(strstr(why, "parts was removed"));
	assert_int_equal(reopen(s), 0);
	assert_int_equal(check(s), 0);
	fd = openat(share_parts(s), "new", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	share_free(s);
}

static void test_rules_follow_their_file(void **state)
{
	struct share *s = open_share(true, false, marker);
	struct ignore *held;

	(void)state;
	assert_null(share_ignore(s));
	assert_true(share_accepts(s, "a.o", false));
	assert_false(share_accepts(s, ".lanyard/x", false));
	assert_false(share_accepts(s, "../x", false));
	put("deep/share/" SHARE_IGNORE_FILE, "*.o\nd/\n");
	assert_true(reload(s));
	assert_false(reload(s));
	assert_false(share_accepts(s, "a.o", false));
	assert_false(share_accepts(s, "d", true));
	assert_true(share_accepts(s, "d", false));
	held = ignore_ref(share_ignore(s));
	assert_int_equal(unlinkat(top, "deep/share/" SHARE_IGNORE_FILE, 0), 0);
	assert_true(reload(s));
	assert_true(share_accepts(s, "a.o", false));
	assert_true(ignore_match(held, "a.o", false));
	ignore_free(held);
	share_free(s);
}

static void test_keeps_its_rules_when_the_file_is_no_good(void **state)
{
	struct share *s = open_share(true, false, marker);
	char *big = mem_calloc(IGNORE_FILE_MAX + 1, 1);

	(void)state;
	put("deep/share/" SHARE_IGNORE_FILE, "*.o\n");
	assert_true(reload(s));
	memset(big, '#', IGNORE_FILE_MAX + 1);
	assert_int_equal(fs_write_file(top, "deep/share/" SHARE_IGNORE_FILE, big, IGNORE_FILE_MAX + 1, 0644), 0);
	assert_false(reload(s));
	assert_false(share_accepts(s, "a.o", false));
	assert_int_equal(unlinkat(top, "deep/share/" SHARE_IGNORE_FILE, 0), 0);
	assert_int_equal(symlinkat("/etc/passwd", top, "deep/share/" SHARE_IGNORE_FILE), 0);
	assert_false(reload(s));
	assert_int_equal(unlinkat(top, "deep/share/" SHARE_IGNORE_FILE, 0), 0);
	assert_int_equal(mkfifoat(top, "deep/share/" SHARE_IGNORE_FILE, 0600), 0);
	assert_false(reload(s));
	assert_false(share_accepts(s, "a.o", false));
	free(big);
	share_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_creates_what_is_missing_and_nothing_else, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_batches_are_spread_over_the_disk, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refuses_the_share_of_another_group, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refuses_an_empty_folder_where_a_share_was, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refuses_a_symlink_for_its_own_folder, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_tells_a_vanished_folder, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_tells_a_replaced_folder_and_takes_back_the_same_share, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(test_tells_an_emptied_folder, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_tells_removed_parts_and_makes_them_anew, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_rules_follow_their_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_keeps_its_rules_when_the_file_is_no_good, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("share", tests, NULL, NULL);
}
