/* When members were here last, and how far they are behind, for people. The time at which a connection ended is kept in
 * the index, so that it outlives a restart. */
#include <inttypes.h>
#include <stdio.h>

#include "agent/engine/engine_internal.h"
#include "base/clock.h"

enum { BEHIND_MAX = 100000 }; /* rows that are counted for one member */

struct seen_key {
	char text[32];
};

static const char *seen_key(struct seen_key *k, uint64_t peer)
{
	(void)snprintf(k->text, sizeof(k->text), "seen-%016" PRIx64, peer);
	return k->text;
}

void engine_seen_note(struct engine *e, uint64_t peer)
{
	struct seen_key k;

	if (e->index != NULL)
		(void)index_meta_put(e->index, seen_key(&k, peer), clock_wall_s());
}

int64_t engine_last_seen(struct engine *e, uint64_t peer)
{
	struct seen_key k;
	int64_t at = -1, here_s = e->peers != NULL ? peer_group_here_s(e->peers, peer) : -1;

	if (here_s >= 0)
		return clock_wall_s() - here_s;
	if (e->index == NULL || index_meta_get(e->index, seen_key(&k, peer), &at) < 0 || at == 0)
		return -1;
	return at;
}

int64_t engine_member_behind(struct engine *e, uint64_t peer, int64_t most)
{
	return e->index != NULL && e->vault == NULL ? index_peer_behind(e->index, peer, most) : -1;
}

void engine_member_state(struct engine *e, uint64_t peer, struct engine_member_state *s)
{
	s->connected = e->peers != NULL && peer_group_connected(e->peers, peer);
	s->here = e->peers != NULL && peer_group_here_s(e->peers, peer) >= 0;
	s->last_seen_s = engine_last_seen(e, peer);
	s->behind = engine_member_behind(e, peer, BEHIND_MAX);
}
