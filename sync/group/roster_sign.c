/* Everything that this agent signs into a roster: its own leave; and as an owner, additions and removals. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "sync/group/roster_internal.h"

/* Puts a freshly built entry into the roster, where roster_settle() has yet to judge it; empties it. */
static int adopt(struct roster *r, struct bytes *entry)
{
	enum roster_add rc = roster_put(r, 0, entry->p, entry->len);

	bytes_clear(entry);
	return rc == ROSTER_PENDING ? 0 : -1;
}

static const struct roster_item *statement_about(const struct roster *r, const struct agent_id *self,
                                                 enum entry_kind kind, const struct agent_id *target)
{
	const struct roster_agent *a = target != NULL ? roster_agent_find(r, target) : NULL;
	const struct roster_item *it;

	if (a == NULL)
		return NULL;
	DL_FOREACH2(a->about, it, target_next) {
		if (it->e.kind == kind && agent_id_equal(&it->e.signer, self))
			return it;
	}
	return NULL;
}

static size_t statements_of_kind(const struct roster_agent *a, enum entry_kind kind)
{
	const struct roster_item *it;
	size_t n = 0;

	DL_FOREACH2(a->signed_by, it, signer_next)
		n += it->e.kind == kind;
	return n;
}

/* The next statement of self: number, digest, date. kind and target: which of its statements this one replaces. -1:
 * none is left. */
static int next_statement(struct roster *r, const struct identity *self, enum entry_kind kind,
                          const struct agent_id *target, int64_t now_s, struct roster_statement *statement)
{
	const struct agent_id *id = identity_id(self);
	const struct roster_agent *a = roster_agent_find(r, id);
	const struct roster_item *last = a != NULL ? roster_last_statement(a) : NULL;

	if (a != NULL && statement_about(r, id, kind, target) == NULL &&
	    statements_of_kind(a, kind) >= OWNER_MAX_STATEMENTS)
		return -1;
	statement->number = last != NULL ? last->e.number + 1 : 1;
	statement->time_s = now_s;
	if (a != NULL)
		roster_statements(a, kind, target, statement->statements);
	else
		memset(statement->statements, 0, sizeof(statement->statements));
	return 0;
}

/* --- leaving --- */

/* The number is above all that we signed. After the judgement we must be out, or the leave did not count. */
int roster_leave(struct roster *r, const struct identity *self, bool abandon, int64_t now_s, struct bytes *out)
{
	const struct agent_id *id = identity_id(self);
	struct bytes entry = BYTES_INIT(ROSTER_ENTRY_MAX);
	uint64_t number = 1;
	const struct roster_item *it;
	int rc;

	if (!roster_may(r, id, RIGHT_TAKE_PART))
		return -1;
	DL_FOREACH2(roster_agent_find(r, id)->signed_by, it, signer_next) {
		if (it->e.number >= number)
			number = it->e.number + 1;
	}
	rc = roster_entry_leave(&entry, self, &r->group, number, abandon, now_s);
	if (rc == 0)
		rc = bytes_append(out, entry.p, entry.len);
	if (rc == 0)
		rc = adopt(r, &entry);
	bytes_free(&entry);
	roster_settle(r);
	return rc < 0 || roster_may(r, id, RIGHT_TAKE_PART) ? -1 : 0;
}

bool roster_is_leave_of(const uint8_t *entry, size_t n, const struct agent_id *id)
{
	struct roster_entry e;

	return roster_entry_parse(&e, entry, n) == 0 && e.kind == ENTRY_LEAVE && agent_id_equal(&e.signer, id);
}

void roster_leaves(const struct roster *r, const struct agent_id *id,
                   bool (*fn)(void *arg, const uint8_t *entry, size_t n), void *arg)
{
	const struct roster_agent *a = roster_agent_find(r, id);
	const struct roster_item *it;

	if (a == NULL)
		return;
	DL_FOREACH2(a->signed_by, it, signer_next) {
		if (it->e.kind == ENTRY_LEAVE && !fn(arg, it->bytes, it->n))
			return;
	}
}

