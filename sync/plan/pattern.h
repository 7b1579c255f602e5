/* What users name when they choose files of a group: a path, or a pattern for paths. A pattern covers each path that it
 * matches, and everything below that path; so the plain path of a folder covers all that is in it. "" covers the whole
 * share. Bytes are compared, in no locale. In a pattern
 *
 *   *      stands for any bytes but '/'
 *   **     for any bytes; between slashes, also for nothing: a / ** / b (without the spaces) covers a/b
 *   ?      for one byte but '/'
 *   [a-z]  for one byte of the set, [!a-z] for one that is not in it; never for '/'
 *   \      before any byte: that byte
 *
 * Pure. */
#ifndef LANYARD_SYNC_PLAN_PATTERN_H
#define LANYARD_SYNC_PLAN_PATTERN_H

#include <stdbool.h>

enum { PATTERN_MAX = 8190 }; /* bytes; a path in which each byte is quoted */

/* Whether it could cover a path at all: relative, without empty, "." or ".." components, not too long, and no
 * backslash at its end. */
bool pattern_check(const char *pattern);
/* Whether `path` is covered. The time is bounded by the product of both lengths, for each ** once more. */
bool pattern_covers(const char *pattern, const char *path);
/* Whether it has a *, ? or [ that is not quoted. */
bool pattern_is_glob(const char *pattern);
/* The pattern that covers just this path and what is below. Fresh memory. */
char *pattern_quote(const char *path);
/* The deepest path above or at everything that the pattern covers; "" when that is the share. For a pattern that is
 * a plain path: the path it stands for. Fresh memory. */
char *pattern_root(const char *pattern);

#endif
