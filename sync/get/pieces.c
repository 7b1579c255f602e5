/* See pieces.h. */
#include "sync/get/pieces.h"

#include <string.h>

#include "sync/get/get_internal.h"

enum { COMPARED = 8 }; /* blocks of a cell whose holders are counted */

static void pieces_peers(const struct download *d, struct pieces *p)
{
	for (size_t i = 0; i < d->nsources && p->npeers < PIECES_PEERS; i++) {
		const struct get_source *s = &d->sources[i];

		p->peer[p->npeers++] = (struct pieces_peer){ .peer = s->peer,
			                                     .has = holders_complete(d, s) ? d->list.n
			                                            : s->map != NULL       ? s->map->count
			                                                                   : 0 };
	}
}

/* Of a few blocks that lie evenly in the cell. */
static uint32_t rarest(const struct download *d, uint32_t first, uint32_t n)
{
	uint32_t least = UINT32_MAX, step = n / COMPARED + 1;

	for (uint32_t b = first; b < first + n; b += step) {
		uint32_t holders = 0;

		for (size_t i = 0; i < d->nsources && i < PIECES_PEERS; i++)
			holders += holders_has(d, &d->sources[i], b);
		least = holders < least ? holders : least;
	}
	return least;
}

static void pieces_cells(const struct download *d, struct pieces *p)
{
	for (uint32_t c = 0; c < p->cells; c++) {
		struct pieces_cell *cell = &p->cell[c];
		uint32_t first = c * p->cell_blocks;
		uint32_t n = p->blocks - first < p->cell_blocks ? p->blocks - first : p->cell_blocks;

		*cell = (struct pieces_cell){ .rare = rarest(d, first, n), .from = -1 };
		for (uint32_t b = first; b < first + n; b++) {
			cell->here += d->state_of[b] == BLOCK_HAVE;
			cell->coming += d->state_of[b] == BLOCK_REQUESTED || d->state_of[b] == BLOCK_BUSY;
		}
	}
}

static void pieces_requests(const struct download *d, struct pieces *p)
{
	for (uint32_t i = 0; i < p->npeers; i++) {
		const struct source_peer *peer;
		const struct get_request *r;

		HASH_FIND(hh, d->g->peers, &p->peer[i].peer, sizeof(p->peer[i].peer), peer);
		if (peer == NULL)
			continue;
		DL_FOREACH(peer->requests, r) {
			if (r->d != d || r->block >= p->blocks)
				continue;
			p->peer[i].requested++;
			p->cell[r->block / p->cell_blocks].from = (int)i;
		}
	}
}

bool pieces_of(const struct download *d, struct pieces *p)
{
	if (d->run != NULL || d->state_of == NULL || d->list.n < 2)
		return false;
	memset(p, 0, sizeof(*p));
	p->blocks = d->list.n;
	p->cell_blocks = (p->blocks + PIECES_CELLS - 1) / PIECES_CELLS;
	p->cells = (p->blocks + p->cell_blocks - 1) / p->cell_blocks;
	pieces_peers(d, p);
	pieces_cells(d, p);
	pieces_requests(d, p);
	return true;
}
