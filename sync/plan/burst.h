/* Whether losses look like an accident, or an attack: a large part of the share gone, replaced or emptied within an
 * hour. One rule for what is deleted here (struct burst) and for what each member's changes would take away here
 * (losses.h).
 *
 * Of deletions here only how much the share shrinks counts, so a moved tree, whose files are there again under other
 * names, is no burst, nor is a storm that makes as much as it removes. Pure: the caller brings the counts and the
 * time. */
#ifndef LANYARD_SYNC_PLAN_BURST_H
#define LANYARD_SYNC_PLAN_BURST_H

#include <stdbool.h>
#include <stdint.h>

enum {
	BURST_MIN = 20,            /* files: fewer are never a burst */
	BURST_PART = 2,            /* one part in so many of the share's files is a large one */
	BURST_WINDOW_MS = 3600000, /* what is further apart has nothing to do with each other */
	BURST_SLOT_MS = 5 * 60000, /* the window moves on by so much */
	BURST_SLOTS = BURST_WINDOW_MS / BURST_SLOT_MS,
};

/* lost: files within the window; of: the most there were within it. */
bool burst_is_large(int64_t lost, int64_t of);

/* What happened within the window. All zero: nothing yet. */
struct burst {
	struct burst_slot {
		int64_t number; /* of its time; 0: unused */
		int64_t most;   /* files that were there */
		int64_t gone;   /* files that were let go */
	} slots[BURST_SLOTS];
};

/* Notes how many files there are, and says the most there were within the window. */
int64_t burst_most(struct burst *b, int64_t there, int64_t now_ms);
/* About to delete `going` of `there` files and symlinks (those included). calm: how many there were when all was quiet
 * last. False: let them go. True: hold them; asking again with the same counts gives the same answer. What peers delete
 * meanwhile is not counted: it is judged by itself. */
bool burst_holds(struct burst *b, int64_t calm, int64_t there, int64_t going, int64_t now_ms);

#endif
