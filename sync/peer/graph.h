/* Which members of a group an agent connects with, and which connections it gives up when it has too many. Pure.
 *
 * Up to GRAPH_MESH members everybody connects with everybody. Above that each agent chooses GRAPH_CHOSEN members, by
 * a rank that only it knows, and accepts whoever chooses it. A graph of this sort is connected with near certainty,
 * and stays so when most of it is lost at once (docs/decisions/0037). Nobody else can choose for us, whatever
 * connections he opens, since accepted ones do not count. */
#ifndef LANYARD_SYNC_PEER_GRAPH_H
#define LANYARD_SYNC_PEER_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	GRAPH_MESH = 24,      /* members, ourselves included, up to which all connect with all */
	GRAPH_CHOSEN = 8,     /* that an agent of a larger group chooses */
	GRAPH_WRITERS = 4,    /* of these, if it may not write itself, at least so many that may */
	GRAPH_SOFT = 64,      /* connections, above which those are given up that the other side can do without */
	GRAPH_HARD = 224,     /* and above which all may be given up that we have not chosen ourselves */
	GRAPH_NEW_MS = 15000, /* younger ones stay: a newcomer needs its first one to hear of others */
};

enum graph_state {
	GRAPH_UP,      /* connected */
	GRAPH_HOPED,   /* may be soon: nothing has failed yet */
	GRAPH_AWAY,    /* was tried in vain, or does not answer at once */
	GRAPH_FULL,    /* had no place for us a moment ago */
	GRAPH_NOWHERE, /* no address is known */
};

struct graph_member {
	uint64_t rank; /* the lower, the sooner it is chosen */
	enum graph_state state;
	bool writes;  /* it may write */
	bool wanted;  /* set by graph_choose() */
	void *member; /* the caller's */
};

/* The rank of a member for the holder of this secret. It changes once a day, at a time of day that is the member's,
 * so that in the long run everybody meets everybody. now_s: any clock. */
uint64_t graph_rank(const uint64_t secret[2], uint64_t short_id, int64_t now_s);
/* Sorts the n other members of a group and says for each whether we want a connection with it: to those that are
 * up, and to those that are to be tried. A member that is away is wanted beside the others, if it would be chosen
 * if it were here. writes: whether we may write ourselves. True when as many as should be are up. */
bool graph_choose(struct graph_member *m, size_t n, bool writes);

/* A connection, when there are too many. */
struct graph_link {
	uint64_t rank;  /* of its agent */
	bool wanted;    /* we have chosen it */
	bool spare;     /* the other side says that it has others */
	int64_t age_ms; /* since it began */
};

/* The one of n connections to give up; n: none. The lowest by rank stay, so that one that comes again is the same
 * one to go, and nobody can push out whom he likes. */
size_t graph_shed(const struct graph_link *l, size_t n);

#endif
