/* Changes of phase, and what is logged and emitted about the group. */
#include <stdlib.h>
#include <string.h>

#include "agent/engine/engine_internal.h"
#include "base/log.h"
#include "base/mem.h"

enum { RETRY_MS = 5000 };

const char *engine_name(const struct engine *e)
{
	const char *name = e->roster ? roster_name(e->roster) : "";

	return *name ? name : e->invite.group_name;
}

void engine_emit(struct engine *e, const char *kind, const char *path, const char *reason)
{
	if (strcmp(kind, "conflict") == 0)
		e->counts.conflicts++;
	else if (strcmp(kind, "problem") == 0)
		e->counts.problems++;
	events_emit(e->context->events,
	            &(struct event){ .kind = kind, .group = engine_name(e), .path = path, .reason = reason });
}

void engine_enter(struct engine *e, enum engine_phase to)
{
	if (!engine_phase_may_follow(e->phase, to)) {
		engine_log(e, LOG_ERROR, "group %s: internal error: phase %s after %s", engine_name(e),
		           engine_phase_name(to), engine_phase_name(e->phase));
		if (e->context->strict)
			abort();
	}
	e->phase = to;
}

void engine_report(struct engine *e, char *why)
{
	if (!e->error || strcmp(e->error, why) != 0) {
		engine_log(e, LOG_ERROR, "group %s: %s", engine_name(e), why);
		engine_emit(e, "problem", NULL, why);
	}
	free(e->error);
	e->error = why;
	e->dirty = true;
}

void engine_fail(struct engine *e, char *why)
{
	engine_report(e, why);
	if (e->phase != PHASE_STOPPED)
		engine_enter(e, PHASE_STOPPED);
}

void engine_fail_for_now(struct engine *e, char *why)
{
	engine_fail(e, why);
	engine_retry_later(e);
}

void engine_retry_later(struct engine *e)
{
	loop_timer_start(e->retry, RETRY_MS, 0);
}

bool engine_may_be_lost(const struct engine *e)
{
	return e->phase == PHASE_RUNNING || e->phase == PHASE_EXCLUDED || (e->phase == PHASE_JOINING && e->keyless);
}

void engine_index_lost(struct engine *e)
{
	if (!engine_may_be_lost(e))
		return; /* known already, or it stops anyway */
	engine_report(e, mem_strdup(index_damaged(e->index)
	                                    ? "the index is damaged and is being rebuilt"
	                                    : "the index cannot be written (is the disk of the agent's home full?): "
	                                      "waiting, and trying again"));
	engine_enter(e, PHASE_LOST);
}

void engine_share_lost(struct engine *e, char *why)
{
	if (!engine_may_be_lost(e)) {
		free(why);
		return;
	}
	engine_report(e, why);
	engine_enter(e, PHASE_LOST);
}

int engine_index_commit(struct engine *e)
{
	if (index_commit(e->index) == 0)
		return 0;
	engine_index_lost(e);
	return -1;
}

/* What a vault stores has no writer of its own, so no change of it has to be made again. */
void engine_begin_epoch(struct engine *e)
{
	index_new_epoch(e->index, e->was_vault ? index_seq(e->index) : peers_settled(e->roster, e->index));
}
