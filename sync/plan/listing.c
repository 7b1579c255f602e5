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
static enum listing_meeting meet(const struct record *has, const struct record *r, struct record *merged)
{
	enum version_order order = version_compare(&r->version, &has->version);
	enum reconcile result;

	if (order == VERSION_OLDER)
		return MEET_KNOWN;
	if (order == VERSION_NEWER)
		return MEET_KNOWS;
	result = reconcile(has, r, merged);
	if (order == VERSION_EQUAL) {
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

/* Each turn of the loop either ends or goes on with a version greater than the one before, which has taken a record
 * away. */
bool listing_add(struct listing *l, const struct record *r)
{
	struct record next, merged = { 0 };
	bool changed = false;

	record_copy(&next, r);
	for (int i = 0; i < l->n;) {
		switch (meet(&l->r[i], &next, &merged)) {
		case MEET_KNOWN:
			record_clear(&next);
			return changed;
		case MEET_BESIDE:
			i++;
			break;
		case MEET_KNOWS:
			remove_at(l, i);
			changed = true;
			break;
		case MEET_JOIN:
			/* The joined version knows both, and may know records that were passed. */
			remove_at(l, i);
			record_clear(&next);
			next = merged;
			merged = (struct record){ 0 };
			changed = true;
			i = 0;
			break;
		}
	}
	l->r[l->n++] = next;
	if (l->n > LISTING_MAX) {
		int last = extreme(l, false);

		changed |= last != l->n - 1;
		remove_at(l, last);
		return changed;
	}
	return true;
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
