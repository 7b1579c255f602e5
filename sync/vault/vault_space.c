/* Space: what nobody needs goes, and a vault that is full says so and asks for nothing. A superseded core stays for
 * a day, so that who is just getting it can end, or until everybody who reads has settled what came after it and
 * the space is needed; never longer than 90 days. A tombstone stays as long, and until everybody has settled it. */
#include <errno.h>
#include <string.h>

#include "sync/share/reserve.h"
#include "sync/vault/vault_internal.h"

enum {
	SPACE_SLICE = 64,    /* cores in one look */
	SPACE_OBJECTS = 512, /* objects */
	SPACE_EVERY_S = 60,
	SPACE_SAY_S = 10,        /* between two times that members are told how much is stored */
	SPACE_OLD_S = 24 * 3600, /* a superseded core that all have got over */
	SPACE_OLD_MAX_S = 90 * 24 * 3600,
	SPACE_DEAD_S = 24 * 3600, /* an object that nothing needs */
	SPACE_DEAD_FULL_S = 600,  /* the same if the vault is full: its core may still be coming */
};

struct space_look {
	struct vault *v;
	struct {
		int64_t path;
		uint64_t seq;
	} goes[SPACE_SLICE];
	size_t n;
	int64_t now_s;
	uint64_t settled; /* by all who read */
	uint8_t dead[SPACE_OBJECTS][INDEX_VAULT_OBJECT];
	size_t ndead;
};

static bool newest_at(void *arg, const struct index_vault_core *c)
{
	if (c->superseded == 0 && c->seq > *(uint64_t *)arg)
		*(uint64_t *)arg = c->seq;
	return true;
}

static bool look_old(void *arg, const struct index_vault_core *c)
{
	struct space_look *l = arg;
	int64_t age = l->now_s - c->superseded;
	uint64_t newest = 0;
	bool settled = index_vault_at(l->v->config.index, c->path, newest_at, &newest) == 0 && newest <= l->settled;

	if (l->v->full || age > SPACE_OLD_MAX_S || (age > SPACE_OLD_S && settled)) {
		l->goes[l->n].path = c->path;
		l->goes[l->n++].seq = c->seq;
	}
	return true;
}

static bool look_tombstone(void *arg, const struct index_vault_core *c)
{
	struct space_look *l = arg;

	if (c->seq <= l->settled) {
		l->goes[l->n].path = c->path;
		l->goes[l->n++].seq = c->seq;
	}
	return true;
}

static bool look_dead(void *arg, const struct index_vault_object *o)
{
	struct space_look *l = arg;

	memcpy(l->dead[l->ndead++], o->name, INDEX_VAULT_OBJECT);
	return true;
}

static void look_remove(struct vault *v, struct space_look *l)
{
	for (size_t i = 0; i < l->n; i++)
		(void)vault_judge_remove(v, l->goes[i].path, l->goes[i].seq, l->now_s);
	l->n = 0;
}

bool vault_space_full(struct vault *v)
{
	int64_t used = vault_object_used(v), quota = v->config.quota;
	bool full = v->disk_full || (quota > 0 && used + (int64_t)v->foreseen > quota);

	/* Space that is given back is not filled again block by block. */
	if (v->full && !full && quota > 0 && used > quota - quota / 32)
		full = true;
	if (full != v->full) {
		v->full = full;
		vault_peer_state(v);
		v->config.ops->state(v->config.arg);
	}
	return full;
}

bool vault_lacks_space(const struct vault *v)
{
	return v->full && (!v->disk_full || v->disk_error == ENOSPC || v->disk_error == EDQUOT ||
	                   v->disk_error == RESERVE_REACHED);
}

void vault_space_tick(struct vault *v)
{
	struct index *index = v->config.index;
	struct space_look l = { .v = v, .now_s = v->now_s };
	int64_t dead = v->full ? SPACE_DEAD_FULL_S : SPACE_DEAD_S;

	if (v->seconds % SPACE_SAY_S == 0 && index_vault_totals(index).bytes + v->kept_bytes != v->said_bytes)
		vault_peer_state(v);
	if (!v->full && v->seconds % SPACE_EVERY_S != 0)
		return;
	/* A disk that was full may have space again. */
	if (v->seconds % SPACE_EVERY_S == 0)
		v->disk_full = false;
	l.settled = vault_peer_settled_by_all(v);
	(void)index_vault_old(index, SPACE_SLICE, look_old, &l);
	look_remove(v, &l);
	(void)index_vault_tombstones(index, l.now_s - SPACE_OLD_MAX_S, SPACE_SLICE, look_tombstone, &l);
	look_remove(v, &l);
	(void)index_vault_dead(index, l.now_s - dead, SPACE_OBJECTS, look_dead, &l);
	for (size_t i = 0; i < l.ndead; i++)
		vault_arrival_delete(v, l.dead[i]);
	(void)vault_space_full(v);
}
