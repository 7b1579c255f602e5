/* Where files of a sealed group are cut: in places that only holders of the group's keys can tell, so that the sizes of
 * blocks neither fingerprint a known file nor say anything about a key. docs/sealed.md, "Cuts".
 *
 * Every holder must cut in the same places: the rule is part of the format. Where a block ends depends on where it
 * began, on its bytes and on the key. One struct cut per thread. */
#ifndef LANYARD_SYNC_SEAL_CUT_H
#define LANYARD_SYNC_SEAL_CUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sync/seal/keys.h"

enum { CUT_WINDOW = 32 }; /* a cut depends on this many bytes before it */

struct cut;

/* Cuts by the generation's key and policy. The caller frees it with cut_free(), which cleanses what was made of the
 * key. */
struct cut *cut_new(const struct keys *k);
void cut_free(struct cut *c);
/* A new block begins, of a file that is cut into blocks of 2^avg_log2 bytes on average (chunk_log2()). */
void cut_begin(struct cut *c, uint8_t avg_log2);
/* Takes bytes up to the end of the block or of p, and returns how many. *cut: the block ends after them, and the next
 * one begins. A block has 7/8 of the average or more, and at most pad_block_max(); the last of a file may be shorter.
 * A run of one byte is not cut before that maximum. */
size_t cut_feed(struct cut *c, const uint8_t *p, size_t n, bool *cut);

#endif
