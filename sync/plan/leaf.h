/* Leaves: the pieces of 4 KiB, on multiples of 4 KiB of the file, that a block touches. Where a file was changed in
 * place, most leaves of a changed block are still those of the file's last version. A receiver that has that version
 * asks for short digests of a block's leaves, compares them with what stands at the same place, and asks for the leaves
 * that differ. The digests only save bytes: the block is verified by its SHA-256 like any other. Pure.
 *
 * The first and the last leaf of a block are only the part of them that is in the block. */
#ifndef LANYARD_SYNC_PLAN_LEAF_H
#define LANYARD_SYNC_PLAN_LEAF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sync/plan/block.h"
#include "sync/plan/content.h"

enum {
	LEAF_SIZE = 4096,
	LEAF_DIGEST = 8, /* bytes: XXH3 with 64 bits, big endian */
	LEAF_MAX = BLOCK_MAX / LEAF_SIZE + 1,
	LEAF_SLACK = 2 * LEAF_DIGEST,
	LEAF_KEY = 16, /* bytes of the key of digests that others make */
};

/* How many leaves a block of len > 0 bytes touches that begins there in its file. */
uint32_t leaf_count_at(int64_t offset, uint32_t len);
/* Where leaf i of it begins in the block; behind the last one, where the block ends. */
uint32_t leaf_begin_at(int64_t offset, uint32_t len, uint32_t i);
/* How many leaves a block of w->len > 0 bytes touches. */
uint32_t leaf_count(const struct block_want *w);
/* Whether what is asked can be asked of that block. */
bool leaf_want_valid(const struct block_want *w);
/* Where a run of leaves (i < w->nruns) begins in the block; *n: its bytes. */
uint32_t leaf_run_begin(const struct block_want *w, size_t i, uint32_t *n);
/* Bytes of the answer; those of the block for WANT_BLOCK. */
uint32_t leaf_answer_len(const struct block_want *w);
/* Makes the block's bytes what is answered, in place, and returns its length. bytes has space for LEAF_SLACK more than
 * the block has, since the digests of a few bytes are longer than these. */
uint32_t leaf_answer(const struct block_want *w, uint8_t *bytes);
/* old: the w->len bytes that an older version has at the same place; digests: leaf_count() of them. Makes *w ask for
 * the leaves that differ; nruns 0: none does. More than WANT_RUNS_MAX runs are joined where the least lies between. */
void leaf_compare(struct block_want *w, const uint8_t *old, const uint8_t *digests);
/* Puts what was answered (leaf_answer_len() bytes) over the old bytes. */
void leaf_apply(const struct block_want *w, uint8_t *old, const uint8_t *leaves);

/* Digests of leaves that somebody else wants of a block while it is in memory. */
struct leaf_digester {
	uint8_t key[LEAF_KEY];
	/* Any thread. LEAF_DIGEST bytes for each leaf of a block that begins there in its file: returns how many bytes
	 * were written to out, which has room for leaf_count_at() of them. NULL: none are wanted. */
	size_t (*make)(const uint8_t key[LEAF_KEY], int64_t offset, const uint8_t *block, uint32_t len, uint8_t *out);
};
/* What came of it. */
struct leaf_digested {
	const char *path;              /* where the file is to be */
	const struct content *content; /* of it; NULL: that is not known yet */
	struct block_want block;       /* its offset is that in the file */
	uint8_t *digests;
	size_t n; /* bytes of them */
};

#endif
