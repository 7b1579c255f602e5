/* Members that have, or had, a file that is missing here. */
#ifndef LANYARD_AGENT_API_MISSING_H
#define LANYARD_AGENT_API_MISSING_H

#include "agent/api/api_internal.h"
#include "agent/engine/engine.h"

/* {path, members} of a file, fresh; members: name, connected or last seen when. *source is set to true if one of them
 * is connected; source may be NULL. */
json_t *api_missing_file(struct engine *e, const struct engine_file *f, bool *source);
/* The same by its path; null if there is nothing at it. */
json_t *api_missing_of(struct engine *e, const char *path);

#endif
