/* The last gate before `found`: what was told a moment ago is not told again, and no network, however busy or hostile,
 * can make us call more than a bounded number of times a second. Loop's thread. */
#ifndef LANYARD_DISCOVERY_REPORTS_H
#define LANYARD_DISCOVERY_REPORTS_H

#include "base/loop.h"
#include "discovery/mdns.h"

enum {
	REPORTS_MAX = 2048,     /* (ID, address) pairs remembered; the oldest is forgotten first */
	REPORTS_SAME_MS = 1000, /* between two reports of one pair */
	REPORTS_MAX_PER_SECOND = 256,
};

struct reports;

struct reports *reports_new(struct loop *loop, void (*found)(void *arg, const struct mdns_found *found), void *arg);
void reports_free(struct reports *r);
/* Calls found now; or, when the same pair was reported less than a second ago and now comes under a new instance name,
 * once that second is over; or not at all (an instance seen through another link or out of a cache, or too many a
 * second). */
void reports_offer(struct reports *r, const struct mdns_found *found);

#endif
