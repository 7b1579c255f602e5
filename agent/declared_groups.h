/* Groups that the settings name with an invite (those with a secret: secret_groups.h). The agent joins them, so that a
 * machine that was configured by files alone joins at boot. A group of that name that is here already stays as it is,
 * whatever became of its invite. The loop's thread. */
#ifndef LANYARD_AGENT_DECLARED_GROUPS_H
#define LANYARD_AGENT_DECLARED_GROUPS_H

#include "agent/agent.h"
#include "agent/config/config.h"

/* Joins the missing ones. A group that cannot be joined is logged with the reason and does not affect the others.
 * Called after the start and after each reload. */
void declared_groups_join(struct agent *a, const struct config *c);

/* The invite at path, checked to be for this group; fresh. Whether it has expired is not checked, since that does not
 * matter to a member. NULL with *why (fresh); *absent: there is no such file. */
char *declared_groups_read(const struct config_group *g, const char *path, bool *absent, char **why);

#endif
