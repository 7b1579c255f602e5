/* The answers of peers: blocks, and pieces of block lists. See get.h. */
#include "sync/get/get_internal.h"

#include <string.h>

#include "base/mem.h"

/* The content is one small block: its bytes go to the owner, who verifies them when they are installed. */
static void small_arrived(struct download *d, uint32_t block, uint64_t peer, uint8_t *bytes)
{
	struct get *g = d->g;
	void *owner = d->owner;

	download_set(d, block, BLOCK_HAVE);
	download_drop(d, false);
	g->c.hooks->bytes(g->c.arg, owner, bytes, peer);
}

static void block_arrived(struct download *d, uint32_t block, uint64_t peer, struct slab *bytes)
{
	struct piece *p;

	if (d->memory) {
		small_arrived(d, block, peer, slab_flatten(bytes));
		return;
	}
	download_set(d, block, BLOCK_BUSY);
	d->g->bytes_out += d->list.b[block].len; /* until it is written */
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

/* The peer answered, so it is not silent, whatever it sent. A block of the wrong length is a lie; no block means that
 * the peer does not have it any more. */
void get_take_block(struct get *g, uint64_t peer, uint32_t request, uint32_t chosen, struct slab *bytes)
{
	struct get_request *r = request_find(g, peer, request);
	struct download *d;
	uint32_t block, len;

	if (r == NULL || r->block == NO_BLOCK || chosen != SWARM_AS_ASKED) {
		slab_free(bytes);
		return;
	}
	d = r->d;
	block = r->block;
	len = r->len;
	request_answered(g, r->peer);
	if (bytes->p != NULL && bytes->n == len) {
		request_forget(r, false);
		g->counters.blocks_received++;
		g->counters.bytes_received += len;
		block_arrived(d, block, peer, bytes);
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

/* A whole list opens the part; else the next piece is requested, or the list begins again at another source. */
void get_take_list(struct get *g, uint64_t peer, uint32_t request, uint32_t first, const uint8_t *blocks, size_t n)
{
	struct get_request *r = request_find(g, peer, request);
	enum list_taken taken = LIST_MORE;
	struct download *d;

	if (r == NULL || r->block != NO_BLOCK)
		return;
	d = r->d;
	request_answered(g, r->peer);
	request_forget(r, false);
	if (blocks == NULL)
		source_has_not(d, peer);
	else
		taken = list_take(d, first, blocks, n);
	if (taken == LIST_BAD)
		source_lied(d, peer, "sent a block list whose hash does not match");
	if (taken == LIST_WHOLE)
		download_open(d);
	else
		list_request_next(d);
}

bool get_expects(struct get *g, uint64_t peer, uint32_t request)
{
	return request_find(g, peer, request) != NULL;
}

void get_take_out(struct get *g, uint64_t peer, uint32_t request)
{
	struct slab none = { 0 };

	get_take_block(g, peer, request, SWARM_AS_ASKED, &none);
}

bool get_take_map(struct get *g, uint64_t peer, const struct swarm_map *map)
{
	struct source_peer *p = get_peer(g, peer);
	bool bad;

	(void)swarm_maps_take(&p->maps, map, &bad);
	get_sources_changed(g);
	return !bad;
}

bool get_take_have(struct get *g, uint64_t peer, uint32_t map, const struct swarm_run *runs, size_t n)
{
	struct source_peer *p = get_peer(g, peer);
	bool bad;

	(void)swarm_maps_have(&p->maps, map, runs, n, NULL, NULL, &bad);
	get_wake(g);
	return !bad;
}

bool get_is_getting(const struct get *g, const struct content *c)
{
	const struct download *d;

	DL_FOREACH(g->downloads, d) {
		if (!d->parked && content_equal(&d->c, c))
			return true;
	}
	return false;
}
