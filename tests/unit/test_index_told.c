/* Whom our rows were told, and joins of versions that keep a row's number since nobody else has to hear of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "tests/unit/index_rows.h"

enum { ONE = 11, OTHER = 12 };

static void nobody_was_told_at_first(void **state)
{
	(void)state;
	assert_false(index_told_only(ix, ONE));
	assert_int_equal(index_note_told(ix, ONE), 0);
	assert_true(index_told_only(ix, ONE));
	assert_int_equal(index_note_told(ix, ONE), 0);
	assert_true(index_told_only(ix, ONE));
	assert_false(index_told_only(ix, OTHER));
	reopen();
	assert_true(index_told_only(ix, ONE));
}

static void a_second_one_counts_for_good(void **state)
{
	(void)state;
	assert_int_equal(index_note_told(ix, ONE), 0);
	assert_int_equal(index_note_told(ix, OTHER), 0);
	for (int i = 0; i < 2; i++) {
		assert_false(index_told_only(ix, ONE));
		assert_false(index_told_only(ix, OTHER));
		assert_int_equal(index_note_told(ix, ONE), 0);
		reopen();
	}
}

/* Ends without a word, as a kill would. */
static void die_with_index(void)
{
	pid_t child;
	int status;

	index_close(ix);
	ix = NULL;
	child = fork();
	if (child == 0) {
		char *why;

		if (index_open(&ix, dir, &why) != INDEX_OK || index_meta_put(ix, "x", 1) < 0 || index_commit(ix) < 0)
			_exit(1);
		_exit(0);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	open_index(INDEX_OK);
}

/* A power cut may have taken the note of a second one. */
static void after_an_unclean_end_nothing_is_known_for_certain(void **state)
{
	(void)state;
	assert_int_equal(index_note_told(ix, ONE), 0);
	die_with_index();
	assert_false(index_told_only(ix, ONE));
	assert_int_equal(index_note_told(ix, ONE), 0);
	assert_false(index_told_only(ix, ONE));
	reopen();
	assert_false(index_told_only(ix, ONE));
}

static void an_index_of_before_knows_nothing(void **state)
{
	char path[96];
	sqlite3 *db;

	(void)state;
	index_close(ix);
	assert_true(snprintf(path, sizeof(path), "%s/index.db", dir) > 0);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "DELETE FROM meta WHERE name = '" INDEX_META_TOLD "'", NULL, NULL, NULL),
	                 SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	open_index(INDEX_OK);
	assert_int_equal(index_note_told(ix, ONE), 0);
	assert_false(index_told_only(ix, ONE));
}

static void a_joined_row_keeps_its_number_and_the_rest(void **state)
{
	struct index_totals before, after;
	struct record r, got;
	uint64_t last;

	(void)state;
	put("a", 1);
	put("b", 2);
	assert_int_equal(index_commit(ix), 0);
	before = index_totals(ix);
	last = index_seq(ix);
	assert_int_equal(index_get(ix, "a", &r), 1);
	assert_int_equal(version_bump(&r.version, 5, 9), 0);
	assert_int_equal(version_bump(&r.base, 5, 9), 0);
	r.modified_by = 6;
	r.via = ONE;
	assert_int_equal(index_join(ix, &r), 0);
	for (int i = 0; i < 2; i++) {
		after = index_totals(ix);
		assert_true(after.files == before.files && after.bytes == before.bytes);
		check_row(&r);
		assert_int_equal(index_get_numbered(ix, r.seq, &got), 1);
		check_record(&got, &r);
		record_clear(&got);
		assert_int_equal(index_get(ix, "b", &got), 1);
		assert_int_equal(got.version.n, 1);
		record_clear(&got);
		assert_int_equal(index_get_numbered(ix, last + 1, &got), 0);
		reopen();
	}
	record_clear(&r);
}

/* The disk is full when it is noted. */
static void an_undone_note_is_not_lost(void **state)
{
	struct rlimit was, none;

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	put("x", 1);
	assert_int_equal(index_commit(ix), 0);
	assert_int_equal(index_note_told(ix, ONE), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = was.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	assert_int_equal(index_commit(ix), -1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_int_equal(index_commit(ix), 0);
	assert_int_equal(index_note_told(ix, ONE), 0);
	reopen();
	assert_int_equal(index_note_told(ix, OTHER), 0);
	assert_false(index_told_only(ix, OTHER));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nobody_was_told_at_first, setup, teardown),
		cmocka_unit_test_setup_teardown(a_second_one_counts_for_good, setup, teardown),
		cmocka_unit_test_setup_teardown(after_an_unclean_end_nothing_is_known_for_certain, setup, teardown),
		cmocka_unit_test_setup_teardown(an_index_of_before_knows_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(an_undone_note_is_not_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(a_joined_row_keeps_its_number_and_the_rest, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
