/* See engine.h: making and ending one group, and the end of each turn, which commits the index once and tells peers and
 * listeners what came of the turn. What the parts report to each other is in engine_wiring.c. */
#include "agent/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/engine_internal.h"
#include "base/bytes.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"

enum { RETRY_MS = 5000, LOOK_MS = 10000 };

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
static void fail_for_now(struct engine *e, char *why)
{
	engine_fail(e, why);
	loop_timer_start(e->retry, RETRY_MS, 0);
}

/* --- the end of a turn --- */

static void index_committed(void *arg)
{
	peer_group_news(((struct engine *)arg)->peers);
}

static void restart(void *arg);

/* The index lost what was written since its last commit, or is damaged: all that was built on it begins anew. */
void engine_index_lost(struct engine *e)
{
	if (e->restarting)
		return;
	e->restarting = true;
	engine_fail(e,
	            mem_strdup(index_damaged(e->index) ? "the index is damaged and is made anew"
	                                               : "the index cannot be written (is the disk of the agent's home "
	                                                 "full?): waiting, and trying again"));
	loop_between(e->context->loop, restart, e);
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

static void try_again(void *arg);

static void look_at_share(void *arg)
{
	struct engine *e = arg;

	local_look(e->local, false);
}

static struct engine *engine_new(const struct engine_context *context, const struct group_id *group)
{
	struct engine *e = MEM_NEW(struct engine);
	char hex[65];

	e->context = context;
	e->group = *group;
	hex_encode(hex, group->b, sizeof(group->b));
	e->dir = mem_printf("groups/%s", hex);
	e->hook = loop_hook_new(context->loop, turn_end, e);
	e->retry = loop_timer_new(context->loop, try_again, e);
	e->look = loop_timer_new(context->loop, look_at_share, e);
	e->duty = loop_timer_new(context->loop, engine_do_duty, e);
	e->sync_again = loop_timer_new(context->loop, engine_sync_again, e);
	return e;
}

/* Opens share and index; the engine is in error when that fails. */
static int open_both(struct engine *e)
{
	char *dir = mem_printf("%s/%s", e->context->home, e->dir), *why = NULL;
	enum index_status status = index_open(&e->index, dir, &why);
	int64_t fresh = 0;

	free(dir);
	if (status == INDEX_NEWER) {
		engine_fail(e, why);
		return -1;
	}
	if (status == INDEX_FAILED) {
		fail_for_now(e, why);
		return -1;
	}
	if (status == INDEX_REBUILT)
		engine_log(e, LOG_WARN, "group %s: %s", engine_name(e), why);
	free(why);
	why = NULL;
	/* The last start may have come as far as the index and no further. */
	(void)index_meta_get(e->index, INDEX_META_FRESH, &fresh);
	/* The numbers of what may be a copy are not those of the other one. */
	if (e->context->moved && fresh == 0)
		index_new_epoch(e->index);
	e->share = share_open(e->share_path, fresh != 0, fresh == 0, e->group.b, &why);
	if (e->share) {
		if (fresh != 0)
			(void)index_meta_put(e->index, INDEX_META_FRESH, 0);
		share_set_group(e->share, engine_name(e));
		return 0;
	}
	index_close(e->index);
	e->index = NULL;
	fail_for_now(e, why);
	return -1;
}

/* What a disk refused once it may give the next time. */
static int load_roster(struct engine *e)
{
	char *path = mem_printf("%s/roster.bin", e->dir), *why = NULL;

	e->roster = roster_load(e->context->home_dirfd, path, &why);
	free(path);
	if (e->roster)
		return 0;
	fail_for_now(e, why);
	return -1;
}

/* A member from now on, and after a restart: the roster first, since without an invite there must be one. */
static int store_joined(struct engine *e)
{
	char *path = mem_printf("%s/roster.bin", e->dir), *why = NULL;

	if (roster_save(e->roster, e->context->home_dirfd, path))
		why = mem_printf("%s/%s: %s", e->context->home, path, strerror(errno));
	free(path);
	if (!why && engine_store_save(e, &why) == 0) {
		e->unstored = false;
		return 0;
	}
	fail_for_now(e, why);
	return -1;
}

/* Opens what a member has, and starts. Failing leaves an engine in error, which stops no other. */
static void start(struct engine *e)
{
	const struct engine_context *c = e->context;

	if (e->copied || (!e->roster && load_roster(e)) || (e->unstored && store_joined(e)))
		return;
	if (roster_role(e->roster, identity_id(c->self)) == ROLE_NONE) {
		engine_fail(e,
		            roster_is_damaged(e->roster)
		                    ? mem_printf("%s/%s/roster.bin is damaged, and says no longer that this agent is a "
		                                 "member: join the group again",
		                                 c->home, e->dir)
		                    : mem_strdup("this agent is no longer a member of the group"));
		return;
	}
	if (open_both(e))
		return;
	free(e->error);
	e->error = NULL;
	e->scanned = false;
	e->synced = 0;
	index_on_commit(e->index, index_committed, e);
	e->local = engine_make_local(e);
	e->fetch = engine_make_fetch(e);
	e->peers = peer_group_new(c->peers, &(struct peer_group_config){ .roster = e->roster,
	                                                                 .index = e->index,
	                                                                 .share = e->share,
	                                                                 .hooks = &engine_peer_hooks,
	                                                                 .arg = e });
	engine_forget_departed(e);
	engine_rules_changed(e);
	local_start(e->local);
	loop_timer_start(e->look, LOOK_MS, LOOK_MS);
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

static void try_again(void *arg)
{
	struct engine *e = arg;

	start(e);
	e->context->changed(e->context->arg);
}

static void stop(struct engine *e)
{
	loop_timer_stop(e->retry);
	loop_timer_stop(e->look);
	loop_timer_stop(e->sync_again);
	loop_timer_stop(e->duty);
	engine_verify_stop(e);
	engine_versions_stop(e);
	engine_tombstones_stop(e);
	struct local *local = e->local;
	struct fetch *fetch = e->fetch;

	/* The talks end first, so that no peer calls into what goes; fetch still writes the rows of what it installs. */
	if (e->peers && e->index)
		peer_group_pause(e->peers, true);
	e->local = NULL;
	local_free(local);
	fetch_free(fetch);
	e->fetch = NULL;
	/* Jobs that are out still hold the share's descriptors and the index's file. */
	if (e->index)
		workers_flush(e->context->workers);
	if (e->index)
		index_close(e->index);
	e->index = NULL;
	share_free(e->share);
	e->share = NULL;
	peer_group_free(e->peers);
	e->peers = NULL;
}

static void restart(void *arg)
{
	struct engine *e = arg;
	bool damaged = e->index && index_damaged(e->index);

	if (e->ending)
		return;
	stop(e);
	e->restarting = false;
	if (damaged)
		try_again(e);
	else
		loop_timer_start(e->retry, RETRY_MS, 0);
}

void engine_copied(struct engine *e, char *why)
{
	e->copied = true;
	/* Both may have used the same numbers: when this one is started again, they are nobody's. */
	if (e->index)
		index_new_epoch(e->index);
	stop(e);
	engine_fail(e, why);
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	stop(e);
	loop_hook_free(e->hook);
	loop_timer_free(e->retry);
	loop_timer_free(e->look);
	loop_timer_free(e->sync_again);
	loop_timer_free(e->duty);
	roster_free(e->roster);
	free(e->dir);
	free(e->share_path);
	free(e->token);
	free(e->error);
	free(e);
}

static void end(void *arg)
{
	struct engine *e = arg;
	int root = e->share ? fcntl(share_root(e->share), F_DUPFD_CLOEXEC, 3) : -1;

	stop(e);
	if (root >= 0 && fs_remove_tree(root, ".lanyard"))
		engine_log(e, LOG_WARN, "%s/.lanyard: could not be removed: %s", e->share_path, strerror(errno));
	if (root >= 0)
		close(root);
	engine_forget(e);
	engine_free(e);
}

void engine_end(struct engine *e)
{
	e->ending = true;
	loop_between(e->context->loop, end, e);
}

void engine_forget(struct engine *e)
{
	if (fs_remove_tree(e->context->home_dirfd, e->dir))
		engine_log(e, LOG_ERROR, "group %s: %s/%s: could not be removed: %s", engine_name(e), e->context->home,
		           e->dir, strerror(errno));
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
	start(e);
	engine_emit(e, "joined", NULL, NULL);
	e->context->changed(e->context->arg);
}

static void start_joining(struct engine *e)
{
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
		engine_free(e);
		return NULL;
	}
	start_joining(e);
	return e;
}

struct engine *engine_found(const struct engine_context *context, struct roster *roster, const char *share, char **why)
{
	struct engine *e = engine_new(context, roster_group(roster));

	e->roster = roster;
	e->share_path = mem_strdup(share);
	if (engine_store_save(e, why)) {
		engine_free(e);
		return NULL;
	}
	engine_save_roster(e);
	start(e);
	if (e->error) {
		*why = mem_strdup(e->error);
		engine_forget(e);
		engine_free(e);
		return NULL;
	}
	return e;
}

struct engine *engine_load(const struct engine_context *context, const char *group_hex, char **why)
{
	struct group_id id = { 0 };
	struct engine *e;

	if (hex_decode(id.b, sizeof(id.b), group_hex)) {
		*why = mem_printf("%s/groups/%s: no group's folder: remove it", context->home, group_hex);
		return NULL;
	}
	e = engine_new(context, &id);
	if (engine_store_load(e, why)) {
		engine_free(e);
		return NULL;
	}
	if (e->token) {
		if (invite_parse(&e->invite, e->token) == INVITE_OK)
			start_joining(e);
		else
			engine_fail(e, mem_strdup("the stored invite is damaged: leave the group and join it again"));
		return e;
	}
	start(e);
	return e;
}
