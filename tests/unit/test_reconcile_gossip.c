/* Members send each other random changes: in whatever order these arrive, the members end identical and lose
 * nothing. */
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
#include "sync/plan/conflict.h"
#include "sync/plan/reconcile.h"

enum { MEMBERS = 4, ROWS_MAX = 64, CONTENTS_MAX = 400 };

#define NOW_NS       INT64_C(1795000000000000000)
#define TEN_YEARS_NS (INT64_C(3652) * 86400 * 1000000000)

struct member {
	struct record rows[ROWS_MAX];
	int n;
	uint64_t counter;
};

static struct member members[MEMBERS];
static bool superseded[CONTENTS_MAX]; /* a member that had this content replaced or deleted it */
static int contents;                  /* made so far; content 0 is none */
static long conflicts, equal_but_different, metadata_merges;
static bool crowded; /* many writers have changed each path before, and each change is by another writer */
static uint64_t writers, folds;
static int64_t skew_ns; /* how wrong the first member's clock is */

static struct record *row_of(struct member *m, const char *path)
{
	for (int i = 0; i < m->n; i++) {
		if (strcmp(m->rows[i].path, path) == 0)
			return &m->rows[i];
	}
	return NULL;
}

/* The content of a live record; 0: none. */
static int shown(const struct record *r)
{
	if (r == NULL || r->deleted || r->kind == RECORD_DIR)
		return 0;
	if (r->kind == RECORD_SYMLINK)
		return atoi(r->target);
	return (int)get_u32(r->content.root);
}

static void set_row(struct member *m, struct record *r)
{
	struct record *old = row_of(m, r->path);

	if (old != NULL) {
		record_clear(old);
		*old = *r;
		return;
	}
	assert_true(m->n < ROWS_MAX);
	m->rows[m->n++] = *r;
}

/* All but a few of the writers that a version has room for, with greater numbers than a newcomer's or smaller ones. */
static void changed_by_a_crowd(struct record *r)
{
	for (uint64_t w = 0; w < VERSION_MAX - 3; w++)
		assert_int_equal(version_bump(&r->version, 100 + w, 100 + w % 50 * 20), 0);
}

static void bump(struct member *m, struct record *r)
{
	bool full = r->version.n == VERSION_MAX;
	uint64_t writer = r->modified_by, counter = ++m->counter;

	if (crowded) {
		writer = 1000 + ++writers;
		counter = random_below(1500) + 1;
	}
	assert_int_equal(record_bump(r, writer, counter, 1000000000 + random_below(1000000000)), 0);
	folds += full;
}

/* A local change of m: r lacks only version and modified_by. */
static void change(struct member *m, struct record *r)
{
	struct record *old = row_of(m, r->path);

	if (old != NULL)
		version_copy(&r->version, &old->version);
	else if (crowded)
		changed_by_a_crowd(r);
	r->modified_by = (uint64_t)(m - members) + 1;
	bump(m, r);
	set_row(m, r);
}

/* A user changes any path, and knows only what is there. */
static void edit(struct member *m, const char *path)
{
	struct record *old = row_of(m, path),
		      r = { .path = mem_strdup(path), .mtime_ns = NOW_NS + (int64_t)random_below(4) };
	uint64_t what = random_below(10);

	if (m == members)
		r.mtime_ns += skew_ns;
	if (old != NULL && !old->deleted && what < 2) {
		record_clear(&r);
		record_copy(&r, old);
		bool touch = random_below(2) == 0 && r.kind != RECORD_DIR;
		uint32_t mode = touch ? r.mode : (uint32_t)random_below(8);

		record_keep_base(&r, mode);
		version_clear(&r.version);
		r.mode = mode;
		if (touch)
			r.mtime_ns = NOW_NS + (int64_t)random_below(4);
		change(m, &r);
		return;
	}
	superseded[shown(old)] = true;
	if (old != NULL && !old->deleted && what < 5) {
		r.kind = old->kind;
		r.deleted = true;
	} else if (what == 5) {
		r.kind = RECORD_DIR;
		r.mtime_ns = 0;
	} else {
		assert_true(++contents < CONTENTS_MAX);
		r.kind = what == 6 ? RECORD_SYMLINK : RECORD_FILE;
		if (r.kind == RECORD_SYMLINK) {
			r.target = mem_printf("%d", contents);
		} else {
			r.content = (struct content){ .size = 1, .nblocks = 1 };
			put_u32(r.content.root, (uint32_t)contents);
		}
	}
	change(m, &r);
}

