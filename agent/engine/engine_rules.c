/* Changes of the ignore rules. Rows of paths that were ignored before were neither taken from peers nor sent to them,
 * so all members are asked for all their rows again, and get all of ours. That transfers rows, not files. The index
 * remembers the rules under which rows were received, so a change that was made while the agent was stopped counts
 * too. */
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
