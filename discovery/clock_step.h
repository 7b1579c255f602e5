/* Reports that the wall clock was set, or that the host was asleep: then whatever is timed by that clock
 * (libavahi's timers are) is off, and the services that were found may be long out of date. The kernel wakes it; no
 * polling. Loop's thread. */
#ifndef LANYARD_DISCOVERY_CLOCK_STEP_H
#define LANYARD_DISCOVERY_CLOCK_STEP_H

#include "base/loop.h"

enum { CLOCK_STEP_MIN_MS = 1000 }; /* smaller steps are not reported */

struct clock_step;

/* stepped() is called from the loop. NULL when the system has no descriptors left. */
struct clock_step *clock_step_new(struct loop *loop, loop_fn *stepped, void *arg);
void clock_step_free(struct clock_step *c);

#endif
