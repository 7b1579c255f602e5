/* Proves that trees are made and removed beneath a directory only, however deep they are. */
#include "tests/unit/fs_dirs.h"

#include <sys/resource.h>

static void mkdirs_makes_what_is_missing(void **state)
{
	struct fs_stat st;

	(void)state;
	assert_int_equal(fs_mkdirs(root, "a/b/c", 0700), 0);
	assert_int_equal(fs_stat_beneath(root, "a/b/c", &st), 0);
	assert_int_equal(st.kind, S_IFDIR);
	assert_int_equal(st.mode, 0700);
	assert_int_equal(fs_mkdirs(root, "a/b/c", 0755), 0);
	assert_int_equal(fs_mkdirs(root, "a//d/", 0700), 0);
	assert_int_equal(fs_stat_beneath(root, "a/d", &st), 0);
	assert_int_equal(st.kind, S_IFDIR);
	assert_int_equal(fs_mkdirs(root, "", 0700), 0);

	put(root, "file", "x");
	assert_errno(fs_mkdirs(root, "file", 0700), ENOTDIR);
	assert_errno(fs_mkdirs(root, "file/x", 0700), ENOTDIR);
	assert_int_equal(symlinkat("../outside", root, "out"), 0);
	assert_errno(fs_mkdirs(root, "out", 0700), ENOTDIR);
	assert_errno(fs_mkdirs(root, "out/new", 0700), ELOOP);
	assert_int_equal(symlinkat("../outside/new", root, "dangling"), 0);
	assert_errno(fs_mkdirs(root, "dangling/new", 0700), ELOOP);
	assert_errno(fs_mkdirs(root, "../outside/new", 0700), EXDEV);
	assert_int_equal(fs_stat_beneath(top, "outside/new", &st), 0);
	assert_int_equal(st.kind, 0);
}

/* A process that has no descriptor left has to be able to clean up. */
static void remove_tree_removes_a_file_without_a_descriptor(void **state)
{
	struct rlimit all, none;
	struct fs_stat st;
	int rc;

	(void)state;
	put(root, "file", "x");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &all), 0);
	none = all;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	rc = fs_remove_tree(root, "file");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);
	assert_int_equal(rc, 0);
	assert_int_equal(fs_stat_at(root, "file", &st), 0);
	assert_int_equal(st.kind, 0);
}

static void remove_tree_follows_nothing(void **state)
{
	struct fs_stat st;
	char name[32];

	(void)state;
	assert_int_equal(fs_remove_tree(root, "missing"), 0);
	assert_int_equal(fs_remove_tree(root, "missing/x"), 0);
	put(root, "file", "x");
	assert_int_equal(fs_remove_tree(root, "file"), 0);
	assert_int_equal(fs_mkdirs(root, "t/a/b", 0755), 0);
	assert_int_equal(fs_mkdirs(root, "t/empty", 0755), 0);
	assert_int_equal(symlinkat("../../outside", root, "t/out"), 0);
	assert_int_equal(symlinkat("../../../outside", root, "t/a/out"), 0);
	for (int i = 0; i < 500; i++) {
		(void)snprintf(name, sizeof(name), "t/a/f%d", i);
		put(root, name, "x");
		(void)snprintf(name, sizeof(name), "t/d%d", i % 50);
		assert_int_equal(fs_mkdirs(root, name, 0755), 0);
		(void)snprintf(name, sizeof(name), "t/d%d/f%d", i % 50, i);
		put(root, name, "x");
	}
	/* A folder the owner may not write to: no hindrance to the owner. (root never notices.) */
	put(root, "t/a/b/locked", "x");
	assert_int_equal(fchmodat(root, "t/a/b", 0500, 0), 0);
	assert_int_equal(fs_remove_tree(root, "t"), 0);
	assert_int_equal(fs_stat_at(root, "t", &st), 0);
	assert_int_equal(st.kind, 0);
	assert_content(top, "outside/secret", "secret");
	assert_int_equal(fs_remove_tree(root, "../outside"), -1);
	assert_int_equal(symlinkat("../outside", root, "out"), 0);
	assert_errno(fs_remove_tree(root, "out/secret"), ELOOP);
	assert_content(top, "outside/secret", "secret");
}

static void remove_tree_goes_deeper_than_paths_and_descriptors(void **state)
{
	char name[201];
	struct fs_stat st;
	int fd = dup(root);

	(void)state;
	memset(name, 'd', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (int i = 0; i < 2000; i++) {
		int next;

		assert_int_equal(mkdirat(fd, name, 0755), 0);
		next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		close(fd);
		fd = next;
	}
	put(fd, "bottom", "x");
	close(fd);
	assert_int_equal(fs_remove_tree(root, name), 0);
	assert_int_equal(fs_stat_at(root, name, &st), 0);
	assert_int_equal(st.kind, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FS_TEST(mkdirs_makes_what_is_missing),
		FS_TEST(remove_tree_removes_a_file_without_a_descriptor),
		FS_TEST(remove_tree_follows_nothing),
		FS_TEST(remove_tree_goes_deeper_than_paths_and_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
