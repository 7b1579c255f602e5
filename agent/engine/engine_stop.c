/* How an engine stops: it drains until all jobs of its workers are back, and then does what its goal says. A disk
 * that does not answer can delay that for ever; only engine_free() gives up after a while. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/engine/engine_internal.h"
#include "agent/engine/engine_keys.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"

enum {
	DRAIN_MS = 20, /* between checks whether all jobs are back */
	DRAIN_MAX_MS = 10000,
};

struct engine_drain {
	struct loop_timer *timer; /* runs while jobs are out */
	bool between;             /* drained() will be called by loop_between() */
};

/* --- draining --- */

static void stop_begins(struct engine *e)
{
	loop_timer_stop(e->retry);
	engine_disk_watch(e, false);
	engine_open_drop(e);
	engine_mirror_stop(e);
}

static void reach_goal(struct engine *e);

static void drained(void *arg)
{
	struct engine *e = arg;

	e->drain->between = false;
	if (!engine_mirror_is_drained(e)) {
		loop_timer_start(e->drain->timer, DRAIN_MS, 0);
		return;
	}
	/* engine_free() waits for this by itself; and a goal is reached once. */
	if (e->phase != PHASE_DRAINING || e->goal == GOAL_FREE)
		return;
	engine_mirror_free(e);
	reach_goal(e);
}

static void drain_due(void *arg)
{
	struct engine *e = arg;

	if (!engine_mirror_is_drained(e)) {
		loop_timer_start(e->drain->timer, DRAIN_MS, 0);
	} else if (e->phase == PHASE_DRAINING && e->goal != GOAL_FREE) {
		e->drain->between = true;
		loop_between(e->context->loop, drained, e);
	}
}

/* Stops; the goal is reached at once, or when all jobs are back. Only from loop_between(). */
static void drain(struct engine *e, enum engine_goal goal)
{
	stop_begins(e);
	engine_enter(e, PHASE_DRAINING);
	e->goal = goal;
	drained(e);
}

void engine_stop_new(struct engine *e)
{
	e->drain = MEM_NEW(struct engine_drain);
	e->drain->timer = loop_timer_new(e->context->loop, drain_due, e);
}

/* --- restart --- */

/* It is a member again, or has the group's first keys. */
static bool has_what_it_lacked(const struct engine *e)
{
	bool keyless = e->phase == PHASE_JOINING && e->keyless;

	return ((keyless || e->phase == PHASE_EXCLUDED) && e->readmitted) || (keyless && engine_keys_ready(e));
}

void engine_restart(void *arg)
{
	struct engine *e = arg;

	if (e->phase == PHASE_LOST)
		drain(e, e->again || (e->index && index_damaged(e->index)) ? GOAL_RESTART : GOAL_RETRY);
	else if (has_what_it_lacked(e))
		drain(e, GOAL_RESTART);
	e->readmitted = false;
}

/* --- a copied home --- */

bool engine_is_copied(const struct engine *e)
{
	return e->phase == PHASE_COPIED || (e->phase == PHASE_DRAINING && e->goal == GOAL_COPIED);
}

void engine_copied(struct engine *e, char *why)
{
	/* Both copies may have used the same numbers. With a new epoch, none of them is used again by the one that is
	 * restarted. */
	if (e->index)
		engine_begin_epoch(e);
	drain(e, GOAL_COPIED);
	engine_report(e, why);
}

/* --- the end --- */

static void free_all(struct engine *e)
{
	share_free(e->last_share);
	workers_free(e->workers);
	loop_hook_free(e->hook);
	loop_timer_free(e->retry);
	engine_disk_free(e);
	loop_timer_free(e->drain->timer);
	free(e->drain);
	engine_sync_free(e);
	engine_history_free(e);
	engine_roster_free(e);
	engine_keys_close(e);
	roster_free(e->roster);
	free(e->dir);
	free(e->share_path);
	free(e->token);
	free(e->seen);
	free(e->error);
	free(e);
}

