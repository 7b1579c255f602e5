/* The decision about one path when a peer's record meets our row. Every member comes to the same winner without talking
 * to the others. Pure.
 *
 * In this order:
 *   1. A version that knows the other one wins.
 *   2. Concurrent versions of equal content merge, with the later mtime.
 *   3. Content that the other side's maker knew, as its base says, yields to what that one made of it: a deletion, or
 *      new content, which takes over a mode that was set meanwhile. If each side knew the other's content, both are
 *      gone.
 *   4. An edit beats a deletion; a folder beats a file or symlink, and a file a symlink; of two of a kind the later
 *      mtime wins, then the greater root (or target), then the greater modified_by.
 * In 2 and 3 the mode is the one that was set since the other side last knew the mode. If both sides have set it, it is
 * the winner's in 2, and in 3 that of the side that did not write. What wins keeps its base: a join makes its content
 * no newer.
 *
 * In 4 the agent that has the losing content keeps it under a conflict name. Equal versions with different content,
 * which arise when conflicts meet on different ways, are judged in the same order. */
#ifndef LANYARD_SYNC_PLAN_RECONCILE_H
#define LANYARD_SYNC_PLAN_RECONCILE_H

#include "sync/plan/record.h"

enum reconcile {
	/* Ours is equal or newer; or ours wins a conflict, and the loser's holder acts. */
	RECONCILE_NOTHING,
	/* The same content: our row becomes `merged`. On disk only mode and mtime may have to be set. */
	RECONCILE_ADOPT,
	/* Ours wins against a deletion: our row becomes `merged`, the disk stays as it is. */
	RECONCILE_KEEP,
	/* Theirs is newer, or beats our deletion, or has let ours go: get `merged`, which may be a deletion, install
	 * it; then it becomes our row. */
	RECONCILE_TAKE,
	/* Theirs wins against content of ours: first rename ours to its conflict name, as a new local file; then as
	 * TAKE. */
	RECONCILE_CONFLICT,
};

/* ours: NULL if we have no row; a deletion of what we never had is ADOPT, since only the row is written. merged, a
 * cleared record, is filled for ADOPT, KEEP, TAKE and CONFLICT with what our row is to become, and the caller clears
 * it; its seq, via and seen are 0, and those of ours and theirs are not read.
 *
 * When ours wins against content, the answer is NOTHING, and the versions stay apart until the loser's holder has made
 * the conflict copy and announces the joined version. It is NOTHING too if our row would become what it is. */
enum reconcile reconcile(const struct record *ours, const struct record *theirs, struct record *merged);

/* The decision of a reader, which makes no versions: theirs as it is, or NOTHING; never KEEP or CONFLICT. Of two
 * concurrent records it takes the one that members will come to, or a member's join of both when that comes. */
enum reconcile reconcile_as_reader(const struct record *ours, const struct record *theirs, struct record *merged);

/* Two records that say the same of what is at a path, and whose versions are concurrent: what both sides come to when
 * each has been told of the other's, which is the same whichever is a. True: *merged, a cleared record, is that, and
 * the caller clears it. False: they have to be told as any records are. */
bool reconcile_twins(const struct record *a, const struct record *b, struct record *merged);

/* Whether ours and theirs are in conflict and ours wins. Then we have nothing to do, but must announce our row again:
 * the loser's holder may have judged an earlier version of ours, which lost against his, and checks again only when he
 * receives a record. */
bool reconcile_must_retell(const struct record *ours, const struct record *theirs);

#endif
