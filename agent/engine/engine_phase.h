/* The phases of an engine, and which may follow which. Pure. */
#ifndef LANYARD_AGENT_ENGINE_ENGINE_PHASE_H
#define LANYARD_AGENT_ENGINE_ENGINE_PHASE_H

#include <stdbool.h>

enum engine_phase {
	PHASE_STOPPED,  /* nothing runs: just made, or for the reason in `error`; retried if that may go away */
	PHASE_OPENING,  /* a worker follows the share's path, and for a member opens the share */
	PHASE_JOINING,  /* asks members to let us in, or is a member of a sealed group without keys */
	PHASE_RUNNING,  /* the mirror works */
	PHASE_EXCLUDED, /* as RUNNING, but we are not in the roster any more, so no member talks to us */
	PHASE_LOST,    /* as RUNNING; the index lost rows, is damaged or must be filled again: drains after this turn */
	PHASE_LEAVING, /* the user left the group: drains after this turn */
	PHASE_DRAINING, /* starts nothing new, waits until all jobs are back, then does what its goal says */
	PHASE_COPIED,   /* our identity also runs elsewhere: stopped until the agent's next start */
	PHASE_REMOVING, /* left and drained: a worker removes the share's .lanyard/, then the engine is freed */
};

/* Why an engine drains. */
enum engine_goal {
	GOAL_RESTART, /* the index was damaged, or all is to be listed again: start again at once */
	GOAL_RETRY,   /* the index could not be written: start again after a while */
	GOAL_COPIED,
	GOAL_REMOVE,
	GOAL_FREE, /* engine_free() waits for it */
};

const char *engine_phase_name(enum engine_phase p); /* "stopped", "opening", ... */
const char *engine_goal_name(enum engine_goal g);   /* "restart", "retry", ... */

/* Whether `to` may come right after `from`. */
bool engine_phase_may_follow(enum engine_phase from, enum engine_phase to);

#endif
