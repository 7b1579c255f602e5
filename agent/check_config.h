/* `lanyardd --check-config`: whether an agent would start with these settings, and what it would join. Changes nothing
 * but this process, and is safe while an agent is running. */
#ifndef LANYARD_AGENT_CHECK_CONFIG_H
#define LANYARD_AGENT_CHECK_CONFIG_H

#include "agent/config/config.h"

/* Loads the settings into c (not initialised yet) as lanyardd would with these options, and checks the invites and
 * secrets that they name. Root, who asks for the system's home, is told what its service would see: the files below
 * /etc/lanyard that become its credentials, and from then on this process has that service's user.
 *
 * 0; -1 with *why: a mistake. notes: what may still be in the way. */
int check_config(struct config *c, const char *home, const struct options *o, struct settings_list *notes, char **why);

#endif
