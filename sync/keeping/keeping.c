/* All of it together: vaults come and go, and what happens is passed on to the parts. */
#include "sync/keeping/keeping.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/mem.h"
#include "sync/index/index_sealed.h"
#include "sync/keeping/keeping_internal.h"

enum {
	PATIENCE_MS = 10000,
	SLICE = 32, /* contents that are looked up at a time */
};

static void keeping_tell_all(struct keeping *k)
{
	struct keeping_vault *v;

	DL_FOREACH(k->vaults, v)
		keeping_tell_go_on(k, v);
}

/* Keys or the roster have changed. */
static void keeping_try_again(struct keeping *k)
{
	struct keeping_vault *v, *next;

	k->told = false;
	DL_FOREACH_SAFE(k->vaults, v, next) {
		keeping_get_told(k, v);
		keeping_give_room(k, v);
		v->take.equal_ms = 0;
		keeping_take_again(k, v);
	}
}

static void keeping_soon(void *arg)
{
	struct keeping *k = arg;

	if (k->stopping)
		return;
	if (k->told)
		keeping_try_again(k);
	keeping_tell_all(k);
}

static bool sweep_is_vault(void *arg, uint64_t peer)
{
	struct roster_member m;

	return roster_member_by_short(((struct keeping *)arg)->config.roster, peer, &m) && m.role == ROLE_VAULT;
}

/* How contents were sealed that nothing has any more, and what vaults were given of them. True: that was the last one
 * of the latter, and the next call begins again. */
static bool keeping_sweep(struct keeping *k)
{
	bool all;
	int n;

	if (k->config.ops->fetching(k->config.arg))
		return false;
	all = index_bases_sweep(k->config.index, &k->bases_swept, SLICE, sweep_is_vault, k) >= 0 &&
	      k->bases_swept.path == NULL;
	n = index_sealed_sweep(k->config.index, k->swept, SLICE);
	if (n >= 0 && n < SLICE)
		memset(k->swept, 0, sizeof(k->swept));
	return all;
}

static void keeping_tick(void *arg)
{
	struct keeping *k = arg;
	struct keeping_vault *v, *next;

	if (k->stopping)
		return;
	DL_FOREACH_SAFE(k->vaults, v, next)
		keeping_take_tick(k, v);
	keeping_tell_all(k);
	if (keeping_sweep(k) && k->vaults == NULL)
		loop_timer_stop(k->tick);
}

static void keeping_tick_start(struct keeping *k)
{
	if (!loop_timer_running(k->tick))
		loop_timer_start(k->tick, k->config.patience_ms / 10, k->config.patience_ms / 10);
}

struct keeping *keeping_new(const struct keeping_config *c)
{
	struct keeping *k = MEM_NEW(struct keeping);

	k->config = *c;
	if (k->config.patience_ms == 0)
		k->config.patience_ms = PATIENCE_MS;
	k->committed = k->endorsed = index_seq(c->index);
	k->soon = loop_timer_new(c->loop, keeping_soon, k);
	k->tick = loop_timer_new(c->loop, keeping_tick, k);
	return k;
}

static void vault_free(struct keeping *k, struct keeping_vault *v)
{
	keeping_tell_down(k, v);
	keeping_take_down(k, v);
	keeping_give_down(k, v);
	keeping_get_down(k, v);
	DL_DELETE(k->vaults, v);
	free(v);
}

void keeping_stop(struct keeping *k)
{
	struct keeping_vault *v, *next;

	k->stopping = true;
	loop_timer_stop(k->soon);
	loop_timer_stop(k->tick);
	DL_FOREACH_SAFE(k->vaults, v, next)
		vault_free(k, v);
}

bool keeping_is_idle(const struct keeping *k)
{
	return k->jobs == 0;
}

void keeping_free(struct keeping *k)
{
	if (k == NULL)
		return;
	keeping_stop(k);
	loop_timer_free(k->soon);
	loop_timer_free(k->tick);
	free(k->bases_swept.path);
	free(k);
}

/* --- vaults --- */

