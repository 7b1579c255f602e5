/* The block list of a content: requested piece by piece from one peer, so that we know whose list it was when it is
 * wrong. See get_internal.h. */
#include "sync/get/get_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
	SLOW_MS =
		2000, /* without a piece, until another source is asked; doubles with each, since all may be far away */
	SLOW_TURNS = 5,
	PIECE_MIN =
		64, /* blocks of a piece that does not end the list: with fewer, a peer could make us ask without end */
};

static void list_restart(struct download *d)
{
	blocklist_clear(&d->list);
	d->list_cap = 0;
	d->list_bytes = 0;
	d->list_peer = 0;
}

/* The peer that began the list goes on with it; if it cannot, another one begins again. */
void list_request_next(struct download *d)
{
	struct get *g = d->g;
	struct get_source *s = d->list.n > 0 ? source_find(d, d->list_peer) : NULL;
	struct get_request *r;

	if (d->list_request != 0)
		return;
	if (s == NULL || !source_usable(g, s)) {
		list_restart(d);
		s = source_any(d);
	}
	if (s == NULL) {
		g->check_sources = true;
		get_wake(g);
		return;
	}
	d->list_peer = s->peer;
	r = request_new(d, get_peer(g, s->peer), NO_BLOCK, 0);
	d->list_request = r->number;
	g->c.ops.list(g->c.ops_arg, s->peer, r->number, &d->c, d->list.n);
}

/* Whether another source can be asked that was not slow itself lately. */
static bool has_other(const struct download *d)
{
	for (size_t i = 0; i < d->nsources; i++) {
		const struct get_source *s = &d->sources[i];

		if (s->peer != d->list_peer && source_usable(d->g, s) && get_now(d->g) >= s->not_before_ms &&
		    !get_peer(d->g, s->peer)->silent)
			return true;
	}
	return false;
}

void list_tick(struct download *d)
{
	struct get *g = d->g;
	int64_t patience = SLOW_MS << (d->list_turns < SLOW_TURNS ? d->list_turns : SLOW_TURNS);
	struct get_source *s = source_find(d, d->list_peer);
	struct get_request *r;

	if (d->state != DOWNLOAD_LISTING || d->list_request == 0 || s == NULL || !has_other(d))
		return;
	HASH_FIND(hh, g->requests, &d->list_request, sizeof(d->list_request), r);
	if (r == NULL || get_now(g) < r->sent_ms + patience)
		return;
	source_is_slow(d, s);
	r->peer->silent |= r->peer->answered_ms < r->sent_ms;
	g->c.ops.cancel(g->c.ops_arg, s->peer, &r->number, 1);
	request_forget(r, false);
	d->list_turns++;
	list_restart(d);
	list_request_next(d);
}

/* False if this cannot be a piece of the list. */
static bool list_append(struct download *d, const struct blocklist *piece)
{
	uint32_t left = d->c.nblocks - d->list.n;

	if (piece->n == 0 || piece->n > left || (piece->n < left && piece->n < PIECE_MIN))
		return false;
	if (d->list.n + piece->n > d->list_cap) {
		uint32_t twice = d->list_cap < d->c.nblocks / 2 ? d->list_cap * 2 : d->c.nblocks;

		d->list_cap = d->list.n + piece->n > twice ? d->list.n + piece->n : twice;
		d->list.b = mem_realloc(d->list.b, d->list_cap, sizeof(*d->list.b));
	}
	memcpy(d->list.b + d->list.n, piece->b, piece->n * sizeof(*piece->b));
	d->list.n += piece->n;
	for (uint32_t i = 0; i < piece->n; i++)
		d->list_bytes += piece->b[i].len;
	return d->list_bytes <= d->c.size;
}

static bool is_whole(const struct download *d)
{
	return d->list.n == d->c.nblocks;
}

/* Each piece continues the last; together their hash is the content's root. */
static bool take_piece(struct download *d, uint32_t first, const uint8_t *blocks, size_t n)
{
	struct blocklist piece = { 0 };
	struct content c;
	bool good = first == d->list.n && blocklist_decode(&piece, blocks, n) == 0 && list_append(d, &piece);

	blocklist_clear(&piece);
	if (!good || !is_whole(d))
		return good;
	c = blocklist_content(&d->list);
	return content_equal(&c, &d->c);
}

enum list_taken list_take(struct download *d, uint32_t first, const uint8_t *blocks, size_t n)
{
	if (!take_piece(d, first, blocks, n)) {
		list_restart(d);
		return LIST_BAD;
	}
	return is_whole(d) ? LIST_WHOLE : LIST_MORE;
}
