/* Which entries count; the first two steps are roster_speak.c's. Everything here is a function of the set of entries alone, never of the order in which they came nor
 * of a date, so all members that hold the same entries judge the same. What does not count keeps nothing else from
 * counting: so it is enough to tell others what counts, and those who were told the same judge the same.
 *
 * 1. Owners speak in turn: the founder, then those that it made owners, then those that they made, and so on; within one
 *    such generation by ID; sixteen at most. Whoever was removed or demoted by one that spoke before does not speak.
 * 2. The most senior of them that a later one removed or demoted is silenced: its additions no longer count, except those that
 *    made its removers owners; its removals do. Then all speak again, until nobody is silenced.
 * 3. An owner's or member's admission counts when its issuer has spoken and is not silenced, in one order: those that an owner
 *    has added since first, then by hash; while the invite has uses left and the admitter is below its bound. What is passed
 *    over uses nothing up.
 * 4. Leaves count of whoever had been added; juniors' first, and the last owner's only when it says so. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "sync/group/roster_internal.h"

bool roster_judge_names(const struct roster_item *it, const struct roster_item *other)
{
	for (size_t i = 0; i < it->e.nnamed; i++) {
		if (memcmp(it->e.named + i * HASH_LEN, other->hash, HASH_LEN) == 0)
			return true;
	}
	return false;
}

/* Whether `other`, which is about the same agent, defeats the addition `it`. */
static bool defeats(const struct roster_item *other, const struct roster_item *it, bool leaves)
{
	if (!other->valid || other == it)
		return false;
	switch (other->e.kind) {
	case ENTRY_ADD:
		return roster_judge_names(other, it);
	case ENTRY_REMOVE:
		return it->e.kind != ENTRY_ADD || !roster_judge_names(it, other);
	case ENTRY_LEAVE:
		return leaves && !roster_judge_names(it, other);
	default:
		return false;
	}
}

/* The search ends at the first JOIN, of which there may be many and which defeat nothing. */
static bool defeated(const struct roster_item *it, bool leaves)
{
	const struct roster_item *other;

	DL_FOREACH2(it->target->about, other, target_next) {
		if (other->e.kind == ENTRY_JOIN)
			break;
		if (defeats(other, it, leaves))
			return true;
	}
	return false;
}

/* Of two undefeated additions, whether b is the one that counts: an owner's word before an invite's, the lower role, the
 * smaller hash. */
static bool outranks(const struct roster_item *b, const struct roster_item *a)
{
	bool a_join = a->e.kind == ENTRY_JOIN, b_join = b->e.kind == ENTRY_JOIN;

	if (a_join != b_join)
		return a_join;
	if (a->e.role != b->e.role)
		return b->e.role > a->e.role;
	return memcmp(b->hash, a->hash, HASH_LEN) < 0;
}

static struct roster_item *addition(const struct roster_agent *a, bool leaves, bool joins)
{
	struct roster_item *best = NULL, *it;

	DL_FOREACH2(a->about, it, target_next) {
		if (it->e.kind == ENTRY_JOIN && !joins)
			break;
		if (it->valid && (it->e.kind == ENTRY_FOUND || it->e.kind == ENTRY_ADD || it->e.kind == ENTRY_JOIN) &&
		    !defeated(it, leaves) && (best == NULL || outranks(it, best)))
			best = it;
	}
	return best;
}

struct roster_item *roster_judge_standing(const struct roster_agent *a)
{
	return addition(a, false, false);
}

struct roster_item *roster_judge_deciding(const struct roster_agent *a)
{
	return addition(a, true, true);
}

bool roster_judge_removed(const struct roster_agent *a)
{
	const struct roster_item *it;

	DL_FOREACH2(a->about, it, target_next) {
		if (it->valid && it->e.kind == ENTRY_REMOVE)
			return true;
	}
	return false;
}

void roster_judge_count(struct roster *r, struct roster_item *it)
{
	it->valid = it->was_valid = true;
	DL_APPEND2(r->valid, it, valid_prev, valid_next);
}

/* --- 3: admissions --- */

/* Whether this agent came by this invite, as is known so far. */
static bool came_by(const struct roster_agent *a, const struct roster_agent *invite, const struct roster_item *before)
{
	const struct roster_item *it;

	DL_FOREACH2(a->about, it, target_next) {
		if (it == before)
			return false;
		if (it->valid && it->invite == invite)
			return true;
	}
	return false;
}

bool roster_judge_came_by(const struct roster_agent *a, const struct roster_agent *invite)
{
	return a != NULL && came_by(a, invite, NULL);
}

/* What owners' words say of invites, and who may honour them. */
static void joins_prepare(struct roster *r)
{
	struct roster_agent *a, *tmp;
	struct roster_item *it;

	HASH_ITER(hh, r->agents, a, tmp) {
		const struct roster_item *by = roster_judge_standing(a);

		a->admits = by != NULL && rights_has(by->e.role, RIGHT_ADMIT);
		DL_FOREACH2(a->about, it, target_next) {
			if (it->valid && it->e.kind == ENTRY_REVOKE)
				a->revoked = true;
			if (it->valid && it->invite != NULL && !came_by(a, it->invite, it))
				it->invite->used++;
		}
	}
}

