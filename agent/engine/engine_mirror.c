/* The mirror: everything that keeps a share identical with the rest of the group. Local scans, fetch, and the group's
 * side of the connections, with the background work on them. It is built once index and share are open, and taken
 * down in two steps: nothing new is started, and when all jobs are back it is freed. A vault, which an engine has in
 * its place (engine_vault_start.c), is taken down here too. */
#include "agent/engine/engine_heads.h"
#include "agent/engine/engine_internal.h"
#include "agent/engine/engine_vaults.h"
#include "agent/engine/engine_keys.h"

/* Background work on the mirror, in the order in which it is started. */
static const struct {
	void (*start)(struct engine *e);
	void (*stop)(struct engine *e);
} background[] = {
	{ engine_verify_start, engine_verify_stop },
	{ engine_versions_start, engine_versions_stop },
	{ engine_tombstones_start, engine_tombstones_stop },
	{ engine_heads_start, engine_heads_stop },
	{ engine_lag_start, engine_lag_stop },
};

enum { BACKGROUND = sizeof(background) / sizeof(background[0]) };

static void index_committed(void *arg)
{
	struct engine *e = arg;

	if (index_totals(e->index).files > 0)
		peer_group_scanned(e->peers);
	peer_group_news(e->peers);
	engine_vaults_committed(e);
}

void engine_mirror_start(struct engine *e)
{
	e->scanned = false;
	engine_sync_begin(e);
	index_on_commit(e->index, index_committed, e);
	engine_choices_start(e);
	engine_drop_start(e);
	e->comings = engine_comings_new(e);
	e->local = engine_wiring_local(e);
	e->fetch = engine_wiring_fetch(e);
	engine_requests_start(e);
	e->peers = engine_wiring_peers(e);
	/* Before the first connection opens: what members are asked for depends on both. */
	engine_role_told(e);
	engine_rules_changed(e);
	local_start(e->local);
	engine_roster_duty(e, true);
	engine_keys_start(e);
	for (size_t i = 0; i < BACKGROUND; i++)
		background[i].start(e);
	if (e->paused) {
		fetch_pause(e->fetch, true);
		peer_group_pause(e->peers, true);
	}
	e->dirty = true;
}

void engine_mirror_stop(struct engine *e)
{
	struct local *local = e->local;

	engine_sync_stop(e);
	engine_revert_stop(e);
	engine_content_stop(e);
	engine_drop_stop(e);
	engine_choices_stop(e);
	engine_roster_duty(e, false);
	engine_keys_stop(e);
	for (size_t i = 0; i < BACKGROUND; i++)
		background[i].stop(e);
	/* Connections first, so that no peer calls into a part that is being taken down. */
	if (e->peers && e->index)
		peer_group_close(e->peers, "this agent stops sharing the group");
	e->local = NULL;
	local_free(local);
	if (e->fetch)
		fetch_stop(e->fetch);
	engine_vaults_stop(e);
	engine_vault_stop(e);
}

bool engine_mirror_is_drained(const struct engine *e)
{
	return workers_pending(e->workers) == 0 && (!e->fetch || fetch_stopped(e->fetch)) &&
	       engine_vaults_are_drained(e) && engine_vault_is_drained(e);
}

void engine_mirror_free(struct engine *e)
{
	struct fetch *fetch = e->fetch;

	e->fetch = NULL;
	fetch_free(fetch);
	engine_vaults_free(e);
	engine_vault_free(e);
	/* Descriptors that wait to be closed, and jobs that use the index's file. */
	workers_flush(e->workers);
	if (e->index)
		workers_flush(e->context->workers);
	engine_roster_flush(e);
	if (e->index)
		index_close(e->index);
	e->index = NULL;
	engine_choices_free(e);
	share_choices_free(e->chosen); /* of an engine without a mirror */
	e->chosen = NULL;
	/* A share that is left stays open until its .lanyard/ is gone, so that no other group can use the folder
	 * before. */
	if (e->left && e->last_share == NULL)
		e->last_share = e->share;
	else
		share_free(e->share);
	e->share = NULL;
	peer_group_free(e->peers);
	e->peers = NULL;
	comings_free(e->comings);
	e->comings = NULL;
	engine_requests_free(e);
	engine_keys_close(e);
	e->keyless = false;
}
