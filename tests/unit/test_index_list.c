/* The list: it is told like rows, makes way for them, and the choices count for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/index_listed.h"

/* --- what is told --- */

static void rows_and_listed_records_are_told_by_number(void **state)
{
	uint64_t at;

	(void)state;
	put("b", 1);
	assert_int_equal(list("c", 2, OTHER_WRITER, 1), 1);
	put("a", 3);
	assert_int_equal(list("d", 4, OTHER_WRITER, 2), 1);
	check_told(0, "b c? a d? ");
	assert_int_equal(index_choose(ix, &some), 0);
	check_told(0, "b c? a d? ");
	at = index_seq(ix);
	assert_int_equal(list("c", 5, OTHER_WRITER, 3), 1);
	put("b", 6);
	check_told(at, "c? b ");
	reopen();
	check_told(at, "c? b ");
	assert_int_equal(index_listed(ix), 2);
}

static void what_is_known_is_not_listed(void **state)
{
	(void)state;
	assert_int_equal(list("c", 2, OTHER_WRITER, 5), 1);
	assert_int_equal(list("c", 2, OTHER_WRITER, 5), 0);
	assert_int_equal(list("c", 1, OTHER_WRITER, 4), 0);
	assert_int_equal(listed("c"), 2);
	put("a", 1);
	{
		struct record r;

		assert_int_equal(index_get(ix, "a", &r), 1);
		assert_int_equal(index_list_add(ix, &r, ANNA), 0);
		record_clear(&r);
	}
	assert_int_equal(index_listed(ix), 1);
	assert_int_equal(list_gone("a", OTHER_WRITER, 9), -1);
}

static void a_row_takes_its_listed_record_away(void **state)
{
	struct record r = theirs("c", 2, OTHER_WRITER, 5), gone;

	(void)state;
	assert_int_equal(list("c", 2, OTHER_WRITER, 5), 1);
	assert_int_equal(list("c", 3, OTHER_WRITER + 1, 5), 1);
	assert_int_equal(index_listed(ix), 2);
	assert_int_equal(index_put(ix, &r, NULL), 0);
	assert_int_equal(index_listed(ix), 1);
	assert_int_equal(listed("c"), 3);
	assert_int_equal(index_drop(ix, "c"), 0);
	assert_int_equal(index_listed(ix), 2);
	assert_int_equal(index_get(ix, "c", &gone), 0);
	assert_int_equal(index_totals(ix).files, 0);
	assert_int_equal(index_drop(ix, "c"), -1);
	record_clear(&r);
}

/* --- deletions --- */

static void a_deletion_takes_what_it_knew(void **state)
{
	struct record r;

	(void)state;
	assert_int_equal(list("c", 2, OTHER_WRITER, 5), 1);
	assert_int_equal(list_gone("c", OTHER_WRITER, 6), 1);
	assert_int_equal(index_listed(ix), 0);
	assert_int_equal(index_get(ix, "c", &r), 1);
	assert_true(r.deleted);
	record_clear(&r);
	assert_int_equal(index_totals(ix).tombstones, 1);
	/* Older news of it brings nothing back. */
	assert_int_equal(list("c", 2, OTHER_WRITER, 5), 0);
}

static void what_a_deletion_did_not_know_outlives_it(void **state)
{
	struct record r;

	(void)state;
	assert_int_equal(list("c", 2, OTHER_WRITER, 5), 1);
	assert_int_equal(list_gone("c", ANNA, 6), 1);
	assert_int_equal(listed("c"), 2);
	assert_int_equal(index_list_get(ix, "c", &r), 1);
	assert_int_equal(version_counter(&r.version, ANNA), 6);
	assert_int_equal(version_counter(&r.version, OTHER_WRITER), 5);
	record_clear(&r);
	/* In the other order, and when the deletion is our own user's. */
	assert_int_equal(list_gone("d", ANNA, 6), 1);
	assert_int_equal(list("d", 2, OTHER_WRITER, 5), 1);
	assert_int_equal(listed("d"), 2);
	put("e", 1);
	assert_int_equal(list("e", 2, OTHER_WRITER, 5), 1);
	put_deleted("e");
	assert_int_equal(listed("e"), 2);
	assert_int_equal(index_list_get(ix, "e", &r), 1);
	assert_true(version_counter(&r.version, index_epoch(ix)) > 0);
	record_clear(&r);
	reopen();
	assert_int_equal(index_listed(ix), 3);
}

/* --- what is wanted --- */

