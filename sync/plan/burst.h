/* Whether losses look like an accident or an attack: a large part of the share deleted, replaced or emptied within an
 * hour. One rule serves for deletions here (struct burst) and for what the changes of each member would take away here
 * (losses.h).
 *
 * Of deletions here only the shrinking of the share counts. So a moved tree, whose files are there again under other
 * names, is not a burst, and neither is a program that makes as many files as it removes. Pure: the caller brings the
 * counts and the time. */
#ifndef LANYARD_SYNC_PLAN_BURST_H
#define LANYARD_SYNC_PLAN_BURST_H

#include <stdbool.h>
#include <stdint.h>

enum {
	BURST_MIN = 20,            /* files; fewer are never a burst */
	BURST_PART = 2,            /* a burst is at least this part of the share's files: a half */
	BURST_WINDOW_MS = 3600000, /* losses further apart are not counted together */
	BURST_SLOT_MS = 5 * 60000, /* the step by which the window moves */
	BURST_SLOTS = BURST_WINDOW_MS / BURST_SLOT_MS,
};

/* lost: files lost within the window; of: the most files that there were within it. */
bool burst_is_large(int64_t lost, int64_t of);

/* The recent past. All zero: nothing has happened yet. */
struct burst {
	struct burst_slot {
		int64_t number; /* of the step of time; 0: unused */
		int64_t most;   /* the most files that there were */
		int64_t gone;   /* files whose deletion was not held */
	} slots[BURST_SLOTS];
};

/* Notes how many files there are. Returns the most that there were within the window. */
int64_t burst_most(struct burst *b, int64_t there, int64_t now_ms);
/* A file went whose content is here under another name, which leaves `there`. While both were here, the most that
 * there were counted it twice. */
void burst_moved(struct burst *b, int64_t there);
/* `going` of the `there` files and symlinks (which include them) are about to be deleted. calm: how many there were
 * when nothing was going on last. False: let them go; they are counted. True: hold them; the same counts give the same
 * answer again. Deletions by peers meanwhile are not counted here: they are judged by themselves. */
bool burst_holds(struct burst *b, int64_t calm, int64_t there, int64_t going, int64_t now_ms);

#endif
