/* Envelopes: the keys of generations, encrypted to one member's box key and signed by the one who gives them. A vault
 * may keep an envelope; it can check who signed it for whom, and nothing more. The form is in docs/sealed.md,
 * Envelopes. Any thread. */
#ifndef LANYARD_SYNC_SEAL_ENVELOPE_H
#define LANYARD_SYNC_SEAL_ENVELOPE_H

#include "base/bytes.h"
#include "sync/group/identity.h"
#include "sync/group/roster.h"
#include "sync/seal/keys.h"

enum {
	ENVELOPE_KEYS_MAX = 1024, /* generations in one envelope */
	ENVELOPE_KEY = 8 + KEYS_SECRET_LEN,
	ENVELOPE_MARK = 8 + 8,
	ENVELOPE_INSIDE_MAX = 4 + ENVELOPE_KEYS_MAX * ENVELOPE_KEY + 4 + ROSTER_HEARD_MAX * ENVELOPE_MARK,
	ENVELOPE_BOX_LEN = 32, /* of a box key, either half */
	ENVELOPE_HEAD = 4 + 32 + PUBLIC_KEY_LEN + 32 + ENVELOPE_BOX_LEN,
	ENVELOPE_MAX = ENVELOPE_HEAD + 4 + ENVELOPE_INSIDE_MAX + AEAD_TAG_LEN + SIGNATURE_LEN,
};

/* X25519 (RFC 7748): what the holder of private_key and that of the other half of public_key have in common. -1: it
 * is all zero, as it is for public keys that somebody chose so. */
int envelope_agree(uint8_t shared[32], const uint8_t private_key[32], const uint8_t public_key[32]);

/* What everybody can read. */
struct envelope {
	struct agent_id recipient;
	uint8_t sender[PUBLIC_KEY_LEN]; /* its hash is the sender's ID */
	uint8_t current[32];            /* the name of the GEN entry whose generation is the newest in it */
	const uint8_t *bytes;           /* n bytes, the caller's */
	size_t n;
};

/* A generation's secret. Callers keep these in keys_memory(). */
struct envelope_key {
	uint64_t generation;
	uint8_t secret[KEYS_SECRET_LEN];
};

/* What is inside. */
struct envelope_contents {
	struct envelope_key *keys; /* nkeys, 1 to ENVELOPE_KEYS_MAX; ascending by generation, each once */
	size_t nkeys;
	struct roster_mark *marks; /* nmarks, at most ROSTER_HEARD_MAX: what the sender had heard (roster_heard()) */
	size_t nmarks;
};
/* Of what envelope_open() has made. */
void envelope_wipe(struct envelope_contents *c);

enum envelope_result {
	ENVELOPE_OK,
	ENVELOPE_VERSION,   /* of a form that a later lanyard writes */
	ENVELOPE_FORM,      /* not of this form, or cut short */
	ENVELOPE_FORGED,    /* altered, of another group, or not signed by its sender */
	ENVELOPE_RECIPIENT, /* for another agent */
	ENVELOPE_LOCKED,    /* signed by its sender, and not encrypted to this box key */
	ENVELOPE_INSIDE,    /* signed, encrypted, and wrong inside */
	ENVELOPE_MEMORY,    /* the secure heap is full */
};
/* For a message: "was altered". */
const char *envelope_result_text(enum envelope_result result);

/* Appends an envelope to out, signed by sender. recipient_box: the recipient's public box key, which its own signature
 * vouches for. -1: the contents break the rules above, the box key is worthless, the secure heap or out is full. Each
 * call draws a fresh key, so no two are equal. */
int envelope_seal(const struct group_id *group, const struct identity *sender, const struct agent_id *recipient,
                  const uint8_t recipient_box[ENVELOPE_BOX_LEN], const uint8_t current[32],
                  const struct envelope_contents *contents, struct bytes *out);

/* Reads the outside, and checks the sender's signature: all that a vault can do. e points into p. Whether sender and
 * recipient may hold keys is the roster's to say. */
enum envelope_result envelope_parse(struct envelope *e, const struct group_id *group, const uint8_t *p, size_t n);

/* Opens an envelope that was parsed in this group, as `self`. The keys are in fresh memory of the secure heap: the
 * caller calls envelope_wipe(). They are whatever the sender put in: generation_vouched() says which of them are the
 * group's, and roster_has_heard(), whether they may be taken yet. *c is empty unless ENVELOPE_OK. */
enum envelope_result envelope_open(const struct envelope *e, const struct group_id *group, const struct identity *self,
                                   struct envelope_contents *c);

#endif
