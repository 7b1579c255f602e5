/* The two roster entries of sealed groups, as bytes: GEN, which begins a generation, and BOX, an agent's word for its
 * own box key. They are framed and signed like all others; docs/sealed.md, Generations, has their fields. Any thread.
 * */
#ifndef LANYARD_SYNC_SEAL_GENERATION_ENTRY_H
#define LANYARD_SYNC_SEAL_GENERATION_ENTRY_H

#include "base/bytes.h"
#include "sync/group/identity.h"
#include "sync/seal/generation.h"

enum { GENERATION_ENTRY_GEN = 8, GENERATION_ENTRY_BOX = 9 }; /* kinds; the roster's own end at 7 */

enum generation_entry_result {
	GENERATION_ENTRY_OK,
	GENERATION_ENTRY_VERSION, /* of a form that a later lanyard writes */
	GENERATION_ENTRY_FORM,    /* not of this form, or cut short */
	GENERATION_ENTRY_OTHER,   /* another group's */
	GENERATION_ENTRY_FORGED,  /* altered, or not signed by its signer */
};
/* For a message: "was altered". */
const char *generation_entry_result_text(enum generation_entry_result result);

/* Appends a GEN entry of `self` to out; of *g, signer and name are set. -1: parents or exits are not ascending, or
 * too many, or out is full. time_s: for people. */
int generation_entry_sign(struct generation *g, const struct group_id *group, const struct identity *self,
                          int64_t time_s, struct bytes *out);
/* Reads one, and checks the signature. Suite and policy may be any: generation_judge() refuses what is unknown. */
enum generation_entry_result generation_entry_read(struct generation *g, const struct group_id *group, const uint8_t *p,
                                                   size_t n);

/* An agent's box key. Of an agent's entries the one of the latest time counts, then the greater key. */
struct generation_box {
	struct agent_id signer;
	uint8_t key[32]; /* X25519, public */
	int64_t time_s;
};
/* Appends the BOX entry of `self`, with the key that its seed gives. -1: out is full. */
int generation_entry_sign_box(const struct group_id *group, const struct identity *self, int64_t time_s,
                              struct bytes *out);
enum generation_entry_result generation_entry_read_box(struct generation_box *b, const struct group_id *group,
                                                       const uint8_t *p, size_t n);

#endif
