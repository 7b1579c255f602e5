/* What this agent signs into a roster: its own leave, and as an owner additions and removals. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "sync/group/roster_internal.h"

/* Adds an entry that was just built to the roster; empties it. */
static int adopt(struct roster *r, struct bytes *entry)
{
	enum roster_add rc = roster_add(r, entry->p, entry->len);

	bytes_clear(entry);
	return rc == ROSTER_ADDED ? 0 : -1;
}

/* A date for a removal that self signs now. Clocks differ, and it must not be earlier than the one it replaces, nor a leave
 * earlier than what it ends. */
static int64_t removal_date(const struct agent *target, const struct agent_id *self, int64_t now_s)
{
	const struct item *it;
	bool leave = agent_id_equal(&target->id, self);

	DL_FOREACH2(target->about, it, target_next) {
		bool replaced = it->e.kind == ENTRY_REMOVE && agent_id_equal(&it->e.signer, self);

		if ((leave || replaced) && it->e.time_s >= now_s)
			now_s = it->e.time_s + replaced;
	}
	return now_s;
}

int roster_leave(struct roster *r, const struct identity *self, int64_t now_s, struct bytes *out)
{
	const struct agent_id *id = identity_id(self);
	struct bytes entry = BYTES_INIT(ROSTER_ENTRY_MAX);
	int rc;

	if (roster_role(r, id) == ROLE_NONE)
		return -1;
	now_s = removal_date(roster_agent(r, id), id, now_s);
	rc = roster_entry_remove(&entry, self, &r->group, id, now_s);
	if (rc == 0)
		rc = bytes_append(out, entry.p, entry.len);
	if (rc == 0)
		rc = adopt(r, &entry);
	bytes_free(&entry);
	return rc;
}

/* Hashes of what must be named for a new addition of a to stand alone: removals first, which nothing else overrides, then
 * what owners said of its role. An invite's word yields by itself. At most ENTRY_NAMED_MAX; returns how many. */
static size_t name_all(const struct agent *a, uint8_t named[ENTRY_NAMED_MAX * HASH_LEN])
{
	struct item *it;
	size_t n = 0;

	for (int removals = 1; a != NULL && removals >= 0; removals--) {
		DL_FOREACH2(a->about, it, target_next) {
			if (!it->valid || it->e.kind == ENTRY_JOIN || (it->e.kind == ENTRY_REMOVE) != removals ||
			    n == ENTRY_NAMED_MAX)
				continue;
			memcpy(named + n++ * HASH_LEN, it->hash, HASH_LEN);
		}
	}
	return n;
}

static int grant(struct roster *r, const struct identity *self, const struct agent_id *id, enum role role,
                 const char *member_name, int64_t now_s)
{
	uint8_t named[ENTRY_NAMED_MAX * HASH_LEN];
	size_t n = name_all(roster_agent(r, id), named);
	struct bytes entry = BYTES_INIT(ROSTER_ENTRY_MAX);
	int rc;

	rc = roster_entry_add(&entry, self, &r->group, id, role, member_name, named, n, now_s);
	if (rc == 0)
		rc = adopt(r, &entry);
	bytes_free(&entry);
	return rc;
}

int roster_grant(struct roster *r, const struct identity *self, const struct agent_id *id, enum role role,
                 const char *member_name, int64_t now_s)
{
	if (roster_role(r, identity_id(self)) != ROLE_OWNER || role == ROLE_NONE ||
	    agent_id_equal(identity_id(self), id))
		return -1;
	if (roster_role(r, id) == ROLE_NONE && roster_judge_view(r)->n >= ROSTER_MAX_MEMBERS)
		return -1;
	return grant(r, self, id, role, member_name, now_s);
}

/* --- removal --- */

/* What must still be so after a removal. */
struct before {
	struct view_member *members; /* owned */
	size_t n;
	struct agent_id *removed; /* owned */
	size_t nremoved;
};

static void remember(const struct roster *r, struct before *b)
{
	const struct view *view = roster_judge_view(r);
	struct item *it;

	b->members = mem_dup(view->members, view->n * sizeof(view->members[0]));
	b->n = view->n;
	b->removed = mem_calloc(HASH_COUNT(r->items), sizeof(b->removed[0]));
	DL_FOREACH2(r->valid, it, valid_next) {
		if (it->e.kind == ENTRY_REMOVE && it->target != it->signer &&
		    roster_role(r, &it->target->id) == ROLE_NONE)
			b->removed[b->nremoved++] = it->target->id;
	}
}

static int remove_one(struct roster *r, const struct identity *self, const struct agent_id *id, int64_t now_s)
{
	struct bytes entry = BYTES_INIT(ROSTER_ENTRY_MAX);
	int rc;

	now_s = removal_date(roster_agent(r, id), identity_id(self), now_s);
	rc = roster_entry_remove(&entry, self, &r->group, id, now_s);
	if (rc == 0)
		rc = adopt(r, &entry);
	bytes_free(&entry);
	return rc;
}

/* Signs anew what stood only by the word of the one who was removed. */
static int restore(struct roster *r, const struct identity *self, const struct before *b, const struct agent_id *gone,
                   int64_t now_s)
{
	int rc = 0;

	for (size_t i = 0; i < b->nremoved; i++) {
		const struct agent *a = roster_agent(r, &b->removed[i]);

		if (a != NULL && !roster_judge_removed(a))
			rc |= remove_one(r, self, &b->removed[i], now_s);
	}
	for (size_t i = 0; i < b->n; i++) {
		const struct view_member *m = &b->members[i];

		if (!agent_id_equal(&m->agent->id, gone) && roster_role(r, &m->agent->id) == ROLE_NONE)
			rc |= grant(r, self, &m->agent->id, m->role, m->name, now_s);
	}
	return rc;
}

int roster_remove(struct roster *r, const struct identity *self, const struct agent_id *id, int64_t now_s)
{
	struct before before = { 0 };
	int rc;

	if (roster_role(r, identity_id(self)) != ROLE_OWNER || roster_role(r, id) == ROLE_NONE ||
	    agent_id_equal(identity_id(self), id))
		return -1;
	remember(r, &before);
	rc = remove_one(r, self, id, now_s);
	if (rc == 0)
		rc = restore(r, self, &before, id, now_s);
	free(before.members);
	free(before.removed);
	return rc;
}
