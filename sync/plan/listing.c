/* See listing.h. */
#include "sync/plan/listing.h"

#include "sync/plan/reconcile.h"

/* What becomes of a record of the list when another one meets it. */
enum listing_meeting { MEET_KNOWN, MEET_KNOWS, MEET_BESIDE, MEET_JOIN };

static void remove_at(struct listing *l, int i)
{
	record_clear(&l->r[i]);
	l->r[i] = l->r[--l->n];
	l->r[l->n] = (struct record){ 0 };
}

/* merged is filled for MEET_JOIN. Which of two records that stay side by side wins is reconcile()'s to say: it answers
 * NOTHING when the first one does, but also when a join would change nothing in the first. */
static enum listing_meeting meet(const struct record *has, const struct record *r, bool join, struct record *merged)
{
	enum version_order order = version_compare(&r->version, &has->version);
	enum reconcile result;

	if (order == VERSION_OLDER)
		return MEET_KNOWN;
	if (order == VERSION_NEWER)
		return MEET_KNOWS;
	result = join ? reconcile(has, r, merged) : reconcile_as_reader(has, r, merged);
	if (order == VERSION_EQUAL || !join) {
		record_clear(merged);
		return result == RECONCILE_NOTHING ? MEET_KNOWN : MEET_KNOWS;
	}
	if (result == RECONCILE_NOTHING)
		return reconcile_must_retell(has, r) ? MEET_BESIDE : MEET_KNOWN;
	if (result != RECONCILE_CONFLICT)
		return MEET_JOIN;
	record_clear(merged);
	return MEET_BESIDE;
}

static bool listing_beats(const struct record *a, const struct record *b)
{
	struct record merged = { 0 };
	bool wins = reconcile(b, a, &merged) != RECONCILE_NOTHING;

	record_clear(&merged);
	return wins;
}

/* The index of the record that wins against all others, or loses against all; the list is not empty. */
static int extreme(const struct listing *l, bool winner)
{
	int at = 0;

	for (int i = 1; i < l->n; i++) {
		if (listing_beats(&l->r[i], &l->r[at]) == winner)
			at = i;
	}
	return at;
}

/* The first record with this answer: its index, with merged filled if it is MEET_JOIN; -1: none. */
static int find_meeting(const struct listing *l, const struct record *r, bool join, enum listing_meeting what,
                        struct record *merged)
{
	for (int i = 0; i < l->n; i++) {
		if (meet(&l->r[i], r, join, merged) == what)
			return i;
		record_clear(merged);
	}
	return -1;
}

/* Adds r, which it takes over, and goes on with what a join makes of it: a version that is greater than both, so this
 * ends. What one record of the list knows is not joined with another. */
static bool add_owned(struct listing *l, struct record r, bool join)
{
	struct record merged = { 0 };
	bool changed = false;
	int i;

	for (;;) {
		if (find_meeting(l, &r, join, MEET_KNOWN, &merged) >= 0) {
			record_clear(&r);
			return changed;
		}
		while ((i = find_meeting(l, &r, join, MEET_KNOWS, &merged)) >= 0)
			remove_at(l, i);
		changed = true;
		i = find_meeting(l, &r, join, MEET_JOIN, &merged);
		if (i < 0)
			break;
		remove_at(l, i);
		record_clear(&r);
		r = merged;
		merged = (struct record){ 0 };
	}
	l->r[l->n++] = r;
	return true;
}

bool listing_add(struct listing *l, const struct record *r, bool join)
{
	struct record mine;
	bool changed;
	int last;

	record_copy(&mine, r);
	changed = add_owned(l, mine, join);
	if (l->n <= LISTING_MAX)
		return changed;
	last = extreme(l, false);
	changed = last != l->n - 1;
	remove_at(l, last);
	return changed;
}

const struct record *listing_winner(const struct listing *l)
{
	return l->n == 0 ? NULL : &l->r[extreme(l, true)];
}

void listing_clear(struct listing *l)
{
	while (l->n > 0)
		remove_at(l, l->n - 1);
}