static void keep_copy(struct member *m, const struct record *loser)
{
	for (unsigned try = 0;; try++) {
		char *path = conflict_name(loser, try);
		struct record *there = row_of(m, path), copy;

		if (there != NULL && !there->deleted && !record_same_content(there, loser)) {
			free(path);
			continue;
		}
		if (there == NULL || there->deleted) {
			record_copy(&copy, loser);
			version_clear(&copy.version);
			record_clear_base(&copy);
			free(copy.path);
			copy.path = mem_strdup(path);
			change(m, &copy);
		}
		free(path);
		return;
	}
}

/* Whether the member that made `other` had r's content. */
static bool knew(const struct record *other, const struct version *v)
{
	enum version_order order = version_compare(&other->version, v);

	return v->n > 0 && (order == VERSION_NEWER || order == VERSION_EQUAL);
}

static bool knew_content(const struct record *other, const struct record *r)
{
	return knew(other, &r->version) || knew(other, &r->base);
}

static bool same_bases(const struct record *a, const struct record *b)
{
	return version_compare(&a->base, &b->base) == VERSION_EQUAL &&
	       version_compare(&a->mode_base, &b->mode_base) == VERSION_EQUAL;
}

/* m receives a record. Returns whether anything changed. */
static bool hear(struct member *m, const struct record *theirs)
{
	struct record *ours = row_of(m, theirs->path), merged = { 0 }, loser;
	enum reconcile result = reconcile(ours, theirs, &merged);
	enum version_order order = ours != NULL ? version_compare(&theirs->version, &ours->version) : VERSION_NEWER;

	if (order == VERSION_EQUAL && !record_same_content(ours, theirs))
		equal_but_different++;
	if (result == RECONCILE_NOTHING)
		return false;
	/* Content may be replaced only by a version that knew it, or if a copy is kept. */
	if (shown(ours) != 0 && shown(ours) != shown(&merged))
		assert_true(knew_content(theirs, ours) || result == RECONCILE_CONFLICT);
	metadata_merges += order == VERSION_CONCURRENT && shown(ours) != shown(&merged) && result == RECONCILE_TAKE &&
	                   shown(ours) != 0;
	if (result == RECONCILE_KEEP)
		assert_int_equal(shown(ours), shown(&merged));
	if (ours != NULL && version_compare(&merged.version, &ours->version) == VERSION_EQUAL)
		assert_false(record_same(&merged, ours) && merged.modified_by == ours->modified_by &&
		             same_bases(&merged, ours));
	if (result == RECONCILE_CONFLICT) {
		conflicts++;
		record_copy(&loser, ours);
		keep_copy(m, &loser);
		record_clear(&loser);
	}
	set_row(m, &merged);
	return true;
}

/* a sends one row to b. */
static bool gossip(struct member *a, struct member *b, int row)
{
	struct record told;
	bool changed;

	record_copy(&told, &a->rows[row]); /* a's own rows may move while b acts */
	changed = hear(b, &told);
	record_clear(&told);
	return changed;
}

/* All members send all rows to one another, in random order, until nothing changes. */
static void settle(void)
{
	bool changed = true;

	for (int round = 0; changed; round++) {
		int order[MEMBERS * MEMBERS] = { 0 };

		assert_true(round < 200);
		changed = false;
		for (int i = 0; i < MEMBERS * MEMBERS; i++) {
			int j = (int)random_below((uint64_t)i + 1);

			order[i] = order[j];
			order[j] = i;
		}
		for (int i = 0; i < MEMBERS * MEMBERS; i++) {
			struct member *a = &members[order[i] / MEMBERS], *b = &members[order[i] % MEMBERS];

			for (int row = 0; a != b && row < a->n; row++)
				changed |= gossip(a, b, row);
		}
	}
}

static void all_are_alike(void)
{
	for (int k = 1; k < MEMBERS; k++) {
		assert_int_equal(members[k].n, members[0].n);
		for (int i = 0; i < members[0].n; i++) {
			struct record *r = row_of(&members[k], members[0].rows[i].path);

			assert_non_null(r);
			assert_true(record_same(r, &members[0].rows[i]));
			assert_int_equal(version_compare(&r->version, &members[0].rows[i].version), VERSION_EQUAL);
			assert_int_equal(r->modified_by, members[0].rows[i].modified_by);
			assert_true(same_bases(r, &members[0].rows[i]));
		}
	}
}

static void nothing_is_lost(void)
{
	for (int c = 1; c <= contents; c++) {
		bool found = superseded[c];

		for (int i = 0; i < members[0].n && !found; i++)
			found = shown(&members[0].rows[i]) == c;
		assert_true(found);
	}
}