static void vault_says(struct keeping_vault *v, const struct msg_vault *m)
{
	v->used = m->used;
	v->quota = m->quota;
	v->full = m->full;
}

void keeping_up(struct keeping *k, uint64_t peer, const struct msg_vault *hello)
{
	struct keeping_vault *v = keeping_find(k, peer);
	struct roster_member m;
	bool again = v != NULL && v->epoch == hello->epoch;

	if (k->stopping || !roster_member_by_short(k->config.roster, peer, &m))
		return;
	if (v != NULL && !again) {
		vault_free(k, v);
		v = NULL;
	}
	if (v == NULL) {
		v = MEM_NEW(struct keeping_vault);
		v->peer = peer;
		v->agent = m.id;
		v->epoch = hello->epoch;
		DL_APPEND(k->vaults, v);
		keeping_give_up(k, v);
		keeping_get_up(k, v);
		keeping_tick_start(k);
	}
	vault_says(v, hello);
	if (!again)
		keeping_take_up(k, v, hello);
	keeping_tell_up(k, v, hello);
	k->config.ops->state(k->config.arg);
}

void keeping_down(struct keeping *k, uint64_t peer)
{
	struct keeping_vault *v = keeping_find(k, peer);

	if (v != NULL)
		vault_free(k, v);
}

void keeping_committed(struct keeping *k)
{
	k->committed = index_seq(k->config.index);
	if (!k->stopping)
		keeping_tell_all(k);
}

void keeping_settled(struct keeping *k, uint64_t peer)
{
	struct keeping_vault *v = keeping_find(k, peer);

	if (v == NULL)
		return;
	keeping_tell_settled(k, v);
	keeping_tell_go_on(k, v);
}

void keeping_room(struct keeping *k, uint64_t peer)
{
	struct keeping_vault *v = keeping_find(k, peer);

	if (v == NULL)
		return;
	keeping_tell_go_on(k, v);
	keeping_give_room(k, v);
}

void keeping_told(struct keeping *k)
{
	k->told = true;
	k->noted.known = false;
	if (!k->stopping)
		loop_timer_start(k->soon, 0, 0);
}

/* What comes may never become a file, or not at this path. */
void keeping_digested(struct keeping *k, const struct leaf_digested *d)
{
	if (k->stopping)
		return;
	keeping_leaves_came(k, d);
	keeping_tick_start(k);
}

/* --- messages --- */

void keeping_cores_in(struct keeping *k, uint64_t peer, const struct msg_cores *m)
{
	struct keeping_vault *v = keeping_find(k, peer);

	if (v != NULL)
		keeping_take_cores(k, v, m);
}

void keeping_vault_in(struct keeping *k, uint64_t peer, const struct msg_vault *m)
{
	struct keeping_vault *v = keeping_find(k, peer);

	if (v == NULL)
		return;
	switch (m->what) {
	case MSG_VAULT_WANT:
		keeping_give_want(k, v, m);
		break;
	case MSG_VAULT_CANCEL:
		keeping_give_cancel(k, v, m);
		break;
	case MSG_VAULT_STATE:
		vault_says(v, m);
		k->config.ops->state(k->config.arg);
		break;
	default: /* HELLO comes by keeping_up(), ACK by the index, and BAD is what members say */
		break;
	}
}

void keeping_object_in(struct keeping *k, uint64_t peer, const struct msg_object *m)
{
	struct keeping_vault *v = keeping_find(k, peer);

	if (v != NULL)
		keeping_get_object(k, v, m);
}

/* --- for people --- */

void keeping_each(const struct keeping *k, bool (*fn)(void *arg, const struct keeping_about *a), void *arg)
{
	const struct keeping_vault *v;

	DL_FOREACH(k->vaults, v) {
		struct keeping_about a = { v->peer, v->used, v->quota, v->full, v->bad, v->take.stopped };

		if (a.waits == NULL && ring_current(k->config.ring) == NULL)
			a.waits = ring_why(k->config.ring);
		if (!fn(arg, &a))
			return;
	}
}
