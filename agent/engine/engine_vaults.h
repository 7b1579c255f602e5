/* The vaults of a sealed group, for a member: what it tells them, takes from them, gives and gets (sync/keeping). For
 * the files of this folder. All of it is nothing in an engine without a mirror, and in a group that is not sealed. The
 * loop's thread. */
#ifndef LANYARD_AGENT_ENGINE_ENGINE_VAULTS_H
#define LANYARD_AGENT_ENGINE_ENGINE_VAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct block_want;
struct content;
struct content_sources;
struct engine;
struct leaf_digested;
struct leaf_digester;
struct msg_cores;
struct msg_object;
struct msg_vault;
struct peer_hooks;
struct ring;

/* With the mirror, once index and sources are there, and before the connections are. ring: NULL: the group is not
 * sealed. hooks: what vaults give goes the way of what other peers give. */
void engine_vaults_start(struct engine *e, struct ring *ring, const struct content_sources *sources,
                         const struct peer_hooks *hooks);
void engine_vaults_stop(struct engine *e);
bool engine_vaults_are_drained(const struct engine *e);
void engine_vaults_free(struct engine *e);

/* --- what connections say: see peer_seal.h --- */
void engine_vaults_up(struct engine *e, uint64_t peer, const struct msg_vault *hello);
void engine_vaults_down(struct engine *e, uint64_t peer);
void engine_vaults_in(struct engine *e, uint64_t peer, const struct msg_vault *m);
void engine_vaults_cores_in(struct engine *e, uint64_t peer, const struct msg_cores *m);
void engine_vaults_object_in(struct engine *e, uint64_t peer, const struct msg_object *m);
void engine_vaults_room_for(struct engine *e, uint64_t peer);

/* --- what has changed here --- */
void engine_vaults_committed(struct engine *e);
/* The peer, a vault or not, has settled more of our rows. */
void engine_vaults_settled(struct engine *e, uint64_t peer);
/* Keys or the roster are others. */
void engine_vaults_told(struct engine *e);

/* --- to get from a peer: as the functions of peer_group whose names end so, which they call unless it is a vault */
int engine_vaults_get(struct engine *e, uint64_t peer, const struct content *c, const struct block_want *wants,
                      size_t n);
int engine_vaults_get_list(struct engine *e, uint64_t peer, uint32_t request, const struct content *c, uint32_t first);
size_t engine_vaults_room(struct engine *e, uint64_t peer);
void engine_vaults_cancel(struct engine *e, uint64_t peer, const uint32_t *requests, size_t n);

/* Whether it can say what differs in a block. A vault cannot: it has patches. */
bool engine_vaults_give_leaves(struct engine *e, uint64_t peer);
/* Digests that are wanted of blocks of large files which other members send, and what came of them: keeping_digester()
 * and keeping_digested(). False: none. What a vault sends is noted by itself. */
bool engine_vaults_digester(struct engine *e, uint64_t peer, struct leaf_digester *out);
void engine_vaults_digested(struct engine *e, const struct leaf_digested *d);

/* --- for users --- */
/* Why rows of a connected vault are not taken, after engine_keys_lack(), for "waits for"; NULL: they are. */
const char *engine_vaults_lack(struct engine *e);
/* A connected vault that is full and lacks rows of ours, as it is called; NULL: there is none. Good until the next
 * call. */
const char *engine_vaults_full(struct engine *e);

#endif
