/* Bad ends and bad files: kill -9, a lost WAL, damage, a newer lanyard. No number is given twice, and what cannot be used is
 * kept and said so. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <sqlite3.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "tests/unit/index_fill.h"

/* Writes and tells the pipe each number that was committed, until it is killed. */
static void write_until_killed(int pipe_fd, int start)
{
	struct index *ix;
	uint64_t seq;
	char *why;

	if (index_open(&ix, dir, &why) > INDEX_NEW)
		_exit(1);
	for (int i = start;; i++) {
		if (put(ix, i) < 0)
			_exit(1);
		if (i % 7 != 0)
			continue;
		if (index_commit(ix) < 0)
			_exit(1);
		if (i % 1001 == 0)
			index_checkpoint(ix);
		seq = index_seq(ix);
		if (write(pipe_fd, &seq, sizeof(seq)) != sizeof(seq))
			_exit(1);
	}
}

static bool row_seq(void *arg, const struct record *r)
{
	*(uint64_t *)arg = r->seq;
	return true;
}

static void no_number_is_given_twice_after_a_kill(void **state)
{
	uint64_t told = 0, seq, last;

	(void)state;
	for (int run = 0; run < 6; run++) {
		struct index *ix;
		int fds[2], status, n = 0;
		pid_t pid;

		assert_int_equal(pipe(fds), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			close(fds[0]);
			write_until_killed(fds[1], run * 100000);
		}
		close(fds[1]);
		while (n++ < 300 * (run + 1) && read(fds[0], &seq, sizeof(seq)) == sizeof(seq)) {
			assert_true(seq > told);
			told = seq;
		}
		kill(pid, SIGKILL);
		while (read(fds[0], &seq, sizeof(seq)) == sizeof(seq))
			told = seq;
		close(fds[0]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));

		ix = open_index(INDEX_OK);
		assert_true(index_seq(ix) >= told);
		last = 0;
		assert_true(index_since(ix, 0, 1 << 30, row_seq, &last) > 0);
		assert_true(last >= told); /* killed, not powered off: what was committed is there */
		assert_int_equal(put(ix, -1), 0);
		assert_true(index_seq(ix) > told);
		told = index_seq(ix);
		assert_true(index_totals(ix).dirs > 0);
		if (run % 2 == 0)
			index_close(ix);
		else
			assert_int_equal(index_commit(ix), 0), index_close(ix);
	}
}

static void copy_file(const char *from, const char *to)
{
	size_t n;
	char *p = fs_read_file(dirfd, from, 64 << 20, &n);

	assert_non_null(p);
	assert_int_equal(fs_write_file(dirfd, to, p, n, 0600), 0);
	free(p);
}

/* Only what a FULL commit has synced is certain: everything after the reservation is thrown away. */
static void no_number_is_given_twice_after_a_power_cut(void **state)
{
	struct index *ix = open_index(INDEX_NEW);
	uint64_t told, epoch = index_epoch(ix);

	(void)state;
	fill(ix, 1);
	copy_file("index.db", "db.kept");
	copy_file("index.db-wal", "wal.kept");
	fill(ix, 20000);
	told = index_seq(ix);
	index_close(ix);
	assert_int_equal(renameat(dirfd, "db.kept", dirfd, "index.db"), 0);
	assert_int_equal(renameat(dirfd, "wal.kept", dirfd, "index.db-wal"), 0);

	ix = open_index(INDEX_OK);
	assert_true(index_epoch(ix) == epoch);
	assert_int_equal(index_totals(ix).dirs, 1);
	assert_true(index_seq(ix) >= told);
	index_close(ix);
}

static void a_clean_end_keeps_the_exact_number(void **state)
{
	struct index *ix = open_index(INDEX_NEW);

	(void)state;
	fill(ix, 100);
	index_close(ix);
	for (int i = 0; i < 3; i++) {
		ix = open_index(INDEX_OK);
		assert_int_equal(index_seq(ix), 100);
		index_close(ix);
	}
	assert_true(faccessat(dirfd, "index.db-wal", F_OK, 0) < 0);
}

