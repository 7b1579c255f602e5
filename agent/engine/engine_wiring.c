/* The hooks of an engine's parts. The local scan, fetch, and the group's side of the connections do not know one
 * another; each reports here, and this file passes it on. */
#include <stdlib.h>
#include <string.h>

#include "agent/engine/engine_internal.h"
#include "agent/engine/engine_vaults.h"
#include "agent/engine/engine_keys.h"
#include "base/log.h"
#include "base/mem.h"

/* Every setting that is accepted must be enough for fetch. */
_Static_assert((int)SETTINGS_MEMORY_MIN >= (int)FETCH_MEMORY_MIN,
               "the least memory of settings is too little for fetch");

/* --- the local side --- */

static void local_changed(void *arg, const struct record *r)
{
	struct engine *e = arg;

	engine_emit(e, "file-changed", r->path, r->deleted ? "deleted" : NULL);
	fetch_row_changed(e->fetch, r->path);
}

static void local_given_back(void *arg, const char *path)
{
	fetch_row_changed(((struct engine *)arg)->fetch, path);
}

static void local_held_back(void *arg, int64_t n)
{
	struct engine *e = arg;
	char *text = mem_printf("%lld files disappeared at once: their deletion is held. If it was intended: "
	                        "lanyard release",
	                        (long long)n);

	e->dirty = true;
	engine_emit(e, "problem", NULL, text);
	free(text);
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
	peer_group_scanned(e->peers);
	engine_choices_scanned(e);
	/* Not before the first scan has ended: a crash may have left an installed file without its row. */
	fetch_start(e->fetch);
	peer_group_hashed(e->peers);
	e->dirty = true;
	engine_emit(e, "scan-finished", NULL, text);
	free(text);
}

static void local_rules_changed(void *arg)
{
	struct engine *e = arg;

	if (engine_rules_changed(e) && !e->paused) {
		peer_group_close(e->peers, "this agent has other rules of what it ignores");
		peer_group_pause(e->peers, false);
	}
}

static bool local_busy(void *arg, const char *path)
{
	struct engine *e = arg;

	return e->fetch && fetch_installing(e->fetch, path);
}

/* --- fetch, and what it asks of peers --- */

static size_t op_window(void *arg, uint64_t peer)
{
	return engine_vaults_room(arg, peer);
}

static int op_get(void *arg, uint64_t peer, const struct content *c, const struct block_want *wants, size_t n)
{
	return engine_vaults_get(arg, peer, c, wants, n);
}

static int op_get_list(void *arg, uint64_t peer, uint32_t request, const struct content *c, uint32_t first)
{
	return engine_vaults_get_list(arg, peer, request, c, first);
}

static void op_cancel(void *arg, uint64_t peer, const uint32_t *requests, size_t n)
{
	engine_vaults_cancel(arg, peer, requests, n);
}

static void op_misbehaved(void *arg, uint64_t peer, const char *path, const char *what)
{
	peer_group_misbehaved(((struct engine *)arg)->peers, peer, path, what);
}

static bool op_connected(void *arg, uint64_t peer)
{
	return peer_group_connected(((struct engine *)arg)->peers, peer);
}

static uint64_t op_arrived(void *arg, uint64_t peer)
{
	return peer_group_arrived(((struct engine *)arg)->peers, peer);
}

static void op_again(void *arg, uint64_t peer)
{
	peer_group_again(((struct engine *)arg)->peers, peer);
}

static int op_hold_ask(void *arg, uint64_t peer, uint32_t request, const struct record *r)
{
	return peer_group_hold_ask(((struct engine *)arg)->peers, peer, request, r);
}

static void op_map(void *arg, uint64_t peer, const struct swarm_map *map)
{
	peer_group_map(((struct engine *)arg)->peers, peer, map);
}

static void op_have(void *arg, uint64_t peer, uint32_t map, const struct swarm_run *runs, size_t n)
{
	peer_group_have(((struct engine *)arg)->peers, peer, map, runs, n);
}

