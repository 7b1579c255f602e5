/* Proves that a disk without limits is reported as such, and what each limit does to modes and times. Real disks with
 * limits are in tests/fault/test_lossy.py. */
#include "tests/unit/fs_dirs.h"

#include <dirent.h>
#include <sys/stat.h>

#include "sync/share/disk.h"

static void a_whole_disk_lacks_nothing_and_nothing_is_left(void **state)
{
	struct disk d;
	DIR *dir;
	int n = 0;

	(void)state;
	disk_probe(root, &d);
	assert_null(disk_lack(&d, 0));
	assert_int_equal(d.name_max, 255);
	dir = fdopendir(dup(root));
	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	assert_int_equal(n, 2); /* "." and ".." */
}

static void a_folder_that_takes_nothing_lacks_nothing(void **state)
{
	struct disk d;
	int gone;

	(void)state;
	assert_int_equal(mkdirat(root, "gone", 0755), 0);
	gone = openat(root, "gone", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(unlinkat(root, "gone", AT_REMOVEDIR), 0);
	disk_probe(gone, &d);
	assert_null(disk_lack(&d, 0));
	close(gone);
}

static void lacks_explain_what_they_make_and_no_more(void **state)
{
	struct disk whole = { .time_step_ns = 1, .name_max = 255 }, modes = whole, seconds = whole, none = whole,
		    near = whole;
	struct record asked = { .kind = RECORD_FILE, .mode = 0600, .mtime_ns = -1500000001 }, seen = asked;

	(void)state;
	modes.no_modes = true;
	seconds.time_step_ns = 2000000000;
	none.no_times = true;
	near.no_far_times = true;
	assert_true(disk_explains(&whole, &asked, &seen));
	seen.mode = 0755;
	assert_false(disk_explains(&whole, &asked, &seen));
	assert_false(disk_explains(&seconds, &asked, &seen));
	assert_true(disk_explains(&modes, &asked, &seen));
	seen = asked;
	seen.mtime_ns = -2000000000;
	assert_true(disk_explains(&seconds, &asked, &seen));
	assert_true(disk_explains(&none, &asked, &seen));
	assert_false(disk_explains(&whole, &asked, &seen));
	assert_false(disk_explains(&modes, &asked, &seen));
	seen.mtime_ns = 0;
	assert_false(disk_explains(&seconds, &asked, &seen));
	asked.mtime_ns = INT64_C(4000000000) * 1000000000;
	assert_true(disk_explains(&near, &asked, &seen));
	assert_false(disk_explains(&seconds, &asked, &seen));
	/* No disk explains another content. */
	seen = asked;
	seen.content.size = 1;
	assert_false(disk_explains(&none, &asked, &seen));
}

static void each_lack_has_its_words(void **state)
{
	struct disk d = { .no_modes = true,
		          .no_times = true,
		          .time_step_ns = 1000000000,
		          .no_far_times = true,
		          .no_exchange = true,
		          .no_safe_rename = true,
		          .no_symlinks = true,
		          .folds_case = true,
		          .no_folder_sync = true,
		          .no_mounts = true,
		          .name_max = 143,
		          .no_default_acl = true,
		          .other_group = true };

	(void)state;
	for (size_t i = 0; i < DISK_LACKS_MAX; i++)
		assert_non_null(disk_lack(&d, i));
	assert_null(disk_lack(&d, DISK_LACKS_MAX));
}

static void a_share_of_several_people_gives_the_group_what_the_owner_has(void **state)
{
	const struct disk shared = { .shared = true }, own = { 0 };

	(void)state;
	assert_int_equal(disk_mode_kept(&own, RECORD_FILE, 0640), 0640);
	assert_int_equal(disk_mode_kept(&shared, RECORD_FILE, 0644), 0664);
	assert_int_equal(disk_mode_kept(&shared, RECORD_FILE, 0600), 0660);
	assert_int_equal(disk_mode_kept(&shared, RECORD_DIR, 0755), 0775);
	assert_int_equal(disk_mode_kept(&shared, RECORD_SYMLINK, 0), 0);
	/* The group bits of a shared folder are not announced. */
	assert_int_equal(disk_mode_announced(&own, RECORD_FILE, 0664), 0664);
	assert_int_equal(disk_mode_announced(&shared, RECORD_FILE, 0664), 0644);
	assert_int_equal(disk_mode_announced(&shared, RECORD_FILE, 0660), 0600);
	assert_int_equal(disk_mode_announced(&shared, RECORD_DIR, 0775), 0755);
}

static void what_comes_into_a_share_that_came_to_be_shared_is_its_groups(void **state)
{
	const gid_t group = 4242;
	struct disk d = { .time_step_ns = 1, .name_max = 255 };
	struct stat st;
	int parts, fd;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(mkdirat(root, "parts", 0700), 0);
	parts = openat(root, "parts", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	disk_check_shared(root, parts, &d);
	assert_false(d.shared || d.other_group);
	assert_int_equal(fchown(root, (uid_t)-1, group), 0);
	assert_int_equal(fchmod(root, 02775), 0);
	disk_check_shared(root, parts, &d);
	assert_true(d.shared);
	assert_null(disk_lack(&d, 0));
	fd = openat(parts, "x", O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_gid, group);
	close(fd);
	close(parts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_share_of_several_people_gives_the_group_what_the_owner_has),
		FS_TEST(what_comes_into_a_share_that_came_to_be_shared_is_its_groups),
		FS_TEST(a_whole_disk_lacks_nothing_and_nothing_is_left),
		FS_TEST(a_folder_that_takes_nothing_lacks_nothing),
		cmocka_unit_test(lacks_explain_what_they_make_and_no_more),
		cmocka_unit_test(each_lack_has_its_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
