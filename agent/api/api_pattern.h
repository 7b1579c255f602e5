/* Paths and patterns of a group's files, as users give them. */
#ifndef LANYARD_AGENT_API_PATTERN_H
#define LANYARD_AGENT_API_PATTERN_H

#include "agent/api/api_internal.h"
#include "agent/engine/engine.h"

/* The pattern (sync/plan/pattern.h) that the text of a request means: a path that exists in the group is meant as it
 * is, whatever bytes are in it; "." is the whole share. Fresh; NULL: it is not valid, and the call is answered (400). */
char *api_pattern(struct control_call *call, struct engine *e, const char *text);
/* The strings of an array in the body: `max` at most. -1: the call is answered. Both are for api_patterns_free(). */
int api_body_patterns(struct control_call *call, const char *key, struct engine *e, char ***patterns, size_t *n);
/* The same for plain paths. */
int api_body_paths(struct control_call *call, const char *key, char ***paths, size_t *n);
void api_patterns_free(char **patterns, size_t n);
/* Whether it covers a file of the group, or one that is set aside here. Looks at a bounded number of files: of a glob
 * that covers none of the first, true. */
bool api_pattern_has_files(struct engine *e, const char *pattern);

#endif
