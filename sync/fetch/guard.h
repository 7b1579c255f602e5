/* Guards what is here against a burst: before a peer's change may delete, replace or empty a file here it is weighed, and
 * counts as a loss of its author (and of the member that brings it, where that is another: an author is only claimed).
 * When one's losses are a large part of the share within an hour (sync/plan/burst.h), all of them that are not done yet are
 * held: they wait until somebody says release, or until their author takes them back. The index remembers over a
 * restart who is held. See fetch_internal.h. */
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

/* Whether t, which was judged, has to be weighed before it goes on: it would take away what is here. */
bool guard_weighs(const struct ticket *t);
/* LOSS tickets: weighed, and sent on or held. */
void guard_turn(struct fetch *f);
/* DELETE tickets whose turn it is: weighed, and held if that has to be. */
void guard_deletions(struct fetch *f);
/* When LOSS tickets want to be looked at again; INT64_MAX: never. */
int64_t guard_due(const struct fetch *f);

/* What was weighed of t holds no longer, and its loss does not count. */
void guard_forget(struct fetch *f, struct ticket *t);
/* t is about to wait: it is weighed again, and its loss stays counted. */
void guard_waits(struct ticket *t);
/* t is done: its loss is one; what it made where nothing was is its author's own for a while. */
void guard_installed(struct fetch *f, struct ticket *t);
/* The path is judged anew: unless it is held again, it is not any more. */
void guard_judges(struct fetch *f, const char *path);
/* Whether a change of this path is held. */
bool guard_holds(const struct fetch *f, const char *path);
/* Whose content stands at t's path, and who takes it away. */
struct kept_hands guard_hands(const struct fetch *f, const struct ticket *t);

#endif
