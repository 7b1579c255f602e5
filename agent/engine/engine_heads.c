/* See engine_heads.h. */
#include "agent/engine/engine_heads.h"

#include <stdlib.h>
#include <string.h>

#include "agent/engine/engine_internal.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/index/index_heads.h"
#include "sync/peer/peer_seal.h"

enum {
	TICK_MS = 1000,
	JUDGE_ONCE = 64, /* heads that are compared in one tick */
};

struct engine_heads {
	struct engine *e;
	struct heads *heads;
	struct engine_relay *relay;
	struct engine_signer *signer;
	struct engine_blame *blame;
	struct loop_timer *tick; /* runs while heads are to be passed on or compared */
	struct bytes told;       /* our newest head, as others are sent it; empty: none */
	bool judging;            /* what the heads prove is to be noted when all are compared */
};

static void tick_soon(struct engine_heads *h)
{
	if (!loop_timer_running(h->tick))
		loop_timer_start(h->tick, TICK_MS, 0);
}

/* --- told, and what that proves --- */

void engine_heads_sync(struct engine *e, bool begins)
{
	struct engine_heads *h = e->heads;
	struct head own;

	if (h == NULL || !engine_signer_sync(h->signer, begins, &h->told) ||
	    head_parse(&own, &e->group, h->told.p, h->told.len) != HEAD_OK)
		return;
	heads_signed(h->heads, &own);
	engine_relay_send(e, h->told.p, h->told.len, 0);
	h->judging = true;
	tick_soon(h);
	engine_signer_soon(h->signer);
}

/* Of one that is connected, we know as much and more. */
static void note_proof(struct engine *e, const struct heads_about *a)
{
	uint64_t peer = agent_id_short(a->id);
	struct index_peer known;
	struct heads_proof proof;

	if (engine_heads_of_vault(e) || peer_group_connected(e->peers, peer) ||
	    !heads_prove(e->heads->heads, a->id, &proof) || proof.our_epoch != index_epoch(e->index) ||
	    index_peer_get(e->index, peer, &known) < 0)
		return;
	if (known.settled_epoch != proof.our_epoch || known.settled < proof.settled) {
		known.settled_epoch = proof.our_epoch;
		known.settled = proof.settled;
		(void)index_peer_put(e->index, peer, &known);
	}
	if (roster_may(e->roster, a->id, RIGHT_WRITE))
		(void)index_note_far(e->index, proof.epoch, proof.seq);
}

static bool conclude_one(void *arg, const struct heads_about *a)
{
	struct engine *e = arg;

	note_proof(e, a);
	engine_blame_report(e->heads->blame, a);
	return true;
}

static void tick(void *arg)
{
	struct engine_heads *h = arg;
	bool more = heads_judge(h->heads, JUDGE_ONCE);

	if (!more && h->judging) {
		h->judging = false;
		heads_each(h->heads, conclude_one, h->e);
	}
	more |= engine_relay_tick(h->relay);
	if (more)
		tick_soon(h);
}

/* --- those of others --- */

/* Of an agent that has no place in the roster, or not yet, nothing is kept. */
static bool head_counts(const struct engine *e, const struct head *head, struct agent_id *id)
{
	identity_id_of_key(id, head->key);
	return agent_id_equal(id, identity_id(e->context->self)) || roster_may(e->roster, id, RIGHT_TAKE_PART);
}

static struct heads_from from_whom(const struct engine *e, const struct agent_id *by, const struct agent_id *of)
{
	return (struct heads_from){ .by = by,
		                    .vault = roster_may(e->roster, of, RIGHT_STORE),
		                    .epoch = index_epoch(e->index),
		                    .seq = index_seq(e->index),
		                    .now_s = clock_wall_s() };
}

static void head_came(struct engine *e, const struct roster_member *by, struct head *head, const struct msg_bytes *m)
{
	struct engine_heads *h = e->heads;
	uint64_t epoch = head->epoch, number = head->number, peer = agent_id_short(&by->id);
	struct heads_from from;
	enum heads_news news;
	struct agent_id id;

	if (!head_counts(e, head, &id)) {
		head_clear(head);
		return;
	}
	from = from_whom(e, &by->id, &id);
	news = heads_take(h->heads, head, &from);
	engine_blame_store(h->blame, &id);
	switch (news) {
	case HEADS_NOTHING:
		break;
	case HEADS_KEPT:
		if (index_head_put(e->index, id.b, epoch, number, m->p, m->n) == 0)
			engine_relay_add(h->relay, &id, peer);
		break;
	case HEADS_SHOWN:
		engine_relay_send(e, m->p, m->n, peer);
		break;
	case HEADS_OWN:
		e->rolled_back = true;
		break;
	}
	h->judging = true;
	tick_soon(h);
}

