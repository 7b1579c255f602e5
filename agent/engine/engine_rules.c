/* When the ignore rules change, what peers told of paths that were ignored then, and was passed over, is needed now,
 * and peers need what was left out towards them: all members are asked for all of their rows again, and told all of
 * ours. That moves rows, not files; what we have already is recognised. The index remembers for which rules it was
 * told, so a change made while the agent was stopped counts too. */
#include "agent/engine/engine_internal.h"

static bool ask_again(void *arg, const struct roster_member *m)
{
	struct engine *e = arg;
	uint64_t peer = agent_id_short(&m->id);
	struct index_peer p;

	if (index_peer_get(e->index, peer, &p) == 0 && p.received) {
		p.received = 0;
		index_peer_put(e->index, peer, &p);
	}
	return true;
}

bool engine_rules_changed(struct engine *e)
{
	int64_t known = 0, now = share_ignore_digest(e->share);

	if (index_meta_get(e->index, "ignore rules", &known) < 0 || known == now)
		return false;
	index_meta_put(e->index, "ignore rules", now);
	index_meta_put(e->index, INDEX_META_RETELL, (int64_t)index_seq(e->index));
	index_forget_rejected(e->index);
	roster_members(e->roster, ask_again, e);
	return true;
}
