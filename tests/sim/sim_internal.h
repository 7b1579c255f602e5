/* What the simulator's stand-ins share: the inside of a loop. */
#ifndef LANYARD_TESTS_SIM_SIM_INTERNAL_H
#define LANYARD_TESTS_SIM_SIM_INTERNAL_H

#include "tests/sim/sim.h"

struct sim_task {
	struct sim_task *prev, *next;
	loop_fn *fn;
	void *arg;
};

struct loop {
	int host; /* -1: none */
	int64_t skew_ns;
	int64_t now_ns; /* as the turn began */
	bool dead, stopped;
	struct loop_hook *hooks, *next_hook;
	struct sim_task *between;
	struct workers *workers; /* the pools that were made on it */
};

/* Hooks, then what waits for the stack to be empty. */
void sim_loop_end_turn(struct loop *loop);
/* Whose code runs; NULL: nobody's. */
struct loop *sim_running_loop(void);

#endif
