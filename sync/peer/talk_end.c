/* The end of a talk, whoever ends it: requests of either side are forgotten. How far the peer's news and ours have got
 * is noted at the end of each turn, and not here: what ends a talk may be that all of that counts for nothing any more.
 * So of the last turn it is not noted, and those rows are told once more; they are equal then. The proof of the
 * peer's numbers is, since it is true whatever becomes of the rows, and the peer may be put back from an older copy
 * before it tells them. */
#include <stdlib.h>
#include <utlist.h>

#include "sync/peer/peers_internal.h"

void talk_end(struct talk *t, const char *reason)
{
	struct session *s = t->session;
	struct peer_group *g = t->group;
	bool was_up = t->up;

	t->up = false;
	DL_DELETE(s->talks, t);
	DL_DELETE2(g->talks, t, group_prev, group_next);
	ranges_stop(t);
	news_out_stop(t);
	serve_stop(t);
	inflight_stop(t);
	peer_group_hold_stop(t);
	spread_stop(t);
	numbers_store(t);
	talk_vault_down(t);
	wrap_free(t->seal.wrap);
	if (was_up) {
		g->config.hooks->down(g->config.arg, s->peer);
		if (s->peers->config.disconnected)
			s->peers->config.disconnected(s->peers->config.arg, &s->id, g, reason);
		g->config.hooks->state(g->config.arg);
	}
	free(t);
}

void talk_close(struct talk *t, const char *reason)
{
	struct msg_group_close m = { .channel = (uint32_t)t->my_channel,
		                     .your_channel = t->their_channel,
		                     .reason = reason };
	size_t n;
	uint8_t *body = msg_group_close_encode(&m, &n);

	session_send(t->session, FRAME_GROUP_CLOSE, body, n);
	talk_end(t, reason);
}
