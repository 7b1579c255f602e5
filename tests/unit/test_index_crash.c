/* Bad ends, and indexes of other lanyards: kill -9, a lost WAL, an upgrade. No number is given twice, and nothing that
 * can be used is lost. */
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

/* Writes, and sends each number that was committed to the pipe, until it is killed. */
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

/* Only what a FULL commit has synced is certain to survive: everything after the reservation is thrown away. */
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

static int commits_left;

static int die_at_commit(void *arg)
{
	(void)arg;
	if (commits_left-- == 0)
		raise(SIGKILL);
	return 0;
}

static int count_commits(sqlite3 *db, char **why, const struct sqlite3_api_routines *api)
{
	(void)why;
	(void)api;
	sqlite3_commit_hook(db, die_at_commit, NULL);
	return SQLITE_OK;
}

/* Opens the index and kills itself before commit number `left`, if it gets that far. */
static void open_and_die(int left)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct index *ix;
		char *why;

		commits_left = left;
		sqlite3_auto_extension((void (*)(void))count_commits);
		(void)index_open(&ix, dir, &why);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

/* Turns the tables into those of an older schema, with the same rows. */
static void go_back_to(int schema, const char *path)
{
	/* Undone from the newest on. */
	static const struct {
		int schema; /* the greatest that lacks it */
		const char *sql;
	} steps[] = {
		{ 10, "PRAGMA user_version = 10; DROP TABLE bases" },
		{ 9, "PRAGMA user_version = 9; DROP TABLE joins" },
		{ 8, "PRAGMA user_version = 8; DROP TABLE sealed_contents; DROP TABLE heads; DROP TABLE vault_cores;"
		     "DROP TABLE vault_paths; DROP TABLE vault_objects; DROP TABLE vault_mail;"
		     "ALTER TABLE state DROP COLUMN vault_bytes; ALTER TABLE state DROP COLUMN vault_objects;"
		     "ALTER TABLE state DROP COLUMN vault_rows" },
		{ 7, "PRAGMA user_version = 7; DROP TABLE digests; ALTER TABLE state DROP COLUMN digested;"
		     "CREATE INDEX files_h8 ON files(h8) WHERE h8 IS NOT NULL" },
		{ 6, "PRAGMA user_version = 6; DROP TABLE aside; DROP TABLE holds; DROP INDEX wanted_h8;"
		     "ALTER TABLE wanted DROP COLUMN h8; ALTER TABLE wanted DROP COLUMN marks;"
		     "ALTER TABLE wanted DROP COLUMN via; DROP INDEX files_marks; ALTER TABLE files DROP COLUMN marks;"
		     "ALTER TABLE peers DROP COLUMN listed_until; ALTER TABLE peers DROP COLUMN mirror_until;"
		     "ALTER TABLE peers DROP COLUMN on_demand;"
		     "ALTER TABLE state DROP COLUMN listed; ALTER TABLE state DROP COLUMN offered" },
		{ 5, "PRAGMA user_version = 5; DROP INDEX files_inode" },
		{ 4, "PRAGMA user_version = 4; ALTER TABLE peers DROP COLUMN shown" },
		{ 3, "PRAGMA user_version = 3; ALTER TABLE files DROP COLUMN seen_mode" },
		{ 2, "PRAGMA user_version = 2; ALTER TABLE files DROP COLUMN sum; ALTER TABLE wanted DROP COLUMN sum;"
		     "ALTER TABLE files DROP COLUMN mode_base; ALTER TABLE wanted DROP COLUMN mode_base;"
		     "ALTER TABLE placing DROP COLUMN sum; ALTER TABLE placing DROP COLUMN mode_base" },
		{ 1, "PRAGMA user_version = 1; DROP TABLE placing; ALTER TABLE files DROP COLUMN base;"
		     "ALTER TABLE wanted DROP COLUMN base" },
	};
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (steps[i].schema >= schema)
			assert_int_equal(sqlite3_exec(db, steps[i].sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void check_upgrade(int schema)
{
	struct index *ix = open_index(INDEX_NEW);
	char *path = mem_printf("%s/index.db", dir);
	struct record r;

	fill(ix, 10);
	assert_int_equal(index_get(ix, "folder-3/file-3", &r), 1);
	assert_true(index_install_begin(ix, &r) > 0);
	assert_int_equal(index_offer(ix, 7, &r), 0);
	record_clear(&r);
	index_close(ix);
	go_back_to(schema, path);
	for (int i = 0; i < 2; i++) {
		ix = open_index(INDEX_OK);
		assert_int_equal(index_totals(ix).dirs, 10);
		assert_int_equal(index_get(ix, "folder-3/file-3", &r), 1);
		assert_int_equal(record_disk_mode(&r), r.mode);
		record_clear(&r);
		assert_int_equal(index_leftover(ix, "folder-3/file-3") != NULL, schema > 1);
		assert_true(index_is_offered(ix, "folder-3/file-3"));
		assert_int_equal(index_wants_missing(ix), 1);
		index_close(ix);
	}
	assert_int_equal(unlink(path), 0);
	free(path);
}

/* Tables that a killed run has left half made must not pass for damage. */
static void a_kill_while_it_is_made_or_brought_up_to_date_costs_nothing(void **state)
{
	char *path = mem_printf("%s/index.db", dir), *rm = mem_printf("rm %s*", path);

	(void)state;
	for (int left = 0; left < 6; left++) {
		struct index *ix;

		char *why;

		open_and_die(left);
		assert_true(index_open(&ix, dir, &why) <= INDEX_NEW);
		fill(ix, 10);
		index_close(ix);
		go_back_to(2, path);
		open_and_die(left);
		ix = open_index(INDEX_OK);
		assert_int_equal(index_totals(ix).dirs, 10);
		index_close(ix);
		assert_false(exists_aside());
		assert_int_equal(system(rm), 0);
	}
	free(path);
	free(rm);
}

static void an_older_index_is_brought_up_to_date(void **state)
{
	(void)state;
	check_upgrade(1);
	check_upgrade(2);
	check_upgrade(3);
	check_upgrade(4);
	check_upgrade(5);
	check_upgrade(6);
	check_upgrade(7);
	check_upgrade(8);
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
		T(an_older_index_is_brought_up_to_date),
		T(a_kill_while_it_is_made_or_brought_up_to_date_costs_nothing),
		T(a_newer_index_is_left_alone),
		T(what_cannot_be_opened_says_why),
		T(only_the_owner_may_read_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
