/* Groups that the settings name: joined by their invites when this agent is in none of that name yet, so that a machine
 * that was configured by files alone joins at boot. A group that is here is left as it is, whatever became of its
 * invite. The loop's thread. */
#ifndef LANYARD_AGENT_DECLARED_GROUPS_H
#define LANYARD_AGENT_DECLARED_GROUPS_H

#include "agent/agent.h"
#include "agent/config/config.h"

/* Joins what is missing. A group that cannot be joined is logged with the reason and stops no other. After the start,
 * and again after the settings were read again. */
void declared_groups_join(struct agent *a, const struct config *c);

/* Whether the invites that can be read from here are there and are invites to these groups. Expiry is not looked at: it
 * does not matter to those who are in. -1 with *why (fresh text). */
int declared_groups_check(const struct config *c, char **why);

#endif
