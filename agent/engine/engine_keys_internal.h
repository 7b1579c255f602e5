/* Shared by the files engine_keys*.c. */
#ifndef LANYARD_AGENT_ENGINE_ENGINE_KEYS_INTERNAL_H
#define LANYARD_AGENT_ENGINE_ENGINE_KEYS_INTERNAL_H

#include "agent/engine/engine_internal.h"
#include "sync/seal/ring.h"

enum { STORE_AGAIN_MS = 5000 };

/* A vault that is being left mail. */
struct keys_mail {
	uint64_t vault;
	struct agent_id after; /* whose envelope was the last; zeros: none was yet */
};

struct engine_keys {
	struct keyring *keyring;
	struct ring *ring;
	struct chunk_rule *cuts; /* by the first keys; NULL: they are not here, or were not asked for yet */
	uint64_t current;        /* the generation that connections were last told of; 0: none */
	bool unstored;           /* keys.bin could not be written the last time */

	/* engine_keys_start(); NULL: the engine does not run. */
	struct loop_timer *work; /* runs while there may be something to sign or to give */
	struct loop_timer *wait; /* runs while others may sign the next generation before us */
	struct loop_timer *mail; /* runs while some vault is being left mail */
	struct keys_mail *mails; /* these vaults, nmails of them */
	size_t nmails, mails_cap;
	uint64_t boxes;    /* sum of the box keys that mail was last left for */
	int64_t mailed;    /* envelopes that were left */
	int64_t worked_ms; /* when work was last due; 0: never */

	bool asks; /* keys came that could not be taken yet: all are asked for them again */
	/* Members that lack keys and have not said their box key: their short IDs, nowed of them. */
	uint64_t *owed;
	size_t nowed, owed_cap;
};

/* engine_keys_mail.c: the vault has shown its membership: it is left mail from the next turn on. start and stop: with
 * the timers above. */
void engine_keys_mail_begin(struct engine *e, uint64_t vault);
/* The roster is another one: whoever has said its box key since is left mail, too, at the vaults that are connected. */
void engine_keys_mail_again(struct engine *e);
void engine_keys_mail_start(struct engine *e);
void engine_keys_mail_stop(struct engine *e);

/* engine_keys_share.c: what could not be given or taken before is tried again. */
void engine_keys_share_again(struct engine *e);

#endif
