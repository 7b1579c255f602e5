/* The unfinished downloads that an earlier run left in parts/. Which of them are still wanted is the caller's to
 * say. */
#ifndef LANYARD_SYNC_GET_PARTS_H
#define LANYARD_SYNC_GET_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include <uthash.h>

#include "sync/get/part_map.h"

/* A part with a map that fits it. */
struct found_part {
	char name[PART_NAME + 1];
	char *path; /* for which it was begun; owned */
	struct content content;
	bool wanted;
	UT_hash_handle hh; /* the caller's */
};

struct parts {
	int dir;                  /* of parts/; the caller's */
	bool coming_stay;         /* some coming parts (coming.h) are of this run of the agent */
	struct found_part *found; /* owned */
	size_t n;
};

/* Finds them; removes parts without a map, maps without a part, and coming parts, which nothing describes any more. Any
 * thread. */
void parts_find(struct parts *p);
/* Removes those that are not wanted. Any thread. */
void parts_remove_unwanted(const struct parts *p);
void parts_clear(struct parts *p);

#endif
