/* See engine.h: making, wiring and ending one group. What each part reports goes to the next by the hooks below; the end of
 * each turn commits the index once and tells peers and listeners what came of the turn. */
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

enum { CHECKPOINT_BYTES = 4 << 20, RETRY_MS = 5000, LOOK_MS = 10000 };

void engine_emit(struct engine *e, const char *kind, const char *path, const char *reason)
{
	events_emit(e->context->events,
	            &(struct event){ .kind = kind, .group = engine_name(e), .path = path, .reason = reason });
}

/* The engine does not run, for a reason that only a person can change. Takes why. */
static void fail(struct engine *e, char *why)
{
	if (!e->error || strcmp(e->error, why) != 0) {
		log_error("group %s: %s", engine_name(e), why);
		engine_emit(e, "problem", NULL, why);
	}
	free(e->error);
	e->error = why;
	e->dirty = true;
}

/* The engine does not run, but the cause may go away: it is tried again. Takes why. */
static void fail_for_now(struct engine *e, char *why)
{
	fail(e, why);
	loop_timer_start(e->retry, RETRY_MS, 0);
}

/* --- the local side --- */

static void local_changed(void *arg, const struct record *r)
{
	struct engine *e = arg;

	engine_emit(e, "file-changed", r->path, r->deleted ? "deleted" : NULL);
	fetch_row_changed(e->fetch, r->path);
}

static void something_changed(void *arg)
{
	struct engine *e = arg;

	e->dirty = true;
}

static void local_scanned(void *arg, int64_t files, int64_t changed)
{
	struct engine *e = arg;
	char *text = mem_printf("%lld files, %lld changed", (long long)files, (long long)changed);

	e->scanned = true;
	e->dirty = true;
	engine_emit(e, "scan-finished", NULL, text);
	free(text);
}

static void local_rules_changed(void *arg)
{
	struct engine *e = arg;

	if (engine_rules_changed(e) && !e->paused) {
		peer_group_pause(e->peers, true);
		peer_group_pause(e->peers, false);
	}
}

static bool local_busy(void *arg, const char *path)
{
	struct engine *e = arg;

	return e->fetch && fetch_installing(e->fetch, path);
}

/* --- fetch, and what it asks of peers --- */

static size_t op_room(void *arg, uint64_t peer)
{
	return peer_group_room(((struct engine *)arg)->peers, peer);
}

static int op_get(void *arg, uint64_t peer, const struct content *c, const struct fetch_want *wants, size_t n)
{
	struct peer_want *list = mem_calloc(n, sizeof(*list));
	int status;

	for (size_t i = 0; i < n; i++) {
		list[i] = (struct peer_want){ .request = wants[i].request,
			                      .len = wants[i].len,
			                      .offset = wants[i].offset };
		memcpy(list[i].hash, wants[i].hash, sizeof(list[i].hash));
	}
	status = peer_group_get(((struct engine *)arg)->peers, peer, c, list, n);
	free(list);
	return status;
}

static int op_get_list(void *arg, uint64_t peer, uint32_t request, const struct content *c, uint32_t first)
{
	return peer_group_get_list(((struct engine *)arg)->peers, peer, request, c, first);
}

static void op_cancel(void *arg, uint64_t peer, const uint32_t *requests, size_t n)
{
	peer_group_cancel(((struct engine *)arg)->peers, peer, requests, n);
}

static void op_misbehaved(void *arg, uint64_t peer, const char *path, const char *what)
{
	peer_group_misbehaved(((struct engine *)arg)->peers, peer, path, what);
}

static bool op_connected(void *arg, uint64_t peer)
{
	return peer_group_connected(((struct engine *)arg)->peers, peer);
}

static const struct fetch_ops fetch_ops = {
	.room = op_room,
	.get = op_get,
	.get_list = op_get_list,
	.cancel = op_cancel,
	.misbehaved = op_misbehaved,
	.connected = op_connected,
};

static void look_at(void *arg, const char *path)
{
	struct engine *e = arg;

	if (e->local)
		local_hint(e->local, path);
}

static void fetch_installed(void *arg, const struct record *r)
{
	engine_emit(arg, r->deleted ? "file-deleted" : "file-installed", r->path, NULL);
}

static void fetch_conflict(void *arg, const char *path, const char *of)
{
	char *name = log_escape(path, strlen(path)), *other = log_escape(of, strlen(of));

	log_warn("group %s: %s was changed here and elsewhere: what was here is kept as %s", engine_name(arg), other,
	         name);
	engine_emit(arg, "conflict", path, other);
	free(name);
	free(other);
}

