/* The names of conflict copies. The content that lost a conflict is kept beside the path under a name that says whose
 * it is and when it was written. The name is the same on every member. Pure. */
#ifndef LANYARD_SYNC_PLAN_CONFLICT_H
#define LANYARD_SYNC_PLAN_CONFLICT_H

#include <stdbool.h>
#include <stdint.h>

#include "sync/plan/record.h"

/* The name for a losing record, say "dir/name.conflict-20261121-070612-abcdefgh.ext": the date and time of its mtime in
 * UTC, and the first 8 base32 digits of modified_by. A try above 0 adds "-<try>" after these digits, for when the name
 * is taken. The stem is shortened so that the last component is not longer than the path's own, or than 143 bytes, the
 * longest that every disk can hold; and so that the path stays within RECORD_PATH_MAX, for which the name may move to a
 * folder further up. Fresh memory. */
char *conflict_name(const struct record *loser, unsigned try);
/* Whether the last component is the name of a conflict copy, by its form. */
bool conflict_is_copy(const char *path);
/* The part of a conflict copy's name after ".conflict-", which begins with date and time; NULL if it is not such a
 * name. */
const char *conflict_mark(const char *path);
/* The path that was in conflict, as far as its name was not shortened; NULL if path is not a conflict copy. Fresh
 * memory. */
char *conflict_original(const char *path);
/* What the names of path's conflict copies begin with, as far as they are not shortened. Fresh memory. */
char *conflict_prefix(const char *path);
/* Whether copy is the name of a conflict copy of path, shortened or not. */
bool conflict_is_of(const char *copy, const char *path);
/* Whether copy's name may have been shortened, so that conflict_original() may be wrong. */
bool conflict_is_shortened(const char *copy);
/* Whether a conflict copy holds the content that this agent (short ID) wrote, as its name says. */
bool conflict_is_by(const char *path, uint64_t modified_by);

#endif