/* --- additions --- */

static bool is_leave(const struct roster_item *it)
{
	return it->e.kind == ENTRY_LEAVE;
}

static bool is_removal(const struct roster_item *it)
{
	return it->e.kind == ENTRY_REMOVE;
}

static bool is_addition(const struct roster_item *it)
{
	return it->e.kind == ENTRY_ADD || it->e.kind == ENTRY_FOUND;
}

static size_t name(const struct roster_agent *a, bool (*what)(const struct roster_item *it), uint8_t *named, size_t n)
{
	const struct roster_item *it;

	if (a == NULL)
		return n;
	DL_FOREACH2(a->about, it, target_next) {
		/* A leave may come to count later, when an older addition becomes known. */
		if ((it->valid || it->e.kind == ENTRY_LEAVE) && what(it) && n < ENTRY_NAMED_MAX)
			memcpy(named + n++ * HASH_LEN, it->hash, HASH_LEN);
	}
	return n;
}

size_t roster_name_leaves(const struct roster_agent *a, uint8_t named[ENTRY_NAMED_MAX * HASH_LEN])
{
	return name(a, is_leave, named, 0);
}

/* All entries that a new addition of a must name to stand. Removals first, since nothing else overrides them, then
 * what owners said of its role. An invite's statement yields by itself. */
static size_t name_all(const struct roster_agent *a, uint8_t named[ENTRY_NAMED_MAX * HASH_LEN])
{
	size_t n = name(a, is_removal, named, 0);

	n = name(a, is_leave, named, n);
	return name(a, is_addition, named, n);
}

/* The invite by which id came, if self has to keep saying so: from its own statement, or from an admission that
 * counts. */
static const struct agent_id *invite_of(const struct roster *r, const struct agent_id *self, const struct agent_id *id)
{
	const struct roster_item *own = statement_about(r, self, ENTRY_ADD, id), *it;
	const struct roster_agent *a = roster_agent_find(r, id);

	if (own != NULL && own->e.invited)
		return &own->e.invite;
	if (a == NULL)
		return NULL;
	DL_FOREACH2(a->about, it, target_next) {
		if (it->valid && it->e.invited)
			return &it->e.invite;
	}
	return NULL;
}

int roster_sign_add(struct roster *r, const struct identity *self, const struct statement_add *what, int64_t now_s)
{
	uint8_t named[ENTRY_NAMED_MAX * HASH_LEN];
	struct statement_add add = *what;
	struct bytes entry = BYTES_INIT(ROSTER_ENTRY_MAX);
	struct roster_statement statement;
	int rc = next_statement(r, self, ENTRY_ADD, add.target, now_s, &statement);

	add.named = named;
	add.nnamed = name_all(roster_agent_find(r, add.target), named);
	if (add.invite == NULL)
		add.invite = invite_of(r, identity_id(self), add.target);
	if (rc == 0)
		rc = roster_entry_add(&entry, self, &r->group, &statement, &add);
	if (rc == 0)
		rc = adopt(r, &entry);
	bytes_free(&entry);
	return rc;
}

/* --- removals --- */

/* A copy, since entries and agents go when they are replaced. */
struct standing {
	struct agent_id id;
	enum role role;
	char name[MEMBER_NAME_MAX + 1];
};

/* Members and removals that must still stand after an owner was removed or demoted. */
struct before {
	struct standing *members; /* owned */
	size_t n;
	struct agent_id *removed; /* owned */
	size_t nremoved;
};

static struct standing standing_of(const struct view_member *m)
{
	struct standing s = { .id = m->agent->id, .role = m->role };

	memcpy(s.name, m->name, sizeof(s.name));
	return s;
}

