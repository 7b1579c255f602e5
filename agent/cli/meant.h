/* The group or agent that a word of a command means, in a list of the agent's documents: by the agent's own rules
 * (agent_find() and agent_match.h), so that what is said of it is said of the one that it will be done to. */
#ifndef LANYARD_AGENT_CLI_MEANT_H
#define LANYARD_AGENT_CLI_MEANT_H

#include <jansson.h>

/* Of documents with "group", "id" and "public_id": by its name, else NAME#ID, else the start of its ID. NULL: none, or
 * several. The list's. */
const json_t *meant_group(const json_t *groups, const char *word);
/* Of documents with "agent", "name" and perhaps "code": by any of these. NULL: none, or several. The list's. */
const json_t *meant_agent(const json_t *list, const char *word);

#endif
