/* Blocks of zeros, into which holes are cut. Their hashes are known, so nobody reads, hashes, requests or writes them.
 * Pure. */
#ifndef LANYARD_SYNC_PLAN_ZEROS_H
#define LANYARD_SYNC_PLAN_ZEROS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sync/plan/block.h"

/* The SHA-256 of n zero bytes, for each n into which holes are cut: the largest block of each average size. NULL for
 * any other n. */
const uint8_t *zeros_hash(size_t n);
/* Whether b is such a block. The last zeros of a file are fewer: they are sent like other bytes. */
bool zeros_block(const struct block *b);

#endif
