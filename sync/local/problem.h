/* The paths in the share that cannot be synced, each with its reason and since when. Bounded: above PROBLEM_MAX,
 * problems are only counted. The loop's thread. */
#ifndef LANYARD_SYNC_LOCAL_PROBLEM_H
#define LANYARD_SYNC_LOCAL_PROBLEM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fs.h"
#include "sync/share/share.h"

struct problem_set;

enum { PROBLEM_MAX = 10000 };

/* share: for the log; it must outlive the set. */
struct problem_set *problem_new(const struct share *share);
void problem_free(struct problem_set *p);
/* PARTLY: synced, except for something that the reason names. SKIPPED: never synced, by its nature. COVERED: not
 * synced as long as something is mounted there. FAILING: should be synced, and will be when the cause is gone;
 * until then the share is not in sync. */
enum problem_kind { PROBLEM_PARTLY, PROBLEM_SKIPPED, PROBLEM_COVERED, PROBLEM_FAILING };
/* The path has this problem, as the walk walk_no saw. Logged when it is new, within limits. */
void problem_add(struct problem_set *p, const char *path, enum problem_kind kind, const char *reason, uint64_t walk_no);
/* The same, for an errno of checking or reading it. */
void problem_add_errno(struct problem_set *p, const char *path, int error, uint64_t walk_no);
/* The same for what was seen (st) but could not be read: a missing permission is reported with the owner, and with
 * what would give it. */
void problem_add_unread(struct problem_set *p, const char *path, int error, const struct fs_stat *st, uint64_t walk_no);
/* The path has none. Cheap when there are no problems at all. */
void problem_clear(struct problem_set *p, const char *path);
/* The path was checked or read, and is what its row says: it has no problem, unless st has something that no record
 * can hold. */
void problem_checked(struct problem_set *p, const char *path, const struct fs_stat *st, uint64_t walk_no);
/* The path may still have its problem. */
void problem_keep(struct problem_set *p, const char *path, uint64_t walk_no);
/* A walk of `under` and everything below is over: problems that only walks before walk_no saw are gone. */
void problem_sweep(struct problem_set *p, const char *under, uint64_t walk_no);
/* A full scan begins: problems that are only counted are counted again. */
void problem_recount(struct problem_set *p);
/* Whether the path, or one below it, has a problem. */
bool problem_under(const struct problem_set *p, const char *path);
int64_t problem_count(const struct problem_set *p);
/* How many are FAILING. */
int64_t problem_failing(const struct problem_set *p);
/* How many are COVERED or FAILING. */
int64_t problem_passing(const struct problem_set *p);
/* Calls fn for each of one kind. fn may not change the set. */
void problem_each_of(const struct problem_set *p, enum problem_kind kind, void (*fn)(void *arg, const char *path),
                     void *arg);
/* Calls fn for each until it returns false; false then. */
bool problem_each(const struct problem_set *p,
                  bool (*fn)(void *arg, const char *path, const char *reason, int64_t since_s), void *arg);

#endif
