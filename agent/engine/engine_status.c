/* See engine.h: what an engine tells, and what it does when asked. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/engine/engine_internal.h"
#include "base/mem.h"
#include "sync/plan/path.h"

const char *engine_state_name(enum engine_state s)
{
	static const char *const names[] = {
		[ENGINE_JOINING] = "joining", [ENGINE_SCANNING] = "scanning", [ENGINE_SYNCING] = "syncing",
		[ENGINE_IN_SYNC] = "in-sync", [ENGINE_WAITING] = "waiting",   [ENGINE_PAUSED] = "paused",
		[ENGINE_ERROR] = "error",
	};

	return names[s];
}

const char *engine_name(const struct engine *e)
{
	const char *name = e->roster ? roster_name(e->roster) : "";

	return *name ? name : e->invite.group_name;
}

const struct group_id *engine_group(const struct engine *e)
{
	return &e->group;
}

const char *engine_share_path(const struct engine *e)
{
	return e->share_path;
}

struct roster *engine_roster(struct engine *e)
{
	return e->roster;
}

struct index *engine_index(struct engine *e)
{
	return e->index;
}

struct fetch *engine_fetch(struct engine *e)
{
	return e->fetch;
}

struct local *engine_local(struct engine *e)
{
	return e->local;
}

struct peer_group *engine_peers(struct engine *e)
{
	return e->peers;
}

/* --- state --- */

static bool count_peer(void *arg, const struct peer_group_peer *p)
{
	(void)p;
	++*(size_t *)arg;
	return true;
}

static bool has_reason(void *arg, const struct fetch_download *d)
{
	bool *found = arg;

	*found = d->reason != NULL;
	return !*found;
}

static enum engine_state judge(struct engine *e, const struct engine_status *s)
{
	bool waits = false;

	if (s->error)
		return ENGINE_ERROR;
	if (e->token)
		return ENGINE_JOINING;
	if (e->paused)
		return ENGINE_PAUSED;
	if (s->in_sync)
		return ENGINE_IN_SYNC;
	if (!e->local || !e->fetch || !e->scanned || local_state(e->local) == LOCAL_SCANNING)
		return ENGINE_SCANNING;
	fetch_downloads(e->fetch, has_reason, &waits);
	return waits || s->held || local_failing(e->local) || (s->wanted && !s->peers) ? ENGINE_WAITING
	                                                                               : ENGINE_SYNCING;
}

/* The first thing that in_sync lacks, in the order in which a change travels. */
static const char *lacking(struct engine *e, const struct engine_status *s)
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
	if (s->held)
		return "lanyard release: files that a member deleted, replaced or emptied at once are held";
	if (s->wanted)
		return "files from other members";
	if (!fetch_idle(e->fetch))
		return "files to be installed";
	return peer_group_lacks(e->peers);
}

void engine_status(struct engine *e, struct engine_status *s)
{
	memset(s, 0, sizeof(*s));
	s->error = e->error;
	if (e->local && !s->error)
		s->error = local_error(e->local);
	if (engine_stuck(e))
		s->error = e->stuck;
	if (e->opening)
		s->waits_for = "the share to be opened";
	if (e->index && e->local && e->fetch) {
		s->totals = index_totals(e->index);
		s->wanted = index_wants_missing(e->index);
		s->wanted_bytes = index_wants_missing_bytes(e->index);
		s->pending = local_pending(e->local);
		s->ignored = local_ignored(e->local);
		s->held = engine_held(e);
		s->fetch = fetch_counters(e->fetch);
		s->peer = peer_group_counters(e->peers);
		peer_group_each(e->peers, count_peer, &s->peers);
		s->waits_for = lacking(e, s);
		s->in_sync = s->waits_for == NULL;
	}
	if (e->token && e->peers)
		s->waits_for = peer_group_join_note(e->peers);
	s->state = judge(e, s);
}

enum { ID_SHOWN = 7, WHO_MAX = 160, REASON_MAX = 400 };

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

