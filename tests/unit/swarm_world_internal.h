/* Shared by the files of the swarm in virtual time; nobody else includes it. swarm_member.c gives and asks;
 * swarm_world.c lets time pass. */
#ifndef LANYARD_TESTS_UNIT_SWARM_WORLD_INTERNAL_H
#define LANYARD_TESTS_UNIT_SWARM_WORLD_INTERNAL_H

#include <stddef.h>

#include "sync/swarm/give.h"
#include "sync/swarm/map.h"
#include "sync/swarm/pick.h"
#include "tests/unit/swarm_world.h"

enum {
	CELL = 16 << 10,
	FLIGHT = 16,
	WIRE_US = 1000,
	VERIFY_US = 2000,
	HAVE_US = 20000,
	WATCH_US = 100000,
	FRAMES = 64
};
enum state { NEEDED, ASKED, HAVE };
enum kind { CELL_SENT, CELL_CAME, VERIFIED, HAVE_GOES, WATCH, JOINS, LEAVES, WANTS };

struct event {
	int64_t at;
	uint64_t order;
	enum kind kind;
	int to, from; /* to whom it happens; a place among its neighbours, or -1 */
	uint32_t block;
	bool last, credit;
};

struct frame {
	uint32_t block, left;
	bool credit;
};

/* What a member knows of a neighbour, owes it, and is owed. */
struct side {
	int peer, back; /* the neighbour, and the place of this member among its own */
	bool up, bad;
	uint8_t *bits;
	uint32_t count, wanted;
	uint32_t *asked; /* named, the oldest first */
	int64_t *asked_at;
	uint32_t nasked, credits;
	int64_t out_us, out_rate, rest_us, byte_us, response_us;
	/* given */
	uint32_t *wants;
	uint32_t nwants, takes; /* takes: any blocks */
	struct frame frames[FRAMES];
	uint32_t nframes, queued, flight;
	struct give_receiver *receiver;
};

struct member {
	const struct swarm_member *like;
	bool here, gone;
	struct swarm_index index;
	uint8_t *state, *bits;
	uint32_t have, needed, fresh, *fresh_blocks;
	int64_t have_us, moved_us, done_us;
	bool have_due, up_busy;
	int64_t down_free;
	int next;
	int64_t rate, rate_us, came, came_then;
	struct side *sides;
	int nsides;
	struct give *give;
};

struct swarm_state {
	const struct swarm_scene *s;
	struct member m[SWARM_WORLD_MAX];
	struct event *heap;
	size_t n, cap;
	uint64_t order, random;
	int64_t now;
	uint64_t sent0, twice;
};

extern struct swarm_state sw;

/* It happens this many microseconds from now. */
void later(int64_t after, struct event e);
/* The next piece goes out on a member's uplink, if that is free; its links get what they have room for. */
void send_cell(int id);
void give(int id);
/* A member asks for what it may; takes back one request; a block has another state for it. */
void fill(int id);
void unask(struct member *m, struct side *s, uint32_t at);
void set_state(struct member *m, uint32_t block, enum state state);

#endif
