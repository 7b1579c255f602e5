/* Proves that nothing beneath a directory leads out of it, and that what fs.h writes is whole. */
#include "tests/unit/fs_dirs.h"

#include <limits.h>

static void open_stays_beneath(void **state)
{
	(void)state;
	put(root, "file", "x");
	assert_int_equal(mkdirat(root, "dir", 0755), 0);
	assert_int_equal(symlinkat("../outside", root, "out"), 0);
	assert_int_equal(symlinkat("file", root, "alias"), 0);
	assert_int_equal(symlinkat("dir", root, "dir-alias"), 0);

	assert_errno(fs_open(root, "out/secret", O_RDONLY, 0), ELOOP);
	assert_errno(fs_open(root, "out", O_RDONLY | O_DIRECTORY, 0), ELOOP);
	assert_errno(fs_open(root, "alias", O_RDONLY, 0), ELOOP); /* not even one that stays inside */
	assert_errno(fs_open(root, "dir-alias/new", O_WRONLY | O_CREAT, 0644), ELOOP);
	assert_errno(fs_open(root, "../outside/secret", O_RDONLY, 0), EXDEV);
	assert_errno(fs_open(root, "dir/../../outside/secret", O_RDONLY, 0), EXDEV);
	assert_errno(fs_open(root, "/etc/passwd", O_RDONLY, 0), EXDEV);
	assert_errno(fs_open(root, "missing", O_RDONLY, 0), ENOENT);
	assert_errno(fs_open(root, "file/x", O_RDONLY, 0), ENOTDIR);
}

static void open_makes_files_closed_on_exec(void **state)
{
	struct fs_stat st;
	struct fs_stat st_root;
	int fd = fs_open(root, "new", O_WRONLY | O_CREAT | O_EXCL, 0640);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(fs_stat_fd(fd, &st), 0);
	assert_int_equal(st.mode, 0640);
	close(fd);
	assert_errno(fs_open(root, "new", O_WRONLY | O_CREAT | O_EXCL, 0640), EEXIST);
	fd = fs_open(root, "new", O_RDONLY, 0777); /* a mode that creates nothing does not matter */
	assert_true(fd >= 0);
	close(fd);

	assert_int_equal(fs_stat_fd(root, &st_root), 0);
	for (int i = 0; i < 2; i++) {
		fd = fs_open(root, i == 0 ? "" : ".", O_RDONLY | O_DIRECTORY, 0);
		assert_true(fd >= 0);
		assert_int_equal(fs_stat_fd(fd, &st), 0);
		assert_int_equal(st.ino, st_root.ino);
		close(fd);
	}
}

static void open_parent_names_the_last_component(void **state)
{
	const char *name = NULL;
	struct fs_stat st;
	struct fs_stat want;
	int fd;

	(void)state;
	assert_int_equal(fs_mkdirs(root, "a/b", 0755), 0);
	fd = fs_open_parent(root, "a/b/c", &name);
	assert_true(fd >= 0);
	assert_string_equal(name, "c");
	assert_int_equal(fs_stat_fd(fd, &st), 0);
	assert_int_equal(fs_stat_beneath(root, "a/b", &want), 0);
	assert_int_equal(st.ino, want.ino);
	assert_int_equal(fsync(fd), 0);
	close(fd);
	fd = fs_open_parent(root, "c", &name);
	assert_true(fd >= 0);
	assert_string_equal(name, "c");
	close(fd);

	assert_errno(fs_open_parent(root, "", &name), EINVAL);
	assert_errno(fs_open_parent(root, ".", &name), EINVAL);
	assert_errno(fs_open_parent(root, "..", &name), EINVAL);
	assert_errno(fs_open_parent(root, "a/..", &name), EINVAL);
	assert_errno(fs_open_parent(root, "a/", &name), EINVAL);
	assert_errno(fs_open_parent(root, "/etc", &name), EINVAL);
	assert_errno(fs_open_parent(root, "../outside/x", &name), EXDEV);
	assert_errno(fs_open_parent(root, "missing/x", &name), ENOENT);
	assert_int_equal(symlinkat("../outside", root, "out"), 0);
	assert_errno(fs_open_parent(root, "out/x", &name), ELOOP);
}

