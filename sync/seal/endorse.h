/* Endorsements: who vouches for a core, signed in batches. The keys of a group show only that a core was sealed by
 * somebody who once had them; former members and readers have them too. So a writer signs the root of a tree of
 * hashes over a batch of cores, and each core carries its way to the root. The form is in docs/sealed.md,
 * Endorsements. Whether the endorser may write is asked of the roster, when the core is taken. Any thread; a
 * signature takes some 60 microseconds to make and 120 to check. */
#ifndef LANYARD_SYNC_SEAL_ENDORSE_H
#define LANYARD_SYNC_SEAL_ENDORSE_H

#include "base/bytes.h"
#include "sync/group/identity.h"

enum {
	ENDORSE_FORMAT = 1,
	ENDORSE_BATCH_MAX = 4096, /* cores in one batch */
	ENDORSE_DEPTH_MAX = 12,   /* as many steps lead from one of them to the root */
	ENDORSE_HEAD_LEN = 1 + PUBLIC_KEY_LEN + 8,
	ENDORSE_LEN_MAX = ENDORSE_HEAD_LEN + 8 + 2 + 1 + ENDORSE_DEPTH_MAX * 32 + SIGNATURE_LEN,
};

/* A core in a batch. */
struct endorse_item {
	uint64_t seq;     /* the endorser's number of the row, not 0 */
	uint8_t core[32]; /* the core's name */
};

/* The agent that endorses. */
struct endorse_signer {
	struct group_id group;
	uint8_t key[PUBLIC_KEY_LEN]; /* its hash is the agent's ID */
	uint64_t epoch;              /* of the numbers */
};

/* A signed batch, of which single endorsements are taken. */
struct endorse_batch;
/* Signs n items, 1 to ENDORSE_BATCH_MAX, as `self` in this epoch. The caller frees with endorse_batch_free(). */
struct endorse_batch *endorse_batch_new(const struct group_id *group, const struct identity *self, uint64_t epoch,
                                        const struct endorse_item *items, size_t n);
void endorse_batch_free(struct endorse_batch *b);
/* Appends the endorsement of item i; -1: out is full. */
int endorse_batch_one(const struct endorse_batch *b, size_t i, struct bytes *out);
/* The batch as a whole, for a peer that is sent all its cores in this order: who signs, the signature, and the
 * numbers, without any way to the root. -1: out is full. */
int endorse_batch_whole(const struct endorse_batch *b, struct bytes *out);

enum endorse_result {
	ENDORSE_OK,
	ENDORSE_VERSION, /* of a form that a later lanyard writes */
	ENDORSE_FORM,    /* not of this form, or cut short */
	ENDORSE_FORGED,  /* altered, of another core or group, or not signed by that key */
};
/* For a message: "was altered". */
const char *endorse_result_text(enum endorse_result result);

/* A root that was checked. Whoever keeps the last one of each peer checks one signature per batch, not per core. */
struct endorse_root {
	struct endorse_signer signer;
	uint8_t root[32];
	uint8_t signature[SIGNATURE_LEN];
};

/* Checks one endorsement (n bytes) of the core of this name, in this group. known, which may be NULL: a root that was
 * checked before, or zeros; the signature is not checked again if it is the same, and a new root is stored there.
 * signer and seq are set on ENDORSE_OK only. */
enum endorse_result endorse_check(const struct group_id *group, const uint8_t core[32], const uint8_t *p, size_t n,
                                  struct endorse_root *known, struct endorse_signer *signer, uint64_t *seq);
/* The same of a whole batch of ncores cores. seqs has room for ncores. */
enum endorse_result endorse_check_whole(const struct group_id *group, const uint8_t (*cores)[32], size_t ncores,
                                        const uint8_t *p, size_t n, struct endorse_signer *signer, uint64_t *seqs);

#endif
