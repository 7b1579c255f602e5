/* Three agents' connections in one process, over TLS on loopback, with real rosters, indexes and shares. Hooks
 * stand in for fetch and take every record as it comes. */
#ifndef LANYARD_TESTS_UNIT_PEER_NODES_H
#define LANYARD_TESTS_UNIT_PEER_NODES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "sync/peer/peers.h"
#include "sync/share/share.h"
#include "sync/share/share_source.h"
#include "tests/unit/patience.h"

struct node {
	struct identity *self;
	struct roster *roster;
	struct requests *requests; /* NULL: not a member yet */
	int mails;                 /* changes of them */
	struct index *index;
	struct share *share;
	struct share_source files;
	struct content_source source; /* of files */
	struct peers *peers;
	struct peer_group *group;
	char *dir;
	int port;
	int up, refused;
	int ups; /* all there were */
	size_t records, carried;
	char last_refusal[128];
	uint8_t *block; /* the last answer */
	size_t block_n;
	uint32_t chosen;      /* its number */
	int blocks, before;   /* answers with a block; those that came before the first that all are out */
	int outs, maps;       /* answers that all blocks are out; maps that came */
	struct swarm_map map; /* the last one, without its bits */
	uint32_t told;        /* blocks of HAVEs */
	bool getting;
	int has; /* readers' records */
	int answers;
	bool answered, held;
	int doubted; /* how often a peer's role changed */
	int again;   /* how often all had to be listed again */
	char *hinted;
	int join_status;              /* 1: none yet */
	bool wants;                   /* its records' contents have to be fetched first */
	uint64_t synced;              /* commits of the index that a sync covered */
	int copies;                   /* how often another agent with our identity was met */
	bool yields;                  /* what the answer to that was */
	const struct peer_seal *seal; /* set before node_member(): the group is sealed ... */
	void *owner;                  /* ... and this is for the functions of seal, which get the node */
	bool leaves;                  /* pauses the group in the turn of its first record, before that turn ends */
	bool keyless;                 /* set before it: without the group's first keys */
};

extern struct loop *loop;
extern struct workers *workers;
extern struct node a, b, c;

/* Every hook, for the nodes. */
extern const struct peer_hooks node_hooks;

/* Starts and stops a, b and c, which listen and are in no group yet. */
int nodes_setup(void **state);
int nodes_teardown(void **state);

/* A founds the group; the others come by an invite, out of band. */
struct roster *founded(void);
struct roster *admitted(struct roster *founder, struct node *n);
/* A, the founder, gives the node a role; the node's roster. */
struct roster *granted(struct roster *founder, struct node *n, enum role role);
/* The node takes part in the group of the roster, which is its own from now on. */
void node_member(struct node *n, struct roster *roster);
/* Starts n again, with the identity of the other. */
void node_copy(struct node *n, const struct node *of);
/* A and B in one group. */
void pair(void);
/* C, who has an invite and nothing else. */
void node_joins(struct roster *joining, const struct invite *invite);
bool has_path(struct node *n, const char *path);
void put_file(struct node *n, const char *name, const char *text, struct content *content);

void dial(struct node *from, const struct node *to);
/* As with --peer: nobody knows yet which agent is there. */
void dial_name(struct node *from, const struct node *to);
size_t connections(struct node *n);

void nodes_turn(void);

/* Turns the loop until the condition holds. */
#define UNTIL(condition)                                                  \
	do {                                                              \
		int64_t end_ = clock_mono_ns() + PATIENCE_MS * 1000000LL; \
		while (!(condition) && clock_mono_ns() < end_)            \
			nodes_turn();                                     \
		assert_true(condition);                                   \
	} while (0)

#endif
