/* Proves that what goes wrong is listed and mended, and that nothing is taken for deleted which is only out of
 * sight. */
#include "tests/unit/local_fixture.h"

#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

enum { EXIT_SKIP = 77 };

static bool is_failed(void)
{
	return local_state(local) == LOCAL_ERROR;
}

/* --- files --- */

/* A member made up the last version that there can be. The user's change of that file cannot be told; all others
 * can. */
static void test_a_version_that_cannot_go_on_is_that_files_trouble(void **state)
{
	struct record r;

	(void)state;
	put("forged", "x");
	start_local();
	until_idle();
	assert_int_equal(index_get(ix, "forged", &r), 1);
	version_clear(&r.version);
	for (uint64_t w = 1; w <= VERSION_MAX; w++)
		assert_int_equal(version_bump(&r.version, w, VERSION_COUNTER_MAX), 0);
	assert_int_equal(index_put(ix, &r, NULL), 0);
	record_clear(&r);
	put("forged", "changed");
	put("other", "y");
	until_idle();
	assert_true(has_problem("forged"));
	assert_int_equal(local_state(local), LOCAL_WATCHING);
	assert_row("other", "file");
	assert_int_equal(renameat(root, "forged", root, "renamed"), 0);
	until_idle();
	assert_int_equal(local_state(local), LOCAL_WATCHING);
	assert_row("renamed", "file");
}

static void test_special_files_are_listed(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	put("was-file", "x");
	put("other", "x");
	assert_int_equal(mkfifoat(root, "fifo", 0644), 0);
	start_local();
	until_idle();
	assert_true(has_problem("fifo"));
	assert_row("fifo", "");
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/share/socket", top_path);
	assert_int_equal(bind(fd, (const void *)&address, sizeof(address)), 0);
	assert_int_equal(unlinkat(root, "was-file", 0), 0);
	assert_int_equal(mkfifoat(root, "was-file", 0644), 0);
	until_idle();
	assert_true(has_problem("socket"));
	assert_true(has_problem("was-file"));
	assert_row("was-file", "gone");
	assert_int_equal(local_problems(local, NULL, NULL), 3);
	assert_int_equal(unlinkat(root, "socket", 0), 0);
	assert_int_equal(unlinkat(root, "was-file", 0), 0);
	put("was-file", "again");
	until_idle();
	assert_false(has_problem("socket"));
	assert_false(has_problem("was-file"));
	assert_row("was-file", "file");
	/* One that went away unseen is found out by the next scan. */
	stop_local();
	start_local();
	until_idle();
	assert_true(has_problem("fifo"));
	assert_int_equal(renameat(root, "fifo", top, "fifo"), 0);
	local_rescan(local);
	until_idle();
	assert_int_equal(local_problems(local, NULL, NULL), 0);
	close(fd);
}

static void test_unreadable_files_are_listed_and_tried_again(void **state)
{
	(void)state;
	put("locked", "x");
	put("had-row", "x");
	assert_int_equal(fchmodat(root, "locked", 0, 0), 0);
	if (faccessat(root, "locked", R_OK, AT_EACCESS) == 0)
		skip();
	start_local();
	until_idle();
	assert_true(has_problem("locked"));
	assert_row("locked", "");
	put("had-row", "longer");
	assert_int_equal(fchmodat(root, "had-row", 0, 0), 0);
	until_idle();
	for (int i = 0; i < 2; i++) {
		local_rescan(local);
		until_idle();
		assert_true(has_problem("locked"));
		assert_row("had-row", "file");
	}
	assert_int_equal(fchmodat(root, "locked", 0644, 0), 0);
	assert_int_equal(fchmodat(root, "had-row", 0644, 0), 0);
	until_idle();
	assert_int_equal(local_problems(local, NULL, NULL), 0);
	assert_index_is_disk();
}

static void test_rows_of_an_unreadable_folder_are_left_alone(void **state)
{
	(void)state;
	make_dir("d/sub");
	put("d/f", "x");
	put("d/sub/f", "x");
	put("d-after", "x");
	start_local();
	until_idle();
	assert_int_equal(fchmodat(root, "d", 0, 0), 0);
	if (faccessat(root, "d", R_OK, AT_EACCESS) == 0)
		skip();
	assert_int_equal(unlinkat(root, "d-after", 0), 0);
	until_idle();
	stop_local();
	start_local();
	until_idle();
	assert_true(has_problem("d"));
	assert_row("d/f", "file");
	assert_row("d/sub", "dir");
	assert_row("d/sub/f", "file");
	assert_row("d-after", "gone");
	/* It can be passed through, but not listed; listed, but not passed through. */
	assert_int_equal(fchmodat(root, "d", 0111, 0), 0);
	local_rescan(local);
	until_idle();
	assert_row("d/sub/f", "file");
	assert_int_equal(fchmodat(root, "d", 0444, 0), 0);
	local_rescan(local);
	until_idle();
	assert_row("d/f", "file");
	assert_row("d/sub/f", "file");
	assert_int_equal(fchmodat(root, "d", 0755, 0), 0);
	until_idle();
	assert_int_equal(local_problems(local, NULL, NULL), 0);
	assert_index_is_disk();
}

