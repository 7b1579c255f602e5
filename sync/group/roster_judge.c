/* Which entries count, and who is a member. Everything here is a function of the set of entries alone, never of the order
 * in which they came, so all members that hold the same entries judge the same.
 *
 * 1. Owners speak in turn: the founder, then those that it made owners, then those that they made, and so on; within one
 *    such generation by ID. Whoever was removed or demoted by one that spoke before does not speak: none of its entries
 *    counts. All additions and removals of one that speaks count.
 * 2. Those who stand (they have an addition that no removal defeats, or have spoken) admit: a JOIN counts when its issuer
 *    has spoken and its admitter stands. All removals are known by now, so who was removed admits nobody, whatever date it writes.
 * 3. Leaves of those who stand count. They end a membership, not what the leaver had signed.
 * A member is who has an addition that is defeated by no removal, leave, or addition that names it. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "sync/group/roster_internal.h"

static bool is_leave(const struct item *it)
{
	return it->e.kind == ENTRY_REMOVE && it->target == it->signer;
}

static bool is_removal(const struct item *it)
{
	return it->e.kind == ENTRY_REMOVE && it->target != it->signer;
}

static bool names(const struct item *it, const struct item *other)
{
	for (size_t i = 0; i < it->e.nnamed; i++) {
		if (memcmp(it->e.named + i * HASH_LEN, other->hash, HASH_LEN) == 0)
			return true;
	}
	return false;
}

struct item *roster_judge_leave(const struct agent *a)
{
	struct item *it;

	DL_FOREACH2(a->about, it, target_next) {
		if (is_leave(it))
			return it;
	}
	return NULL;
}

/* Whether `other`, which is about the same agent, defeats the addition `it`. A leave counts only once its signer stands, so
 * it keeps nobody from standing. */
static bool defeats(const struct item *other, const struct item *it)
{
	if (!other->valid || other == it)
		return false;
	if (other->e.kind == ENTRY_ADD)
		return names(other, it);
	if (is_removal(other))
		return it->e.kind != ENTRY_ADD || !names(it, other);
	if (is_leave(other))
		return it->e.time_s <= other->e.time_s && !names(it, other);
	return false;
}

/* Of two undefeated additions, whether b is the one that counts: an owner's word before an invite's, the lower role, the
 * later, the greater hash. */
static bool outranks(const struct item *b, const struct item *a)
{
	bool a_join = a->e.kind == ENTRY_JOIN, b_join = b->e.kind == ENTRY_JOIN;

	if (a_join != b_join)
		return a_join;
	if (a->e.role != b->e.role)
		return b->e.role > a->e.role;
	if (a->e.time_s != b->e.time_s)
		return b->e.time_s > a->e.time_s;
	return memcmp(b->hash, a->hash, HASH_LEN) > 0;
}

/* The addition of a that counts; NULL when all are defeated. */
static struct item *addition(const struct agent *a)
{
	struct item *best = NULL, *it, *other;

	DL_FOREACH2(a->about, it, target_next) {
		bool defeated = false;

		if (!it->valid || it->e.kind == ENTRY_REMOVE)
			continue;
		DL_FOREACH2(a->about, other, target_next) {
			defeated = defeats(other, it);
			if (defeated || other->e.kind == ENTRY_JOIN)
				break;
		}
		if (!defeated && (best == NULL || outranks(it, best)))
			best = it;
	}
	return best;
}

bool roster_judge_removed(const struct agent *a)
{
	const struct item *it;

	DL_FOREACH2(a->about, it, target_next) {
		if (it->valid && is_removal(it))
			return true;
	}
	return false;
}

static void make_valid(struct roster *r, struct item *it)
{
	if (!it->was_valid) {
		DL_DELETE2(r->waiting, it, waiting_prev, waiting_next);
		r->nwaiting--;
	}
	it->valid = it->was_valid = true;
	DL_APPEND2(r->valid, it, valid_prev, valid_next);
}

bool roster_judge_counts(const struct roster *r, const struct item *it)
{
	switch (it->e.kind) {
	case ENTRY_FOUND:
		return it == r->founding;
	case ENTRY_ADD:
		return it->signer->acts_by != NULL;
	case ENTRY_JOIN:
		return it->issuer->acts_by != NULL && it->signer->stands_by != NULL;
	case ENTRY_REMOVE:
		return is_leave(it) ? it->signer->stands_by != NULL : it->signer->acts_by != NULL;
	}
	return false;
}

/* --- 1: owners --- */

struct queue {
	struct agent **a; /* owned */
	size_t n, cap;
};

static void queue_add(struct queue *q, struct agent *a)
{
	if (q->n == q->cap) {
		q->cap = q->cap == 0 ? 16 : q->cap * 2;
		q->a = mem_realloc(q->a, q->cap, sizeof(q->a[0]));
	}
	q->a[q->n++] = a;
}

static int by_id(const void *a, const void *b)
{
	const struct agent *const *x = a, *const *y = b;

	return memcmp((*x)->id.b, (*y)->id.b, sizeof((*x)->id.b));
}

/* All that a signed as an owner counts; those it makes owners speak in the next generation. */
static void speak(struct roster *r, struct agent *a, struct queue *next)
{
	struct item *it;

	DL_FOREACH2(a->signed_by, it, signer_next) {
		if (it->valid || (it->e.kind != ENTRY_ADD && !is_removal(it)))
			continue;
		make_valid(r, it);
		if (it->e.kind == ENTRY_ADD && it->e.role == ROLE_OWNER)
			queue_add(next, it->target);
	}
}

