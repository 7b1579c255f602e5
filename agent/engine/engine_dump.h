/* The state of an engine as JSON, for a bug report (lanyard debug dump). */
#ifndef LANYARD_AGENT_ENGINE_ENGINE_DUMP_H
#define LANYARD_AGENT_ENGINE_ENGINE_DUMP_H

#include <jansson.h>

#include "agent/engine/engine.h"

/* Fresh. It never holds content. names: with paths, names and texts that may hold them; without, only numbers, IDs and
 * reasons. docs/api.md has the fields. The loop's thread. */
json_t *engine_dump(struct engine *e, bool names);

#endif
