/* Which block of a content is requested from a source next: data in, a number out. Pure.
 *
 * Each source works on a run of its own: it goes on after the block it was asked for last, and where that leads into
 * another source's run, or to the end, it begins in the largest gap. */
#ifndef LANYARD_SYNC_GET_PICK_H
#define LANYARD_SYNC_GET_PICK_H

#include <stddef.h>
#include <stdint.h>

enum { PICK_NONE = UINT32_MAX, PICK_OTHERS_MAX = 64 };

struct pick {
	const uint8_t *state; /* of each block */
	uint32_t n;           /* blocks */
	uint8_t needed;       /* the state of a block that is to be requested */
	const uint8_t *have;  /* a bit for each block, the lowest first: the source has it; NULL: it has all */
	uint32_t cursor;      /* the block after the last that the source was asked for; PICK_NONE: none yet */
	uint32_t others[PICK_OTHERS_MAX]; /* the cursors of other sources that are in use */
	size_t nothers;
};

/* PICK_NONE: nothing that this source has is needed. */
uint32_t pick_next(const struct pick *p);

#endif
