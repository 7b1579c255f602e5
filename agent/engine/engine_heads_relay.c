/* Heads of others on their way to those who do not meet their agents. Where no vault is between, members meet: a head
 * that came from a member and is a member's is passed on to vaults alone. It waits a few seconds, a vault's own turn
 * comes first, and whoever brings that very head meanwhile is not sent it; so a vault does not get it from each of its
 * members. What is sent in a second is bounded, since every receiver checks signatures. */
#include <stdlib.h>
#include <string.h>

#include "agent/engine/engine_heads.h"
#include "agent/engine/engine_internal.h"
#include "base/clock.h"
#include "base/mem.h"
#include "sync/index/index_heads.h"
#include "sync/peer/peer_seal.h"

enum {
	HAVE_MAX = 8,        /* that many of those who have a head are remembered */
	AT_ONCE = 16,        /* heads of one message, and in a second */
	ALL_MAX = 512,       /* to one who has just come ... */
	ALL_BYTES = 4 << 20, /* ... and about that many bytes */
	WAIT_MS = 3000,      /* a member's; a vault does not wait */
	WAIT_MORE_MS = 3000  /* and up to this, by chance */
};

/* The newest head of an agent, which is to be sent. */
struct relay_due {
	struct agent_id id;
	int64_t at_ms;
	bool by_vault; /* a vault brought it */
	uint64_t have[HAVE_MAX];
	size_t nhave;
};

struct engine_relay {
	struct engine *e;
	struct relay_due *due; /* owned; one for an agent at most */
	size_t n, cap;
};

struct engine_relay *engine_relay_new(struct engine *e)
{
	struct engine_relay *r = MEM_NEW(struct engine_relay);

	r->e = e;
	return r;
}

void engine_relay_free(struct engine_relay *r)
{
	if (r == NULL)
		return;
	free(r->due);
	free(r);
}

/* --- who is who --- */

static bool relay_is_vault(const struct engine *e, const struct agent_id *id)
{
	return roster_may(e->roster, id, RIGHT_STORE);
}

static bool relay_peer_is_vault(const struct engine *e, uint64_t peer)
{
	struct roster_member m;

	return roster_member_by_short(e->roster, peer, &m) && rights_has(m.role, RIGHT_STORE);
}

static bool relay_self_is_vault(const struct engine *e)
{
	return relay_is_vault(e, identity_id(e->context->self));
}

/* --- what is due --- */

static struct relay_due *relay_due_find(struct engine_relay *r, const struct agent_id *id)
{
	for (size_t i = 0; i < r->n; i++) {
		if (agent_id_equal(&r->due[i].id, id))
			return &r->due[i];
	}
	return NULL;
}

void engine_relay_add(struct engine_relay *r, const struct agent_id *id, uint64_t from)
{
	struct relay_due *d = relay_due_find(r, id);
	int64_t now = loop_now_ms(r->e->context->loop);

	if (d == NULL && r->n == r->cap) {
		r->cap = r->cap > 0 ? 2 * r->cap : 8;
		r->due = mem_realloc(r->due, r->cap, sizeof(r->due[0]));
	}
	if (d == NULL)
		d = &r->due[r->n++];
	*d = (struct relay_due){ .id = *id, .at_ms = now, .by_vault = relay_peer_is_vault(r->e, from) };
	d->have[d->nhave++] = from;
	if (!relay_self_is_vault(r->e))
		d->at_ms += WAIT_MS + (int64_t)random_below(WAIT_MORE_MS);
}

void engine_relay_has(struct engine_relay *r, const struct agent_id *id, uint64_t peer)
{
	struct relay_due *d = relay_due_find(r, id);

	if (d != NULL && d->nhave < HAVE_MAX)
		d->have[d->nhave++] = peer;
}

static bool relay_lacks(const struct engine *e, const struct relay_due *d, uint64_t peer)
{
	if (agent_id_short(&d->id) == peer)
		return false;
	for (size_t i = 0; i < d->nhave; i++) {
		if (d->have[i] == peer)
			return false;
	}
	return d->by_vault || relay_self_is_vault(e) || relay_is_vault(e, &d->id) || relay_peer_is_vault(e, peer);
}

/* --- sending --- */

struct relay_batch {
	struct engine *e;
	struct relay_due due[AT_ONCE];
	struct msg_bytes heads[AT_ONCE]; /* their bytes; none: it is gone */
	size_t n;
};