static void forget_all(void)
{
	for (int k = 0; k < MEMBERS; k++) {
		for (int i = 0; i < members[k].n; i++)
			record_clear(&members[k].rows[i]);
		members[k] = (struct member){ 0 };
	}
	memset(superseded, 0, sizeof(superseded));
	contents = 0;
}

static void try_histories(int runs)
{
	static const char *const paths[] = { "a", "b.txt" };

	random_set_seed(20261121);
	conflicts = equal_but_different = metadata_merges = 0;
	for (int run = 0; run < runs; run++) {
		int steps = (int)random_below(25) + 2;

		for (int i = 0; i < steps; i++) {
			struct member *m = &members[random_below(MEMBERS)], *other = &members[random_below(MEMBERS)];

			if (random_below(2) == 0)
				edit(m, m->n > 2 && random_below(8) == 0 ? m->rows[random_below((uint64_t)m->n)].path
				                                         : paths[random_below(2)]);
			else if (m != other && m->n > 0)
				gossip(m, other, (int)random_below((uint64_t)m->n));
		}
		settle();
		all_are_alike();
		nothing_is_lost();
		forget_all();
	}
}

static void any_history_converges_and_loses_nothing(void **state)
{
	(void)state;
	try_histories(4000);
	/* Enough cases of each kind occurred. */
	assert_true(conflicts > 1000);
	assert_true(equal_but_different > 10);
	assert_true(metadata_merges > 20);
	random_set_seed(0);
}

/* The same with full versions: folding may make a needless copy, and never loses anything. */
static void so_it_does_with_more_writers_than_a_version_holds(void **state)
{
	(void)state;
	crowded = true;
	writers = folds = 0;
	try_histories(1000);
	assert_true(conflicts > 1000);
	assert_true(folds > 200);
	crowded = false;
	random_set_seed(0);
}

/* The rule of the header, written in another way: a key whose bytes compare. */
static void oracle_key(uint8_t out[128], const struct record *r)
{
	memset(out, 0, 128);
	out[0] = !r->deleted;
	if (r->deleted)
		return;
	out[1] = r->kind == RECORD_DIR ? 2 : r->kind == RECORD_FILE ? 1 : 0;
	if (r->kind != RECORD_DIR)
		put_u64(out + 2, (uint64_t)r->mtime_ns);
	if (r->kind == RECORD_FILE)
		memcpy(out + 10, r->content.root, 32);
	if (r->kind == RECORD_SYMLINK)
		snprintf((char *)out + 10, 32, "%s", r->target);
	put_u64(out + 50, r->modified_by);
}

/* Each member makes one change, and knows of no other: in whatever order they meet, the same one wins. */
static void concurrent_changes_have_one_winner(void **state)
{
	(void)state;
	random_set_seed(4711);
	for (int run = 0; run < 5000; run++) {
		uint8_t best[128] = { 0 }, key[128];
		struct record start[MEMBERS], *won;

		for (int k = 0; k < MEMBERS; k++) {
			do
				edit(&members[k], "a");
			while (random_below(4) == 0);
			record_copy(&start[k], row_of(&members[k], "a"));
			oracle_key(key, &start[k]);
			if (memcmp(key, best, sizeof(key)) > 0)
				memcpy(best, key, sizeof(key));
		}
		for (int order = 0; order < 3; order++) {
			for (int k = 0; k < MEMBERS; k++) {
				struct record r;

				for (int i = 0; i < members[k].n; i++)
					record_clear(&members[k].rows[i]);
				members[k].n = 0;
				record_copy(&r, &start[k]);
				set_row(&members[k], &r);
			}
			settle();
			all_are_alike();
			won = row_of(&members[0], "a");
			oracle_key(key, won);
			assert_memory_equal(key, best, 50); /* all but modified_by, which a tombstone does not decide */
			if (!won->deleted && won->kind != RECORD_DIR)
				assert_memory_equal(key, best, sizeof(key));
		}
		for (int k = 0; k < MEMBERS; k++)
			record_clear(&start[k]);
		forget_all();
	}
	random_set_seed(0);
}

/* A wrong clock can decide who wins; members still end identical, and nothing is lost. */
static void so_it_does_with_a_clock_that_is_ten_years_wrong(void **state)
{
	(void)state;
	skew_ns = TEN_YEARS_NS;
	try_histories(2000);
	skew_ns = -TEN_YEARS_NS;
	try_histories(2000);
	assert_true(conflicts > 500);
	skew_ns = 0;
	random_set_seed(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_history_converges_and_loses_nothing),
		cmocka_unit_test(so_it_does_with_a_clock_that_is_ten_years_wrong),
		cmocka_unit_test(so_it_does_with_more_writers_than_a_version_holds),
		cmocka_unit_test(concurrent_changes_have_one_winner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
