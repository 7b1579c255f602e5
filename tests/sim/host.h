/* The simulated hosts: each an agent with one group, made of the product's own parts as agent/agent.c makes it. It can be
 * stopped, crash, and come back with what its disk holds. */
#ifndef LANYARD_TESTS_SIM_HOST_H
#define LANYARD_TESTS_SIM_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/engine.h"

struct host {
	int number;
	char *home, *share; /* absolute */
	int life;           /* counts the starts */
	int64_t skew_ns;
	struct loop *loop; /* NULL: not running */
	struct workers *workers;
	struct events *events;
	struct identity *self;
	struct peers *peers;
	int home_dirfd;
	struct engine_context *context;
	struct engine *engine;
	/* Armed: when an installer comes to its `steps`th step from now, it dies, or a deed is done there and then. */
	int die_steps, deed_steps; /* 0: not armed */
	uint64_t deed_luck;
};

extern struct host hosts_all[];
extern int hosts_n;

/* n hosts below the folder `base`, all members of one group; none is running. */
void hosts_make(const char *base, int n, uint64_t *stream);
void host_start(struct host *h);
void host_stop(struct host *h);
void host_pause(struct host *h, bool paused);
void host_crash(struct host *h, bool silent);
bool host_runs(const struct host *h);
void host_status(struct host *h, struct engine_status *s);
/* Tells it where the others are. */
void host_discover(struct host *h);
/* What to do at an armed step. */
void hosts_on_step(void (*fn)(struct host *h, const char *path));

#endif
