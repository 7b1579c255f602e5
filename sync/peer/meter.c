/* See meter.h. */
#include "sync/peer/meter.h"

static void move_on(struct meter *m, int64_t now_ms)
{
	int64_t over = (now_ms - m->since_ms) / METER_MS; /* windows */

	if (over < 1)
		return;
	m->older = over == 1 ? m->now : 0;
	m->now = 0;
	m->since_ms += over * METER_MS;
}

void meter_add(struct meter *m, int64_t now_ms, size_t n)
{
	move_on(m, now_ms);
	m->now += n;
}

int64_t meter_rate(const struct meter *m, int64_t now_ms)
{
	struct meter then = *m;
	uint64_t left_ms;

	move_on(&then, now_ms);
	left_ms = (uint64_t)(METER_MS - (now_ms - then.since_ms));
	return (int64_t)((then.now + then.older * left_ms / METER_MS) * 1000 / METER_MS);
}