static void what_is_here_is_wanted_until_it_leaves(void **state)
{
	struct record r;
	uint64_t after = 0;
	struct told t = { .last = 0 };

	(void)state;
	assert_int_equal(index_choose(ix, &none), 0);
	put("c", 1);
	assert_int_equal(list("c", 2, OTHER_WRITER, 5), 1);
	assert_int_equal(list("d", 3, OTHER_WRITER, 6), 1);
	assert_int_equal(index_wants_missing(ix), 1);
	assert_int_equal(index_wants_missing_bytes(ix), 102);
	assert_int_equal(index_leaving_put(ix, "c", true), 0);
	assert_int_equal(index_wants_missing(ix), 0);
	assert_int_equal(index_get(ix, "c", &r), 1);
	assert_true(r.leaving);
	record_clear(&r);
	reopen();
	assert_int_equal(index_choose(ix, &none), 0);
	assert_int_equal(index_leaving(ix, after, 10, tell, &t), 1);
	assert_string_equal(t.text, "c ");
	assert_int_equal(index_leaving_put(ix, "c", false), 0);
	assert_int_equal(index_wants_missing(ix), 1);
	assert_int_equal(index_leaving(ix, after, 10, tell, &t), 0);
	assert_int_equal(index_drop(ix, "c"), 0);
	assert_int_equal(index_wants_missing(ix), 0);
	assert_int_equal(index_listed(ix), 3);
}

/* What others deleted while it was here is wanted when they bring it back, until its user drops it. */
static void what_was_taken_from_here_is_wanted_again(void **state)
{
	struct record r = theirs("c", 1, OTHER_WRITER, 5);

	(void)state;
	assert_int_equal(index_choose(ix, &none), 0);
	r.deleted = true;
	r.seen.size = 7;
	assert_int_equal(index_put(ix, &r, NULL), 0);
	assert_int_equal(list("c", 2, ANNA, 5), 1);
	assert_int_equal(index_wants_missing(ix), 1);
	assert_int_equal(index_touch(ix, "c", &(struct seen){ 0 }), 0);
	assert_int_equal(index_wants_missing(ix), 0);
	record_clear(&r);
}

static void a_choice_of_one_path_reads_its_range_alone(void **state)
{
	static const struct choose_rule b[] = { { "b", true } };
	static const struct choices with_b = { .mode = CHOOSE_ON_DEMAND, .rules = b, .nrules = 1 };

	(void)state;
	assert_int_equal(index_choose(ix, &none), 0);
	assert_int_equal(list("a", 1, OTHER_WRITER, 1), 1);
	assert_int_equal(list("b/x", 2, OTHER_WRITER, 2), 1);
	assert_int_equal(list("b/y/z", 3, OTHER_WRITER, 3), 1);
	assert_int_equal(list("b-", 4, OTHER_WRITER, 4), 1);
	assert_int_equal(list("bb", 5, OTHER_WRITER, 5), 1);
	assert_int_equal(index_choose_under(ix, &with_b, "b/y"), 0);
	assert_int_equal(index_wants_missing_bytes(ix), 103);
	assert_int_equal(index_choose_under(ix, &with_b, "b"), 0);
	assert_int_equal(index_wants_missing_bytes(ix), 205);
	assert_int_equal(index_choose_under(ix, &none, "b"), 0);
	assert_int_equal(index_wants_missing(ix), 0);
	assert_int_equal(index_choose(ix, &all), 0);
	assert_int_equal(index_wants_missing(ix), 5);
}

static bool say_absent(void *arg, uint64_t peer, const struct record *r)
{
	struct told *t = arg;
	size_t at = strlen(t->text);

	snprintf(t->text + at, sizeof(t->text) - at, "%d%s ", (int)peer, r->absent ? "?" : "");
	return true;
}

static void a_peer_that_has_not_the_bytes_says_so(void **state)
{
	struct record r = theirs("c", 2, OTHER_WRITER, 5), sibling = theirs("c", 3, ANNA, 5),
		      row = theirs("c", 4, BERT, 1);
	struct told t = { .last = 0 }, after = { .last = 0 };

	(void)state;
	r.absent = sibling.absent = true;
	r.seq = 1;
	sibling.seq = 2;
	row.seq = 3;
	assert_int_equal(index_offer(ix, ANNA, &r), 0);
	assert_int_equal(index_offer(ix, ANNA, &sibling), 0);
	assert_int_equal(index_offer(ix, ANNA, &row), 0);
	assert_int_equal(index_offers(ix, "c", say_absent, &t), 0);
	assert_string_equal(t.text, "5? 5? 5 ");
	/* What it has there is one record; and what that knows goes. */
	row.seq = 4;
	version_bump(&row.version, OTHER_WRITER, 5);
	assert_int_equal(index_offer(ix, ANNA, &row), 0);
	assert_int_equal(index_offers(ix, "c", say_absent, &after), 0);
	assert_string_equal(after.text, "5? 5 ");
	assert_int_equal(index_wants_missing(ix), 1);
	assert_int_equal(index_settled(ix, ANNA, 9), 1);
	assert_int_equal(index_offer_forget(ix, "c", ANNA), 0);
	assert_int_equal(index_wants_missing(ix), 0);
	assert_false(index_is_offered(ix, "c"));
	record_clear(&r);
	record_clear(&sibling);
	record_clear(&row);
}

