/* The book of what a peer told of its blocks: see map.h. */
#include "sync/swarm/map.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"

size_t swarm_bits_size(uint32_t nblocks)
{
	return ((size_t)nblocks + 7) / 8;
}

static void known_free(struct swarm_maps *m, struct swarm_known *k)
{
	if (m->forget != NULL)
		m->forget(m->arg, k);
	DL_DELETE(m->known, k);
	m->n--;
	if (k->bits != NULL)
		m->bytes -= swarm_bits_size(k->content.nblocks);
	free(k->bits);
	free(k);
}

void swarm_maps_clear(struct swarm_maps *m)
{
	while (m->known != NULL)
		known_free(m, m->known);
}

struct swarm_known *swarm_maps_find(const struct swarm_maps *m, const struct content *c)
{
	struct swarm_known *k;

	DL_FOREACH(m->known, k) {
		if (content_equal(&k->content, c))
			return k;
	}
	return NULL;
}

struct swarm_known *swarm_maps_of(const struct swarm_maps *m, uint32_t number)
{
	struct swarm_known *k;

	DL_FOREACH(m->known, k) {
		if (k->number == number)
			return k;
	}
	return NULL;
}

static void used(struct swarm_maps *m, struct swarm_known *k)
{
	DL_DELETE(m->known, k);
	DL_APPEND(m->known, k);
}

/* Bits after the last block do not count. */
static uint32_t count_bits(const uint8_t *bits, uint32_t nblocks)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < nblocks / 8; i++)
		n += (uint32_t)__builtin_popcount(bits[i]);
	for (uint32_t i = nblocks / 8 * 8; i < nblocks; i++)
		n += swarm_bit(bits, i);
	return n;
}

struct swarm_known *swarm_maps_take(struct swarm_maps *m, const struct swarm_map *map, bool *bad)
{
	size_t size = swarm_bits_size(map->content.nblocks);
	struct swarm_known *k;

	*bad = map->content.nblocks < SWARM_BLOCKS_MIN || map->content.nblocks > CONTENT_MAX_BLOCKS ||
	       map->content.size < map->content.nblocks;
	if (*bad)
		return NULL;
	if ((k = swarm_maps_of(m, map->number)) != NULL)
		known_free(m, k);
	if ((k = swarm_maps_find(m, &map->content)) != NULL)
		known_free(m, k);
	if (map->gone)
		return NULL;
	while (m->known != NULL && (m->n >= SWARM_MAPS_MAX || (!map->all && m->bytes + size > SWARM_BITS_MAX)))
		known_free(m, m->known);
	k = MEM_NEW(struct swarm_known);
	k->number = map->number;
	k->content = map->content;
	k->all = map->all;
	k->tell = map->tell;
	k->wireless = map->wireless;
	k->count = map->all ? map->content.nblocks : 0;
	if (!map->all) {
		k->bits = mem_calloc(size, 1);
		m->bytes += size;
	}
	if (!map->all && map->bits != NULL) {
		memcpy(k->bits, map->bits, size);
		k->count = count_bits(k->bits, map->content.nblocks);
	}
	DL_APPEND(m->known, k);
	m->n++;
	return k;
}

static bool run_fits(const struct swarm_known *k, const struct swarm_run *run)
{
	return run->n > 0 && run->first < k->content.nblocks && run->n <= k->content.nblocks - run->first;
}

struct swarm_known *swarm_maps_have(struct swarm_maps *m, uint32_t number, const struct swarm_run *runs, size_t n,
                                    void (*fresh)(void *arg, struct swarm_known *k, uint32_t block), void *arg,
                                    bool *bad)
{
	struct swarm_known *k = swarm_maps_of(m, number);

	*bad = false;
	if (k == NULL)
		return NULL;
	used(m, k);
	for (size_t i = 0; i < n; i++) {
		if (!run_fits(k, &runs[i])) {
			*bad = true;
			return NULL;
		}
		for (uint32_t b = runs[i].first; b < runs[i].first + runs[i].n; b++) {
			if (k->all || swarm_bit(k->bits, b))
				continue;
			swarm_bit_set(k->bits, b);
			k->count++;
			if (fresh != NULL)
				fresh(arg, k, b);
		}
	}
	return k;
}

bool swarm_known_has(const struct swarm_known *k, uint32_t block)
{
	return block < k->content.nblocks && (k->all || swarm_bit(k->bits, block));
}
