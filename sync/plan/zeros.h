/* Blocks of zeros: what holes are cut into. Their hashes are known, so nobody reads, hashes, asks for or writes them.
 * Pure. */
#ifndef LANYARD_SYNC_PLAN_ZEROS_H
#define LANYARD_SYNC_PLAN_ZEROS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sync/plan/block.h"

/* SHA-256 of n zero bytes, for the n that holes are cut into: the largest block of each average size. NULL for
 * others. */
const uint8_t *zeros_hash(size_t n);
/* Whether it is such a block. False for a file's last zeros, which are fewer: they travel like other bytes. */
bool zeros_block(const struct block *b);

#endif
