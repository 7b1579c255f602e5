/* The inside of a loop, which the simulator's stand-ins share. */
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
	int64_t now_ns; /* the time when the turn began */
	bool dead, stopped;
	struct loop_hook *hooks, *next_hook;
	struct sim_task *between;
	struct workers *workers; /* the worker pools of this loop */
};

/* Runs the hooks, then the tasks that wait for the stack to be empty. */
void sim_loop_end_turn(struct loop *loop);
/* The loop whose code runs; NULL: none's. */
struct loop *sim_running_loop(void);

#endif
