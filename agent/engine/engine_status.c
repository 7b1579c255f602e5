/* The state of an engine for users: see engine.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/engine/engine_internal.h"
#include "agent/engine/engine_keys.h"
#include "agent/engine/engine_vaults.h"
#include "base/clock.h"
#include "base/mem.h"

enum { ASIDES_LOOK = 4096 }; /* paths that are set aside, of which some are a reader's */

const char *engine_state_name(enum engine_state s)
{
	static const char *const names[] = {
		[ENGINE_JOINING] = "joining", [ENGINE_SCANNING] = "scanning", [ENGINE_SYNCING] = "syncing",
		[ENGINE_IN_SYNC] = "in-sync", [ENGINE_WAITING] = "waiting",   [ENGINE_PAUSED] = "paused",
		[ENGINE_ERROR] = "error",     [ENGINE_RESTORED] = "restored",
	};

	return names[s];
}

/* --- state --- */

static bool count_peer(void *arg, const struct peer_group_peer *p)
{
	(void)p;
	++*(size_t *)arg;
	return true;
}

static enum engine_state public_state(struct engine *e, const struct engine_status *s)
{
	if (s->error)
		return ENGINE_ERROR;
	if (engine_joins(e))
		return e->restored ? ENGINE_RESTORED : ENGINE_JOINING;
	if (e->paused)
		return ENGINE_PAUSED;
	if (s->in_sync)
		return ENGINE_IN_SYNC;
	if (e->keyless)
		return ENGINE_WAITING;
	if (s->vault)
		return s->store.why != NULL ? ENGINE_WAITING : ENGINE_SYNCING;
	if (!e->local || !e->fetch || !e->scanned || local_state(e->local) == LOCAL_SCANNING)
		return ENGINE_SCANNING;
	return fetch_waiting(e->fetch) > 0 || s->held || local_failing(e->local) || (s->wanted && !s->peers) ||
	                       engine_keys_lack(e) != NULL
	               ? ENGINE_WAITING
	               : ENGINE_SYNCING;
}

/* The first thing that is missing here, in the order in which a change travels. */
static const char *lack_here(struct engine *e, const struct engine_status *s)
{
	if (s->error)
		return "the error to be resolved";
	if (e->paused)
		return "lanyard resume";
	if (!e->scanned || local_state(e->local) != LOCAL_WATCHING)
		return "the scan";
	if (local_failing(e->local))
		return "files here to become readable";
	if (!local_idle(e->local))
		return "files here to be checked";
	if (local_held(e->local, NULL))
		return "lanyard release: deletions here are held";
	if (engine_keys_lack(e) != NULL)
		return engine_keys_lack(e);
	if (engine_vaults_lack(e) != NULL)
		return engine_vaults_lack(e);
	if (!engine_aside_idle(e))
		return "files that were unshared or shared again";
	if (index_choosing(e->index))
		return "choosing: what is wanted here is being looked through";
	if (s->held)
		return "lanyard release: files that a member deleted, replaced or emptied at once are held";
	if (s->wanted)
		return "files from other members";
	if (!fetch_idle(e->fetch))
		return "files to be installed";
	return NULL;
}

/* The same of a vault. Members that it hears nothing of lack nothing: it keeps what it is given. */
static const char *vault_lack(struct engine *e, const struct engine_status *s)
{
	if (s->error)
		return "the error to be resolved";
	if (e->paused)
		return "lanyard resume";
	if (s->store.behind && s->store.full)
		return s->store.lacks;
	if (s->store.behind)
		return "members to bring what they have";
	if (s->store.unsafe)
		return "what has come to be stored";
	return peer_group_missing(e->peers);
}

static void vault_status(struct engine *e, struct engine_status *s)
{
	s->vault = engine_vault_counts(e, &s->store);
	if (!s->vault)
		return;
	s->peer = peer_group_counters(e->peers);
	s->rates = peer_group_rates(e->peers);
	peer_group_each(e->peers, count_peer, &s->peers);
	s->here = peer_group_here(e->peers);
	s->settled = !s->store.behind && !s->store.unsafe;
	s->waits_for = vault_lack(e, s);
	s->in_sync = s->waits_for == NULL;
}

