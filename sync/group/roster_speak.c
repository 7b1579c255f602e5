/* Which owners are heard, and whose additions no longer count: the first two steps of roster_judge.c. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "sync/group/roster_internal.h"

/* --- 1: owners --- */

struct speak_queue {
	struct roster_agent **a; /* owned */
	size_t n, cap;
};

static void queue_add(struct speak_queue *q, struct roster_agent *a)
{
	if (q->n == q->cap) {
		q->cap = q->cap == 0 ? 16 : q->cap * 2;
		q->a = mem_realloc(q->a, q->cap, sizeof(q->a[0]));
	}
	q->a[q->n++] = a;
}

static int speakers_by_id(const void *a, const void *b)
{
	const struct roster_agent *const *x = a, *const *y = b;

	return memcmp((*x)->id.b, (*y)->id.b, sizeof((*x)->id.b));
}

static int by_kind_and_target(const void *a, const void *b)
{
	const struct roster_item *const *x = a, *const *y = b;

	if ((*x)->e.kind != (*y)->e.kind)
		return (*x)->e.kind < (*y)->e.kind ? -1 : 1;
	return speakers_by_id(&(*x)->target, &(*y)->target);
}

static bool is_statement(const struct roster_item *it)
{
	return it->e.kind == ENTRY_ADD || it->e.kind == ENTRY_REMOVE || it->e.kind == ENTRY_REVOKE ||
	       it->e.kind == ENTRY_INVITE;
}

/* What a silenced owner says all the same: whom it removed, what it took back. */
static bool is_said_in_silence(const struct roster_item *it)
{
	return it->e.kind == ENTRY_REMOVE || it->e.kind == ENTRY_REVOKE;
}

/* The statements of a that count: per kind a bounded number, those about the smallest IDs. */
static struct roster_item **statements_of(const struct roster_agent *a, size_t *nstatements)
{
	struct roster_item **statements, *it;
	size_t n = 0, kept = 0, of_kind = 0;

	DL_FOREACH2(a->signed_by, it, signer_next)
		n += is_statement(it);
	statements = mem_calloc(n + 1, sizeof(statements[0]));
	n = 0;
	DL_FOREACH2(a->signed_by, it, signer_next) {
		if (is_statement(it) && (!a->silenced || is_said_in_silence(it) || it->spared))
			statements[n++] = it;
	}
	if (n > OWNER_MAX_STATEMENTS) {
		qsort(statements, n, sizeof(statements[0]), by_kind_and_target);
		for (size_t i = 0; i < n; i++) {
			of_kind = i > 0 && statements[i]->e.kind == statements[i - 1]->e.kind ? of_kind + 1 : 0;
			if (of_kind < OWNER_MAX_STATEMENTS)
				statements[kept++] = statements[i];
		}
		n = kept;
	}
	*nstatements = n;
	return statements;
}

/* The owners that it makes speak in the next generation. */
static void speak(struct roster *r, struct roster_agent *a, struct speak_queue *next)
{
	size_t n;
	struct roster_item **statements = statements_of(a, &n);

	r->speakers[r->nspeakers++] = a;
	for (size_t i = 0; i < n; i++) {
		roster_weigh_count(r, statements[i]);
		if (statements[i]->e.kind == ENTRY_ADD && rights_has(statements[i]->e.role, RIGHT_OWN))
			queue_add(next, statements[i]->target);
	}
	free(statements);
}

static void nobody_has_spoken(struct roster *r)
{
	struct roster_item *it, *tmp;

	r->valid = NULL;
	HASH_ITER(hh, r->items, it, tmp)
		it->valid = false;
	for (size_t i = 0; i < r->nspeakers; i++)
		r->speakers[i]->acts_by = NULL;
	r->nspeakers = 0;
	roster_weigh_count(r, r->founding);
}

/* By generations, each in the order of IDs, so that all members hear owners in the same order. An owner that was
 * removed or demoted by one heard before it is not heard. */
static void owners_speak(struct roster *r)
{
	struct speak_queue now = { 0 }, next = { 0 }, empty;

	nobody_has_spoken(r);
	queue_add(&now, r->founding->target);
	while (now.n > 0 && r->nspeakers < ROSTER_MAX_OWNERS) {
		qsort(now.a, now.n, sizeof(now.a[0]), speakers_by_id);
		for (size_t i = 0; i < now.n && r->nspeakers < ROSTER_MAX_OWNERS; i++) {
			struct roster_agent *a = now.a[i];
			struct roster_item *by = a->acts_by == NULL ? roster_weigh_standing(a) : NULL;

			if (by == NULL || !rights_has(by->e.role, RIGHT_OWN))
				continue;
			a->acts_by = by;
			speak(r, a, &next);
		}
		empty = now;
		empty.n = 0;
		now = next;
		next = empty;
	}
	free(now.a);
	free(next.a);
}

