/* What a member has that keeps a share as a mirror of the group: a scan that finds what is changed here, fetch that
 * gets and installs what is changed elsewhere, the group's side of the connections, and what looks after them in the
 * background. It is built once index and share are there, and taken down in two steps with the return of all jobs
 * between them. */
#include "agent/engine/engine_internal.h"

/* What looks after the mirror; started in this order, once the mirror itself is. */
static const struct {
	void (*start)(struct engine *e);
	void (*stop)(struct engine *e);
} caretakers[] = {
	{ engine_verify_start, engine_verify_stop },
	{ engine_versions_start, engine_versions_stop },
	{ engine_tombstones_start, engine_tombstones_stop },
};

enum { CARETAKERS = sizeof(caretakers) / sizeof(caretakers[0]) };

static void index_committed(void *arg)
{
	peer_group_news(((struct engine *)arg)->peers);
}

void engine_mirror_start(struct engine *e)
{
	e->scanned = false;
	engine_sync_begin(e);
	index_on_commit(e->index, index_committed, e);
	e->local = engine_wiring_local(e);
	e->fetch = engine_wiring_fetch(e);
	e->peers = engine_wiring_peers(e);
	/* Before the first connection opens: what members are asked for depends on both. */
	engine_roster_forget_departed(e);
	engine_rules_changed(e);
	local_start(e->local);
	engine_roster_duty(e, true);
	for (size_t i = 0; i < CARETAKERS; i++)
		caretakers[i].start(e);
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
	engine_roster_duty(e, false);
	for (size_t i = 0; i < CARETAKERS; i++)
		caretakers[i].stop(e);
	/* The talks end first, so that no peer calls into what goes. */
	if (e->peers && e->index)
		peer_group_pause(e->peers, true);
	e->local = NULL;
	local_free(local);
	if (e->fetch)
		fetch_stop(e->fetch);
}

bool engine_mirror_is_drained(const struct engine *e)
{
	return workers_pending(e->workers) == 0 && (!e->fetch || fetch_stopped(e->fetch));
}

void engine_mirror_free(struct engine *e)
{
	struct fetch *fetch = e->fetch;

	e->fetch = NULL;
	fetch_free(fetch);
	/* What was to be closed, and jobs that have the index's file. */
	workers_flush(e->workers);
	if (e->index)
		workers_flush(e->context->workers);
	engine_roster_flush(e);
	if (e->index)
		index_close(e->index);
	e->index = NULL;
	/* One that is left keeps its place until its .lanyard/ is gone, so that nobody else's there is taken for it. */
	if (e->left && e->last_share == NULL)
		e->last_share = e->share;
	else
		share_free(e->share);
	e->share = NULL;
	peer_group_free(e->peers);
	e->peers = NULL;
}
