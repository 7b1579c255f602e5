/* Requests of this agent to join groups. */
#ifndef LANYARD_AGENT_API_ASK_H
#define LANYARD_AGENT_API_ASK_H

#include "agent/api/api_internal.h"

/* All of them, as status and groups list them; those that were decided as well. Fresh. */
json_t *api_ask_list(struct api *api);
/* True if the call's group is none of this agent's, but one that it asks to join: it stops asking, and the call is
 * answered. */
bool api_ask_left(struct api *api, struct control_call *call);

#endif
