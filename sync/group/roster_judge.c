/* Which entries count. The first two steps are in roster_speak.c; how entries about one agent weigh against one
 * another is in roster_weigh.c. The outcome is a function of the set of entries alone, never of the order in which
 * they came nor of a date, so all members that hold the same entries judge the same. An entry that does not count
 * in one round keeps no other from counting in it. So it is enough to pass on the entries that counted in some round
 * ("heard"), and members that were sent the same ones judge the same.
 *
 * 1. Owners speak in turn: the founder, then those that it made owners, then those that they made, and so on;
 *    within one such generation by ID; sixteen at most. Whoever was removed or demoted by one that spoke before
 *    does not speak.
 * 2. The most senior of them that a later one removed or demoted is silenced: its additions no longer count,
 *    except those that made its removers owners; its removals do. Then all speak again, until nobody is silenced.
 * 3. An owner's or member's admission counts when its issuer has spoken and is not silenced, in one order: those
 *    that an owner has added since first, then by hash; while the invite has uses left and the admitter is below
 *    its bound. What is passed over uses nothing up.
 * 4. Leaves count of whoever had been added: first those that abandon the group, then juniors' first; the last
 *    owner's only when the group is abandoned.
 * 5. In a sealed group: generations, and the box keys of those who may hold keys (roster_generations.c). */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "sync/group/roster_internal.h"

/* --- 3: admissions --- */

/* Notes which invites the owners' statements revoke or use up, and who may honour them. */
static void joins_prepare(struct roster *r)
{
	struct roster_agent *a, *tmp;
	struct roster_item *it;

	HASH_ITER(hh, r->agents, a, tmp) {
		const struct roster_item *by = roster_weigh_standing(a);

		a->admits = by != NULL && rights_has(by->e.role, RIGHT_ADMIT);
		DL_FOREACH2(a->about, it, target_next) {
			if (it->valid && it->e.kind == ENTRY_REVOKE)
				a->revoked = true;
			if (it->valid && it->e.kind == ENTRY_ADD && it->invite != NULL &&
			    !roster_weigh_came_by(a, it->invite, it))
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

/* One admission per admitter and subject is enough, unless the subject left since. */
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
	bool again = roster_weigh_came_by(it->target, it->invite, NULL);

	if (!it->signer->admits || it->signer->njoins >= ADMITTER_MAX_JOINS ||
	    (!again && it->invite->used >= it->e.uses) || is_said_twice(it))
		return false;
	roster_weigh_count(r, it);
	it->signer->njoins++;
	it->invite->used += !again;
	return true;
}

/* A JOIN whose invite some member could honour. */
static bool is_invited(const struct roster_item *it)
{
	return it->e.kind == ENTRY_JOIN && it->issuer->acts_by != NULL && !it->issuer->silenced && !it->invite->revoked;
}

/* In lanyard 0.1.0 an agent that came by an invite could admit others itself: each pass adds those that stand by
 * the last pass. */
static bool pass_on(struct roster_item *const *joins, size_t n)
{
	bool more = false;

	for (size_t i = 0; i < n; i++) {
		struct roster_agent *a = joins[i]->target;

		if (joins[i]->valid && joins[i]->e.format == 1 && rights_has(joins[i]->e.role, RIGHT_ADMIT) &&
		    !a->admits && !roster_weigh_defeated(joins[i], false))
			a->admits = more = true;
	}
	return more;
}

/* All JOINs are tried once, in an order that all members share. Those of lanyard 0.1.0 are then tried again until a
 * pass admits nobody new. */
static void admit(struct roster *r)
{
	struct roster_item **joins = mem_calloc(HASH_COUNT(r->items), sizeof(joins[0])), *it, *tmp;
	size_t n = 0, nold = 0;

	joins_prepare(r);
	HASH_ITER(hh, r->items, it, tmp) {
		if (!is_invited(it))
			continue;
		it->sure = roster_weigh_standing(it->target) != NULL;
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

/* How many owners would be left if all leaves counted. */
static size_t owners_staying(const struct roster *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->nspeakers; i++)
		n += is_owner(roster_weigh_standing(r->speakers[i])) && is_owner(roster_weigh_deciding(r->speakers[i]));
	return n;
}

/* True if a was a member at some time: a leave that came before an addition must not come to count by it. */
static bool was_added(const struct roster_agent *a)
{
	const struct roster_item *it;

	DL_FOREACH2(a->about, it, target_next) {
		if (it->valid && (it->e.kind == ENTRY_ADD || it->e.kind == ENTRY_JOIN))
			return true;
	}
	return false;
}

/* One that does not count is heard all the same, since it took the place of an earlier one. */
static void leave_if(struct roster *r, struct roster_agent *a, bool abandon, bool counts)
{
	struct roster_item *it;

	DL_FOREACH2(a->signed_by, it, signer_next) {
		if (it->e.kind != ENTRY_LEAVE || it->e.abandon != abandon)
			continue;
		it->heard = true;
		if (counts)
			roster_weigh_count(r, it);
	}
}

/* Whether an owner has left the group to itself. Only leaves that say so have counted so far. */
static bool is_abandoned(const struct roster *r)
{
	for (size_t i = 0; i < r->nspeakers; i++) {
		if (is_owner(roster_weigh_standing(r->speakers[i])) && !is_owner(roster_weigh_deciding(r->speakers[i])))
			return true;
	}
	return false;
}

/* Once the group was abandoned, no former owner has to stay for it as the last one. */
static void leave(struct roster *r)
{
	struct roster_item *it, *tmp;
	bool abandoned;

	for (size_t i = 0; i < r->nspeakers; i++)
		leave_if(r, r->speakers[i], true, true);
	abandoned = is_abandoned(r);
	for (size_t i = r->nspeakers; i-- > 0;) {
		struct roster_agent *a = r->speakers[i];
		bool last = is_owner(roster_weigh_standing(a)) && owners_staying(r) == 1;

		leave_if(r, a, false, !last || abandoned);
	}
	HASH_ITER(hh, r->items, it, tmp) {
		if (it->e.kind == ENTRY_LEAVE && !it->valid && it->signer->acts_by == NULL && was_added(it->signer))
			roster_weigh_count(r, it);
	}
}

/* --- all --- */

/* Starts from nothing: which entries counted before has no influence. */
void roster_judge(struct roster *r)
{
	struct roster_item *it, *tmp;
	struct roster_agent *a, *a_tmp;

	roster_generations_clear(r);
	r->view->fresh = false;
	r->valid = NULL;
	r->nspeakers = r->nsilenced = r->npardons = 0;
	HASH_ITER(hh, r->items, it, tmp)
		it->valid = it->heard = it->spared = it->sure = false;
	HASH_ITER(hh, r->agents, a, a_tmp) {
		a->acts_by = NULL;
		a->silenced = a->pardoned = a->immune = a->revoked = a->admits = false;
		a->used = a->njoins = 0;
	}
	if (r->founding == NULL)
		return;
	roster_speak(r);
	admit(r);
	leave(r);
	roster_generations_judge(r);
}