static bool exists_aside(void)
{
	char *command = mem_printf("ls %s/index.db.damaged-* > /dev/null 2>&1", dir);
	bool found = system(command) == 0;

	free(command);
	return found;
}

static void scribble(int64_t at, size_t n)
{
	int fd = openat(dirfd, "index.db", O_RDWR | O_CLOEXEC);
	uint8_t *p = mem_calloc(n, 1);

	memset(p, 0x5a, n);
	assert_true(fd >= 0);
	assert_int_equal(fs_pwrite_all(fd, p, n, at), 0);
	close(fd);
	free(p);
}

static void check_rebuilt(struct index *ix, uint64_t old_epoch)
{
	assert_true(index_epoch(ix) != old_epoch);
	assert_int_equal(index_totals(ix).dirs, 0);
	assert_true(exists_aside());
	fill(ix, 10);
	index_close(ix);
	ix = open_index(INDEX_OK);
	assert_int_equal(index_totals(ix).dirs, 10);
	index_close(ix);
}

static void a_file_that_is_no_index_is_set_aside(void **state)
{
	struct index *ix = open_index(INDEX_NEW);
	uint64_t epoch = index_epoch(ix);

	(void)state;
	fill(ix, 100);
	index_close(ix);
	scribble(0, 512);
	check_rebuilt(open_index(INDEX_REBUILT), epoch);
}

static void somebody_elses_database_is_set_aside(void **state)
{
	char *path = mem_printf("%s/index.db", dir);
	sqlite3 *db;

	(void)state;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "CREATE TABLE x(a)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	check_rebuilt(open_index(INDEX_REBUILT), 0);
	free(path);
}

static void missing_tables_are_damage(void **state)
{
	struct index *ix = open_index(INDEX_NEW);
	uint64_t epoch = index_epoch(ix);
	char *path = mem_printf("%s/index.db", dir);
	sqlite3 *db;

	(void)state;
	index_close(ix);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "DROP TABLE wanted", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	check_rebuilt(open_index(INDEX_REBUILT), epoch);
	free(path);
}

/* Pages in the middle: not seen at open after a clean end, but at use, and then by the next open. */
/* One bit, and peers have no numbers any more: `no` is a column like any other then. Every statement works. */
static void a_table_that_became_another_is_damage(void **state)
{
	struct index *ix = open_index(INDEX_NEW);
	uint64_t epoch = index_epoch(ix);
	static const char text[] = "peers(no INTEGER PRIMARY KEY";
	uint8_t page[4096], *at;
	int fd;

	(void)state;
	index_close(ix);
	fd = openat(dirfd, "index.db", O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fs_pread_full(fd, page, sizeof(page), 0), sizeof(page));
	at = memmem(page, sizeof(page), text, strlen(text));
	assert_non_null(at);
	at[strlen("peers(no INTEGE")] ^= 1;
	assert_int_equal(fs_pwrite_all(fd, page, sizeof(page), 0), 0);
	close(fd);
	check_rebuilt(open_index(INDEX_REBUILT), epoch);
}

/* What no page's form shows: another version, time, mode, size, hash, or name. */
static void a_bit_that_flips_in_a_row_is_damage(void **state)
{
	static const char *const flips[] = {
		"version = CAST(substr(version, 1, 15) || x'77' AS BLOB)",
		"mtime_ns = mtime_ns + 8",
		"mode = mode - 1",
		"size = size + 1",
		"root = randomblob(32)",
		"key = CAST(key || x'41' AS BLOB)",
		"deleted = 1 - deleted",
		"kind = 3 - kind",
		"modified_by = 5",
		"nblocks = 2",
		"chunk_log2 = 17",
	};
	char *path = mem_printf("%s/index.db", dir);

	(void)state;
	for (size_t i = 0; i < sizeof(flips) / sizeof(flips[0]); i++) {
		struct index *ix = open_index(INDEX_NEW);
		uint64_t epoch = index_epoch(ix);
		struct record r = { 0 };
		sqlite3 *db;
		char *sql = mem_printf("UPDATE files SET %s WHERE seq = (SELECT max(seq) FROM files)", flips[i]), *left;

		fill(ix, 5);
		index_close(ix);
		assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
		assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
		assert_int_equal(sqlite3_changes(db), 1);
		sqlite3_close(db);
		ix = open_index(INDEX_OK);
		for (struct index_cursor *c = index_walk(ix, ""); c != NULL;) {
			while (index_next(c, &r) > 0)
				record_clear(&r);
			index_cursor_free(c);
			c = NULL;
		}
		if (!index_damaged(ix))
			fail_msg("%s: not noticed", flips[i]);
		index_close(ix);
		check_rebuilt(open_index(INDEX_REBUILT), epoch);
		left = mem_printf("rm %s/index.db*", dir);
		assert_int_equal(system(left), 0);
		free(left);
		free(sql);
	}
	free(path);
}

