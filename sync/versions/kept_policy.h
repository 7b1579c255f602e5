/* Which kept versions stay: decided from a list, the time and the limits alone. Pure.
 *
 * Staggered: of the last minute the last version of each second stays; then of each five seconds, to ten minutes; of
 * each minute, to an hour; of each hour, to a day; of each day, to thirty days; of each week, to the greatest age.
 * Seconds to weeks are those of the clock, and each of them consists of whole smaller ones, so what stays at one look
 * stays at every later one until it grows too old for its step: thinning often or seldom comes to the same.
 *
 * Neither steps nor numbers nor room take away the last version that an author wrote of a path and somebody else took
 * away: a member that overwrites a file again and again pushes out its own versions, and nobody else's. Age alone ends
 * those. */
#ifndef LANYARD_SYNC_VERSIONS_KEPT_POLICY_H
#define LANYARD_SYNC_VERSIONS_KEPT_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sync/versions/kept_name.h"

enum {
	KEPT_OF_A_PATH = 500,    /* versions of one path, whatever their age */
	KEPT_AUTHORS = 32,       /* of one path whose last versions are spared; those whose come first */
	KEPT_IN_ALL = 1 << 20,   /* versions of one share */
	KEPT_FREE_PERCENT = 5,   /* of the disk that versions leave free */
	KEPT_DISK_PERCENT = 10,  /* of the disk that they may fill, when nothing else is set */
	KEPT_AGE_S = 90 * 86400, /* likewise, their greatest age */
};

struct kept_item {
	int64_t at_ns; /* when it was kept */
	int64_t size;  /* on disk */
	struct kept_hands hands;
	bool spared; /* the last version of an author, which somebody else took away */
	bool drop;   /* the answer */
};

/* v: the versions of one path, the newest first. Sets `spared` and `drop` of each. What seems to come from the future
 * is new. */
void kept_policy_thin(struct kept_item *v, size_t n, int64_t now_ns, int64_t max_age_ns);
/* For all that is left of a share, in any order (it is sorted): what was kept before the answer has to go, unless it is
 * spared, so that what stays is within max_bytes and max_count, if that can be. INT64_MIN: nothing has to. The oldest
 * goes first, whatever its path. */
int64_t kept_policy_cutoff(struct kept_item *v, size_t n, int64_t max_bytes, size_t max_count);
/* Bytes that versions may take on a disk of `total` bytes with `avail` left, while they take `used`: `percent` of it,
 * and never so much that less than KEPT_FREE_PERCENT is left for others. */
int64_t kept_policy_budget(int64_t total, int64_t avail, int64_t used, int percent);

#endif
