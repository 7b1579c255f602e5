/* Heads of a sealed group (sync/seal/head.h, sync/keeping/heads.h) at this agent, member or vault: its own is signed
 * when something has changed and a second was quiet; those of others are kept and passed on; and what they prove is
 * noted. For the files of this folder. All of it is nothing in a group that is not sealed. The loop's thread.
 *
 *   engine_heads_root   the root of our rows, by slices and on a worker
 *   engine_heads_sign   our own: when, what it says, its way to the disk
 *   engine_heads_relay  which heads others are still to be sent
 *   engine_heads_blame  what others are to blame for, said and stored
 *   engine_heads        all of it together
 *
 * The order is always: the head into the index, committed, synced; then it is sent. A number that was told and then
 * forgotten would be used twice, and look like a fork. */
#ifndef LANYARD_AGENT_ENGINE_ENGINE_HEADS_H
#define LANYARD_AGENT_ENGINE_ENGINE_HEADS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/debug.h"
#include "sync/keeping/heads.h"

struct engine;
struct msg_heads;
struct msg_vault;

/* --- engine_heads_root.c --- */

struct engine_root {
	uint64_t epoch, seq; /* of the index that it is of */
	uint64_t rows;       /* live */
	uint8_t root[32];    /* zeros: not told, since this agent keeps only a part of the group */
};
/* Whether all of the group's rows are here, as far as we have heard: else the root is not told. */
bool engine_root_is_told(const struct engine *e);
/* Begins to walk over the rows. done comes once, later, unless engine_root_drop() does; root: NULL if rows have changed
 * meanwhile. cost_ns: what it took of the loop and of a worker. NULL: the keys that it needs are not here. */
struct engine_root_walk;
struct engine_root_walk *engine_root_walk(struct engine *e,
                                          void (*done)(void *arg, const struct engine_root *root, int64_t cost_ns),
                                          void *arg);
/* NULL is allowed. */
void engine_root_drop(struct engine_root_walk *w);

/* --- engine_heads_sign.c --- */

/* Whether this agent is a vault. */
bool engine_heads_of_vault(const struct engine *e);
struct bytes;
struct engine_signer;
/* heads: stays the caller's, and outlives it. */
struct engine_signer *engine_signer_new(struct engine *e, struct heads *heads);
/* NULL is allowed. */
void engine_signer_free(struct engine_signer *g);
/* Something may be to be signed: looks after a quiet moment, which does not have to come. */
void engine_signer_soon(struct engine_signer *g);
/* At the end of a turn, after the commit. */
void engine_signer_turn(struct engine_signer *g);
/* As for engine_heads_sync(). True: our newest head is safe, and now in *safe. */
bool engine_signer_sync(struct engine_signer *g, bool begins, struct bytes *safe);
void engine_signer_debug(const struct engine_signer *g, debug_fn *fn, void *arg);

/* --- engine_heads_relay.c: a head that came waits a moment, so that whoever has it by then is not sent it --- */

struct engine_relay;
struct engine_relay *engine_relay_new(struct engine *e);
void engine_relay_free(struct engine_relay *r);
/* The agent's head, which is stored, came from this peer. */
void engine_relay_add(struct engine_relay *r, const struct agent_id *id, uint64_t from);
/* So it has that head. */
void engine_relay_has(struct engine_relay *r, const struct agent_id *id, uint64_t peer);
/* Sends what has waited long enough. False: nothing waits any more. */
bool engine_relay_tick(struct engine_relay *r);
/* Sends the peer all that is stored, without our own. */
void engine_relay_all(struct engine_relay *r, uint64_t peer);
/* Sends a head to all that are connected, except this peer (0: none). */
void engine_relay_send(struct engine *e, const uint8_t *p, size_t n, uint64_t but);

/* --- engine_heads_blame.c --- */

struct engine_blame;
/* heads: stays the caller's, and outlives it. */
struct engine_blame *engine_blame_new(struct engine *e, struct heads *heads);
/* NULL is allowed. */
void engine_blame_free(struct engine_blame *b);
/* Stores what this agent is to blame for; takes it up again at a start; forgets it. */
void engine_blame_store(struct engine_blame *b, const struct agent_id *id);
void engine_blame_load(struct engine_blame *b, const struct agent_id *id);
void engine_blame_forget(struct engine_blame *b, const struct agent_id *id);
/* Tells users once of each blame. */
void engine_blame_report(struct engine_blame *b, const struct heads_about *a);

/* --- engine_heads.c --- */

void engine_heads_start(struct engine *e);
void engine_heads_stop(struct engine *e);
/* At the end of a turn, after the commit. */
void engine_heads_turn(struct engine *e);
/* The index is about to be synced, with nothing written since the commit; or was synced. */
void engine_heads_sync(struct engine *e, bool begins);
/* The roster may have changed. */
void engine_heads_roster(struct engine *e);
/* See peer_seal.h. peer: a short ID. */
void engine_heads_proved(struct engine *e, uint64_t peer);
void engine_heads_in(struct engine *e, uint64_t peer, const struct msg_heads *m);
/* Whether the newest head of this member is one of that epoch, and its row number. */
bool engine_heads_number(const struct engine *e, uint64_t peer, uint64_t epoch, uint64_t *seq);
/* We are a member, and this vault says hello. */
void engine_heads_hello(struct engine *e, uint64_t peer, const struct msg_vault *hello);
void engine_heads_debug(const struct engine *e, debug_fn *fn, void *arg);

#endif
