/* The invites that a roster knows of. Their issuers' notes tell all members of them, so that any owner can list them
 * and take them back, although another one made them; the notes decide nothing. An invite without a note, such as one
 * that an older agent made, is known once an agent has used it. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "sync/group/roster_internal.h"

/* --- the list --- */

static int items_by_invite(const void *a, const void *b)
{
	const struct roster_item *const *x = a, *const *y = b;

	return memcmp((*x)->invite->id.b, (*y)->invite->id.b, sizeof((*x)->invite->id.b));
}

static int invites_by_expiry(const void *a, const void *b)
{
	const struct roster_invite *x = a, *y = b;

	if (x->expires_s != y->expires_s)
		return x->expires_s < y->expires_s ? -1 : 1;
	return memcmp(x->id.b, y->id.b, sizeof(x->id.b));
}

/* What one entry says of its invite. */
static void tell(struct roster_invite *i, const struct roster_item *it)
{
	if (it->e.kind == ENTRY_ADD || i->told)
		return;
	i->told = true;
	i->role = it->e.role;
	i->expires_s = it->e.expires_s;
	i->uses = it->e.uses;
	i->issuer = it->e.issuer;
}

static bool still_lets_in(const struct roster *r, const struct roster_invite *i)
{
	const struct roster_agent *issuer = roster_agent_find(r, &i->issuer);

	return issuer != NULL && issuer->acts_by != NULL && !issuer->silenced;
}

/* All entries that count and speak of an invite, grouped by it. */
static struct roster_item **items_of_invites(const struct roster *r, size_t *n)
{
	struct roster_item **items = mem_calloc(HASH_COUNT(r->items) + 1, sizeof(items[0])), *it;

	*n = 0;
	DL_FOREACH2(r->valid, it, valid_next) {
		if (it->invite != NULL)
			items[(*n)++] = it;
	}
	qsort(items, *n, sizeof(items[0]), items_by_invite);
	return items;
}

void roster_invites(const struct roster *r, bool (*fn)(void *arg, const struct roster_invite *i), void *arg)
{
	size_t nitems, n = 0;
	struct roster_item **items = items_of_invites(r, &nitems);
	struct roster_invite *invites = mem_calloc(nitems + 1, sizeof(invites[0]));

	for (size_t i = 0; i < nitems; i++) {
		if (i == 0 || items[i]->invite != items[i - 1]->invite) {
			invites[n].id = items[i]->invite->id;
			invites[n].used = items[i]->invite->used;
			invites[n++].revoked = items[i]->invite->revoked;
		}
		tell(&invites[n - 1], items[i]);
	}
	free(items);
	for (size_t i = 0; i < n; i++)
		invites[i].valid = still_lets_in(r, &invites[i]);
	qsort(invites, n, sizeof(invites[0]), invites_by_expiry);
	for (size_t i = 0; i < n && fn(arg, &invites[i]); i++)
		;
	free(invites);
}

void roster_invite_users(const struct roster *r, const struct agent_id *invite,
                         bool (*fn)(void *arg, const struct agent_id *id, bool member), void *arg)
{
	const struct roster_agent *i = roster_agent_find(r, invite);
	const struct roster_item *it;

	if (i == NULL)
		return;
	DL_FOREACH2(r->valid, it, valid_next) {
		const struct roster_agent *a = it->target;

		if (it->invite != i || it->e.kind == ENTRY_INVITE || roster_weigh_came_by(a, i, it))
			continue;
		if (!fn(arg, &a->id, roster_view_find(r, &a->id) != NULL))
			return;
	}
}

/* --- what we sign --- */

/* Above all that we have signed, so that it takes the place of the slot's last note. */
static uint64_t next_number(const struct roster_agent *self)
{
	const struct roster_item *it;
	uint64_t number = 1;

	DL_FOREACH2(self->signed_by, it, signer_next) {
		if (it->e.number >= number)
			number = it->e.number + 1;
	}
	return number;
}

static bool is_over(const struct roster_item *note, int64_t now_s)
{
	return note->e.expires_s < now_s || note->invite->revoked || note->invite->used >= note->e.uses;
}

/* A slot that is free, or whose invite is over; else the one of the oldest note. */
static uint8_t choose_slot(const struct roster_agent *self, int64_t now_s)
{
	const struct roster_item *notes[INVITE_SLOTS] = { NULL }, *it;
	size_t best = 0;

	DL_FOREACH2(self->signed_by, it, signer_next) {
		if (it->e.kind == ENTRY_INVITE)
			notes[it->e.target.b[sizeof(it->e.target.b) - 1]] = it;
	}
	for (size_t i = 0; i < INVITE_SLOTS; i++) {
		if (notes[i] == NULL || is_over(notes[i], now_s))
			return (uint8_t)i;
		if (notes[i]->e.number < notes[best]->e.number)
			best = i;
	}
	return (uint8_t)best;
}

int roster_note_invite(struct roster *r, const struct identity *self, const struct invite *invite, int64_t now_s)
{
	const struct roster_agent *a = roster_agent_find(r, identity_id(self));
	struct identity *bearer;
	struct bytes entry = BYTES_INIT(ROSTER_ENTRY_MAX);
	struct invite_note note = { .time_s = now_s, .invite = invite };
	int rc;

	if (a == NULL || !roster_may(r, identity_id(self), RIGHT_INVITE))
		return -1;
	bearer = identity_from_seed(invite->seed);
	note.number = next_number(a);
	note.slot = choose_slot(a, now_s);
	note.key = identity_public_key(bearer);
	rc = roster_entry_invite(&entry, self, &note);
	if (rc == 0)
		rc = roster_put(r, 0, entry.p, entry.len) == ROSTER_PENDING ? 0 : -1;
	bytes_free(&entry);
	identity_free(bearer);
	roster_settle(r);
	return rc;
}
