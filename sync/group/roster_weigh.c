/* Entries about one agent, weighed against one another: which addition stands, and what defeats it. Only entries
 * that count so far are asked, so the steps of the judgement (roster_speak.c, then roster_judge.c) see what those
 * before them have settled. */
#include <string.h>
#include <utlist.h>

#include "sync/group/roster_internal.h"

/* Whether the entry names the other: it knows of it, and overrides it. */
static bool entry_names(const struct roster_item *it, const struct roster_item *other)
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
		return entry_names(other, it);
	case ENTRY_REMOVE:
		return it->e.kind != ENTRY_ADD || !entry_names(it, other);
	case ENTRY_LEAVE:
		return leaves && !entry_names(it, other);
	default:
		return false;
	}
}

/* The search ends at the first JOIN: there may be many, they come last, and they defeat nothing. */
bool roster_weigh_defeated(const struct roster_item *it, bool leaves)
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

/* Of two undefeated additions, whether b is the one that counts: an owner's statement before an invite's, the lower
 * role, the smaller hash. */
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
		    !roster_weigh_defeated(it, leaves) && (best == NULL || outranks(it, best)))
			best = it;
	}
	return best;
}

struct roster_item *roster_weigh_standing(const struct roster_agent *a)
{
	return addition(a, false, false);
}

struct roster_item *roster_weigh_deciding(const struct roster_agent *a)
{
	return addition(a, true, true);
}

bool roster_weigh_removed(const struct roster_agent *a)
{
	const struct roster_item *it;

	DL_FOREACH2(a->about, it, target_next) {
		if (it->valid && it->e.kind == ENTRY_REMOVE)
			return true;
	}
	return false;
}

void roster_weigh_count(struct roster *r, struct roster_item *it)
{
	it->valid = it->was_valid = it->heard = true;
	DL_APPEND2(r->valid, it, valid_prev, valid_next);
}

bool roster_weigh_came_by(const struct roster_agent *a, const struct roster_agent *invite,
                          const struct roster_item *before)
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
