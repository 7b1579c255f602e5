/* Prints which members have, or had, a file that does not come. */
#ifndef LANYARD_AGENT_CLI_COPY_MISSING_H
#define LANYARD_AGENT_CLI_COPY_MISSING_H

#include <jansson.h>

/* "photos/a.jpg: anna had it (last seen 2026-11-29 05:00:00)", on stderr. missing: {path, members}. */
void copy_missing_print(const json_t *missing);

#endif
