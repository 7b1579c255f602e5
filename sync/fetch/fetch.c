/* The door: start and stop, peers, and the order of work at the end of each turn. See fetch.h and fetch_internal.h. */
#include "sync/fetch/fetch_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* One timer for all that waits for a time. */
static void set_timer(struct fetch *f, int64_t due)
{
	int64_t now = fetch_now(f);

	if (due == f->timer_at_ms)
		return;
	f->timer_at_ms = due;
	if (due == INT64_MAX)
		loop_timer_stop(f->timer);
	else
		loop_timer_start(f->timer, due > now ? due - now : 0, 0);
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t next_due(struct fetch *f, int64_t waiting)
{
	int64_t due = earlier(waiting, earlier(batch_due(f), f->walk.again_ms));

	if (f->list[TICKET_AWAIT_MOVE] != NULL)
		due = earlier(due, f->list[TICKET_AWAIT_MOVE]->since_ms + QUIET_MS);
	due = earlier(due, guard_due(f));
	due = earlier(due, get_due(f->get));
	/* There is more to do at once, but other parts of the agent get their turn first. */
	return f->dirty ? fetch_now(f) : due;
}

/* Parts left by an earlier run may not be wanted any more: they are judged again once nothing is pending. */
static void clean_again(struct fetch *f)
{
	if (!f->parts_kept || f->paused || !fetch_idle(f) || get_is_ending(f->get) || !leftovers_can_be_judged(f))
		return;
	f->parts_kept = false;
	leftovers_clean(f);
}

static void report_change(struct fetch *f)
{
	bool idle = fetch_idle(f);

	if (idle != f->was_idle)
		f->state_changed = true;
	f->was_idle = idle;
	if (!f->state_changed)
		return;
	f->state_changed = false;
	if (f->c.state != NULL)
		f->c.state(f->c.arg);
}

/* The order matters: what is known is judged and routed before contents are got, and contents come before batches, so
 * that a batch takes all that became ready in this turn. While stopping only batches that were prepared are sent. */
static void end_of_turn(void *arg)
{
	struct fetch *f = arg;
	int64_t waiting;

	if (f->stopping)
		batch_send(f);
	if (f->stopping || (!f->dirty && !f->record_came))
		return;
	f->dirty = false;
	if (f->record_came)
		f->last_record_ms = fetch_now(f);
	f->record_came = false;
	leftovers_pump(f);
	wants_fill(f);
	route_awaited(f);
	waiting = route_due(f);
	route_fresh(f);
	waiting = earlier(waiting, carried_turn(f));
	guard_turn(f);
	getting_start(f);
	get_pump(f->get);
	batch_pump(f);
	route_fresh(f);
	waiting = earlier(waiting, drop_turn(f));
	waiting = earlier(waiting, earlier(get_run_spares(f->get), allowance_turn(f)));
	set_timer(f, next_due(f, waiting));
	clean_again(f);
	if (f->firsts[0] != NULL && fetch_idle(f))
		fetch_choices_idle(f);
	report_change(f);
}

static void timer_fired(void *arg)
{
	struct fetch *f = arg;

	f->timer_at_ms = INT64_MAX;
	get_tick(f->get);
	fetch_wake(f);
}

struct fetch *fetch_new(const struct fetch_config *config)
{
	struct fetch *f = MEM_NEW(struct fetch);

	f->c = *config;
	f->reserve = index_is_on_disk(f->c.index, share_dev(f->c.share));
	f->timer_at_ms = INT64_MAX;
	f->walk.again_ms = INT64_MAX;
	f->walk.list_ms = INT64_MAX;
	f->settled_due_ms = INT64_MAX;
	f->folder_due_ms = INT64_MAX;
	f->was_idle = true;
	f->walk.after = mem_strdup("");
	f->guard = guard_new(f);
	f->get = getting_new(f);
	f->hook = loop_hook_new(f->c.loop, end_of_turn, f);
	f->timer = loop_timer_new(f->c.loop, timer_fired, f);
	return f;
}

/* Downloads first, while their tickets are there; then tickets; then sync/get, whose jobs come back to nobody. */
void fetch_free(struct fetch *f)
{
	struct ticket *t, *next;

	if (f == NULL)
		return;
	loop_hook_free(f->hook);
	loop_timer_free(f->timer);
	f->paused = true;
	HASH_ITER(hh, f->tickets, t, next) {
		if (t->pair != NULL)
			ticket_unpair(f, t);
		if (t->download != NULL)
			download_drop(t->download, true);
	}
	while (f->tickets != NULL)
		ticket_free(f, f->tickets);
	f->dead = true;
	(void)carried_early_expire(f, true);
	drop_stop(f);
	leftovers_stop(f);
	get_free(f->get);
	f->get = NULL;
	guard_free(f->guard);
	f->guard = NULL;
	fetch_job_begin(f);
	fetch_job_end(f);
}

void fetch_stop(struct fetch *f)
{
	f->stopping = true;
	fetch_wake(f);
}

bool fetch_stopped(const struct fetch *f)
{
	return f->stopping && f->batches == NULL && f->drop_job == NULL;
}

void fetch_start(struct fetch *f)
{
	if (f->started)
		return;
	f->started = true;
	leftovers_clean(f);
	drop_resume(f);
	wants_restart(f);
}

void fetch_pause(struct fetch *f, bool paused)
{
	struct ticket *t, *next;

	if (paused == f->paused)
		return;
	f->paused = paused;
	fetch_wake(f);
	if (!paused) {
		wants_restart(f);
		return;
	}
	get_drop_coming(f->get);
	/* While records are unstored, their peers' news is not acknowledged. */
	HASH_ITER(hh, f->tickets, t, next) {
		if (t->state == TICKET_INSTALLING)
			continue;
		ticket_store(f, t);
		if (t->state == TICKET_ACTIVE) {
			download_park(t->download);
			ticket_to(f, t, TICKET_QUEUED);
		}
	}
}

uint64_t fetch_unstored(const struct fetch *f, uint64_t peer)
{
	struct fetch_peer *p;
	uint64_t least;

	HASH_FIND(hh, f->peers, &peer, sizeof(peer), p);
	if (p == NULL)
		return 0;
	least = p->unstorable;
	if (p->unstored != NULL && (least == 0 || p->unstored->unstored_seq < least))
		least = p->unstored->unstored_seq;
	if (p->also != NULL && (least == 0 || p->also->seq < least))
		least = p->also->seq;
	return least;
}

size_t fetch_unstored_bytes(const struct fetch *f)
{
	return f->unstored_bytes;
}

void fetch_peer_up(struct fetch *f, uint64_t peer)
{
	struct fetch_peer *p = fetch_peer_get(f, peer);

	p->up = true;
	p->first_rejected = 0;
	p->unstorable = 0; /* it sends all again that was not acknowledged */
	ticket_retry(f, REASON_NO_SOURCE);
	ticket_retry(f, REASON_SILENT);
	get_peer_up(f->get, peer);
	if (f->walk.sourceless)
		f->walk.again = true;
	f->walk.sourceless = false;
	f->walk.list_ms = INT64_MAX;
	p->mode_known = false;
	fetch_wake(f);
}

void fetch_settled(struct fetch *f)
{
	int64_t soon = fetch_now(f) + SETTLED_MS;

	if (f->waits_for[REASON_NO_SOURCE] != NULL && f->settled_due_ms > soon)
		f->settled_due_ms = soon;
	if (f->walk.sourceless && f->walk.again_ms > soon + SOURCELESS_MS)
		f->walk.again_ms = soon + SOURCELESS_MS;
	fetch_wake(f);
}

void fetch_peer_down(struct fetch *f, uint64_t peer)
{
	struct fetch_peer *p = fetch_peer_get(f, peer);

	p->up = false;
	p->times_down++;
	carried_peer_down(f, p);
	get_peer_down(f->get, peer);
}

void fetch_peer_left(struct fetch *f, uint64_t peer)
{
	struct fetch_peer *p = fetch_peer_get(f, peer);
	struct ticket *t, *next;

	DL_FOREACH_SAFE2(p->unstored, t, next, unstored_next)
	{
		also_store(f, t);
		ticket_set_stored(f, t);
		t->rejudge = true;
	}
	/* Others may offer the same; what nobody else offers ends here, unless it is being installed. */
	HASH_ITER(hh, f->tickets, t, next) {
		also_forget(f, t, peer);
		if (t->peer != peer || t->repair)
			continue;
		also_store(f, t);
		if (t->state == TICKET_INSTALLING || (t->pair != NULL && t->pair->state == TICKET_INSTALLING)) {
			t->unvouched = index_is_reader(f->c.index);
			continue;
		}
		if (t->state == TICKET_PAIRED)
			ticket_unpair(f, t);
		t->rejudge = true;
		route_judge(f, t);
	}
	ticket_retry(f, REASON_NO_SOURCE);
}

bool fetch_installing(const struct fetch *f, const char *path)
{
	const struct ticket *t = ticket_find(f, path);
	const struct busy_folder *folder;

	if (t != NULL && (t->state == TICKET_INSTALLING || (t->pair != NULL && t->pair->state == TICKET_INSTALLING)))
		return true;
	/* A folder may be made writable for a moment while something in it is replaced. */
	HASH_FIND(hh, f->busy, path, strlen(path), folder);
	return folder != NULL;
}

void fetch_row_changed(struct fetch *f, const char *path)
{
	struct ticket *t = ticket_find(f, path);

	/* What was only listed is weighed against the new row. */
	if (t == NULL && index_is_offered(f->c.index, path)) {
		if (f->started && !f->paused)
			(void)route_load(f, path);
		else
			f->walk.again = true;
	}
	if (t == NULL || t->state != TICKET_WAITING)
		return;
	ticket_due(f, t, 0);
	fetch_wake(f);
}

/* The row's own content is downloaded from any peer that has settled all our rows. */
void fetch_repair(struct fetch *f, const char *path)
{
	struct ticket *t = ticket_find(f, path);
	struct record row = { 0 };

	if (t != NULL)
		return;
	if (index_get(f->c.index, path, &row) > 0 && !row.deleted && row.kind == RECORD_FILE &&
	    row.content.nblocks > 0) {
		t = ticket_new(f, &row, 0);
		t->repair = true;
		route_judge(f, t);
	}
	record_clear(&row);
}

/* --- passed on to sync/get --- */

void fetch_block(struct fetch *f, uint64_t peer, uint32_t request, uint32_t block, struct slab *bytes)
{
	get_take_block(f->get, peer, request, block, bytes);
}

void fetch_out(struct fetch *f, uint64_t peer, uint32_t request)
{
	get_take_out(f->get, peer, request);
}

bool fetch_map(struct fetch *f, uint64_t peer, const struct swarm_map *map)
{
	return get_take_map(f->get, peer, map);
}

bool fetch_have(struct fetch *f, uint64_t peer, uint32_t map, const struct swarm_run *runs, size_t n)
{
	return get_take_have(f->get, peer, map, runs, n);
}

bool fetch_is_getting(const struct fetch *f, const struct content *c)
{
	return get_is_getting(f->get, c);
}

bool fetch_is_coming(const struct fetch *f)
{
	return get_has_coming(f->get);
}

const char *fetch_path(const struct fetch *f, const struct content *c)
{
	return get_path(f->get, c);
}

void fetch_list(struct fetch *f, uint64_t peer, uint32_t request, uint32_t first, const uint8_t *blocks, size_t n)
{
	get_take_list(f->get, peer, request, first, blocks, n);
}

struct content_source fetch_source(struct fetch *f)
{
	return part_source(f->get);
}
