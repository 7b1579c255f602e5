/* Asking peers for blocks: as much of each as its window allows, in runs, and elsewhere what is not answered. See
 * download_internal.h. */
#include "sync/fetch/download_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
	WANTS_MAX = 64, /* in one get */
	/* Of one peer, however small the blocks of a list are said to be; half of what it may be asked for by the protocol. */
	REQUESTS_MAX = 8192,
	LOOK_AHEAD = 4096,  /* blocks searched before the largest gap is */
	SLOW_MS = 2000,     /* without the answer to its oldest request a peer is slow */
	STALLED_MS = 30000, /* a peer that did not answer is left alone */
	/* However much comes from a peer, an answer has to be among it: the largest block at 14 KB/s. */
	ANSWER_MS = 300000,
};

struct request *request_new(struct download *d, struct fetch_peer *p, uint32_t block, uint32_t len)
{
	struct fetch *f = d->f;
	static uint32_t last;
	struct request *r = MEM_NEW(struct request), *taken;

	do {
		r->number = ++last; /* of all groups: they share connections */
		HASH_FIND(hh, f->requests, &r->number, sizeof(r->number), taken);
	} while (r->number == 0 || taken != NULL);
	r->block = block;
	r->len = len;
	r->asked_ms = fetch_now(f);
	r->peer = p;
	r->d = d;
	HASH_ADD(hh, f->requests, number, sizeof(r->number), r);
	DL_APPEND(p->requests, r);
	p->nrequests++;
	p->bytes_out += len;
	f->bytes_out += len;
	return r;
}

void request_forget(struct request *r, bool again)
{
	struct fetch *f = r->d->f;

	HASH_DEL(f->requests, r);
	DL_DELETE(r->peer->requests, r);
	r->peer->nrequests--;
	r->peer->bytes_out -= r->len;
	f->bytes_out -= r->len;
	if (r->block == NO_BLOCK)
		r->d->list_request = 0;
	else if (again && r->d->state_of[r->block] == BLOCK_ASKED)
		download_set(r->d, r->block, BLOCK_NEEDED);
	free(r);
	fetch_wake(f);
}

/* Takes back all of a peer's requests, or only those for d; the first `skip` of these stay. */
static void cancel(struct fetch *f, struct fetch_peer *p, const struct download *d, size_t skip)
{
	uint32_t numbers[WANTS_MAX];
	struct request *r, *next;
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
		if (n == WANTS_MAX || next == NULL) {
			if (p->up)
				f->c.ops->cancel(f->c.ops_arg, p->id, numbers, n);
			n = 0;
		}
	}
	if (n > 0 && p->up)
		f->c.ops->cancel(f->c.ops_arg, p->id, numbers, n);
}

void request_cancel(struct download *d)
{
	struct fetch_peer *p, *next;

	HASH_ITER(hh, d->f->peers, p, next) {
		if (p->requests != NULL)
			cancel(d->f, p, d, 0);
	}
}

void download_peer_down(struct fetch *f, struct fetch_peer *p)
{
	cancel(f, p, NULL, 0);
	p->stalled_ms = 0;
	p->silent = false;
	f->check_sources = true;
}

