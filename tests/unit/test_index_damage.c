/* Damaged files, and files that are not an index at all, are noticed, set aside and rebuilt; no bytes make us crash. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <sqlite3.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "tests/unit/index_fill.h"

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

/* One flipped bit makes `no` an ordinary column, so that peers have no numbers any more, and every statement still
 * works. */
static void a_table_that_became_another_is_damage(void **state)
{
	struct index *ix = open_index(INDEX_NEW);
	uint64_t epoch = index_epoch(ix);
	static const char text[] = "peers(no INTEGER PRIMARY KEY";
	uint8_t *at;
	char *all;
	size_t n;

	(void)state;
	index_close(ix);
	all = fs_read_file(dirfd, "index.db", 64 << 20, &n);
	assert_non_null(all);
	at = memmem(all, n, text, strlen(text));
	assert_non_null(at);
	at[strlen("peers(no INTEGE")] ^= 1;
	assert_int_equal(fs_write_file(dirfd, "index.db", all, n, 0600), 0);
	free(all);
	check_rebuilt(open_index(INDEX_REBUILT), epoch);
}

/* Damage that the form of a page does not show: another version, time, mode, size, hash, or name. */
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

/* Damage to pages in the middle: opening after a clean end does not notice it, but using them does, and then the next
 * opening. */
static void damage_found_at_use_is_rebuilt_at_the_next_open(void **state)
{
	struct index *ix = open_index(INDEX_NEW);
	uint64_t epoch = index_epoch(ix);
	struct index_cursor *c;
	struct record r;
	int rc, n = 0;

	(void)state;
	/* So many that opening does not read those at the beginning for their digests. */
	fill(ix, 20000);
	index_close(ix);
	scribble((int64_t)4096 * 50, (size_t)4096 * 60);
	ix = open_index(INDEX_OK);
	c = index_walk(ix, "");
	while ((rc = index_next(c, &r)) == 1) {
		record_clear(&r);
		n++;
	}
	assert_int_equal(rc, -1);
	assert_true(n < 20000);
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

/* Any bytes get an answer, and none a crash. */
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

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_file_that_is_no_index_is_set_aside),
		T(somebody_elses_database_is_set_aside),
		T(missing_tables_are_damage),
		T(a_table_that_became_another_is_damage),
		T(a_bit_that_flips_in_a_row_is_damage),
		T(damage_found_at_use_is_rebuilt_at_the_next_open),
		T(damage_after_an_unclean_end_is_found_at_open),
		T(any_damage_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
