/* What roles mean for the index. A reader's index and a writer's are two: what a reader lists was never ours to vouch
 * for, and what a writer made and nobody took is not the group's when it may not write any more. So when our own role
 * changes, the engine starts again: all rows become doubtful (index_doubt), and members are asked for all of theirs. A
 * reader does that too when a member that it heard may not write any more, or has begun a new epoch: what that one said
 * may have come to nothing, and nobody else would say so. */
#include <stdlib.h>

#include "agent/engine/engine_internal.h"
#include "base/log.h"
#include "base/mem.h"

enum { AT_ONCE = 500 };

/* Values of the index: the role under which it was filled (enum role; 0: not noted yet), whether it has to be filled
 * again, and whether it may have doubtful rows. */
static const char role_name_key[] = "role", again_key[] = "list again", doubtful_key[] = "doubtful rows";

static enum role own_role(const struct engine *e)
{
	return roster_role(e->roster, identity_id(e->context->self));
}

static bool same_rights(enum role a, enum role b)
{
	return rights_has(a, RIGHT_WRITE) == rights_has(b, RIGHT_WRITE);
}

/* --- at the start --- */

/* Rows of changes that were made here and that no member has settled. */
struct own_changes {
	uint64_t self, last;
	char **paths; /* owned */
	size_t n, max;
};

static void own_changes_add(struct own_changes *own, const char *path)
{
	if (own->n == own->max) {
		own->max = own->max > 0 ? 2 * own->max : 16;
		own->paths = mem_realloc(own->paths, own->max, sizeof(*own->paths));
	}
	own->paths[own->n++] = mem_strdup(path);
}

static bool role_note_own(void *arg, const struct record *r)
{
	struct own_changes *own = arg;

	own->last = r->seq;
	if (!r->deleted && !r->absent && r->modified_by == own->self)
		own_changes_add(own, r->path);
	return true;
}

static int own_changes_find(struct engine *e, struct own_changes *own)
{
	int n;

	*own = (struct own_changes){ .self = agent_id_short(identity_id(e->context->self)) };
	own->last = peers_settled(e->roster, e->index);
	do
		n = index_since(e->index, own->last, AT_ONCE, role_note_own, own);
	while (n == AT_ONCE);
	return n < 0 ? -1 : 0;
}

static void own_changes_clear(struct own_changes *own)
{
	for (size_t i = 0; i < own->n; i++)
		free(own->paths[i]);
	free(own->paths);
}

/* A change of ours from now on, as if the scan had just found it. */
static int change_again(struct engine *e, uint64_t self, const char *path)
{
	struct record row = { 0 };
	int rc = index_get(e->index, path, &row);

	if (rc > 0)
		rc = index_put_change(e->index, &row, NULL, self);
	record_clear(&row);
	return rc;
}

/* What a reader changed while it was a member stays its own; a member's changes are still the group's. */
static int role_doubt_all(struct engine *e)
{
	struct own_changes own;
	int rc = own_changes_find(e, &own);

	for (size_t i = 0; rc == 0 && index_is_reader(e->index) && i < own.n; i++)
		rc = index_set_aside(e->index, own.paths[i], ASIDE_READER);
	if (rc == 0)
		rc = index_doubt(e->index);
	if (rc == 0)
		rc = index_meta_put(e->index, doubtful_key, 1);
	for (size_t i = 0; rc == 0 && !index_is_reader(e->index) && i < own.n; i++)
		rc = change_again(e, own.self, own.paths[i]);
	own_changes_clear(&own);
	return rc;
}

static bool has_to_doubt(struct engine *e)
{
	int64_t was = ROLE_NONE, again = 0;

	if (own_role(e) == ROLE_NONE || index_meta_get(e->index, role_name_key, &was) < 0 ||
	    index_meta_get(e->index, again_key, &again) < 0)
		return false;
	return again != 0 || (was != ROLE_NONE && !same_rights((enum role)was, own_role(e)));
}

bool engine_role_doubt(struct engine *e)
{
	int64_t noted = ROLE_NONE, doubtful;
	enum role role = own_role(e);

	e->again = false;
	e->doubtful = index_meta_get(e->index, doubtful_key, &doubtful) > 0 && doubtful != 0;
	(void)index_meta_get(e->index, role_name_key, &noted);
	if (role == ROLE_NONE) /* as long as it is outside, it stays what it was */
		role = (enum role)noted;
	index_set_reader(e->index, role != ROLE_NONE && !rights_has(role, RIGHT_WRITE));
	if (!has_to_doubt(e)) {
		if (role != (enum role)noted)
			(void)index_meta_put(e->index, role_name_key, role);
		return false;
	}
	engine_log(e, LOG_INFO, "group %s: this agent is %s: it lists again what all members have", engine_name(e),
	           role_name(role));
	/* In this order: after a crash in between all is doubted once more. */
	if (role_doubt_all(e) == 0 && index_meta_put(e->index, again_key, 0) == 0)
		(void)index_meta_put(e->index, role_name_key, role);
	return true;
}