/* Who that is, for people: the name he gives himself, and the beginning of his agent ID. */
static void name_member(const struct engine *e, uint64_t member, char *out, size_t max)
{
	struct roster_member m;
	char id[ID_TEXT_MAX];

	if (!roster_member_by_short(e->roster, member, &m)) {
		(void)snprintf(out, max, "a former member");
		return;
	}
	agent_id_text(id, &m.id);
	(void)snprintf(out, max, "%.*s (%s)", ID_SHOWN, id, m.name);
}

static bool fetch_reason(void *arg, const struct fetch_download *d)
{
	struct problems *list = arg;
	struct engine_problem p = { .path = d->path, .reason = d->reason, .since_s = d->since_s };
	char who[WHO_MAX], reason[REASON_MAX];

	if (!d->reason)
		return true;
	if (d->told_by) {
		name_member(list->engine, d->told_by, who, sizeof(who));
		(void)snprintf(reason, sizeof(reason), "%s; announced by %s", d->reason, who);
		p.reason = reason;
	}
	if (d->retry_s == -2)
		(void)snprintf(p.next, sizeof(p.next), "waits for lanyard release");
	else if (d->retry_s < 0)
		(void)snprintf(p.next, sizeof(p.next), "continues when a member that has it connects");
	else if (d->retry_s == 0)
		(void)snprintf(p.next, sizeof(p.next), "is being retried now");
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

static bool count_reason(void *arg, const struct fetch_download *d)
{
	*(int64_t *)arg += d->reason != NULL;
	return true;
}

/* Not while it stops, either: status may be asked for between the steps of that. */
static bool works(const struct engine *e)
{
	return e->index && e->local && e->fetch;
}

int64_t engine_problem_count(struct engine *e)
{
	int64_t n = 0;

	if (!works(e))
		return 0;
	fetch_downloads(e->fetch, count_reason, &n);
	fetch_refusals(e->fetch, count_refusal, &n);
	return n + local_problems(e->local, NULL, NULL);
}

void engine_problems(struct engine *e, size_t max, bool (*fn)(void *arg, const struct engine_problem *p), void *arg)
{
	struct problems list = { .engine = e, .left = max, .fn = fn, .arg = arg };

	if (!works(e) || !max)
		return;
	fetch_refusals(e->fetch, refusal, &list);
	if (list.left && list.left <= max)
		fetch_downloads(e->fetch, fetch_reason, &list);
	if (list.left && list.left <= max)
		local_problems(e->local, local_problem, &list);
}

/* --- files --- */

/* How far each member has our rows: who has a file is told by its row's number. */
struct holders {
	struct index *index;
	uint64_t epoch, self;
	struct {
		uint64_t member, settled;
	} list[ROSTER_MAX_MEMBERS];
	size_t n;
	uint64_t has[ROSTER_MAX_MEMBERS + 1];
};

static bool add_holder(void *arg, const struct roster_member *m)
{
	struct holders *h = arg;
	uint64_t member = agent_id_short(&m->id);
	struct index_peer p;

	if (member != h->self && h->n < ROSTER_MAX_MEMBERS && index_peer_get(h->index, member, &p) == 0 &&
	    p.settled_epoch == h->epoch) {
		h->list[h->n].member = member;
		h->list[h->n++].settled = p.settled;
	}
	return true;
}

static size_t who_has(struct holders *h, const struct record *r)
{
	size_t n = 0;

	h->has[n++] = h->self;
	for (size_t i = 0; i < h->n; i++)
		if (h->list[i].settled >= r->seq || r->via == h->list[i].member)
			h->has[n++] = h->list[i].member;
	return n;
}

struct wanted {
	struct record newest;
	uint64_t has[64];
	size_t n;
};

static bool add_wanted(void *arg, uint64_t peer, const struct record *r)
{
	struct wanted *w = arg;

	if (r->deleted)
		return true;
	if (!w->newest.path || version_compare(&r->version, &w->newest.version) == VERSION_NEWER) {
		record_clear(&w->newest);
		record_copy(&w->newest, r);
		w->n = 0;
	}
	if (w->n < 64 && version_compare(&r->version, &w->newest.version) == VERSION_EQUAL)
		w->has[w->n++] = peer;
	return true;
}

static bool next_path(void *arg, const char *path)
{
	char **next = arg;

	free(*next);
	*next = mem_strdup(path);
	return false;
}

/* The first wanted path behind `after` that we have nothing of, at or below `under`; NULL when there is none. */
static char *next_missing(struct engine *e, const char *under, const char *after)
{
	char *at = mem_strdup(after);

	for (;;) {
		char *next = NULL;
		struct record ours = { 0 };
		int have;

		index_offers_paths(e->index, at, 1, next_path, &next);
		free(at);
		if (!next)
			return NULL;
		have = path_is_under(next, under) ? index_get(e->index, next, &ours) : -1;
		have = have == 1 && !ours.deleted;
		record_clear(&ours);
		if (!have && path_is_under(next, under))
			return next;
		if (!path_is_under(next, under) && path_compare(next, under) > 0) {
			free(next);
			return NULL;
		}
		at = next;
	}
}

static bool tell_missing(struct engine *e, const char *path, engine_file_fn *fn, void *arg)
{
	struct wanted w = { 0 };
	bool more = true;

	index_offers(e->index, path, add_wanted, &w);
	if (w.newest.path)
		more = fn(arg, &w.newest, false, w.has, w.n);
	record_clear(&w.newest);
	return more;
}

void engine_files(struct engine *e, const char *under, const char *after, engine_file_fn *fn, void *arg)
{
	struct holders *h = MEM_NEW(struct holders);
	struct record r = { 0 };
	bool more = true;
	char *missing;

	if (!e->index) {
		free(h);
		return;
	}
	h->index = e->index;
	h->epoch = index_epoch(e->index);
	h->self = agent_id_short(identity_id(e->context->self));
	roster_members(e->roster, add_holder, h);
	missing = next_missing(e, under, after ? after : "");
	struct index_cursor *c = after ? index_walk_from(e->index, under, after) : index_walk(e->index, under);

	while (more && index_next(c, &r) == 1) {
		while (more && missing && path_compare(missing, r.path) < 0) {
			char *next;

			more = tell_missing(e, missing, fn, arg);
			next = more ? next_missing(e, under, missing) : NULL;
			free(missing);
			missing = next;
		}
		if (more && !r.deleted && (!after || path_compare(r.path, after) > 0))
			more = fn(arg, &r, true, h->has, who_has(h, &r));
		record_clear(&r);
	}
	while (more && missing) {
		char *next;

		more = tell_missing(e, missing, fn, arg);
		next = more ? next_missing(e, under, missing) : NULL;
		free(missing);
		missing = next;
	}
	free(missing);
	index_cursor_free(c);
	free(h);
}

/* --- what it is told to do --- */

void engine_pause(struct engine *e, bool paused)
{
	char *why = NULL;

	if (e->paused == paused)
		return;
	e->paused = paused;
	if (engine_store_save(e, &why)) {
		engine_emit(e, "problem", NULL, why);
		free(why);
	}
	if (e->fetch)
		fetch_pause(e->fetch, paused);
	if (e->peers && e->index)
		peer_group_pause(e->peers, paused);
	e->dirty = true;
	e->context->changed(e->context->arg);
}

bool engine_paused(const struct engine *e)
{
	return e->paused;
}

void engine_rescan(struct engine *e)
{
	if (e->local)
		local_rescan(e->local);
}

void engine_look(struct engine *e)
{
	if (e->local)
		local_check_share(e->local, true);
}

bool engine_looked(struct engine *e)
{
	return !e->local || local_share_checked(e->local) || engine_stuck(e);
}

bool engine_is_attempt(const struct engine *e)
{
	return e->token != NULL;
}

bool engine_joins_by(const struct engine *e, const char *token)
{
	return e->token != NULL && strcmp(e->token, token) == 0;
}

bool engine_opening(const struct engine *e)
{
	return e->opening != NULL;
}

bool engine_awaits_disk(const struct engine *e)
{
	return e->opening != NULL || e->then != NULL;
}

bool engine_is_announced(const struct engine *e)
{
	return e->index != NULL && e->error == NULL && !e->paused;
}

const char *engine_error(const struct engine *e)
{
	return e->error;
}

int engine_share_access(const struct engine *e)
{
	return e->share ? share_access(e->share) : 0;
}
