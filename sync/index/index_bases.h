/* Which blocks of large files each vault was given whole, or has given, for members of a sealed group: a changed block
 * is given as a patch of the one that stood at its place (docs/sealed.md, "Patches"). It is a note of what was sent.
 * The vault may have lost the block since, or never have stored it; it says so. Functions return as those of index.h
 * do. For the loop's thread. */
#ifndef LANYARD_SYNC_INDEX_INDEX_BASES_H
#define LANYARD_SYNC_INDEX_INDEX_BASES_H

#include "sync/index/index.h"

enum { INDEX_BASE_LEAVES = (BLOCK_MAX / 4096 + 1) * 8 }; /* bytes of the digests of one block's leaves, at most */

struct index_base {
	int64_t offset; /* in the file */
	uint32_t len;
	uint64_t generation; /* that it was sealed with */
	uint8_t sha[32];
	uint8_t *leaves;
	size_t n; /* bytes of `leaves` */
};
/* Notes what `peer` was given of the file, in place of what is noted of the same bytes. 0, -1. */
int index_base_put(struct index *index, const char *path, uint64_t peer, const struct index_base *base);
/* Those that have any of these bytes of the file, the first `max` of them, ascending: how many, whose leaves are fresh
 * and the caller's; -1. */
int index_bases_get(struct index *index, const char *path, uint64_t peer, int64_t offset, uint32_t len,
                    struct index_base *bases, int max);

/* Where a sweep is. */
struct index_bases_at {
	char *path; /* owned; NULL: before the first */
	uint64_t peer;
	bool again; /* there may be more to forget of this file */
};
/* Looks at no more than max files of peers, from behind `at` on, which it moves, and forgets those of paths where no
 * file of several blocks is, and of whom `is_vault` does not know. Blocks that a file has at the same place, since it
 * was moved or had another name while it was written, are noted at that one's path. How many it has looked at; -1. */
int index_bases_sweep(struct index *index, struct index_bases_at *at, int max,
                      bool (*is_vault)(void *arg, uint64_t peer), void *arg);

#endif
