/* A member's dealings with the vaults of a sealed group: tells them its rows, sealed and endorsed; takes theirs, opened
 * and checked, so that they go the way of any peer's news; gives them the objects that they want; and gets from them
 * what this member wants. It needs the keys, and never gives them. docs/sealed.md.
 *
 * The loop decides; workers seal, open, read and sign. A vault's numbers and ours are kept in the index as any peer's
 * are, by sync/peer. All functions belong to the loop's thread. */
#ifndef LANYARD_SYNC_KEEPING_KEEPING_H
#define LANYARD_SYNC_KEEPING_KEEPING_H

#include "base/bytes.h"
#include "base/workers.h"
#include "sync/group/roster.h"
#include "sync/index/index.h"
#include "sync/plan/content_source.h"
#include "sync/plan/leaf.h"
#include "sync/seal/ring.h"
#include "sync/wire/msg_seal.h"

struct keeping;

/* What keeping needs of its owner. peer: a vault's short ID. Messages are lent for the call. None of these may call
 * keeping, except as said. */
struct keeping_ops {
	/* Each sends at once; -1: the peer is not connected. Channels are filled in. */
	int (*cores)(void *arg, uint64_t peer, const struct msg_cores *m);
	int (*vault)(void *arg, uint64_t peer, const struct msg_vault *m);
	int (*object)(void *arg, uint64_t peer, uint32_t request, uint8_t status, uint8_t *bytes,
	              size_t n); /* takes bytes */
	/* Bytes that may wait for the network: of objects (bulk), or of the rest. */
	size_t (*room)(void *arg, uint64_t peer, bool bulk);
	/* Whether a legal path is shared here: ignore rules leave some out. */
	bool (*accepts)(void *arg, const char *path, bool is_dir);
	/* Whether its roster is ours, as far as it has said. */
	bool (*rosters_equal)(void *arg, uint64_t peer);
	/* Its rows with after < number <= upto, opened, and endorsed by who may write. May call keeping_down(). */
	void (*news)(void *arg, uint64_t peer, const struct msg_news *m);
	/* Something is being fetched: a content or a path that the index does not have yet may be wanted. */
	bool (*fetching)(void *arg);
	/* Our row of the file that stands where this content is to come, which the caller clears: an older version, of
	 * which much may be the same. False: there is none. NULL: never. */
	bool (*older)(void *arg, const struct content *c, struct record *row);
	/* The path at which this content is to come, which stays until the call has returned; NULL: it is to come
	 * nowhere any more. NULL: never. */
	const char *(*path)(void *arg, const struct content *c);
	void (*misbehaved)(void *arg, uint64_t peer, const char *what);
	/* It shows a row that we have endorsed under a number that we do not know: our index was rolled back. Another
	 * epoch is to be begun, which may call keeping_down(). */
	void (*rolled_back)(void *arg, uint64_t peer);
	/* Answers to keeping_get() and keeping_get_list(), as from a peer. *bytes is taken over; empty: the vault does
	 * not have it. May call keeping_get(), keeping_get_list() and keeping_cancel(). */
	void (*block)(void *arg, uint64_t peer, uint32_t request, struct slab *bytes);
	void (*list)(void *arg, uint64_t peer, uint32_t request, uint32_t first, const uint8_t *blocks, size_t n);
	/* What keeping_each() says has changed. */
	void (*state)(void *arg);
};

struct keeping_config {
	struct loop *loop;
	struct workers *workers; /* the share's: they read its files */
	struct index *index;
	struct roster *roster;
	struct ring *ring;
	const struct identity *self;
	struct content_sources sources;
	/* How long we wait for what a vault has before we tell it ours, and for its roster to become ours before a row
	 * is left out whose endorser may not write; 0: 10 s. */
	int64_t patience_ms;
	const struct keeping_ops *ops;
	void *arg;
};

struct keeping *keeping_new(const struct keeping_config *c);
/* Nothing new begins, and nobody is called any more. keeping_free() when keeping_is_idle(). */
void keeping_stop(struct keeping *k);
/* No worker has a job of it. */
bool keeping_is_idle(const struct keeping *k);
/* NULL is allowed. */
void keeping_free(struct keeping *k);

/* A vault's hello is here: after a new connection, or again, since it asks for all rows above what it says is settled.
 * What our index says of the peer holds from then on. */
void keeping_up(struct keeping *k, uint64_t peer, const struct msg_vault *hello);
/* The talk with it has ended. */
void keeping_down(struct keeping *k, uint64_t peer);
/* The index has committed. */
void keeping_committed(struct keeping *k);
/* The index has that the vault has settled more of our numbers. */
void keeping_settled(struct keeping *k, uint64_t peer);
/* Some of what waited for the network has gone. */
void keeping_room(struct keeping *k, uint64_t peer);
/* Keys or the roster have changed: what waited for that goes on in a later turn. */
void keeping_told(struct keeping *k);

void keeping_cores_in(struct keeping *k, uint64_t peer, const struct msg_cores *m);
/* WANT, CANCEL and STATE. */
void keeping_vault_in(struct keeping *k, uint64_t peer, const struct msg_vault *m);
void keeping_object_in(struct keeping *k, uint64_t peer, const struct msg_object *m);

/* Asking a vault, as peer_group_get() and the functions beside it ask another member. Requests are the caller's
 * numbers. Answers come later, never from inside these. 0; -1: it is not connected. */
int keeping_get(struct keeping *k, uint64_t peer, const struct content *c, const struct block_want *wants, size_t n);
int keeping_get_list(struct keeping *k, uint64_t peer, uint32_t request, const struct content *c, uint32_t first);
/* Bytes of blocks that may be asked for now. */
size_t keeping_window(const struct keeping *k, uint64_t peer);
void keeping_cancel(struct keeping *k, uint64_t peer, const uint32_t *requests, size_t n);

/* Blocks of large files that other members send: vaults have them too, or will, and what this member changes of them
 * later is given as patches. Which digests of them are wanted; false: none are, since there is no vault, or this member
 * may not write. */
bool keeping_digester(struct keeping *k, struct leaf_digester *out);
/* One of these is here. Lent. */
void keeping_digested(struct keeping *k, const struct leaf_digested *d);

/* What there is to say of a vault, for people. */
struct keeping_about {
	uint64_t peer;
	uint64_t used, quota; /* bytes; quota 0: none */
	bool full;
	uint64_t bad;      /* objects and rows that an honest vault does not give, since it connected */
	const char *waits; /* what it takes before its rows are taken, or ours told; NULL: they are */
};
void keeping_each(const struct keeping *k, bool (*fn)(void *arg, const struct keeping_about *a), void *arg);

#endif