static void test_paths_that_are_too_long_are_listed(void **state)
{
	char name[256];
	int fd = dup(root);

	(void)state;
	memset(name, 'n', 250);
	name[250] = '\0';
	for (int i = 0; i < 20; i++) {
		int below;

		assert_int_equal(mkdirat(fd, name, 0755), 0);
		below = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		fd = below;
	}
	close(fd);
	put("beside", "x");
	start_local();
	until_idle();
	assert_int_equal(local_problems(local, NULL, NULL), 1);
	assert_row("beside", "file");
	assert_int_equal(index_totals(ix).dirs, 16);
	stop_local();
}

static void test_deep_trees_need_few_descriptors(void **state)
{
	char path[4096] = "d";
	size_t n = 1;

	(void)state;
	for (int i = 1; i < 300; i++)
		n += (size_t)snprintf(path + n, sizeof(path) - n, "/d");
	make_dir(path);
	memcpy(path + n, "/f", 3);
	put(path, "x");
	put("d/d/z", "after all that is deeper");
	start_local();
	until_idle();
	assert_index_is_disk();
	put(path, "changed");
	until_idle();
	assert_index_is_disk();
}

/* --- the share --- */

static void test_a_share_that_vanished_is_an_error_and_deletes_nothing(void **state)
{
	uint64_t seq;

	(void)state;
	make_dir("d");
	put("d/f", "x");
	start_local();
	until_idle();
	seq = index_seq(ix);
	assert_int_equal(renameat(top, "share", top, "away"), 0);
	until(is_failed);
	assert_non_null(local_error(local));
	assert_false(local_idle(local));
	/* An empty folder in its place is not it. */
	assert_int_equal(mkdirat(top, "share", 0755), 0);
	local_rescan(local);
	for (int i = 0; i < 20; i++)
		(void)loop_turn(loop, false);
	assert_int_equal(local_state(local), LOCAL_ERROR);
	assert_int_equal(index_seq(ix), seq);
	assert_int_equal(unlinkat(top, "share", AT_REMOVEDIR), 0);
	assert_int_equal(renameat(top, "away", top, "share"), 0);
	put("d/new", "x");
	local_rescan(local);
	until_idle();
	assert_null(local_error(local));
	assert_index_is_disk();
	/* And it is watched again. */
	put("d/newer", "x");
	until_idle();
	assert_row("d/newer", "file");
}

static void test_an_emptied_share_deletes_nothing(void **state)
{
	(void)state;
	make_dir("d");
	put("d/f", "x");
	start_local();
	until_idle();
	/* As if the disk were gone: the marker too. */
	assert_int_equal(fs_remove_tree(root, ".lanyard"), 0);
	assert_int_equal(fs_remove_tree(root, "d"), 0);
	until(is_failed);
	assert_row("d/f", "file");
	assert_row("d", "dir");
}

static void test_a_user_may_delete_everything(void **state)
{
	(void)state;
	make_dir("d/e");
	put("d/e/f", "x");
	put("g", "x");
	start_local();
	until_idle();
	assert_int_equal(fs_remove_tree(root, "d"), 0);
	assert_int_equal(fs_remove_tree(root, "g"), 0);
	until_idle();
	assert_index_is_disk();
	assert_int_equal(index_totals(ix).files, 0);
	assert_int_equal(index_totals(ix).tombstones, 4);
}

static bool can_mount;

static void test_what_is_mounted_in_the_share_is_not_the_share(void **state)
{
	char *path = mem_printf("%s/share/mnt", top_path);

	(void)state;
	if (!can_mount)
		skip();
	make_dir("mnt/sub");
	put("mnt/sub/f", "x");
	start_local();
	until_idle();
	assert_int_equal(mount("none", path, "tmpfs", 0, NULL), 0);
	put("mnt/inside", "x");
	local_rescan(local);
	until_idle();
	assert_true(has_problem("mnt"));
	assert_row("mnt/sub/f", "file");
	assert_row("mnt/inside", "");
	assert_int_equal(umount(path), 0);
	/* A bind mount of the same file system has the same device number. */
	assert_int_equal(mount(top_path, path, NULL, MS_BIND, NULL), 0);
	local_rescan(local);
	until_idle();
	assert_true(has_problem("mnt"));
	assert_row("mnt/sub/f", "file");
	assert_int_equal(umount(path), 0);
	local_rescan(local);
	until_idle();
	assert_int_equal(local_problems(local, NULL, NULL), 0);
	assert_index_is_disk();
	free(path);
}

/* --- inotify --- */

