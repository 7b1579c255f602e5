/* Percent-encoding of paths and parameters. Pure. */
#ifndef LANYARD_AGENT_CONTROL_URL_H
#define LANYARD_AGENT_CONTROL_URL_H

#include <stddef.h>

/* Decodes in place; returns the new length. What does not decode to a byte stays as it is, and so does %00: texts end
 * at a NUL, so whoever checks the whole would not see what was cut off. */
size_t control_url_decode(char *text);

#endif
