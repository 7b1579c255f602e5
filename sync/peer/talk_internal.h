/* One group on one connection, and what is said of it: in a sealed group, sealed. A part of peers_internal.h, which
 * includes it. The loop's thread, except for talk_block_seal(). */
#ifndef LANYARD_SYNC_PEER_TALK_INTERNAL_H
#define LANYARD_SYNC_PEER_TALK_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "sync/group/rights.h"
#include "sync/seal/wrap.h"
#include "sync/wire/msg_seal.h"

struct peer_group;
struct session;
struct talk;

/* talk.c: one group on it. The first three return NULL when there is none, or it has ended. */
struct talk *talk_of_channel(struct session *s, uint32_t their_channel);
struct talk *talk_of_serial(struct session *s, uint64_t serial);
struct talk *talk_of_peer(struct peer_group *g, uint64_t peer);
/* Whether what this peer announces counts: our roster says at this moment that it may write, and its index hello says
 * that it knows so. A peer that was made a member and has not heard of it yet still announces a reader's rows. */
bool talk_vouches(const struct talk *t);
/* Our role as our index hello says it. A reader's index stays one until its engine has doubted all of it. */
enum role talk_own_role(const struct peer_group *g);
/* For the log: which group, and who. Good as long as the talk. */
struct log_about talk_about(const struct talk *t);
/* Logged; the third time ends the connection at the next tick. path: "" when it is about none. */
void talk_misbehaved(struct talk *t, const char *path, const char *what);

/* What a talk of a sealed group has besides. */
struct talk_seal {
	bool proved;            /* the owner knows that both have shown their membership */
	struct wrap *wrap;      /* keys; NULL: none yet */
	bool common;            /* the peer has their generation too */
	struct msg_vault hello; /* the peer's, where one of the two is a vault */
	bool up;                /* vault_up was called */
	int64_t hellos_ms;      /* up to when a vault has used up the hellos that it may say again */
};

/* talk_sealed.c: keys, and what the peer sealed */
/* The group is sealed, whether or not an owner with keys is there: nothing of it travels plain. */
bool talk_is_sealed(const struct talk *t);
/* One of the two is a vault: none of a group's ordinary frames travels. */
bool talk_is_vault(const struct talk *t);
/* Whether the frame that is handled may be about this talk: it came sealed of it, or plain of a group that is not. */
bool talk_hears(const struct talk *t);
/* What handlers answer if not, or if it was altered. */
enum { TALK_PLAIN = 1, TALK_FORGED = 2 };
/* The keys of the current generation; NULL: nothing may be said. */
struct wrap *talk_wrap(struct talk *t);
/* The keys have changed: the group opens again in the next turn, since talks may be in use now. */
void talk_rekey(struct peer_group *g);
/* The peer says that it has the keys of these generations. */
void talk_holds(struct talk *t, const uint64_t *held, size_t n);

/* The talk with a vault, or as one, is up / has ended: tells the owner. */
void talk_vault_up(struct talk *t);
void talk_vault_down(struct talk *t);

enum talk_sealed {
	TALK_SEALED_HERE,
	TALK_SEALED_LEFT_OUT, /* of a talk that is gone, or of another generation */
	TALK_SEALED_MALFORMED,
	TALK_SEALED_ORDER,  /* repeated, or others are missing before it */
	TALK_SEALED_FORGED, /* not sealed so */
};
/* A sealed frame that came in. */
struct talk_unsealed {
	struct talk *talk;
	struct msg_sealed sealed;
	const uint8_t *front; /* the frame */
	const uint8_t *p;     /* after talk_sealed_open(): what was inside ... */
	size_t n;
	uint8_t *plain; /* ... which is here if it was compressed; the caller frees it */
};
/* Which talk it is of, and whether it may be opened. */
enum talk_sealed talk_sealed_read(struct session *s, const uint8_t *p, size_t n, struct talk_unsealed *out);
/* Opens it where it is. */
enum talk_sealed talk_sealed_open(struct talk_unsealed *o);
/* What to say to a peer whose frame is neither HERE nor LEFT_OUT. */
const char *talk_sealed_text(enum talk_sealed result);

/* talk_send.c: the one door out */
/* One of a group's frames (msg_sealed_type()), in the control lane; body is taken over. May be left out where the
 * talk is about to end. */
void talk_send(struct talk *t, uint8_t type, uint8_t *body, size_t n);
/* A BLOCK: begun on the loop, sealed by the worker that has read it, sent on the loop. */
struct talk_block {
	struct wrap *wrap; /* counted; NULL: the group is not sealed */
	uint64_t counter;
	uint32_t channel;
	uint8_t front[MSG_SEALED_FRONT]; /* what stands before the data */
	size_t front_n;
};
/* False: nothing may be sent to this peer now. */
bool talk_block_begin(struct talk *t, struct talk_block *b);
/* Any thread. data: n bytes with MSG_SEALED_TAG more behind them; sealed where they are, in a sealed group. */
void talk_block_seal(struct talk_block *b, const struct msg_block *m, uint8_t *data, size_t n);
/* data, after talk_block_seal(), is taken over. */
void talk_block_send(struct talk *t, struct talk_block *b, uint8_t *data, size_t n);
void talk_block_clear(struct talk_block *b);

/* The rest is not sealed so, since what it says is sealed already. base: the channel is filled in. */
void talk_vault_send(struct talk *t, const struct msg_vault *base);
/* Ours, to a vault: as to others. */
void talk_vault_hello(struct talk *t, const struct msg_index_hello *m);
void talk_vault_ack(struct talk *t, const struct msg_news_ack *m);

#endif
