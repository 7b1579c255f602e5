/* What the connections of a sealed group need of their owner, and what they do for it: docs/protocol.md, "Sealed
 * groups". Those who hold the keys speak inside SEALED frames. A vault and another member speak the frames of
 * sync/wire/msg_seal.h. The loop's thread. */
#ifndef LANYARD_SYNC_PEER_PEER_SEAL_H
#define LANYARD_SYNC_PEER_PEER_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sync/seal/keys.h"
#include "sync/wire/msg_seal.h"

struct peer_group;

/* peer: a short ID. Messages are lent for the call. No function of these may end the group, nor any except `keys`
 * the talk: who changes the roster, a role or the mode does so in a later turn. */
struct peer_seal {
	/* Those of the current generation, if it is fit and they are here; the owner's. NULL: nothing may be said. */
	struct keys *(*current)(void *arg);
	/* Both sides have shown their membership, and nothing else was said: send KEYS, HEADS, a vault its hello. */
	void (*proved)(void *arg, uint64_t peer);
	/* From one who may hold keys, or a vault. Unverified; how many come is bounded. */
	void (*keys)(void *arg, uint64_t peer, const struct msg_keys *m);
	void (*heads)(void *arg, uint64_t peer, const struct msg_heads *m);
	/* The rest is said between a vault and another member. At a member, HELLO and ACK do not come here: it
	 * hears of them by vault_up, and by `settled` of its hooks. */
	void (*vault)(void *arg, uint64_t peer, const struct msg_vault *m);
	/* The other side's hello is here (at a member after its own went out; again, when a vault asks for all above
	 * what is settled now) / the talk with it has ended. */
	void (*vault_up)(void *arg, uint64_t peer, const struct msg_vault *hello);
	void (*vault_down)(void *arg, uint64_t peer);
	void (*cores)(void *arg, uint64_t peer, const struct msg_cores *m);
	void (*object)(void *arg, uint64_t peer, const struct msg_object *m);
	/* Some of what waited for the network has gone out to this vault, or to this member if we are one. */
	void (*room)(void *arg, uint64_t peer);
};

/* Each sends at once; channels are filled in. -1: the peer is not connected, has not shown its membership, or may
 * not be sent this. */
int peer_group_keys(struct peer_group *g, uint64_t peer, const struct msg_keys *m);
int peer_group_heads(struct peer_group *g, uint64_t peer, const struct msg_heads *m);
int peer_group_vault(struct peer_group *g, uint64_t peer, const struct msg_vault *m);
int peer_group_cores(struct peer_group *g, uint64_t peer, const struct msg_cores *m);
/* bytes: taken over; NULL with another status than MSG_OBJECT_HERE. */
int peer_group_object(struct peer_group *g, uint64_t peer, uint32_t request, uint8_t status, uint8_t *bytes, size_t n);
/* Bytes that may wait for the network beyond those that do: of objects (bulk), or of the rest. */
size_t peer_group_vault_room(struct peer_group *g, uint64_t peer, bool bulk);
/* Whether the peer's roster is ours, as far as can be seen: each side has sent the other what it had when they met,
 * sends what is new, and nothing of that waits. */
bool peer_group_roster_equal(struct peer_group *g, uint64_t peer);
/* Whether it is one, by our roster. */
bool peer_group_is_vault(struct peer_group *g, uint64_t peer);
/* A vault's rows with after < number <= upto, opened, and endorsed by who may write: they go the way of NEWS from a
 * peer that vouches for them. May end the session. */
void peer_group_vault_news(struct peer_group *g, uint64_t peer, const struct msg_news *m);
/* What current() answers has changed: opens the group again with everybody. */
void peer_group_rekeyed(struct peer_group *g);

#endif