static int joins_by_claim(const void *a, const void *b)
{
	const struct roster_item *const *x = a, *const *y = b;

	if ((*x)->sure != (*y)->sure)
		return (*x)->sure ? -1 : 1;
	return memcmp((*x)->hash, (*y)->hash, HASH_LEN);
}

/* One of an admitter and a subject is enough, unless the subject left since. */
static bool is_said_twice(const struct roster_item *it)
{
	const struct roster_item *other;

	DL_FOREACH2(it->target->about, other, target_next) {
		if (other != it && other->valid && other->e.kind == ENTRY_JOIN && other->signer == it->signer &&
		    other->e.nnamed == it->e.nnamed &&
		    memcmp(other->e.named, it->e.named, it->e.nnamed * HASH_LEN) == 0)
			return true;
	}
	return false;
}

static bool admit_one(struct roster *r, struct roster_item *it)
{
	bool again = came_by(it->target, it->invite, NULL);

	if (!it->signer->admits || it->signer->njoins >= ADMITTER_MAX_JOINS ||
	    (!again && it->invite->used >= it->e.uses) || is_said_twice(it))
		return false;
	roster_judge_count(r, it);
	it->signer->njoins++;
	it->invite->used += !again;
	return true;
}

/* Whose invite could be honoured, by somebody. */
static bool is_invited(const struct roster_item *it)
{
	return it->e.kind == ENTRY_JOIN && it->issuer->acts_by != NULL && !it->issuer->silenced && !it->invite->revoked;
}

/* lanyard 0.1.0 let those admit who came by an invite themselves: each pass, those that stand by the last. */
static bool pass_on(struct roster_item *const *joins, size_t n)
{
	bool more = false;

	for (size_t i = 0; i < n; i++) {
		struct roster_agent *a = joins[i]->target;

		if (joins[i]->valid && joins[i]->e.format == 1 && rights_has(joins[i]->e.role, RIGHT_ADMIT) &&
		    !a->admits && !defeated(joins[i], false))
			a->admits = more = true;
	}
	return more;
}

static void admit(struct roster *r)
{
	struct roster_item **joins = mem_calloc(HASH_COUNT(r->items), sizeof(joins[0])), *it, *tmp;
	size_t n = 0, nold = 0;

	joins_prepare(r);
	HASH_ITER(hh, r->items, it, tmp) {
		if (!is_invited(it))
			continue;
		it->sure = roster_judge_standing(it->target) != NULL;
		joins[n++] = it;
	}
	qsort(joins, n, sizeof(joins[0]), joins_by_claim);
	for (size_t i = 0; i < n; i++)
		(void)admit_one(r, joins[i]);
	for (size_t i = 0; i < n; i++) {
		if (joins[i]->e.format == 1)
			joins[nold++] = joins[i];
	}
	while (pass_on(joins, nold)) {
		for (size_t i = 0; i < nold; i++) {
			if (!joins[i]->valid)
				(void)admit_one(r, joins[i]);
		}
	}
	free(joins);
}

/* --- 4: leaves --- */

static bool is_owner(const struct roster_item *by)
{
	return by != NULL && rights_has(by->e.role, RIGHT_OWN);
}

/* Owners that would be left if all leaves counted. */
static size_t owners_staying(const struct roster *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->nspeakers; i++)
		n += is_owner(roster_judge_standing(r->speakers[i])) && is_owner(roster_judge_deciding(r->speakers[i]));
	return n;
}

/* Whoever was a member at some time: a leave that came before an addition must not come to count by it. */
static bool was_added(const struct roster_agent *a)
{
	const struct roster_item *it;

	DL_FOREACH2(a->about, it, target_next) {
		if (it->valid && (it->e.kind == ENTRY_ADD || it->e.kind == ENTRY_JOIN))
			return true;
	}
	return false;
}

static void leave(struct roster *r)
{
	struct roster_item *it, *tmp;

	for (size_t i = r->nspeakers; i-- > 0;) {
		struct roster_agent *a = r->speakers[i];
		bool last = is_owner(roster_judge_standing(a)) && owners_staying(r) == 1;

		DL_FOREACH2(a->signed_by, it, signer_next) {
			if (it->e.kind == ENTRY_LEAVE && (it->e.abandon || !last))
				roster_judge_count(r, it);
		}
	}
	HASH_ITER(hh, r->items, it, tmp) {
		if (it->e.kind == ENTRY_LEAVE && !it->valid && it->signer->acts_by == NULL && was_added(it->signer))
			roster_judge_count(r, it);
	}
}

/* --- all --- */

void roster_judge(struct roster *r)
{
	struct roster_item *it, *tmp;
	struct roster_agent *a, *a_tmp;

	r->view->fresh = false;
	r->valid = NULL;
	r->nspeakers = r->nsilenced = 0;
	HASH_ITER(hh, r->items, it, tmp)
		it->valid = it->spared = it->sure = false;
	HASH_ITER(hh, r->agents, a, a_tmp) {
		a->acts_by = NULL;
		a->silenced = a->revoked = a->admits = false;
		a->used = a->njoins = 0;
	}
	if (r->founding == NULL)
		return;
	roster_speak(r);
	admit(r);
	leave(r);
}