static void damage_found_at_use_is_rebuilt_at_the_next_open(void **state)
{
	struct index *ix = open_index(INDEX_NEW);
	uint64_t epoch = index_epoch(ix);
	struct index_cursor *c;
	struct record r;
	int rc, n = 0;

	(void)state;
	fill(ix, 5000);
	index_close(ix);
	scribble((int64_t)4096 * 20, (size_t)4096 * 60);
	ix = open_index(INDEX_OK);
	c = index_walk(ix, "");
	while ((rc = index_next(c, &r)) == 1) {
		record_clear(&r);
		n++;
	}
	assert_int_equal(rc, -1);
	assert_true(n < 5000);
	index_cursor_free(c);
	assert_true(index_damaged(ix));
	assert_int_equal(lines_logged, 1);
	assert_int_equal(put(ix, 1), -1);
	assert_int_equal(index_get(ix, "a", &r), -1);
	assert_int_equal(index_commit(ix), -1);
	assert_int_equal(lines_logged, 1);
	index_close(ix);
	check_rebuilt(open_index(INDEX_REBUILT), epoch);
}

static void damage_after_an_unclean_end_is_found_at_open(void **state)
{
	struct index *ix = open_index(INDEX_NEW);
	uint64_t epoch = index_epoch(ix);

	(void)state;
	fill(ix, 5000);
	index_checkpoint(ix);
	copy_file("index.db", "db.kept"); /* not marked as clean */
	index_close(ix);
	assert_int_equal(renameat(dirfd, "db.kept", dirfd, "index.db"), 0);
	scribble((int64_t)4096 * 20, (size_t)4096 * 60);
	check_rebuilt(open_index(INDEX_REBUILT), epoch);
}

/* Whatever the bytes are: an answer, no crash. */
static void any_damage_is_survived(void **state)
{
	struct index *ix = open_index(INDEX_NEW);
	struct stat st;

	(void)state;
	random_set_seed(5);
	fill(ix, 300);
	index_close(ix);
	copy_file("index.db", "db.good");
	assert_int_equal(fstatat(dirfd, "db.good", &st, 0), 0);
	for (int run = 0; run < 150; run++) {
		struct index_cursor *c;
		struct record r;
		char *why;

		copy_file("db.good", "index.db");
		unlinkat(dirfd, "index.db-wal", 0);
		for (int i = 0; i < 8; i++)
			scribble((int64_t)random_below((uint64_t)st.st_size - 4), random_below(4) + 1);
		if (index_open(&ix, dir, &why) <= INDEX_REBUILT) {
			c = index_walk(ix, "");
			while (index_next(c, &r) == 1)
				record_clear(&r);
			index_cursor_free(c);
			for (int i = 0; i < 20 && put(ix, i) == 0; i++)
				;
			index_commit(ix);
			index_close(ix);
		}
		free(why);
	}
}

static void a_newer_index_is_left_alone(void **state)
{
	struct index *ix = open_index(INDEX_NEW);
	char *path = mem_printf("%s/index.db", dir);
	sqlite3 *db;
	char *before, *after;
	size_t n, m;

	(void)state;
	fill(ix, 10);
	index_close(ix);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 1000; DROP TABLE wanted", NULL, NULL, NULL),
	                 SQLITE_OK);
	sqlite3_close(db);
	before = fs_read_file(dirfd, "index.db", 1 << 20, &n);
	assert_null(open_index(INDEX_NEWER));
	after = fs_read_file(dirfd, "index.db", 1 << 20, &m);
	assert_int_equal(n, m);
	assert_memory_equal(before, after, n);
	assert_false(exists_aside());
	free(before);
	free(after);
	free(path);
}

