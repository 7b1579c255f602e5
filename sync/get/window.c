/* Filling the windows of peers with requests. Little is asked of one peer at a time, so that what is asked for is
 * chosen late: see sync/swarm/pick.h. See get_internal.h. */
#include "sync/get/get_internal.h"

#include <string.h>

enum {
	WANTS_MAX = 64, /* in one message */
	/* To one peer, however small the blocks of a list are said to be; half of what the protocol allows. */
	REQUESTS_MAX = 8192,
	ALONE_MS = 1000, /* so long after the beginning another member that gets it too would have told us */
	RATE_MS = 100,
};

static struct block_want want_of(const struct download *d, uint32_t block, uint32_t request)
{
	struct block_want want = { .request = request, .len = d->list.b[block].len, .offset = d->offset_of[block] };

	memcpy(want.hash, d->list.b[block].hash, sizeof(want.hash));
	return want;
}

void window_ask(struct download *d, struct get_source *s, uint32_t block)
{
	struct source_peer *p = get_peer(d->g, s->peer);
	struct block_want want;

	download_set(d, block, BLOCK_REQUESTED);
	want = want_of(d, block, request_new(d, p, block, d->list.b[block].len)->number);
	d->g->c.ops.blocks(d->g->c.ops_arg, p->id, &d->c, &want, 1);
}

void window_ask_twice(struct download *d, struct get_source *s, struct get_request *first)
{
	window_ask(d, s, first->block);
	first->twin = get_peer(d->g, s->peer)->requests->prev; /* the last of the list */
	first->twin->twin = first;
}

/* Whether nobody else gets the content: then the order is the file's, and more may be under way. */
static bool is_alone(const struct download *d)
{
	for (size_t i = 0; i < d->nsources; i++) {
		if (holders_receives(d, &d->sources[i]))
			return false;
	}
	return !d->swarms || d->g->nup <= 1 || get_now(d->g) - d->begun_ms >= ALONE_MS;
}

/* The input for the choice of what is asked for, except the source. */
struct fill {
	bool alone;
	size_t complete; /* sources that have all */
	uint64_t others[SWARM_RECEIVERS_MAX];
	size_t nothers;
	const uint8_t *wired[SWARM_RECEIVERS_MAX];
	size_t nwired;
	bool started; /* some source was asked already */
};

/* A source that has said nothing of its blocks is one that offers the content: it has all. */
static const uint8_t *blocks_of(const struct download *d, const struct get_source *s)
{
	return s->map == NULL || holders_complete(d, s) ? NULL : s->map->bits;
}

static struct fill fill_of(const struct download *d)
{
	struct fill a = { .alone = is_alone(d) };

	for (size_t i = 0; i < d->nsources; i++) {
		const struct get_source *s = &d->sources[i];

		a.started |= s->cursor != NO_BLOCK;
		if (!source_usable(d->g, s))
			continue;
		a.complete += holders_complete(d, s);
		if (holders_receives(d, s) && a.nothers < SWARM_RECEIVERS_MAX)
			a.others[a.nothers++] = s->peer;
		if ((s->map == NULL || !s->map->wireless) && a.nwired < SWARM_RECEIVERS_MAX)
			a.wired[a.nwired++] = blocks_of(d, s);
	}
	return a;
}

static struct swarm_ask ask_of(const struct download *d, const struct get_source *s, const struct fill *a)
{
	bool air = s->map != NULL && s->map->wireless;

	return (struct swarm_ask){ .bits = blocks_of(d, s),
		                   .wanted = holders_complete(d, s) ? d->needed : s->wanted,
		                   .wired = a->wired,
		                   .nwired = air ? a->nwired : 0,
		                   .me = d->g->c.self,
		                   .others = a->others,
		                   .nothers = a->nothers,
		                   .in_order = a->alone,
		                   .seed = d->seed,
		                   .cursor = s->cursor != NO_BLOCK || a->started ? s->cursor : 0 };
}

/* Bytes of d that this peer may be asked for now. */
static int64_t room_for(const struct download *d, const struct source_peer *p, const struct fill *a, size_t npeers)
{
	int64_t most = a->alone ? swarm_window_alone(npeers, d->g->rate)
	                        : swarm_window(npeers, d->g->rate, d->c.size / (d->c.nblocks > 0 ? d->c.nblocks : 1));
	int64_t room = most - (int64_t)p->bytes_out;

	return room < p->window ? room : p->window;
}

static bool may_ask_more(const struct download *d, const struct source_peer *p)
{
	return p->nrequests < REQUESTS_MAX && d->g->bytes_out < d->g->c.memory;
}

/* Names blocks. */
static void name_blocks(struct download *d, struct get_source *s, struct source_peer *p, const struct fill *a,
                        int64_t room)
{
	struct block_want wants[WANTS_MAX];
	struct get *g = d->g;
	size_t n = 0;

	while (d->needed > 0 && room > 0 && may_ask_more(d, p)) {
		struct swarm_ask ask = ask_of(d, s, a);
		uint32_t block = d->memory ? 0 : swarm_pick(&d->index, &ask, swarm_random(&g->random));

		if (block == SWARM_NONE)
			break;
		download_set(d, block, BLOCK_REQUESTED);
		s->cursor = block + 1;
		room -= d->list.b[block].len;
		p->window -= d->list.b[block].len;
		wants[n++] = want_of(d, block, request_new(d, p, block, d->list.b[block].len)->number);
		if (n == WANTS_MAX) {
			g->c.ops.blocks(g->c.ops_arg, p->id, &d->c, wants, n);
			n = 0;
		}
	}
	if (n > 0)
		g->c.ops.blocks(g->c.ops_arg, p->id, &d->c, wants, n);
}

