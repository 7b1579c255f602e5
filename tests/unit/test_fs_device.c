/* Proves what is kept where nothing tells mounts apart but the device, and that a failure is not taken for another
 * mount. Both need a kernel that lacks something: tests/fault/test_old_kernels.py runs this program on them. On one
 * that lacks nothing, only that is proved. */
#include "tests/unit/fs_dirs.h"

#include <linux/stat.h>
#include <sys/mount.h>

#include "base/fs_kernel.h"
#include "sync/share/disk.h"
#include "tests/unit/own_mounts.h"

static bool own; /* mounts are this process's */

static bool has_openat2(void)
{
	return (fs_kernel_lacks() & FS_KERNEL_NO_OPENAT2) == 0;
}

/* What a user's process that cannot be dumped sees of it on older kernels: nothing. */
static void hide_proc(void)
{
	assert_int_equal(mount("none", "/proc", "tmpfs", 0, NULL), 0);
}

static int device_set_up(void **state)
{
	if (set_up(state) < 0 || mkdirat(root, "folder", 0755) < 0 || mkdirat(root, "other", 0755) < 0)
		return -1;
	put(root, "folder/file", "text");
	put(root, "file", "text");
	return 0;
}

static void path_in_top(char out[128], const char *name)
{
	(void)snprintf(out, 128, "%s/%s", top_path, name);
}

static int device_tear_down(void **state)
{
	static const char *const over[] = { "root/folder", "root/other", "root/file" };
	char path[128];

	(void)umount2("/proc", MNT_DETACH);
	for (size_t i = 0; i < sizeof(over) / sizeof(over[0]); i++) {
		path_in_top(path, over[i]);
		(void)umount2(path, MNT_DETACH);
	}
	return tear_down(state);
}

static void what_the_device_does_not_tell_is_said_of_the_share(void **state)
{
	struct disk d;

	(void)state;
	if (!own)
		skip();
	assert_true(fs_kernel_tells_mounts(root));
	hide_proc();
	disk_probe(root, &d);
	assert_int_equal(d.no_mounts, !fs_kernel_tells_mounts(root));
}

static void by_the_device_folders_of_other_disks_stay_outside(void **state)
{
	char where[128], from[128];
	int fd;

	(void)state;
	if (!own)
		skip();
	path_in_top(where, "root/folder");
	assert_int_equal(mount("none", where, "tmpfs", 0, NULL), 0);
	/* A file whose device is another than its folder's, as on overlayfs. */
	path_in_top(where, "root/file");
	(void)snprintf(from, sizeof(from), "%s/root/folder/file", top_path);
	close(open(from, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	assert_int_equal(mount(from, where, NULL, MS_BIND, NULL), 0);
	hide_proc();
	assert_errno(fs_open(root, "folder", O_RDONLY | O_DIRECTORY, 0), EXDEV);
	assert_errno(fs_open(root, "folder/file", O_RDONLY, 0), EXDEV);
	assert_errno(fs_open(root, "folder/new", O_WRONLY | O_CREAT, 0644), EXDEV);
	fd = fs_open(root, "file", O_RDONLY, 0);
	assert_int_equal(fd >= 0, !fs_kernel_tells_mounts(root));
	if (fd >= 0)
		close(fd);
	fd = fs_open(root, "other", O_RDONLY | O_DIRECTORY, 0);
	assert_true(fd >= 0);
	close(fd);
}

static bool question_fails(void)
{
	struct statx x;

	return fs_kernel_statx(AT_FDCWD, "/", 0, STATX_MNT_ID, &x) < 0 && errno == ENOMEM;
}

static void a_failing_question_is_that_failure_and_not_another_mount(void **state)
{
	int top_folder = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = fs_open(top_folder, "", O_RDONLY | O_DIRECTORY, 0);

	(void)state;
	assert_int_equal(fd < 0, question_fails() && !has_openat2());
	if (fd < 0)
		assert_int_equal(errno, ENOMEM);
	else
		close(fd);
	close(top_folder);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, device_set_up, device_tear_down)
	const struct CMUnitTest devices[] = {
		T(what_the_device_does_not_tell_is_said_of_the_share),
		T(by_the_device_folders_of_other_disks_stay_outside),
	};
	const struct CMUnitTest failures[] = {
		cmocka_unit_test(a_failing_question_is_that_failure_and_not_another_mount),
	};

	alarm(60);
	own = own_mounts() == 0;
	/* Where each such question fails, the others cannot even be prepared. */
	if (question_fails())
		return cmocka_run_group_tests(failures, NULL, NULL);
	return cmocka_run_group_tests(devices, NULL, NULL) + cmocka_run_group_tests(failures, NULL, NULL);
}
