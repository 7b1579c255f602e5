/* Peers that keep blocks from coming: those from which no byte comes, those from which everything comes but what they
 * were asked for, and the slowest at the end of a content. See get_internal.h and sync/swarm/pick.h. */
#include "sync/get/get_internal.h"

#include <stdlib.h>

#include "base/mem.h"

enum {
	CREDITS_MS = 5000, /* a giver that chooses, and from which no byte comes, is told what to send */
	/* A peer that sends anything has a little more time than one that sends nothing: it may owe an answer for
	 * OWED_MS, and for the time that its answers usually take. While that is not known, a slow line is assumed. */
	OWED_MS = 5000,
	USUAL_TIMES = 4,
	SLOW_LINE = 64,     /* bytes per ms */
	OVERDUE_MAX = 5,    /* this time, and its rest, double so often at most */
	WITHHELD_MS = 30000 /* it answers what was asked later */
};

/* Whether somebody else can be asked for the block. Lists and credits are for nobody else. */
static bool has_another(const struct download *d, const struct source_peer *p, uint32_t block)
{
	if (block >= ANY_BLOCK)
		return false;
	for (size_t i = 0; i < d->nsources; i++) {
		const struct get_source *s = &d->sources[i];

		if (s->peer != p->id && source_usable(d->g, s) && get_now(d->g) >= get_peer(d->g, s->peer)->rest_ms &&
		    (d->memory ? s->offers : holders_has(d, s, block)))
			return true;
	}
	return false;
}

static uint32_t asked_block(const struct get_request *r)
{
	return r->block == LEAF_BLOCK ? r->leaf->block : r->block;
}

/* Takes back what others have; true if there was any. */
static bool take_away(struct source_peer *p)
{
	struct get_request *r, *next;
	bool any = false;

	DL_FOREACH_SAFE(p->requests, r, next) {
		if (!has_another(r->d, p, asked_block(r)))
			continue;
		request_cancel_one(r);
		any = true;
	}
	return any;
}

static void give_up_credits(struct source_peer *p)
{
	struct get_request *r = p->requests;

	if (r->block != ANY_BLOCK)
		return;
	source_is_out(r->d, source_find(r->d, p->id));
	request_cancel_credits(r->d, p);
}

static int64_t latest(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* How long the peer may owe its next answer while others could give it. */
static int64_t owed_most(const struct source_peer *p)
{
	int64_t usual = p->response_ms > 0 ? USUAL_TIMES * p->response_ms : p->requests->len / SLOW_LINE;

	return (OWED_MS + usual) << p->overdue;
}

/* Pings, news and the beginnings of answers do not count. A peer from which something was taken away has more time for
 * the next one, so that two sources on slow lines do not take turns for ever. */
static void watch_owed(struct source_peer *p, int64_t now)
{
	if (!take_away(p))
		return;
	p->rest_ms = now + (SWARM_REST_MS << p->overdue);
	p->overdue += p->overdue < OVERDUE_MAX;
}

void late_watch(struct get *g)
{
	int64_t now = get_now(g);
	struct source_peer *p, *next;

	g->watch_ms = now;
	HASH_ITER(hh, g->peers, p, next) {
		uint64_t arrived;
		int64_t quiet, owed;

		if (p->requests == NULL || !p->up)
			continue;
		arrived = g->c.ops.arrived(g->c.ops_arg, p->id);
		if (arrived != p->seen)
			p->byte_ms = now;
		p->seen = arrived;
		quiet = now - latest(p->byte_ms, p->requests->sent_ms);
		owed = now - latest(p->answered_ms, p->requests->sent_ms);
		if (owed >= owed_most(p))
			watch_owed(p, now);
		else if (quiet >= swarm_late_ms(p->response_ms) && take_away(p))
			p->rest_ms = now + SWARM_REST_MS;
		if (p->requests != NULL && (quiet >= CREDITS_MS || owed >= owed_most(p)))
			give_up_credits(p);
	}
}

void late_withheld(struct get *g)
{
	int64_t before = get_now(g) - WITHHELD_MS;
	struct source_peer *p, *next;

	HASH_ITER(hh, g->peers, p, next) {
		struct get_request *r, *next_r;

		DL_FOREACH_SAFE(p->requests, r, next_r) {
			/* Answers come in the order of requests: on a slow line one may be old, and be on its way. */
			if (r->sent_ms > before || r->sent_ms >= p->answered_of_ms)
				break;
			if (has_another(r->d, p, asked_block(r)))
				request_cancel_one(r);
		}
	}
}

/* --- the end of a content --- */

static struct get_request *last_of(const struct download *d, const struct source_peer *p, const struct get_source *idle)
{
	struct get_request *r, *last = NULL;

	DL_FOREACH(p->requests, r) {
		if (r->d == d && r->block < ANY_BLOCK && r->twin == NULL && holders_has(d, idle, r->block))
			last = r;
	}
	return last;
}

static struct swarm_debt debt_of(const struct download *d, const struct source_peer *p)
{
	struct swarm_debt debt = { 0 };
	const struct get_request *r;

	DL_FOREACH(p->requests, r) {
		if (r->d != d || r->block >= ANY_BLOCK)
			continue;
		if (debt.blocks++ == 0)
			debt.since_ms = r->sent_ms;
	}
	return debt;
}

/* The idle source takes over the block that the one who owes longest was asked for last. */
static bool relieve(struct download *d, struct get_source *idle)
{
	struct swarm_debt *debts = mem_calloc(d->nsources, sizeof(*debts));
	struct get_request *r;
	uint32_t block;
	size_t at;

	for (size_t i = 0; i < d->nsources; i++)
		debts[i] = debt_of(d, get_peer(d->g, d->sources[i].peer));
	at = swarm_endgame(debts, d->nsources);
	free(debts);
	if (at == d->nsources)
		return false;
	r = last_of(d, get_peer(d->g, d->sources[at].peer), idle);
	if (r == NULL || get_now(d->g) - r->sent_ms < get_peer(d->g, idle->peer)->response_ms)
		return false;
	block = r->block;
	request_cancel_one(r);
	window_ask(d, idle, block);
	return true;
}

/* A block that is late comes from the idle source as well: whichever is first counts. */
static void ask_twice(struct download *d, struct get_source *idle)
{
	int64_t now = get_now(d->g);

	for (size_t i = 0; i < d->nsources; i++) {
		struct source_peer *p = get_peer(d->g, d->sources[i].peer);
		struct get_request *r;

		DL_FOREACH(p->requests, r) {
			if (r->d != d || r->block >= ANY_BLOCK || r->twin != NULL || p->id == idle->peer ||
			    now - r->sent_ms < swarm_twice_ms(p->response_ms) || !holders_has(d, idle, r->block))
				continue;
			window_ask_twice(d, idle, r);
			return;
		}
	}
}

void late_end(struct download *d)
{
	int64_t now = get_now(d->g);

	for (size_t i = 0; i < d->nsources && d->requested > 0; i++) {
		struct get_source *s = &d->sources[i];
		struct source_peer *p = get_peer(d->g, s->peer);

		/* One that never sent a block takes nothing over. */
		if (p->requests != NULL || p->response_ms == 0 || !source_usable(d->g, s) || now < p->rest_ms ||
		    d->g->c.ops.window(d->g->c.ops_arg, p->id) == 0)
			continue;
		if (!relieve(d, s))
			ask_twice(d, s);
	}
}
