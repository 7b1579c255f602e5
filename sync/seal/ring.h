/* What this agent may seal with, and what it has to sign and give: a sealed group's roster and its keyring together. A
 * removal and its answer, an agent that comes back, keys that are on their way: docs/sealed.md, Generations, says what
 * holds. One thread at a time. Nothing here has a timer, a connection or a file: the caller stores the keyring when it
 * is told to. */
#ifndef LANYARD_SYNC_SEAL_RING_H
#define LANYARD_SYNC_SEAL_RING_H

#include "base/bytes.h"
#include "sync/group/roster.h"
#include "sync/seal/envelope.h"
#include "sync/seal/keyring.h"

struct ring;

/* All three are the caller's, and outlive the ring. The roster is of a sealed group, and settled whenever this is
 * asked. store: writes the keyring to the disk, synced; -1: failed, and the caller has said why. */
struct ring_config {
	struct roster *roster;
	struct keyring *keyring;
	const struct identity *self;
	int (*store)(void *arg, const struct keyring *keyring);
	void *arg;
};
struct ring *ring_new(const struct ring_config *config);
void ring_free(struct ring *g);

/* --- sealing --- */

/* The keys of the current generation, if it is fit and they are here; the ring's: keys_ref() to keep them. NULL:
 * nothing may be sealed now, and ring_why() says what is missing, to follow "waits for". */
struct keys *ring_current(const struct ring *g);
const char *ring_why(const struct ring *g);
/* The group uses algorithms that only a later version knows. */
bool ring_is_later(const struct ring *g);
/* Those of the first generation, which stay what they are: where files are cut depends on them. NULL: not here yet. */
struct keys *ring_first(const struct ring *g);
/* All that are here and in effect, those of the latest generation first: *n, each counted. The caller releases each
 * with keys_free(), and frees the array. */
struct keys **ring_keys(const struct ring *g, size_t *n);

/* --- signing --- */

/* Signs our box key if others do not have it. True when it did: it is in the roster, to be stored and gossiped. */
bool ring_sign_box(struct ring *g, int64_t now_s);
/* Whether a generation has to be signed by us if nobody does so before. *wait_s: how long to wait for others, from when
 * this became true; 0 if it answers an exit of our own, which others do not know yet. */
bool ring_is_due(const struct ring *g, int64_t *wait_s);
/* Signs the next generation, whether it is due or not. policy: an enum keys_policy, or -1: as before, or KEYS_UNIFORM
 * for the first. Its secret is in the keyring and stored before the entry is in the roster, to be stored and gossiped.
 * -1: storing failed, or what we sign would not count (generation_next()); nothing has changed then. */
int ring_sign(struct ring *g, int policy, int64_t now_s);

/* --- giving and taking: ring_share.c --- */

/* Appends an envelope for this agent with all keys that are here, in effect, and not among `held`, the generations that
 * it says it holds. The roster says whether it may hold keys, at this moment: never a vault, nor anybody outside. -1:
 * it may not, it has no box key yet, or there is nothing that it lacks. */
int ring_envelope(const struct ring *g, const struct agent_id *to, const uint64_t *held, size_t nheld,
                  struct bytes *out);

enum ring_take {
	RING_TAKEN,    /* *added: how many keys are new here, and stored */
	RING_EARLY,    /* its sender has heard of entries that are not here yet: try again when they are */
	RING_REFUSED,  /* not by an agent that may hold keys, or not for us; or it holds nothing in order */
	RING_UNSTORED, /* storing failed; nothing has changed */
};
/* Takes the keys out of an envelope for us, if its sender may hold keys as the roster stands. Keys that nobody who
 * counts vouches for are left out. *why: for people; a literal. */
enum ring_take ring_take(struct ring *g, const uint8_t *p, size_t n, size_t *added, const char **why);
/* The generations that we hold, as others are told: ascending; fresh, the caller frees. */
uint64_t *ring_held(const struct ring *g, size_t *n);

#endif