/* Whether the giver may choose: it alone has all, it is known what is needed, and others get the content too. */
static bool is_chooser(const struct download *d, const struct get_source *s, const struct fill *a)
{
	return d->g->c.ops.any != NULL && d->swarms && !a->alone && a->complete == 1 && s->out_ms == 0 &&
	       holders_complete(d, s) && d->needed + d->requested + d->busy + d->have == d->list.n;
}

/* Leaves the choice to the giver. */
static void give_credits(struct download *d, const struct get_source *s, struct source_peer *p, int64_t room)
{
	uint32_t usual = (uint32_t)(d->c.size / d->c.nblocks), numbers[WANTS_MAX];
	struct get *g = d->g;
	size_t n = 0;

	for (; room > 0 && d->credits < d->needed && may_ask_more(d, p); room -= usual) {
		p->window -= usual;
		numbers[n++] = request_new(d, p, ANY_BLOCK, usual)->number;
		if (n == WANTS_MAX) {
			g->c.ops.any(g->c.ops_arg, s->peer, &d->c, numbers, n);
			n = 0;
		}
	}
	if (n > 0)
		g->c.ops.any(g->c.ops_arg, s->peer, &d->c, numbers, n);
}

/* Not while it is about to be known whether the giver may choose, nor soon after it has sent all. */
static bool may_name(const struct download *d, const struct get_source *s, const struct fill *a)
{
	int64_t now = get_now(d->g);
	const struct swarm_out out = { .since_ms = now - s->out_ms,
		                       .quiet_ms = now - d->moved_ms,
		                       .rate_then = s->out_rate,
		                       .rate = d->g->rate,
		                       .spread_ms = d->spread_ms };

	if (s->out_ms != 0)
		return swarm_may_name(&out);
	return d->memory || a->alone || a->complete != 1 || !holders_complete(d, s) || d->scan_at == d->list.n ||
	       d->g->c.ops.any == NULL;
}

static void fill_source(struct download *d, struct get_source *s, struct source_peer *p, size_t npeers)
{
	struct fill a = fill_of(d);
	int64_t room = d->memory ? p->window : room_for(d, p, &a, npeers);

	if (room <= 0)
		return;
	if (is_chooser(d, s, &a))
		give_credits(d, s, p, room);
	else if (may_name(d, s, &a))
		name_blocks(d, s, p, &a, room);
}

static struct source_peer *peer_with_window(const struct download *d, const struct get_source *s)
{
	struct source_peer *p = get_peer(d->g, s->peer);
	int64_t now = get_now(d->g);

	return source_usable(d->g, s) && p->window > 0 && now >= s->not_before_ms && now >= p->rest_ms ? p : NULL;
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
		fill_source(d, best, best_peer, 1);
}

/* All sources in turn, beginning with a random one. */
static void window_fill_large(struct download *d, size_t npeers)
{
	size_t first = d->nsources > 0 ? swarm_random(&d->g->random) % d->nsources : 0;

	for (size_t i = 0; i < d->nsources && d->needed > 0; i++) {
		struct get_source *s = &d->sources[(first + i) % d->nsources];
		struct source_peer *p = holders_wanted(d, s) ? peer_with_window(d, s) : NULL;

		if (p != NULL)
			fill_source(d, s, p, npeers);
	}
}

/* Whether it has some of the content, needed or not: what is needed of it may have been asked of others just now. */
static bool has_some(const struct download *d, const struct get_source *s)
{
	return holders_complete(d, s) || (s->map != NULL && s->map->count > 0);
}

/* How many peers have something of what is got. */
static size_t count_peers(struct get *g)
{
	struct source_peer *p, *next;
	struct download *d;
	size_t n = 0;

	HASH_ITER(hh, g->peers, p, next)
		p->counted = false;
	for (d = g->hungry; d != NULL; d = d->hungry_next) {
		for (size_t i = 0; i < d->nsources; i++) {
			p = get_peer(g, d->sources[i].peer);
			if (p->counted || !source_usable(g, &d->sources[i]) || !has_some(d, &d->sources[i]))
				continue;
			p->counted = true;
			n++;
		}
	}
	return n;
}

static void measure_rate(struct get *g)
{
	int64_t now = get_now(g), ms = now - g->rate_ms;
	int64_t bytes = (int64_t)(g->counters.bytes_received - g->rate_bytes);

	if (ms < RATE_MS)
		return;
	g->rate = ms > 10 * RATE_MS ? bytes * 1000 / ms : (g->rate + bytes * 1000 / ms) / 2;
	g->rate_ms = now;
	g->rate_bytes = g->counters.bytes_received;
}

/* Windows are read once per turn and counted down from there. Small contents come first. A silent peer with nothing
 * requested may be asked for one thing. */
void window_fill(struct get *g)
{
	struct download *d, *next_d;
	struct source_peer *p, *next;
	size_t npeers;
	bool any = false;

	measure_rate(g);
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
	npeers = count_peers(g);
	for (d = g->hungry; d != NULL; d = next_d) {
		next_d = d->hungry_next;
		window_fill_large(d, npeers);
	}
}
