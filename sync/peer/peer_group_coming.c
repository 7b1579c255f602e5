/* Files that have no record yet (sync/plan/coming_run.h), out and in. What does not fit into a link's queue is left
 * out: each run stands alone, and the file's record brings what is missing. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "sync/peer/peers_internal.h"
#include "sync/plan/path.h"

static void coming_send(struct talk *t, const struct coming *said)
{
	size_t n, size = 36 * (size_t)said->blocks.n;
	uint8_t *list = mem_calloc(said->blocks.n + 1, 36), *body;
	struct msg_coming m = { .channel = (uint32_t)t->my_channel,
		                .id = said->id,
		                .path = said->path,
		                .ended = said->state == COMING_ENDED,
		                .at = said->base,
		                .blocks = { .p = list, .n = size } };

	blocklist_encode(list, &said->blocks);
	body = msg_coming_encode(&m, &n);
	talk_send(t, FRAME_COMING, body, n);
	free(list);
}

static bool is_listener(const struct peer_group *g, const struct talk *t)
{
	return t->up && roster_may(g->config.roster, &t->session->id, RIGHT_READ);
}

size_t peer_group_listeners(const struct peer_group *g)
{
	const struct talk *t;
	size_t n = 0;

	DL_FOREACH2(g->talks, t, group_next)
		n += is_listener(g, t);
	return n;
}

/* What a reader writes stays with it. */
void peer_group_coming(struct peer_group *g, uint64_t peer, const struct coming *said)
{
	struct talk *t;

	if (!rights_has(talk_own_role(g), RIGHT_WRITE))
		return;
	DL_FOREACH2(g->talks, t, group_next) {
		if ((peer == 0 || t->session->peer == peer) && is_listener(g, t) &&
		    t->session->link->queued_control < LINK_CONTROL_LOW)
			coming_send(t, said);
	}
}

/* Like a record, it counts only from a peer that may write. */
void peer_group_coming_in(struct talk *t, const struct msg_coming *m)
{
	const struct peer_group_config *c = &t->group->config;
	struct coming said = { .id = m->id,
		               .path = m->path,
		               .state = m->ended ? COMING_ENDED : COMING_RUN,
		               .base = m->at };
	enum path_verdict verdict = path_check(m->path, strlen(m->path));

	if (!talk_vouches(t) || c->hooks->coming == NULL)
		return;
	if (verdict != PATH_OK) {
		talk_misbehaved(t, m->path, path_verdict_text(verdict));
		return;
	}
	if (!c->hooks->accepts(c->arg, m->path, false))
		return;
	if (blocklist_decode(&said.blocks, m->blocks.p, m->blocks.n) < 0 ||
	    !c->hooks->coming(c->arg, t->session->peer, &said))
		talk_misbehaved(t, m->path, "announced impossible blocks of a file");
	blocklist_clear(&said.blocks);
}
