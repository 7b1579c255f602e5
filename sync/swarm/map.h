/* Which blocks of a content a member has, as members tell one another while they get it, and the book of what one
 * member has told. The book is bounded whatever comes. Both sides of the swarm keep one for each peer. Pure. */
#ifndef LANYARD_SYNC_SWARM_MAP_H
#define LANYARD_SYNC_SWARM_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sync/plan/content.h"

enum {
	SWARM_BLOCKS_MIN = 4,        /* contents of fewer blocks travel without maps */
	SWARM_MAPS_MAX = 32,         /* that one peer's book keeps; above it the one that was used longest ago goes */
	SWARM_BITS_MAX = 1 << 20,    /* bytes of all its bitmaps */
	SWARM_AS_ASKED = UINT32_MAX, /* as a block's number: the one that the request names */
};

/* A MAP. Borrowed, like the bits. */
struct swarm_map {
	uint32_t number; /* the sender's, for its HAVEs about this content on this connection */
	struct content content;
	bool all;            /* it has all of it; bits do not count */
	bool tell;           /* it lacks some: tell it what you get */
	bool wireless;       /* it is reached through the air */
	bool gone;           /* it does not get the content any more: forget the map */
	const uint8_t *bits; /* swarm_bits_size() bytes, block 0 the lowest bit of the first; NULL: none is here */
};

/* Neighbouring blocks. */
struct swarm_run {
	uint32_t first, n;
};

size_t swarm_bits_size(uint32_t nblocks);

static inline bool swarm_bit(const uint8_t *bits, uint32_t block)
{
	return (bits[block / 8] >> (block % 8) & 1) != 0;
}

static inline void swarm_bit_set(uint8_t *bits, uint32_t block)
{
	bits[block / 8] |= (uint8_t)(1U << (block % 8));
}

/* What a peer told of one content. */
struct swarm_known {
	uint32_t number;
	struct content content;
	bool all, tell, wireless;
	uint8_t *bits;  /* owned; NULL: all, or none yet */
	uint32_t count; /* blocks that it has */
	void *user;     /* the caller's; NULL at first */
	struct swarm_known *prev, *next;
};

/* Zeroed memory is an empty book. */
struct swarm_maps {
	struct swarm_known *known; /* used longest ago first; owned */
	size_t n, bytes;
	void (*forget)(void *arg, struct swarm_known *k); /* called before one is freed; NULL: nobody wants to know */
	void *arg;
};

/* Takes a MAP: the entry as it is from now on; NULL: it is gone, too large for the book, or *bad: no peer that keeps to
 * the protocol sends this. An earlier map of the same number or content goes (forget is called). */
struct swarm_known *swarm_maps_take(struct swarm_maps *m, const struct swarm_map *map, bool *bad);
/* Takes a HAVE; calls fresh (unless NULL) for each block that is new. The entry; NULL: no map has this number, or *bad:
 * a run is empty or leads out of the content (what came before it counts). */
struct swarm_known *swarm_maps_have(struct swarm_maps *m, uint32_t number, const struct swarm_run *runs, size_t n,
                                    void (*fresh)(void *arg, struct swarm_known *k, uint32_t block), void *arg,
                                    bool *bad);
struct swarm_known *swarm_maps_of(const struct swarm_maps *m, uint32_t number);
struct swarm_known *swarm_maps_find(const struct swarm_maps *m, const struct content *c);
/* Whether the peer has this block. */
bool swarm_known_has(const struct swarm_known *k, uint32_t block);
/* Frees what it holds (forget is called for each). */
void swarm_maps_clear(struct swarm_maps *m);

#endif
