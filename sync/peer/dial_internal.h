/* The book of addresses behind dial.c: which agent is said to be where, and on whose word. Nobody else includes
 * this.
 *
 * Every address is of one of three kinds, by what supports it. Each kind has its own list and its own bound, so a
 * flood of claims cannot push out what is known. The loop's thread. */
#ifndef LANYARD_SYNC_PEER_DIAL_INTERNAL_H
#define LANYARD_SYNC_PEER_DIAL_INTERNAL_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "sync/group/id.h"
#include "sync/peer/address_internal.h"

enum dial_kind {
	DIAL_PROVEN, /* a member was reached there, or the admin named it */
	DIAL_TOLD,   /* a member says so */
	DIAL_HEARD,  /* somebody on the network says so */
	DIAL_KINDS,
};

struct dial_agent;

struct dial_key {
	uint16_t family, port; /* as in the socket address */
	uint32_t scope;
	uint8_t ip[16]; /* AF_INET fills 4 */
};

struct dial {
	struct dial_key key;
	struct sockaddr_storage addr;
	socklen_t addr_len;
	enum dial_kind kind;
	struct dial_agent *agent; /* the agent that we expect there; NULL: none in particular */
	bool named;               /* by the admin: no claim changes it */
	bool reached;             /* TLS found that agent there, last time */
	bool refused;    /* something other than an agent answered: perhaps a third party that is to be bothered */
	bool passed_on;  /* other members have been told, or will be */
	bool untold;     /* it is news that other members have not been told */
	uint64_t teller; /* short ID of the member that said so first; 0: none did */
	bool pending;    /* an attempt is under way */
	enum dial_kind pending_kind; /* what it is counted as */
	bool pending_stranger;
	int64_t next_ms;          /* when to try next; 0: not by itself */
	int64_t patience_ms;      /* how long to wait after the next failure */
	int64_t last_ms;          /* when it was last tried; 0: never */
	int64_t heard_ms;         /* when it was last announced, or led to a member */
	int64_t proved_ms;        /* when it last led to a member */
	int64_t named_ms;         /* when the admin last named it: settings do so all the time, invites only once */
	struct dial *prev, *next; /* of its kind, in the order in which they were last announced */
	struct dial *agent_prev, *agent_next;
	UT_hash_handle hh;
};

struct dial_agent {
	struct agent_id id;
	struct dial *dials; /* by agent_next; never empty */
	size_t n[DIAL_KINDS];
	size_t pending;     /* attempts at addresses that are not proven */
	int64_t started_ms; /* when the last of those began */
	int64_t spread_ms;  /* up to when it has used up what others are told of it */
	UT_hash_handle hh;
};

struct dial_book {
	struct dial *all;          /* hash, by key */
	struct dial_agent *agents; /* hash, by id */
	struct dial *lists[DIAL_KINDS];
	size_t n[DIAL_KINDS];
	size_t untold;
};

struct dial *dial_book_find(struct dial_book *b, const struct sockaddr *addr);
/* A new entry, the latest of its kind; the oldest that is not pending makes room. NULL when all are pending. id:
 * NULL for no agent in particular. teller: who says so, or 0. addr must not be in the book yet. */
struct dial *dial_book_add(struct dial_book *b, enum dial_kind kind, const struct agent_id *id,
                           const struct sockaddr *addr, uint64_t teller);
/* It was announced again, with this kind of support; id: the agent said to be there; NULL: as before. */
void dial_book_renew(struct dial_book *b, struct dial *d, enum dial_kind kind, const struct agent_id *id);
/* It has to be told to other members, or (false) has been. */
void dial_book_set_untold(struct dial_book *b, struct dial *d, bool untold);
struct dial_agent *dial_book_agent(struct dial_book *b, const struct agent_id *id);
/* d must not be pending. */
void dial_book_forget(struct dial_book *b, struct dial *d);
/* See dial_known() and dial_spread(). */
void dial_book_known(struct dial_book *b, const struct agent_id *id, dial_known_fn *fn, void *arg);
void dial_book_spread(struct dial_book *b, dial_known_fn *fn, void *arg);
void dial_book_clear(struct dial_book *b);

#endif
