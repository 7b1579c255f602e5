/* The door of sync/get: its life, peers, and what is done each turn and each second. See get.h. */
#include "sync/get/get_internal.h"

#include "base/clock.h"
#include "base/mem.h"

enum { SYNC_MS = 5000 }; /* a power cut costs a download no more than what came in this time */

struct get *get_new(const struct get_config *config)
{
	struct get *g = MEM_NEW(struct get);

	g->c = *config;
	g->random = random_u64();
	g->have_due_ms = g->write_due_ms = INT64_MAX;
	return g;
}

void get_free(struct get *g)
{
	if (g == NULL)
		return;
	g->dead = true;
	coming_drop_all(g);
	spare_free_all(g);
	/* The last job to come back frees it: this one, when none is out. */
	get_job_begin(g);
	get_job_end(g);
}

void get_peer_up(struct get *g, uint64_t peer)
{
	struct source_peer *p = get_peer(g, peer);

	g->nup += !p->up;
	p->up = true;
	get_sources_changed(g);
}

void get_peer_down(struct get *g, uint64_t peer)
{
	struct source_peer *p = get_peer(g, peer);

	g->nup -= p->up;
	p->up = false;
	announce_peer_down(g, peer);
	coming_peer_down(g, peer);
	request_cancel(g, p, NULL, 0);
	swarm_maps_clear(&p->maps);
	p->stalled_ms = 0;
	p->silent = false;
	p->rest_ms = 0;
	p->overdue = 0;
	p->response_ms = 0;
	g->check_sources = true;
	get_wake(g);
}

void get_sources_changed(struct get *g)
{
	g->new_sources = true;
	get_wake(g);
}

struct queue *get_queue(struct get *g)
{
	return &g->queue;
}

bool get_is_ending(const struct get *g)
{
	return g->dying != NULL;
}

struct get_counters get_counters(const struct get *g)
{
	return g->counters;
}

/* Whether d can only wait for peers, and there is none to wait for. */
static bool is_stranded(struct download *d)
{
	if (d->parked || d->jobs > 0 || d->requested > 0 || d->leaves.out > 0 || d->credits > 0 || d->list_request != 0)
		return false;
	if (d->state == DOWNLOAD_LISTING)
		return source_any(d) == NULL;
	return !source_some(d) && d->state == DOWNLOAD_GETTING && d->needed > 0 &&
	       (d->memory || d->scan_at == d->list.n) && d->narrived == 0;
}

static void check_stranded(struct get *g)
{
	struct download *d, *next;

	g->check_sources = false;
	DL_FOREACH_SAFE(g->downloads, d, next) {
		if (is_stranded(d))
			download_fail(d, get_why(source_reason(d)));
	}
}

/* Contents of which nothing is left to ask for. */
static void end_contents(struct get *g)
{
	struct download *d, *next;

	HASH_ITER(hh_root, g->swarms, d, next) {
		if (d->needed > 0 || d->state != DOWNLOAD_GETTING || d->parked)
			continue;
		if (d->credits > 0)
			request_cancel_credits(d, NULL);
		if (d->requested > 0)
			late_end(d);
	}
}

/* Local blocks and claims first, so that nothing is requested that is here; then whatever the windows allow. */
void get_pump(struct get *g)
{
	struct download *d, *next;

	g->write_due_ms = INT64_MAX;
	coming_pump(g);
	DL_FOREACH_SAFE(g->downloads, d, next) {
		if (g->new_sources) {
			source_refresh(d);
			announce_all(d);
		}
		if (!d->memory && !d->parked)
			blocks_pump(d);
	}
	g->new_sources = false;
	if (g->check_sources)
		check_stranded(g);
	maps_turn(g);
	window_fill(g);
	end_contents(g);
	announce_turn(g);
}

void get_tick(struct get *g)
{
	struct download *d;

	if (get_now(g) >= g->watch_ms + WATCH_MS)
		late_watch(g);
	if (get_now(g) < g->tick_ms + TICK_MS)
		return;
	g->tick_ms = get_now(g);
	DL_FOREACH(g->downloads, d) {
		d->sample[d->samples++ % RATE_SAMPLES] = d->done;
		list_tick(d);
		if (get_now(g) >= d->synced_ms + SYNC_MS)
			download_sync(d);
	}
	late_withheld(g);
	request_timeouts(g);
	g->check_sources = true;
}

int64_t get_due(const struct get *g)
{
	int64_t due = g->ndownloads > g->nparked || g->comings != NULL ? g->tick_ms + TICK_MS : INT64_MAX;

	if ((g->bytes_out > 0 || g->hungry != NULL) && g->watch_ms + WATCH_MS < due)
		due = g->watch_ms + WATCH_MS;
	if (g->have_due_ms < due)
		due = g->have_due_ms;
	if (g->write_due_ms < due)
		due = g->write_due_ms;
	return g->again && g->again_ms < due ? g->again_ms : due;
}
