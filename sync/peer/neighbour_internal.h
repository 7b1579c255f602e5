/* Which members this agent is connected with, in groups that are too large for all to connect with all (graph.h):
 *
 *   neighbour_book.c   the members of all our groups, and which of them we have chosen
 *   neighbours.c       chooses, again whenever something has changed; tells the other sides, and gives connections up
 *
 * dial.c, session_end.c and others are between the two. The loop's thread. */
#ifndef LANYARD_SYNC_PEER_NEIGHBOUR_INTERNAL_H
#define LANYARD_SYNC_PEER_NEIGHBOUR_INTERNAL_H

#include <uthash.h>

#include "sync/peer/graph.h"
#include "sync/peer/peers_internal.h"

/* A member of one of our groups. */
struct neighbour {
	struct agent_id id;
	bool wanted;         /* we have chosen it, in one of them */
	bool found;          /* by the review that is under way */
	int64_t full_ms;     /* it had no place for us, and is not tried until then */
	enum graph_state up; /* in the group that is being looked at */
	UT_hash_handle hh;
};

struct neighbour_book {
	struct peers *peers;
	struct neighbour *all; /* hash; empty while no group is large */
	uint64_t secret[2];    /* what our ranks come from */
	bool crowded;          /* one of our groups is large */
	bool hungry;           /* in one of them we have not as many connections as we should */
	bool few;              /* one of the two below has been true for a while */
	int64_t few_ms;        /* when `few` began to be wrong; 0: it is right */
	bool joining;          /* we want to get into a group, and any of its members is good for that */
	int64_t stranger_ms;   /* when we last tried an agent of which no member has told us, */
	int64_t looked_ms;     /* and looked for the address of one */
	struct loop_timer *soon;
	int64_t soon_ms; /* when it is to fire */
};

/* --- neighbour_book.c --- */

/* review: called with p in a later turn after neighbour_book_soon(). */
struct neighbour_book *neighbour_book_new(struct peers *p, loop_fn *review);
void neighbour_book_free(struct neighbour_book *b);
/* Something that the choice depends on has changed. */
void neighbour_book_soon(struct peers *p);
/* Has it looked at within that time. */
void neighbour_book_within(struct peers *p, int64_t ms);
struct neighbour *neighbour_book_find(const struct neighbour_book *b, const struct agent_id *id);
/* The member's entry, which is made if there is none. */
struct neighbour *neighbour_book_add(struct neighbour_book *b, const struct agent_id *id);
/* Drops the entries that were not found. */
void neighbour_book_sweep(struct neighbour_book *b);
/* Whether this agent, with which we are not connected, is to be dialled. */
/* The same for one that is not a member as far as we know; last_ms: state. */
bool neighbour_book_wants_stranger(struct neighbour_book *b, int64_t *last_ms);
bool neighbour_book_wants(struct peers *p, const struct agent_id *id);
/* The agent said that it has no place for us. */
void neighbour_book_full(struct peers *p, const struct agent_id *id);

/* --- peer_group_here.c: which members are there; see also peers.h --- */

/* A talk is up: the peer is told. */
void peer_group_here_up(struct talk *t);
/* Tells all peers; at each tick. */
void peer_group_here_tick(struct peers *p);
void peer_group_here_in(struct talk *t, const struct msg_here *m);
void peer_group_here_forget(struct peer_group *g);

/* --- neighbours.c --- */

void neighbours_new(struct peers *p);
void neighbours_free(struct peers *p);
/* Chooses, and acts on it. May end sessions. */
void neighbours_review(struct peers *p);
/* Whether an address of this agent, with which we are not connected, would help. */
bool neighbours_look_for(struct peers *p, const struct agent_id *id);
void neighbours_keep_in(struct session *s, const struct msg_keep *m);
/* More agents want to be connected than there is room for: ends a connection with a member, if one can be spared. */
bool neighbours_make_room(struct peers *p);

#endif