/* --- 2: silence --- */

/* Marks those statements of x that made its remover an owner, or those who made that remover one. */
static void mark_chain(struct roster_agent *x, const struct roster_agent *remover)
{
	for (int hops = 0; remover->acts_by != NULL && hops < ROSTER_MAX_OWNERS; hops++) {
		struct roster_item *by = remover->acts_by;

		if (by->signer == x)
			by->marked = true;
		if (by->e.kind == ENTRY_FOUND)
			return;
		remover = by->signer;
	}
}

static bool puts_down(const struct roster_item *it)
{
	return it->valid && it->signer != it->target && it->signer->acts_by != NULL &&
	       (it->e.kind == ENTRY_REMOVE || (it->e.kind == ENTRY_ADD && !rights_has(it->e.role, RIGHT_OWN)));
}

static void mark_chains(struct roster_agent *x)
{
	struct roster_item *it;

	DL_FOREACH2(x->about, it, target_next) {
		if (puts_down(it))
			mark_chain(x, it->signer);
	}
}

static bool silence_one(struct roster *r)
{
	for (size_t i = 0; i < r->nspeakers && r->nsilenced < ROSTER_MAX_SILENCED; i++) {
		struct roster_agent *x = r->speakers[i];
		const struct roster_item *by = x->silenced ? NULL : roster_weigh_standing(x);
		struct roster_item *it;

		if (x->silenced || x->immune || (by != NULL && rights_has(by->e.role, RIGHT_OWN)))
			continue;
		x->silenced = true;
		r->silenced[r->nsilenced++] = x;
		mark_chains(x);
		DL_FOREACH2(x->signed_by, it, signer_next) {
			it->spared = it->marked;
			it->marked = false;
		}
		return true;
	}
	return false;
}

/* An addition of a silenced owner is spared only while it leads to a statement that counts against that owner. Drops
 * the others from the spared; true if there were any: then all must speak again. This ends, since the spared only
 * become fewer. */
static bool spare_less(struct roster *r)
{
	bool less = false;
	struct roster_item *it;

	for (size_t i = 0; i < r->nsilenced; i++)
		mark_chains(r->silenced[i]);
	for (size_t i = 0; i < r->nsilenced; i++) {
		DL_FOREACH2(r->silenced[i]->signed_by, it, signer_next) {
			less |= it->spared && !it->marked;
			it->spared = it->spared && it->marked;
			it->marked = false;
		}
	}
	return less;
}

static void unsilence(struct roster *r, struct roster_agent *x)
{
	struct roster_item *it;
	size_t kept = 0;

	for (size_t i = 0; i < r->nsilenced; i++) {
		if (r->silenced[i] != x)
			r->silenced[kept++] = r->silenced[i];
	}
	r->nsilenced = kept;
	x->silenced = false;
	DL_FOREACH2(x->signed_by, it, signer_next)
		it->spared = false;
}

/* Whoever put x down may have been silenced since, and its demotion of x with it: then x is an owner again, and its
 * additions count. Only once, so that this ends whatever owners say of one another. */
static bool pardon_one(struct roster *r)
{
	for (size_t i = 0; i < r->nsilenced && r->npardons < ROSTER_MAX_SILENCED; i++) {
		struct roster_agent *x = r->silenced[i];
		const struct roster_item *by = roster_weigh_standing(x);

		if (x->pardoned || by == NULL || !rights_has(by->e.role, RIGHT_OWN))
			continue;
		unsilence(r, x);
		x->pardoned = true;
		r->npardons++;
		return true;
	}
	return false;
}

/* Owners that put one another down in a circle may all end in silence, and nobody could ever decide anything again.
 * Then the most senior that nobody's statement puts down is heard for good. */
static bool hear_senior(struct roster *r)
{
	struct roster_agent *senior = NULL;

	for (size_t i = 0; i < r->nspeakers; i++) {
		const struct roster_item *by = roster_weigh_standing(r->speakers[i]);

		if (!r->speakers[i]->silenced)
			return false;
		if (senior == NULL && by != NULL && rights_has(by->e.role, RIGHT_OWN))
			senior = r->speakers[i];
	}
	if (senior == NULL)
		return false;
	unsilence(r, senior);
	senior->immune = true;
	return true;
}

/* Repeats until no further owner is to be silenced, or heard again. */
void roster_speak(struct roster *r)
{
	do {
		owners_speak(r);
		while (spare_less(r))
			owners_speak(r);
	} while (pardon_one(r) || silence_one(r) || hear_senior(r));
}
