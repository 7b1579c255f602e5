/* Which requests have a file as their body, which a door must know before it reads one. Pure. */
#ifndef LANYARD_AGENT_API_UPLOAD_ROUTE_H
#define LANYARD_AGENT_API_UPLOAD_ROUTE_H

#include <stdbool.h>

bool upload_route_is(const char *method, const char *path);

#endif
