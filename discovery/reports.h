/* The last gate before discovery's `found`: a pair is not reported again within a second, and no network, however
 * busy or hostile, can make us call `found` more than a bounded number of times per second. Loop's thread. */
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
/* Calls found now. If the same pair was reported less than a second ago and now comes under a new instance name,
 * calls it when that second is over. Does not call it at all for an instance that was seen through another link or
 * in a cache, or if there were too many calls in this second. */
void reports_offer(struct reports *r, const struct mdns_found *found);

#endif
