/* See engine.h: construction, queries and commands, and the end of each turn, which commits the index once and
 * informs peers and listeners of the result. */
#include "agent/engine/engine.h"

#include <stdlib.h>
#include <string.h>

#include "agent/engine/engine_heads.h"
#include "agent/engine/engine_internal.h"
#include "agent/engine/engine_keys.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"

/* --- the end of a turn --- */

static void go_on_in_another_epoch(struct engine *e)
{
	e->rolled_back = false;
	engine_log(e, LOG_WARN,
	           "group %s: others know later changes of ours than we do: the index was restored from an older copy; "
	           "starting a new epoch",
	           engine_name(e));
	if (e->vault != NULL)
		engine_vault_rolled_back(e);
	else
		peer_group_begin_epoch(e->peers);
}

/* Commits before it acknowledges and syncs, so that every row that is announced is in the index and every row that is
 * acknowledged as settled is on the disk. This continues while the engine drains, until the mirror is freed. */
static void turn_end(void *arg)
{
	struct engine *e = arg;
	struct engine_status s;

	if (engine_works(e) || engine_awaits_keys(e)) {
		if (peer_group_turn_end(e->peers) || index_damaged(e->index))
			engine_index_lost(e);
		if (engine_works(e)) {
			engine_sync_turn(e);
			engine_heads_turn(e);
			if (e->rolled_back)
				go_on_in_another_epoch(e);
			engine_choices_turn(e);
		}
		if (e->phase == PHASE_LOST || e->readmitted || (e->keyless && engine_keys_ready(e)))
			loop_between(e->context->loop, engine_restart, e);
	}
	if (!e->dirty)
		return;
	e->dirty = false;
	engine_roster_check_restored(e);
	engine_role_turn(e);
	engine_lag_turn(e);
	engine_status(e, &s);
	e->settled = s.settled;
	if (s.in_sync == e->in_sync)
		return;
	e->in_sync = s.in_sync;
	e->last_in_sync_s = clock_wall_s();
	if (s.in_sync) {
		pool_trim();
		mem_trim();
	}
	engine_emit(e, s.in_sync ? "in-sync" : "syncing", NULL, NULL);
}

/* --- making --- */

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
	engine_disk_new(e);
	engine_roster_new(e);
	engine_stop_new(e);
	e->workers = workers_new(context->loop, context->worker_threads);
	engine_sync_new(e);
	return e;
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

/* keys.bin comes before the roster that tells of its generation. */
static struct engine *engine_begin(const struct engine_context *context, struct roster *roster, const char *share,
                                   bool founded, char **why)
{
	struct engine *e = engine_new(context, roster_group(roster));

	e->roster = roster;
	e->share_path = mem_strdup(share);
	if (engine_store_save(e, why)) {
		(void)engine_free(e);
		return NULL;
	}
	if (founded && engine_keys_found(e, why) < 0) {
		engine_forget(e);
		(void)engine_free(e);
		return NULL;
	}
	engine_roster_save(e);
	engine_start(e);
	if (e->error) {
		*why = mem_strdup(e->error);
		engine_forget(e);
		(void)engine_free(e);
		return NULL;
	}
	return e;
}

struct engine *engine_found(const struct engine_context *context, struct roster *roster, const char *share, char **why)
{
	return engine_begin(context, roster, share, true, why);
}

struct engine *engine_accepted(const struct engine_context *context, struct roster *roster, const char *share,
                               char **why)
{
	return engine_begin(context, roster, share, false, why);
}

int engine_begin_on_demand(struct engine *e, char **why)
{
	e->begin_on_demand = true;
	return engine_store_save(e, why);
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
	if (e->token && invite_parse(&e->invite, e->token) != INVITE_OK)
		engine_fail(e, mem_strdup("the stored invite is damaged: leave the group and join it again"));
	else
		engine_start(e);
	return e;
}

/* --- queries --- */

const struct group_id *engine_group(const struct engine *e)
{
	return &e->group;
}

const char *engine_share_path(const struct engine *e)
{
	return e->share_path;
}

uint64_t engine_self(const struct engine *e)
{
	return agent_id_short(identity_id(e->context->self));
}

struct index *engine_index(struct engine *e)
{
	return e->index;
}

struct fetch *engine_fetch(struct engine *e)
{
	return e->fetch;
}

struct peer_group *engine_peers(struct engine *e)
{
	return e->peers;
}

const char *engine_error(const struct engine *e)
{
	return e->error;
}

bool engine_paused(const struct engine *e)
{
	return e->paused;
}

bool engine_is_joiner(const struct engine *e)
{
	return engine_joins(e);
}

bool engine_is_restored(const struct engine *e)
{
	return e->restored;
}

const struct invite *engine_invite(const struct engine *e)
{
	return engine_joins(e) ? &e->invite : NULL;
}

bool engine_is_excluded(const struct engine *e)
{
	return e->phase == PHASE_EXCLUDED;
}

bool engine_joins_by(const struct engine *e, const char *token)
{
	return e->token != NULL && strcmp(e->token, token) == 0;
}

bool engine_opening(const struct engine *e)
{
	return e->phase == PHASE_OPENING;
}

bool engine_awaits_disk(const struct engine *e)
{
	return e->phase == PHASE_OPENING || e->phase == PHASE_DRAINING;
}

bool engine_is_announced(const struct engine *e)
{
	return e->index != NULL && e->error == NULL && !e->paused;
}

/* --- commands --- */

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

void engine_rescan(struct engine *e)
{
	if (e->local)
		local_rescan(e->local);
}