static bool relay_batch_to(void *arg, const struct peer_group_peer *p)
{
	const struct relay_batch *b = arg;
	struct msg_bytes lacking[AT_ONCE];
	struct msg_heads m = { .heads = lacking };

	for (size_t i = 0; i < b->n; i++) {
		if (b->heads[i].n > 0 && relay_lacks(b->e, &b->due[i], p->peer))
			lacking[m.nheads++] = b->heads[i];
	}
	if (m.nheads > 0)
		(void)peer_group_heads(b->e->peers, p->peer, &m);
	return true;
}

static void relay_batch_send(struct relay_batch *b)
{
	uint8_t *owned[AT_ONCE] = { NULL };

	for (size_t i = 0; i < b->n; i++) {
		size_t n;

		owned[i] = index_head_get(b->e->index, b->due[i].id.b, &n);
		b->heads[i] = (struct msg_bytes){ .p = owned[i], .n = n };
	}
	peer_group_each(b->e->peers, relay_batch_to, b);
	for (size_t i = 0; i < b->n; i++)
		free(owned[i]);
}

bool engine_relay_tick(struct engine_relay *r)
{
	struct relay_batch b = { .e = r->e };
	int64_t now = loop_now_ms(r->e->context->loop);

	for (size_t i = 0; i < r->n && b.n < AT_ONCE;) {
		if (r->due[i].at_ms > now) {
			i++;
			continue;
		}
		b.due[b.n++] = r->due[i];
		r->due[i] = r->due[--r->n];
	}
	if (b.n > 0)
		relay_batch_send(&b);
	return r->n > 0;
}

struct relay_one {
	struct engine *e;
	struct msg_heads m;
	uint64_t but;
};

static bool relay_one_to(void *arg, const struct peer_group_peer *p)
{
	const struct relay_one *one = arg;

	if (p->peer != one->but)
		(void)peer_group_heads(one->e->peers, p->peer, &one->m);
	return true;
}

void engine_relay_send(struct engine *e, const uint8_t *p, size_t n, uint64_t but)
{
	const struct msg_bytes head = { .p = p, .n = n };
	struct relay_one one = { .e = e, .m = { .heads = &head, .nheads = 1 }, .but = but };

	peer_group_each(e->peers, relay_one_to, &one);
}

/* --- to one who has come --- */

struct relay_all {
	struct engine *e;
	uint64_t peer;
	bool vault;              /* it is one, or we are */
	struct msg_bytes *heads; /* owned, each too */
	size_t n, bytes;
};

/* The peer's own is among them: if its index was rolled back, it learns so. */
static bool relay_all_take(void *arg, const uint8_t agent[32], uint64_t epoch, uint64_t number, const uint8_t *head,
                           size_t n)
{
	struct relay_all *all = arg;
	struct agent_id id;

	(void)epoch;
	(void)number;
	memcpy(id.b, agent, sizeof(id.b));
	if (n == 0 || agent_id_equal(&id, identity_id(all->e->context->self)) ||
	    (!all->vault && agent_id_short(&id) != all->peer && !relay_is_vault(all->e, &id)))
		return true;
	all->heads = mem_realloc(all->heads, all->n + 1, sizeof(all->heads[0]));
	all->heads[all->n++] = (struct msg_bytes){ .p = mem_dup(head, n), .n = n };
	all->bytes += n;
	return all->n < ALL_MAX && all->bytes < ALL_BYTES;
}

void engine_relay_all(struct engine_relay *r, uint64_t peer)
{
	struct relay_all all = { .e = r->e, .peer = peer };
	union {
		const uint8_t *in;
		void *out;
	} head;

	all.vault = relay_self_is_vault(r->e) || relay_peer_is_vault(r->e, peer);
	(void)index_heads(r->e->index, relay_all_take, &all);
	for (size_t i = 0; i < all.n; i += AT_ONCE) {
		const struct msg_heads m = { .heads = all.heads + i,
			                     .nheads = all.n - i < AT_ONCE ? all.n - i : AT_ONCE };

		(void)peer_group_heads(r->e->peers, peer, &m);
	}
	for (size_t i = 0; i < all.n; i++) {
		head.in = all.heads[i].p;
		free(head.out);
	}
	free(all.heads);
}
