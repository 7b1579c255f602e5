/* The disk beneath the index: full, read-only, and slower than the writer. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "tests/unit/index_fill.h"
#include "tests/unit/own_mounts.h"

static bool row_seq(void *arg, const struct record *r)
{
	*(uint64_t *)arg = r->seq;
	return true;
}

/* A small file system of our own on `dir`, in a mount namespace of this (child) process. */
static bool mount_small(unsigned long flags)
{
	return own_mounts() == 0 && mount("none", dir, "tmpfs", flags, "size=16m") == 0;
}

enum { CHILD_OK = 0, CHILD_SKIP = 77 };

/* In the child: cmocka's asserts would run on in a copy of the test, so a plain number says which check failed. */
#define CHECK(what)                                                                         \
	do {                                                                                \
		if (!(what))                                                                \
			_exit(__LINE__ % 250 + 1 == CHILD_SKIP ? 251 : __LINE__ % 250 + 1); \
	} while (0)

static int on_small_disk(void)
{
	struct index *ix;
	char *why, *ballast = mem_printf("%s/ballast", dir), *sub = mem_printf("%s/sub", dir);
	static const char zeros[4096];
	struct record r;
	struct index_totals t;
	uint64_t last;
	int fd, done = 0;

	if (!mount_small(0))
		return CHILD_SKIP;
	CHECK(index_open(&ix, dir, &why) == INDEX_NEW);
	fd = open(ballast, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && posix_fallocate(fd, 0, 12 << 20) == 0);
	while (done < 200000 && put(ix, done) == 0) {
		if (++done % 100 == 0 && index_commit(ix) < 0)
			break;
	}
	CHECK(done < 200000 && lines_logged == 1);
	/* Reported at least once, refused from then on, and not logged again; committed rows can be read. */
	CHECK(put(ix, 0) < 0 && errno == ENOSPC);
	CHECK(index_commit(ix) < 0 && index_commit(ix) < 0 && index_commit(ix) < 0);
	CHECK(put(ix, 0) < 0 && lines_logged == 1);
	CHECK(index_get(ix, "folder-0/file-0", &r) == 1);
	record_clear(&r);
	t = index_totals(ix);
	CHECK(t.dirs > 0 && t.dirs <= done);
	CHECK(index_since(ix, 0, 1 << 30, row_seq, &last) == t.dirs); /* rows that were undone are not counted */
	CHECK(ftruncate(fd, 0) == 0);
	index_checkpoint(ix);
	CHECK(index_commit(ix) == 0);
	CHECK(index_totals(ix).dirs == t.dirs);
	CHECK(put(ix, -5) == 0 && index_commit(ix) == 0);
	CHECK(index_totals(ix).dirs == t.dirs + 1);
	index_close(ix);
	CHECK(index_open(&ix, dir, &why) == INDEX_OK);
	CHECK(index_totals(ix).dirs == t.dirs + 1);
	index_close(ix);
	/* A disk that is full from the beginning. */
	CHECK(unlinkat(dirfd, "index.db", 0) < 0); /* the one below the mount was never made */
	CHECK(mkdir(sub, 0700) == 0);
	while (write(fd, zeros, sizeof(zeros)) > 0)
		;
	CHECK(index_open(&ix, sub, &why) == INDEX_FAILED && ix == NULL && why != NULL);
	free(why);
	CHECK(ftruncate(fd, 0) == 0);
	CHECK(index_open(&ix, sub, &why) == INDEX_NEW);
	CHECK(put(ix, 1) == 0 && index_commit(ix) == 0);
	index_close(ix);
	close(fd);
	free(ballast);
	free(sub);
	return CHILD_OK;
}

static int on_read_only_disk(void)
{
	struct index *ix;
	char *why;

	if (!mount_small(MS_RDONLY))
		return CHILD_SKIP;
	CHECK(index_open(&ix, dir, &why) == INDEX_FAILED && ix == NULL);
	CHECK(why != NULL && strstr(why, strerror(EROFS)) != NULL);
	free(why);
	return CHILD_OK;
}

