/* The peers that are connected, and how far we are with each: which of its numbers are stored, synced and
 * acknowledged, and what it has of ours. */
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/mem.h"
#include "sync/vault/vault_internal.h"

struct vault_peer *vault_peer_find(struct vault *v, uint64_t id)
{
	struct vault_peer *p;

	DL_FOREACH(v->peers, p)
		if (p->id == id)
			return p;
	return NULL;
}

struct vault_peer *vault_peer_add(struct vault *v, uint64_t id)
{
	struct roster_member m;
	struct vault_peer *p;

	if (!roster_member_by_short(v->config.roster, id, &m))
		return NULL;
	p = MEM_NEW(struct vault_peer);
	p->id = id;
	p->agent = m.id;
	DL_APPEND(v->peers, p);
	return p;
}

void vault_peer_free(struct vault *v, struct vault_peer *p)
{
	struct vault_owed *owed, *next;

	DL_DELETE(v->peers, p);
	DL_FOREACH_SAFE(p->owed, owed, next)
		free(owed);
	while (p->unacked != NULL) {
		struct vault_told *told = p->unacked;

		p->unacked = told->next;
		free(told);
	}
	free(p);
}

bool vault_peer_may(const struct vault *v, const struct vault_peer *p, enum right right)
{
	return roster_may(v->config.roster, &p->agent, right);
}

bool vault_peer_vouches(const struct vault *v, const struct vault_peer *p)
{
	return p->writes && vault_peer_may(v, p, RIGHT_WRITE);
}

void vault_peer_hello(struct vault *v, uint64_t id)
{
	struct index *index = v->config.index;
	struct msg_vault m = {
		.what = MSG_VAULT_HELLO,
		.epoch = index_epoch(index),
		.seq = index_seq(index),
		.role_known = ROLE_VAULT,
		.full = v->full,
		.used = (uint64_t)(index_vault_totals(index).bytes + v->kept_bytes),
		.quota = (uint64_t)v->config.quota,
	};
	struct index_peer p;

	if (index_peer_get(index, id, &p) < 0)
		return;
	m.have_epoch = p.epoch;
	m.have_seq = m.settled = p.received;
	v->config.ops->vault(v->config.arg, id, &m);
}

void vault_peer_state(struct vault *v)
{
	struct msg_vault m = {
		.what = MSG_VAULT_STATE,
		.full = v->full,
		.used = (uint64_t)(index_vault_totals(v->config.index).bytes + v->kept_bytes),
		.quota = (uint64_t)v->config.quota,
	};
	struct vault_peer *p;

	v->said_bytes = (int64_t)m.used;
	DL_FOREACH(v->peers, p)
		v->config.ops->vault(v->config.arg, p->id, &m);
}

/* --- its numbers --- */

void vault_peer_note(struct vault *v, struct vault_peer *p)
{
	uint64_t done = p->owed != NULL && p->owed->seq <= p->told ? p->owed->seq - 1 : p->told;
	struct index_peer known;

	if (done == p->done || index_peer_get(v->config.index, p->id, &known) < 0)
		return;
	known.epoch = p->epoch;
	known.received = done;
	if (index_peer_put(v->config.index, p->id, &known) == 0)
		p->done = done;
}

void vault_peer_rewind(struct vault *v, struct vault_peer *p, uint64_t done)
{
	struct vault_owed *owed, *next;

	DL_FOREACH_SAFE(p->owed, owed, next) {
		if (owed->held || owed->seq <= done)
			continue;
		DL_DELETE(p->owed, owed);
		p->nowed--;
		free(owed);
	}
	p->told = done;
	if (p->syncing > done)
		p->syncing = done;
	if (p->safe > done)
		p->safe = done;
	p->acked = p->safe;
	vault_peer_note(v, p);
}

struct vault_owed *vault_peer_owe(struct vault_peer *p, uint64_t seq)
{
	struct vault_owed *owed = MEM_NEW(struct vault_owed), *at = p->owed != NULL ? p->owed->prev : NULL;

	owed->seq = seq;
	/* Nearly always it is the last one. What a peer repeats may come before others. */
	while (at != NULL && at->seq > seq)
		at = at == p->owed ? NULL : at->prev;
	if (at == NULL)
		DL_PREPEND(p->owed, owed);
	else
		DL_APPEND_ELEM(p->owed, at, owed);
	p->nowed++;
	return owed;
}

void vault_peer_settle(struct vault *v, struct vault_peer *p, struct vault_owed *owed)
{
	bool first = owed == p->owed;

	DL_DELETE(p->owed, owed);
	p->nowed--;
	free(owed);
	if (first)
		vault_peer_note(v, p);
}

/* --- what it has of ours --- */

struct writers {
	uint64_t *ids; /* owned */
	size_t n;
};

static bool add_writer(void *arg, const struct roster_member *m)
{
	struct writers *w = arg;

	if (rights_has(m->role, RIGHT_WRITE)) {
		w->ids = mem_realloc(w->ids, w->n + 1, sizeof(*w->ids));
		w->ids[w->n++] = agent_id_short(&m->id);
	}
	return true;
}

/* The roster gives them in order of their IDs. */
bool vault_peer_writer_lost(struct vault *v, bool (*fn)(struct vault *v, uint64_t id))
{
	struct writers now = { 0 };
	size_t k = 0;
	bool lost = false;

	roster_members(v->config.roster, add_writer, &now);
	for (size_t i = 0; i < v->nwriters; i++) {
		while (k < now.n && now.ids[k] < v->writers[i])
			k++;
		if (k < now.n && now.ids[k] == v->writers[i])
			continue;
		lost = true;
		(void)fn(v, v->writers[i]);
	}
	free(v->writers);
	v->writers = now.ids;
	v->nwriters = now.n;
	return lost;
}

struct settled_all {
	struct vault *v;
	uint64_t least;
};

static bool settled_by(void *arg, const struct roster_member *m)
{
	struct settled_all *s = arg;
	struct index_peer p;
	uint64_t settled = 0;

	if (!rights_has(m->role, RIGHT_READ))
		return true;
	if (index_peer_get(s->v->config.index, agent_id_short(&m->id), &p) == 0 &&
	    p.settled_epoch == index_epoch(s->v->config.index))
		settled = p.settled;
	if (settled < s->least)
		s->least = settled;
	return s->least > 0;
}

uint64_t vault_peer_settled_by_all(struct vault *v)
{
	struct settled_all s = { v, index_seq(v->config.index) };

	roster_members(v->config.roster, settled_by, &s);
	return s.least;
}
