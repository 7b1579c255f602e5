/* Our own head: when a new one is due, what it says, and its way to the disk. It is signed after a quiet moment, or
 * after a while without one; first comes a walk over all rows, unless nothing has changed since the last. */
#include <stdlib.h>
#include <string.h>

#include "agent/engine/engine_heads.h"
#include "agent/engine/engine_internal.h"
#include "agent/engine/engine_keys.h"
#include "base/clock.h"
#include "base/mem.h"
#include "sync/index/index_heads.h"
#include "sync/index/index_vault.h"
#include "sync/seal/ring.h"

enum {
	QUIET_MS = 1000,     /* without a change, before we look what there is to sign */
	PATIENCE_MS = 30000, /* and where none comes, we look after this */
	BETWEEN_MS = 10000,  /* two heads of ours */
	WALK_SHARE = 50,     /* a walk over the rows is followed by the next after that many times what it took */
};

struct engine_signer {
	struct engine *e;
	struct heads *heads;           /* borrowed */
	struct loop_timer *look;       /* runs while something may be to be signed */
	uint64_t commits;              /* of the index, when we last saw a change */
	int64_t sign_ms, walk_ms;      /* not before these */
	int64_t waits_ms;              /* since when the look is due, if its timer runs */
	struct engine_root root;       /* epoch 0: none */
	struct engine_root_walk *walk; /* NULL: none is under way */
	struct bytes signed_now;       /* one that is in the index, and not synced; empty: none */
	bool syncing;                  /* the sync that is under way makes it safe */
};

bool engine_heads_of_vault(const struct engine *e)
{
	return roster_may(e->roster, identity_id(e->context->self), RIGHT_STORE);
}

/* After a quiet moment, which does not have to come. */
void engine_signer_soon(struct engine_signer *g)
{
	int64_t now = loop_now_ms(g->e->context->loop), at = now + QUIET_MS;

	if (!loop_timer_running(g->look))
		g->waits_ms = now;
	if (at > g->waits_ms + PATIENCE_MS)
		at = g->waits_ms + PATIENCE_MS;
	if (at < g->sign_ms)
		at = g->sign_ms;
	loop_timer_start(g->look, at > now ? at - now : 0, 0);
}

/* --- what it says --- */

struct heads_peers {
	struct engine *e;
	struct heads_peer *v; /* owned */
	size_t n;
};

/* Only of those whose rows count, or are others'. */
static bool note_peer_has(void *arg, const struct roster_member *m)
{
	struct heads_peers *peers = arg;
	struct index *index = peers->e->index;
	bool vault = rights_has(m->role, RIGHT_STORE);
	uint64_t peer = agent_id_short(&m->id);
	struct index_peer p;

	if ((!vault && !rights_has(m->role, RIGHT_WRITE)) ||
	    agent_id_equal(&m->id, identity_id(peers->e->context->self)) || index_peer_get(index, peer, &p) < 0 ||
	    p.epoch == 0)
		return true;
	peers->v = mem_realloc(peers->v, peers->n + 1, sizeof(peers->v[0]));
	peers->v[peers->n++] =
		(struct heads_peer){ .epoch = p.epoch, .seq = index_settled(index, peer, p.received), .vault = vault };
	return true;
}

/* A reader's rows are sent to nobody, so that nobody can have them. */
static uint64_t our_number(const struct engine_signer *g)
{
	struct index *index = g->e->index;
	const struct head *own = heads_own(g->heads);

	if (!index_is_reader(index))
		return index_seq(index);
	return own != NULL && own->epoch == index_epoch(index) ? own->seq : 0;
}

static bool next_head(struct engine_signer *g, struct head *next)
{
	struct engine *e = g->e;
	struct keys *current = engine_keys_current(e);
	struct heads_peers peers = { .e = e };
	struct heads_state now = { .epoch = index_epoch(e->index),
		                   .seq = our_number(g),
		                   .settled = e->settled,
		                   .generation = current != NULL ? keys_about(current)->id : 0,
		                   .rows = g->root.rows,
		                   .now_s = clock_wall_s() };
	bool news;

	roster_digest(e->roster, now.roster);
	if (!engine_heads_of_vault(e) && engine_root_is_told(e))
		memcpy(now.root, g->root.root, sizeof(now.root));
	roster_members(e->roster, note_peer_has, &peers);
	now.peers = peers.v;
	now.npeers = peers.n;
	news = heads_next(g->heads, &now, next);
	free(peers.v);
	return news;
}

