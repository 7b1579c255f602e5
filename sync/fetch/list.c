/* Asking for the list of a content's blocks, piece by piece from one peer, so that it is clear whose list it was. See
 * download_internal.h. */
#include "sync/fetch/download_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static void begin_anew(struct download *d)
{
	blocklist_clear(&d->list);
	d->list_peer = 0;
}

void list_ask(struct download *d)
{
	struct fetch *f = d->f;
	struct source *s = d->list.n > 0 ? source_find(d, d->list_peer) : NULL;
	struct fetch_peer *p;
	struct request *r;

	if (d->list_request != 0)
		return;
	if (s == NULL || !source_usable(f, s)) {
		begin_anew(d);
		s = source_any(d);
	}
	if (s == NULL) {
		f->check_sources = true;
		fetch_wake(f);
		return;
	}
	p = fetch_peer_get(f, s->peer);
	if (fetch_now(f) < p->stalled_ms)
		return;
	d->list_peer = s->peer;
	r = ask_new(d, p, NO_BLOCK, 0);
	d->list_request = r->number;
	f->c.ops->get_list(f->c.ops_arg, s->peer, r->number, &d->c, d->list.n);
}

/* False when it cannot be a piece of the list. */
static bool append(struct download *d, const struct blocklist *piece)
{
	int64_t size = 0;

	if (piece->n == 0 || piece->n > d->c.nblocks - d->list.n)
		return false;
	d->list.b = mem_realloc(d->list.b, d->list.n + piece->n, sizeof(*d->list.b));
	memcpy(d->list.b + d->list.n, piece->b, piece->n * sizeof(*piece->b));
	d->list.n += piece->n;
	for (uint32_t i = 0; i < d->list.n; i++)
		size += d->list.b[i].len;
	return size <= d->c.size;
}

static bool is_whole(const struct download *d)
{
	return d->list.n == d->c.nblocks;
}

void fetch_list(struct fetch *f, uint64_t peer, uint32_t request, uint32_t first, const uint8_t *blocks, size_t n)
{
	struct blocklist piece = { 0 };
	struct request *r;
	struct content c;
	struct download *d;
	bool good;

	HASH_FIND(hh, f->requests, &request, sizeof(request), r);
	if (r == NULL || r->peer->id != peer || r->block != NO_BLOCK)
		return;
	d = r->d;
	r->peer->last_answer_ms = fetch_now(f);
	ask_forget(r, false);
	if (blocks == NULL) {
		source_has_not(d, peer);
		list_ask(d);
		return;
	}
	good = first == d->list.n && blocklist_decode(&piece, blocks, n) == 0 && append(d, &piece);
	blocklist_clear(&piece);
	if (good && is_whole(d)) {
		c = blocklist_content(&d->list);
		good = content_equal(&c, &d->c);
	}
	if (!good) {
		source_lied(d, peer, "sent a block list that is not the file's");
		begin_anew(d);
	}
	if (good && is_whole(d))
		download_open(d);
	else
		list_ask(d);
}
