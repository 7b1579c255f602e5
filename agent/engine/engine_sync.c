/* Syncing the index's file: soon after each commit a worker syncs it, and only then are rows acknowledged to peers as
 * settled. A large WAL is moved into the database. One sync runs at a time and covers all commits before it. Syncs
 * take at most a fifth of the time, except that the gap between two is at most SYNC_GAP_MAX_MS.
 *
 * And rows that a first meeting has joined are written, a few at a time, once it is likely to be over. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/engine/engine_heads.h"
#include "agent/engine/engine_internal.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum { CHECKPOINT_BYTES = 4 << 20, SYNC_GAP_MAX_MS = 100, SYNC_SHARE = 4, JOIN_AFTER_MS = 2000, JOIN_EACH_MS = 10 };

struct engine_sync {
	bool checkpointing, syncing; /* a worker does it now */
	uint64_t upto;               /* commits that are synced, or will be when the running sync is done */
	struct loop_timer *gap;      /* runs while the next sync has to wait */
	struct loop_timer *join;     /* runs while joined rows are left to be written */
};

struct sync_job {
	struct engine *e;
	struct index *index;
	int64_t took_ns;
	int error; /* errno; 0 */
};

static void checkpoint_work(void *arg)
{
	index_checkpoint(((struct sync_job *)arg)->index);
}

static void checkpoint_done(void *arg)
{
	struct sync_job *j = arg;

	j->e->sync->checkpointing = false;
	free(j);
}

static void sync_work(void *arg)
{
	struct sync_job *j = arg;
	int64_t start = clock_mono_ns();

	if (index_sync(j->index) < 0)
		j->error = errno;
	j->took_ns = clock_mono_ns() - start;
}

static void sync_done(void *arg)
{
	struct sync_job *j = arg;
	struct engine *e = j->e;
	int64_t gap = j->took_ns * SYNC_SHARE / 1000000;

	e->sync->syncing = false;
	/* The engine is stopping: there is no peer left to acknowledge to. */
	if (!engine_works(e) || e->index != j->index) {
		free(j);
		return;
	}
	if (j->error != 0) {
		engine_log(e, LOG_ERROR, "group %s: the index cannot be synced: %s", engine_name(e),
		           strerror(j->error));
		engine_index_lost(e);
	} else {
		peer_group_sync_end(e->peers);
		engine_vault_sync(e, false);
		engine_heads_sync(e, false);
		if (gap > 0)
			loop_timer_start(e->sync->gap, gap < SYNC_GAP_MAX_MS ? gap : SYNC_GAP_MAX_MS, 0);
	}
	free(j);
}

static void submit_sync(struct engine *e, workers_fn *work, workers_done_fn *done)
{
	struct sync_job *j = MEM_NEW(struct sync_job);

	*j = (struct sync_job){ .e = e, .index = e->index };
	workers_submit(e->context->workers, WORKERS_QUICK, work, done, j);
}

/* Rows of an index that lost some are not acknowledged any more. */
static bool is_lost(const struct engine *e)
{
	return e->phase == PHASE_LOST ||
	       (e->phase == PHASE_DRAINING && (e->goal == GOAL_RESTART || e->goal == GOAL_RETRY));
}

void engine_sync_turn(struct engine *e)
{
	struct engine_sync *s = e->sync;

	if (!s->checkpointing && index_wal_bytes(e->index) >= CHECKPOINT_BYTES) {
		s->checkpointing = true;
		submit_sync(e, checkpoint_work, checkpoint_done);
	}
	if (!loop_timer_running(s->join) && !is_lost(e) && index_joins_left(e->index))
		loop_timer_start(s->join, JOIN_AFTER_MS, JOIN_EACH_MS);
	if (s->syncing || is_lost(e) || loop_timer_running(s->gap) || index_commits(e->index) == s->upto)
		return;
	s->syncing = true;
	s->upto = index_commits(e->index);
	peer_group_sync_begin(e->peers);
	engine_vault_sync(e, true);
	engine_heads_sync(e, true);
	submit_sync(e, sync_work, sync_done);
}

static void gap_ends(void *arg)
{
	/* The hook at the end of this very turn does it. */
	(void)arg;
}

/* The turn commits. A failure is noticed there, and the timer begins again when the index is in order. */
static void join_some(void *arg)
{
	struct engine *e = arg;

	if (e->index == NULL || is_lost(e) || index_join_some(e->index) <= 0)
		loop_timer_stop(e->sync->join);
}

void engine_sync_new(struct engine *e)
{
	e->sync = MEM_NEW(struct engine_sync);
	e->sync->gap = loop_timer_new(e->context->loop, gap_ends, e);
	e->sync->join = loop_timer_new(e->context->loop, join_some, e);
}

void engine_sync_free(struct engine *e)
{
	loop_timer_free(e->sync->gap);
	loop_timer_free(e->sync->join);
	free(e->sync);
}

void engine_sync_stop(struct engine *e)
{
	loop_timer_stop(e->sync->gap);
	loop_timer_stop(e->sync->join);
}

void engine_sync_begin(struct engine *e)
{
	e->sync->upto = 0;
}

void engine_sync_debug(const struct engine *e, debug_fn *fn, void *arg)
{
	fn(arg, "sync", "syncing", e->sync->syncing);
	fn(arg, "sync", "checkpointing", e->sync->checkpointing);
	fn(arg, "sync", "commits_synced", (int64_t)e->sync->upto);
	fn(arg, "sync", "next_ms", loop_timer_left_ms(e->sync->gap));
}