/* --- writers --- */

/* A later number of ours would stand for the version that we dropped and whose bytes the new one does not know. */
static void what_is_found_does_not_succeed_what_was_dropped(void **state)
{
	struct record found, again, r;

	(void)state;
	put("c", 1);
	assert_int_equal(index_drop(ix, "c"), 0);
	put("c", 2);
	assert_int_equal(index_get(ix, "c", &found), 1);
	assert_int_equal(version_counter(&found.version, index_epoch(ix)), 0);
	assert_int_equal(listed("c"), 1);
	/* Its next change is by the same writer ... */
	record_copy(&again, &found);
	assert_int_equal(index_put_change(ix, &again, NULL, ME), 0);
	assert_int_equal(again.version.n, 1);
	assert_int_equal(again.version.e[0].writer, found.version.e[0].writer);
	assert_int_equal(listed("c"), 1);
	/* ... until they are joined. */
	assert_int_equal(index_list_get(ix, "c", &r), 1);
	record_join(&again, &r.version);
	record_clear(&r);
	assert_int_equal(index_put(ix, &again, NULL), 0);
	assert_int_equal(index_listed(ix), 0);
	assert_int_equal(index_put_change(ix, &again, NULL, ME), 0);
	assert_int_equal(version_counter(&again.version, index_epoch(ix)), again.seq);
	record_clear(&again);
	record_clear(&found);
}

/* In a new epoch what is here gets new numbers, and what is listed stays as it is. */
static void a_new_epoch_makes_no_rows_of_what_is_listed(void **state)
{
	uint64_t old = index_epoch(ix);
	struct record r;

	(void)state;
	put("a", 1);
	put("c", 2);
	assert_int_equal(index_drop(ix, "c"), 0);
	index_new_epoch(ix, 0);
	assert_int_equal(index_get(ix, "c", &r), 0);
	assert_int_equal(index_totals(ix).files, 1);
	assert_int_equal(index_list_get(ix, "c", &r), 1);
	assert_true(version_counter(&r.version, old) > 0);
	record_clear(&r);
	assert_int_equal(index_get(ix, "a", &r), 1);
	assert_true(version_counter(&r.version, index_epoch(ix)) > 0);
	record_clear(&r);
}

/* It is told as rows are, so it counts as they do. */
static void a_member_is_behind_by_what_is_listed_too(void **state)
{
	struct index_peer p = { .epoch = 77 };

	(void)state;
	assert_int_equal(index_choose(ix, &some), 0);
	put("b", 1);
	assert_int_equal(list("a", 2, OTHER_WRITER, 1), 1);
	assert_int_equal(list("c", 2, OTHER_WRITER, 2), 1);
	assert_int_equal(index_peer_behind(ix, ANNA, 9), -1);
	assert_int_equal(index_peer_put(ix, ANNA, &p), 0);
	assert_int_equal(index_peer_behind(ix, ANNA, 9), 3);
	assert_int_equal(index_peer_behind(ix, ANNA, 2), 2);
	p.settled_epoch = index_epoch(ix);
	p.settled = index_seq(ix);
	assert_int_equal(index_peer_put(ix, ANNA, &p), 0);
	assert_int_equal(index_peer_behind(ix, ANNA, 9), 0);
	assert_int_equal(list("d", 2, OTHER_WRITER, 3), 1);
	assert_int_equal(index_peer_behind(ix, ANNA, 9), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(rows_and_listed_records_are_told_by_number),  T(what_is_known_is_not_listed),
		T(a_row_takes_its_listed_record_away),          T(a_deletion_takes_what_it_knew),
		T(what_a_deletion_did_not_know_outlives_it),    T(what_is_here_is_wanted_until_it_leaves),
		T(what_was_taken_from_here_is_wanted_again),    T(a_choice_of_one_path_reads_its_range_alone),
		T(a_peer_that_has_not_the_bytes_says_so),       T(what_is_found_does_not_succeed_what_was_dropped),
		T(a_new_epoch_makes_no_rows_of_what_is_listed), T(a_member_is_behind_by_what_is_listed_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
