/* The decision about one path, rule by rule. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "sync/plan/reconcile.h"

static struct record file(uint64_t writer, uint64_t counter, uint8_t content, int64_t mtime)
{
	struct record r = { .path = mem_strdup("a"),
		            .kind = RECORD_FILE,
		            .mode = 0644,
		            .mtime_ns = mtime,
		            .modified_by = writer,
		            .content = { .size = 10, .nblocks = 1, .root = { content } },
		            .seq = 7,
		            .via = 3,
		            .seen = { .ino = 9 } };

	version_bump(&r.version, writer, counter);
	return r;
}

static struct record tombstone(uint64_t writer, uint64_t counter)
{
	struct record r = file(writer, counter, 0, 0);

	r.deleted = true;
	return r;
}

static struct record folder(uint64_t writer, uint64_t counter)
{
	struct record r = file(writer, counter, 0, 0);

	r.kind = RECORD_DIR;
	r.content = (struct content){ 0 };
	r.mode = 0755;
	return r;
}

static struct record symlink_to(uint64_t writer, uint64_t counter, const char *target, int64_t mtime)
{
	struct record r = file(writer, counter, 0, mtime);

	r.kind = RECORD_SYMLINK;
	r.content = (struct content){ 0 };
	r.mode = 0;
	r.target = mem_strdup(target);
	return r;
}

/* Takes both over. knows: theirs knows ours too. Returns the decision, *merged for the caller to clear. */
static enum reconcile decide(struct record ours, struct record theirs, bool knows, struct record *merged)
{
	enum reconcile result;

	if (knows)
		assert_int_equal(version_join(&theirs.version, &ours.version), 0);
	*merged = (struct record){ 0 };
	result = reconcile(&ours, &theirs, merged);
	if (result == RECONCILE_NOTHING) {
		assert_null(merged->path);
	} else {
		struct version joined;

		version_copy(&joined, &ours.version);
		version_join(&joined, &theirs.version);
		assert_int_equal(version_compare(&merged->version, &joined), VERSION_EQUAL);
		version_clear(&joined);
		assert_int_equal(merged->seq, 0);
		assert_int_equal(merged->via, 0);
		assert_int_equal(merged->seen.ino, 0);
	}
	record_clear(&ours);
	record_clear(&theirs);
	return result;
}

static void check(struct record ours, struct record theirs, bool knows, enum reconcile want)
{
	struct record merged;

	assert_int_equal(decide(ours, theirs, knows, &merged), want);
	record_clear(&merged);
}

static void what_we_never_had(void **state)
{
	struct record theirs = file(1, 1, 5, 0), merged;

	(void)state;
	assert_int_equal(reconcile(NULL, &theirs, &merged), RECONCILE_TAKE);
	assert_int_equal(merged.content.root[0], 5);
	assert_int_equal(merged.seq, 0);
	record_clear(&merged);
	theirs.deleted = true;
	assert_int_equal(reconcile(NULL, &theirs, &merged), RECONCILE_ADOPT);
	assert_true(merged.deleted);
	record_clear(&merged);
	record_clear(&theirs);
}

static void a_version_that_knows_the_other_wins(void **state)
{
	(void)state;
	check(file(1, 1, 5, 100), file(2, 1, 6, 1), true, RECONCILE_TAKE);
	check(file(1, 1, 5, 100), tombstone(2, 1), true, RECONCILE_TAKE);
	check(tombstone(1, 1), file(2, 1, 6, 1), true, RECONCILE_TAKE);
	check(folder(1, 1), file(2, 1, 6, 1), true, RECONCILE_TAKE);
	check(file(1, 1, 5, 100), file(2, 1, 5, 1), true, RECONCILE_ADOPT);
	check(tombstone(1, 1), tombstone(2, 1), true, RECONCILE_ADOPT);
	check(file(1, 2, 5, 1), file(1, 1, 6, 100), false, RECONCILE_NOTHING);
	check(file(1, 1, 5, 1), file(1, 1, 5, 1), false, RECONCILE_NOTHING);
}

