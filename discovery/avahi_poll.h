/* Avahi's idea of an event loop, AvahiPoll, served by ours. What libavahi-core and libavahi-client ask for (watches on
 * descriptors, timers at absolute times) becomes loop_io and loop_timer.
 *
 * Avahi counts in wall clock; a timer is armed for what is left at that moment, so a clock set later does not move
 * it. All functions, and all that Avahi calls through it: the thread of the loop given. */
#ifndef LANYARD_DISCOVERY_AVAHI_POLL_H
#define LANYARD_DISCOVERY_AVAHI_POLL_H

#include <avahi-common/watch.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"

struct avahi_poll;

struct avahi_poll *avahi_poll_new(struct loop *loop);
/* Everything made through it must have been freed before. free(NULL) works. */
void avahi_poll_free(struct avahi_poll *p);
/* Valid until avahi_poll_free(). */
const AvahiPoll *avahi_poll_get(const struct avahi_poll *p);

/* Shows each readable descriptor to screen() before Avahi reads it; false means that it took the waiting datagram away
 * itself (or that there is none), and Avahi is not told. */
void avahi_poll_set_screen(struct avahi_poll *p, bool (*screen)(void *arg, int fd), void *arg);

/* From now on what Avahi does in its callbacks has a budget: `share` thousandths of a core, of which `most_ms` of work may be saved
 * up, and are at the start. While it is used up, IPv4 and IPv6 sockets are not read; what comes meanwhile waits in the kernel, and
 * what does not fit there is lost like on a bad link. Once at most. */
void avahi_poll_set_budget(struct avahi_poll *p, int share, int64_t most_ms);

#endif