/* --- while it runs --- */

static bool note_unlisted(void *arg, const struct record *r)
{
	struct own_changes *left = arg;

	own_changes_add(left, r->path);
	return true;
}

/* Nobody has what is left: it was deleted, or only those had it that do not count any more. If a member tells of it
 * later, it is the group's again (fetch_record). */
void engine_role_turn(struct engine *e)
{
	struct own_changes left = { 0 };

	if (!e->doubtful || e->phase != PHASE_RUNNING || e->index == NULL || e->peers == NULL ||
	    !peer_group_heard(e->peers))
		return;
	if (index_doubtful(e->index, note_unlisted, &left) == 0) {
		for (size_t i = 0; i < left.n; i++) {
			if (!index_is_offered(e->index, left.paths[i]))
				(void)index_set_aside(e->index, left.paths[i], ASIDE_READER);
		}
		e->doubtful = false;
		(void)index_meta_put(e->index, doubtful_key, 0);
	}
	own_changes_clear(&left);
}

static void again_note(struct engine *e)
{
	int64_t noted = 0;

	if (index_meta_get(e->index, again_key, &noted) >= 0 && noted == 0)
		(void)index_meta_put(e->index, again_key, 1);
}

void engine_role_list_again(struct engine *e)
{
	if (e->phase != PHASE_RUNNING && e->phase != PHASE_EXCLUDED)
		return;
	again_note(e);
	e->again = true;
	engine_enter(e, PHASE_LOST);
}

/* What a peer said in its earlier role, and is not in our rows, is forgotten. True if it was one that may write. */
static bool forget_said(struct engine *e, uint64_t peer, bool is_member)
{
	struct index_peer p;
	bool heard = index_peer_get(e->index, peer, &p) == 0 && p.received > 0;

	if (!heard && (is_member || p.epoch == 0))
		return false;
	p.received = 0;
	if (is_member ? index_offers_forget_peer(e->index, peer) < 0 || index_peer_put(e->index, peer, &p) < 0
	              : index_peer_forget(e->index, peer) < 0)
		return heard;
	if (e->fetch)
		fetch_peer_left(e->fetch, peer);
	return heard;
}

/* A vault says what others gave it. What an agent said before it became one is its own, and goes. */
static bool speaks_for_others(const struct engine *e, const struct roster_member *m)
{
	return roster_sealed(e->roster) && rights_has(m->role, RIGHT_STORE) &&
	       rights_has(engine_members_role(e, &m->id), RIGHT_STORE);
}

/* What is stored in a vault does not depend on who told it, so only the numbers of those who left go. */
static bool is_to_forget(const struct engine *e, bool is_member, const struct roster_member *m)
{
	if (!is_member || e->was_vault)
		return !is_member;
	return !rights_has(m->role, RIGHT_WRITE) && !speaks_for_others(e, m);
}

/* The engine starts again as a vault, or stops since it was one. */
static bool role_takes_another_engine(struct engine *e)
{
	if (e->was_vault == engine_is_vault(e))
		return false;
	if (engine_may_be_lost(e)) {
		e->again = true;
		engine_enter(e, PHASE_LOST);
	}
	return true;
}

void engine_role_told(struct engine *e)
{
	struct roster_member m;
	bool lost = false;
	uint64_t *peers;
	int n = index_peers(e->index, &peers);

	for (int i = 0; i < n; i++) {
		bool is_member = roster_member_by_short(e->roster, peers[i], &m);

		if (is_to_forget(e, is_member, &m))
			lost |= forget_said(e, peers[i], is_member);
	}
	free(peers);
	if (e->vault != NULL)
		engine_vault_roster_told(e);
	if (role_takes_another_engine(e) || e->was_vault)
		return;
	if (own_role(e) == ROLE_NONE)
		again_note(e); /* it may be let in again one day */
	else if (e->phase == PHASE_EXCLUDED || (lost && index_is_reader(e->index)) || has_to_doubt(e))
		engine_role_list_again(e);
}
