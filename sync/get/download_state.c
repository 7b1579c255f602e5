/* The states of a download's blocks, and the counts and lists that follow from them. See get_internal.h. */
#include "sync/get/get_internal.h"

#include <string.h>

#include "base/mem.h"

/* What is first in the list is asked for first: what its user waits for stands before all others. */
static void add_hungry(struct download **list, struct download *d)
{
	struct download *other = *list;

	while (d->lane.first && other != NULL && other->lane.first)
		other = other->hungry_next;
	if (d->lane.first && other != NULL)
		DL_PREPEND_ELEM2(*list, other, d, hungry_prev, hungry_next);
	else
		DL_APPEND2(*list, d, hungry_prev, hungry_next);
}

void download_set_hungry(struct download *d, bool hungry)
{
	struct get *g = d->g;
	struct download **list = d->memory ? &g->hungry_small : &g->hungry;

	if (hungry == d->hungry)
		return;
	d->hungry = hungry;
	if (hungry)
		add_hungry(list, d);
	else
		DL_DELETE2(*list, d, hungry_prev, hungry_next);
}

/* The part of a run is about to be taken over: nothing more is asked for. */
static bool is_draining(const struct download *d)
{
	return d->run != NULL && d->run->of->state == COMING_DRAINING;
}

/* Every change of a block's state comes through here, which keeps the invariants of struct download. */
void download_set(struct download *d, uint32_t block, enum block_state state)
{
	enum block_state old = d->state_of[block];

	if (old == BLOCK_HAVE) {
		d->have--;
		d->done -= d->list.b[block].len;
	}
	if ((old == BLOCK_NEEDED) != (state == BLOCK_NEEDED))
		holders_need(d, block, state == BLOCK_NEEDED);
	d->needed -= old == BLOCK_NEEDED;
	d->requested -= old == BLOCK_REQUESTED;
	d->busy -= old == BLOCK_BUSY;
	d->leaves.waiting -= old == BLOCK_LEAVES;
	d->leaves.out -= old == BLOCK_LEAFING;
	d->leaves.out_bytes -= old == BLOCK_LEAFING ? d->list.b[block].len : 0;
	d->state_of[block] = (uint8_t)state;
	if (state == BLOCK_HAVE) {
		d->have++;
		d->done += d->list.b[block].len;
	}
	d->needed += state == BLOCK_NEEDED;
	d->requested += state == BLOCK_REQUESTED;
	d->busy += state == BLOCK_BUSY;
	d->leaves.waiting += state == BLOCK_LEAVES;
	d->leaves.out += state == BLOCK_LEAFING;
	d->leaves.out_bytes += state == BLOCK_LEAFING ? d->list.b[block].len : 0;
	if (state == BLOCK_HAVE && old != BLOCK_HAVE)
		announce_block(d, block);
	if (d->state != DOWNLOAD_DYING)
		download_set_hungry(d, d->needed > 0 && !d->parked && !is_draining(d));
	get_wake(d->g);
}

void download_arrived(struct download *d, uint32_t block, uint64_t peer, struct slab *bytes, bool patched)
{
	struct piece *p;

	download_set(d, block, BLOCK_BUSY);
	d->g->bytes_out += d->list.b[block].len; /* until it is written */
	if (d->narrived == 0)
		d->arrived_ms = get_now(d->g);
	if (d->narrived == d->arrived_cap) {
		d->arrived_cap = d->arrived_cap * 2 + 8;
		d->arrived = mem_realloc(d->arrived, d->arrived_cap, sizeof(*d->arrived));
	}
	p = &d->arrived[d->narrived++];
	*p = (struct piece){ .block = block,
		             .len = d->list.b[block].len,
		             .offset = d->offset_of[block],
		             .bytes = *bytes,
		             .peer = peer,
		             .patched = patched };
	memcpy(p->hash, d->list.b[block].hash, sizeof(p->hash));
	if (d->g->c.ops.digester != NULL && (d->list.n > 1 || d->run != NULL) &&
	    !d->g->c.ops.digester(d->g->c.ops_arg, peer, &p->digester))
		p->digester.make = NULL;
}

void download_set_list(struct download *d, struct blocklist *list)
{
	int64_t offset = 0;

	blocklist_clear(&d->list);
	d->list = *list;
	*list = (struct blocklist){ 0 };
	d->state_of = mem_calloc(d->list.n, 1);
	d->offset_of = mem_calloc(d->list.n, sizeof(d->offset_of[0]));
	for (uint32_t i = 0; i < d->list.n; i++) {
		d->offset_of[i] = offset;
		offset += d->list.b[i].len;
	}
	if (!d->memory)
		holders_begin(d);
}

void download_leave_lane(struct download *d)
{
	if (d->in_lane)
		queue_done(&d->g->queue, &d->lane);
	d->in_lane = false;
}

void download_leave_lane_if_light(struct download *d)
{
	if (d->c.nblocks <= QUEUE_MIDDLE_BLOCKS)
		download_leave_lane(d);
}

size_t download_list_bytes(const struct download *d)
{
	return (size_t)d->c.nblocks * (sizeof(struct block) + sizeof(d->state_of[0]) + sizeof(d->offset_of[0])) +
	       swarm_index_bytes(d->c.nblocks);
}

void download_unpark(struct download *d)
{
	if (d->parked) {
		d->g->nparked--;
		d->g->parked_bytes -= download_list_bytes(d);
	}
	d->parked = false;
}
