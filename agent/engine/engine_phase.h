/* What an engine is doing, as one phase at a time, and which phase may follow which. Pure. */
#ifndef LANYARD_AGENT_ENGINE_ENGINE_PHASE_H
#define LANYARD_AGENT_ENGINE_ENGINE_PHASE_H

#include <stdbool.h>

enum engine_phase {
	PHASE_STOPPED,  /* nothing runs: just made, or for the reason in `error`; retried if that may go away */
	PHASE_OPENING,  /* a worker follows the share's path, and for a member opens the share */
	PHASE_JOINING,  /* asks members to let us in */
	PHASE_RUNNING,  /* the mirror is there */
	PHASE_EXCLUDED, /* as RUNNING, but the roster does not have us any more: nobody talks to us about the group */
	PHASE_LOST,     /* as RUNNING, but the index lost rows or is damaged: it drains when this turn is over */
	PHASE_LEAVING,  /* the group was left: it drains when this turn is over */
	PHASE_DRAINING, /* nothing new is begun, and the jobs that are out come back; its goal says what follows */
	PHASE_COPIED,   /* our identity runs elsewhere too: stopped until the agent's next start */
	PHASE_REMOVING, /* left and drained: a worker removes the share's .lanyard/, then the engine is freed */
};

/* Why an engine drains. */
enum engine_goal {
	GOAL_RESTART, /* its index was damaged: it starts again at once, with a new one */
	GOAL_RETRY,   /* its index could not be written: it starts again in a while */
	GOAL_COPIED,
	GOAL_REMOVE,
	GOAL_FREE, /* whoever called engine_free() waits for it */
};

const char *engine_phase_name(enum engine_phase p); /* "stopped", "opening", ... */
const char *engine_goal_name(enum engine_goal g);   /* "restart", "retry", ... */

/* Whether `to` may come right after `from`. */
bool engine_phase_may_follow(enum engine_phase from, enum engine_phase to);

#endif
