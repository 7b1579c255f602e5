/* The libuv loop inside, shared by loop.c and workers.c. Nobody else includes this. */
#ifndef LANYARD_BASE_LOOP_INTERNAL_H
#define LANYARD_BASE_LOOP_INTERNAL_H

#include <uv.h>

#include "base/loop.h"

struct loop_task {
	struct loop_task *prev, *next;
	loop_fn *fn;
	void *arg;
};

struct loop {
	uv_loop_t uv;                /* the first: libuv's callbacks know only this */
	uv_prepare_t prepare;        /* runs the hooks; keeps the loop alive only while `late` is not empty */
	struct loop_hook *hooks;     /* in the order they were made */
	struct loop_hook *next_hook; /* the hook to run after the one that runs now; NULL outside of a run */
	struct loop_timer *late;     /* started with no delay by a timer: they wait for the next turn */
	bool in_timer;               /* a timer's fn runs now */
	struct loop_task *between;   /* to be run between two turns, in order */
	bool stopped;                /* loop_stop was called since loop_run began */
	int depth;                   /* uv_run calls on the stack */
	struct loop_delays delays;
	int64_t turn_ns; /* when the first callback of this turn began; 0: none has */
};

/* Each callback of libuv calls this first. */
void loop_turn_begins(uv_loop_t *uv);

#endif