static int op_any(void *arg, uint64_t peer, const struct content *c, const uint32_t *requests, size_t n)
{
	return peer_group_any(((struct engine *)arg)->peers, peer, c, requests, n);
}

static bool op_leaves(void *arg, uint64_t peer)
{
	return engine_vaults_give_leaves(arg, peer);
}

static bool op_digester(void *arg, uint64_t peer, struct leaf_digester *out)
{
	return engine_vaults_digester(arg, peer, out);
}

static void op_digested(void *arg, const struct leaf_digested *d)
{
	engine_vaults_digested(arg, d);
}

static const struct fetch_ops fetch_ops = {
	.window = op_window,
	.get = op_get,
	.get_list = op_get_list,
	.cancel = op_cancel,
	.misbehaved = op_misbehaved,
	.connected = op_connected,
	.arrived = op_arrived,
	.again = op_again,
	.hold_ask = op_hold_ask,
	.map = op_map,
	.have = op_have,
	.any = op_any,
	.leaves = op_leaves,
	.digester = op_digester,
	.digested = op_digested,
};

static void hint_path(void *arg, const char *path)
{
	struct engine *e = arg;

	if (e->local)
		local_hint(e->local, path);
}

static void fetch_installed(void *arg, const struct record *r)
{
	if (!r->deleted && r->kind == RECORD_FILE)
		engine_history_add(arg, r);
	engine_emit(arg, r->deleted ? "file-deleted" : "file-installed", r->path, NULL);
}

static void fetch_repaired(void *arg, const char *path)
{
	struct engine *e = arg;

	engine_emit(e, "repaired", path,
	            e->context->settings->versions_age_s == 0
	                    ? "its content had rotted on this disk"
	                    : "its content had rotted on this disk: the rotten file is among its "
	                      "versions");
}

static void fetch_conflict(void *arg, const char *path, const char *of)
{
	char *name = log_escape(path, strlen(path)), *other = log_escape(of, strlen(of));

	log_about(LOG_WARN, &(struct log_about){ .group = engine_name(arg), .file = path },
	          "group %s: %s was changed here and elsewhere: the content from here is kept as %s", engine_name(arg),
	          other, name);
	engine_emit(arg, "conflict", path, other);
	free(name);
	free(other);
}

static void fetch_problem(void *arg, const char *path, const char *reason)
{
	char *name = log_escape(path, strlen(path));

	if (log_allow("fetch-problem", 20))
		log_about(LOG_WARN, &(struct log_about){ .group = engine_name(arg), .file = path }, "group %s: %s: %s",
		          engine_name(arg), name, reason);
	engine_emit(arg, "problem", path, reason);
	free(name);
}

static void fetch_versions(void *arg)
{
	engine_versions_thin(arg);
}

/* What fetch wants to be called when a choice is written. */
struct drop_choice {
	void (*done)(void *arg, bool ok);
	void *arg;
};

static void choice_is_written(void *arg, const char *why)
{
	struct drop_choice *chosen = arg;

	chosen->done(chosen->arg, why == NULL);
	free(chosen);
}

static void fetch_drop_choice(void *arg, const char *path, void (*done)(void *done_arg, bool ok), void *done_arg)
{
	struct drop_choice *chosen = MEM_NEW(struct drop_choice);

	*chosen = (struct drop_choice){ .done = done, .arg = done_arg };
	engine_choices_dropped(arg, path, choice_is_written, chosen);
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
	struct engine *e = arg;

	fetch_record(e->fetch, peer, theirs, bytes, n, blocks);
	engine_choices_heard(e);
}

static void peer_carried(void *arg, uint64_t peer, const struct record *theirs, uint64_t carrier)
{
	struct engine *e = arg;

	fetch_record_carried(e->fetch, peer, theirs, carrier);
	engine_choices_heard(e);
}

static uint64_t peer_same(void *arg, uint64_t peer, const struct record *ours, const struct record *theirs)
{
	return fetch_record_same(((struct engine *)arg)->fetch, peer, ours, theirs);
}