static void equal_content_merges(void **state)
{
	struct record merged, ours = file(1, 1, 5, 10), theirs = file(2, 1, 5, 20);

	(void)state;
	theirs.mode = 0600;
	assert_int_equal(decide(ours, theirs, false, &merged), RECONCILE_ADOPT);
	assert_int_equal(merged.mode, 0600);
	assert_int_equal(merged.mtime_ns, 20);
	assert_int_equal(merged.modified_by, 2);
	record_clear(&merged);
	assert_int_equal(decide(file(1, 1, 5, 20), file(2, 1, 5, 10), false, &merged), RECONCILE_ADOPT);
	assert_int_equal(merged.mtime_ns, 20);
	assert_int_equal(merged.modified_by, 1);
	record_clear(&merged);
	check(folder(1, 1), folder(2, 1), false, RECONCILE_ADOPT);
	check(symlink_to(1, 1, "x", 1), symlink_to(2, 1, "x", 1), false, RECONCILE_ADOPT);
	check(tombstone(1, 1), tombstone(2, 1), false, RECONCILE_ADOPT);
}

/* One side has set only mode or time of a content that the other has replaced: that is not a conflict. */
static void new_content_and_new_mode_merge(void **state)
{
	struct record merged, touched, edited;

	(void)state;
	for (int mine = 0; mine < 2; mine++) {
		/* Both knew (3, 4); 1 then set the mode, and a later time, and 2 wrote. */
		touched = file(1, 5, 5, 1000);
		edited = file(2, 6, 6, 10);
		version_bump(&touched.version, 3, 4);
		version_bump(&edited.version, 3, 4);
		version_bump(&touched.base, 3, 4);
		touched.mode = 0600;
		assert_int_equal(mine ? decide(touched, edited, false, &merged)
		                      : decide(edited, touched, false, &merged),
		                 mine ? RECONCILE_TAKE : RECONCILE_ADOPT);
		assert_int_equal(merged.content.root[0], 6);
		assert_int_equal(merged.mode, 0600);
		assert_int_equal(merged.mtime_ns, 10);
		assert_int_equal(merged.modified_by, 2);
		/* The content is no newer for the join: it came with (2, 6), which knew (3, 4). */
		assert_int_equal(merged.base.n, 2);
		assert_int_equal(version_counter(&merged.base, 2), 6);
		assert_int_equal(version_counter(&merged.base, 3), 4);
		record_clear(&merged);
	}
	/* The side that wrote has never had the content that was touched. */
	touched = file(1, 5, 5, 1000);
	version_bump(&touched.version, 3, 4);
	version_bump(&touched.base, 3, 4);
	check(touched, file(2, 6, 6, 10), false, RECONCILE_NOTHING);
	touched = file(1, 5, 5, 1);
	version_bump(&touched.version, 3, 4);
	version_bump(&touched.base, 3, 4);
	check(touched, file(2, 6, 6, 10), false, RECONCILE_CONFLICT);
}

/* The row of writer `by`, who took over r and then set mode and mtime, and the content, if that is another. Takes r
 * over. */
static struct record changed(struct record r, uint64_t by, uint64_t counter, uint8_t content, uint32_t mode,
                             int64_t mtime)
{
	if (content == r.content.root[0])
		record_keep_base(&r, mode);
	else
		record_clear_base(&r);
	r.content.root[0] = content;
	r.mode = mode;
	r.mtime_ns = mtime;
	r.modified_by = by;
	version_bump(&r.version, by, counter);
	return r;
}

/* The result of reconciling the two, on either side. Takes both over. */
static void both_come_to(struct record a, struct record b, uint8_t content, uint32_t mode, int64_t mtime)
{
	struct record merged[2] = { 0 };
	enum reconcile action[2] = { reconcile(&a, &b, &merged[0]), reconcile(&b, &a, &merged[1]) };

	for (int i = 0; i < 2; i++) {
		assert_true(action[i] == RECONCILE_ADOPT || action[i] == RECONCILE_TAKE);
		assert_int_equal(merged[i].content.root[0], content);
		assert_int_equal(merged[i].mode, mode);
		assert_int_equal(merged[i].mtime_ns, mtime);
		/* Its mode base is true, and valid on the wire. */
		assert_true(merged[i].mode_base.n == 0 ||
		            (merged[i].base.n > 0 &&
		             version_compare(&merged[i].mode_base, &merged[i].version) == VERSION_OLDER));
	}
	assert_int_equal(version_compare(&merged[0].mode_base, &merged[1].mode_base), VERSION_EQUAL);
	assert_int_equal(version_compare(&merged[0].base, &merged[1].base), VERSION_EQUAL);
	for (int i = 0; i < 2; i++)
		record_clear(&merged[i]);
	record_clear(&a);
	record_clear(&b);
}

