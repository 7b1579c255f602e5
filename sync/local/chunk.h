/* Content-defined cutting (FastCDC, Xia et al., USENIX ATC 2016, with normalised sizes): an insertion moves only the cuts
 * next to it. Pure; any thread. */
#ifndef LANYARD_SYNC_LOCAL_CHUNK_H
#define LANYARD_SYNC_LOCAL_CHUNK_H

#include <stddef.h>
#include <stdint.h>

enum { CHUNK_MIN_LOG2 = 16, CHUNK_MAX_LOG2 = 20 }; /* averages from 64 KiB to 1 MiB; a block is avg/4 to avg*4 bytes */

/* The average for a file of this size: floor(log2(size)) - 12, clamped. previous: what its last version was cut with (0: none), kept while
 * within one step, so that a file growing over a power of two keeps its blocks. */
uint8_t chunk_log2(int64_t size, uint8_t previous);
/* Where the first block of p ends: at most n. When n is less than the maximum block and not the file's end, call again with more. */
size_t chunk_cut(const uint8_t *p, size_t n, uint8_t avg_log2);
size_t chunk_max(uint8_t avg_log2);
/* A file up to this size is one block and is not cut. */
#define CHUNK_WHOLE_MAX 65536

#endif
