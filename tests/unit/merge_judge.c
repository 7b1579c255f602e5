/* What must hold when all have met: see merge_world.h and docs/roster.md. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "tests/unit/merge_world.h"

static char said[200];

/* Members by their places in the world, so that two rosters can be compared. */
static bool same_view(const struct merge_world *w, const struct roster *a, const struct roster *b)
{
	uint8_t x[32], y[32];

	for (size_t i = 0; i < w->nagents; i++) {
		const struct agent_id *id = identity_id(w->agents[i].self);

		if (roster_role(a, id) != roster_role(b, id))
			return false;
	}
	roster_digest(a, x);
	roster_digest(b, y);
	return memcmp(x, y, sizeof(x)) == 0;
}

static bool is_heard(void *arg, const struct roster_item *it)
{
	(void)arg;
	return it->heard;
}

static const char *judge_orders(struct merge_world *w)
{
	struct merge_agent *all[MERGE_AGENTS];
	size_t n = merge_actors(w, all);

	for (size_t i = 1; i < n; i++) {
		if (!same_view(w, all[0]->r, all[i]->r))
			return "two members see different members";
	}
	for (int round = 0; round < 3; round++) {
		struct roster *r = roster_new(&w->group);
		bool same;

		for (size_t i = 0; i < n; i++)
			merge_pour(r, all[(i + (size_t)round) % n]->r, round == 0 ? is_heard : NULL, NULL);
		same = same_view(w, r, all[0]->r);
		roster_free(r);
		if (!same)
			return round == 0 ? "what is told judges otherwise than what is kept"
			                  : "another order judges otherwise";
	}
	return NULL;
}

static bool names_entry(const struct roster_item *it, const struct roster_item *other)
{
	for (size_t i = 0; i < it->e.nnamed; i++) {
		if (memcmp(it->e.named + i * HASH_LEN, other->hash, HASH_LEN) == 0)
			return true;
	}
	return false;
}

static const char *judge_removals(const struct roster *r)
{
	struct roster_item *it;

	DL_FOREACH2(r->valid, it, valid_next) {
		const struct view_member *m = roster_view_find(r, &it->target->id);

		if (m == NULL || m->agent != it->target)
			continue;
		if (it->e.kind == ENTRY_REMOVE && (m->by->e.kind != ENTRY_ADD || !names_entry(m->by, it)))
			return "one that was removed is a member";
		if (it->e.kind == ENTRY_LEAVE && !names_entry(m->by, it))
			return "one that left is a member";
	}
	return NULL;
}

/* Whether an addition of a stands, leaves aside. */
static bool stands(const struct roster_agent *a)
{
	const struct roster_item *it;

	DL_FOREACH2(a->about, it, target_next) {
		if (it->valid && (it->e.kind == ENTRY_FOUND || it->e.kind == ENTRY_ADD || it->e.kind == ENTRY_JOIN) &&
		    !roster_weigh_defeated(it, false))
			return true;
	}
	return false;
}

static bool is_revoked(const struct roster *r, const struct agent_id *invite)
{
	const struct roster_item *it;

	DL_FOREACH2(r->valid, it, valid_next) {
		if (it->e.kind == ENTRY_REVOKE && agent_id_equal(&it->e.target, invite))
			return true;
	}
	return false;
}

