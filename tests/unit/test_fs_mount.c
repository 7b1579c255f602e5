/* Proves that what somebody mounts in a folder is outside of it: nothing in there is opened, made, removed or changed. In a mount
 * namespace of the test's own; where that is not allowed, skipped. Also that modes and times are set on the very thing a name
 * names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"

static char top_path[64];
static int top;  /* the temporary folder */
static int root; /* top/root */
static bool can_mount;

static void put(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "text", 4), 4);
	close(fd);
}

/* root/folder/file and root/file, and outside/ and outside/file in other mounts over them. */
static int set_up(void **state)
{
	(void)state;
	umask(022);
	(void)snprintf(top_path, sizeof(top_path), "/tmp/lanyard-test-fs-XXXXXX");
	if (mkdtemp(top_path) == NULL)
		return -1;
	top = open(top_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top < 0 || mkdirat(top, "root", 0755) < 0 || mkdirat(top, "root/folder", 0755) < 0 ||
	    mkdirat(top, "outside", 0755) < 0 || mkdirat(top, "outside/below", 0755) < 0)
		return -1;
	put(top, "outside/file");
	put(top, "root/folder/file");
	put(top, "root/file");
	root = openat(top, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return root < 0 ? -1 : 0;
}

static void path_of(char out[128], const char *name)
{
	(void)snprintf(out, 128, "%s/%s", top_path, name);
}

static int tear_down(void **state)
{
	char path[128];

	(void)state;
	path_of(path, "root/folder");
	(void)umount2(path, MNT_DETACH);
	path_of(path, "root/file");
	(void)umount2(path, MNT_DETACH);
	if (fs_remove_tree(top, "root") < 0 || fs_remove_tree(top, "outside") < 0)
		return -1;
	close(root);
	close(top);
	return rmdir(top_path);
}

static void mount_over(const char *what, const char *where)
{
	char from[128], to[128];

	path_of(from, what);
	path_of(to, where);
	assert_int_equal(mount(from, to, NULL, MS_BIND, NULL), 0);
}

#define assert_errno(call, want)                 \
	do {                                     \
		errno = 0;                       \
		assert_int_equal((call), -1);    \
		assert_int_equal(errno, (want)); \
	} while (0)

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

static void mode_is_set_without_following_or_opening(void **state)
{
	struct fs_stat st;

	(void)state;
	assert_int_equal(fs_set_mode_at(root, "file", 0), 0);
	assert_int_equal(fs_set_mode_at(root, "file", 04751), 0);
	assert_int_equal(fs_stat_at(root, "file", &st), 0);
	assert_int_equal(st.mode, 04751);
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
#define FS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		FS_TEST(nothing_is_reached_through_a_mount),
		FS_TEST(nothing_of_a_file_mounted_over_a_file_is_changed),
		FS_TEST(mode_is_set_without_following_or_opening),
	};

	alarm(60);
	can_mount = unshare(geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
	            mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