/* Of several errors the disk's hides the engine's, which hides the scan's. The numbers are those of the mirror;
 * without one they are 0 and the group is not in sync. */
void engine_status(struct engine *e, struct engine_status *s)
{
	memset(s, 0, sizeof(*s));
	s->error = e->error;
	s->counts = e->counts;
	if (e->local && !s->error)
		s->error = local_error(e->local);
	if (engine_stuck(e))
		s->error = engine_stuck(e);
	if (e->phase == PHASE_OPENING)
		s->waits_for = "the share to be opened";
	if (engine_has_mirror(e)) {
		s->totals = index_totals(e->index);
		s->wanted = index_wants_missing(e->index);
		s->wanted_bytes = index_wants_missing_bytes(e->index);
		s->pending = local_pending(e->local);
		s->scans = local_scanning(e->local, &s->scan);
		s->ignored = local_ignored(e->local);
		s->held = engine_held(e);
		s->fetch = fetch_counters(e->fetch);
		s->peer = peer_group_counters(e->peers);
		s->rates = peer_group_rates(e->peers);
		peer_group_each(e->peers, count_peer, &s->peers);
		s->here = peer_group_here(e->peers);
		s->waits_for = lack_here(e, s);
		s->settled = s->waits_for == NULL;
		if (s->settled)
			s->waits_for = engine_vaults_full(e);
		if (s->waits_for == NULL)
			s->waits_for = peer_group_missing(e->peers);
		s->in_sync = s->waits_for == NULL;
	}
	vault_status(e, s);
	if (e->phase == PHASE_JOINING)
		s->waits_for = e->keyless ? engine_keys_lack(e) : peer_group_join_note(e->peers);
	if (e->phase == PHASE_JOINING && e->restored && s->waits_for == NULL)
		s->waits_for =
			"a member or vault that has the list of members: this group was restored from a key file";
	s->state = public_state(e, s);
	s->last_in_sync_s = s->in_sync ? clock_wall_s() : e->last_in_sync_s > 0 ? e->last_in_sync_s : -1;
}

enum role engine_role(struct engine *e)
{
	return e->roster != NULL ? roster_role(e->roster, identity_id(e->context->self)) : ROLE_NONE;
}

int64_t engine_listed(struct engine *e)
{
	return engine_has_mirror(e) ? index_listed(e->index) : 0;
}

int64_t engine_local_changes(struct engine *e)
{
	return engine_has_mirror(e) ? index_aside_count(e->index, ASIDE_READER) : 0;
}

struct local_paths {
	int left;
	bool (*fn)(void *arg, const char *path);
	void *arg;
};

static bool local_path(void *arg, const char *path, enum aside_reason why)
{
	struct local_paths *l = arg;

	return why != ASIDE_READER || (l->left-- > 0 && l->fn(l->arg, path));
}

void engine_local_paths(struct engine *e, int max, bool (*fn)(void *arg, const char *path), void *arg)
{
	struct local_paths l = { .left = max, .fn = fn, .arg = arg };

	if (engine_local_changes(e) > 0)
		(void)index_asides(e->index, "", "", ASIDES_LOOK, local_path, &l);
}

/* Room for a name whose every byte is escaped, and an ID in full. */
enum { WHO_MAX = 4 * MEMBER_NAME_MAX + ID_TEXT_MAX + 4, REASON_MAX = WHO_MAX + 240 };

struct problems {
	const struct engine *engine;
	size_t left;
	bool (*fn)(void *arg, const struct engine_problem *p);
	void *arg;
};

static bool tell_problem(struct problems *list, const struct engine_problem *p)
{
	return list->left-- > 0 && list->fn(list->arg, p) && list->left > 0;
}