/* Its agent's ID stands in front of all else that is signed. */
static void head_is_known(struct engine *e, uint64_t peer, const struct msg_bytes *m)
{
	struct agent_id id;

	identity_id_of_key(&id, m->p + 1 + sizeof(e->group.b));
	engine_relay_has(e->heads->relay, &id, peer);
}

void engine_heads_in(struct engine *e, uint64_t peer, const struct msg_heads *m)
{
	struct roster_member by;
	enum head_result result;
	struct head head;

	if (e->heads == NULL || !roster_member_by_short(e->roster, peer, &by))
		return;
	for (size_t i = 0; i < m->nheads; i++) {
		const struct msg_bytes *one = &m->heads[i];

		if (heads_know(e->heads->heads, one->p, one->n)) {
			head_is_known(e, peer, one);
			continue;
		}
		result = head_parse(&head, &e->group, one->p, one->n);
		if (result == HEAD_OK) {
			head_came(e, &by, &head, one);
		} else if (result != HEAD_VERSION) { /* who passes one on has checked it */
			peer_group_misbehaved(e->peers, peer, "", "sent a head that is not one");
			return;
		}
	}
}

void engine_heads_proved(struct engine *e, uint64_t peer)
{
	struct engine_heads *h = e->heads;
	const struct msg_bytes own = { .p = h != NULL ? h->told.p : NULL, .n = h != NULL ? h->told.len : 0 };

	if (h == NULL)
		return;
	if (own.n > 0)
		(void)peer_group_heads(e->peers, peer, &(struct msg_heads){ .heads = &own, .nheads = 1 });
	engine_relay_all(h->relay, peer);
}

void engine_heads_hello(struct engine *e, uint64_t peer, const struct msg_vault *hello)
{
	struct roster_member m;

	if (e->heads == NULL || !roster_member_by_short(e->roster, peer, &m) || !rights_has(m.role, RIGHT_STORE) ||
	    !heads_served(e->heads->heads, &m.id, hello->epoch, hello->seq, clock_wall_s()))
		return;
	engine_blame_store(e->heads->blame, &m.id);
	e->heads->judging = true;
	tick_soon(e->heads);
}

bool engine_heads_number(const struct engine *e, uint64_t peer, uint64_t epoch, uint64_t *seq)
{
	struct heads_about about;
	struct roster_member m;

	if (e->heads == NULL || !roster_member_by_short(e->roster, peer, &m) ||
	    !heads_about(e->heads->heads, &m.id, &about) || about.head->epoch != epoch)
		return false;
	*seq = about.head->seq;
	return true;
}

/* --- the roster --- */

struct heads_gone {
	const struct engine *e;
	struct agent_id *ids; /* owned */
	size_t n;
};

static bool add_gone(void *arg, const struct heads_about *a)
{
	struct heads_gone *gone = arg;
	const struct roster *r = gone->e->roster;

	if (roster_may(r, a->id, RIGHT_TAKE_PART) && roster_may(r, a->id, RIGHT_STORE) == a->vault)
		return true;
	gone->ids = mem_realloc(gone->ids, gone->n + 1, sizeof(gone->ids[0]));
	gone->ids[gone->n++] = *a->id;
	return true;
}

/* What a key file says of a vault that is none any more counts for nothing if it comes back: it may begin again then.
 */
static void forget_seen(struct engine *e)
{
	size_t n = 0;
	char *why = NULL;
	struct agent_id id;

	for (size_t i = 0; i < e->nseen; i++) {
		identity_id_of_key(&id, e->seen[i].key);
		if (roster_may(e->roster, &id, RIGHT_STORE))
			e->seen[n++] = e->seen[i];
		else
			heads_drop(e->heads->heads, &id);
	}
	if (n == e->nseen)
		return;
	e->nseen = n;
	/* It is tried again at the next change, and at the next start. */
	if (engine_store_save(e, &why) < 0)
		engine_log(e, LOG_WARN, "group %s: %s", engine_name(e), why);
	free(why);
}

void engine_heads_roster(struct engine *e)
{
	struct heads_gone gone = { .e = e };

	if (e->heads == NULL)
		return;
	forget_seen(e);
	heads_each(e->heads->heads, add_gone, &gone);
	for (size_t i = 0; i < gone.n; i++) {
		heads_drop(e->heads->heads, &gone.ids[i]);
		(void)index_head_forget(e->index, gone.ids[i].b);
		engine_blame_forget(e->heads->blame, &gone.ids[i]);
	}
	free(gone.ids);
	engine_signer_soon(e->heads->signer);
}

/* --- life --- */

