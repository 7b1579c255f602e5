/* Reading the parameters of a request. A function that fails has answered the call, so the handler just returns. */
#ifndef LANYARD_AGENT_API_REQUEST_H
#define LANYARD_AGENT_API_REQUEST_H

#include "agent/api/api_internal.h"

/* The group that the call's path names; NULL when there is none (404). */
struct engine *api_engine(struct api *api, struct control_call *call);
/* By ID, without an answer: NULL when this agent is not in the group (any more). */
struct engine *api_engine_by_id(struct api *api, const struct group_id *id);
/* Fields of the body; one that is absent or null leaves NULL or the caller's default. -1: it has the wrong type or is
 * out of range (400). */
int api_body_text(struct control_call *call, const char *key, const char **text);
int api_body_path(struct control_call *call, const char *key, char **path); /* of a path in a share, unescaped; fresh */
/* An absolute path, unescaped, fresh; NULL: it is missing or not valid (400). */
char *api_body_share(struct control_call *call, const char *key);
/* "mirror" or "on-demand"; absent: a mirror. */
int api_body_on_demand(struct control_call *call, const char *key, bool *on_demand);
int api_body_flag(struct control_call *call, const char *key, bool *flag);
int api_body_number(struct control_call *call, const char *key, int64_t min, int64_t max, int64_t *n);
/* A number in the query, in the same way. */
int api_query_number(struct control_call *call, const char *key, int64_t min, int64_t max, int64_t *n);

#endif