static void test_an_overflow_of_events_is_survived(void **state)
{
	char path[64];
	long limit = 0;
	FILE *f = fopen("/proc/sys/fs/inotify/max_queued_events", "re");

	(void)state;
	if (f == NULL || fscanf(f, "%ld", &limit) != 1)
		limit = 0;
	if (f != NULL)
		(void)fclose(f);
	if (limit <= 0 || limit > 40000)
		skip();
	start_local();
	until_idle();
	make_dir("d");
	until_idle();
	for (long i = 0; i < limit / 3 + 100; i++) {
		(void)snprintf(path, sizeof(path), "d/f%ld", i);
		put(path, "x");
	}
	make_dir("late/deep");
	put("late/deep/f", "x");
	forget_log();
	while (!local_idle(local)) {
		(void)loop_turn(loop, true);
		forget_log();
	}
	assert_index_is_disk();
	assert_true(nscanned >= 2);
	put("late/deep/g", "x");
	until_idle();
	assert_row("late/deep/g", "file");
}

static void test_folders_that_cannot_be_watched_are_scanned(void **state)
{
	char path[64];

	(void)state;
	for (int i = 0; i < 20; i++) {
		(void)snprintf(path, sizeof(path), "d%02d/sub", i);
		make_dir(path);
		(void)snprintf(path, sizeof(path), "d%02d/sub/f", i);
		put(path, "x");
	}
	start_local();
	until_idle();
	assert_index_is_disk();
	assert_true(has_problem("."));
	put("d19/sub/late", "x");
	local_rescan(local);
	until_idle();
	assert_index_is_disk();
	/* Few enough now. */
	for (int i = 1; i < 20; i++) {
		(void)snprintf(path, sizeof(path), "d%02d", i);
		assert_int_equal(fs_remove_tree(root, path), 0);
	}
	local_rescan(local);
	until_idle();
	local_rescan(local);
	until_idle();
	assert_index_is_disk();
	assert_false(has_problem("."));
}

static void test_without_inotify_all_is_scanned(void **state)
{
	(void)state;
	make_dir("d");
	start_local();
	until_idle();
	assert_true(has_problem("."));
	put("d/f", "x");
	assert_true(local_idle(local));
	local_rescan(local);
	until_idle();
	assert_index_is_disk();
}

/* In a user namespace of its own a process may lower its limits. */
static int run_limited(const char *limit, const char *value, const char *group)
{
	char self[] = "/proc/self/exe";
	char *argv[] = { self, mem_strdup(group), NULL };
	char *path = mem_printf("/proc/sys/user/%s", limit);
	char *map = mem_printf("0 %d 1", (int)getuid());
	static const char *const files[] = { "/proc/self/setgroups", "/proc/self/uid_map" };
	int fd;

	if (unshare(CLONE_NEWUSER) < 0)
		return EXIT_SKIP;
	for (int i = 0; i < 3; i++) {
		const char *text = i == 0 ? "deny" : i == 1 ? map : value;

		fd = open(i < 2 ? files[i] : path, O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, text, strlen(text)) < 0)
			return EXIT_SKIP;
		close(fd);
	}
	execv(self, argv);
	return EXIT_SKIP;
}

static void assert_limited(const char *limit, const char *value, const char *group)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(run_limited(limit, value, group));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == EXIT_SKIP)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_the_watch_limit_is_survived(void **state)
{
	(void)state;
	assert_limited("max_inotify_watches", "8", "few-watches");
}

static void test_the_instance_limit_is_survived(void **state)
{
	(void)state;
	assert_limited("max_inotify_instances", "0", "no-inotify");
}

/* --- main --- */

/* Root reads what nobody may read: not so in these tests. */
static void drop_powers(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) < 0)
		return;
	data[0].effective &= ~((1u << CAP_DAC_OVERRIDE) | (1u << CAP_DAC_READ_SEARCH));
	(void)syscall(SYS_capset, &header, data);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_version_that_cannot_go_on_is_that_files_trouble, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(test_special_files_are_listed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unreadable_files_are_listed_and_tried_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_rows_of_an_unreadable_folder_are_left_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_paths_that_are_too_long_are_listed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_deep_trees_need_few_descriptors, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_share_that_vanished_is_an_error_and_deletes_nothing, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(test_an_emptied_share_deletes_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_user_may_delete_everything, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_mounted_in_the_share_is_not_the_share, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_an_overflow_of_events_is_survived, set_up, tear_down),
		cmocka_unit_test(test_the_watch_limit_is_survived),
		cmocka_unit_test(test_the_instance_limit_is_survived),
	};
	const struct CMUnitTest few_watches[] = {
		cmocka_unit_test_setup_teardown(test_folders_that_cannot_be_watched_are_scanned, set_up, tear_down),
	};
	const struct CMUnitTest no_inotify[] = {
		cmocka_unit_test_setup_teardown(test_without_inotify_all_is_scanned, set_up, tear_down),
	};

	if (argc > 1 && strcmp(argv[1], "few-watches") == 0)
		return cmocka_run_group_tests_name("local, few watches", few_watches, NULL, NULL);
	if (argc > 1 && strcmp(argv[1], "no-inotify") == 0)
		return cmocka_run_group_tests_name("local, no inotify", no_inotify, NULL, NULL);
	can_mount = unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
	drop_powers();
	return cmocka_run_group_tests_name("local trouble", tests, NULL, NULL);
}