/* All had file(3, 4) with mode 0644 and mtime 100. */
static void a_mode_is_that_of_who_set_it(void **state)
{
#define OLD file(3, 4, 5, 100)
	struct record synced;

	(void)state;
	/* A touch, against new content with another mode, and with the same. */
	both_come_to(changed(OLD, 1, 5, 5, 0644, 1000), changed(OLD, 2, 6, 6, 0755, 50), 6, 0755, 50);
	both_come_to(changed(OLD, 1, 5, 5, 0644, 1000), changed(OLD, 2, 6, 6, 0644, 50), 6, 0644, 50);
	/* chmod against new content: if both set the mode, that of the side that did not write. */
	both_come_to(changed(OLD, 1, 5, 5, 0600, 100), changed(OLD, 2, 6, 6, 0644, 50), 6, 0600, 50);
	both_come_to(changed(OLD, 1, 5, 5, 0600, 100), changed(OLD, 2, 6, 6, 0755, 50), 6, 0600, 50);
	/* chmod and then touch. */
	both_come_to(changed(changed(OLD, 1, 5, 5, 0600, 100), 1, 6, 5, 0600, 1000), changed(OLD, 2, 6, 6, 0755, 50), 6,
	             0600, 50);
	/* A chmod that the side that wrote had; then only the touch. */
	synced = changed(OLD, 1, 5, 5, 0600, 100);
	both_come_to(changed(changed(OLD, 1, 5, 5, 0600, 100), 1, 6, 5, 0600, 1000), changed(synced, 2, 6, 6, 0755, 50),
	             6, 0755, 50);
	/* New content, and the mode of that set later, or a touch of it. */
	both_come_to(changed(OLD, 1, 5, 5, 0644, 1000), changed(changed(OLD, 2, 6, 6, 0644, 50), 2, 7, 6, 0700, 50), 6,
	             0700, 50);
	both_come_to(changed(OLD, 1, 5, 5, 0600, 1000), changed(changed(OLD, 2, 6, 6, 0644, 50), 2, 7, 6, 0644, 60), 6,
	             0600, 60);
	/* The same content: touch against chmod, whichever mtime is later; chmod against chmod. */
	both_come_to(changed(OLD, 1, 5, 5, 0644, 1000), changed(OLD, 2, 6, 5, 0600, 100), 5, 0600, 1000);
	both_come_to(changed(OLD, 2, 5, 5, 0644, 1000), changed(OLD, 1, 6, 5, 0600, 100), 5, 0600, 1000);
	both_come_to(changed(OLD, 1, 5, 5, 0640, 1000), changed(OLD, 2, 6, 5, 0600, 100), 5, 0640, 1000);
#undef OLD
}

/* One member touched, one set the mode, and both know of each other; a third one, which wrote and knew of neither,
 * gets the mode. */
static void a_merged_mode_goes_on_being_known_by_its_origin(void **state)
{
	struct record touched = changed(file(3, 4, 5, 100), 1, 5, 5, 0644, 1000);
	struct record moded = changed(file(3, 4, 5, 100), 2, 6, 5, 0600, 100), merged = { 0 };

	(void)state;
	assert_int_equal(reconcile(&touched, &moded, &merged), RECONCILE_ADOPT);
	/* The side that then wrote knew only the chmod. */
	record_clear(&touched);
	record_copy(&touched, &moded);
	both_come_to(merged, changed(touched, 4, 7, 6, 0755, 50), 6, 0755, 50);
	merged = (struct record){ 0 };
	touched = changed(file(3, 4, 5, 100), 1, 5, 5, 0644, 1000);
	assert_int_equal(reconcile(&moded, &touched, &merged), RECONCILE_ADOPT);
	both_come_to(merged, changed(file(3, 4, 5, 100), 4, 7, 6, 0755, 50), 6, 0600, 50);
	record_clear(&touched);
	record_clear(&moded);
}

static void an_edit_beats_a_deletion(void **state)
{
	struct record merged;

	(void)state;
	assert_int_equal(decide(file(1, 1, 5, 1), tombstone(2, 1), false, &merged), RECONCILE_KEEP);
	assert_false(merged.deleted);
	assert_int_equal(merged.modified_by, 1);
	record_clear(&merged);
	assert_int_equal(decide(tombstone(2, 1), file(1, 1, 5, 1), false, &merged), RECONCILE_TAKE);
	assert_false(merged.deleted);
	record_clear(&merged);
	check(folder(1, 1), tombstone(2, 1), false, RECONCILE_KEEP);
}

