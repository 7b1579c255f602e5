/* Gathers what agent/api/metrics.h shows. */
#ifndef LANYARD_AGENT_API_METRICS_COLLECT_H
#define LANYARD_AGENT_API_METRICS_COLLECT_H

#include "agent/api/api_internal.h"
#include "agent/api/metrics.h"

/* The state of the agent and of the process now; to be freed by metrics_clear(). The loop's thread: it reads memory and
 * the index, and no disk of a share. */
void metrics_collect(struct api *api, struct metrics *m);

#endif