static bool peer_same_plain(void *arg, uint64_t peer, uint64_t writer, const struct index_pair *pairs, size_t n)
{
	return fetch_records_same(((struct engine *)arg)->fetch, peer, writer, pairs, n);
}

static void peer_tell_again(void *arg, const struct record *ours)
{
	(void)fetch_tell_again(((struct engine *)arg)->fetch, ours);
}

static void peer_relayed(void *arg, uint64_t peer, const uint8_t root[32], const uint8_t *bytes, size_t n)
{
	fetch_relayed(((struct engine *)arg)->fetch, peer, root, bytes, n);
}

static void peer_has(void *arg, uint64_t peer, const struct record *theirs)
{
	fetch_has(((struct engine *)arg)->fetch, peer, theirs);
}

static void peer_records_end(void *arg, uint64_t peer)
{
	fetch_records_end(((struct engine *)arg)->fetch, peer);
}

static uint64_t peer_unstored(void *arg, uint64_t peer)
{
	return fetch_unstored(((struct engine *)arg)->fetch, peer);
}

static void peer_settled(void *arg, uint64_t peer)
{
	fetch_settled(((struct engine *)arg)->fetch);
	engine_vaults_settled(arg, peer);
	engine_lag_settled(arg, peer);
}

static void peer_block(void *arg, uint64_t peer, uint32_t request, uint32_t block, struct slab *bytes)
{
	if (!engine_content_block(arg, peer, request, bytes))
		fetch_block(((struct engine *)arg)->fetch, peer, request, block, bytes);
}

static void peer_out(void *arg, uint64_t peer, uint32_t request)
{
	fetch_out(((struct engine *)arg)->fetch, peer, request);
}

static bool peer_map(void *arg, uint64_t peer, const struct swarm_map *map)
{
	return fetch_map(((struct engine *)arg)->fetch, peer, map);
}

static bool peer_have(void *arg, uint64_t peer, uint32_t map, const struct swarm_run *runs, size_t n)
{
	return fetch_have(((struct engine *)arg)->fetch, peer, map, runs, n);
}

static bool peer_coming(void *arg, uint64_t peer, const struct coming *said)
{
	return fetch_coming(((struct engine *)arg)->fetch, peer, said);
}

static bool peer_getting(void *arg, const struct content *c)
{
	return fetch_is_getting(((struct engine *)arg)->fetch, c);
}

static void peer_list(void *arg, uint64_t peer, uint32_t request, uint32_t first, const uint8_t *blocks, size_t n)
{
	if (!engine_content_list(arg, peer, request, first, blocks, n))
		fetch_list(((struct engine *)arg)->fetch, peer, request, first, blocks, n);
}

static bool peer_accepts(void *arg, const char *path, bool is_dir)
{
	return share_accepts(((struct engine *)arg)->share, path, is_dir);
}

static bool peer_holds(void *arg, const struct record *asked)
{
	return fetch_holds(((struct engine *)arg)->fetch, asked);
}

static void peer_hold_answer(void *arg, uint64_t peer, uint32_t request, bool has)
{
	fetch_hold_answer(((struct engine *)arg)->fetch, peer, request, has);
}

static void peer_list_again(void *arg)
{
	engine_role_list_again(arg);
}

static void peer_doubted(void *arg, uint64_t peer)
{
	struct engine *e = arg;

	if (e->fetch)
		fetch_peer_left(e->fetch, peer);
}

static void peer_up(void *arg, uint64_t peer)
{

	/* An agent that is killed does not see it go. */
	engine_seen_note(arg, peer);
	fetch_peer_up(((struct engine *)arg)->fetch, peer);
	engine_content_peer(arg, peer, true);
	engine_comings_up(arg, peer);
}

static void peer_down(void *arg, uint64_t peer)
{
	engine_seen_note(arg, peer);
	fetch_peer_down(((struct engine *)arg)->fetch, peer);
	engine_content_peer(arg, peer, false);
}

static void peer_roster_changed(void *arg)
{
	engine_roster_told(arg);
}

static void peer_requests_changed(void *arg)
{
	engine_requests_told(arg);
}