/* On either side; takes both over. */
static void both_end_deleted(struct record a, struct record b)
{
	for (int i = 0; i < 2; i++) {
		struct record merged = { 0 };
		enum reconcile action = i == 0 ? reconcile(&a, &b, &merged) : reconcile(&b, &a, &merged);
		const struct record *ours = i == 0 ? &a : &b;

		assert_int_equal(action, ours->deleted ? RECONCILE_ADOPT : RECONCILE_TAKE);
		assert_true(merged.deleted);
		assert_int_equal(merged.base.n, 0);
		record_clear(&merged);
	}
	assert_false(reconcile_must_retell(&a, &b) || reconcile_must_retell(&b, &a));
	record_clear(&a);
	record_clear(&b);
}

/* Whoever deleted the path had these bytes: what is newer about them is a mode, a time or a join. */
static void a_deletion_beats_bytes_that_it_knew(void **state)
{
	struct record joined = { 0 }, gone = tombstone(3, 9), touched = file(3, 4, 5, 100);
	struct record winner = file(1, 2, 5, 9), loser = file(2, 2, 6, 1);

	(void)state;
	version_bump(&gone.version, 1, 2);
	assert_int_equal(reconcile(&loser, &winner, &joined), RECONCILE_CONFLICT);
	both_end_deleted(joined, gone);
	record_clear(&winner);
	record_clear(&loser);

	gone = tombstone(2, 7);
	version_bump(&gone.version, 3, 4);
	both_end_deleted(changed(touched, 1, 5, 5, 0600, 100), gone);
}

/* Two conflicts that were won on different ways, and each member then replaced what it had: nobody wants either. */
static void what_each_side_let_go_is_gone(void **state)
{
	struct record a = file(1, 3, 5, 9), b = file(2, 3, 6, 1);

	(void)state;
	version_bump(&a.base, 1, 1);
	version_bump(&b.base, 2, 1);
	version_bump(&a.version, 2, 1);
	version_bump(&b.version, 1, 1);
	both_end_deleted(a, b);
}

/* An edit that knew the winner replaces the winner, whatever that was joined with meanwhile. */
static void an_edit_beats_bytes_that_it_knew(void **state)
{
	struct record joined = { 0 }, edited = file(3, 9, 7, 3), merged;
	struct record winner = file(1, 2, 5, 9), loser = file(2, 2, 6, 1);

	(void)state;
	version_bump(&edited.version, 1, 2);
	assert_int_equal(reconcile(&loser, &winner, &joined), RECONCILE_CONFLICT);
	assert_int_equal(decide(joined, edited, false, &merged), RECONCILE_TAKE);
	assert_int_equal(merged.content.root[0], 7);
	record_clear(&merged);
	record_clear(&winner);
	record_clear(&loser);
}

static void the_loser_is_kept_by_its_holder(void **state)
{
	(void)state;
	check(file(1, 1, 5, 1), file(2, 1, 6, 2), false, RECONCILE_CONFLICT);
	check(file(1, 1, 5, 2), file(2, 1, 6, 1), false, RECONCILE_NOTHING);
	check(file(1, 1, 5, 1), file(2, 1, 6, 1), false, RECONCILE_CONFLICT); /* the greater root */
	check(file(2, 1, 6, 1), file(1, 1, 5, 1), false, RECONCILE_NOTHING);
	check(file(1, 1, 9, 9), folder(2, 1), false, RECONCILE_CONFLICT);
	check(folder(2, 1), file(1, 1, 9, 9), false, RECONCILE_NOTHING);
	check(symlink_to(1, 1, "x", 9), file(2, 1, 9, 1), false, RECONCILE_CONFLICT);
	check(file(2, 1, 9, 1), symlink_to(1, 1, "x", 9), false, RECONCILE_NOTHING);
	check(symlink_to(1, 1, "x", 1), symlink_to(2, 1, "y", 1), false, RECONCILE_CONFLICT);
	check(symlink_to(1, 1, "y", 1), symlink_to(2, 1, "x", 1), false, RECONCILE_NOTHING);
}

static void equal_versions_are_judged_alike(void **state)
{
	(void)state;
	check(file(1, 1, 5, 1), file(1, 1, 6, 1), false, RECONCILE_CONFLICT);
	check(file(1, 1, 6, 1), file(1, 1, 5, 1), false, RECONCILE_NOTHING);
	check(tombstone(1, 1), file(1, 1, 5, 1), false, RECONCILE_TAKE);
	check(file(1, 1, 5, 1), tombstone(1, 1), false, RECONCILE_NOTHING);
	check(file(1, 1, 5, 1), file(1, 1, 5, 2), false, RECONCILE_ADOPT);
	check(file(1, 1, 5, 2), file(1, 1, 5, 1), false, RECONCILE_NOTHING);
}

/* The joined version cannot hold all writers. The conflict is decided all the same, once, and every member sees the
 * same winner. */
