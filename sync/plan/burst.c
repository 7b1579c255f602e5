/* See burst.h. */
#include "sync/plan/burst.h"

bool burst_holds(struct burst *b, int64_t calm, int64_t there, int64_t going, int64_t now_ms, bool together)
{
	int64_t lost;

	if (b->before == 0 || (!together && now_ms - b->last_ms > BURST_GAP_MS))
		*b = (struct burst){ .before = calm };
	b->last_ms = now_ms;
	lost = b->before - (there - going);
	if (lost > b->gone + going)
		lost = b->gone + going;
	if (lost < BURST_MIN || lost < (b->before + BURST_PART - 1) / BURST_PART) {
		b->gone += going;
		return false;
	}
	return true;
}
