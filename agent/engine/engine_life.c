/* How one group begins and ends. Whatever touches its share is a job of the group's own workers, the opening and the removing
 * included, so that a disk that does not answer keeps nobody else waiting: the group ends when its jobs are back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/engine/engine_internal.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/share/real_path.h"

enum {
	LOOK_MS = 10000,
	STUCK_MS = 10000, /* for one job: far more than a slow disk takes */
	DRAIN_MS = 20,    /* between looks whether all jobs are back */
	DRAIN_MAX_MS = 10000,
};

/* --- a disk that does not answer --- */

const char *engine_stuck(struct engine *e)
{
	int64_t ms = workers_stuck_ms(e->workers);
	time_t since = (time_t)(clock_wall_s() - ms / 1000);
	struct tm tm;
	char text[20] = "";

	if (ms < STUCK_MS) {
		if (e->stuck != NULL)
			engine_log(e, LOG_INFO, "%s: its disk answers again", e->share_path);
		free(e->stuck);
		e->stuck = NULL;
		return NULL;
	}
	if (e->stuck != NULL)
		return e->stuck;
	(void)strftime(text, sizeof(text), "%F %T", localtime_r(&since, &tm));
	e->stuck = mem_printf("%s: its disk has not answered since %s; the group continues when it does (is "
	                      "its server or cable gone?)",
	                      e->share_path, text);
	engine_log(e, LOG_ERROR, "%s", e->stuck);
	engine_emit(e, "problem", NULL, e->stuck);
	return e->stuck;
}

void engine_look_due(void *arg)
{
	struct engine *e = arg;
	bool was = e->stuck != NULL;

	if ((engine_stuck(e) != NULL) != was)
		e->dirty = true;
	if (e->local != NULL)
		local_check_share(e->local, false);
}

/* --- beginning --- */

/* Two jobs: what the share's path is, which must not be in another share; then the opening. */
struct opening {
	struct engine *e;
	char *path;                  /* owned */
	struct real_path *real_path; /* out, of the first; NULL: the path cannot be followed */
	bool create;
	uint8_t marker[32];
	bool free_there;     /* the place was found to be free: it is taken from then on */
	struct share *share; /* out, of the second; NULL: why */
	char *why;           /* owned */
};

const struct real_path *engine_real_path(const struct engine *e)
{
	if (e->share != NULL || e->last_share != NULL)
		return share_real_path(e->share != NULL ? e->share : e->last_share);
	return e->opening != NULL && e->opening->free_there ? e->opening->real_path : NULL;
}

static void place_work(void *arg)
{
	struct opening *o = arg;

	o->real_path = real_path_of(o->path);
}

static void open_work(void *arg)
{
	struct opening *o = arg;

	o->share = share_open(o->path, o->create, !o->create, o->marker, &o->why);
}

static void free_opening(struct opening *o)
{
	real_path_free(o->real_path);
	share_free(o->share);
	free(o->path);
	free(o->why);
	free(o);
}

static void placed(void *arg);
static void opened(void *arg);

static void open_share(struct engine *e, bool create)
{
	struct opening *o = MEM_NEW(struct opening);

	o->e = e;
	o->path = mem_strdup(e->share_path);
	o->create = create;
	memcpy(o->marker, e->group.b, sizeof(o->marker));
	e->opening = o;
	workers_submit(e->workers, WORKERS_QUICK, place_work, placed, o);
}

static void placed(void *arg)
{
	struct opening *o = arg;
	struct engine *e = o->e;
	char *why = NULL;

	if (e->opening != o) {
		free_opening(o); /* it is being stopped */
		return;
	}
	if (e->context->share_is_free)
		why = e->context->share_is_free(e->context->arg, e, o->real_path);
	if (why == NULL && e->token == NULL) {
		o->free_there = true;
		workers_submit(e->workers, WORKERS_QUICK, open_work, opened, o);
		return;
	}
	e->opening = NULL;
	if (why != NULL && e->index) {
		index_close(e->index);
		e->index = NULL;
	}
	if (why != NULL)
		engine_fail_for_now(e, why);
	else
		engine_start_joining(e);
	free_opening(o);
	e->context->changed(e->context->arg);
}

static int open_index(struct engine *e)
{
	static const struct choices mirror = { .mode = CHOOSE_MIRROR };
	char *dir = mem_printf("%s/%s", e->context->home, e->dir), *why = NULL;
	enum index_status status = index_open(&e->index, dir, &why);

	free(dir);
	if (status == INDEX_NEWER) {
		engine_fail(e, why);
		return -1;
	}
	if (status == INDEX_FAILED) {
		engine_fail_for_now(e, why);
		return -1;
	}
	if (status == INDEX_REBUILT)
		engine_log(e, LOG_WARN, "group %s: %s", engine_name(e), why);
	free(why);
	/* A failed write is the index's to report, at its next commit. */
	(void)index_choose(e->index, &mirror);
	return 0;
}

