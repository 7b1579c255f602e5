/* Tells when the wall clock was set, or the host was asleep: what was timed by it (libavahi's timers are) is then off, and
 * what was heard may be long out of date. Woken by the kernel, no polling. Loop's thread. */
#ifndef LANYARD_DISCOVERY_CLOCK_STEP_H
#define LANYARD_DISCOVERY_CLOCK_STEP_H

#include "base/loop.h"

enum { CLOCK_STEP_MIN_MS = 1000 }; /* smaller ones are not told */

struct clock_step;

/* stepped() is called from the loop. NULL when the system has no descriptors left. */
struct clock_step *clock_step_new(struct loop *loop, loop_fn *stepped, void *arg);
void clock_step_free(struct clock_step *c);

#endif
