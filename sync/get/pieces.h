/* Which blocks of a content that is being downloaded are here, on their way, and at other members, for people: at most
 * PIECES_CELLS cells, of so many blocks each that they cover the content. The loop's thread. */
#ifndef LANYARD_SYNC_GET_PIECES_H
#define LANYARD_SYNC_GET_PIECES_H

#include <stdbool.h>
#include <stdint.h>

struct download;

enum { PIECES_CELLS = 2048, PIECES_PEERS = 128 };

struct pieces {
	uint32_t blocks, cell_blocks; /* of the content; of each cell except perhaps the last */
	uint32_t cells;
	struct pieces_cell {
		uint32_t here, coming; /* blocks */
		uint32_t rare; /* connected members that have its rarest block, as far as a few of them are compared */
		int from;      /* the place in peers of one that was asked for a block; -1: none is asked */
	} cell[PIECES_CELLS];
	uint32_t npeers;
	struct pieces_peer {
		uint64_t peer;
		uint32_t has;       /* blocks that it said to have */
		uint32_t requested; /* blocks that it is asked for */
	} peer[PIECES_PEERS];
};

/* False: nothing is known of its blocks yet, or there is only one. */
bool pieces_of(const struct download *d, struct pieces *p);

#endif