static void before_remember(const struct roster *r, struct before *b)
{
	const struct view *view = roster_view(r);
	struct roster_item *it;

	b->members = mem_calloc(view->n, sizeof(b->members[0]));
	b->n = view->n;
	for (size_t i = 0; i < b->n; i++)
		b->members[i] = standing_of(&view->members[i]);
	b->removed = mem_calloc(HASH_COUNT(r->items), sizeof(b->removed[0]));
	DL_FOREACH2(r->valid, it, valid_next) {
		if (it->e.kind == ENTRY_REMOVE && !roster_may(r, &it->target->id, RIGHT_TAKE_PART))
			b->removed[b->nremoved++] = it->target->id;
	}
}

static void before_forget(struct before *b)
{
	free(b->members);
	free(b->removed);
}

static int sign_removal(struct roster *r, const struct identity *self, const struct agent_id *id, int64_t now_s)
{
	struct bytes entry = BYTES_INIT(ROSTER_ENTRY_MAX);
	struct roster_statement statement;
	int rc = next_statement(r, self, ENTRY_REMOVE, id, now_s, &statement);

	if (rc == 0)
		rc = roster_entry_remove(&entry, self, &r->group, &statement, id);
	if (rc == 0)
		rc = adopt(r, &entry);
	bytes_free(&entry);
	return rc;
}

static int sign_revocation(struct roster *r, const struct identity *self, const struct agent_id *invite, int64_t now_s)
{
	struct bytes entry = BYTES_INIT(ROSTER_ENTRY_MAX);
	struct roster_statement statement;
	int rc = next_statement(r, self, ENTRY_REVOKE, invite, now_s, &statement);

	if (rc == 0)
		rc = roster_entry_revoke(&entry, self, &r->group, &statement, invite);
	if (rc == 0)
		rc = adopt(r, &entry);
	bytes_free(&entry);
	return rc;
}

/* Reduces the list of removals to those that no entry stands for any more. */
static size_t undone(const struct roster *r, struct before *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->nremoved; i++) {
		const struct roster_agent *a = roster_agent_find(r, &b->removed[i]);

		if (a == NULL || !roster_weigh_removed(a))
			b->removed[n++] = b->removed[i];
	}
	return n;
}

/* Reduces the list of members to those whose role has changed, except self and the subject. */
static size_t displaced(const struct roster *r, struct before *b, const struct agent_id *self,
                        const struct agent_id *subject)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++) {
		const struct agent_id *id = &b->members[i].id;

		if (!agent_id_equal(id, subject) && !agent_id_equal(id, self) &&
		    roster_role(r, id) != b->members[i].role)
			b->members[n++] = b->members[i];
	}
	return n;
}

/* Signs again what stood only by the statement of the owner that was removed or demoted. Removals first: they may take
 * members with them. */
static int restore(struct roster *r, const struct identity *self, struct before *b, const struct agent_id *subject,
                   int64_t now_s)
{
	int rc = 0;

	b->nremoved = undone(r, b);
	for (size_t i = 0; i < b->nremoved; i++)
		rc |= sign_removal(r, self, &b->removed[i], now_s);
	roster_settle(r);
	b->n = displaced(r, b, identity_id(self), subject);
	for (size_t i = 0; i < b->n; i++) {
		const struct standing *m = &b->members[i];

		rc |= roster_sign_add(r, self,
		                      &(struct statement_add){ .target = &m->id,
		                                               .role = m->role,
		                                               .member_name = m->name },
		                      now_s);
	}
	roster_settle(r);
	return rc;
}

int roster_grant(struct roster *r, const struct identity *self, const struct agent_id *id, enum role role,
                 const char *member_name, int64_t now_s)
{
	struct before before = { 0 };
	int rc;

	if (!roster_may(r, identity_id(self), RIGHT_OWN) || role == ROLE_NONE ||
	    agent_id_equal(identity_id(self), id) || !roster_has_room(r, id, role))
		return -1;
	before_remember(r, &before);
	rc = roster_sign_add(r, self, &(struct statement_add){ .target = id, .role = role, .member_name = member_name },
	                     now_s);
	roster_settle(r);
	if (rc == 0)
		rc = restore(r, self, &before, id, now_s);
	before_forget(&before);
	return rc == 0 && roster_role(r, id) == role ? 0 : -1;
}

