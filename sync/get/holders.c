/* Which peers have which blocks of a content, as they told: kept so that a block is chosen without a search. See
 * get_internal.h and sync/swarm/pick.h. */
#include "sync/get/get_internal.h"

#include <string.h>

static bool is_incomplete(const struct download *d, const struct get_source *s)
{
	return s->map != NULL && s->map->count < d->c.nblocks;
}

bool holders_complete(const struct download *d, const struct get_source *s)
{
	return s->map != NULL ? s->map->count >= d->c.nblocks : s->offers;
}

bool holders_has(const struct download *d, const struct get_source *s, uint32_t block)
{
	return is_incomplete(d, s) ? swarm_known_has(s->map, block) : holders_complete(d, s);
}

bool holders_wanted(const struct download *d, const struct get_source *s)
{
	return is_incomplete(d, s) ? s->wanted > 0 : d->needed > 0 && holders_complete(d, s);
}

bool holders_receives(const struct download *d, const struct get_source *s)
{
	return is_incomplete(d, s) && s->map->tell;
}

struct download *holders_of(const struct get *g, const struct content *c)
{
	struct download *d;

	HASH_FIND(hh_root, g->swarms, c->root, sizeof(c->root), d);
	return d != NULL && content_equal(&d->c, c) ? d : NULL;
}

/* Of several downloads of one content the first takes part. */
static void join(struct download *d)
{
	struct download *first;

	HASH_FIND(hh_root, d->g->swarms, d->c.root, sizeof(d->c.root), first);
	if (d->c.nblocks < SWARM_BLOCKS_MIN || first != NULL)
		return;
	HASH_ADD(hh_root, d->g->swarms, c.root, sizeof(d->c.root), d);
	d->swarms = true;
	d->map_number = d->g->map_number = (d->g->map_number + 1) & INT32_MAX;
}

void holders_begin(struct download *d)
{
	memcpy(&d->seed, d->c.root, sizeof(d->seed));
	d->begun_ms = d->moved_ms = get_now(d->g);
	swarm_index_grow(&d->index, d->list.n);
	if (!d->swarms)
		join(d);
}

/* The bits of a complete map are not counted: such a peer is no reason to prefer one block to another. */
static void count_map(struct download *d, const struct swarm_known *k, bool more)
{
	uint32_t n = d->index.n < k->content.nblocks ? d->index.n : k->content.nblocks;

	if (k->bits == NULL)
		return;
	for (uint32_t i = 0; i < n; i++) {
		if (swarm_bit(k->bits, i))
			swarm_index_held(&d->index, i, more);
	}
}

void holders_bind(struct download *d, struct get_source *s, struct swarm_known *k)
{
	s->map = k;
	k->user = d;
	count_map(d, k, true);
	s->wanted = k->bits != NULL ? swarm_index_wanted(&d->index, k->bits) : 0;
	holders_moved(d, s);
	get_wake(d->g);
}

void holders_moved(struct download *d, struct get_source *s)
{
	if (s->map->count <= s->most)
		return;
	s->most = s->map->count;
	d->moved_ms = get_now(d->g);
}

static struct get_source *source_with(const struct download *d, const struct swarm_known *k)
{
	for (size_t i = 0; i < d->nsources; i++) {
		if (d->sources[i].map == k)
			return &d->sources[i];
	}
	return NULL;
}

void holders_forget(void *arg, struct swarm_known *k)
{
	struct download *d = k->user;
	struct get_source *s = d != NULL ? source_with(d, k) : NULL;

	(void)arg;
	k->user = NULL;
	if (s == NULL)
		return;
	count_map(d, k, false);
	s->map = NULL;
	s->wanted = 0;
	d->g->check_sources = true;
	get_wake(d->g);
}

void holders_fresh(void *arg, struct swarm_known *k, uint32_t block)
{
	struct download *d = k->user;
	struct get_source *s = arg;

	if (d == NULL || s == NULL || block >= d->index.n)
		return;
	swarm_index_held(&d->index, block, true);
	s->wanted += d->state_of[block] == BLOCK_NEEDED;
}

void holders_need(struct download *d, uint32_t block, bool needed)
{
	if (block >= d->index.n)
		return;
	if (needed)
		swarm_index_need(&d->index, block);
	else
		swarm_index_drop(&d->index, block);
	for (size_t i = 0; i < d->nsources; i++) {
		struct get_source *s = &d->sources[i];

		if (s->map == NULL || s->map->bits == NULL || !swarm_bit(s->map->bits, block))
			continue;
		if (needed)
			s->wanted++;
		else
			s->wanted--;
	}
}

void holders_end(struct download *d)
{
	for (size_t i = 0; i < d->nsources; i++) {
		if (d->sources[i].map != NULL)
			d->sources[i].map->user = NULL;
		d->sources[i].map = NULL;
	}
	if (d->swarms)
		HASH_DELETE(hh_root, d->g->swarms, d);
	d->swarms = false;
	swarm_index_clear(&d->index);
}