/* Begins what a member has: its index, its share. Failing leaves an engine in error, which stops no other. */
void engine_start(struct engine *e)
{
	const struct engine_context *c = e->context;
	int64_t fresh = 0;

	if (e->token && !e->opening && !e->then)
		open_share(e, false);
	if (e->token || e->copied || e->opening || e->then || (!e->roster && engine_load_roster(e)) ||
	    (e->unstored && engine_store_joined(e)))
		return;
	if (!roster_may(e->roster, identity_id(c->self), RIGHT_TAKE_PART)) {
		engine_fail(e,
		            roster_is_damaged(e->roster)
		                    ? mem_printf("%s/%s/roster.bin is damaged and no longer shows that this agent is a "
		                                 "member: join the group again",
		                                 c->home, e->dir)
		                    : mem_strdup("this agent is no longer a member of the group"));
		return;
	}
	if (open_index(e))
		return;
	/* The last start may have come as far as the index and no further. */
	(void)index_meta_get(e->index, INDEX_META_FRESH, &fresh);
	/* The numbers of what may be a copy are not those of the other one. */
	if (c->moved && fresh == 0)
		index_new_epoch(e->index);
	loop_timer_start(e->look, LOOK_MS, LOOK_MS);
	open_share(e, fresh != 0);
}

/* Index and share are there. */
static void run(struct engine *e)
{
	const struct engine_context *c = e->context;

	free(e->error);
	e->error = NULL;
	e->scanned = false;
	e->synced = 0;
	index_on_commit(e->index, engine_index_committed, e);
	e->local = engine_make_local(e);
	e->fetch = engine_make_fetch(e);
	e->peers = peer_group_new(c->peers, &(struct peer_group_config){ .roster = e->roster,
	                                                                 .index = e->index,
	                                                                 .workers = e->workers,
	                                                                 .sources = engine_sources(e),
	                                                                 .hooks = &engine_peer_hooks,
	                                                                 .arg = e });
	engine_forget_departed(e);
	engine_rules_changed(e);
	local_start(e->local);
	loop_timer_start(e->duty, 0, 0);
	engine_verify_start(e);
	engine_versions_start(e);
	engine_tombstones_start(e);
	if (e->paused) {
		fetch_pause(e->fetch, true);
		peer_group_pause(e->peers, true);
	}
	e->dirty = true;
}

static void opened(void *arg)
{
	struct opening *o = arg;
	struct engine *e = o->e;

	if (e->opening != o) {
		free_opening(o); /* it is being stopped */
		return;
	}
	e->opening = NULL;
	e->share = o->share;
	o->share = NULL;
	if (e->share == NULL) {
		index_close(e->index);
		e->index = NULL;
		engine_fail_for_now(e, o->why);
		o->why = NULL;
	} else {
		if (o->create)
			(void)index_meta_put(e->index, INDEX_META_FRESH, 0);
		share_set_group(e->share, engine_name(e));
		run(e);
	}
	free_opening(o);
	e->context->changed(e->context->arg);
}

void engine_try_again(void *arg)
{
	struct engine *e = arg;

	engine_start(e);
	e->context->changed(e->context->arg);
}

/* --- ending --- */

/* Nothing is begun any more. What is being installed comes to its end, and its rows are written. */
static void stop_begins(struct engine *e)
{
	struct local *local = e->local;

	loop_timer_stop(e->retry);
	loop_timer_stop(e->look);
	loop_timer_stop(e->sync_again);
	loop_timer_stop(e->duty);
	engine_verify_stop(e);
	engine_versions_stop(e);
	engine_tombstones_stop(e);
	e->opening = NULL;
	/* The talks end first, so that no peer calls into what goes. */
	if (e->peers && e->index)
		peer_group_pause(e->peers, true);
	e->local = NULL;
	local_free(local);
	if (e->fetch)
		fetch_stop(e->fetch);
}

static bool is_drained(const struct engine *e)
{
	return workers_pending(e->workers) == 0 && (!e->fetch || fetch_stopped(e->fetch));
}

static void stop_ends(struct engine *e)
{
	struct fetch *fetch = e->fetch;

	e->fetch = NULL;
	fetch_free(fetch);
	/* What was to be closed, and jobs that have the index's file. */
	workers_flush(e->workers);
	if (e->index)
		workers_flush(e->context->workers);
	if (loop_timer_running(e->save_roster))
		engine_save_roster(e);
	if (e->index)
		index_close(e->index);
	e->index = NULL;
	/* One that is left keeps its place until its .lanyard/ is gone, so that nobody else's there is taken for it. */
	if (e->ending && e->last_share == NULL)
		e->last_share = e->share;
	else
		share_free(e->share);
	e->share = NULL;
	peer_group_free(e->peers);
	e->peers = NULL;
}

