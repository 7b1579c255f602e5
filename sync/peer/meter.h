/* How many bytes per second pass, over the last seconds: two windows of time, of which the older one counts for the
 * part that is not over yet. Zeroed at first. Times are the loop's. Pure. */
#ifndef LANYARD_SYNC_PEER_METER_H
#define LANYARD_SYNC_PEER_METER_H

#include <stddef.h>
#include <stdint.h>

enum { METER_MS = 2000 }; /* a window */

struct meter {
	int64_t since_ms;    /* when the present window began */
	uint64_t now, older; /* bytes of it, and of the one before */
};

void meter_add(struct meter *m, int64_t now_ms, size_t n);
int64_t meter_rate(const struct meter *m, int64_t now_ms); /* bytes per second */

#endif
