/* Which kept versions stay: decided from a list, the time and the limits alone. Pure.
 *
 * Staggered: of the last minute the last version of each second stays; then that of each five seconds, up to ten
 * minutes; of each minute, up to an hour; of each hour, up to a day; of each day, up to thirty days; of each week, up
 * to the greatest age. Seconds to weeks are those of the clock, and each consists of whole smaller ones. So a version
 * that stays once stays until it grows too old for its step, and thinning often gives the same as thinning rarely.
 *
 * Neither the steps nor the limits on number and space remove the last version that an author wrote of a path and
 * another author took away: a member that overwrites a file again and again pushes out only its own versions. Age alone
 * ends these. */
#ifndef LANYARD_SYNC_VERSIONS_KEPT_POLICY_H
#define LANYARD_SYNC_VERSIONS_KEPT_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sync/versions/kept_name.h"

enum {
	KEPT_OF_A_PATH = 500,    /* versions of one path, whatever their age */
	KEPT_AUTHORS = 32,       /* authors of one path whose last versions are spared: the first ones */
	KEPT_IN_ALL = 1 << 20,   /* versions of one share */
	KEPT_FREE_PERCENT = 5,   /* of the disk that versions leave free */
	KEPT_DISK_PERCENT = 10,  /* of the disk that they may fill, when nothing else is set */
	KEPT_AGE_S = 90 * 86400, /* their greatest age, when nothing else is set */
};

struct kept_item {
	int64_t at_ns; /* when it was kept */
	int64_t size;  /* on disk */
	struct kept_hands hands;
	bool spared; /* the last version of its author, and another author took it away */
	bool drop;   /* the decision: it goes */
};

/* v: the versions of one path, the newest first. Sets `spared` and `drop` of each. A version from the future counts as
 * new. */
void kept_policy_thin(struct kept_item *v, size_t n, int64_t now_ns, int64_t max_age_ns);
/* v: all versions of a share that are left, in any order; sorts them. Returns the time before which versions have to
 * go, except spared ones, so that the rest is within max_bytes and max_count if that is possible: the oldest go first,
 * of whatever path. INT64_MIN: none has to go. */
int64_t kept_policy_cutoff(struct kept_item *v, size_t n, int64_t max_bytes, size_t max_count);
/* How many bytes versions may take on a disk of `total` bytes with `avail` free, while they take `used`: `percent` of
 * the disk, but less if otherwise less than KEPT_FREE_PERCENT of it would stay free. */
int64_t kept_policy_budget(int64_t total, int64_t avail, int64_t used, int percent);

#endif
