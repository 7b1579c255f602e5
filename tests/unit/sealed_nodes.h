/* Two agents in a sealed group, with an owner that stands in for the engine's keys and for a vault's. */
#ifndef LANYARD_TESTS_UNIT_SEALED_NODES_H
#define LANYARD_TESTS_UNIT_SEALED_NODES_H

#include "tests/unit/peer_nodes.h"

#include "sync/peer/peers_internal.h"

/* What it has, and what it was told. */
struct seal_owner {
	struct keys *keys; /* of the current generation; NULL: not here, or not fit */
	bool vault;
	bool ends; /* the talk, when keys come */
	size_t keys_in, envelopes_in, heads_in, proved;
	int vault_ups; /* talks that are up */
	int hellos;    /* of vaults, or to them */
	uint64_t up;   /* with whom the last of them is */
	struct msg_vault hello, vault_in;
	uint64_t cores_after, cores_upto;
	uint32_t object_request;
	size_t object_n;
	size_t rooms;
};

extern const struct peer_seal owner_calls;
extern struct seal_owner of_a, of_b;

/* As nodes_setup() and nodes_teardown(). */
int sealed_setup(void **state);
int sealed_teardown(void **state);

/* A founds the group. */
struct roster *sealed_founded(void);
/* The node takes part, with the keys of this generation; 0: none. */
void owned(struct node *n, struct seal_owner *o, struct roster *r, uint64_t id);
/* A and B in one group, on a connection. */
void sealed_pair(uint64_t a_id, uint64_t b_id);
/* Keys of a generation of A's group. */
struct keys *generation(uint64_t id);
/* The node's current generation is another one, and its connections are told. */
void rekey(struct node *n, uint64_t id);
struct session *session_to(struct node *n, const struct node *to);
struct talk *talk_to(struct node *n, const struct node *to);
bool in_sync(void);
/* A asks B for the content, or the other way. */
void ask_for(struct node *n, const struct node *of, uint32_t request, const struct content *content);

/* Tests of them; the second is for one of several cases, which is its state until the setup. */
#define SEALED(f) cmocka_unit_test_setup_teardown(f, sealed_setup, sealed_teardown)
#define SEALED_OF(f, which)                                                                               \
	{                                                                                                 \
		.name = #f, .test_func = f, .setup_func = sealed_setup, .teardown_func = sealed_teardown, \
		.initial_state = &(which)                                                                 \
	}

#endif
