/* What cannot be synced, as lines of `status`. */
#ifndef LANYARD_AGENT_CLI_STATUS_PROBLEMS_H
#define LANYARD_AGENT_CLI_STATUS_PROBLEMS_H

#include <jansson.h>
#include <stdint.h>

#include "agent/cli/lines.h"

enum { STATUS_PROBLEMS_SHOWN = 10 };

/* Adds the problems of a group: each path if there are few, otherwise each folder and reason once. count: of all there
 * are. */
void status_problems_add(struct lines *l, const json_t *problems, int64_t count);

#endif