static void too_many_writers_change_nothing(void **state)
{
	struct record ours = file(0, 1, 5, 1), theirs = file(1000000, 1, 6, 2), merged = { 0 };

	(void)state;
	for (uint64_t w = 1; w < VERSION_MAX; w++)
		version_bump(&ours.version, w, 1);
	assert_int_equal(reconcile(&ours, &theirs, &merged), RECONCILE_CONFLICT);
	assert_int_equal(merged.version.n, VERSION_MAX);
	assert_true(record_same(&merged, &theirs));
	assert_int_not_equal(version_compare(&merged.version, &ours.version), VERSION_OLDER);
	assert_int_not_equal(version_compare(&merged.version, &ours.version), VERSION_EQUAL);
	record_clear(&ours);
	ours = merged;
	merged = (struct record){ 0 };
	assert_int_equal(reconcile(&ours, &theirs, &merged), RECONCILE_NOTHING);
	assert_null(merged.path);
	record_clear(&ours);
	record_clear(&theirs);
}

/* A clock that is ten years wrong decides at most which of two true edits wins: nothing that the versions decide, no
 * deletion and no merge depends on it. */
static void clocks_decide_nothing_but_winners(void **state)
{
	static const int64_t now = INT64_C(1795000000000000000);
	static const int64_t skews[] = { 0, INT64_C(315532800000000000), -INT64_C(315532800000000000) };
	struct record merged;

	(void)state;
	for (int i = 0; i < 3; i++) {
		int64_t wrong = now + skews[i];

		check(file(1, 5, 1, wrong), file(2, 6, 2, now), true, RECONCILE_TAKE);
		check(file(1, 5, 1, now), file(2, 6, 2, wrong), true, RECONCILE_TAKE);
		check(file(1, 5, 1, wrong), tombstone(2, 6), true, RECONCILE_TAKE);
		check(file(1, 5, 1, wrong), tombstone(2, 6), false, RECONCILE_KEEP);
		check(tombstone(1, 5), file(2, 6, 2, wrong), false, RECONCILE_TAKE);
		check(file(1, 5, 1, wrong), folder(2, 6), false, RECONCILE_CONFLICT);
		check(file(1, 5, 7, wrong), file(2, 6, 7, now), false, RECONCILE_ADOPT);
	}
	assert_int_equal(decide(file(1, 5, 1, now + skews[1]), file(2, 6, 2, now), false, &merged), RECONCILE_NOTHING);
	record_clear(&merged);
	assert_int_equal(decide(file(1, 5, 1, now + skews[2]), file(2, 6, 2, now), false, &merged), RECONCILE_CONFLICT);
	record_clear(&merged);
}

static void check_stands(struct record ours, struct record theirs, bool expected)
{
	assert_int_equal(reconcile_must_retell(&ours, &theirs), expected);
	record_clear(&ours);
	record_clear(&theirs);
}

static void only_a_winner_among_contents_stands(void **state)
{
	(void)state;
	check_stands(file(1, 1, 5, 2), file(2, 1, 6, 1), true);
	check_stands(file(1, 1, 5, 1), file(2, 1, 6, 2), false);
	check_stands(file(1, 1, 5, 1), symlink_to(2, 1, "to", 9), true);
	check_stands(file(1, 2, 5, 2), file(1, 1, 6, 1), false);
	check_stands(file(1, 1, 5, 2), file(2, 1, 5, 1), false);
	check_stands(file(1, 1, 5, 2), tombstone(2, 1), false);
	check_stands(tombstone(1, 1), file(2, 1, 5, 2), false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_we_never_had),
		cmocka_unit_test(a_version_that_knows_the_other_wins),
		cmocka_unit_test(equal_content_merges),
		cmocka_unit_test(new_content_and_new_mode_merge),
		cmocka_unit_test(a_mode_is_that_of_who_set_it),
		cmocka_unit_test(a_merged_mode_goes_on_being_known_by_its_origin),
		cmocka_unit_test(an_edit_beats_a_deletion),
		cmocka_unit_test(a_deletion_beats_bytes_that_it_knew),
		cmocka_unit_test(what_each_side_let_go_is_gone),
		cmocka_unit_test(an_edit_beats_bytes_that_it_knew),
		cmocka_unit_test(the_loser_is_kept_by_its_holder),
		cmocka_unit_test(equal_versions_are_judged_alike),
		cmocka_unit_test(clocks_decide_nothing_but_winners),
		cmocka_unit_test(only_a_winner_among_contents_stands),
		cmocka_unit_test(too_many_writers_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