static void fetch_problem(void *arg, const char *path, const char *reason)
{
	char *name = log_escape(path, strlen(path));

	if (log_allow("fetch-problem", 20))
		log_warn("group %s: %s: %s", engine_name(arg), name, reason);
	engine_emit(arg, "problem", path, reason);
	free(name);
}

static void fetch_state(void *arg)
{
	struct engine *e = arg;

	e->dirty = true;
	peer_group_progress(e->peers);
}

/* --- the peers' side --- */

static void peer_record(void *arg, uint64_t peer, const struct record *theirs, const uint8_t *bytes, size_t n,
                        const struct blocklist *blocks)
{
	fetch_record(((struct engine *)arg)->fetch, peer, theirs, bytes, n, blocks);
}

static void peer_records_end(void *arg, uint64_t peer)
{
	fetch_records_end(((struct engine *)arg)->fetch, peer);
}

static uint64_t peer_held(void *arg, uint64_t peer)
{
	return fetch_held(((struct engine *)arg)->fetch, peer);
}

static void peer_block(void *arg, uint64_t peer, uint32_t request, uint8_t *bytes, size_t n)
{
	fetch_block(((struct engine *)arg)->fetch, peer, request, bytes, n);
}

static void peer_list(void *arg, uint64_t peer, uint32_t request, uint32_t first, const uint8_t *blocks, size_t n)
{
	fetch_list(((struct engine *)arg)->fetch, peer, request, first, blocks, n);
}

static int peer_partial(void *arg, const struct content *c, int64_t offset, uint32_t len, int *fd)
{
	return fetch_partial(((struct engine *)arg)->fetch, c, offset, len, fd);
}

static void peer_up(void *arg, uint64_t peer)
{
	fetch_peer_up(((struct engine *)arg)->fetch, peer);
}

static void peer_down(void *arg, uint64_t peer)
{
	fetch_peer_down(((struct engine *)arg)->fetch, peer);
}

static void save_roster(struct engine *e)
{
	char *path = mem_printf("%s/roster.bin", e->dir);

	if (roster_save(e->roster, e->context->home_dirfd, path))
		log_error("group %s: %s/%s: the roster could not be stored: %s", engine_name(e), e->context->home, path,
		          strerror(errno));
	free(path);
}

static void peer_roster_changed(void *arg)
{
	struct engine *e = arg;

	if (e->token)
		return; /* stored when it is complete */
	save_roster(e);
	engine_emit(e, "roster-changed", NULL, NULL);
	if (roster_role(e->roster, identity_id(e->context->self)) == ROLE_NONE && !e->error)
		fail(e, mem_strdup("this agent is no longer a member of the group"));
	e->dirty = true;
}

void engine_roster_changed(struct engine *e)
{
	save_roster(e);
	peer_group_roster_changed(e->peers);
	engine_emit(e, "roster-changed", NULL, NULL);
}

static const struct peer_hooks peer_hooks = {
	.record = peer_record,
	.records_end = peer_records_end,
	.held = peer_held,
	.block = peer_block,
	.list = peer_list,
	.partial = peer_partial,
	.up = peer_up,
	.down = peer_down,
	.hint = look_at,
	.roster_changed = peer_roster_changed,
	.state = something_changed,
};

/* --- the end of a turn --- */

static void index_committed(void *arg)
{
	peer_group_news(((struct engine *)arg)->peers);
}

struct checkpoint {
	struct engine *e;
	struct index *index;
};

static void checkpoint_work(void *arg)
{
	index_checkpoint(((struct checkpoint *)arg)->index);
}

static void checkpoint_done(void *arg)
{
	struct checkpoint *c = arg;

	c->e->checkpointing = false;
	free(c);
}

static void checkpoint(struct engine *e)
{
	if (e->checkpointing || index_wal_bytes(e->index) < CHECKPOINT_BYTES)
		return;
	struct checkpoint *c = MEM_NEW(struct checkpoint);

	*c = (struct checkpoint){ .e = e, .index = e->index };
	e->checkpointing = true;
	workers_submit(e->context->workers, WORKERS_QUICK, checkpoint_work, checkpoint_done, c);
}

static void restart(void *arg);

