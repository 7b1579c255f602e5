/* Whether deletions look like an accident: a large part of the share gone at once. Only how much the share shrinks counts, so
 * a moved tree, whose files are there again under other names, is no burst, nor is a storm that makes as much as it
 * removes. Pure: the caller brings the counts and the time. */
#ifndef LANYARD_SYNC_PLAN_BURST_H
#define LANYARD_SYNC_PLAN_BURST_H

#include <stdbool.h>
#include <stdint.h>

enum {
	BURST_MIN = 20,       /* files: fewer are never a burst */
	BURST_PART = 2,       /* one part in so many of the share's files is a large one */
	BURST_GAP_MS = 10000, /* deletions further apart than this have nothing to do with each other */
};

/* Deletions that belong together. All zero: none yet. */
struct burst {
	int64_t before;  /* files that were there when it began */
	int64_t gone;    /* let go since then */
	int64_t last_ms; /* of the last deletion */
};

/* About to delete `going` of `there` files and symlinks (those included). calm: how many there were when all was quiet last.
 * together: whatever the time, they belong to what went before. False: let them go. True: hold them; asking again with the
 * same counts gives the same answer. What peers delete meanwhile is not counted: it was judged where it was done. */
bool burst_holds(struct burst *b, int64_t calm, int64_t there, int64_t going, int64_t now_ms, bool together);

#endif