/* It is told when it is safe: engine_signer_sync(). */
static void sign_head(struct engine_signer *g)
{
	const struct identity *self = g->e->context->self;
	struct head next;

	if (next_head(g, &next)) {
		g->sign_ms = loop_now_ms(g->e->context->loop) + BETWEEN_MS;
		if (head_sign(&next, self, &g->signed_now) < 0 ||
		    index_head_put(g->e->index, identity_id(self)->b, next.epoch, next.number, g->signed_now.p,
		                   g->signed_now.len) < 0)
			bytes_clear(&g->signed_now);
	}
	head_clear(&next);
}

/* What a vault keeps are cores, which another vault may have in another form: its root would be compared with none. */
static void root_of_vault(struct engine_signer *g)
{
	g->root = (struct engine_root){ .epoch = index_epoch(g->e->index),
		                        .seq = index_seq(g->e->index),
		                        .rows = (uint64_t)index_vault_totals(g->e->index).rows };
}

/* The first scan has ended, nothing is being judged again, and nothing of ours is on its way to the disk. */
static bool may_look(const struct engine_signer *g)
{
	const struct engine *e = g->e;

	return e->phase == PHASE_RUNNING && !index_damaged(e->index) && (engine_heads_of_vault(e) || e->scanned) &&
	       g->walk == NULL && g->signed_now.len == 0;
}

static bool root_is_current(const struct engine_signer *g)
{
	return g->root.epoch == index_epoch(g->e->index) && g->root.seq == index_seq(g->e->index);
}

/* It is signed at once: where files change all the time, it would not be current any more later. */
static void walked(void *arg, const struct engine_root *root, int64_t cost_ns)
{
	struct engine_signer *g = arg;

	g->walk = NULL;
	g->walk_ms = loop_now_ms(g->e->context->loop) + WALK_SHARE * cost_ns / 1000000;
	if (root != NULL)
		g->root = *root;
	if (root_is_current(g) && may_look(g))
		sign_head(g);
	else
		engine_signer_soon(g);
}

static void heads_look(void *arg)
{
	struct engine_signer *g = arg;
	struct engine *e = g->e;
	int64_t wait = g->walk_ms - loop_now_ms(e->context->loop);

	if (!may_look(g))
		return; /* what has to come about changes something, and so leads here again */
	if (engine_heads_of_vault(e))
		root_of_vault(g);
	if (root_is_current(g))
		sign_head(g);
	else if (wait > 0)
		loop_timer_start(g->look, wait, 0);
	else
		g->walk = engine_root_walk(e, walked, g);
}

/* --- its way to the disk --- */

bool engine_signer_sync(struct engine_signer *g, bool begins, struct bytes *safe)
{
	if (g->signed_now.len == 0)
		return false;
	if (begins)
		g->syncing = true;
	if (begins || !g->syncing)
		return false;
	bytes_clear(safe);
	bytes_append(safe, g->signed_now.p, g->signed_now.len);
	bytes_clear(&g->signed_now);
	g->syncing = false;
	return true;
}

/* --- life --- */

void engine_signer_turn(struct engine_signer *g)
{
	if (index_commits(g->e->index) == g->commits && !g->e->dirty)
		return;
	g->commits = index_commits(g->e->index);
	engine_signer_soon(g);
}

struct engine_signer *engine_signer_new(struct engine *e, struct heads *heads)
{
	struct engine_signer *g = MEM_NEW(struct engine_signer);

	g->e = e;
	g->heads = heads;
	g->signed_now = BYTES_INIT(HEAD_LEN_MAX);
	g->look = loop_timer_new(e->context->loop, heads_look, g);
	return g;
}

void engine_signer_free(struct engine_signer *g)
{
	if (g == NULL)
		return;
	engine_root_drop(g->walk);
	loop_timer_free(g->look);
	bytes_free(&g->signed_now);
	free(g);
}

void engine_signer_debug(const struct engine_signer *g, debug_fn *fn, void *arg)
{
	fn(arg, "heads", "walking", g->walk != NULL);
	fn(arg, "heads", "unsafe", g->signed_now.len > 0);
	fn(arg, "heads", "next_ms", loop_timer_left_ms(g->look));
}