static bool local_problem(void *arg, const struct local_problem *l)
{
	struct engine_problem p = { .path = l->path, .reason = l->reason, .since_s = l->since_s };

	(void)snprintf(p.next, sizeof(p.next), "%s", l->next ? l->next : "checked again when it changes");
	return tell_problem(arg, &p);
}

static void name_member(const struct engine *e, uint64_t member, char *out, size_t max)
{
	struct roster_member m;
	char *who;

	if (!roster_member_by_short(e->roster, member, &m)) {
		(void)snprintf(out, max, "a former member");
		return;
	}
	who = engine_members_called(e, &m.id);
	(void)snprintf(out, max, "%s", who);
	free(who);
}

/* Only a download that waits is a problem; its reason names the member whose word it is, where that matters. */
static bool fetch_reason(void *arg, const struct fetch_download *d)
{
	struct problems *list = arg;
	struct engine_problem p = { .path = d->path, .reason = d->reason, .since_s = d->since_s };
	char who[WHO_MAX], reason[REASON_MAX];

	if (!d->reason)
		return true;
	if (d->offered_by) {
		name_member(list->engine, d->offered_by, who, sizeof(who));
		(void)snprintf(reason, sizeof(reason), "%s; announced by %s", d->reason, who);
		p.reason = reason;
	}
	if (d->retry_s == -2)
		(void)snprintf(p.next, sizeof(p.next), "waits for lanyard release");
	else if (d->retry_s < 0)
		(void)snprintf(p.next, sizeof(p.next), "continues when a member that has it connects");
	else if (d->retry_s == 0)
		(void)snprintf(p.next, sizeof(p.next), "being retried now");
	else
		(void)snprintf(p.next, sizeof(p.next), "retried in %lld s", (long long)d->retry_s);
	return tell_problem(arg, &p);
}

static bool refusal(void *arg, const struct fetch_refusal *r)
{
	struct problems *list = arg;
	char who[WHO_MAX], reason[REASON_MAX];
	struct engine_problem p = { .path = r->path, .reason = reason, .since_s = r->since_s };

	name_member(list->engine, r->peer, who, sizeof(who));
	if (r->later) {
		(void)snprintf(reason, sizeof(reason), "%s announces more files than may be pending at a time", who);
		(void)snprintf(p.next, sizeof(p.next), "the rest follows when half of them are here");
		return tell_problem(list, &p);
	}
	(void)snprintf(reason, sizeof(reason),
	               "%s announces its deletion, and %llu more of paths that were never here: too "
	               "many to keep for others",
	               who, (unsigned long long)r->count - 1);
	(void)snprintf(p.next, sizeof(p.next), "nothing is missing here; if that member means harm, remove it");
	return tell_problem(list, &p);
}

static bool count_refusal(void *arg, const struct fetch_refusal *r)
{
	(void)r;
	++*(int64_t *)arg;
	return true;
}

void engine_stuck_paths(struct engine *e, struct engine_stuck_paths *p)
{
	*p = (struct engine_stuck_paths){ 0 };
	if (!engine_has_mirror(e))
		return;
	fetch_refusals(e->fetch, count_refusal, &p->announced);
	p->downloads = (int64_t)fetch_waiting(e->fetch);
	p->unreadable = local_failing(e->local);
	p->unshareable = local_problems(e->local, NULL, NULL) - p->unreadable;
}

int64_t engine_problem_count(struct engine *e)
{
	struct engine_stuck_paths p;

	engine_stuck_paths(e, &p);
	return p.downloads + p.unreadable + p.unshareable + p.announced;
}

void engine_problems(struct engine *e, size_t max, bool (*fn)(void *arg, const struct engine_problem *p), void *arg)
{
	struct problems list = { .engine = e, .left = max, .fn = fn, .arg = arg };

	if (!engine_has_mirror(e) || !max)
		return;
	fetch_refusals(e->fetch, refusal, &list);
	if (list.left && list.left <= max)
		fetch_each_waiting(e->fetch, fetch_reason, &list);
	if (list.left && list.left <= max)
		local_problems(e->local, local_problem, &list);
}
