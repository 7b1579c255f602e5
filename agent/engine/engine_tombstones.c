/* Forgets tombstones that all current members have settled and that are old enough. Their age is not stored: our
 * sequence number is noted periodically with the time, and everything below it is at least as old as that note. */
#include "agent/engine/engine_internal.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum { TICK_MAX_MS = 3600 * 1000, TICK_MIN_MS = 1000, SLICE_GAP_MS = 20 };

static const char note_seq[] = "tombstones below", note_s[] = "tombstones below since";

struct engine_tombstones {
	struct loop_timer *timer;
	uint64_t at, upto; /* forgetting has reached `at` and will reach `upto`; 0: it is not running */
	int64_t dropped;
};

struct settled_by_all {
	const struct engine *e;
	uint64_t upto; /* all other members have settled our numbers up to this */
};

static bool least_settled(void *arg, const struct roster_member *m)
{
	struct settled_by_all *s = arg;
	const struct engine *e = s->e;
	uint64_t settled = 0;
	struct index_peer p;

	if (agent_id_equal(&m->id, identity_id(e->context->self)))
		return true;
	if (index_peer_get(e->index, agent_id_short(&m->id), &p) == 0 && p.settled_epoch == index_epoch(e->index))
		settled = p.settled;
	if (settled < s->upto)
		s->upto = settled;
	return true;
}

/* A reader's own rows are sent to nobody. */
static uint64_t settled_by_all(const struct engine *e, uint64_t upto)
{
	struct settled_by_all s = { .e = e, .upto = upto };

	if (index_is_reader(e->index))
		return upto;
	roster_members(e->roster, least_settled, &s);
	return s.upto;
}

static void note_age(struct engine *e)
{
	uint64_t seq = index_seq(e->index);

	if (index_note_known(e->index, settled_by_all(e, seq)) == 0 &&
	    index_meta_put(e->index, note_seq, (int64_t)seq) == 0)
		index_meta_put(e->index, note_s, clock_wall_s());
}

/* The number up to which tombstones are old enough and settled by all; 0: none are. */
static uint64_t old_enough(struct engine *e)
{
	int64_t seq = 0, since = 0, now = clock_wall_s();

	if (index_meta_get(e->index, note_seq, &seq) < 0 || index_meta_get(e->index, note_s, &since) < 0)
		return 0;
	if (since == 0 || since > now) { /* never, or the clock went back */
		note_age(e);
		return 0;
	}
	return now - since < e->context->settings->tombstones_age_s ? 0 : settled_by_all(e, (uint64_t)seq);
}

static void forgetting_ends(struct engine *e)
{
	if (e->tombstones->dropped > 0)
		log_debug("group %s: %lld deletions that all members have were forgotten", engine_name(e),
		          (long long)e->tombstones->dropped);
	e->tombstones->at = e->tombstones->upto = 0;
	e->tombstones->dropped = 0;
	note_age(e);
}

/* Forgets one slice per call, so that other work gets its turn; after the last slice the next age is noted. */
static void tombstones_due(void *arg)
{
	struct engine *e = arg;
	struct engine_tombstones *t = e->tombstones;
	int64_t gap = e->context->settings->tombstones_age_s * 1000 / 4;
	int dropped;

	if (t->upto == 0 && index_totals(e->index).tombstones > 0) {
		t->upto = old_enough(e);
		if (t->upto > 0 && index_confirm_known(e->index) < 0)
			t->upto = 0;
	}
	if (t->upto > 0) {
		dropped = index_forget(e->index, &t->at, t->upto);
		t->dropped += dropped > 0 ? dropped : 0;
		if (dropped >= 0 && t->at < t->upto)
			gap = SLICE_GAP_MS;
		else
			forgetting_ends(e);
	}
	if (gap != SLICE_GAP_MS)
		gap = gap < TICK_MIN_MS ? TICK_MIN_MS : gap > TICK_MAX_MS ? TICK_MAX_MS : gap;
	loop_timer_start(t->timer, gap, 0);
}

void engine_tombstones_start(struct engine *e)
{
	if (e->context->settings->tombstones_age_s == 0)
		return;
	e->tombstones = MEM_NEW(struct engine_tombstones);
	e->tombstones->timer = loop_timer_new(e->context->loop, tombstones_due, e);
	loop_timer_start(e->tombstones->timer, TICK_MIN_MS, 0);
}

void engine_tombstones_stop(struct engine *e)
{
	if (e->tombstones == NULL)
		return;
	loop_timer_free(e->tombstones->timer);
	free(e->tombstones);
	e->tombstones = NULL;
}

void engine_tombstones_debug(const struct engine *e, debug_fn *fn, void *arg)
{
	if (e->tombstones == NULL)
		return;
	fn(arg, "tombstones", "at", (int64_t)e->tombstones->at);
	fn(arg, "tombstones", "upto", (int64_t)e->tombstones->upto);
	fn(arg, "tombstones", "next_ms", loop_timer_left_ms(e->tombstones->timer));
}