static void drained(void *arg)
{
	struct engine *e = arg;
	void (*then)(struct engine * e) = e->then;

	e->between = false;
	if (!is_drained(e)) {
		loop_timer_start(e->drain, DRAIN_MS, 0);
		return;
	}
	if (then == NULL)
		return; /* it is being freed */
	e->then = NULL;
	stop_ends(e);
	then(e);
}

void engine_drain_due(void *arg)
{
	struct engine *e = arg;

	if (!is_drained(e)) {
		loop_timer_start(e->drain, DRAIN_MS, 0);
	} else if (e->then) {
		e->between = true;
		loop_between(e->context->loop, drained, e);
	}
}

/* Stops, and calls then(e) when that is done: now, or when all jobs are back. From loop_between(). */
static void stop_then(struct engine *e, void (*then)(struct engine *e))
{
	stop_begins(e);
	e->then = then;
	drained(e);
}

static void restarted(struct engine *e)
{
	e->restarting = false;
	if (e->damaged)
		engine_try_again(e);
	else
		loop_timer_start(e->retry, ENGINE_RETRY_MS, 0);
}

void engine_restart(void *arg)
{
	struct engine *e = arg;

	if (e->ending || e->then)
		return;
	e->damaged = e->index && index_damaged(e->index);
	stop_then(e, restarted);
}

static void nothing(struct engine *e)
{
	(void)e;
}

void engine_copied(struct engine *e, char *why)
{
	e->copied = true;
	/* Both may have used the same numbers: when this one is started again, they are nobody's. */
	if (e->index)
		index_new_epoch(e->index);
	stop_then(e, nothing);
	engine_fail(e, why);
}

bool engine_is_copied(const struct engine *e)
{
	return e->copied;
}

bool engine_free(struct engine *e)
{
	int64_t until;

	if (!e)
		return true;
	stop_begins(e);
	e->then = NULL;
	/* Long enough for a slow disk; but one that has not answered for long will not now. */
	until = loop_now_ms(e->context->loop) + (engine_stuck(e) ? 0 : DRAIN_MAX_MS);
	loop_timer_start(e->drain, DRAIN_MS, 0);
	while ((!is_drained(e) || e->between) && loop_now_ms(e->context->loop) <= until)
		loop_turn(e->context->loop, true);
	if (!is_drained(e)) {
		if (e->index)
			(void)index_commit(e->index);
		engine_log(e, LOG_ERROR, "%s: its disk does not answer: stopping without it", e->share_path);
		if (e->ending)
			engine_forget(e);
		return false;
	}
	stop_ends(e);
	/* What was left does not come back at the next start. */
	if (e->ending)
		engine_forget(e);
	share_free(e->last_share);
	workers_free(e->workers);
	loop_hook_free(e->hook);
	loop_timer_free(e->retry);
	loop_timer_free(e->look);
	loop_timer_free(e->drain);
	loop_timer_free(e->sync_again);
	loop_timer_free(e->duty);
	loop_timer_free(e->save_roster);
	roster_free(e->roster);
	free(e->dir);
	free(e->share_path);
	free(e->token);
	free(e->error);
	free(e->stuck);
	free(e);
	return true;
}

/* --- for good --- */

/* The share's .lanyard/, which is nothing without its group. */
struct removal {
	struct engine *e;
	int root;  /* the engine's */
	int error; /* errno; 0: removed */
};

static void remove_work(void *arg)
{
	struct removal *r = arg;

	r->error = fs_remove_tree(r->root, ".lanyard") ? errno : 0;
}

static void end_free(void *arg)
{
	struct engine *e = arg;

	if (e->context->ended)
		e->context->ended(e->context->arg, e);
	(void)engine_free(e);
}

static void removed(void *arg)
{
	struct removal *r = arg;
	struct engine *e = r->e;

	if (r->error)
		engine_log(e, LOG_WARN, "%s/.lanyard: could not be removed: %s", e->share_path, strerror(r->error));
	free(r);
	loop_between(e->context->loop, end_free, e);
}

static void end_drained(struct engine *e)
{
	struct removal *r;

	if (e->last_share == NULL) {
		end_free(e);
		return;
	}
	r = MEM_NEW(struct removal);
	*r = (struct removal){ .e = e, .root = share_root(e->last_share) };
	workers_submit(e->workers, WORKERS_QUICK, remove_work, removed, r);
}

static void end(void *arg)
{
	stop_then(arg, end_drained);
}

void engine_end(struct engine *e)
{
	e->ending = true;
	loop_between(e->context->loop, end, e);
}
