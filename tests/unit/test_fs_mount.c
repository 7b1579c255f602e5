/* Proves that what somebody mounts in a folder is outside of it: nothing in there is opened, made, removed or changed.
 * In a mount namespace of the test's own; where that is not allowed, skipped. Also that modes and times are set on the
 * very thing a name names. */
#include "tests/unit/fs_dirs.h"

#include <sys/mount.h>

#include "tests/unit/own_mounts.h"

static bool can_mount;

/* root/folder/file and root/file; outside/below and outside/file for mounts over them. */
static int mount_set_up(void **state)
{
	if (set_up(state) < 0 || mkdirat(root, "folder", 0755) < 0 || mkdirat(top, "outside/below", 0755) < 0)
		return -1;
	put(top, "outside/file", "text");
	put(root, "folder/file", "text");
	put(root, "file", "text");
	return 0;
}

static void path_of(char out[128], const char *name)
{
	(void)snprintf(out, 128, "%s/%s", top_path, name);
}

static int mount_tear_down(void **state)
{
	char path[128];

	path_of(path, "root/folder");
	(void)umount2(path, MNT_DETACH);
	path_of(path, "root/file");
	(void)umount2(path, MNT_DETACH);
	return tear_down(state);
}

static void mount_over(const char *what, const char *where)
{
	char from[128], to[128];

	path_of(from, what);
	path_of(to, where);
	assert_int_equal(mount(from, to, NULL, MS_BIND, NULL), 0);
}

static void assert_untouched(const struct fs_stat *before, const struct fs_stat *after)
{
	assert_int_equal(after->ino, before->ino);
	assert_int_equal(after->mode, before->mode);
	assert_int_equal(after->size, before->size);
	assert_int_equal(after->mtime_ns, before->mtime_ns);
	assert_int_equal(after->ctime_ns, before->ctime_ns);
}

static void nothing_is_reached_through_a_mount(void **state)
{
	struct fs_stat st, after;
	const char *name;

	(void)state;
	if (!can_mount)
		skip();
	assert_int_equal(fs_stat_beneath(top, "outside/file", &st), 0);
	mount_over("outside", "root/folder");
	assert_errno(fs_open(root, "folder", O_RDONLY | O_DIRECTORY, 0), EXDEV);
	assert_errno(fs_open(root, "folder/file", O_RDONLY, 0), EXDEV);
	assert_errno(fs_open(root, "folder/new", O_WRONLY | O_CREAT, 0644), EXDEV);
	assert_errno(fs_open_parent(root, "folder/file", &name), EXDEV);
	assert_errno(fs_mkdirs(root, "folder/new/newer", 0755), EXDEV);
	assert_null(fs_read_file(root, "folder/file", 100, NULL));
	assert_errno(fs_write_file(root, "folder/file", "x", 1, 0644), EXDEV);
	/* Not "absent", which would be a deletion. */
	assert_errno(fs_stat_beneath(root, "folder/file", &after), EXDEV);
	assert_errno(fs_set_mode_at(root, "folder", 0700), EXDEV);
	assert_errno(fs_set_mtime_at(root, "folder", 5), EXDEV);
	assert_int_equal(fs_remove_tree(top, "root/folder"), -1);
	assert_int_equal(fs_stat_beneath(top, "outside/file", &after), 0);
	assert_untouched(&st, &after);
	assert_int_equal(fs_stat_beneath(top, "outside/below", &after), 0);
	assert_int_equal(after.kind, S_IFDIR);
}

static void nothing_of_a_file_mounted_over_a_file_is_changed(void **state)
{
	struct fs_stat st, after;

	(void)state;
	if (!can_mount)
		skip();
	assert_int_equal(fs_stat_beneath(top, "outside/file", &st), 0);
	mount_over("outside/file", "root/file");
	assert_errno(fs_open(root, "file", O_RDONLY, 0), EXDEV);
	assert_errno(fs_open(root, "file", O_WRONLY | O_TRUNC, 0), EXDEV);
	assert_errno(fs_set_mode_at(root, "file", 0600), EXDEV);
	assert_errno(fs_set_mtime_at(root, "file", 5), EXDEV);
	assert_int_equal(fs_stat_beneath(top, "outside/file", &after), 0);
	assert_untouched(&st, &after);
}

/* Opening a FIFO can wake up who waits at its other end. */
static void what_is_mounted_over_a_file_is_not_even_opened(void **state)
{
	char path[128];

	(void)state;
	if (!can_mount)
		skip();
	path_of(path, "outside/pipe");
	assert_int_equal(mkfifo(path, 0600), 0);
	mount_over("outside/pipe", "root/file");
	/* Were it opened, the lack of a reader would be found first: ENXIO. */
	assert_errno(fs_open(root, "file", O_WRONLY | O_NONBLOCK, 0), EXDEV);
	assert_errno(fs_open(root, "file", O_WRONLY | O_CREAT | O_NONBLOCK, 0644), EXDEV);
}

static void mode_is_set_without_following_or_opening(void **state)
{
	struct fs_stat st;

	(void)state;
	assert_int_equal(fs_set_mode_at(root, "file", 0), 0);
	assert_int_equal(fs_set_mode_at(root, "file", 04751), 0);
	assert_int_equal(fs_stat_at(root, "file", &st), 0);
	assert_int_equal(st.mode, 0751);
	assert_int_equal(st.special, 0);
	assert_int_equal(fs_set_mode_at(root, "folder", 0511), 0);
	assert_int_equal(fs_stat_at(root, "folder", &st), 0);
	assert_int_equal(st.mode, 0511);
	assert_int_equal(fs_set_mode_at(root, "folder", 0755), 0);
	assert_int_equal(symlinkat("../outside/file", root, "link"), 0);
	assert_errno(fs_set_mode_at(root, "link", 0600), EOPNOTSUPP);
	assert_errno(fs_set_mode_at(root, "missing", 0600), ENOENT);
	assert_errno(fs_set_mode_at(root, "folder/file", 0600), EINVAL);
	assert_errno(fs_set_mode_at(root, "..", 0600), EINVAL);
	assert_int_equal(fs_stat_beneath(top, "outside/file", &st), 0);
	assert_int_equal(st.mode, 0644);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, mount_set_up, mount_tear_down)
	const struct CMUnitTest tests[] = {
		T(nothing_is_reached_through_a_mount),
		T(nothing_of_a_file_mounted_over_a_file_is_changed),
		T(what_is_mounted_over_a_file_is_not_even_opened),
		T(mode_is_set_without_following_or_opening),
	};

	alarm(60);
	can_mount = own_mounts() == 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
