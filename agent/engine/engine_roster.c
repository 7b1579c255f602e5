/* The group's roster: loading and saving it, signing what is this agent's duty, and following changes of membership. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/engine/engine_heads.h"
#include "agent/engine/engine_internal.h"
#include "agent/engine/engine_keys.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum { DUTY_MS = 50, SAVE_MS = 1000, SAVE_AGAIN_MS = 5000 };

struct engine_keeper {
	struct loop_timer *save; /* runs while a changed roster is not saved yet */
	bool unsaved;            /* the last save failed */
	int64_t saved_ms;        /* time of the last save; 0: none */
	struct loop_timer *duty; /* runs while there may be something for an owner's agent to sign */
};

struct roster *engine_roster(struct engine *e)
{
	return e->roster;
}

/* --- on the disk --- */

static char *roster_path(const struct engine *e)
{
	return mem_printf("%s/roster.bin", e->dir);
}

/* A disk that refused once may succeed the next time. */
int engine_roster_load(struct engine *e)
{
	char *path = roster_path(e), *why = NULL;

	e->roster = roster_load(e->context->home_dirfd, path, &why);
	free(path);
	if (e->roster)
		return 0;
	engine_fail_for_now(e, why);
	return -1;
}

/* The roster before the settings without the invite, since a group without an invite must have a roster. */
int engine_roster_joined(struct engine *e)
{
	char *path = roster_path(e), *why = NULL;

	if (roster_save(e->roster, e->context->home_dirfd, path))
		why = mem_printf("%s/%s: %s", e->context->home, path, strerror(errno));
	free(path);
	if (!why && engine_store_save(e, &why) == 0) {
		e->unstored = false;
		return 0;
	}
	engine_fail_for_now(e, why);
	return -1;
}

void engine_roster_save(struct engine *e)
{
	struct engine_keeper *k = e->keeper;
	char *path = roster_path(e);
	bool failed = roster_save(e->roster, e->context->home_dirfd, path) < 0;

	if (failed && !k->unsaved)
		engine_log(e, LOG_ERROR, "group %s: %s/%s: the roster could not be stored; trying again: %s",
		           engine_name(e), e->context->home, path, strerror(errno));
	free(path);
	loop_timer_stop(k->save);
	if (failed) /* otherwise a restart would undo a removal that no peer has received yet */
		loop_timer_start(k->save, SAVE_AGAIN_MS, 0);
	k->unsaved = failed;
	k->saved_ms = loop_now_ms(e->context->loop);
}

static void save_due(void *arg)
{
	engine_roster_save(arg);
}

static void save_later(struct engine *e)
{
	struct engine_keeper *k = e->keeper;
	int64_t since = loop_now_ms(e->context->loop) - k->saved_ms;

	if (k->saved_ms == 0 || since >= SAVE_MS)
		engine_roster_save(e);
	else if (!loop_timer_running(k->save))
		loop_timer_start(k->save, SAVE_MS - since, 0);
}

void engine_roster_flush(struct engine *e)
{
	if (loop_timer_running(e->keeper->save))
		engine_roster_save(e);
}

/* --- changes --- */

/* A new generation goes out with the removal that it answers, or nothing could be sealed in between. */
void engine_roster_changed(struct engine *e)
{
	(void)engine_keys_answer_exit(e);
	engine_roster_save(e);
	peer_group_roster_changed(e->peers);
	if (e->index)
		engine_role_told(e);
	engine_keys_told(e);
	engine_heads_roster(e);
	engine_emit(e, "roster-changed", NULL, NULL);
	engine_members_changed(e);
}

/* An agent that was removed stays connected as far as others let it, so that it hears when an owner adds it again. */
void engine_roster_check_self(struct engine *e)
{
	bool member = roster_may(e->roster, identity_id(e->context->self), RIGHT_TAKE_PART);

	e->readmitted = member && (e->phase == PHASE_EXCLUDED || (e->keyless && e->error != NULL));
	if (member || (e->phase != PHASE_RUNNING && e->phase != PHASE_EXCLUDED && !e->keyless))
		return;
	engine_report(e, engine_members_why_outside(e));
	if (e->phase == PHASE_RUNNING)
		engine_enter(e, PHASE_EXCLUDED);
}

/* Not by a refusal, which proves nothing, but by entries: then it goes on waiting, in case an owner adds it again. */
void engine_roster_check_restored(struct engine *e)
{
	struct agent_id by;
	enum roster_outside why;

	if (e->phase != PHASE_JOINING || !e->restored || e->error != NULL)
		return;
	why = roster_outside(e->roster, identity_id(e->context->self), &by);
	if (why != OUTSIDE_UNKNOWN && why != OUTSIDE_MEMBER)
		engine_report(e, engine_members_why_outside(e));
}

void engine_roster_told(struct engine *e)
{
	if (engine_joins(e))
		return; /* saved when it is complete */
	save_later(e);
	engine_emit(e, "roster-changed", NULL, NULL);
	if (e->index)
		engine_role_told(e);
	engine_keys_told(e);
	engine_heads_roster(e);
	engine_roster_duty(e, true);
	engine_members_changed(e);
	engine_roster_check_self(e);
	e->dirty = true;
}

/* --- duty --- */

static void duty_due(void *arg)
{
	struct engine *e = arg;

	if (e->phase != PHASE_RUNNING || !roster_do_duty(e->roster, e->context->self, clock_wall_s()))
		return;
	engine_roster_changed(e);
	loop_timer_start(e->keeper->duty, DUTY_MS, 0); /* there may be more */
}

void engine_roster_duty(struct engine *e, bool on)
{
	if (on)
		loop_timer_start(e->keeper->duty, 0, 0);
	else
		loop_timer_stop(e->keeper->duty);
}

/* --- making and ending --- */

void engine_roster_new(struct engine *e)
{
	e->keeper = MEM_NEW(struct engine_keeper);
	e->keeper->save = loop_timer_new(e->context->loop, save_due, e);
	e->keeper->duty = loop_timer_new(e->context->loop, duty_due, e);
	engine_members_new(e);
}

void engine_roster_free(struct engine *e)
{
	loop_timer_free(e->keeper->save);
	loop_timer_free(e->keeper->duty);
	free(e->keeper);
	engine_members_free(e);
}

void engine_roster_debug(const struct engine *e, debug_fn *fn, void *arg)
{
	fn(arg, "roster", "unsaved", e->keeper->unsaved);
	fn(arg, "roster", "next_save_ms", loop_timer_left_ms(e->keeper->save));
	fn(arg, "roster", "next_duty_ms", loop_timer_left_ms(e->keeper->duty));
}