/* They mean other users on another machine: a file never gets them, a folder keeps those it has. */
static void a_mode_that_is_set_has_no_special_bits(void **state)
{
	struct fs_stat st;

	(void)state;
	put(root, "file", "hello");
	assert_int_equal(mkdirat(root, "dir", 0700), 0);
	for (int i = 0; i < 2; i++) {
		for (int k = 0; k < 2; k++) {
			const char *name = k == 0 ? "file" : "dir";
			int fd = fs_open(root, name, O_RDONLY, 0);

			assert_int_equal(fchmodat(root, name, k == 0 ? 06755 : 03755, 0), 0);
			assert_int_equal(i == 0 ? fs_set_mode_at(root, name, 07750) : fs_set_mode_fd(fd, 07750), 0);
			assert_int_equal(fs_stat_at(root, name, &st), 0);
			assert_int_equal(st.mode, 0750);
			assert_int_equal(st.special, k == 0 ? 0 : 03000);
			close(fd);
		}
	}
}

/* What is there is not set again: some disks show another mode after each call. */
static void a_mode_that_is_there_stays_untouched(void **state)
{
	struct fs_stat before, later, after;
	int fd = fs_open(root, "m", O_RDWR | O_CREAT, 0600);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fs_set_mode_fd(fd, 0640), 0);
	assert_int_equal(fs_stat_fd(fd, &before), 0);
	do { /* until the disk's clock has moved on */
		int other = fs_open(root, "later", O_RDWR | O_CREAT | O_TRUNC, 0600);

		assert_true(other >= 0);
		assert_int_equal(fs_set_mtime_fd(other, 1), 0);
		assert_int_equal(fs_stat_fd(other, &later), 0);
		close(other);
	} while (later.ctime_ns == before.ctime_ns);
	assert_int_equal(fs_set_mode_fd(fd, 0640), 0);
	assert_int_equal(fs_set_mode_at(root, "m", 0640), 0);
	assert_int_equal(fs_stat_fd(fd, &after), 0);
	assert_true(after.ctime_ns == before.ctime_ns);
	close(fd);
}

/* Disks hold more times than 64 bits of nanoseconds do. */
static void a_time_beyond_what_nanoseconds_can_say_is_brought_to_the_end(void **state)
{
	static const struct {
		int64_t s, ns, want;
		bool odd;
	} times[] = {
		{ 0, 0, 0, false },
		{ -1, 999999999, -1, false },
		{ -2, 5, -1999999995, false },
		{ 9223372036, 854775807, INT64_MAX, false },
		{ 9223372036, 854775808, INT64_MAX, true },
		{ -9223372037, 145224192, INT64_MIN, false },
		{ -9223372037, 145224191, INT64_MIN, true },
		{ INT64_C(10413792000), 0, INT64_MAX, true },  /* 2300 */
		{ INT64_C(-11676096000), 0, INT64_MIN, true }, /* 1600 */
		{ INT64_C(884541340800), 5, INT64_MAX, true }, /* 30000 */
		{ INT64_MAX, 999999999, INT64_MAX, true },
		{ INT64_MIN, 0, INT64_MIN, true },
	};
	struct fs_stat st;
	bool odd;

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		assert_true(fs_time_ns(times[i].s, times[i].ns, &odd) == times[i].want);
		assert_int_equal(odd, times[i].odd);
	}
	put(root, "file", "hello");
	assert_int_equal(fs_set_mtime_at(root, "file", INT64_MAX), 0);
	assert_int_equal(fs_stat_at(root, "file", &st), 0);
	assert_true(st.mtime_ns == INT64_MAX && !st.odd_mtime);
	assert_int_equal(fs_set_mtime_at(root, "file", INT64_MIN), 0); /* as near as this disk can */
	assert_int_equal(fs_stat_at(root, "file", &st), 0);
	assert_true(st.mtime_ns < 0);
}

static void stat_sees_kinds_and_nanoseconds(void **state)
{
	struct fs_stat st;

	(void)state;
	put(root, "file", "hello");
	assert_int_equal(fchmodat(root, "file", 04751, 0), 0);
	assert_int_equal(fs_set_mtime_at(root, "file", INT64_C(1234567890987654321)), 0);
	assert_int_equal(symlinkat("nowhere", root, "link"), 0);
	assert_int_equal(mkfifoat(root, "fifo", 0600), 0);

	assert_int_equal(fs_stat_at(root, "file", &st), 0);
	assert_int_equal(st.kind, S_IFREG);
	assert_int_equal(st.mode, 0751);
	assert_int_equal(st.special, 04000);
	assert_int_equal(st.size, 5);
	assert_true(st.mtime_ns == INT64_C(1234567890987654321));
	assert_true(st.ctime_ns > st.mtime_ns);
	assert_int_equal(st.nlink, 1);
	assert_int_equal(fs_stat_at(root, "link", &st), 0);
	assert_int_equal(st.kind, S_IFLNK);
	assert_int_equal(fs_stat_at(root, "fifo", &st), 0);
	assert_int_equal(st.kind, S_IFIFO);
	assert_int_equal(fs_stat_at(root, "missing", &st), 0);
	assert_int_equal(st.kind, 0);
	assert_errno(fs_stat_at(root, "..", &st), EINVAL);
	assert_errno(fs_stat_at(root, "", &st), EINVAL);
	assert_errno(fs_stat_at(root, "../outside", &st), EINVAL);
}

