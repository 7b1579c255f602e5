/* Why an agent is not a member, and the entries that show it. A former member believes no refusal, since anybody can
 * send one; it believes entries. Like everything about membership the reason is a function of the set. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "sync/group/roster_internal.h"

static bool adds(const struct roster_item *it)
{
	return it->e.kind == ENTRY_FOUND || it->e.kind == ENTRY_ADD || it->e.kind == ENTRY_JOIN;
}

/* An addition that only a leave defeats. */
static bool stood_until_it_left(const struct roster_agent *a)
{
	const struct roster_item *it;

	DL_FOREACH2(a->about, it, target_next) {
		if (it->valid && adds(it) && !roster_weigh_defeated(it, false))
			return true;
	}
	return false;
}

/* An admission by somebody whom an owner made a member at some time. Whoever holds a token can have one signed by a
 * key of its own, and must not learn anything by it. */
static bool is_genuine(const struct roster_item *join)
{
	return join->was_valid || join->signer->admits || roster_weigh_removed(join->signer);
}

static struct roster_item *find_about(const struct roster_agent *a, enum entry_kind kind)
{
	struct roster_item *it;

	DL_FOREACH2(a->about, it, target_next) {
		if (it->valid && it->e.kind == kind)
			return it;
	}
	return NULL;
}

/* Of those that used the invite, the one whose claim is the weakest: it has the last use. */
static const struct roster_item *last_use(const struct roster *r, const struct roster_agent *invite)
{
	const struct roster_item *last = NULL, *it;

	DL_FOREACH2(r->valid, it, valid_next) {
		if (it->invite != invite || it->e.kind == ENTRY_INVITE)
			continue;
		if (last == NULL || it->e.kind == ENTRY_JOIN || last->e.kind != ENTRY_JOIN)
			last = it; /* admissions were made to count in the order of their claims */
	}
	return last;
}

/* Why an addition does not count. *by may be set. */
static enum roster_outside fault_of(const struct roster *r, const struct roster_item *it, struct agent_id *by)
{
	const struct roster_item *other;

	if (it->e.kind != ENTRY_JOIN)
		return it->was_valid ? OUTSIDE_VOID : OUTSIDE_UNKNOWN;
	if (!is_genuine(it))
		return OUTSIDE_UNKNOWN;
	if (it->invite->revoked) {
		other = find_about(it->invite, ENTRY_REVOKE);
		*by = other->e.signer;
		return OUTSIDE_REVOKED;
	}
	if (it->issuer->acts_by == NULL || it->issuer->silenced || !it->signer->admits || it->invite->used < it->e.uses)
		return OUTSIDE_VOID;
	other = last_use(r, it->invite);
	if (other != NULL)
		*by = other->e.target;
	return OUTSIDE_DISPLACED;
}

enum roster_outside roster_outside(const struct roster *r, const struct agent_id *id, struct agent_id *by)
{
	const struct roster_agent *a = roster_agent_find(r, id);
	enum roster_outside best = OUTSIDE_UNKNOWN;
	const struct roster_item *it;

	memset(by, 0, sizeof(*by));
	if (a == NULL)
		return OUTSIDE_UNKNOWN;
	if (roster_view_find(r, id) != NULL)
		return OUTSIDE_MEMBER;
	if (roster_weigh_deciding(a) != NULL)
		return OUTSIDE_FULL;
	if (stood_until_it_left(a))
		return OUTSIDE_LEFT;
	it = find_about(a, ENTRY_REMOVE);
	if (it != NULL) {
		*by = it->e.signer;
		return OUTSIDE_REMOVED;
	}
	DL_FOREACH2(a->about, it, target_next) {
		struct agent_id who = { { 0 } };
		enum roster_outside fault = adds(it) && !it->valid ? fault_of(r, it, &who) : OUTSIDE_UNKNOWN;

		if (fault < best) {
			best = fault;
			*by = who;
		}
	}
	return best;
}

bool roster_former_name(const struct roster *r, const struct agent_id *id, char name[MEMBER_NAME_MAX + 1])
{
	const struct roster_agent *a = roster_agent_find(r, id);
	const struct roster_item *it, *last = NULL;

	memset(name, 0, MEMBER_NAME_MAX + 1);
	if (a == NULL)
		return false;
	DL_FOREACH2(a->about, it, target_next) {
		bool counted = it->valid || it->was_valid || (it->e.kind == ENTRY_JOIN && is_genuine(it));

		if (adds(it) && counted && (last == NULL || it->e.time_s > last->e.time_s))
			last = it;
	}
	if (last == NULL)
		return false;
	memcpy(name, last->e.member_name, last->e.member_name_n);
	return true;
}

/* --- the proof --- */

enum { FAULTS_ASKED = 16 }; /* admissions that are looked into: a proof of one reason is enough */

struct items {
	struct roster_item **v; /* owned */
	size_t n, cap;
};

static void take(struct items *list, struct roster_item *it)
{
	if (list->n == list->cap) {
		list->cap = list->cap == 0 ? 16 : 2 * list->cap;
		list->v = mem_realloc(list->v, list->cap, sizeof(list->v[0]));
	}
	list->v[list->n++] = it;
}

static void collect_about(struct items *list, const struct roster_agent *a, enum entry_kind kind)
{
	struct roster_item *it;

	DL_FOREACH2(a->about, it, target_next) {
		if (it->valid && it->e.kind == kind)
			take(list, it);
	}
}

static void collect_users(struct items *list, const struct roster *r, const struct roster_agent *invite)
{
	struct roster_item *it;

	DL_FOREACH2(r->valid, it, valid_next) {
		if (it->invite == invite && it->e.kind != ENTRY_INVITE)
			take(list, it);
	}
}

/* What keeps an admission from counting. */
static void collect_faults(struct items *list, const struct roster *r, const struct roster_item *join)
{
	struct agent_id by;

	switch (fault_of(r, join, &by)) {
	case OUTSIDE_REVOKED:
		collect_about(list, join->invite, ENTRY_REVOKE);
		break;
	case OUTSIDE_DISPLACED:
		collect_users(list, r, join->invite);
		break;
	case OUTSIDE_VOID: /* who removed or demoted its signer, or its issuer */
		collect_about(list, join->signer, ENTRY_REMOVE);
		collect_about(list, join->signer, ENTRY_ADD);
		collect_about(list, join->issuer, ENTRY_REMOVE);
		collect_about(list, join->issuer, ENTRY_ADD);
		break;
	default:
		break;
	}
}

void roster_dismissal(const struct roster *r, const struct agent_id *id,
                      bool (*fn)(void *arg, const uint8_t *entry, size_t n), void *arg)
{
	const struct roster_agent *a = roster_agent_find(r, id);
	struct agent_id by;
	enum roster_outside why = roster_outside(r, id, &by);
	struct items list = { 0 };
	const struct roster_item *it;
	int asked = 0;

	if (why == OUTSIDE_MEMBER || why == OUTSIDE_FULL || why == OUTSIDE_UNKNOWN)
		return;
	collect_about(&list, a, ENTRY_REMOVE);
	collect_about(&list, a, ENTRY_LEAVE);
	collect_about(&list, a, ENTRY_ADD);
	/* A removal, or its own leave, is proof enough; what happened to others since is news, which it is not told. */
	DL_FOREACH2(a->about, it, target_next) {
		if (why != OUTSIDE_REMOVED && why != OUTSIDE_LEFT && it->e.kind == ENTRY_JOIN && !it->valid &&
		    asked++ < FAULTS_ASKED)
			collect_faults(&list, r, it);
	}
	roster_proof(r, list.v, list.n, fn, arg);
	free(list.v);
}
