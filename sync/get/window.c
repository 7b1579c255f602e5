/* Filling the windows of peers with requests, and taking some back from a peer that is slow. See get_internal.h. */
#include "sync/get/get_internal.h"

#include <string.h>

enum {
	WANTS_MAX = 64, /* in one message */
	/* To one peer, however small the blocks of a list are said to be; half of what the protocol allows. */
	REQUESTS_MAX = 8192,
	SLOW_MS = 2000, /* without the answer to its oldest request a peer is slow */
};

static size_t requests_for(const struct download *d, const struct source_peer *p)
{
	const struct get_request *r;
	size_t n = 0;

	DL_FOREACH(p->requests, r)
		n += r->d == d;
	return n;
}

static bool is_behind(const struct source_peer *p, int64_t now)
{
	return p->requests != NULL && now - p->requests->sent_ms >= SLOW_MS;
}

void window_steal(struct download *d)
{
	struct get *g = d->g;
	int64_t now = get_now(g);
	struct get_source *slowest = NULL;
	bool idle = false;
	size_t most = 0;

	for (size_t i = 0; i < d->nsources; i++) {
		struct get_source *s = &d->sources[i];
		struct source_peer *p = get_peer(g, s->peer);
		size_t n = requests_for(d, p);

		idle |= n == 0 && source_usable(g, s) && now >= s->not_before_ms && !is_behind(p, now) &&
		        g->c.ops.window(g->c.ops_arg, p->id) > 0;
		if (n > most && is_behind(p, now)) {
			slowest = s;
			most = n;
		}
	}
	if (!idle || slowest == NULL)
		return;
	/* The oldest requests are most likely being answered. */
	source_is_slow(d, slowest);
	request_cancel(g, get_peer(g, slowest->peer), d, most / 2);
}

/* The input for the choice of what s is asked for. Other sources do not move while this one is asked. */
static struct pick pick_of(const struct download *d, const struct get_source *s)
{
	struct pick pick = { .state = d->state_of,
		             .n = d->list.n,
		             .needed = BLOCK_NEEDED,
		             .have = s->have,
		             .cursor = s->cursor };

	for (size_t i = 0; i < d->nsources && pick.nothers < PICK_OTHERS_MAX; i++) {
		const struct get_source *other = &d->sources[i];

		if (other != s && source_usable(d->g, other))
			pick.others[pick.nothers++] = other->cursor;
	}
	return pick;
}

/* Asks one source for as much of d as its window allows. */
static void window_fill_source(struct download *d, struct get_source *s, struct source_peer *p)
{
	struct block_want wants[WANTS_MAX];
	struct pick pick = pick_of(d, s);
	struct get *g = d->g;
	size_t n = 0;

	while (d->needed > 0 && p->window > 0 && p->nrequests < REQUESTS_MAX && g->bytes_out < g->c.memory) {
		uint32_t block = pick_next(&pick);
		const struct block *b;

		if (block == NO_BLOCK)
			break;
		b = &d->list.b[block];
		download_set(d, block, BLOCK_REQUESTED);
		s->cursor = pick.cursor = block + 1;
		p->window -= b->len;
		wants[n] = (struct block_want){ .len = b->len, .offset = d->offset_of[block] };
		memcpy(wants[n].hash, b->hash, sizeof(b->hash));
		wants[n++].request = request_new(d, p, block, b->len)->number;
		if (n == WANTS_MAX) {
			g->c.ops.blocks(g->c.ops_arg, p->id, &d->c, wants, n);
			n = 0;
		}
	}
	if (n > 0)
		g->c.ops.blocks(g->c.ops_arg, p->id, &d->c, wants, n);
}

static struct source_peer *peer_with_window(const struct download *d, const struct get_source *s)
{
	struct source_peer *p = get_peer(d->g, s->peer);

	return source_usable(d->g, s) && p->window > 0 && get_now(d->g) >= s->not_before_ms ? p : NULL;
}

/* A single block is requested from the peer with the largest window. */
static void window_fill_small(struct download *d)
{
	struct get_source *best = NULL;
	struct source_peer *best_peer = NULL;

	for (size_t i = 0; i < d->nsources; i++) {
		struct source_peer *p = peer_with_window(d, &d->sources[i]);

		if (p != NULL && (best == NULL || p->window > best_peer->window)) {
			best = &d->sources[i];
			best_peer = p;
		}
	}
	if (best != NULL)
		window_fill_source(d, best, best_peer);
}

static void window_fill_large(struct download *d)
{
	for (size_t i = 0; i < d->nsources && d->needed > 0; i++) {
		struct source_peer *p = peer_with_window(d, &d->sources[i]);

		if (p != NULL)
			window_fill_source(d, &d->sources[i], p);
	}
}

/* Windows are read once per turn and counted down from there. Small contents come first. A silent peer with nothing
 * requested may be asked for one thing. */
void window_fill(struct get *g)
{
	struct download *d, *next_d;
	struct source_peer *p, *next;
	bool any = false;

	if ((g->hungry == NULL && g->hungry_small == NULL) || g->bytes_out >= g->c.memory)
		return;
	HASH_ITER(hh, g->peers, p, next) {
		size_t bytes = p->up && get_now(g) >= p->stalled_ms ? g->c.ops.window(g->c.ops_arg, p->id) : 0;

		if (p->nrequests >= REQUESTS_MAX)
			bytes = 0;
		if (p->silent && bytes > 0)
			bytes = p->requests == NULL;
		p->window = (int64_t)(bytes < g->c.memory ? bytes : g->c.memory);
		any |= p->window > 0;
	}
	if (!any)
		return;
	for (d = g->hungry_small; d != NULL; d = next_d) {
		next_d = d->hungry_next;
		window_fill_small(d);
	}
	for (d = g->hungry; d != NULL; d = next_d) {
		next_d = d->hungry_next;
		window_fill_large(d);
	}
}
