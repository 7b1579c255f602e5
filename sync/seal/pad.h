/* How far content is padded before it is sealed, so that sizes tell less: docs/sealed.md, "Sizes". Pure. */
#ifndef LANYARD_SYNC_SEAL_PAD_H
#define LANYARD_SYNC_SEAL_PAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sync/seal/keys.h"

enum { PAD_LEAST = 256 }; /* bytes of the smallest padded content */

/* The padded size of n bytes (at most 2^31): PAD_LEAST, or eight sizes per octave; an eighth more at most. */
size_t pad_size(size_t n);
/* What the policy makes of n packed bytes. avg_log2: what the file was cut with, 0 for all that is not a cut block.
 * KEYS_UNIFORM pads a cut block to the largest that there is, all else to a power of two. */
size_t pad_content(enum keys_policy policy, size_t n, uint8_t avg_log2);
/* Whether `padded` is what the policy makes of n bytes, with any average. */
bool pad_fits(enum keys_policy policy, size_t n, size_t padded);
/* The largest block of a file that is cut with that average: a cut is forced there. */
size_t pad_block_max(enum keys_policy policy, uint8_t avg_log2);
/* The average that a block of n bytes is padded by. cut: its record's chunk_log2. 0 unless the group's rule cut the
 * file, or if the block is longer than that rule lets it be. */
uint8_t pad_block_avg(enum keys_policy policy, uint8_t cut, size_t n);
/* Whether any content may be padded to this, with any policy: all that can be told without keys. */
bool pad_possible(size_t padded);

#endif