static const char *judge_authority(const struct roster *r)
{
	const struct view *view = roster_view(r);
	bool owner = false, abandoned = false;
	size_t heard = 0;
	struct roster_item *it;

	for (size_t i = 0; i < view->n; i++) {
		const struct view_member *m = &view->members[i];

		owner |= rights_has(m->role, RIGHT_OWN);
		/* Except what made an owner of the one that removed it. */
		if (!stands(m->by->signer) && !(m->by->spared && m->by->target->acts_by == m->by))
			return "a member by the word of one that was removed";
		if (m->by->e.kind == ENTRY_JOIN && !stands(m->by->issuer))
			return "a member by the invite of one that was removed";
		if (m->by->e.kind == ENTRY_JOIN && is_revoked(r, &m->by->e.invite))
			return "a member by an invite that was taken back";
		if (m->by->e.kind == ENTRY_JOIN && !m->by->signer->admits)
			return "a member admitted by one that may not";
	}
	for (size_t i = 0; i < r->nsilenced; i++) {
		const struct roster_item *by = roster_weigh_standing(r->silenced[i]);

		/* Unless that ends and begins in a circle. */
		if (by != NULL && rights_has(by->e.role, RIGHT_OWN) && !r->silenced[i]->pardoned)
			return "an owner is silenced that nobody removed or demoted";
	}
	for (size_t i = 0; i < r->nspeakers; i++)
		heard += !r->speakers[i]->silenced;
	if (heard == 0 && owner)
		return "owners are all silenced";
	DL_FOREACH2(r->valid, it, valid_next)
		abandoned |= it->e.kind == ENTRY_LEAVE && it->e.abandon;
	return owner || abandoned ? NULL : "nobody is an owner";
}

/* Members that an invite alone let in, against its uses. */
static const char *judge_uses(struct merge_world *w, const struct roster *r)
{
	const struct view *view = roster_view(r);

	for (size_t i = 0; i < w->ninvites; i++) {
		uint32_t used = 0;

		for (size_t k = 0; k < view->n; k++) {
			const struct roster_item *by = view->members[k].by;

			used += by->e.kind == ENTRY_JOIN && agent_id_equal(&by->e.invite, &w->invites[i].name);
		}
		if (used > w->invites[i].invite.uses)
			return "an invite let in more than it says";
	}
	return NULL;
}

/* --- what the adversary may not change --- */

static bool is_honest(const struct merge_world *w, const struct roster_item *it)
{
	const struct merge_agent *a = merge_agent_of(w, &it->e.signer);

	return a != NULL && a->honest;
}

static bool pour_honest(void *arg, const struct roster_item *it)
{
	return is_honest(arg, it);
}

static bool by_honest(const struct merge_world *w, const struct view_member *m)
{
	return m != NULL && m->by->e.kind != ENTRY_JOIN && is_honest(w, m->by);
}

static const struct roster_item *find_item(const struct roster *r, const uint8_t hash[HASH_LEN])
{
	struct roster_item *it;

	HASH_FIND(hh, r->items, hash, HASH_LEN, it);
	return it;
}

static const char *judge_clean(struct merge_world *w, const struct roster *r, const struct roster *clean)
{
	struct roster_item *it;

	for (size_t i = 0; i < w->nagents; i++) {
		const struct agent_id *id = identity_id(w->agents[i].self);
		const struct view_member *c = roster_view_find(clean, id), *m = roster_view_find(r, id);

		if (c != NULL && c->by->e.kind != ENTRY_JOIN && w->agents[i].honest &&
		    (m == NULL || m->role != c->role))
			return "one that is not an owner pushed a member out";
		if (by_honest(w, m) && (c == NULL || c->role != m->role))
			return "one that is not an owner let somebody in";
	}
	DL_FOREACH2(clean->valid, it, valid_next) {
		const struct roster_item *other = find_item(r, it->hash);

		if ((it->e.kind == ENTRY_ADD || it->e.kind == ENTRY_REMOVE || it->e.kind == ENTRY_REVOKE) &&
		    (other == NULL || !other->valid))
			return "an owner's statement does not count because of one that is not an owner";
	}
	return NULL;
}

/* Of an owner's statements about one subject the last one counts. */
static const char *judge_last(struct merge_world *w, const struct roster *r)
{
	for (size_t i = 0; i < w->nsaid; i++) {
		struct roster_entry e;
		const struct roster_agent *a;
		const struct roster_item *it;

		if (roster_entry_parse(&e, w->said[i].bytes, w->said[i].n) < 0 || e.kind == ENTRY_JOIN)
			continue;
		a = roster_agent_find(r, &e.target);
		if (a == NULL)
			continue;
		DL_FOREACH2(a->about, it, target_next) {
			if (it->valid && it->e.kind == e.kind && it->e.abandon == e.abandon &&
			    agent_id_equal(&it->e.signer, &e.signer) && is_honest(w, it) && it->e.number < e.number)
				return "an owner's earlier statement counts";
		}
	}
	return NULL;
}

