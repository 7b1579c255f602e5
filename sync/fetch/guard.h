/* Guards the files here against a burst. A peer's change that would delete, replace or empty a file is weighed first:
 * it counts as a loss by its author, and by the member that brings it if that is another one, since a record only
 * claims its author. When the losses by one member within an hour are a large part of the share (sync/plan/burst.h),
 * all of them that are not done yet are held. They wait for `lanyard release`, or until the author undoes them. The
 * index remembers across a restart whose changes are held. See fetch_internal.h. */
#ifndef LANYARD_SYNC_FETCH_GUARD_H
#define LANYARD_SYNC_FETCH_GUARD_H

#include <stdbool.h>
#include <stdint.h>

struct fetch;
struct guard;
struct ticket;
struct kept_hands;

struct guard *guard_new(struct fetch *f);
void guard_free(struct guard *g);

/* Whether t, which was judged, would take content away here and has not been weighed yet. */
bool guard_weighs(const struct ticket *t);
/* Weighs the LOSS tickets, and sends each on or holds it. */
void guard_turn(struct fetch *f);
/* Weighs the DELETE tickets whose turn it is, and holds those that have to be. */
void guard_deletions(struct fetch *f);
/* When guard_turn() is due for LOSS tickets; INT64_MAX: there are none. */
int64_t guard_due(const struct fetch *f);

/* t has to be weighed again, and its loss does not count any more. */
void guard_forget(struct fetch *f, struct ticket *t);
/* t is about to wait: it has to be weighed again, but its loss stays counted. */
void guard_waits(struct fetch *f, struct ticket *t);
/* t is installed. Its loss has happened; a file that it made where none was counts as its author's own for a while. */
void guard_installed(struct fetch *f, struct ticket *t);
/* The path is being judged again: it leaves the holds, unless it is held again. */
void guard_judges(struct fetch *f, const char *path);
/* Whether a change of this path is held. */
bool guard_holds(const struct fetch *f, const char *path);
/* Whether any path is held. */
bool guard_holds_any(const struct guard *g);
/* The author of the content at t's path, and the one that takes it away. */
struct kept_hands guard_hands(const struct fetch *f, const struct ticket *t);

#endif
