/* How an engine gets from STOPPED to RUNNING: it reads roster and index, a worker follows the share's path and then
 * opens the share, and the mirror is built. A joiner follows the path only, and then asks members to admit it. If a
 * step fails, the engine is STOPPED with the reason; other groups are not affected. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/engine/engine_internal.h"
#include "agent/engine/engine_keys.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/share/real_path.h"

/* Two jobs in a row: following the share's path, which must not overlap another share; then opening the share. If the
 * engine does not point here any more when a job returns, it frees this and does nothing else. */
struct engine_open {
	struct engine *e;
	char *path;                  /* owned */
	struct real_path *real_path; /* result of the first; NULL: the path cannot be followed */
	bool create;
	uint8_t marker[32];
	bool free_there;               /* no other share is there: the path is ours from then on */
	bool on_demand;                /* the mode if the share has no choices yet */
	struct share *share;           /* result of the second; NULL: `why` says why */
	struct share_choices *choices; /* beside it */
	char *why;                     /* owned */
};

const struct real_path *engine_real_path(const struct engine *e)
{
	if (e->share != NULL || e->last_share != NULL)
		return share_real_path(e->share != NULL ? e->share : e->last_share);
	return e->opening != NULL && e->opening->free_there ? e->opening->real_path : NULL;
}

static void real_path_work(void *arg)
{
	struct engine_open *o = arg;

	o->real_path = real_path_of(o->path);
}

/* On demand from the start: so it is written before anything is fetched. */
static void begin_choices(struct engine_open *o)
{
	share_choices_set_mode(o->choices, CHOOSE_ON_DEMAND);
	share_choices_set_stamp(o->choices, 1);
	if (share_choices_write(share_root(o->share), o->choices) == 0)
		return;
	o->why = mem_printf("%s/" SHARE_CHOICES_FILE ": %s", o->path, strerror(errno));
	share_choices_free(o->choices);
	o->choices = NULL;
}

static void open_work(void *arg)
{
	struct engine_open *o = arg;

	o->share = share_open(o->path, o->create, !o->create, o->marker, &o->why);
	if (o->share == NULL)
		return;
	if (share_lock(o->share, &o->why) == 0)
		o->choices = share_choices_read(share_root(o->share), o->path, &o->why);
	if (o->choices != NULL && o->on_demand && share_choices_stamp(o->choices) == 0)
		begin_choices(o);
	if (o->choices == NULL) {
		share_free(o->share);
		o->share = NULL;
	}
}

static void free_opening(struct engine_open *o)
{
	real_path_free(o->real_path);
	share_free(o->share);
	share_choices_free(o->choices);
	free(o->path);
	free(o->why);
	free(o);
}

/* False, and freed, if the engine does not want it any more. */
static bool opening_is_wanted(struct engine_open *o)
{
	struct engine *e = o->e;

	if (e->opening == o && e->phase == PHASE_OPENING)
		return true;
	if (e->opening == o)
		e->opening = NULL;
	free_opening(o);
	return false;
}

void engine_open_drop(struct engine *e)
{
	e->opening = NULL;
}

static void path_followed(void *arg);
static void share_opened(void *arg);

static void open_share(struct engine *e, bool create)
{
	struct engine_open *o = MEM_NEW(struct engine_open);

	o->e = e;
	o->path = mem_strdup(e->share_path);
	o->create = create;
	memcpy(o->marker, e->group.b, sizeof(o->marker));
	e->opening = o;
	engine_enter(e, PHASE_OPENING);
	workers_submit(e->workers, WORKERS_QUICK, real_path_work, path_followed, o);
}

static void close_index(struct engine *e)
{
	if (e->index)
		index_close(e->index);
	e->index = NULL;
}

static void start_joining(struct engine *e);

/* Checks the path before a share is created there, and reserves it, so that no other engine takes it in the meantime.
 * A joiner goes on without a share: only a member gets one. */
static void path_followed(void *arg)
{
	struct engine_open *o = arg;
	struct engine *e = o->e;
	char *why = NULL;

	if (!opening_is_wanted(o))
		return;
	if (e->context->share_is_free)
		why = e->context->share_is_free(e->context->arg, e, o->real_path);
	if (why == NULL && !engine_joins(e)) {
		o->free_there = true;
		o->on_demand = o->create && e->begin_on_demand && !e->was_vault;
		workers_submit(e->workers, WORKERS_QUICK, open_work, share_opened, o);
		return;
	}
	e->opening = NULL;
	free_opening(o);
	if (why != NULL) {
		close_index(e);
		engine_fail_for_now(e, why);
	} else {
		start_joining(e);
	}
	e->context->changed(e->context->arg);
}

