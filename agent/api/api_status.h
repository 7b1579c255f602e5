/* The document of GET /v1/status, for others who need it. */
#ifndef LANYARD_AGENT_API_STATUS_H
#define LANYARD_AGENT_API_STATUS_H

#include "agent/api/api_internal.h"

/* Answers the call, now or later. Owns status. */
typedef void api_status_fn(struct api *api, struct control_call *call, json_t *status);
/* Calls fn once each group has checked its share, or after a second. */
void api_status_probed(struct api *api, struct control_call *call, api_status_fn *fn);

#endif
