/* The content of a patch: how a block is made of others, its bases, of which most is the same: those that stood at its
 * place in an earlier version of the file, and runs of bytes over them that the patch brings. The form is in
 * docs/sealed.md, "Patches".
 *
 * And the digests that show what differs, without the bases: of leaves (sync/plan/leaf.h), under a key that nobody who
 * writes files knows. A file could otherwise be made so that two leaves have one digest. Any thread. */
#ifndef LANYARD_SYNC_SEAL_PATCH_H
#define LANYARD_SYNC_SEAL_PATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/sha256.h"
#include "sync/plan/leaf.h"
#include "sync/seal/aead.h"
#include "sync/seal/object.h"

enum {
	PATCH_KEY = AEAD_SIPHASH_KEY, /* bytes of the digests' key */
	PATCH_RUNS_MAX = LEAF_MAX,    /* of one patch */
	PATCH_WORTH = 2,              /* a patch has at most that part of its block */
	PATCH_HEAD = 4 + 4 + 4,       /* bytes before the bases, */
	PATCH_BASE = 8 + 32 + 4 + 4,  /* of each of these, */
	PATCH_RUN = 4 + 4,            /* and of a run */
};

/* Digests of a block's leaves: SipHash-2-4 of 64 bits, LEAF_DIGEST bytes for each. offset: of the block in its file.
 * Returns how many bytes were written; out has room for LEAF_MAX * LEAF_DIGEST. */
size_t patch_digests(const uint8_t key[PATCH_KEY], int64_t offset, const uint8_t *block, uint32_t len, uint8_t *out);

/* What is known of a base: where it was in the file, its length, its generation and SHA-256, and the digests of its
 * leaves. */
struct patch_known {
	int64_t offset;
	uint32_t len;
	uint64_t generation;
	uint8_t sha[SHA256_SIZE];
	const uint8_t *digests;
	size_t n; /* bytes of them */
};
/* The content of a patch that makes the block at this offset, whose digests are these, of what is known, which ascends
 * and does not overlap (n of at most OBJECT_BASES_MAX); what the block has nothing of is left out. Fresh memory of
 * *size bytes; NULL: too much differs, or digests do not fit. */
uint8_t *patch_make(const struct patch_known *known, size_t n, int64_t offset, const uint8_t *block, uint32_t len,
                    const uint8_t *digests, size_t *size);

/* Whether patch_make() would make one. */
bool patch_is_worth(const struct patch_known *known, size_t n, int64_t offset, uint32_t len, const uint8_t *digests);

/* A patch, of somebody who has the keys and may be malicious. */
struct patch_base {
	uint64_t generation;
	uint8_t sha[SHA256_SIZE];
	uint32_t len;  /* 1 to BLOCK_MAX */
	int32_t begin; /* in the block; below 0: it begins before the block does */
};
struct patch {
	struct patch_base bases[OBJECT_BASES_MAX];
	uint32_t nbases, len, nruns;
	const uint8_t *runs, *bytes; /* in the content */
};
/* False: it is malformed, or says nothing of some of the block's bytes. */
bool patch_read(struct patch *p, const uint8_t *content, size_t n);
/* Puts into out, p->len bytes, what base i has of the block. */
void patch_put_base(const struct patch *p, uint32_t i, const uint8_t *base, uint8_t *out);
/* Puts over that, or over what the file had at the block's place, what the patch brings. */
void patch_put_runs(const struct patch *p, uint8_t *out);

#endif
