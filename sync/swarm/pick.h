/* Which member to ask for which block of a content that several members get: the rules of the asking side. Data in, a
 * choice out; times in ms. What decides most is that little is asked of one peer at a time, so that the choice is made
 * late; then come the rarest blocks, since they are what others lack.
 *
 * Rarest first: Cohen, "Incentives build robustness in BitTorrent" (2003). Rendezvous: Thaler and Ravishankar, "Using
 * name-based mappings to increase hit rates" (1998): of a peer that has everything each receiver asks first for the
 * blocks that fall to it among all receivers, so that they start at different places. Pure. */
#ifndef LANYARD_SYNC_SWARM_PICK_H
#define LANYARD_SYNC_SWARM_PICK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SWARM_NONE = UINT32_MAX,
	SWARM_RARITIES = 32,      /* from this many holders on blocks are equally common */
	SWARM_RECEIVERS_MAX = 32, /* that count for the rendezvous */
	SWARM_WINDOW_ALL = 4 << 20,
	SWARM_WINDOW_MIN = 128 << 10,
	SWARM_WINDOW_MAX = 24 << 20,
	SWARM_REST_MS = 10000, /* a late peer is left alone */
};

/* The blocks of one content that are needed and not asked of anybody, by how many incomplete members hold them. Every
 * change costs O(rarities) at most, whatever the number of blocks. */
struct swarm_index {
	uint32_t n;
	uint8_t *holders;             /* of each block; owned */
	uint32_t *order;              /* the needed blocks, the rarest first; owned */
	uint32_t *place;              /* of each block in order; SWARM_NONE: it is not needed; owned */
	uint64_t *bits;               /* one per block: it is needed; owned */
	uint32_t end[SWARM_RARITIES]; /* of each rarity in order */
};

/* Zeroed memory is an index without blocks. Blocks are added without holders, and not needed. */
void swarm_index_grow(struct swarm_index *x, uint32_t n);
void swarm_index_clear(struct swarm_index *x);
size_t swarm_index_bytes(uint32_t n);
void swarm_index_need(struct swarm_index *x, uint32_t block);
void swarm_index_drop(struct swarm_index *x, uint32_t block);
/* One more incomplete member holds the block, or one less. */
void swarm_index_held(struct swarm_index *x, uint32_t block, bool more);
/* How many needed blocks these bits have; those after the last block do not count. */
uint32_t swarm_index_wanted(const struct swarm_index *x, const uint8_t *bits);

/* One peer that is to be asked. */
struct swarm_ask {
	const uint8_t *bits; /* what it has; NULL: everything */
	uint32_t wanted;     /* of that, what is needed; 0: nothing is picked */
	/* A peer that is reached through the air is not asked for what one reached by wire has: their bits; NULL: not
	 * the case. */
	const uint8_t *const *wired;
	size_t nwired;
	uint64_t me;            /* our ID */
	const uint64_t *others; /* IDs of other members that get the content; */
	size_t nothers;
	bool in_order;   /* nobody else does: blocks are asked for as they follow one another */
	uint64_t seed;   /* of the content; the same at each member */
	uint32_t cursor; /* the block after the last that this peer was asked for */
};

/* The next block to ask this peer for; SWARM_NONE. Looks at a bounded number of blocks, and at one bit of each only
 * where these have nothing. random: fresh bits. */
uint32_t swarm_pick(const struct swarm_index *x, const struct swarm_ask *a, uint64_t random);

/* Bytes that may be asked of one peer at a time. n: peers that have something needed; rate: bytes per second that come
 * from all together; block: bytes of a usual one. In a large swarm a block goes through many hands, and waits at each
 * behind what else was asked for there: so the more peers there are, the less is asked for in all. */
int64_t swarm_window(size_t n, int64_t rate, int64_t block);
/* The same when nobody else gets the content, so that nothing is gained by asking late: what comes in a second. Not
 * more, since what its user asks for next waits behind it. */
int64_t swarm_window_alone(size_t n, int64_t rate);
/* Without a byte for so long a peer that owes blocks is late. response: from a request to its block, smoothed; 0: not
 * known. */
int64_t swarm_late_ms(int64_t response);
/* A block that is so late may be asked of a second peer, at the end. */
int64_t swarm_twice_ms(int64_t response);
/* How it went on since a giver said that all blocks are out. */
struct swarm_out {
	int64_t since_ms;        /* it said so */
	int64_t quiet_ms;        /* nothing came and nothing was announced */
	int64_t rate_then, rate; /* what came from all, bytes per second: when it said so, and now */
	int64_t spread_ms;       /* from a block's arrival here to its announcement */
};
/* Whether blocks may be named to that giver. At first others are about to announce what it sent them; and while they
 * give us what we can take, it need not send anything twice. But their links may be slow: the wait has an end. */
bool swarm_may_name(const struct swarm_out *o);

/* What one peer owes of a content. */
struct swarm_debt {
	size_t blocks;
	int64_t since_ms; /* when the oldest of them was asked for */
};
/* The end of a content, where nothing is left to ask an idle peer for: which of the others gives up the last block it
 * was asked for; n: none. */
size_t swarm_endgame(const struct swarm_debt *debts, size_t n);

/* The next of a row of random numbers. */
uint64_t swarm_random(uint64_t *state);

#endif
