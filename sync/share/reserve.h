/* How much of a disk downloads may fill: where the index is on it too, a reserve stays free, or the index could not be written any
 * more and the whole group would stop for one file that is too large. */
#ifndef LANYARD_SYNC_SHARE_RESERVE_H
#define LANYARD_SYNC_SHARE_RESERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "sync/plan/blocklist.h"
#include "sync/plan/record.h"

/* What a job fails with, in place of an errno, when what it was to write would take of the reserve. */
enum { RESERVE_REACHED = 1 << 16 };

/* Of a disk of so many bytes: a twentieth, but 8 MiB at least (the WAL's size before it is moved) and 64 MiB at most; never more than a
 * quarter. Pure. */
int64_t reserve_size(int64_t disk);
/* Whether `bytes` more on fd's disk would leave the reserve free: 0, or -1 and errno RESERVE_REACHED. A disk that does not say
 * its size has room. */
int reserve_check(int fd, int64_t bytes);
/* The bytes of the blocks that are not in the part yet. Those of zeros, and those that repeat the one before, are holes, as a rule, and not counted. is_here
 * says by number which are; NULL: none. Pure. */
int64_t reserve_needed(const struct blocklist *l, bool (*is_here)(const void *arg, uint32_t block), const void *arg);

#endif
