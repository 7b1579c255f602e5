/* The queues of fetch for a bug report: how many tickets are in which state, and what is due when. */
#include "sync/fetch/fetch_internal.h"

void fetch_debug(const struct fetch *f, debug_fn *fn, void *arg)
{
	static const char *const states[TICKET_STATES] = {
		[TICKET_FRESH] = "tickets_fresh",
		[TICKET_LOSS] = "tickets_loss",
		[TICKET_AWAIT_CARRIER] = "tickets_await_carrier",
		[TICKET_AWAIT_MOVE] = "tickets_await_move",
		[TICKET_QUEUED] = "tickets_queued",
		[TICKET_ACTIVE] = "tickets_active",
		[TICKET_READY] = "tickets_ready",
		[TICKET_DELETE] = "tickets_delete",
		[TICKET_RMDIR] = "tickets_rmdir",
		[TICKET_PAIRED] = "tickets_paired",
		[TICKET_INSTALLING] = "tickets_installing",
		[TICKET_WAITING] = "tickets_waiting",
	};
	const struct get_counters counters = get_counters(f->get);
	int64_t now = fetch_now(f);

	for (size_t i = 0; i < TICKET_STATES; i++)
		fn(arg, "fetch", states[i], (int64_t)f->count[i]);
	fn(arg, "fetch", "ticket_visits", (int64_t)f->visits);
	fn(arg, "fetch", "queue_length", (int64_t)queue_length(get_queue(f->get)));
	fn(arg, "fetch", "coming_taken_bytes", (int64_t)counters.coming_taken);
	fn(arg, "fetch", "coming_dropped_bytes", (int64_t)counters.coming_dropped);
	fn(arg, "fetch", "batches", f->batches_out);
	fn(arg, "fetch", "jobs", f->jobs);
	fn(arg, "fetch", "started", f->started);
	fn(arg, "fetch", "paused", f->paused);
	fn(arg, "fetch", "cleaning", f->cleaning);
	fn(arg, "fetch", "next_ms", f->timer_at_ms == INT64_MAX ? -1 : f->timer_at_ms - now);
}