static void owners_speak(struct roster *r)
{
	struct queue now = { 0 }, next = { 0 }, empty;

	queue_add(&now, r->founding->target);
	while (now.n > 0) {
		qsort(now.a, now.n, sizeof(now.a[0]), by_id);
		for (size_t i = 0; i < now.n; i++) {
			struct agent *a = now.a[i];
			struct item *by = a->acts_by == NULL ? addition(a) : NULL;

			if (by == NULL || by->e.role != ROLE_OWNER)
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

/* --- 2 and 3: admissions, leaves --- */

static void stand(struct agent *a, struct queue *q)
{
	if (a->stands_by != NULL)
		return;
	a->stands_by = addition(a);
	/* An owner that spoke could have added as well as admitted, so a junior's removal does not undo either. */
	if (a->stands_by == NULL)
		a->stands_by = a->acts_by;
	if (a->stands_by != NULL)
		queue_add(q, a);
}

/* From those in q, who have come to stand, to those they admitted, and on. */
static void spread(struct roster *r, struct queue *q)
{
	struct item *it;

	while (q->n > 0) {
		struct agent *a = q->a[--q->n];

		DL_FOREACH2(a->signed_by, it, signer_next) {
			if (it->valid || (it->e.kind != ENTRY_JOIN && !is_leave(it)) || !roster_judge_counts(r, it))
				continue;
			make_valid(r, it);
			stand(it->target, q);
		}
	}
	free(q->a);
}

/* --- all --- */

void roster_judge(struct roster *r)
{
	struct item *it, *tmp;
	struct agent *a, *a_tmp;
	struct queue q = { 0 };

	r->view->fresh = false;
	r->valid = NULL;
	HASH_ITER(hh, r->items, it, tmp)
		it->valid = false;
	HASH_ITER(hh, r->agents, a, a_tmp)
		a->acts_by = a->stands_by = NULL;
	if (r->founding == NULL)
		return;
	make_valid(r, r->founding);
	owners_speak(r);
	HASH_ITER(hh, r->agents, a, a_tmp)
		stand(a, &q);
	spread(r, &q);
}

void roster_judge_one(struct roster *r, struct item *it)
{
	bool simple = it->e.kind == ENTRY_JOIN || is_leave(it);
	struct queue q = { 0 };

	/* A new agent that is no owner changes nothing for those who were there. */
	if (it->e.kind == ENTRY_ADD && it->e.role != ROLE_OWNER && it->target->about == it && it->target_next == NULL)
		simple = true;
	if (!simple) {
		roster_judge(r);
		return;
	}
	r->view->fresh = false;
	make_valid(r, it);
	stand(it->target, &q);
	spread(r, &q);
}

/* --- who is a member --- */

static int view_by_id(const void *a, const void *b)
{
	const struct view_member *x = a, *y = b;

	return memcmp(x->agent->id.b, y->agent->id.b, sizeof(x->agent->id.b));
}

/* Who has a place when there are more than places: owners, then by date, then by ID. */
static int view_by_claim(const void *a, const void *b)
{
	const struct view_member *x = a, *y = b;
	bool x_owner = x->role == ROLE_OWNER, y_owner = y->role == ROLE_OWNER;

	if (x_owner != y_owner)
		return x_owner ? -1 : 1;
	if (x->by->e.time_s != y->by->e.time_s)
		return x->by->e.time_s < y->by->e.time_s ? -1 : 1;
	return view_by_id(a, b);
}

/* Two agents whose short IDs are the same cannot both be members; the smaller ID is. members are sorted by ID. */
static void drop_same_short(struct view *v)
{
	size_t kept = 0;

	for (size_t i = 0; i < v->n; i++) {
		if (kept > 0 &&
		    agent_id_short(&v->members[kept - 1].agent->id) == agent_id_short(&v->members[i].agent->id))
			continue;
		v->members[kept++] = v->members[i];
	}
	v->n = kept;
}

static void view_fill(const struct roster *r, struct view *v)
{
	struct agent *a, *tmp;

	v->members = mem_realloc(v->members, HASH_COUNT(r->agents) + 1, sizeof(v->members[0]));
	v->n = 0;
	HASH_ITER(hh, r->agents, a, tmp) {
		struct view_member *m = &v->members[v->n];
		struct item *by = addition(a);

		if (by == NULL)
			continue;
		memset(m, 0, sizeof(*m));
		m->agent = a;
		m->by = by;
		m->role = by->e.role;
		memcpy(m->name, by->e.member_name, by->e.member_name_n);
		v->n++;
	}
	qsort(v->members, v->n, sizeof(v->members[0]), view_by_id);
	drop_same_short(v);
	if (v->n > ROSTER_MAX_MEMBERS) {
		qsort(v->members, v->n, sizeof(v->members[0]), view_by_claim);
		v->n = ROSTER_MAX_MEMBERS;
		qsort(v->members, v->n, sizeof(v->members[0]), view_by_id);
	}
	v->fresh = true;
}

const struct view *roster_judge_view(const struct roster *r)
{
	if (!r->view->fresh)
		view_fill(r, r->view);
	return r->view;
}
