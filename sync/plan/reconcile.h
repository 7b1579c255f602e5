/* What to do about one path when a peer's record meets ours: the decision, and nothing else. Every member comes to
 * the same winner without talking. Pure.
 *
 * Order of judgement: a version that knows the other wins. Concurrent: equal content merges, with the later mtime; new
 * content and a new mode or mtime merge, into the new content with its mtime. The mode is then the one that was set
 * since the other side knew it (both: of equal content the winner's, else that of the side that did not write); an
 * edit beats a deletion; a folder beats a file or symlink, a file beats a symlink; between two of a kind the later
 * mtime wins, then the greater root (or target), then the greater modified_by. The content that loses is kept, by
 * whoever holds it, under a conflict name. Equal versions with different content (conflicts that met others on
 * different ways) are judged in the same order. */
#ifndef LANYARD_SYNC_PLAN_RECONCILE_H
#define LANYARD_SYNC_PLAN_RECONCILE_H

#include "sync/plan/record.h"

enum reconcile {
	RECONCILE_NOTHING, /* ours is equal or newer, or ours wins and the loser's holder will act */
	RECONCILE_ADOPT,   /* same content: take over `merged` (version joined, mode and mtime decided); only metadata
	                       may have to be set on disk */
	RECONCILE_KEEP,    /* ours wins over a deletion: our row gets the joined version in `merged`, disk stays */
	RECONCILE_TAKE, /* theirs is newer, or beats our deletion: fetch it; the row becomes `merged` when installed */
	RECONCILE_CONFLICT, /* theirs wins against content of ours: first rename ours to its conflict name (a new local
	                       file), then as TAKE */
};

/* ours: NULL when we have no row (a deletion of what we never had is ADOPT: only the row is written). When ours wins
 * against content, the answer is NOTHING and the versions stay apart until the loser's holder has made the conflict
 * copy and sends the joined version. NOTHING too when our row would be what it is. merged (a cleared record) is filled
 * for ADOPT, KEEP, TAKE and CONFLICT: what our row will be; the caller clears it. Rows' seq, via and seen are not
 * looked at; merged's are 0. */
enum reconcile reconcile(const struct record *ours, const struct record *theirs, struct record *merged);

/* Whether ours and theirs are in conflict and ours wins, so that nothing is to be done here, if only the loser's
 * holder knows of ours. He may have judged an earlier version of ours that lost against his, and will not look again
 * unless told. */
bool reconcile_stands(const struct record *ours, const struct record *theirs);

#endif
