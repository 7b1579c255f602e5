/* Requests that are out: their numbers, how they end, and which peers let them run out. See get_internal.h. */
#include "sync/get/get_internal.h"

#include <stdlib.h>

#include "base/mem.h"

enum {
	CANCEL_MAX = 64,    /* requests taken back in one message */
	STALLED_MS = 30000, /* a peer that did not answer is left alone */
	/* However much comes from a peer, an answer has to be part of it by then: the largest block at 14 KB/s. */
	ANSWER_MS = 300000,
};

uint32_t get_request_number(void)
{
	static uint32_t last;

	if (++last == 0)
		last = 1;
	return last;
}

static void credits_changed(const struct get_request *r, bool more)
{
	for (size_t i = 0; i < r->d->nsources; i++) {
		struct get_source *s = &r->d->sources[i];

		if (s->peer == r->peer->id)
			s->credits = more ? s->credits + 1 : s->credits - 1;
	}
	r->d->credits = more ? r->d->credits + 1 : r->d->credits - 1;
}

struct get_request *request_new(struct download *d, struct source_peer *p, uint32_t block, uint32_t len)
{
	struct get *g = d->g;
	struct get_request *r = MEM_NEW(struct get_request), *taken;

	do {
		r->number = get_request_number();
		HASH_FIND(hh, g->requests, &r->number, sizeof(r->number), taken);
	} while (taken != NULL);
	r->block = block;
	r->len = len;
	r->sent_ms = get_now(g);
	r->peer = p;
	r->d = d;
	HASH_ADD(hh, g->requests, number, sizeof(r->number), r);
	DL_APPEND(p->requests, r);
	p->nrequests++;
	p->bytes_out += len;
	g->bytes_out += len;
	if (block == ANY_BLOCK)
		credits_changed(r, true);
	return r;
}

struct get_request *request_find(struct get *g, uint64_t peer, uint32_t number)
{
	struct get_request *r;

	HASH_FIND(hh, g->requests, &number, sizeof(number), r);
	return r != NULL && r->peer->id == peer ? r : NULL;
}

/* Its block waits again, if it has to. */
static void leaf_forget(struct get_request *r, bool again)
{
	struct download *d = r->d;
	uint32_t block = r->leaf->block;

	if (again && d->state_of[block] == BLOCK_LEAFING) {
		download_set(d, block, BLOCK_LEAVES);
		if (block < d->leaves.at)
			d->leaves.at = block;
	}
	free(r->leaf->old);
	free(r->leaf);
}

void request_forget(struct get_request *r, bool again)
{
	struct get *g = r->d->g;

	HASH_DEL(g->requests, r);
	DL_DELETE(r->peer->requests, r);
	r->peer->nrequests--;
	r->peer->bytes_out -= r->len;
	g->bytes_out -= r->len;
	if (r->twin != NULL)
		r->twin->twin = NULL;
	if (r->block == NO_BLOCK)
		r->d->list_request = 0;
	else if (r->leaf != NULL)
		leaf_forget(r, again);
	else if (r->block == ANY_BLOCK)
		credits_changed(r, false);
	else if (r->block < ANY_BLOCK && r->twin == NULL && again && r->d->state_of[r->block] == BLOCK_REQUESTED)
		download_set(r->d, r->block, BLOCK_NEEDED);
	free(r);
	get_wake(g);
}

void request_cancel_one(struct get_request *r)
{
	struct get *g = r->d->g;
	uint32_t number = r->number;
	uint64_t peer = r->peer->id;

	request_forget(r, true);
	g->c.ops.cancel(g->c.ops_arg, peer, &number, 1);
}

static void cancel_credits_of(struct download *d, struct source_peer *p)
{
	uint32_t numbers[CANCEL_MAX];
	struct get_request *r, *next;
	size_t n = 0;

	DL_FOREACH_SAFE(p->requests, r, next) {
		if (r->d != d || r->block != ANY_BLOCK)
			continue;
		numbers[n++] = r->number;
		request_forget(r, true);
		if (n == CANCEL_MAX) {
			d->g->c.ops.cancel(d->g->c.ops_arg, p->id, numbers, n);
			n = 0;
		}
	}
	if (n > 0)
		d->g->c.ops.cancel(d->g->c.ops_arg, p->id, numbers, n);
}

void request_cancel_credits(struct download *d, const struct source_peer *of)
{
	for (size_t i = 0; i < d->nsources && d->credits > 0; i++) {
		struct source_peer *p = get_peer(d->g, d->sources[i].peer);

		if (d->sources[i].credits > 0 && (of == NULL || p == of))
			cancel_credits_of(d, p);
	}
}

struct get_request *request_of(const struct download *d, uint32_t block)
{
	for (size_t i = 0; i < d->nsources; i++) {
		struct get_request *r;

		DL_FOREACH(get_peer(d->g, d->sources[i].peer)->requests, r) {
			if (r->d == d && r->block == block)
				return r;
		}
	}
	return NULL;
}

/* In messages of a bounded size. A peer that is gone needs none. */
void request_cancel(struct get *g, struct source_peer *p, const struct download *d, size_t skip)
{
	uint32_t numbers[CANCEL_MAX];
	struct get_request *r, *next;
	size_t n = 0;

	DL_FOREACH_SAFE(p->requests, r, next) {
		if (d != NULL && r->d != d)
			continue;
		if (skip > 0) {
			skip--;
			continue;
		}
		numbers[n++] = r->number;
		request_forget(r, true);
		if (n == CANCEL_MAX || next == NULL) {
			if (p->up)
				g->c.ops.cancel(g->c.ops_arg, p->id, numbers, n);
			n = 0;
		}
	}
	if (n > 0 && p->up)
		g->c.ops.cancel(g->c.ops_arg, p->id, numbers, n);
}

void request_cancel_download(struct download *d)
{
	struct source_peer *p, *next;

	HASH_ITER(hh, d->g->peers, p, next) {
		if (p->requests != NULL)
			request_cancel(d->g, p, d, 0);
	}
}

void request_answered(struct get *g, struct source_peer *p)
{
	p->answered_ms = p->last_answer_ms = get_now(g);
	if (!p->silent)
		return;
	p->silent = false;
	p->stalled_ms = 0;
	get_again(g, GET_SILENT);
}

static int64_t later_ms(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* A peer is silent when neither an answer nor the bytes of one under way came for REQUEST_TIMEOUT_MS. Other traffic
 * buys it no more than ANSWER_MS, and no more than seconds where others have what it owes (late.c). */
void request_timeouts(struct get *g)
{
	int64_t now = get_now(g);
	struct source_peer *p, *next;

	HASH_ITER(hh, g->peers, p, next) {
		uint64_t arrived;
		int64_t sent;

		if (p->requests == NULL)
			continue;
		arrived = g->c.ops.arrived(g->c.ops_arg, p->id);
		if (arrived < p->arrived || arrived - p->arrived >= ARRIVING_MIN) {
			p->arrived = arrived;
			p->last_answer_ms = now;
		}
		sent = p->requests->sent_ms;
		if (now - later_ms(sent, p->last_answer_ms) < REQUEST_TIMEOUT_MS &&
		    now - later_ms(sent, p->answered_ms) < ANSWER_MS)
			continue;
		p->stalled_ms = now + STALLED_MS;
		p->silent = true;
		request_cancel(g, p, NULL, 0);
	}
}