bool engine_free(struct engine *e)
{
	int64_t until;

	if (!e)
		return true;
	stop_begins(e);
	engine_enter(e, PHASE_DRAINING);
	e->goal = GOAL_FREE;
	/* Long enough for a slow disk; one that is stuck already will not answer now. */
	until = loop_now_ms(e->context->loop) + (engine_stuck(e) ? 0 : DRAIN_MAX_MS);
	loop_timer_start(e->drain->timer, DRAIN_MS, 0);
	while ((!engine_mirror_is_drained(e) || e->drain->between) && loop_now_ms(e->context->loop) <= until)
		loop_turn(e->context->loop, true);
	if (!engine_mirror_is_drained(e)) {
		if (e->index)
			(void)index_commit(e->index);
		engine_log(e, LOG_ERROR, "%s: its disk does not answer: stopping without it", e->share_path);
		if (e->left)
			engine_forget(e);
		return false;
	}
	engine_mirror_free(e);
	/* A group that was left must not come back at the next start. */
	if (e->left)
		engine_forget(e);
	free_all(e);
	return true;
}

/* Removal of the share's .lanyard/, which is useless without its group. */
struct removal {
	struct engine *e;
	struct share *share; /* the engine's last_share */
	char *path;          /* owned: where it is opened first, if it is this group's still; NULL: it is open */
	uint8_t marker[32];
	char *why; /* owned; NULL: it was removed */
};

static void removal_work(void *arg)
{
	struct removal *r = arg;

	if (fs_remove_tree(share_root(r->share), ".lanyard") < 0)
		r->why = mem_strdup(strerror(errno));
}

static void end_and_free(void *arg)
{
	struct engine *e = arg;

	if (e->context->ended)
		e->context->ended(e->context->arg, e);
	(void)engine_free(e);
}

static void removal_done(void *arg)
{
	struct removal *r = arg;
	struct engine *e = r->e;

	if (r->why != NULL)
		engine_log(e, LOG_WARN, "%s/.lanyard: could not be removed: %s", e->share_path, r->why);
	free(r->path);
	free(r->why);
	free(r);
	if (e->phase == PHASE_REMOVING) /* otherwise engine_free() waits for this job */
		loop_between(e->context->loop, end_and_free, e);
}

static void removal_open(void *arg)
{
	struct removal *r = arg;

	r->share = share_open(r->path, false, true, r->marker, &r->why);
	if (r->share != NULL && share_lock(r->share, &r->why) < 0) {
		share_free(r->share);
		r->share = NULL;
	}
}

/* No other group of this agent can use the folder from here on; until here its marker has kept them out. */
static void removal_opened(void *arg)
{
	struct removal *r = arg;
	struct engine *e = r->e;

	e->last_share = r->share;
	if (r->share != NULL)
		workers_submit(e->workers, WORKERS_QUICK, removal_work, removal_done, r);
	else
		removal_done(r);
}

/* One that was a vault and has another role has stopped without opening its folder, and what it stored is of no use to
 * anybody. */
static void remove_traces(struct engine *e)
{
	struct removal *r;

	engine_enter(e, PHASE_REMOVING);
	if (e->last_share == NULL && (!e->was_vault || e->share_path == NULL)) {
		end_and_free(e);
		return;
	}
	r = MEM_NEW(struct removal);
	*r = (struct removal){ .e = e, .share = e->last_share };
	memcpy(r->marker, e->group.b, sizeof(r->marker));
	if (r->share != NULL) {
		workers_submit(e->workers, WORKERS_QUICK, removal_work, removal_done, r);
		return;
	}
	r->path = mem_strdup(e->share_path);
	workers_submit(e->workers, WORKERS_QUICK, removal_open, removal_opened, r);
}

static void leave_begins(void *arg)
{
	drain(arg, GOAL_REMOVE);
}

void engine_end(struct engine *e)
{
	e->left = true;
	engine_enter(e, PHASE_LEAVING);
	loop_between(e->context->loop, leave_begins, e);
}

/* --- goals --- */

/* The mirror is freed: each goal starts from an engine without one. */
static void reach_goal(struct engine *e)
{
	switch (e->goal) {
	case GOAL_RESTART:
		engine_enter(e, PHASE_STOPPED);
		engine_try_again(e);
		break;
	case GOAL_RETRY:
		engine_enter(e, PHASE_STOPPED);
		engine_retry_later(e);
		break;
	case GOAL_COPIED:
		engine_enter(e, PHASE_COPIED);
		break;
	case GOAL_REMOVE:
		remove_traces(e);
		break;
	case GOAL_FREE:
		break;
	}
}

void engine_stop_debug(const struct engine *e, debug_fn *fn, void *arg)
{
	fn(arg, "stop", "drained", engine_mirror_is_drained(e));
	fn(arg, "stop", "next_check_ms", loop_timer_left_ms(e->drain->timer));
}
