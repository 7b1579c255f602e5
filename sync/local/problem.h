/* What in the share cannot be synced, each path with its reason and since when. Bounded: above PROBLEM_MAX only
 * counted. The loop's thread. */
#ifndef LANYARD_SYNC_LOCAL_PROBLEM_H
#define LANYARD_SYNC_LOCAL_PROBLEM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fs.h"
#include "sync/share/share.h"

struct problem_set;

enum { PROBLEM_MAX = 10000 };

/* share: whose they are, for the log; must outlive them. */
struct problem_set *problem_new(const struct share *share);
void problem_free(struct problem_set *p);
/* PARTLY is synced but for something of it, which the reason names; SKIPPED is never synced, by its nature; COVERED
 * not as long as something is mounted there. FAILING should be, and will be when its cause goes away: until then
 * the share is not in sync. */
enum problem_kind { PROBLEM_PARTLY, PROBLEM_SKIPPED, PROBLEM_COVERED, PROBLEM_FAILING };
/* The path has this problem, as far as the look number `look` saw. Logged when it is new, within limits. */
void problem_add(struct problem_set *p, const char *path, enum problem_kind kind, const char *reason, uint64_t walk_no);
/* The same, for an errno of looking at it or reading it. */
void problem_add_errno(struct problem_set *p, const char *path, int error, uint64_t walk_no);
/* The same for what was seen (st), and could not be read: a permission is named with its owner and with what gives
 * it. */
void problem_add_unread(struct problem_set *p, const char *path, int error, const struct fs_stat *st, uint64_t walk_no);
/* It has none. Cheap when there are no problems at all. */
void problem_clear(struct problem_set *p, const char *path);
/* The path is looked at or read, and is what its row says: it has none, but for what st has that no record can hold. */
void problem_settled(struct problem_set *p, const char *path, const struct fs_stat *st, uint64_t walk_no);
/* It may still have it. */
void problem_keep(struct problem_set *p, const char *path, uint64_t walk_no);
/* A walk of what is at and below `under` is over: what was last seen by a look before `look` is gone. */
void problem_sweep(struct problem_set *p, const char *under, uint64_t walk_no);
/* A walk of everything begins: what could only be counted is counted anew. */
void problem_recount(struct problem_set *p);
/* Whether the path, or any below it, has one. */
bool problem_under(const struct problem_set *p, const char *path);
int64_t problem_count(const struct problem_set *p);
/* Those that are FAILING. */
int64_t problem_failing(const struct problem_set *p);
/* Those that are COVERED or FAILING. */
int64_t problem_passing(const struct problem_set *p);
/* Calls fn for each of one kind. fn may not change problems. */
void problem_each_of(const struct problem_set *p, enum problem_kind kind, void (*fn)(void *arg, const char *path),
                     void *arg);
/* false when fn returned false. */
bool problem_each(const struct problem_set *p,
                  bool (*fn)(void *arg, const char *path, const char *reason, int64_t since_s), void *arg);

#endif
