/* How much of a disk downloads may fill. Where the index is on the same disk, a reserve stays free; otherwise one file
 * that is too large would keep the index from being written, and stop the whole group. */
#ifndef LANYARD_SYNC_SHARE_RESERVE_H
#define LANYARD_SYNC_SHARE_RESERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "sync/plan/blocklist.h"
#include "sync/plan/record.h"

/* In place of an errno: the write would take from the reserve. */
enum { RESERVE_REACHED = 1 << 16 };

/* disk: its size in bytes. A twentieth of it, at least 8 MiB (the WAL's size before a checkpoint) and at most 64 MiB;
 * never more than a quarter. Pure. */
int64_t reserve_size(int64_t disk);
/* 0 if `bytes` more on fd's disk leave the reserve free; else -1 and errno RESERVE_REACHED. A disk that does not tell
 * its size is taken to have space. */
int reserve_check(int fd, int64_t bytes);
/* The same for bytes that are about to be written: what several workers may write at the same time is counted together,
 * until each says that it is written, or will not be. Any thread. All that asks is on the disk of the agent's home, so
 * there is one account. Near the end of a disk it may refuse one who would just have fitted. */
int reserve_take(int fd, int64_t bytes);
/* Gives back what reserve_take() granted: the disk tells of it by now. 0 is allowed. */
void reserve_give(int64_t bytes);
/* The bytes of the blocks that are not in the part yet. Blocks of zeros, and blocks that repeat the one before, are
 * usually holes and not counted. is_here tells whether a block, by its number, is in the part; NULL: none is. Pure. */
int64_t reserve_needed(const struct blocklist *l, bool (*is_here)(const void *arg, uint32_t block), const void *arg);

#endif
