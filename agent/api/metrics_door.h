/* The door for programs that gather metrics: GET /metrics and nothing else, without a session. The loop's thread. */
#ifndef LANYARD_AGENT_METRICS_DOOR_H
#define LANYARD_AGENT_METRICS_DOOR_H

#include "agent/api/api.h"

struct metrics_door;

/* at: as the setting `metrics` says it, ADDR:PORT or the path of a socket. NULL with *why (fresh text). The api must
 * outlive it. */
struct metrics_door *metrics_door_new(struct loop *loop, struct api *api, const char *at, char **why);
/* NULL is allowed. */
void metrics_door_free(struct metrics_door *d);

#endif