/* The index lost what was written since its last commit, or is damaged: all that was built on it begins anew. */
static void index_lost(struct engine *e)
{
	if (e->restarting)
		return;
	e->restarting = true;
	fail(e, mem_strdup(index_damaged(e->index) ? "the index is damaged and is made anew"
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
			index_lost(e);
		checkpoint(e);
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

/* A disk that is unmounted makes no event that can be relied on. The scan says what is wrong. */
static void look_at_share(void *arg)
{
	struct engine *e = arg;
	char *why = NULL;

	if (local_state(e->local) != LOCAL_ERROR && share_check(e->share, &why))
		local_rescan(e->local);
	free(why);
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
	return e;
}

/* Opens share and index; the engine is in error when that fails. */
static int open_both(struct engine *e)
{
	char *dir = mem_printf("%s/%s", e->context->home, e->dir), *why = NULL;
	enum index_status status = index_open(&e->index, dir, &why);
	bool fresh = status == INDEX_NEW || status == INDEX_REBUILT;

	free(dir);
	if (status == INDEX_NEWER) {
		fail(e, why);
		return -1;
	}
	if (status == INDEX_FAILED) {
		fail_for_now(e, why);
		return -1;
	}
	if (status == INDEX_REBUILT)
		log_warn("group %s: %s", engine_name(e), why);
	free(why);
	why = NULL;
	e->share = share_open(e->share_path, fresh, !fresh, e->group.b, &why);
	if (e->share)
		return 0;
	index_close(e->index);
	e->index = NULL;
	fail_for_now(e, why);
	return -1;
}

/* Opens what a member has, and starts. Failing leaves an engine in error, which stops no other. */
static void start(struct engine *e)
{
	const struct engine_context *c = e->context;
	uint64_t self = agent_id_short(identity_id(c->self));

	if (roster_role(e->roster, identity_id(c->self)) == ROLE_NONE) {
		fail(e, mem_strdup("this agent is no longer a member of the group"));
		return;
	}
	if (open_both(e))
		return;
	free(e->error);
	e->error = NULL;
	e->scanned = false;
	index_on_commit(e->index, index_committed, e);
	e->local = local_new(&(struct local_config){ .loop = c->loop,
	                                             .workers = c->workers,
	                                             .share = e->share,
	                                             .index = e->index,
	                                             .short_id = self,
	                                             .rescan_s = c->rescan_s,
	                                             .changed = local_changed,
	                                             .busy = local_busy,
	                                             .state = something_changed,
	                                             .scanned = local_scanned,
	                                             .rules_changed = local_rules_changed,
	                                             .arg = e });
	e->fetch = fetch_new(&(struct fetch_config){ .loop = c->loop,
	                                             .workers = c->workers,
	                                             .share = e->share,
	                                             .index = e->index,
	                                             .short_id = self,
	                                             .ops = &fetch_ops,
	                                             .ops_arg = e,
	                                             .hint = look_at,
	                                             .installed = fetch_installed,
	                                             .conflict = fetch_conflict,
	                                             .problem = fetch_problem,
	                                             .state = fetch_state,
	                                             .arg = e });
	e->peers = peer_group_new(c->peers, &(struct peer_group_config){ .roster = e->roster,
	                                                                 .index = e->index,
	                                                                 .share = e->share,
	                                                                 .hooks = &peer_hooks,
	                                                                 .arg = e });
	engine_rules_changed(e);
	local_start(e->local);
	loop_timer_start(e->look, LOOK_MS, LOOK_MS);
	fetch_start(e->fetch);
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
	engine_verify_free(e);
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

void engine_free(struct engine *e)
{
	if (!e)
		return;
	stop(e);
	loop_hook_free(e->hook);
	loop_timer_free(e->retry);
	loop_timer_free(e->look);
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
		log_warn("%s/.lanyard: could not be removed: %s", e->share_path, strerror(errno));
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
		log_error("group %s: %s/%s: could not be removed: %s", engine_name(e), e->context->home, e->dir,
		          strerror(errno));
}

/* --- joining --- */

static void joined(void *arg, int status, const char *reason)
{
	struct engine *e = arg;
	char *why = NULL;

	peer_group_free(e->peers);
	e->peers = NULL;
	free(e->token);
	e->token = NULL;
	if (status) {
		engine_forget(e);
		fail(e, mem_printf("the invite was refused: %s", reason));
		return;
	}
	if (engine_store_save(e, &why)) {
		fail(e, why);
		return;
	}
	save_roster(e);
	log_info("group %s: joined", engine_name(e));
	start(e);
	engine_emit(e, "joined", NULL, NULL);
	e->context->changed(e->context->arg);
}

static void start_joining(struct engine *e)
{
	e->roster = roster_new(&e->group);
	e->peers = peer_group_new(e->context->peers, &(struct peer_group_config){ .roster = e->roster,
	                                                                          .hooks = &peer_hooks,
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
	save_roster(e);
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
	char *path;

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
			fail(e, mem_strdup("the stored invite is damaged: leave the group and join it again"));
		return e;
	}
	path = mem_printf("%s/roster.bin", e->dir);
	e->roster = roster_load(context->home_dirfd, path, why);
	free(path);
	if (e->roster) {
		start(e);
	} else {
		fail(e, *why);
		*why = NULL;
	}
	return e;
}
