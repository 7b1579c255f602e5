/* What is lost here. There is one way back from every damage: what is gone is noted, all writers are asked to tell all
 * of their rows again, and those that need it want it. Rows of which nothing is missing settle at once. */
#include <string.h>

#include <utlist.h>

#include "base/log.h"
#include "sync/vault/vault_internal.h"

enum { REPAIR_GAP_MS = 60000 }; /* between two times that everybody is asked to tell all again */

void vault_repair_lost(struct vault *v, const uint8_t name[INDEX_VAULT_OBJECT])
{
	char text[17];

	if (index_vault_object_lose(v->config.index, name) < 0)
		return;
	hex_encode(text, name + 9, 8);
	if (log_allow("vault lost", 3))
		log_warn("%s: the stored object %s... is missing or damaged; it is asked for again",
		         share_path(v->config.share), text);
	v->config.ops->problem(v->config.arg, "stored objects were missing or damaged");
	v->reset_due = true;
}

void vault_repair_core(struct vault *v, int64_t path, uint64_t seq)
{
	if (vault_judge_remove(v, path, seq, v->now_s) < 0)
		return;
	if (log_allow("vault core", 3))
		log_warn("%s: a stored row is damaged; writers are asked for it again", share_path(v->config.share));
	v->config.ops->problem(v->config.arg, "stored rows were damaged");
	v->reset_due = true;
}

static bool reset_one(void *arg, const struct roster_member *m)
{
	struct vault *v = arg;
	struct index_peer p;
	uint64_t id = agent_id_short(&m->id);

	if (!rights_has(m->role, RIGHT_WRITE) || index_peer_get(v->config.index, id, &p) < 0 || p.received == 0)
		return true;
	p.received = 0;
	(void)index_peer_put(v->config.index, id, &p);
	/* It may have our hello, and not be up here yet. */
	if (vault_peer_find(v, id) == NULL)
		vault_peer_hello(v, id);
	return true;
}

void vault_repair_reset(struct vault *v)
{
	int64_t now = loop_now_ms(v->config.loop);
	struct vault_peer *p;

	v->reset_due = true;
	if (v->reset_ms != 0 && now - v->reset_ms < REPAIR_GAP_MS)
		return;
	v->reset_due = false;
	v->reset_ms = now;
	roster_members(v->config.roster, reset_one, v);
	DL_FOREACH(v->peers, p) {
		if (!vault_peer_vouches(v, p))
			continue;
		vault_cores_drop(p);
		vault_peer_rewind(v, p, 0);
		vault_peer_hello(v, p->id);
	}
}