/* Without the first keys of a sealed group nothing can be scanned. */
static void begin_work(struct engine *e)
{
	free(e->error);
	e->error = NULL;
	if (e->vault != NULL) {
		engine_enter(e, PHASE_RUNNING);
		engine_vault_start(e);
	} else if (!engine_keys_ready(e)) {
		engine_keyless_start(e);
	} else {
		engine_enter(e, PHASE_RUNNING);
		engine_mirror_start(e);
	}
	engine_roster_check_self(e);
}

/* Index and share are both open now. The first success clears INDEX_META_FRESH: from then on a missing share is an
 * error, and is not created. */
static void share_opened(void *arg)
{
	struct engine_open *o = arg;
	struct engine *e = o->e;

	if (!opening_is_wanted(o))
		return;
	e->opening = NULL;
	e->share = o->share;
	o->share = NULL;
	e->chosen = o->choices;
	o->choices = NULL;
	if (e->share != NULL && e->was_vault && engine_vault_new(e, &o->why) < 0) {
		share_free(e->share);
		e->share = NULL;
	}
	if (e->share == NULL) {
		close_index(e);
		engine_fail_for_now(e, o->why);
		o->why = NULL;
	} else {
		if (o->create)
			(void)index_meta_put(e->index, INDEX_META_FRESH, 0);
		if (o->on_demand)
			(void)index_meta_put(e->index, INDEX_META_STAMP, share_choices_stamp(e->chosen));
		share_set_group(e->share, engine_name(e));
		begin_work(e);
	}
	free_opening(o);
	e->context->changed(e->context->arg);
}

/* --- a member --- */

static int open_index(struct engine *e)
{
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
	return 0;
}

/* -1: the engine has stopped. */
static int open_index_in_role(struct engine *e)
{
	if (open_index(e) < 0)
		return -1;
	if (e->was_vault || !engine_role_doubt(e))
		return 0;
	close_index(e);
	if (open_index(e) < 0)
		return -1;
	(void)engine_role_doubt(e);
	return 0;
}

static void start_member(struct engine *e)
{
	const struct engine_context *c = e->context;
	int64_t fresh = 0;
	int vault;

	if ((!e->roster && engine_roster_load(e)) || (e->unstored && engine_roster_joined(e)))
		return;
	if (roster_is_damaged(e->roster) && !roster_may(e->roster, identity_id(c->self), RIGHT_TAKE_PART)) {
		engine_fail(e, mem_printf("%s/%s/roster.bin is damaged and no longer shows that this agent is a "
		                          "member: join the group again",
		                          c->home, e->dir));
		return;
	}
	engine_members_changed(e);
	vault = engine_vault_prepare(e);
	if (vault < 0 || engine_keys_open(e) < 0 || open_index_in_role(e) < 0)
		return;
	if (vault == ENGINE_VAULT_BECAME)
		(void)index_meta_put(e->index, INDEX_META_FRESH, 0);
	/* An earlier start may have created the index and failed at the share. */
	(void)index_meta_get(e->index, INDEX_META_FRESH, &fresh);
	/* A copy of this home may use the same numbers, so this one takes another epoch. */
	if (c->moved && fresh == 0)
		engine_begin_epoch(e);
	engine_disk_watch(e, true);
	open_share(e, fresh != 0);
}

void engine_start(struct engine *e)
{
	if (e->phase != PHASE_STOPPED)
		return;
	if (engine_joins(e))
		open_share(e, false);
	else
		start_member(e);
}

void engine_try_again(void *arg)
{
	struct engine *e = arg;

	engine_start(e);
	e->context->changed(e->context->arg);
}

/* --- a joiner --- */

static void joined(void *arg, int status, const char *reason)
{
	struct engine *e = arg;
	bool restored = e->restored;

	peer_group_free(e->peers);
	e->peers = NULL;
	free(e->token);
	e->token = NULL;
	e->restored = false;
	if (e->phase != PHASE_JOINING)
		return; /* the group was left in the meantime, or the engine stops */
	if (status) {
		engine_forget(e);
		engine_fail(e, mem_printf("the invite was refused: %s", reason));
		return;
	}
	e->unstored = true;
	engine_store_forget_leave(e);
	engine_log(e, LOG_INFO, "group %s: %s", engine_name(e),
	           restored ? "restored: its members are known again" : "joined");
	engine_enter(e, PHASE_STOPPED);
	engine_start(e);
	engine_emit(e, "joined", NULL, NULL);
	e->context->changed(e->context->arg);
}

static void start_joining(struct engine *e)
{
	free(e->error);
	e->error = NULL;
	engine_enter(e, PHASE_JOINING);
	e->roster = roster_new(&e->group);
	engine_store_show_leave(e);
	e->peers = peer_group_new(e->context->peers, &(struct peer_group_config){ .roster = e->roster,
	                                                                          .hooks = &engine_wiring_peer_hooks,
	                                                                          .arg = e,
	                                                                          .invite = &e->invite,
	                                                                          .asked = e->restored,
	                                                                          .joined = joined });
}
