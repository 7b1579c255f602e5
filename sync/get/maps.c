/* What peers tell of their blocks: see get.h. */
#include "sync/get/get_internal.h"

enum { AGAIN_MS = 1000 }; /* between two tries of what waits for a source, however many maps come */

/* What waits for a source may find one in the map. */
static void try_again(struct get *g)
{
	g->again = true;
	get_wake(g);
}

static void maps_of(struct source_peer *p)
{
	p->maps.forget = holders_forget;
}

/* A member that gets the content too is told what is here. */
bool get_take_map(struct get *g, uint64_t peer, const struct swarm_map *map)
{
	struct source_peer *p = get_peer(g, peer);
	struct swarm_known *k;
	struct get_source *s;
	struct download *d;
	bool bad;

	maps_of(p);
	k = swarm_maps_take(&p->maps, map, &bad);
	if (k == NULL || !p->up)
		return !bad;
	d = holders_of(g, &map->content);
	if ((d == NULL || d->parked) && k->count > 0)
		try_again(g);
	if (d == NULL)
		return true;
	s = source_of(d, peer);
	s->bad = liars_has(d->liars, peer);
	holders_bind(d, s, k);
	announce_to(d, peer, false);
	return true;
}

bool get_take_have(struct get *g, uint64_t peer, uint32_t map, const struct swarm_run *runs, size_t n)
{
	struct source_peer *p = get_peer(g, peer);
	struct get_source *s = NULL;
	struct swarm_known *k;
	struct download *d;
	bool bad;

	maps_of(p);
	k = swarm_maps_of(&p->maps, map);
	if (k == NULL)
		return true;
	d = k->user;
	if (d != NULL)
		s = source_find(d, peer);
	(void)swarm_maps_have(&p->maps, map, runs, n, holders_fresh, s, &bad);
	if (d != NULL && d->parked)
		try_again(g);
	if (s != NULL && s->map == k)
		holders_moved(d, s);
	get_wake(g);
	return !bad;
}

bool get_is_getting(const struct get *g, const struct content *c)
{
	const struct download *d = holders_of(g, c);

	return d != NULL && !d->parked;
}

void maps_turn(struct get *g)
{
	if (!g->again || get_now(g) < g->again_ms)
		return;
	g->again = false;
	g->again_ms = get_now(g) + AGAIN_MS;
	get_again(g, GET_NO_SOURCE);
	get_again(g, GET_SILENT);
}
