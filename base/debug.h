/* What a part of the program reports of its state for a bug report (`lanyard debug dump`): numbers with fixed names,
 * never content, keys, or names of files. */
#ifndef LANYARD_BASE_DEBUG_H
#define LANYARD_BASE_DEBUG_H

#include <stdint.h>

/* part and name are constants of the source. A flag is 0 or 1; a timer is the milliseconds until it is due, -1 if it
 * does not run. */
typedef void debug_fn(void *arg, const char *part, const char *name, int64_t value);

#endif