static void stat_beneath_calls_what_cannot_be_there_absent(void **state)
{
	struct fs_stat st;

	(void)state;
	assert_int_equal(fs_mkdirs(root, "a/b", 0755), 0);
	put(root, "a/b/file", "x");
	assert_int_equal(symlinkat("../../../outside", root, "a/b/out"), 0);

	assert_int_equal(fs_stat_beneath(root, "a/b/file", &st), 0);
	assert_int_equal(st.kind, S_IFREG);
	assert_int_equal(fs_stat_beneath(root, "a/b/out", &st), 0);
	assert_int_equal(st.kind, S_IFLNK);
	assert_int_equal(fs_stat_beneath(root, "", &st), 0);
	assert_int_equal(st.kind, S_IFDIR);
	assert_int_equal(fs_stat_beneath(root, "a/missing/file", &st), 0);
	assert_int_equal(st.kind, 0);
	assert_int_equal(fs_stat_beneath(root, "a/b/file/x", &st), 0);
	assert_int_equal(st.kind, 0);
	assert_int_equal(fs_stat_beneath(root, "a/b/out/secret", &st), 0);
	assert_int_equal(st.kind, 0);
	assert_errno(fs_stat_beneath(root, "../outside/secret", &st), EXDEV);
}

static void readlink_returns_the_whole_target(void **state)
{
	char target[PATH_MAX];
	char *got;

	(void)state;
	memset(target, 'x', sizeof(target) - 1);
	target[sizeof(target) - 1] = '\0';
	assert_int_equal(symlinkat(target, root, "long"), 0);
	got = fs_readlink_at(root, "long");
	assert_non_null(got);
	assert_string_equal(got, target);
	free(got);
	put(root, "file", "x");
	errno = 0;
	assert_null(fs_readlink_at(root, "file"));
	assert_int_equal(errno, EINVAL);
	assert_null(fs_readlink_at(root, "missing"));
	assert_int_equal(errno, ENOENT);
}

static void reads_and_writes_are_whole(void **state)
{
	char buf[8];
	int fd = fs_open(root, "f", O_RDWR | O_CREAT, 0600);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fs_pwrite_all(fd, "world", 5, 6), 0);
	assert_int_equal(fs_pwrite_all(fd, "hello ", 6, 0), 0);
	assert_int_equal(fs_pread_full(fd, buf, 5, 6), 5);
	assert_memory_equal(buf, "world", 5);
	assert_int_equal(fs_pread_full(fd, buf, 8, 9), 2); /* short only at the end */
	assert_int_equal(fs_pread_full(fd, buf, 8, 100), 0);
	close(fd);
	fd = fs_open(root, "f", O_RDONLY, 0);
	assert_errno(fs_pwrite_all(fd, "x", 1, 0), EBADF);
	close(fd);
}

static void rename_replaces_nothing(void **state)
{
	(void)state;
	put(root, "a", "A");
	put(root, "b", "B");
	assert_errno(fs_rename_noreplace(root, "a", root, "b"), EEXIST);
	assert_content(root, "b", "B");
	assert_int_equal(fs_rename_noreplace(root, "a", root, "c"), 0);
	assert_content(root, "c", "A");
	assert_errno(fs_rename_noreplace(root, "missing", root, "d"), ENOENT);
	assert_errno(fs_rename_noreplace(root, "c", root, "../outside/c"), EINVAL);
	assert_int_equal(fs_rename_exchange(root, "b", root, "c"), 0);
	assert_content(root, "b", "A");
	assert_content(root, "c", "B");
	assert_errno(fs_rename_exchange(root, "b", root, "missing"), ENOENT);
}

static void mtime_is_set_to_the_nanosecond_and_follows_nothing(void **state)
{
	static const int64_t times[] = { 0, 1, -1, INT64_C(-1500000000), INT64_C(4000000000999999999) };
	struct stat before;
	struct stat after;
	struct fs_stat st;
	int fd;

	(void)state;
	put(root, "file", "x");
	assert_int_equal(symlinkat("file", root, "link"), 0);
	assert_int_equal(fstatat(root, "file", &before, 0), 0);
	fd = fs_open(root, "file", O_RDONLY, 0);
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		assert_int_equal(fs_set_mtime_fd(fd, times[i]), 0);
		assert_int_equal(fs_stat_fd(fd, &st), 0);
		assert_true(st.mtime_ns == times[i]);
	}
	close(fd);
	assert_int_equal(fs_set_mtime_at(root, "link", 77), 0);
	assert_int_equal(fs_stat_at(root, "link", &st), 0);
	assert_true(st.mtime_ns == 77);
	assert_int_equal(fs_stat_at(root, "file", &st), 0);
	assert_true(st.mtime_ns == times[4]);
	assert_int_equal(fstatat(root, "file", &after, 0), 0);
	assert_int_equal(after.st_atim.tv_nsec, before.st_atim.tv_nsec);
	assert_int_equal(after.st_atim.tv_sec, before.st_atim.tv_sec);
}