static void in_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == CHILD_SKIP) {
		print_message("skipped: no mount namespace may be made here\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), CHILD_OK);
}

static void a_full_disk_is_waited_for(void **state)
{
	(void)state;
	in_child(on_small_disk);
}

static void a_read_only_disk_says_so(void **state)
{
	(void)state;
	in_child(on_read_only_disk);
}

static void *checkpoint_all_the_time(void *arg)
{
	for (int i = 0; i < 60; i++)
		index_checkpoint(arg);
	return NULL;
}

static void checkpoints_run_beside_writes(void **state)
{
	struct index *ix = open_index(INDEX_NEW);
	pthread_t thread;
	struct stat st;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, checkpoint_all_the_time, ix), 0);
	for (int i = 0; i < 40; i++)
		fill(ix, 500);
	pthread_join(thread, NULL);
	assert_int_equal(lines_logged, 0);
	assert_int_equal(index_totals(ix).dirs, 500);
	assert_int_equal(fstatat(dirfd, "index.db-wal", &st, 0), 0);
	assert_true(st.st_size < 64 << 20);
	index_close(ix);
	ix = open_index(INDEX_OK);
	assert_int_equal(index_totals(ix).dirs, 500);
	assert_int_equal(index_seq(ix), 20000);
	index_close(ix);
}

static int let_through, refused; /* this many reads in succession */

static ssize_t refusing_pread(int fd, void *p, size_t n, off64_t at)
{
	if (let_through > 0 || refused == 0) {
		let_through -= let_through > 0;
		return pread64(fd, p, n, at);
	}
	refused--;
	errno = EIO;
	return -1;
}

/* Reads row by row until a read is refused, and then that row once more. Returns 0 if all were read, else what
 * index_get() returned; *again is what it returned the second time. */
static int read_all(struct index *ix, int rows, int *again)
{
	struct record r;
	int rc = 1;

	for (int i = 0; rc == 1 && i < rows; i++) {
		char *path = mem_printf("folder-%d/file-%d", i % 31, i);

		rc = index_get(ix, path, &r);
		record_clear(&r);
		if (rc < 0) {
			*again = index_get(ix, path, &r);
			record_clear(&r);
		}
		free(path);
	}
	return rc == 1 ? 0 : -1;
}

/* SQLite reports a malformed file when a read of it fails with EIO. */
static void a_read_that_the_disk_refuses_is_no_damage(void **state)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
	struct index *ix = open_index(INDEX_NEW);
	int again = 0, met = 0;
	char *why;

	(void)state;
	assert_int_equal(vfs->xSetSystemCall(vfs, "pread64", (sqlite3_syscall_ptr)refusing_pread), SQLITE_OK);
	fill(ix, 5000);
	index_close(ix);
	for (int i = 0; i < 30; i++) {
		enum index_status status;

		let_through = i;
		refused = 1;
		status = index_open(&ix, dir, &why);
		assert_true(status == INDEX_OK || status == INDEX_FAILED);
		met += status == INDEX_FAILED;
		free(why);
		if (status == INDEX_OK)
			index_close(ix);
	}
	assert_true(met > 0);
	let_through = refused = 0;
	ix = open_index(INDEX_OK);
	refused = 1;
	assert_int_equal(read_all(ix, 5000, &again), -1);
	assert_int_equal(again, 1);
	assert_false(index_damaged(ix));
	assert_int_equal(read_all(ix, 5000, &again), 0);
	index_close(ix);
	/* A disk that goes on refusing counts as damage. */
	ix = open_index(INDEX_OK);
	refused = 2;
	assert_int_equal(read_all(ix, 5000, &again), -1);
	assert_int_equal(again, -1);
	assert_true(index_damaged(ix));
	refused = 0;
	index_close(ix);
	assert_int_equal(vfs->xSetSystemCall(vfs, "pread64", NULL), SQLITE_OK);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_full_disk_is_waited_for),
		T(a_read_only_disk_says_so),
		T(a_read_that_the_disk_refuses_is_no_damage),
		T(checkpoints_run_beside_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
