/* Groups that the settings name. The agent joins them with their invites, so that a machine that was configured by
 * files alone joins at boot. A group of that name that is here already stays as it is, whatever became of its invite.
 * The loop's thread. */
#ifndef LANYARD_AGENT_DECLARED_GROUPS_H
#define LANYARD_AGENT_DECLARED_GROUPS_H

#include "agent/agent.h"
#include "agent/config/config.h"

/* Joins the missing ones. A group that cannot be joined is logged with the reason and does not affect the others.
 * Called after the start and after each reload. */
void declared_groups_join(struct agent *a, const struct config *c);

/* Checks that the named invites exist and are for these groups. Whether they have expired is not checked, since that
 * does not matter to a member. -1 with *why (fresh text). */
int declared_groups_check(const struct config *c, char **why);

#endif
