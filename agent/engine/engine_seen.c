/* When members were here last, for people. The time at which a connection ended is kept in the index, so that it
 * outlives a restart. */
#include <inttypes.h>
#include <stdio.h>

#include "agent/engine/engine_internal.h"
#include "base/clock.h"

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

/* Nobody tells a reader what it has of the reader's rows. What a member has got from others meanwhile is not told
 * either. */
bool engine_seen_knows(struct engine *e, uint64_t peer)
{
	return e->index != NULL && e->vault == NULL && !index_is_reader(e->index) && e->peers != NULL &&
	       (peer_group_connected(e->peers, peer) || peer_group_here_s(e->peers, peer) < 0);
}