/* The last of each owner's statements is everywhere. */
static const char *judge_lost(struct merge_world *w, const struct roster *clean)
{
	struct roster *spoken = roster_new(&w->group);
	struct merge_agent *all[MERGE_AGENTS];
	size_t n = merge_actors(w, all);
	const char *why = NULL;
	struct roster_item *it;

	for (size_t i = 0; i < w->nsaid; i++)
		roster_put(spoken, i, w->said[i].bytes, w->said[i].n);
	roster_settle(spoken);
	DL_FOREACH2(spoken->valid, it, valid_next) {
		if (!is_honest(w, it) || it->e.kind == ENTRY_JOIN || it->e.kind == ENTRY_LEAVE ||
		    find_item(clean, it->hash) == NULL)
			continue;
		for (size_t i = 0; i < n && why == NULL; i++) {
			if (find_item(all[i]->r, it->hash) == NULL)
				why = "an owner's statement was pushed out";
		}
	}
	roster_free(spoken);
	return why;
}

static const char *judge_adversary(struct merge_world *w, const struct roster *r)
{
	struct roster *clean;
	const char *why;

	if (w->evil_owned)
		return NULL;
	clean = roster_new(&w->group);
	merge_pour(clean, r, pour_honest, w);
	why = judge_clean(w, r, clean);
	if (why == NULL && !w->put_back)
		why = judge_lost(w, clean);
	if (why == NULL && !w->put_back)
		why = judge_last(w, r);
	roster_free(clean);
	return why;
}

/* --- tokens --- */

struct showing {
	const struct roster_item *without;
};

static bool is_shown(void *arg, const struct roster_item *it)
{
	const struct showing *s = arg;

	return it != s->without && it->valid && (it->e.kind == ENTRY_FOUND || random_below(100) < 80);
}

/* Whether by all that is said it is a member after all: seniors answer, and stay. */
static bool is_undone(const struct roster *r, const struct roster *shown, const struct agent_id *former)
{
	struct roster *both = roster_new(&r->group);
	bool undone;

	merge_pour(both, r, NULL, NULL);
	merge_pour(both, shown, NULL, NULL);
	undone = roster_may(both, former, RIGHT_TAKE_PART);
	roster_free(both);
	return undone;
}

/* A former member shows what it had before its removal, and whatever else it may have heard since. */
static const char *judge_token(struct merge_world *w, const struct roster *r)
{
	struct roster_mark marks[ROSTER_MAX_OWNERS], lasting[ROSTER_MAX_OWNERS];
	size_t n = roster_marks(r, marks), nlasting = roster_lasting_marks(r, lasting);
	struct roster_item *it;

	if (!roster_shows(r, marks, n))
		return "an honest roster is refused by a joiner";
	DL_FOREACH2(r->valid, it, valid_next) {
		struct showing s = { .without = it };
		struct roster *old;
		bool fooled, again, known = false;

		for (size_t i = 0; i < n; i++)
			known |= marks[i].owner == agent_id_short(&it->e.signer);
		if (it->e.kind != ENTRY_REMOVE || !known || roster_view_find(r, &it->target->id) != NULL)
			continue;
		old = roster_new(&w->group);
		merge_pour(old, r, is_shown, &s);
		fooled = roster_view_find(old, &it->target->id) != NULL;
		w->counts[MERGE_OLD_SHOWN] += fooled;
		again = fooled && roster_still_shows(old, lasting, nlasting) && !is_undone(r, old, &it->target->id);
		fooled = fooled && roster_shows(old, marks, n);
		roster_free(old);
		if (fooled)
			return "a joiner believes a roster that is older than its invite";
		w->counts[MERGE_KEY_FOOLED] += again;
	}
	return NULL;
}

/* All but what ended the right of one owner. */
static bool is_before(void *arg, const struct roster_item *it)
{
	const struct agent_id *former = arg;

	return (it->valid || it->was_valid) &&
	       !(agent_id_equal(&it->e.target, former) &&
	         (it->e.kind == ENTRY_REMOVE || (it->e.kind == ENTRY_ADD && !rights_has(it->e.role, RIGHT_OWN))));
}