int roster_remove(struct roster *r, const struct identity *self, const struct agent_id *id, int64_t now_s)
{
	struct before before = { 0 };
	const struct agent_id *invite;
	struct agent_id by;
	int rc;

	if (!roster_may(r, identity_id(self), RIGHT_OWN) || !roster_may(r, id, RIGHT_TAKE_PART) ||
	    agent_id_equal(identity_id(self), id))
		return -1;
	before_remember(r, &before);
	invite = invite_of(r, identity_id(self), id);
	if (invite != NULL)
		by = *invite;
	rc = sign_removal(r, self, id, now_s);
	/* It still has the token by which it came, and could return by it under another name. */
	if (rc == 0 && invite != NULL)
		rc = sign_revocation(r, self, &by, now_s);
	roster_settle(r);
	if (rc == 0)
		rc = restore(r, self, &before, id, now_s);
	before_forget(&before);
	return rc == 0 && !roster_may(r, id, RIGHT_TAKE_PART) ? 0 : -1;
}

int roster_revoke(struct roster *r, const struct identity *self, const struct agent_id *invite, int64_t now_s)
{
	int rc;

	if (!roster_may(r, identity_id(self), RIGHT_OWN))
		return -1;
	rc = sign_revocation(r, self, invite, now_s);
	roster_settle(r);
	return rc;
}

/* --- duties --- */

static bool is_told_by_owner(const struct view_member *m)
{
	return m->by->e.kind != ENTRY_JOIN;
}

/* How many agents that came by an invite may be confirmed, so that enough statements are left for the owner's own
 * acts. */
static size_t may_confirm(const struct roster_agent *self)
{
	size_t used = statements_of_kind(self, ENTRY_ADD), limit = OWNER_MAX_STATEMENTS - OWNER_ROOM_STATEMENTS;

	return used < limit ? limit - used : 0;
}

static size_t confirm(struct roster *r, const struct identity *self, int64_t now_s)
{
	const struct roster_agent *a = roster_agent_find(r, identity_id(self));
	const struct view *view = roster_view(r);
	struct standing *invited = mem_calloc(view->n + 1, sizeof(invited[0]));
	size_t n = 0, signed_n = 0, room = may_confirm(a);

	for (size_t i = 0; i < view->n && n < room && n < ROSTER_CONFIRM_AT_ONCE; i++) {
		if (!is_told_by_owner(&view->members[i]))
			invited[n++] = standing_of(&view->members[i]);
	}
	for (size_t i = 0; i < n; i++) {
		const struct statement_add add = { .target = &invited[i].id,
			                           .role = invited[i].role,
			                           .member_name = invited[i].name };

		signed_n += roster_sign_add(r, self, &add, now_s) == 0;
	}
	free(invited);
	roster_settle(r);
	return signed_n;
}

/* Whether there are statements of ours that this home does not know, since it is older than they are. Then no list of
 * our statements would be complete; a revocation of nothing covers all of them. */
static bool is_own_statement_missing(const struct roster *r, const struct identity *self)
{
	const struct roster_agent *a = roster_agent_find(r, identity_id(self));
	const struct roster_item *last = roster_last_statement(a);
	uint8_t statements[HASH_LEN];

	if (last == NULL || last->e.kind == ENTRY_FOUND)
		return false;
	if (last->e.statements == NULL)
		return true;
	roster_statements(a, last->e.kind, &last->e.target, statements);
	return memcmp(statements, last->e.statements, HASH_LEN) != 0;
}

bool roster_do_duty(struct roster *r, const struct identity *self, int64_t now_s)
{
	static const struct agent_id nothing;
	bool said = false;

	if (!roster_may(r, identity_id(self), RIGHT_OWN))
		return false;
	said = confirm(r, self, now_s) > 0;
	if (is_own_statement_missing(r, self))
		said |= sign_revocation(r, self, &nothing, now_s) == 0;
	roster_settle(r);
	return said;
}