void engine_heads_turn(struct engine *e)
{
	if (e->heads != NULL)
		engine_signer_turn(e->heads->signer);
}

/* What is stored was checked when it came; whoever can change the index can do worse. */
static bool load(void *arg, const uint8_t agent[32], uint64_t epoch, uint64_t number, const uint8_t *p, size_t n)
{
	struct engine *e = arg;
	struct heads_from from;
	struct agent_id id;
	struct head head;

	(void)agent;
	(void)epoch;
	(void)number;
	if (head_parse(&head, &e->group, p, n) != HEAD_OK)
		return true;
	if (head_counts(e, &head, &id)) {
		from = from_whom(e, NULL, &id);
		if (agent_id_equal(&id, identity_id(e->context->self)) && head.epoch == from.epoch)
			bytes_append(&e->heads->told, p, n);
		(void)heads_take(e->heads->heads, &head, &from);
		engine_blame_load(e->heads->blame, &id);
	}
	head_clear(&head);
	return true;
}

/* Of the vaults whose heads are not here yet, or any more. */
static void expect_seen(struct engine *e)
{
	struct agent_id id;

	for (size_t i = 0; i < e->nseen; i++) {
		identity_id_of_key(&id, e->seen[i].key);
		if (roster_may(e->roster, &id, RIGHT_STORE))
			heads_expect(e->heads->heads, &e->seen[i]);
	}
}

void engine_heads_start(struct engine *e)
{
	struct engine_heads *h;

	if (!roster_sealed(e->roster))
		return;
	h = e->heads = MEM_NEW(struct engine_heads);
	h->e = e;
	h->heads = heads_new(&e->group, identity_id(e->context->self));
	h->relay = engine_relay_new(e);
	h->blame = engine_blame_new(e, h->heads);
	h->told = BYTES_INIT(HEAD_LEN_MAX);
	h->signer = engine_signer_new(e, h->heads);
	h->tick = loop_timer_new(e->context->loop, tick, h);
	(void)index_heads(e->index, load, e);
	forget_seen(e);
	expect_seen(e);
	engine_signer_soon(h->signer);
}

void engine_heads_stop(struct engine *e)
{
	struct engine_heads *h = e->heads;

	if (h == NULL)
		return;
	e->heads = NULL;
	engine_signer_free(h->signer);
	loop_timer_free(h->tick);
	engine_relay_free(h->relay);
	engine_blame_free(h->blame);
	heads_free(h->heads);
	bytes_free(&h->told);
	free(h);
}

/* --- for users --- */

size_t engine_heads_seen(const struct engine *e, struct export_head *out, size_t max)
{
	size_t n = e->nseen < max ? e->nseen : max;

	if (e->heads != NULL)
		return heads_seen(e->heads->heads, out, max);
	if (n > 0)
		memcpy(out, e->seen, n * sizeof(out[0]));
	return n;
}

struct heads_asked {
	bool (*fn)(void *arg, const struct engine_head *h);
	void *arg;
};

static bool head_say(void *arg, const struct heads_about *a)
{
	static const char *const meetings[] = {
		[HEAD_IN_SYNC] = "in-sync", [HEAD_ROSTERS] = "other-roster", [HEAD_BUSY] = "busy",
		[HEAD_BEHIND] = "behind",   [HEAD_AHEAD] = "ahead",          [HEAD_APART] = "apart",
		[HEAD_UNTOLD] = "untold",   [HEAD_DIFFERS] = "differs",
	};
	const struct heads_asked *asked = arg;
	const struct engine_head said = { .id = a->id,
		                          .vault = a->vault,
		                          .as_of_s = a->head->time_s,
		                          .meeting = a->judged ? meetings[a->meeting] : NULL,
		                          .blame = a->blame != HEADS_BLAMELESS ? heads_blame_text(a->blame) : NULL,
		                          .blame_s = a->blame_s };

	return asked->fn(asked->arg, &said);
}

void engine_heads_each(const struct engine *e, bool (*fn)(void *arg, const struct engine_head *h), void *arg)
{
	struct heads_asked asked = { .fn = fn, .arg = arg };

	if (e->heads != NULL)
		heads_each(e->heads->heads, head_say, &asked);
}

void engine_heads_debug(const struct engine *e, debug_fn *fn, void *arg)
{
	const struct engine_heads *h = e->heads;
	const struct head *own = h != NULL ? heads_own(h->heads) : NULL;

	if (h == NULL)
		return;
	fn(arg, "heads", "number", own != NULL ? (int64_t)own->number : 0);
	fn(arg, "heads", "seq", own != NULL ? (int64_t)own->seq : 0);
	fn(arg, "heads", "settled", own != NULL && own->settled);
	engine_signer_debug(h->signer, fn, arg);
}
