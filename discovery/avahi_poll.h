/* Avahi's idea of an event loop, AvahiPoll, served by ours: the watches and timers that libavahi-core and
 * libavahi-client ask for become loop_io and loop_timer. Avahi's timers are absolute times of the wall clock; each
 * is armed for the time that is left at that moment, so setting the clock later does not move it. All functions,
 * and everything that Avahi calls through them, belong to the thread of the loop. */
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

/* Shows each readable descriptor to screen() before Avahi reads it. False: screen() took the waiting datagram away
 * (or there is none), and Avahi is not called. */
void avahi_poll_set_screen(struct avahi_poll *p, bool (*screen)(void *arg, int fd), void *arg);

/* From now on Avahi's callbacks have a budget: `share` thousandths of a core. Up to most_ms of work may be saved
 * up, and that much is there at the start. While the budget is used up, IPv4 and IPv6 sockets are not read; packets
 * wait in the kernel, and are lost when it has no space for them, like on a bad link. May be called once. */
void avahi_poll_set_budget(struct avahi_poll *p, int share, int64_t most_ms);

#endif
