/* Proves that rows are found by their content whether the table of digests has them or memory, while they go from one
 * into the other, after they changed and went, in the next run, and after a transaction that was undone. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cmocka.h>

#include <sqlite3.h>

#include "sync/index/index_internal.h"
#include "tests/unit/index_rows.h"

enum { PATHS = 12000, CONTENTS = 9000, SAME = 7, TURN = 400, STEPS = 30000 };

static uint32_t now[PATHS]; /* content of each path; 0: no live row */

static const char *path_of(int i)
{
	static char path[32];

	snprintf(path, sizeof(path), "folder-%d/file-%d", i / 100, i % 100);
	return path;
}

/* Some contents are in many files. */
static uint32_t any_content(void)
{
	return (uint32_t)(rand() % 20 == 0 ? 1 + rand() % SAME : 1 + SAME + rand() % CONTENTS);
}

static void put_some(int from, int to)
{
	for (int i = from; i < to; i++) {
		now[i] = any_content();
		put(path_of(i), now[i]);
		if (i % TURN == TURN - 1)
			assert_int_equal(index_commit(ix), 0);
	}
	assert_int_equal(index_commit(ix), 0);
}

static void change_some(int n)
{
	for (int k = 0; k < n; k++) {
		int i = rand() % PATHS;

		if (now[i] != 0 && rand() % 3 == 0) {
			put_deleted(path_of(i));
			now[i] = 0;
		} else {
			now[i] = any_content();
			put(path_of(i), now[i]);
		}
		if (k % TURN == TURN - 1)
			assert_int_equal(index_commit(ix), 0);
	}
	assert_int_equal(index_commit(ix), 0);
}

struct found {
	uint32_t content;
	int n;
	uint64_t last;
};

static bool note_found(void *arg, const struct record *r)
{
	struct found *f = arg;
	int folder, name;

	assert_int_equal(sscanf(r->path, "folder-%d/file-%d", &folder, &name), 2);
	assert_int_equal(now[folder * 100 + name], f->content);
	assert_true(r->seq > f->last);
	f->last = r->seq;
	f->n++;
	return true;
}

static void assert_all_are_found(void)
{
	int *n = mem_calloc(SAME + CONTENTS + 1, sizeof(*n));

	for (int i = 0; i < PATHS; i++)
		n[now[i]]++;
	for (uint32_t c = 1; c <= SAME + CONTENTS; c++) {
		struct record r = file("any", c);
		struct found f = { .content = c };

		assert_int_equal(index_by_content(ix, &r.content, note_found, &f), 0);
		assert_int_equal(f.n, n[c]);
		record_clear(&r);
	}
	free(n);
}

static int64_t ask(const char *sql)
{
	char *path = mem_printf("%s/index.db", dir);
	sqlite3_stmt *s = NULL;
	sqlite3 *db;
	int64_t n;

	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	sqlite3_close(db);
	free(path);
	return n;
}

static void rows_are_found_wherever_their_digests_are(void **state)
{
	(void)state;
	srand(1);
	put_some(0, 1000);
	assert_int_equal(ask("SELECT count(*) FROM digests"), 0);
	assert_all_are_found();
	put_some(1000, PATHS);
	assert_true(ask("SELECT count(*) FROM digests") > 0);
	assert_all_are_found();
	/* Through several merges, and in the middle of them. */
	for (int i = 0; i < 5; i++) {
		change_some(STEPS / 5);
		assert_all_are_found();
	}
	assert_true(ask("SELECT digested FROM state") > PATHS);
	assert_true(index_digests_filtered(ix));
	reopen();
	assert_false(index_digests_filtered(ix));
	/* So many questions that the filter is made, and then so many commits that it reads the whole table. */
	assert_all_are_found();
	change_some(STEPS / 5);
	assert_all_are_found();
	assert_true(index_digests_filtered(ix));
	change_some(STEPS / 5);
	assert_all_are_found();
}

static void run(const char *sql)
{
	char *path = mem_printf("%s/index.db", dir);
	sqlite3 *db;

	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	free(path);
}

/* While digests cannot be read, rows are committed all the same. Then the filter is read again. */
static void no_commit_fails_for_the_filter(void **state)
{
	(void)state;
	srand(6);
	put_some(0, PATHS);
	reopen();
	assert_all_are_found();
	run("ALTER TABLE digests RENAME TO away");
	put("one/more", SAME + 1);
	assert_int_equal(index_commit(ix), 0);
	run("ALTER TABLE away RENAME TO digests");
	assert_false(index_damaged(ix));
	assert_false(index_digests_filtered(ix));
	put_deleted("one/more");
	assert_all_are_found();
	change_some(4 * TURN);
	assert_true(index_digests_filtered(ix));
	assert_all_are_found();
}

/* One page takes several digests; each in its turn would be a page written per row. */
static void what_went_is_taken_out_of_the_table(void **state)
{
	(void)state;
	srand(2);
	put_some(0, PATHS);
	change_some(STEPS);
	assert_true(ask("SELECT count(*) FROM digests d WHERE NOT EXISTS"
	                " (SELECT 1 FROM files f WHERE f.seq = d.seq)") < 8192);
	assert_int_equal(ask("SELECT count(*) FROM files, state WHERE h8 IS NOT NULL AND seq <= digested AND NOT EXISTS"
	                     " (SELECT 1 FROM digests d WHERE d.h8 = files.h8 AND d.seq = files.seq)"),
	                 0);
}

static void a_killed_run_loses_none(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	srand(3);
	put_some(0, 7000);
	index_close(ix);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		open_index(INDEX_OK);
		srand(4);
		/* It ends in the middle of a merge. */
		put_some(7000, 9200);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
	srand(4);
	for (int i = 7000; i < 9200; i++)
		now[i] = any_content();
	open_index(INDEX_OK);
	assert_all_are_found();
	change_some(STEPS / 3);
	assert_all_are_found();
}

/* The disk takes nothing when the transaction is committed. */
static void commit_fails(void)
{
	struct rlimit was, none;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = was.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	assert_int_equal(index_commit(ix), -1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_int_equal(index_commit(ix), 0);
}

/* Whatever a merge begins with is committed: each turn undoes the deletion of the same rows, and one of them makes the
 * changes so many that they are merged. */
static void an_undone_deletion_stays_undone(void **state)
{
	enum { UNDONE = 200, EACH = 150 };

	(void)state;
	srand(5);
	(void)signal(SIGXFSZ, SIG_IGN);
	put_some(0, PATHS);
	for (int from = UNDONE, turn = 0; turn < 100; turn++, from += EACH) {
		if (from + EACH > PATHS)
			from = UNDONE;
		for (int i = 0; i < UNDONE; i++)
			put_deleted(path_of(i));
		commit_fails();
		for (int i = from; i < from + EACH; i++) {
			now[i] = any_content();
			put(path_of(i), now[i]);
		}
		assert_int_equal(index_commit(ix), 0);
	}
	assert_all_are_found();
	reopen();
	assert_all_are_found();
}

static int clean_setup(void **state)
{
	memset(now, 0, sizeof(now));
	return setup(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rows_are_found_wherever_their_digests_are, clean_setup, teardown),
		cmocka_unit_test_setup_teardown(no_commit_fails_for_the_filter, clean_setup, teardown),
		cmocka_unit_test_setup_teardown(what_went_is_taken_out_of_the_table, clean_setup, teardown),
		cmocka_unit_test_setup_teardown(a_killed_run_loses_none, clean_setup, teardown),
		cmocka_unit_test_setup_teardown(an_undone_deletion_stays_undone, clean_setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
