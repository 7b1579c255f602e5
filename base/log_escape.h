/* Any bytes as text that is safe in a log and on a terminal. Pure. */
#ifndef LANYARD_BASE_LOG_ESCAPE_H
#define LANYARD_BASE_LOG_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

/* Escapes n bytes for a terminal or a log: printable UTF-8 stays, the rest becomes \xNN, backslash becomes \\.
 * Returns fresh memory that the caller frees. */
char *log_escape(const void *bytes, size_t n);
/* The same into `out`, which has space for 4n + 1 bytes; backslash: false leaves backslashes as they are. Returns
 * the length. */
size_t log_escape_to(char *out, const void *bytes, size_t n, bool backslash);

#endif
