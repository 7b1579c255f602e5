/* What has passed in a group, and how fast. */
#include "sync/peer/peers_internal.h"

struct peer_counters peer_group_counters(const struct peer_group *g)
{
	return g->counters;
}

void peer_group_received(struct peer_group *g, size_t n)
{
	g->counters.bytes_received += n;
	meter_add(&g->meter_in, loop_now_ms(g->peers->config.loop), n);
}

void peer_group_sent(struct peer_group *g, size_t n)
{
	g->counters.bytes_sent += n;
	meter_add(&g->meter_out, loop_now_ms(g->peers->config.loop), n);
}

struct peer_rates peer_group_rates(const struct peer_group *g)
{
	int64_t now_ms = loop_now_ms(g->peers->config.loop);

	return (struct peer_rates){ .in = meter_rate(&g->meter_in, now_ms), .out = meter_rate(&g->meter_out, now_ms) };
}
