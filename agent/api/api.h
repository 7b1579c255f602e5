/* The HTTP API of the control socket: finds the handler of each request in the table of api_routes.h. docs/api.md
 * describes the routes. Names of files are escaped (escape.h) in requests and answers. The loop's thread. */
#ifndef LANYARD_AGENT_API_H
#define LANYARD_AGENT_API_H

#include "agent/api/control.h"

struct agent;
struct api;
struct config;
struct events;
struct loop;
struct web;

/* name: of this host; listen: where it listens, as the settings say it. Both are copied. */
struct api *api_new(struct loop *loop, struct agent *agent, struct events *events, const char *name,
                    const char *listen);
/* Call it after control_free(), and after agent_free(), which may still report a verification. */
void api_free(struct api *api);
/* For control_new(); arg is the api. */
void api_handle(void *arg, struct control_call *call);
/* The same for those whose files these are: they get the routes with API_USER and API_READER, and 403 for all others.
 */
void api_handle_user(void *arg, struct control_call *call);
/* The same for a session of the page, and a program's token for all: all routes but those with API_SOCKET. */
void api_handle_web(void *arg, struct control_call *call);
/* The same for a program's token to read: those with API_READER. */
void api_handle_web_reader(void *arg, struct control_call *call);
/* The door for browsers, for the routes that open it; NULL: there is none. It stays the caller's. */
void api_use_web(struct api *api, struct web *web);
/* What the settings route tells; it stays the caller's. */
void api_use_config(struct api *api, const struct config *config);

#endif
