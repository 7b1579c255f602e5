/* The answers of peers: blocks, and pieces of block lists. See get.h. */
#include "sync/get/get_internal.h"

#include <string.h>

#include "base/mem.h"

enum {
	RESPONSE_PARTS = 8, /* of which a new response is one */
	REPEATS_MAX = 64,   /* chosen blocks in a row that are here already: more than come by chance */
};

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
	if (d->memory)
		small_arrived(d, block, peer, slab_flatten(bytes));
	else
		download_arrived(d, block, peer, bytes, false);
}

/* How fast the peer answers; it is not late any more. */
static void note_response(struct get *g, const struct get_request *r)
{
	struct source_peer *p = r->peer;
	int64_t ms = get_now(g) - r->sent_ms;

	p->rest_ms = 0;
	p->byte_ms = get_now(g);
	if (p->answered_of_ms < r->sent_ms)
		p->answered_of_ms = r->sent_ms;
	p->response_ms = p->response_ms == 0 ? ms : (p->response_ms * (RESPONSE_PARTS - 1) + ms) / RESPONSE_PARTS;
	if (p->response_ms < 1)
		p->response_ms = 1;
}

static void note_arrival(struct download *d, uint32_t block, uint32_t len)
{
	struct get *g = d->g;

	g->counters.blocks_received++;
	g->counters.bytes_received += len;
	d->moved_ms = get_now(g);
	if (d->spread_at_ms == 0) {
		d->spread_block = block;
		d->spread_at_ms = get_now(g);
	}
}

/* A giver chose a block that is here already, which happens: another source was quicker. If it chooses nothing else,
 * blocks are named to it from now on. */
static void repeated(struct download *d, struct get_source *s)
{
	if (s == NULL || ++s->repeats < REPEATS_MAX || s->out_ms != 0)
		return;
	source_is_out(d, s);
	request_cancel_credits(d, get_peer(d->g, s->peer));
}

/* Which block an answer is. False: it answers something else than was asked, or is a block that is here already. */
static bool is_welcome(struct get_request *r, uint32_t chosen, const struct slab *bytes, uint32_t *block)
{
	struct download *d = r->d;
	uint64_t peer = r->peer->id;
	struct get_source *s = source_find(d, peer);
	bool credit = r->block == ANY_BLOCK;

	*block = credit ? chosen : r->block;
	if (credit != (chosen != SWARM_AS_ASKED) || *block >= d->list.n || bytes->n != d->list.b[*block].len) {
		request_forget(r, true);
		source_lied(d, peer, "sent a block of a different length than requested");
		return false;
	}
	if (credit && (d->state_of[*block] == BLOCK_HAVE || d->state_of[*block] == BLOCK_BUSY)) {
		request_forget(r, true);
		repeated(d, s);
		return false;
	}
	if (credit && s != NULL)
		s->repeats = 0;
	return true;
}

/* The same block may have been asked of another peer too, which need not send it any more. */
static void settle(struct get_request *r, uint32_t block)
{
	struct download *d = r->d;
	struct get_request *other = r->twin;
	bool credit = r->block == ANY_BLOCK;

	request_forget(r, false);
	if (credit && d->state_of[block] == BLOCK_REQUESTED)
		other = request_of(d, block);
	if (other == NULL)
		return;
	if (credit && other->twin != NULL)
		request_cancel_one(other->twin);
	request_cancel_one(other);
}

/* The peer answered, so it is not silent, whatever it sent. A block of the wrong length is a lie; no block means that
 * the peer does not have it any more. */
void get_take_block(struct get *g, uint64_t peer, uint32_t request, uint32_t chosen, struct slab *bytes)
{
	struct get_request *r = request_find(g, peer, request);
	struct download *d;
	uint32_t block;

	if (r == NULL || r->block == NO_BLOCK) {
		slab_free(bytes);
		return;
	}
	d = r->d;
	request_answered(g, r->peer);
	note_response(g, r);
	if (r->block == LEAF_BLOCK) {
		leaves_take(r, bytes);
		return;
	}
	if (bytes->p == NULL) {
		request_forget(r, true);
		source_has_not(d, peer);
	} else if (is_welcome(r, chosen, bytes, &block)) {
		r->peer->overdue = 0;
		settle(r, block);
		note_arrival(d, block, d->list.b[block].len);
		block_arrived(d, block, peer, bytes);
		return;
	}
	slab_free(bytes);
}

/* Blocks are named to that giver from now on, after a pause. Other requests of this kind stay: the last blocks may be
 * on their way to answer them. */
void get_take_out(struct get *g, uint64_t peer, uint32_t request)
{
	struct get_request *r = request_find(g, peer, request);
	struct get_source *s;
	struct download *d;

	if (r == NULL || r->block != ANY_BLOCK)
		return;
	d = r->d;
	request_answered(g, r->peer);
	request_forget(r, true);
	s = source_find(d, peer);
	if (s != NULL && s->out_ms == 0)
		source_is_out(d, s);
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
		coming_heir_open(d);
	else
		list_request_next(d);
}

bool get_expects(struct get *g, uint64_t peer, uint32_t request)
{
	return request_find(g, peer, request) != NULL;
}
