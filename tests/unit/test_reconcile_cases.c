/* A million small cases of reconcile: two or three members with any records of one path, told to each other in any
 * order. It ends, all end the same whoever spoke first, and content goes only to a version that knew of it, or with a
 * copy. A reader that hears some of them meanwhile has only what a member said, and ends the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sync/plan/reconcile.h"
#include "tests/unit/effort.h"

enum { CASES = EFFORT(1000000, 50000) };

enum { MEMBERS_MAX = 3, WRITERS = 3, COUNTERS = 3, ROUNDS_MAX = 12 };

static long conflicts, merges, meetings;
static struct record reader; /* path NULL: nothing yet */

/* Any base that is valid on the wire. */
static void claim(const struct record *r, struct version *base)
{
	for (uint32_t i = 0; i < r->version.n; i++) {
		uint64_t counter = random_below(r->version.e[i].counter + 1);

		if (counter > 0)
			assert_int_equal(version_bump(base, r->version.e[i].writer, counter), 0);
	}
	if (version_compare(base, &r->version) == VERSION_EQUAL)
		version_clear(base);
}

/* Few values, so that every kind of equality occurs. */
static struct record any_record(bool claims_base)
{
	struct record r = { .path = mem_strdup("a"), .kind = (enum record_kind)(1 + random_below(3)) };

	while (r.version.n == 0) {
		for (uint64_t w = 1; w <= WRITERS; w++) {
			uint64_t counter = random_below(COUNTERS);

			if (counter > 0)
				assert_int_equal(version_bump(&r.version, w, counter), 0);
		}
	}
	r.modified_by = 1 + random_below(WRITERS);
	r.deleted = random_below(4) == 0;
	if (r.deleted)
		return r;
	if (claims_base && r.kind != RECORD_DIR)
		claim(&r, &r.base);
	if (r.kind == RECORD_FILE && r.base.n > 0)
		claim(&r, &r.mode_base);
	if (r.kind != RECORD_SYMLINK)
		r.mode = (uint32_t)random_below(2);
	if (r.kind != RECORD_DIR)
		r.mtime_ns = (int64_t)random_below(3) - 1;
	if (r.kind == RECORD_FILE) {
		r.content = (struct content){ .size = 1, .nblocks = 1 };
		r.content.root[0] = (uint8_t)random_below(3);
	}
	if (r.kind == RECORD_SYMLINK)
		r.target = mem_strdup(random_below(2) == 0 ? "x" : "y");
	return r;
}

/* Bytes that a user would miss. */
static bool has_content(const struct record *r)
{
	return !r->deleted && r->kind != RECORD_DIR;
}

/* Whether the member that made `other` had the content of r, of which only mode or mtime have changed since. */
static bool knew_content(const struct record *other, const struct record *r)
{
	enum version_order order = version_compare(&other->version, &r->base);

	return r->base.n > 0 && (order == VERSION_NEWER || order == VERSION_EQUAL);
}

static bool fits_the_wire(const struct record *r, const struct version *base)
{
	return base->n == 0 || version_compare(base, &r->version) == VERSION_OLDER;
}

/* Returns whether ours changed. */
static bool hear(struct record *ours, const struct record *theirs)
{
	struct record merged = { 0 };
	enum version_order order = version_compare(&theirs->version, &ours->version);
	enum reconcile result = reconcile(ours, theirs, &merged);

	meetings++;
	if (result == RECONCILE_NOTHING) {
		assert_null(merged.path);
		return false;
	}
	conflicts += result == RECONCILE_CONFLICT;
	merges += result == RECONCILE_ADOPT;
	if (has_content(ours) && !record_same_content(ours, &merged))
		assert_true(order == VERSION_NEWER || result == RECONCILE_CONFLICT || knew_content(theirs, ours));
	if (result == RECONCILE_KEEP)
		assert_true(record_same_content(ours, &merged));
	/* The result knows all that both knew. */
	assert_true(version_compare(&merged.version, &theirs->version) == VERSION_NEWER ||
	            version_compare(&merged.version, &theirs->version) == VERSION_EQUAL);
	assert_true(version_compare(&merged.version, &ours->version) == VERSION_NEWER ||
	            version_compare(&merged.version, &ours->version) == VERSION_EQUAL);
	assert_true(fits_the_wire(&merged, &merged.base) && fits_the_wire(&merged, &merged.mode_base));
	assert_true(merged.mode_base.n == 0 || merged.base.n > 0);
	record_clear(ours);
	*ours = merged;
	return true;
}

