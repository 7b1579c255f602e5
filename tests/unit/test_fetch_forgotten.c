/* Fetch, when deletions have been forgotten here: a member that still has them is sent them again, and new files are
 * taken. */
#include "tests/unit/fetch_world.h"

/* What Anna says of a path before it is deleted, as somebody who was away still has it. */
static struct record of_old(const char *path)
{
	struct record r;

	say_text(ANNA, path, "of old");
	assert_true(run());
	assert_int_equal(index_get(w->index, path, &r), 1);
	return r;
}

/* Anna deletes the path, and all forget it. */
static void delete_and_forget(const char *path)
{
	struct index_peer p = { .epoch = peer_of(ANNA)->epoch };
	uint64_t at = 0;

	say_gone(ANNA, path);
	assert_true(run());
	p.received = peer_of(ANNA)->seq;
	assert_int_equal(index_peer_put(w->index, ANNA, &p), 0);
	assert_int_equal(index_note_known(w->index, 0), 0);
	assert_int_equal(index_confirm_known(w->index), 0);
	assert_int_equal(index_forget(w->index, &at, index_seq(w->index)), 1);
	assert_int_equal(index_totals(w->index).tombstones, 0);
}

/* Bert still has what Anna deleted: it does not come back, and he is told. Returns by whom we know of the deletion; 0:
 * our own. */
static uint64_t bring_back(struct record *old)
{
	struct record r;
	uint64_t via;

	old->seq = ++peer_of(BERT)->seq;
	fetch_record(w->fetch, BERT, old, (const uint8_t *)"of old", 6, NULL);
	fetch_records_end(w->fetch, BERT);
	assert_true(run());
	assert_false(is_there(old->path));
	assert_int_equal(index_get(w->index, old->path, &r), 1);
	assert_true(r.deleted);
	assert_int_equal(version_compare(&r.version, &old->version), VERSION_NEWER);
	via = r.via;
	record_clear(&r);
	return via;
}

static void what_was_forgotten_is_not_brought_back(void **state)
{
	struct record old = of_old("a");

	(void)state;
	delete_and_forget("a");
	assert_int_equal(bring_back(&old), 0);
	record_clear(&old);
}

/* A path made and deleted again since then is not brought back either. */
static void a_later_deletion_stands_as_well(void **state)
{
	struct record old = of_old("a");

	(void)state;
	delete_and_forget("a");
	say_text(ANNA, "a", "fresh");
	assert_true(run());
	say_gone(ANNA, "a");
	assert_true(run());
	bring_back(&old);
	record_clear(&old);
}

static void what_was_changed_while_away_is_taken(void **state)
{
	struct record old = of_old("a"), mine;

	(void)state;
	delete_and_forget("a");
	mine = peer_record(BERT, "a", RECORD_FILE);
	assert_int_equal(version_join(&mine.version, &old.version), 0);
	have(BERT, &mine, "while away", 10, CHUNK);
	say(BERT, &mine, "while away", 10);
	say_text(BERT, "b", "new");
	assert_true(run());
	assert_text("a", "while away");
	assert_text("b", "new");
	record_clear(&old);
}

static void an_old_deletion_touches_nothing_made_since(void **state)
{
	struct record old = of_old("a"), gone;

	(void)state;
	delete_and_forget("a");
	say_text(ANNA, "a", "fresh");
	assert_true(run());
	gone = peer_record(BERT, "a", RECORD_FILE);
	assert_int_equal(version_join(&gone.version, &old.version), 0);
	gone.deleted = true;
	say(BERT, &gone, NULL, 0);
	assert_true(run());
	assert_text("a", "fresh");
	record_clear(&old);
}

/* A row that Anna has numbered again arrives late: a change that counts as known need not have a row here. What is
 * offered lives. */
static void what_is_still_offered_was_not_forgotten(void **state)
{
	struct record old = of_old("a");

	(void)state;
	delete_and_forget("a");
	old.seq = ++peer_of(ANNA)->seq;
	assert_true(index_knows(w->index, &old.version));
	assert_int_equal(index_offer(w->index, ANNA, &old), 0);
	old.seq = ++peer_of(BERT)->seq;
	fetch_record(w->fetch, BERT, &old, (const uint8_t *)"of old", 6, NULL);
	fetch_records_end(w->fetch, BERT);
	assert_true(run());
	assert_text("a", "of old");
	record_clear(&old);
}

static void who_has_forgotten_what_we_told_it_is_told_again(void **state)
{
	struct index_peer p = { .epoch = 1, .settled_epoch = index_epoch(w->index) };
	struct record old = of_old("a"), r;
	uint64_t before;

	(void)state;
	say_gone(ANNA, "a");
	assert_true(run());
	before = index_seq(w->index);
	old.seq = ++peer_of(BERT)->seq;
	fetch_record(w->fetch, BERT, &old, NULL, 0, NULL);
	assert_int_equal(index_seq(w->index), before); /* it never had our deletion: news bring it */
	p.settled = before;
	assert_int_equal(index_peer_put(w->index, BERT, &p), 0);
	fetch_record(w->fetch, BERT, &old, NULL, 0, NULL);
	assert_int_equal(index_get(w->index, "a", &r), 1);
	assert_true(r.deleted);
	assert_int_equal(r.seq, before + 1);
	assert_int_equal(r.via, 0);
	record_clear(&r);
	record_clear(&old);
}

/* Anna lost her index, and SAME tells both that they have the same. Something else concerned the path at her side, so
 * she made another row of the two than both would come to: she is told of that one. */
static void who_made_another_row_of_what_is_the_same_is_told(void **state)
{
	struct record ours = of_old("a"), theirs = { 0 }, hers = { 0 }, r;
	uint64_t now;

	(void)state;
	record_copy(&theirs, &ours);
	version_clear(&theirs.version);
	theirs.seq = ++peer_of(ANNA)->seq;
	assert_int_equal(version_bump(&theirs.version, ours.version.e[0].writer - 1, theirs.seq), 0);
	assert_int_equal(reconcile(&theirs, &ours, &hers), RECONCILE_ADOPT);
	now = fetch_record_same(w->fetch, ANNA, &ours, &theirs);
	assert_true(now > ours.seq);
	hers.seq = ++peer_of(ANNA)->seq;
	fetch_record(w->fetch, ANNA, &hers, NULL, 0, NULL);
	assert_int_equal(index_get(w->index, "a", &r), 1);
	assert_int_equal(version_compare(&r.base, &ours.version), VERSION_EQUAL);
	assert_int_equal(r.seq, now + 1);
	assert_int_equal(r.via, 0);
	record_clear(&r);
	fetch_record(w->fetch, ANNA, &hers, NULL, 0, NULL);
	assert_int_equal(index_seq(w->index), now + 1); /* once */
	record_clear(&ours);
	record_clear(&theirs);
	record_clear(&hers);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(what_was_forgotten_is_not_brought_back),
		T(a_later_deletion_stands_as_well),
		T(what_was_changed_while_away_is_taken),
		T(an_old_deletion_touches_nothing_made_since),
		T(what_is_still_offered_was_not_forgotten),
		T(who_has_forgotten_what_we_told_it_is_told_again),
		T(who_made_another_row_of_what_is_the_same_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
