/* See engine.h: making and ending one group, and the end of each turn, which commits the index once and tells peers and
 * listeners what came of the turn. What the parts report to each other is in engine_wiring.c. */
#include "agent/engine/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/engine/engine_internal.h"
#include "base/bytes.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"

void engine_emit(struct engine *e, const char *kind, const char *path, const char *reason)
{
	events_emit(e->context->events,
	            &(struct event){ .kind = kind, .group = engine_name(e), .path = path, .reason = reason });
}

/* The engine does not run, for a reason that only a person can change. Takes why. */
void engine_fail(struct engine *e, char *why)
{
	if (!e->error || strcmp(e->error, why) != 0) {
		engine_log(e, LOG_ERROR, "group %s: %s", engine_name(e), why);
		engine_emit(e, "problem", NULL, why);
	}
	free(e->error);
	e->error = why;
	e->dirty = true;
}

/* The engine does not run, but the cause may go away: it is tried again. Takes why. */
void engine_fail_for_now(struct engine *e, char *why)
{
	engine_fail(e, why);
	loop_timer_start(e->retry, ENGINE_RETRY_MS, 0);
}

/* --- the end of a turn --- */

void engine_index_committed(void *arg)
{
	peer_group_news(((struct engine *)arg)->peers);
}

/* The index lost what was written since its last commit, or is damaged: all that was built on it begins anew. */
void engine_index_lost(struct engine *e)
{
	if (e->restarting)
		return;
	e->restarting = true;
	engine_fail(e,
	            mem_strdup(index_damaged(e->index) ? "the index is damaged and is being rebuilt"
	                                               : "the index cannot be written (is the disk of the agent's home "
	                                                 "full?): waiting, and trying again"));
	loop_between(e->context->loop, engine_restart, e);
}

static void turn_end(void *arg)
{
	struct engine *e = arg;
	struct engine_status s;

	if (e->peers && e->index && e->fetch) {
		if (peer_group_turn_end(e->peers) || index_damaged(e->index))
			engine_index_lost(e);
		engine_sync_turn(e);
	}
	if (!e->dirty)
		return;
	e->dirty = false;
	engine_status(e, &s);
	if (s.in_sync == e->in_sync)
		return;
	e->in_sync = s.in_sync;
	if (s.in_sync)
		malloc_trim(0);
	engine_emit(e, s.in_sync ? "in-sync" : "syncing", NULL, NULL);
}

/* --- making and ending --- */

static struct engine *engine_new(const struct engine_context *context, const struct group_id *group)
{
	struct engine *e = MEM_NEW(struct engine);
	char hex[65];

	e->context = context;
	e->group = *group;
	hex_encode(hex, group->b, sizeof(group->b));
	e->dir = mem_printf("groups/%s", hex);
	e->hook = loop_hook_new(context->loop, turn_end, e);
	e->retry = loop_timer_new(context->loop, engine_try_again, e);
	e->look = loop_timer_new(context->loop, engine_look_due, e);
	e->save_roster = loop_timer_new(context->loop, engine_save_roster_due, e);
	e->duty = loop_timer_new(context->loop, engine_do_duty, e);
	e->drain = loop_timer_new(context->loop, engine_drain_due, e);
	e->workers = workers_new(context->loop, context->worker_threads);
	e->sync_again = loop_timer_new(context->loop, engine_sync_again, e);
	return e;
}

/* --- joining --- */

static void joined(void *arg, int status, const char *reason)
{
	struct engine *e = arg;

	peer_group_free(e->peers);
	e->peers = NULL;
	free(e->token);
	e->token = NULL;
	if (status) {
		engine_forget(e);
		engine_fail(e, mem_printf("the invite was refused: %s", reason));
		return;
	}
	e->unstored = true;
	engine_log(e, LOG_INFO, "group %s: joined", engine_name(e));
	engine_start(e);
	engine_emit(e, "joined", NULL, NULL);
	e->context->changed(e->context->arg);
}

void engine_start_joining(struct engine *e)
{
	free(e->error);
	e->error = NULL;
	e->roster = roster_new(&e->group);
	e->peers = peer_group_new(e->context->peers, &(struct peer_group_config){ .roster = e->roster,
	                                                                          .hooks = &engine_peer_hooks,
	                                                                          .arg = e,
	                                                                          .invite = &e->invite,
	                                                                          .joined = joined });
}

struct engine *engine_join(const struct engine_context *context, const char *token, const struct invite *invite,
                           const char *share, char **why)
{
	struct engine *e = engine_new(context, &invite->group);

	e->invite = *invite;
	e->token = mem_strdup(token);
	e->share_path = mem_strdup(share);
	if (engine_store_save(e, why)) {
		(void)engine_free(e);
		return NULL;
	}
	engine_start(e);
	return e;
}

struct engine *engine_found(const struct engine_context *context, struct roster *roster, const char *share, char **why)
{
	struct engine *e = engine_new(context, roster_group(roster));

	e->roster = roster;
	e->share_path = mem_strdup(share);
	if (engine_store_save(e, why)) {
		(void)engine_free(e);
		return NULL;
	}
	engine_save_roster(e);
	engine_start(e);
	if (e->error) {
		*why = mem_strdup(e->error);
		engine_forget(e);
		(void)engine_free(e);
		return NULL;
	}
	return e;
}

struct engine *engine_load(const struct engine_context *context, const char *group_hex, char **why)
{
	struct group_id id = { 0 };
	struct engine *e;

	if (hex_decode(id.b, sizeof(id.b), group_hex)) {
		*why = mem_printf("%s/groups/%s: not the folder of a group: remove it", context->home, group_hex);
		return NULL;
	}
	e = engine_new(context, &id);
	if (engine_store_load(e, why)) {
		(void)engine_free(e);
		return NULL;
	}
	if (e->token) {
		if (invite_parse(&e->invite, e->token) == INVITE_OK)
			engine_start(e);
		else
			engine_fail(e, mem_strdup("the stored invite is damaged: leave the group and join it again"));
		return e;
	}
	engine_start(e);
	return e;
}