static void check_upgrade(int schema)
{
	struct index *ix = open_index(INDEX_NEW);
	char *path = mem_printf("%s/index.db", dir);
	struct record r;
	sqlite3 *db;

	fill(ix, 10);
	assert_int_equal(index_get(ix, "folder-3/file-3", &r), 1);
	assert_true(index_placing(ix, &r) > 0);
	record_clear(&r);
	index_close(ix);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db,
	                              "ALTER TABLE files DROP COLUMN sum; ALTER TABLE wanted DROP COLUMN sum;"
	                              "ALTER TABLE files DROP COLUMN mode_base;"
	                              "ALTER TABLE wanted DROP COLUMN mode_base;",
	                              NULL, NULL, NULL),
	                 SQLITE_OK);
	assert_int_equal(sqlite3_exec(db,
	                              schema == 1 ? "PRAGMA user_version = 1; DROP TABLE placing;"
	                                            "ALTER TABLE files DROP COLUMN base;"
	                                            "ALTER TABLE wanted DROP COLUMN base"
	                                          : "PRAGMA user_version = 2; ALTER TABLE placing DROP COLUMN sum;"
	                                            "ALTER TABLE placing DROP COLUMN mode_base",
	                              NULL, NULL, NULL),
	                 SQLITE_OK);
	sqlite3_close(db);
	for (int i = 0; i < 2; i++) {
		ix = open_index(INDEX_OK);
		assert_int_equal(index_totals(ix).dirs, 10);
		assert_int_equal(index_get(ix, "folder-3/file-3", &r), 1);
		record_clear(&r);
		assert_int_equal(index_left(ix, "folder-3/file-3") != NULL, schema == 2);
		index_close(ix);
	}
	assert_int_equal(unlink(path), 0);
	free(path);
}

static void an_older_index_is_brought_up_to_date(void **state)
{
	(void)state;
	check_upgrade(1);
	check_upgrade(2);
}

static void what_cannot_be_opened_says_why(void **state)
{
	char good[sizeof(dir)];

	(void)state;
	memcpy(good, dir, sizeof(dir));
	snprintf(dir + strlen(dir), sizeof(dir) - strlen(dir), "/none");
	assert_null(open_index(INDEX_FAILED));
	memcpy(dir, good, sizeof(dir));
	assert_int_equal(mkdirat(dirfd, "index.db", 0700), 0);
	assert_null(open_index(INDEX_FAILED));
	assert_int_equal(unlinkat(dirfd, "index.db", AT_REMOVEDIR), 0);
	assert_int_equal(symlinkat("/etc/passwd", dirfd, "index.db"), 0);
	assert_null(open_index(INDEX_FAILED));
	assert_int_equal(unlinkat(dirfd, "index.db", 0), 0);
}

static void only_the_owner_may_read_it(void **state)
{
	struct index *ix = open_index(INDEX_NEW);
	struct stat st;

	(void)state;
	fill(ix, 1);
	assert_int_equal(fstatat(dirfd, "index.db", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(fstatat(dirfd, "index.db-wal", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	index_close(ix);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(no_number_is_given_twice_after_a_kill),
		T(no_number_is_given_twice_after_a_power_cut),
		T(a_clean_end_keeps_the_exact_number),
		T(a_file_that_is_no_index_is_set_aside),
		T(somebody_elses_database_is_set_aside),
		T(missing_tables_are_damage),
		T(a_table_that_became_another_is_damage),
		T(a_bit_that_flips_in_a_row_is_damage),
		T(damage_found_at_use_is_rebuilt_at_the_next_open),
		T(damage_after_an_unclean_end_is_found_at_open),
		T(any_damage_is_survived),
		T(an_older_index_is_brought_up_to_date),
		T(a_newer_index_is_left_alone),
		T(what_cannot_be_opened_says_why),
		T(only_the_owner_may_read_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
