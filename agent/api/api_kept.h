/* versions without a path: everything that is kept of a group. */
#ifndef LANYARD_AGENT_API_KEPT_H
#define LANYARD_AGENT_API_KEPT_H

#include "agent/api/api_internal.h"
#include "sync/versions/version_store.h"

/* Answers the call. */
void api_kept(struct api *api, struct control_call *call, struct engine *e);
/* The fields that a version has in every list. Fresh. */
json_t *api_kept_json(const struct kept_version *kept);

#endif