const struct peer_hooks engine_wiring_peer_hooks = {
	.record = peer_record,
	.carried = peer_carried,
	.same = peer_same,
	.same_plain = peer_same_plain,
	.tell_again = peer_tell_again,
	.relayed = peer_relayed,
	.records_end = peer_records_end,
	.has = peer_has,
	.unstored = peer_unstored,
	.settled = peer_settled,
	.block = peer_block,
	.out = peer_out,
	.map = peer_map,
	.have = peer_have,
	.coming = peer_coming,
	.getting = peer_getting,
	.list = peer_list,
	.accepts = peer_accepts,
	.holds = peer_holds,
	.hold_answer = peer_hold_answer,
	.list_again = peer_list_again,
	.doubted = peer_doubted,
	.up = peer_up,
	.down = peer_down,
	.roster_changed = peer_roster_changed,
	.requests_changed = peer_requests_changed,
	.state = something_changed,
};

/* --- made with these --- */

struct local *engine_wiring_local(struct engine *e)
{
	const struct engine_context *c = e->context;
	uint64_t self = agent_id_short(identity_id(c->self));

	return local_new(&(struct local_config){ .loop = c->loop,
	                                         .workers = e->workers,
	                                         .share = e->share,
	                                         .index = e->index,
	                                         .comings = e->comings,
	                                         .short_id = self,
	                                         .cuts = engine_keys_cuts(e),
	                                         .rescan_s = c->settings->rescan_s,
	                                         .merge = engine_choices_merging(e),
	                                         .changed = local_changed,
	                                         .busy = local_busy,
	                                         .state = something_changed,
	                                         .held = local_held_back,
	                                         .given_back = local_given_back,
	                                         .scanned = local_scanned,
	                                         .rules_changed = local_rules_changed,
	                                         .arg = e });
}

struct fetch *engine_wiring_fetch(struct engine *e)
{
	const struct engine_context *c = e->context;
	uint64_t self = agent_id_short(identity_id(c->self));

	return fetch_new(&(struct fetch_config){ .loop = c->loop,
	                                         .workers = e->workers,
	                                         .share = e->share,
	                                         .index = e->index,
	                                         .short_id = self,
	                                         .memory = (size_t)c->settings->memory,
	                                         .copies_stay = c->settings->versions_age_s == 0,
	                                         .ops = &fetch_ops,
	                                         .ops_arg = e,
	                                         .hint = hint_path,
	                                         .installed = fetch_installed,
	                                         .conflict = fetch_conflict,
	                                         .repaired = fetch_repaired,
	                                         .problem = fetch_problem,
	                                         .burst = engine_burst_begins,
	                                         .versions = fetch_versions,
	                                         .drop_choice = fetch_drop_choice,
	                                         .state = fetch_state,
	                                         .arg = e });
}

/* What peers get blocks from. */
static struct content_sources sources_of(struct engine *e)
{
	if (e->keyless)
		return (struct content_sources){ .n = 0 };
	e->files = (struct share_source){ .share = e->share, .index = e->index, .hint = hint_path, .arg = e };
	e->contents[0] = share_source(&e->files);
	e->contents[1] = fetch_source(e->fetch);
	e->contents[2] = comings_source(e->comings);
	return (struct content_sources){ .source = e->contents, .n = 3 };
}

struct peer_group *engine_wiring_peers(struct engine *e)
{
	const struct content_sources sources = sources_of(e);
	const struct peer_group_config config = { .roster = e->roster,
		                                  .requests = engine_mailbox(e),
		                                  .index = e->index,
		                                  .scans = true,
		                                  .keyless = e->keyless,
		                                  .sources = sources,
		                                  .workers = e->workers,
		                                  .hooks = &engine_wiring_peer_hooks,
		                                  .seal = e->keys != NULL ? &engine_seal_calls : NULL,
		                                  .arg = e };

	if (!e->keyless)
		engine_vaults_start(e, engine_keys_ring(e), &sources, &engine_wiring_peer_hooks);
	return peer_group_new(e->context->peers, &config);
}