/* A reader makes no records: what it has is what a member had. */
static void reader_hears(const struct record *theirs)
{
	struct record merged = { 0 };
	enum reconcile result = reconcile_as_reader(reader.path != NULL ? &reader : NULL, theirs, &merged);

	if (result == RECONCILE_NOTHING) {
		assert_null(merged.path);
		return;
	}
	assert_true(result == RECONCILE_TAKE || result == RECONCILE_ADOPT);
	assert_true(record_same(&merged, theirs));
	assert_int_equal(version_compare(&merged.version, &theirs->version), VERSION_EQUAL);
	if (result == RECONCILE_ADOPT)
		assert_true(reader.path == NULL || record_same_content(&reader, &merged));
	record_clear(&reader);
	reader = merged;
}

/* All members send all records to one another, beginning anywhere, until no row changes. */
static void settle(struct record *rows, uint64_t n)
{
	bool changed = true;

	for (int round = 0; changed; round++) {
		uint64_t first = random_below(n * n);

		assert_true(round < ROUNDS_MAX);
		changed = false;
		for (uint64_t i = 0; i < n * n; i++) {
			uint64_t pair = (first + i) % (n * n);

			if (random_below(n) == 0)
				reader_hears(&rows[pair % n]);
			if (pair / n != pair % n)
				changed |= hear(&rows[pair / n], &rows[pair % n]);
		}
	}
	for (uint64_t i = 1; i < n; i++) {
		assert_true(record_same(&rows[i], &rows[0]));
		assert_int_equal(version_compare(&rows[i].version, &rows[0].version), VERSION_EQUAL);
	}
	reader_hears(&rows[0]);
	assert_true(record_same(&reader, &rows[0]));
	assert_int_equal(version_compare(&reader.version, &rows[0].version), VERSION_EQUAL);
	record_clear(&reader);
}

/* fresh: each record is a change of its member's own that no other knows. claims_base: some say that the content is
 * older; of three such the mode (and of claims that are not true the content) may depend on who meets whom first. */
static void run_case(uint64_t n, bool fresh, bool claims_base)
{
	struct record start[MEMBERS_MAX], once[MEMBERS_MAX], again[MEMBERS_MAX];

	for (uint64_t i = 0; i < n; i++) {
		start[i] = any_record(claims_base);
		if (fresh)
			assert_int_equal(version_bump(&start[i].version, WRITERS + 1 + i, 1), 0);
		record_copy(&once[i], &start[i]);
		record_copy(&again[i], &start[i]);
	}
	settle(once, n);
	settle(again, n);
	/* Two members come to the same, whichever sends first; more than two do if none knew of another. */
	if (n == 2 || (fresh && !claims_base)) {
		assert_true(record_same(&once[0], &again[0]));
		assert_int_equal(version_compare(&once[0].version, &again[0].version), VERSION_EQUAL);
	}
	for (uint64_t i = 0; i < n; i++) {
		record_clear(&start[i]);
		record_clear(&once[i]);
		record_clear(&again[i]);
	}
}

static void any_case_ends_alike_and_loses_nothing(void **state)
{
	(void)state;
	random_set_seed(20261122);
	for (int i = 0; i < CASES; i++)
		run_case(i % 4 == 0 ? 3 : 2, i % 8 < 4, i % 16 < 8);
	random_set_seed(0);
	/* Enough cases of each kind occurred. */
	assert_true(conflicts > CASES / 10);
	assert_true(merges > CASES / 100);
	assert_true(meetings > CASES * 4L);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_case_ends_alike_and_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
