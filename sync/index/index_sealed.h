/* What a member of a sealed group knows of how contents were sealed: under which generation a vault has their objects,
 * and what their list is made of (docs/sealed.md). It is known from what was told to a vault, or heard from one.
 * Functions return as those of index.h do. For the loop's thread. */
#ifndef LANYARD_SYNC_INDEX_INDEX_SEALED_H
#define LANYARD_SYNC_INDEX_INDEX_SEALED_H

#include "sync/index/index.h"

enum { INDEX_SEALED_MAX = 1 << 20 }; /* bytes of a list */

struct index_sealed {
	uint64_t generation; /* of all its objects */
	bool paged;
	/* The names of its pages, 32 bytes each, in the file's order; or the entries of its list, as
	 * page_list_encode() writes them; nothing for a content of one block. */
	const uint8_t *list;
	size_t n; /* bytes of it */
};

/* Notes it, in place of what was known of that content. Nothing is written if it is known so. */
int index_sealed_put(struct index *index, const struct content *c, const struct index_sealed *s);
/* 1 and *s, whose list is the index's until the next call; 0: nothing is known; -1. */
int index_sealed_get(struct index *index, const struct content *c, struct index_sealed *s);
/* Looks at no more than max of them, from behind `after` on, which it moves to the last one, and forgets those of
 * contents that are neither here nor listed. 0 while something that is offered is wanted, since offers cannot be found
 * by content. How many it has looked at, or -1. */
int index_sealed_sweep(struct index *index, uint8_t after[32], int max);

#endif
