/* A swarm in virtual time: members with unequal links that give and get one content by the real rules of sync/swarm.
 * A link is a queue at its uplink and one at its downlink, served in pieces of 16 KiB; control takes a millisecond. */
#ifndef LANYARD_TESTS_UNIT_SWARM_WORLD_H
#define LANYARD_TESTS_UNIT_SWARM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

enum { SWARM_WORLD_MAX = 201, SWARM_WORLD_NEIGHBOURS = 16 };

/* What a member is like. */
struct swarm_member {
	double up, down;   /* bytes per microsecond */
	int64_t joins_us;  /* 0: from the start */
	int64_t leaves_us; /* 0: never */
	int64_t silent_us; /* from then on it sends nothing; 0: never */
	bool dies;         /* once each block exists at somebody who stays */
	bool lies;         /* its bytes are wrong */
};

struct swarm_scene {
	uint32_t nblocks, block;
	uint64_t seed;
	int members; /* 0 has all from the start */
	struct swarm_member m[SWARM_WORLD_MAX];
};

struct swarm_outcome {
	double copies;  /* that member 0 sent */
	double limit;   /* time of the last to complete, of those that stay, by size / slowest link in use */
	int incomplete; /* members that stay, answer, and have not all at the end */
	uint64_t twice; /* blocks that came to somebody who had them */
};

/* `seconds` of virtual time at most. */
struct swarm_outcome swarm_world_run(const struct swarm_scene *s, int seconds);

#endif
