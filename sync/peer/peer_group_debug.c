/* One peer in one group for a bug report: how far its talk is, and what waits in which direction. */
#include "sync/peer/peers_internal.h"

#include <utlist.h>

void peer_group_debug(const struct peer_group *g, uint64_t peer, debug_fn *fn, void *arg)
{
	const struct talk *t;

	DL_FOREACH2(g->talks, t, group_next) {
		if (agent_id_short(&t->session->id) != peer)
			continue;
		fn(arg, "out", "sent", (int64_t)t->sent);
		fn(arg, "out", "acknowledged", (int64_t)t->acked);
		fn(arg, "out", "unacknowledged_bytes", (int64_t)t->unacked);
		fn(arg, "out", "blocks_asked_for", (int64_t)t->nwants);
		fn(arg, "out", "lists_asked_for", (int64_t)t->nlists);
		fn(arg, "out", "block_reads", t->reads);
		fn(arg, "out", "queued_control_bytes", (int64_t)t->session->link->queued_control);
		fn(arg, "out", "queued_bulk_bytes", (int64_t)t->session->link->queued_bulk);
		fn(arg, "out", "sealed_frames", (int64_t)(t->session->sealed_out + t->session->sealed_out_bulk));
		fn(arg, "in", "sealed_frames", (int64_t)t->session->sealed_in);
		fn(arg, "in", "up", t->up);
		fn(arg, "in", "last", (int64_t)t->their_last);
		fn(arg, "in", "seen", (int64_t)t->cursor);
		fn(arg, "in", "settled", (int64_t)t->settled_now);
		fn(arg, "in", "settled_safe", (int64_t)t->settled_safe);
		fn(arg, "in", "acknowledged", (int64_t)t->acked_settled);
		fn(arg, "in", "requested_bytes", (int64_t)t->inflight_bytes);
		fn(arg, "in", "faults", t->faults);
	}
}