static void read_file_is_bounded_and_only_for_files(void **state)
{
	size_t len = 0;
	char *text;
	int proc;

	(void)state;
	put(root, "five", "12345");
	text = fs_read_file(root, "five", 5, &len);
	assert_non_null(text);
	assert_int_equal(len, 5);
	assert_string_equal(text, "12345");
	free(text);
	errno = 0;
	assert_null(fs_read_file(root, "five", 4, &len));
	assert_int_equal(errno, EFBIG);
	put(root, "empty", "");
	assert_content(root, "empty", "");
	assert_int_equal(mkdirat(root, "dir", 0755), 0);
	assert_null(fs_read_file(root, "dir", 100, &len));
	assert_int_equal(errno, EISDIR);
	assert_int_equal(mkfifoat(root, "fifo", 0600), 0);
	assert_null(fs_read_file(root, "fifo", 100, &len)); /* and does not wait for a writer */
	assert_int_equal(errno, EINVAL);
	assert_null(fs_read_file(root, "missing", 100, &len));
	assert_int_equal(errno, ENOENT);

	/* A file that says its size is 0 and then gives more. */
	proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	text = fs_read_file(proc, "meminfo", 100000, &len);
	assert_non_null(text);
	assert_true(len > 100);
	assert_memory_equal(text, "MemTotal", 8);
	free(text);
	assert_null(fs_read_file(proc, "meminfo", 99, &len));
	assert_int_equal(errno, EFBIG);
	close(proc);
}

static void write_file_replaces_the_whole_or_nothing(void **state)
{
	struct fs_stat st;

	(void)state;
	umask(077);
	assert_int_equal(fs_write_file(root, "key", "one", 3, 0644), 0);
	assert_content(root, "key", "one");
	assert_int_equal(fs_stat_at(root, "key", &st), 0);
	assert_int_equal(st.mode, 0644); /* as asked, whatever the umask */
	assert_int_equal(fs_write_file(root, "key", "second", 6, 0600), 0);
	assert_content(root, "key", "second");
	assert_int_equal(fs_stat_at(root, "key", &st), 0);
	assert_int_equal(st.mode, 0600);

	/* A symlink in its place is replaced, not written through. */
	assert_int_equal(symlinkat("../outside/secret", root, "planted"), 0);
	assert_int_equal(fs_write_file(root, "planted", "mine", 4, 0600), 0);
	assert_content(root, "planted", "mine");
	assert_content(top, "outside/secret", "secret");

	/* What cannot be replaced stays, and nothing is left beside it. */
	assert_int_equal(mkdirat(root, "dir", 0755), 0);
	assert_errno(fs_write_file(root, "dir", "x", 1, 0600), EISDIR);
	assert_int_equal(unlinkat(root, "dir", AT_REMOVEDIR), 0);
	assert_int_equal(unlinkat(root, "key", 0), 0);
	assert_int_equal(unlinkat(root, "planted", 0), 0);
	assert_int_equal(unlinkat(top, "root", AT_REMOVEDIR), 0); /* fails unless empty */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FS_TEST(open_stays_beneath),
		FS_TEST(open_makes_files_closed_on_exec),
		FS_TEST(open_parent_names_the_last_component),
		FS_TEST(a_mode_that_is_set_has_no_special_bits),
		FS_TEST(a_mode_that_is_there_stays_untouched),
		FS_TEST(a_time_beyond_what_nanoseconds_can_say_is_brought_to_the_end),
		FS_TEST(stat_sees_kinds_and_nanoseconds),
		FS_TEST(stat_beneath_calls_what_cannot_be_there_absent),
		FS_TEST(readlink_returns_the_whole_target),
		FS_TEST(reads_and_writes_are_whole),
		FS_TEST(rename_replaces_nothing),
		FS_TEST(mtime_is_set_to_the_nanosecond_and_follows_nothing),
		FS_TEST(read_file_is_bounded_and_only_for_files),
		FS_TEST(write_file_replaces_the_whole_or_nothing),
	};

	/* A FIFO that blocks is a failure, not a hang. */
	alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