void request_answered(struct fetch *f, struct fetch_peer *p)
{
	p->answered_ms = p->last_answer_ms = fetch_now(f);
	if (!p->silent)
		return;
	p->silent = false;
	p->stalled_ms = 0;
	ticket_retry(f, REASON_SILENT);
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

void request_timeouts(struct fetch *f)
{
	int64_t now = fetch_now(f);
	struct fetch_peer *p, *next;

	HASH_ITER(hh, f->peers, p, next) {
		uint64_t arrived;
		int64_t asked;

		if (p->requests == NULL)
			continue;
		arrived = f->c.ops->arrived(f->c.ops_arg, p->id);
		if (arrived < p->arrived || arrived - p->arrived >= ARRIVING_MIN) {
			p->arrived = arrived;
			p->last_answer_ms = now;
		}
		asked = p->requests->asked_ms;
		if (now - later(asked, p->last_answer_ms) < REQUEST_TIMEOUT_MS &&
		    now - later(asked, p->answered_ms) < ANSWER_MS)
			continue;
		p->stalled_ms = now + STALLED_MS;
		p->silent = true;
		cancel(f, p, NULL, 0);
	}
}

static size_t asked_of(const struct download *d, const struct fetch_peer *p)
{
	const struct request *r;
	size_t n = 0;

	DL_FOREACH(p->requests, r)
		n += r->d == d;
	return n;
}

static bool is_behind(const struct fetch_peer *p, int64_t now)
{
	return p->requests != NULL && now - p->requests->asked_ms >= SLOW_MS;
}

void request_steal(struct download *d)
{
	struct fetch *f = d->f;
	int64_t now = fetch_now(f);
	struct source *slowest = NULL;
	bool idle = false;
	size_t most = 0;

	for (size_t i = 0; i < d->nsources; i++) {
		struct source *s = &d->sources[i];
		struct fetch_peer *p = fetch_peer_get(f, s->peer);
		size_t n = asked_of(d, p);

		idle |= n == 0 && source_usable(f, s) && now >= s->not_before_ms && !is_behind(p, now) &&
		        f->c.ops->room(f->c.ops_arg, p->id) > 0;
		if (n > most && is_behind(p, now)) {
			slowest = s;
			most = n;
		}
	}
	if (!idle || slowest == NULL)
		return;
	/* What was asked first is most likely on its way. */
	source_is_slow(d, slowest);
	cancel(f, fetch_peer_get(f, slowest->peer), d, most / 2);
}

/* Another source's run begins here. */
static bool is_others(const struct download *d, const struct source *s, uint32_t block)
{
	for (size_t i = 0; i < d->nsources; i++) {
		if (&d->sources[i] != s && d->sources[i].cursor == block && source_usable(d->f, &d->sources[i]))
			return true;
	}
	return false;
}

/* The start of the largest gap; its middle when another source is filling it from its start. */
static uint32_t largest_gap(const struct download *d, const struct source *s)
{
	uint32_t best = NO_BLOCK, best_n = 0, start = 0;

	for (uint32_t i = 0; i <= d->list.n; i++) {
		if (i < d->list.n && d->state_of[i] == BLOCK_NEEDED)
			continue;
		if (i - start > best_n) {
			best_n = i - start;
			best = start;
		}
		start = i + 1;
	}
	return best != NO_BLOCK && is_others(d, s, best) ? best + best_n / 2 : best;
}

/* The next block to ask this source for: on with its run, else the nearest or largest gap. */
static uint32_t pick(const struct download *d, const struct source *s)
{
	for (uint32_t i = s->cursor, ahead = 0; i < d->list.n && ahead < LOOK_AHEAD; i++, ahead++) {
		if (d->state_of[i] != BLOCK_NEEDED)
			continue;
		if (i == s->cursor || !is_others(d, s, i))
			return i;
		break;
	}
	return largest_gap(d, s);
}

/* Asks one source for as much of d as its room allows. */
static void ask_source(struct download *d, struct source *s, struct fetch_peer *p)
{
	struct block_want wants[WANTS_MAX];
	struct fetch *f = d->f;
	size_t n = 0;

	while (d->needed > 0 && p->room > 0 && p->nrequests < REQUESTS_MAX && f->bytes_out < f->c.memory) {
		uint32_t block = pick(d, s);
		const struct block *b;

		if (block == NO_BLOCK)
			break;
		b = &d->list.b[block];
		download_set(d, block, BLOCK_ASKED);
		s->cursor = block + 1;
		p->room -= b->len;
		wants[n] = (struct block_want){ .len = b->len, .offset = d->offset_of[block] };
		memcpy(wants[n].hash, b->hash, sizeof(b->hash));
		wants[n++].request = request_new(d, p, block, b->len)->number;
		if (n == WANTS_MAX) {
			f->c.ops->get(f->c.ops_arg, p->id, &d->c, wants, n);
			n = 0;
		}
	}
	if (n > 0)
		f->c.ops->get(f->c.ops_arg, p->id, &d->c, wants, n);
}

static struct fetch_peer *peer_of(const struct download *d, const struct source *s)
{
	struct fetch_peer *p = fetch_peer_get(d->f, s->peer);

	return source_usable(d->f, s) && p->room > 0 && fetch_now(d->f) >= s->not_before_ms ? p : NULL;
}

/* One block: of the peer with the most room. */
static void ask_small(struct download *d)
{
	struct source *best = NULL;
	struct fetch_peer *best_peer = NULL;

	for (size_t i = 0; i < d->nsources; i++) {
		struct fetch_peer *p = peer_of(d, &d->sources[i]);

		if (p != NULL && (best == NULL || p->room > best_peer->room)) {
			best = &d->sources[i];
			best_peer = p;
		}
	}
	if (best != NULL)
		ask_source(d, best, best_peer);
}

static void ask_all(struct download *d)
{
	for (size_t i = 0; i < d->nsources && d->needed > 0; i++) {
		struct fetch_peer *p = peer_of(d, &d->sources[i]);

		if (p != NULL)
			ask_source(d, &d->sources[i], p);
	}
}

void request_pump(struct fetch *f)
{
	struct download *d, *next_d;
	struct fetch_peer *p, *next;
	bool room = false; /* anywhere */

	if ((f->hungry == NULL && f->hungry_small == NULL) || f->bytes_out >= f->c.memory)
		return;
	HASH_ITER(hh, f->peers, p, next) {
		size_t bytes = p->up && fetch_now(f) >= p->stalled_ms ? f->c.ops->room(f->c.ops_arg, p->id) : 0;

		if (p->nrequests >= REQUESTS_MAX)
			bytes = 0;
		if (p->silent && bytes > 0)
			bytes = p->requests == NULL;
		p->room = (int64_t)(bytes < f->c.memory ? bytes : f->c.memory);
		room |= p->room > 0;
	}
	if (!room)
		return;
	for (d = f->hungry_small; d != NULL; d = next_d) {
		next_d = d->hungry_next;
		ask_small(d);
	}
	for (d = f->hungry; d != NULL; d = next_d) {
		next_d = d->hungry_next;
		ask_all(d);
	}
}

static void arrived(struct download *d, uint32_t block, uint64_t peer, struct slab *bytes)
{
	struct piece *p;

	if (d->memory) {
		d->t->bytes = slab_flatten(bytes);
		d->t->bytes_from = peer;
		download_set(d, block, BLOCK_HAVE);
		download_complete(d);
		return;
	}
	download_set(d, block, BLOCK_BUSY);
	d->f->bytes_out += d->list.b[block].len; /* until it is written */
	if (d->narrived == d->arrived_cap) {
		d->arrived_cap = d->arrived_cap * 2 + 8;
		d->arrived = mem_realloc(d->arrived, d->arrived_cap, sizeof(*d->arrived));
	}
	p = &d->arrived[d->narrived++];
	*p = (struct piece){ .block = block,
		             .len = d->list.b[block].len,
		             .offset = d->offset_of[block],
		             .bytes = *bytes,
		             .peer = peer };
	memcpy(p->hash, d->list.b[block].hash, sizeof(p->hash));
}

void fetch_block(struct fetch *f, uint64_t peer, uint32_t request, struct slab *bytes)
{
	struct request *r;
	struct download *d;
	uint32_t block, len;

	HASH_FIND(hh, f->requests, &request, sizeof(request), r);
	if (r == NULL || r->peer->id != peer || r->block == NO_BLOCK) {
		slab_free(bytes);
		return;
	}
	d = r->d;
	block = r->block;
	len = r->len;
	request_answered(f, r->peer);
	if (bytes->p != NULL && bytes->n == len) {
		request_forget(r, false);
		f->counters.blocks_received++;
		f->counters.bytes_received += len;
		arrived(d, block, peer, bytes);
		return;
	}
	request_forget(r, true);
	if (bytes->p != NULL) {
		source_lied(d, peer, "sent a block of a different length than requested");
	} else {
		source_has_not(d, peer);
	}
	slab_free(bytes);
}
