/* The names of conflict copies: the content that lost a conflict is kept under one, beside the path. The name says of
 * which path, when and by whom; it is the same on every member. Pure. */
#ifndef LANYARD_SYNC_PLAN_CONFLICT_H
#define LANYARD_SYNC_PLAN_CONFLICT_H

#include <stdbool.h>
#include <stdint.h>

#include "sync/plan/record.h"

/* "dir/name.conflict-20261121-070612-abcdefgh.ext" for a losing record: date and time are its mtime in UTC (of
 * deletions and folders: none needed), agent the first 8 base32 digits of modified_by. The same on every member. A try
 * above 0 adds "-<try>" behind the agent, for a name that is taken. By shortening the stem the whole name stays as
 * short as the path's own, or else within 143 bytes, which the disks hold that hold least; and the path within
 * RECORD_PATH_MAX, if need be by moving up to a folder with room. Fresh memory. */
char *conflict_name(const struct record *loser, unsigned try);
/* Whether the last component looks like a conflict copy's name. */
bool conflict_is_copy(const char *path);
/* What follows ".conflict-" in a conflict copy's name, which begins with date and time; NULL when it is none. */
const char *conflict_mark(const char *path);
/* The path that was in conflict (as far as its name was not shortened); NULL when it is no copy. Fresh memory. */
char *conflict_original(const char *path);
/* Whether copy is the name of a conflict copy of path, shortened as it may be. */
bool conflict_is_of(const char *copy, const char *path);
/* Whether copy's name may be a shortened one: then conflict_original() is not sure. */
bool conflict_is_shortened(const char *copy);
/* Whether a conflict copy holds what this agent (short ID) wrote, as its name says. */
bool conflict_is_by(const char *path, uint64_t modified_by);

#endif