/* A former owner that has not heard of its removal, or says so, removes in turn those that removed it. */
static struct roster *fork_of(const struct merge_world *w, const struct roster *r, struct agent_id former)
{
	const struct identity *self = merge_agent_of(w, &former)->self;
	struct roster *fork = roster_new(&w->group);
	struct roster_item *it;

	merge_pour(fork, r, is_before, &former);
	DL_FOREACH2(r->valid, it, valid_next) {
		if (agent_id_equal(&it->e.target, &former) && it->e.kind == ENTRY_REMOVE)
			(void)roster_remove(fork, self, &it->e.signer, MERGE_NOW);
	}
	return fork;
}

/* Whether there are marks of all that removed it. */
static bool removers_are_marked(const struct roster *r, const struct agent_id *former, const struct roster_mark *marks,
                                size_t n)
{
	const struct roster_item *it;

	DL_FOREACH2(r->valid, it, valid_next) {
		bool marked = it->e.kind != ENTRY_REMOVE || !agent_id_equal(&it->e.target, former);

		for (size_t i = 0; i < n && !marked; i++)
			marked = marks[i].owner == agent_id_short(&it->e.signer);
		if (!marked)
			return false;
	}
	return true;
}

static const char *judge_forks(struct merge_world *w, const struct roster *r)
{
	struct roster_mark marks[ROSTER_MAX_OWNERS];
	size_t n = roster_lasting_marks(r, marks);

	for (size_t i = 0; i < w->nagents; i++) {
		struct agent_id id = *merge_id(&w->agents[i]);
		bool out = !roster_may(r, &id, RIGHT_TAKE_PART) && removers_are_marked(r, &id, marks, n);
		struct roster *fork = out ? fork_of(w, r, id) : NULL;
		bool shown = fork != NULL && roster_may(fork, &id, RIGHT_OWN);
		bool fooled = shown && roster_still_shows(fork, marks, n) && !is_undone(r, fork, &id);

		w->counts[MERGE_FORKED] += shown;
		roster_free(fork);
		if (fooled)
			return "a restored agent believes the fork of an owner that was removed before";
	}
	return NULL;
}

static bool take_told(void *arg, const uint8_t *entry, size_t n)
{
	(void)roster_put(arg, 0, entry, n);
	return true;
}

/* A key file that was made earlier is good for what members tell now, whoever is an owner no more. */
static const char *judge_key(struct merge_world *w, const struct roster *r)
{
	struct roster *told = roster_new(&w->group);
	bool good;

	roster_entries(r, take_told, told);
	roster_settle(told);
	good = roster_still_shows(told, w->marks, w->nmarks);
	w->counts[MERGE_OLD_KEY] += good && !roster_shows(told, w->marks, w->nmarks);
	roster_free(told);
	w->nmarks = roster_lasting_marks(r, w->marks);
	return good || w->put_back ? NULL : "an earlier key file is refused what members tell";
}

/* --- all --- */

const char *merge_judge(struct merge_world *w)
{
	const char *why = judge_orders(w);
	const struct roster *r = w->agents[0].r;

	if (why == NULL)
		why = judge_removals(r);
	if (why == NULL)
		why = judge_authority(r);
	if (why == NULL)
		why = judge_uses(w, r);
	if (why == NULL)
		why = judge_adversary(w, r);
	if (why == NULL)
		why = merge_heal(w) ? judge_token(w, w->agents[0].r)
		                    : "rosters never become the same once owners do their duty";
	if (why == NULL)
		why = judge_forks(w, w->agents[0].r);
	if (why == NULL)
		why = judge_key(w, w->agents[0].r);
	if (why == NULL)
		why = judge_orders(w);
	if (why == NULL && HASH_COUNT(r->items) > 4000)
		why = "a roster grows without bound";
	if (why != NULL)
		(void)snprintf(said, sizeof(said), "seed %llu: %s", (unsigned long long)w->seed, why);
	return why != NULL ? said : NULL;
}
