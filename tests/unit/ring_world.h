/* Agents of one sealed group, each with a roster, a keyring and a ring of its own, for the tests of keys. They do by
 * themselves what the product does: sign, tell, give. */
#ifndef LANYARD_TESTS_UNIT_RING_WORLD_H
#define LANYARD_TESTS_UNIT_RING_WORLD_H

#include "sync/seal/ring.h"

enum { RING_AGENTS = 8, RING_KNOWN = 256, RING_NOW = 1800000000 };

struct ring_agent {
	struct identity *self;
	struct roster *roster;
	struct keyring *keyring;
	struct ring *ring;
	bool fails;                 /* storing does */
	size_t stored;              /* how often its keyring was stored, */
	size_t early;               /* and its roster had a generation of its own by then whose secret was not */
	uint64_t known[RING_KNOWN]; /* nknown generations whose secrets are stored */
	size_t nknown;
};

struct ring_world {
	struct group_id group;
	struct ring_agent agents[RING_AGENTS]; /* [0] founds */
	int n;
};

struct ring_world *ring_world_new(int n, uint64_t seed);
void ring_world_free(struct ring_world *w);
/* After its roster or keyring was replaced. */
void ring_world_restart(struct ring_world *w, int i);
const struct agent_id *ring_world_id(const struct ring_world *w, int i);

/* What owners do; `by` hears of it first. False: it could not. */
bool ring_world_grant(struct ring_world *w, int by, int who, enum role role);
bool ring_world_remove(struct ring_world *w, int by, int who);
bool ring_world_leave(struct ring_world *w, int who);
/* a tells b what others need: all, or a part in any order. */
void ring_world_tell(struct ring_world *w, int a, int b, bool all);
/* Only entries of this kind. */
void ring_world_tell_kind(struct ring_world *w, int a, int b, uint8_t kind);
/* a gives b the keys that it lacks, if it may. */
void ring_world_give(struct ring_world *w, int a, int b);
/* Everybody tells everybody, until nothing is new; box keys are signed and keys given, and nothing else. */
void ring_world_settle(struct ring_world *w);
/* Signs what the agent's own duty is now: a box key, a generation. */
void ring_world_act(struct ring_world *w, int i);

#endif
