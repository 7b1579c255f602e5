/* The keys of a sealed group at this agent: groups/<hex>/keys.bin, what is signed and what is given away
 * (sync/seal/ring.h, docs/sealed.md). For the files of this folder. All of it is nothing in a group that is not sealed,
 * and at a vault: e->keys is NULL then. The loop's thread.
 *
 *   engine_keys_mail    envelopes left at vaults
 *   engine_keys         the state: read, judged, an exit answered
 *   engine_keys_share   keys told, given and taken
 *   engine_keys_sign    what is signed without being asked: box key, generations
 *
 * The order is always: keys.bin, synced; the entry into the roster; the roster stored; gossip; envelopes. A secret that
 * could be lost after its entry was told would seal what nobody can read. */
#ifndef LANYARD_AGENT_ENGINE_ENGINE_KEYS_H
#define LANYARD_AGENT_ENGINE_ENGINE_KEYS_H

#include <stdbool.h>
#include <stdint.h>

struct chunk_rule;
struct engine;
struct keys;
struct msg_keys;
struct ring;

/* --- engine_keys.c --- */

/* The roster is here: reads keys.bin, unless that was done. 0: done, or this agent holds no keys of this group. -1: it
 * cannot be read; the engine is STOPPED with the reason. */
int engine_keys_open(struct engine *e);
void engine_keys_close(struct engine *e);
/* Nothing is signed or tried again any more. */
void engine_keys_stop(struct engine *e);
/* For a group that is being founded, before its roster is stored: the first generation and our box key are in the
 * roster, the secret is on the disk. -1 with *why. Nothing in a group that is not sealed. */
int engine_keys_found(struct engine *e, char **why);

/* Whether files can be cut here: the group is not sealed, or its first keys are here. */
bool engine_keys_ready(const struct engine *e);
/* How files are cut; the engine's until engine_keys_close(). NULL: as in a group that is not sealed. */
const struct chunk_rule *engine_keys_cuts(const struct engine *e);
/* NULL: the group is not sealed, or we are a vault. */
struct ring *engine_keys_ring(const struct engine *e);
/* Those of the current generation, if it may seal; NULL: nothing may be said. */
struct keys *engine_keys_current(const struct engine *e);
/* What is missing until something may be sealed; NULL: nothing. For people, as in engine_status.waits_for. */
const char *engine_keys_lack(const struct engine *e);

/* The roster may have changed, or our keys: connections hear of another current generation, and what is to be signed or
 * given follows soon. */
void engine_keys_told(struct engine *e);
/* This agent has signed something, which nobody was told yet: if it ends somebody's right to keys, a new generation
 * follows at once. True: it is in the roster, to be stored and gossiped. */
bool engine_keys_answer_exit(struct engine *e);

/* --- engine_keys_share.c: see peer_seal.h. peer: a short ID --- */

void engine_keys_proved(struct engine *e, uint64_t peer);
void engine_keys_in(struct engine *e, uint64_t peer, const struct msg_keys *m);

/* --- engine_keys_sign.c --- */

/* Signs and gives what is due, as long as the engine runs or waits for keys. */
void engine_keys_start(struct engine *e);

#endif
