/* The members: every agent with an addition that nothing defeats, as far as there is room. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/group/roster_internal.h"

static int members_by_id(const void *a, const void *b)
{
	const struct view_member *x = a, *y = b;

	return memcmp(x->agent->id.b, y->agent->id.b, sizeof(x->agent->id.b));
}

/* 0: owners; 1: members by an owner's statement; 2: the invited, whom no owner has confirmed. */
static int class_of(const struct view_member *m)
{
	if (rights_has(m->role, RIGHT_OWN))
		return 0;
	return m->by->e.kind == ENTRY_JOIN ? 2 : 1;
}

/* The order in which members get the places when there are too few. Dates play no part, since their authors choose
 * them. */
static int members_by_claim(const void *a, const void *b)
{
	const struct view_member *x = a, *y = b;

	if (class_of(x) != class_of(y))
		return class_of(x) < class_of(y) ? -1 : 1;
	return memcmp(x->by->hash, y->by->hash, HASH_LEN);
}

/* By short ID, then as members_by_claim(), except for the hash, which changes with every statement about the same
 * agent. */
static int members_by_short(const void *a, const void *b)
{
	const struct view_member *x = a, *y = b;
	uint64_t x_short = agent_id_short(&x->agent->id), y_short = agent_id_short(&y->agent->id);

	if (x_short != y_short)
		return x_short < y_short ? -1 : 1;
	if (class_of(x) != class_of(y))
		return class_of(x) < class_of(y) ? -1 : 1;
	return members_by_id(a, b);
}

/* Two agents with the same short ID cannot both be members. An admission can be about any ID that its author makes
 * up, so the confirmed agent is the member. */
static void drop_same_short(struct view *v)
{
	size_t kept = 0;

	qsort(v->members, v->n, sizeof(v->members[0]), members_by_short);
	for (size_t i = 0; i < v->n; i++) {
		if (kept > 0 &&
		    agent_id_short(&v->members[kept - 1].agent->id) == agent_id_short(&v->members[i].agent->id))
			continue;
		v->members[kept++] = v->members[i];
	}
	v->n = kept;
}

/* Short IDs are made unique before the bound is applied, so that doubles take nobody's place. */
static void view_fill(const struct roster *r, struct view *v)
{
	struct roster_agent *a, *tmp;

	v->members = mem_realloc(v->members, HASH_COUNT(r->agents) + 1, sizeof(v->members[0]));
	v->n = 0;
	HASH_ITER(hh, r->agents, a, tmp) {
		struct view_member *m = &v->members[v->n];
		struct roster_item *by = roster_weigh_deciding(a);

		if (by == NULL)
			continue;
		memset(m, 0, sizeof(*m));
		m->agent = a;
		m->by = by;
		m->role = by->e.role;
		memcpy(m->name, by->e.member_name, by->e.member_name_n);
		v->n++;
	}
	drop_same_short(v);
	if (v->n > ROSTER_MAX_MEMBERS) {
		qsort(v->members, v->n, sizeof(v->members[0]), members_by_claim);
		v->n = ROSTER_MAX_MEMBERS;
	}
	qsort(v->members, v->n, sizeof(v->members[0]), members_by_id);
	v->fresh = true;
}

const struct view *roster_view(const struct roster *r)
{
	if (!r->view->fresh)
		view_fill(r, r->view);
	return r->view;
}

/* --- what it tells --- */

/* The first member whose ID is not below id; view->n when there is none. */
static size_t member_from(const struct view *view, const struct agent_id *id)
{
	size_t low = 0, high = view->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (memcmp(view->members[mid].agent->id.b, id->b, sizeof(id->b)) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct view_member *roster_view_find(const struct roster *r, const struct agent_id *id)
{
	const struct view *view = roster_view(r);
	size_t i = member_from(view, id);

	return i < view->n && agent_id_equal(&view->members[i].agent->id, id) ? &view->members[i] : NULL;
}

enum role roster_role(const struct roster *r, const struct agent_id *id)
{
	const struct view_member *m = roster_view_find(r, id);

	return m != NULL ? m->role : ROLE_NONE;
}

bool roster_may(const struct roster *r, const struct agent_id *id, enum right right)
{
	return rights_has(roster_role(r, id), right);
}

static void fill_member(struct roster_member *m, const struct view_member *v)
{
	m->id = v->agent->id;
	m->role = v->role;
	m->name = v->name;
	m->since_s = v->by->e.time_s;
}

void roster_members(const struct roster *r, bool (*fn)(void *arg, const struct roster_member *m), void *arg)
{
	const struct view *view = roster_view(r);

	for (size_t i = 0; i < view->n; i++) {
		struct roster_member m;

		fill_member(&m, &view->members[i]);
		if (!fn(arg, &m))
			return;
	}
}

bool roster_member_by_short(const struct roster *r, uint64_t short_id, struct roster_member *m)
{
	const struct view *view = roster_view(r);
	struct agent_id least = { { 0 } };
	size_t i;

	put_u64(least.b, short_id);
	i = member_from(view, &least);
	if (i == view->n || agent_id_short(&view->members[i].agent->id) != short_id)
		return false;
	fill_member(m, &view->members[i]);
	return true;
}

static size_t shared_start(const struct agent_id *a, const struct agent_id *b)
{
	char one[ID_TEXT_MAX], other[ID_TEXT_MAX];
	size_t n = 0;

	agent_id_text(one, a);
	agent_id_text(other, b);
	while (one[n] != '\0' && one[n] == other[n])
		n++;
	return n;
}

/* Members are in order of their IDs, so the two that share most of its beginning are its neighbours. */
size_t roster_id_apart(const struct roster *r, const struct agent_id *id)
{
	const struct view *view = roster_view(r);
	size_t i = member_from(view, id), same = 0, next;

	if (i > 0)
		same = shared_start(id, &view->members[i - 1].agent->id);
	if (i < view->n && agent_id_equal(&view->members[i].agent->id, id))
		i++;
	next = i < view->n ? shared_start(id, &view->members[i].agent->id) : 0;
	return (next > same ? next : same) + 1;
}

bool roster_has_room(const struct roster *r, const struct agent_id *id, enum role role)
{
	const struct view *view = roster_view(r);
	enum role old = roster_role(r, id);
	struct roster_member other;
	size_t owners = 0;

	for (size_t i = 0; i < view->n; i++)
		owners += rights_has(view->members[i].role, RIGHT_OWN);
	if (rights_has(role, RIGHT_OWN) && !rights_has(old, RIGHT_OWN) && owners >= ROSTER_MAX_OWNERS)
		return false;
	return old != ROLE_NONE ||
	       (view->n < ROSTER_MAX_MEMBERS && !roster_member_by_short(r, agent_id_short(id), &other));
}
