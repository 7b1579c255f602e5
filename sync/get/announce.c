/* Telling other members which blocks of a content are here: a map to those that may have some or want some, and then
 * what comes, a few times in a hundred ms. See get_internal.h and docs/protocol.md. */
#include "sync/get/get_internal.h"

#include <stdlib.h>

#include "base/mem.h"

enum {
	HAVE_MS = 20,       /* between two HAVEs of one content */
	STRANGERS_MAX = 16, /* members that are told though they are not known to have any of it */
};

static bool has_been_told(const struct download *d, uint64_t peer)
{
	for (size_t i = 0; i < d->ntold; i++) {
		if (d->told[i].peer == peer)
			return true;
	}
	return false;
}

static void send_map(struct download *d, uint64_t peer)
{
	struct swarm_map map = { .number = d->map_number,
		                 .content = d->c,
		                 .all = d->have == d->list.n,
		                 .tell = d->have < d->list.n };
	uint8_t *bits = map.all ? NULL : mem_calloc(swarm_bits_size(d->list.n), 1);

	for (uint32_t i = 0; bits != NULL && i < d->list.n; i++) {
		if (d->state_of[i] == BLOCK_HAVE)
			swarm_bit_set(bits, i);
	}
	map.bits = bits;
	d->g->c.ops.map(d->g->c.ops_arg, peer, &map);
	free(bits);
}

void announce_to(struct download *d, uint64_t peer, bool stranger)
{
	if (d->g->c.ops.map == NULL || !d->swarms || d->parked || d->state < DOWNLOAD_GETTING || has_been_told(d, peer))
		return;
	d->told = mem_realloc(d->told, d->ntold + 1, sizeof(d->told[0]));
	d->told[d->ntold++] = (struct told){ .peer = peer, .stranger = stranger };
	send_map(d, peer);
}

/* A random one of the peers that are up and were not told. */
static uint64_t some_stranger(struct download *d)
{
	struct source_peer *p, *next;
	uint64_t found = 0, n = 0;

	HASH_ITER(hh, d->g->peers, p, next) {
		if (p->up && !has_been_told(d, p->id) && swarm_random(&d->g->random) % ++n == 0)
			found = p->id;
	}
	return found;
}

void announce_all(struct download *d)
{
	size_t strangers = 0;

	if (!d->swarms || d->g->c.ops.map == NULL)
		return;
	for (size_t i = 0; i < d->nsources; i++) {
		struct source_peer *p = get_peer(d->g, d->sources[i].peer);

		if (p->up)
			announce_to(d, p->id, false);
	}
	for (size_t i = 0; i < d->ntold; i++)
		strangers += d->told[i].stranger;
	for (; strangers < STRANGERS_MAX; strangers++) {
		uint64_t peer = some_stranger(d);

		if (peer == 0)
			break;
		announce_to(d, peer, true);
	}
}

/* How long a block takes until it is announced is measured for one at a time. */
static void measure_spread(struct download *d, uint32_t block)
{
	int64_t ms = get_now(d->g) - d->spread_at_ms;

	if (d->spread_at_ms == 0 || d->spread_block != block)
		return;
	d->spread_ms += (ms - d->spread_ms) / 4;
	d->spread_at_ms = 0;
}

void announce_block(struct download *d, uint32_t block)
{
	struct get *g = d->g;
	int64_t due = d->fresh_ms + HAVE_MS;

	measure_spread(d, block);
	if (!d->swarms || d->ntold == 0)
		return;
	if (d->nfresh == d->fresh_cap) {
		d->fresh_cap = d->fresh_cap * 2 + 16;
		d->fresh = mem_realloc(d->fresh, d->fresh_cap, sizeof(d->fresh[0]));
	}
	d->fresh[d->nfresh++] = block;
	if (due < g->have_due_ms)
		g->have_due_ms = due;
	get_wake(g);
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static size_t runs_from(struct swarm_run *runs, const uint32_t *blocks, size_t n)
{
	size_t nruns = 0;

	for (size_t i = 0; i < n; i++) {
		if (nruns > 0 && runs[nruns - 1].first + runs[nruns - 1].n == blocks[i])
			runs[nruns - 1].n++;
		else if (nruns == 0 || runs[nruns - 1].first + runs[nruns - 1].n < blocks[i])
			runs[nruns++] = (struct swarm_run){ .first = blocks[i], .n = 1 };
	}
	return nruns;
}

/* Members that get the content too; and a giver that chooses what it sends us, as long as it does. */
static bool listens(const struct download *d, uint64_t peer)
{
	for (size_t i = 0; i < d->nsources; i++) {
		const struct get_source *s = &d->sources[i];

		if (s->peer == peer)
			return holders_receives(d, s) || s->credits > 0;
	}
	return false;
}

static void send_haves(struct download *d)
{
	struct swarm_run *runs = mem_calloc(d->nfresh, sizeof(*runs));
	struct get *g = d->g;
	size_t n;

	qsort(d->fresh, d->nfresh, sizeof(d->fresh[0]), by_number);
	n = runs_from(runs, d->fresh, d->nfresh);
	for (size_t i = 0; i < d->ntold; i++) {
		if (listens(d, d->told[i].peer))
			g->c.ops.have(g->c.ops_arg, d->told[i].peer, d->map_number, runs, n);
	}
	free(runs);
	d->nfresh = 0;
	d->fresh_ms = get_now(g);
}

void announce_turn(struct get *g)
{
	int64_t now = get_now(g), next = INT64_MAX;
	struct download *d, *after;

	if (now < g->have_due_ms)
		return;
	HASH_ITER(hh_root, g->swarms, d, after) {
		int64_t due = d->fresh_ms + HAVE_MS;

		if (d->nfresh == 0)
			continue;
		if (due <= now || d->have == d->list.n)
			send_haves(d);
		else if (due < next)
			next = due;
	}
	g->have_due_ms = next;
}

void announce_end(struct download *d, bool whole)
{
	struct swarm_map map = { .number = d->map_number, .content = d->c, .gone = true };
	const struct swarm_run all = { .first = 0, .n = d->c.nblocks };

	if (d->nfresh > 0 && whole)
		send_haves(d);
	for (size_t i = 0; i < d->ntold; i++) {
		uint64_t peer = d->told[i].peer;

		if (!get_peer(d->g, peer)->up)
			continue;
		if (!whole)
			d->g->c.ops.map(d->g->c.ops_arg, peer, &map);
		else if (!listens(d, peer))
			d->g->c.ops.have(d->g->c.ops_arg, peer, d->map_number, &all, 1);
	}
	free(d->told);
	free(d->fresh);
	d->told = NULL;
	d->fresh = NULL;
	d->ntold = d->nfresh = d->fresh_cap = 0;
}

void announce_peer_down(struct get *g, uint64_t peer)
{
	struct download *d, *next;

	HASH_ITER(hh_root, g->swarms, d, next) {
		for (size_t i = 0; i < d->ntold; i++) {
			if (d->told[i].peer == peer) {
				d->told[i] = d->told[--d->ntold];
				break;
			}
		}
	}
}
