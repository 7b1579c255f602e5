/* Joins that a meeting stores for many rows at once: rows are read as joined from then on, and written by and by,
 * whatever ends the run in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "sync/plan/reconcile.h"
#include "tests/unit/index_rows.h"

enum { PEER = 11, WRITER = 4711, ROWS = 30, TWIN = 1000 };

static const char *name(int i)
{
	static char path[32];

	assert_true(snprintf(path, sizeof(path), "f%02d", i) > 0);
	return path;
}

static void fill(void)
{
	for (int i = 0; i < ROWS; i++)
		put(name(i), (uint32_t)i);
	assert_int_equal(index_commit(ix), 0);
}

/* What row i was and its twin come to. */
static struct record joined_of(const struct record *row)
{
	struct record twin, merged = { 0 };

	record_copy(&twin, row);
	twin.version.e[0] = (struct version_entry){ .writer = WRITER, .counter = TWIN + row->seq };
	twin.modified_by = PEER;
	assert_true(reconcile_twins(row, &twin, &merged));
	merged.seq = row->seq;
	merged.via = PEER;
	merged.seen = row->seen;
	record_clear(&twin);
	return merged;
}

static struct record joined[ROWS];

/* Joins rows from `first` on, and notes what each is to be. */
static void join_rows(int first, int n)
{
	struct index_pair pairs[ROWS];

	for (int i = 0; i < n; i++) {
		struct record row;

		assert_int_equal(index_get(ix, name(first + i), &row), 1);
		pairs[i] = (struct index_pair){ .ours = row.seq, .theirs = TWIN + row.seq };
		joined[first + i] = joined_of(&row);
		record_clear(&row);
	}
	assert_int_equal(index_join_later(ix, PEER, WRITER, pairs, (size_t)n), 1);
}

static int clear_joined(void **state)
{
	for (int i = 0; i < ROWS; i++)
		record_clear(&joined[i]);
	return teardown(state);
}

static bool check_next(void *arg, const struct record *r)
{
	int *at = arg;

	check_record(r, &joined[(*at)++]);
	return true;
}

/* By path, by number, in order of either, and by content. */
static void check_all(void)
{
	struct index_cursor *c = index_walk(ix, "");
	struct record r;
	int at = 0;

	for (int i = 0; i < ROWS; i++) {
		int one = i;

		check_row(&joined[i]);
		assert_int_equal(index_get_numbered(ix, joined[i].seq, &r), 1);
		check_record(&r, &joined[i]);
		record_clear(&r);
		assert_int_equal(index_next(c, &r), 1);
		check_record(&r, &joined[i]);
		record_clear(&r);
		assert_int_equal(index_by_content(ix, &joined[i].content, check_next, &one), 0);
		assert_int_equal(one, i + 1);
	}
	index_cursor_free(c);
	assert_int_equal(index_since(ix, 0, ROWS, check_next, &at), ROWS);
	assert_int_equal(at, ROWS);
}

static void write_all(void)
{
	int rc;

	while ((rc = index_join_some(ix)) > 0)
		assert_int_equal(index_commit(ix), 0);
	assert_int_equal(rc, 0);
	assert_int_equal(index_commit(ix), 0);
	assert_false(index_joins_left(ix));
}

/* What the table itself says, without what is left to be written. */
static int stored(const char *sql)
{
	char path[96];
	sqlite3_stmt *s;
	sqlite3 *db;
	int n;

	assert_true(snprintf(path, sizeof(path), "%s/index.db", dir) > 0);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
	n = sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int(s, 0) : -1;
	sqlite3_finalize(s);
	sqlite3_close(db);
	return n;
}

static int stored_as_joined(void)
{
	return stored("SELECT count(*) FROM files WHERE length(version) = 32 AND via = 11");
}

static void rows_are_read_as_joined_before_and_after_they_are_written(void **state)
{
	uint64_t last;

	(void)state;
	fill();
	last = index_seq(ix);
	join_rows(0, ROWS / 2);
	join_rows(ROWS / 2, ROWS - ROWS / 2);
	check_all();
	assert_int_equal(index_commit(ix), 0);
	check_all();
	assert_int_equal(stored_as_joined(), 0);
	reopen();
	check_all();
	assert_true(index_joins_left(ix));
	assert_int_equal(stored_as_joined(), 0);
	write_all();
	assert_int_equal(stored_as_joined(), ROWS);
	check_all();
	reopen();
	assert_false(index_joins_left(ix));
	check_all();
	assert_int_equal(index_seq(ix), last);
	assert_int_equal(stored("SELECT count(*) FROM joins"), 0);
}

