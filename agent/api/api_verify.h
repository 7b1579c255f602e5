/* Ends verifications that are in progress. */
#ifndef LANYARD_AGENT_API_VERIFY_H
#define LANYARD_AGENT_API_VERIFY_H

#include "agent/api/api_internal.h"

/* Forgets all of them, without an answer: the API ends. */
void api_verify_forget(struct api *api);
/* The group was left: its verification ends, and its caller is told. */
void api_verify_left(struct api *api, const struct group_id *group);

#endif
