/* The table of phases: see engine_phase.h. */
#include "agent/engine/engine_phase.h"

#define BIT(p) (1U << (p))

/* Almost every phase may be followed by LEAVING and DRAINING. What follows a mirror (STOPPED, COPIED, REMOVING) comes
 * only after DRAINING. */
static const struct {
	const char *name;
	unsigned next;
} phases[] = {
	[PHASE_STOPPED] = { "stopped", BIT(PHASE_OPENING) | BIT(PHASE_LEAVING) | BIT(PHASE_DRAINING) },
	[PHASE_OPENING] = { "opening", BIT(PHASE_STOPPED) | BIT(PHASE_JOINING) | BIT(PHASE_RUNNING) |
	                                       BIT(PHASE_LEAVING) | BIT(PHASE_DRAINING) },
	[PHASE_JOINING] = { "joining",
	                    BIT(PHASE_STOPPED) | BIT(PHASE_LOST) | BIT(PHASE_LEAVING) | BIT(PHASE_DRAINING) },
	[PHASE_RUNNING] = { "running",
	                    BIT(PHASE_EXCLUDED) | BIT(PHASE_LOST) | BIT(PHASE_LEAVING) | BIT(PHASE_DRAINING) },
	[PHASE_EXCLUDED] = { "excluded", BIT(PHASE_LOST) | BIT(PHASE_LEAVING) | BIT(PHASE_DRAINING) },
	[PHASE_LOST] = { "lost", BIT(PHASE_LEAVING) | BIT(PHASE_DRAINING) },
	[PHASE_LEAVING] = { "leaving", BIT(PHASE_DRAINING) },
	[PHASE_DRAINING] = { "draining", BIT(PHASE_STOPPED) | BIT(PHASE_COPIED) | BIT(PHASE_REMOVING) |
	                                         BIT(PHASE_LEAVING) | BIT(PHASE_DRAINING) },
	[PHASE_COPIED] = { "copied", BIT(PHASE_LEAVING) | BIT(PHASE_DRAINING) },
	[PHASE_REMOVING] = { "removing", BIT(PHASE_DRAINING) },
};

const char *engine_phase_name(enum engine_phase p)
{
	return phases[p].name;
}

const char *engine_goal_name(enum engine_goal g)
{
	static const char *const names[] = { [GOAL_RESTART] = "restart",
		                             [GOAL_RETRY] = "retry",
		                             [GOAL_COPIED] = "copied",
		                             [GOAL_REMOVE] = "remove",
		                             [GOAL_FREE] = "free" };

	return names[g];
}

bool engine_phase_may_follow(enum engine_phase from, enum engine_phase to)
{
	return (phases[from].next & BIT(to)) != 0;
}
