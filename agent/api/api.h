/* What the control socket offers: a table of requests (method, path, handler) over the agent's functions. docs: the
 * table in api.c. Names of files are text as in escape.h, both ways. The loop's thread. */
#ifndef LANYARD_AGENT_API_H
#define LANYARD_AGENT_API_H

#include "agent/agent.h"
#include "agent/api/control.h"

struct api;

/* name of this host, and where it listens, as the settings have it; copied. */
struct api *api_new(struct loop *loop, struct agent *agent, struct events *events, const char *name,
                    const char *listen);
/* After control_free() and after agent_free(), which may still report a verification that was under way. */
void api_free(struct api *api);
/* For control_new(); arg is the api. */
void api_handle(void *arg, struct control_call *call);
/* The same for those who may only look: how things are, and who is connected. */
void api_handle_reader(void *arg, struct control_call *call);

#endif
