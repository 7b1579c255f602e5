/* A vault: keeps what the writers of a sealed group have sealed, and gives it to whoever holds the keys. It can read
 * none of it. It takes rows from present writers, asks them for the objects that these need, and stores a row only when
 * all of it is on the disk; it tells rows whose endorsers may write now. docs/sealed.md.
 *
 * Files are in .lanyard/vault/ of the share; all else is in the index. The loop decides; workers check, hash, read and
 * write. What is stored counts by its endorser, never by who brought it. All functions belong to the loop's thread. */
#ifndef LANYARD_SYNC_VAULT_VAULT_H
#define LANYARD_SYNC_VAULT_VAULT_H

#include "base/debug.h"
#include "base/workers.h"
#include "sync/group/roster.h"
#include "sync/index/index.h"
#include "sync/share/share.h"
#include "sync/wire/msg_seal.h"

struct vault;

/* What the vault needs of its owner. peer: a short ID. Messages are lent for the call. None of these may call the
 * vault. */
struct vault_ops {
	/* Each sends at once; -1: the peer is not connected. Channels are filled in. */
	int (*cores)(void *arg, uint64_t peer, const struct msg_cores *m);
	int (*vault)(void *arg, uint64_t peer, const struct msg_vault *m);
	int (*object)(void *arg, uint64_t peer, uint32_t request, uint8_t status, uint8_t *bytes,
	              size_t n); /* takes bytes */
	int (*keys)(void *arg, uint64_t peer, const struct msg_keys *m);
	/* Bytes that may wait for the network: of objects (bulk), or of the rest. */
	size_t (*room)(void *arg, uint64_t peer, bool bulk);
	void (*misbehaved)(void *arg, uint64_t peer, const char *what);
	/* Whether a head that this member has signed in that epoch is here, and its row number. */
	bool (*head)(void *arg, uint64_t peer, uint64_t epoch, uint64_t *seq);
	void (*problem)(void *arg, const char *text); /* for people: something is wrong with this vault's disk */
	void (*state)(void *arg);                     /* vault_counts() has changed */
};

struct vault_config {
	struct loop *loop;
	struct workers *workers;
	struct index *index;
	struct share *share;
	struct roster *roster;
	int64_t quota; /* bytes; 0: all of the disk but its reserve */
	const struct vault_ops *ops;
	void *arg;
	/* For tests: how long it has been running (NULL: the loop's), and how often it looks at its clock (0: each
	 * second). */
	int64_t (*up_ms)(void *arg);
	int64_t tick_ms;
};

/* NULL with *why (fresh) if no descriptors are left. */
struct vault *vault_new(const struct vault_config *c, char **why);
/* Nothing new begins. vault_free() when vault_stopped(). */
void vault_stop(struct vault *v);
bool vault_stopped(const struct vault *v);
void vault_free(struct vault *v);

/* Both have shown their membership: sends our hello. */
void vault_proved(struct vault *v, uint64_t peer);
/* Its hello is here / the talk with it has ended / some of what waited for the network has gone. */
void vault_up(struct vault *v, uint64_t peer, const struct msg_vault *hello);
void vault_down(struct vault *v, uint64_t peer);
void vault_room(struct vault *v, uint64_t peer);

void vault_cores_in(struct vault *v, uint64_t peer, const struct msg_cores *m);
void vault_object_in(struct vault *v, uint64_t peer, const struct msg_object *m);
/* ACK, WANT, CANCEL and BAD, and a hello that is said again. */
void vault_in(struct vault *v, uint64_t peer, const struct msg_vault *m);
/* Of one that may hold keys, whether it is up or not: envelopes for others, to keep; or none, and it asks for its
 * own. */
void vault_keys_in(struct vault *v, uint64_t peer, const struct msg_keys *m);

/* The index has committed / is about to be synced, with nothing written since the commit / was synced. */
void vault_committed(struct vault *v);
void vault_sync_begin(struct vault *v);
void vault_sync_end(struct vault *v);
void vault_roster_changed(struct vault *v);
/* Its own signature under a later state than that of its index has come back: the index was rolled back. */
void vault_rolled_back(struct vault *v);
/* Bytes; what is too much by then goes as soon as it may. */
void vault_set_quota(struct vault *v, int64_t quota);

/* Reads all that is stored and compares it with its digests, at full speed. done is called once, unless the vault
 * stops. Ignored while one runs. */
struct vault_found {
	int64_t checked, bad, missing; /* objects */
	int64_t bad_rows;
};
void vault_verify(struct vault *v, void (*done)(void *arg, const struct vault_found *f), void *arg);

struct vault_counts {
	int64_t objects, bytes, quota, rows, pending;
	bool full;
	const char *why;   /* it is full, for people: why; NULL: it is not */
	const char *lacks; /* the same as what it waits for */
	bool behind;       /* a connected writer has rows that it has not told yet, or whose objects are not here */
	bool unsafe;       /* what is stored of a connected one is not all synced */
};
struct vault_counts vault_counts(const struct vault *v);
/* Numbers for a bug report: of it as a whole, and of each connected peer, one after the other. */
void vault_debug(const struct vault *v, debug_fn *fn, void *arg);

#endif
