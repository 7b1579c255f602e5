/* What members tell one another of the blocks they have, while a content spreads: what comes goes to the owner, who may
 * fetch the content, and into the book of the peer, for the choice of what it is given. */
#include "sync/peer/peers_internal.h"

enum {
	SPREAD_NUMBERS = 1U << 31, /* of the maps that are sent from here; those of the owner are below */
};

void spread_map_out(struct talk *t, const struct swarm_map *map)
{
	struct msg_map m = { .channel = (uint32_t)t->my_channel, .map = *map };
	size_t n;
	uint8_t *body = msg_map_encode(&m, &n);

	session_send(t->session, FRAME_MAP, body, n);
}

void spread_have_out(struct talk *t, uint32_t map, const struct swarm_run *runs, size_t n)
{
	while (n > 0) {
		struct msg_have m = { .channel = (uint32_t)t->my_channel,
			              .map = map,
			              .runs = runs,
			              .nruns = n < MSG_MAX_RUNS ? n : MSG_MAX_RUNS };
		size_t size;
		uint8_t *body = msg_have_encode(&m, &size);

		session_send(t->session, FRAME_HAVE, body, size);
		runs += m.nruns;
		n -= m.nruns;
	}
}

/* A peer that lacks blocks learns that all are here. */
static void answer_map(struct talk *t, const struct content *c)
{
	struct peer_group *g = t->group;
	struct swarm_map all = { .content = *c, .all = true };

	if (g->config.hooks->getting(g->config.arg, c) || content_stat(&g->config.sources, c) != CONTENT_PRESENT)
		return;
	all.number = SPREAD_NUMBERS | t->maps_told++;
	spread_map_out(t, &all);
}

void spread_map_in(struct talk *t, const struct msg_map *m)
{
	struct peer_group *g = t->group;
	bool bad;

	(void)swarm_maps_take(&t->maps, &m->map, &bad);
	if (bad || !g->config.hooks->map(g->config.arg, t->session->peer, &m->map))
		talk_misbehaved(t, "", "told of blocks that no content has");
	else if (m->map.tell && !m->map.gone)
		answer_map(t, &m->map.content);
}

void spread_have_in(struct talk *t, const struct msg_have *m)
{
	struct peer_group *g = t->group;
	bool bad;

	(void)swarm_maps_have(&t->maps, m->map, m->runs, m->nruns, NULL, NULL, &bad);
	if (bad || !g->config.hooks->have(g->config.arg, t->session->peer, m->map, m->runs, m->nruns))
		talk_misbehaved(t, "", "told of blocks that the content does not have");
}

void spread_any_in(struct talk *t, const struct msg_any *m)
{
	for (size_t i = 0; i < m->n; i++)
		serve_out(t, m->requests[i]);
}

void spread_stop(struct talk *t)
{
	swarm_maps_clear(&t->maps);
}