/* The child does its part and ends without a word. */
static void die_after(void (*part)(void))
{
	pid_t child;
	int status;

	index_close(ix);
	ix = NULL;
	child = fork();
	if (child == 0) {
		open_index(INDEX_OK);
		part();
		_exit(0);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	open_index(INDEX_OK);
}

static void join_all_and_commit(void)
{
	join_rows(0, ROWS / 2);
	join_rows(ROWS / 2, ROWS - ROWS / 2);
	if (index_commit(ix) < 0)
		_exit(1);
}

static void write_some_and_commit(void)
{
	if (index_join_some(ix) != 1 || index_commit(ix) < 0)
		_exit(1);
}

static void write_some(void)
{
	if (index_join_some(ix) != 1)
		_exit(1);
}

static void note_joined(void)
{
	for (int i = 0; i < ROWS; i++) {
		struct record row;

		assert_int_equal(index_get(ix, name(i), &row), 1);
		joined[i] = joined_of(&row);
		record_clear(&row);
	}
}

static void a_kill_at_any_point_leaves_rows_that_are_read_as_joined(void **state)
{
	(void)state;
	fill();
	note_joined();
	die_after(join_all_and_commit);
	check_all();
	die_after(write_some);
	check_all();
	assert_int_equal(stored_as_joined(), 0);
	die_after(write_some_and_commit);
	check_all();
	assert_int_equal(stored_as_joined(), ROWS / 2);
	write_all();
	check_all();
	assert_int_equal(stored_as_joined(), ROWS);
}

static void a_row_that_changes_before_it_is_written_stays_as_it_is_then(void **state)
{
	struct record r, got;

	(void)state;
	fill();
	join_rows(0, ROWS);
	assert_int_equal(index_commit(ix), 0);
	assert_int_equal(index_get(ix, name(3), &r), 1);
	r.content.size++;
	assert_int_equal(index_put_change(ix, &r, NULL, ME), 0);
	assert_int_equal(r.version.n, 2); /* on top of what it was joined to */
	put_deleted(name(4));
	for (int i = 0; i < 2; i++) {
		check_row(&r);
		assert_int_equal(index_get(ix, name(4), &got), 1);
		assert_true(got.deleted);
		assert_int_equal(got.version.n, 2);
		record_clear(&got);
		assert_int_equal(index_get_numbered(ix, joined[3].seq, &got), 0);
		write_all();
		reopen();
	}
	assert_int_equal(stored_as_joined(), ROWS - 2);
	record_clear(&r);
}

static void what_is_noted_of_the_file_meanwhile_stays(void **state)
{
	struct seen seen = { .size = 100, .mtime_ns = 5, .ctime_ns = 6, .ino = 7, .mode = 0600 };

	(void)state;
	fill();
	join_rows(0, ROWS);
	assert_int_equal(index_touch(ix, name(5), &seen), 0);
	joined[5].seen = seen;
	check_all();
	write_all();
	check_all();
	reopen();
	check_all();
}

static void a_row_that_is_set_aside_comes_back_as_joined(void **state)
{
	struct record was;

	(void)state;
	fill();
	join_rows(0, ROWS);
	assert_int_equal(index_set_aside(ix, name(2), ASIDE_UNSHARED), 0);
	write_all();
	reopen();
	assert_int_equal(index_bring_back(ix, name(2), &was), 1);
	assert_int_equal(was.version.n, 2);
	assert_int_equal(version_compare(&was.version, &joined[2].version), VERSION_EQUAL);
	record_clear(&was);
}

static void what_cannot_be_joined_so_is_refused_and_nothing_changes(void **state)
{
	struct index_pair pairs[2] = { { .theirs = TWIN }, { .theirs = TWIN } };
	struct record a, b;

	(void)state;
	fill();
	join_rows(0, 1);
	assert_int_equal(index_get(ix, name(0), &a), 1);
	assert_int_equal(index_get(ix, name(1), &b), 1);
	pairs[0].ours = b.seq;
	pairs[1].ours = a.seq; /* is joined already */
	assert_int_equal(index_join_later(ix, PEER, WRITER, pairs, 2), 0);
	pairs[1].ours = b.seq; /* twice */
	assert_int_equal(index_join_later(ix, PEER, WRITER, pairs, 2), 0);
	assert_int_equal(index_join_later(ix, PEER, index_epoch(ix), pairs, 1), 0);
	assert_int_equal(index_join_later(ix, PEER, 0, pairs, 1), 0);
	pairs[0].theirs = 0;
	assert_int_equal(index_join_later(ix, PEER, WRITER, pairs, 1), 0);
	pairs[0].theirs = UINT64_C(1) << 48;
	assert_int_equal(index_join_later(ix, PEER, WRITER, pairs, 1), 0);
	check_row(&b);
	check_row(&a);
	write_all();
	reopen();
	check_row(&b);
	check_row(&a);
	record_clear(&a);
	record_clear(&b);
}

/* A row that is not as it was made is not touched, whatever a caller says. */
static void only_a_row_as_it_was_made_is_joined(void **state)
{
	struct index_pair pair = { .theirs = TWIN };
	struct record r;

	(void)state;
	fill();
	assert_int_equal(index_get(ix, name(0), &r), 1);
	assert_int_equal(version_bump(&r.version, 99, 1), 0);
	assert_int_equal(index_put(ix, &r, NULL), 0);
	pair.ours = r.seq;
	assert_int_equal(index_join_later(ix, PEER, WRITER, &pair, 1), 1);
	check_row(&r);
	write_all();
	check_row(&r);
	record_clear(&r);
}

/* The disk is full: what was joined since the last commit is not. */
static void an_undone_join_is_no_join(void **state)
{
	struct record before[ROWS];
	struct rlimit was, none;

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	fill();
	for (int i = 0; i < ROWS; i++)
		assert_int_equal(index_get(ix, name(i), &before[i]), 1);
	join_rows(0, ROWS / 2);
	assert_int_equal(index_commit(ix), 0);
	join_rows(ROWS / 2, ROWS - ROWS / 2);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = was.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	assert_int_equal(index_commit(ix), -1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	for (int i = 0; i < ROWS; i++)
		check_row(i < ROWS / 2 ? &joined[i] : &before[i]);
	assert_int_equal(index_commit(ix), 0);
	for (int i = ROWS / 2; i < ROWS; i++)
		record_clear(&joined[i]);
	join_rows(ROWS / 2, ROWS - ROWS / 2);
	check_all();
	/* The same for what is written. */
	assert_int_equal(index_commit(ix), 0);
	assert_int_equal(index_join_some(ix), 1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	assert_int_equal(index_commit(ix), -1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	check_all();
	assert_int_equal(index_commit(ix), 0);
	write_all();
	check_all();
	for (int i = 0; i < ROWS; i++)
		record_clear(&before[i]);
}

/* One meeting ends as the next begins. */
static void rows_joined_in_the_turn_that_has_written_all_others_are_not_lost(void **state)
{
	(void)state;
	fill();
	join_rows(0, ROWS / 2);
	assert_int_equal(index_join_some(ix), 1);
	assert_int_equal(index_join_some(ix), 0);
	join_rows(ROWS / 2, ROWS - ROWS / 2);
	assert_int_equal(index_commit(ix), 0);
	check_all();
	reopen();
	check_all();
	write_all();
	check_all();
}

/* Its rows become those of another writer, on top of what they were joined to. */
static void a_new_epoch_begins_from_what_was_joined(void **state)
{
	struct record r;

	(void)state;
	fill();
	join_rows(0, ROWS);
	index_new_epoch(ix, joined[9].seq);
	write_all();
	reopen();
	for (int i = 0; i < ROWS; i++) {
		assert_int_equal(index_get(ix, name(i), &r), 1);
		assert_int_equal(r.version.n, i < 10 ? 2 : 3);
		assert_true(version_counter(&r.version, WRITER) == TWIN + joined[i].seq);
		record_clear(&r);
	}
}

static void what_is_doubted_is_not_joined(void **state)
{
	struct record r;

	(void)state;
	fill();
	join_rows(0, ROWS);
	assert_int_equal(index_commit(ix), 0);
	assert_int_equal(index_doubt(ix), 0);
	reopen();
	assert_false(index_joins_left(ix));
	assert_int_equal(index_get(ix, name(0), &r), 1);
	assert_int_equal(r.version.n, 0);
	record_clear(&r);
}

static void pairs_that_were_changed_on_the_disk_are_damage(void **state)
{
	static const char *const edits[] = {
		"UPDATE joins SET pairs = substr(pairs, 1, 15) || x'99' || substr(pairs, 17)",
		"UPDATE joins SET pairs = substr(pairs, 1, 24)",
		"UPDATE joins SET peer = 12",
		"UPDATE joins SET writer = 12",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		char *why;

		fill();
		join_rows(0, ROWS);
		for (int k = 0; k < ROWS; k++)
			record_clear(&joined[k]);
		index_close(ix);
		(void)stored(edits[i]);
		assert_int_equal(index_open(&ix, dir, &why), INDEX_REBUILT);
		free(why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rows_are_read_as_joined_before_and_after_they_are_written, setup,
		                                clear_joined),
		cmocka_unit_test_setup_teardown(a_kill_at_any_point_leaves_rows_that_are_read_as_joined, setup,
		                                clear_joined),
		cmocka_unit_test_setup_teardown(a_row_that_changes_before_it_is_written_stays_as_it_is_then, setup,
		                                clear_joined),
		cmocka_unit_test_setup_teardown(what_is_noted_of_the_file_meanwhile_stays, setup, clear_joined),
		cmocka_unit_test_setup_teardown(a_row_that_is_set_aside_comes_back_as_joined, setup, clear_joined),
		cmocka_unit_test_setup_teardown(what_cannot_be_joined_so_is_refused_and_nothing_changes, setup,
		                                clear_joined),
		cmocka_unit_test_setup_teardown(only_a_row_as_it_was_made_is_joined, setup, clear_joined),
		cmocka_unit_test_setup_teardown(an_undone_join_is_no_join, setup, clear_joined),
		cmocka_unit_test_setup_teardown(rows_joined_in_the_turn_that_has_written_all_others_are_not_lost, setup,
		                                clear_joined),
		cmocka_unit_test_setup_teardown(a_new_epoch_begins_from_what_was_joined, setup, clear_joined),
		cmocka_unit_test_setup_teardown(what_is_doubted_is_not_joined, setup, clear_joined),
		cmocka_unit_test_setup_teardown(pairs_that_were_changed_on_the_disk_are_damage, setup, clear_joined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
