/* The messages of a sealed group that travel outside SEALED, since what they say is sealed already: keys, heads,
 * and what a vault and another member tell each other. Most go to the owner (peer_seal.h). At a member, a vault's
 * hello and acknowledgements are treated as those of any peer, so that its numbers are kept as theirs are. */
#include <stdlib.h>
#include <utlist.h>

#include "base/mem.h"
#include "sync/peer/peers_internal.h"
#include "sync/seal/object.h"

enum {
	BROUGHT_ONCE = 1024, /* messages, envelopes and heads; each costs the owner a signature to check */
	BROUGHT_MS = 31,     /* for one more */
	CONTROL_ROOM = 4 * LINK_CONTROL_LOW,
	HELLOS_ONCE = 16,  /* of a vault on one connection; each has us tell our rows again */
	HELLOS_MS = 10000, /* for one more */
};

_Static_assert(FRAME_MAX_OBJECT >= MSG_OBJECT_HEAD + OBJECT_SEALED_MAX, "an object does not fit its frame");

/* --- in --- */

/* False: the peer brings more than it may, and this is left out. */
static bool may_bring(struct talk *t, size_t n)
{
	struct session *s = t->session;
	int64_t now = loop_now_ms(s->peers->config.loop), used = s->seal_used_ms > now ? s->seal_used_ms : now;

	used += (int64_t)(n + 1) * BROUGHT_MS;
	if (used - now > (int64_t)BROUGHT_ONCE * BROUGHT_MS) {
		talk_misbehaved(t, "", "brought more keys and heads than it may");
		return false;
	}
	s->seal_used_ms = used;
	return true;
}

/* What it holds counts after the owner has taken what came with it, which may have changed the roster, and so have
 * ended the talk. */
void peer_group_keys_in(struct talk *t, const struct msg_keys *m)
{
	const struct peer_group_config *c = &t->group->config;
	struct session *s = t->session;
	uint64_t serial = t->serial;

	if (!may_bring(t, m->nenvelopes))
		return;
	s->jobs++;
	c->seal->keys(c->arg, s->peer, m);
	t = talk_of_serial(s, serial);
	if (t != NULL && rights_has(t->role, RIGHT_KEYS))
		talk_holds(t, m->held, m->nheld);
	if (t != NULL)
		membership_maybe_hello(t);
	session_job_done(s);
}

void peer_group_heads_in(struct talk *t, const struct msg_heads *m)
{
	const struct peer_group_config *c = &t->group->config;

	if (may_bring(t, m->nheads))
		c->seal->heads(c->arg, t->session->peer, m);
}

/* We are the vault: the member may have said hello before the owner did. */
static void member_up(struct talk *t, const struct msg_vault *m)
{
	struct session *s = t->session;
	struct peer_group *g = t->group;

	if (t->up)
		return;
	t->up = true;
	t->seal.hello = *m;
	if (s->peers->config.connected)
		s->peers->config.connected(s->peers->config.arg, &s->id, g);
	g->config.hooks->up(g->config.arg, s->peer);
	talk_vault_up(t);
	gossip_up(t);
	g->config.hooks->state(g->config.arg);
}

/* The vault asks for all of our rows above what it says is settled; what it said before counts no more. */
static void vault_again(struct talk *t, const struct msg_vault *m)
{
	struct peer_group *g = t->group;
	struct session *s = t->session;
	int64_t now = loop_now_ms(s->peers->config.loop);
	int64_t used = (t->seal.hellos_ms > now ? t->seal.hellos_ms : now) + HELLOS_MS;

	if (used - now > (int64_t)HELLOS_ONCE * HELLOS_MS) {
		talk_misbehaved(t, "", "said hello more often than it may");
		return;
	}
	t->seal.hellos_ms = used;
	if (m->epoch != t->their_epoch) {
		talk_close(t, "reopening with another epoch of the vault's");
		session_offer(s, g);
		return;
	}
	t->settled = m->have_epoch == index_epoch(g->config.index) ? m->settled : 0;
	g->progress = true; /* stored at the end of the turn */
	t->seal.hello = *m;
	talk_vault_up(t);
}

/* As an index hello that has no signature, of a peer that takes nothing inside news. */
static void vault_up(struct talk *t, const struct msg_vault *m)
{
	const struct msg_index_hello hello = { .channel = m->channel,
		                               .epoch = m->epoch,
		                               .seq = m->seq,
		                               .have_epoch = m->have_epoch,
		                               .have_seq = m->have_seq,
		                               .settled = m->settled,
		                               .role_known = m->role_known,
		                               .no_inline = true };

	if (t->up) {
		vault_again(t, m);
		return;
	}
	t->seal.hello = *m;
	peer_group_hello_in(t, &hello);
}

static void vault_ack(struct talk *t, const struct msg_vault *m)
{
	const struct msg_news_ack ack = { .channel = m->channel,
		                          .received = m->have_seq,
		                          .settled = m->settled,
		                          .epoch = m->epoch };

	news_out_ack(t, &ack);
	t->no_inline = true;
}

void peer_group_vault_in(struct talk *t, const struct msg_vault *m)
{
	const struct peer_group_config *c = &t->group->config;
	bool ours = rights_has(t->group->own_role, RIGHT_STORE);

	if (!talk_is_vault(t))
		return;
	if (m->what == MSG_VAULT_HELLO && ours)
		member_up(t, m);
	else if (m->what == MSG_VAULT_HELLO)
		vault_up(t, m);
	else if (t->up && m->what == MSG_VAULT_ACK && !ours)
		vault_ack(t, m);
	else if (t->up)
		c->seal->vault(c->arg, t->session->peer, m);
}

void peer_group_cores_in(struct talk *t, const struct msg_cores *m)
{
	const struct peer_group_config *c = &t->group->config;

	if (t->up && talk_is_vault(t))
		c->seal->cores(c->arg, t->session->peer, m);
}

void peer_group_object_in(struct talk *t, const struct msg_object *m)
{
	const struct peer_group_config *c = &t->group->config;

	if (!t->up || !talk_is_vault(t))
		return;
	peer_group_received(t->group, m->bytes.n);
	c->seal->object(c->arg, t->session->peer, m);
}

void peer_group_vault_news(struct peer_group *g, uint64_t peer, const struct msg_news *m)
{
	struct talk *t = talk_of_peer(g, peer);

	if (t && t->up && talk_is_vault(t) && !rights_has(g->own_role, RIGHT_STORE))
		news_in_vouched(t, m);
}

bool peer_group_roster_equal(struct peer_group *g, uint64_t peer)
{
	const struct talk *t = talk_of_peer(g, peer);

	return t && t->up && !t->roster_due;
}

/* --- out --- */

/* The talk with somebody that may be told at all: both have shown their membership, and our roster says so at this
 * moment. */
static struct talk *talk_proved(struct peer_group *g, uint64_t peer)
{
	struct talk *t = talk_of_peer(g, peer);

	return t && t->seal.proved && membership_is_ours(t) &&
	                       roster_may(g->config.roster, &t->session->id, RIGHT_TAKE_PART)
	               ? t
	               : NULL;
}

/* ... and one side is a vault. */
static struct talk *talk_with_vault(struct peer_group *g, uint64_t peer)
{
	struct talk *t = talk_proved(g, peer);

	return t && talk_is_vault(t) ? t : NULL;
}

int peer_group_keys(struct peer_group *g, uint64_t peer, const struct msg_keys *m)
{
	struct talk *t = talk_proved(g, peer);
	struct msg_keys out = *m;
	size_t n;

	if (!t)
		return -1;
	out.channel = (uint32_t)t->my_channel;
	uint8_t *body = msg_keys_encode(&out, &n);

	session_send(t->session, FRAME_KEYS, body, n);
	return 0;
}

int peer_group_heads(struct peer_group *g, uint64_t peer, const struct msg_heads *m)
{
	struct talk *t = talk_proved(g, peer);
	struct msg_heads out = *m;
	size_t n;

	if (!t)
		return -1;
	out.channel = (uint32_t)t->my_channel;
	uint8_t *body = msg_heads_encode(&out, &n);

	session_send(t->session, FRAME_HEADS, body, n);
	return 0;
}

int peer_group_vault(struct peer_group *g, uint64_t peer, const struct msg_vault *m)
{
	struct talk *t = talk_with_vault(g, peer);

	if (!t)
		return -1;
	talk_vault_send(t, m);
	return 0;
}

/* At a member the numbers are those of its index, and noted as sent before they leave, as with NEWS. */
int peer_group_cores(struct peer_group *g, uint64_t peer, const struct msg_cores *m)
{
	struct talk *t = talk_with_vault(g, peer);
	struct msg_cores out = *m;
	size_t n;

	if (!t || !t->up)
		return -1;
	if (!rights_has(g->own_role, RIGHT_STORE)) {
		if (m->upto > t->sent)
			t->sent = m->upto;
		numbers_note_sent(t, m->upto);
		g->counters.records_sent += m->ncores;
	}
	out.channel = (uint32_t)t->my_channel;
	uint8_t *body = msg_cores_encode(&out, &n);

	session_send(t->session, FRAME_CORES, body, n);
	return 0;
}

int peer_group_object(struct peer_group *g, uint64_t peer, uint32_t request, uint8_t status, uint8_t *bytes, size_t n)
{
	struct talk *t = talk_with_vault(g, peer);
	uint8_t head[MSG_OBJECT_HEAD];

	if (!t || !t->up) {
		free(bytes);
		return -1;
	}
	msg_object_head(head, &(struct msg_object){ .channel = (uint32_t)t->my_channel,
	                                            .request = request,
	                                            .status = status });
	peer_group_sent(g, n);
	session_queue(t->session, LINK_BULK, FRAME_OBJECT, head, sizeof(head), bytes, n);
	return 0;
}

/* --- room --- */

static size_t rest_of(size_t most, size_t used)
{
	return used < most ? most - used : 0;
}

/* Above what `drained` waits for, so that it comes when this is used up. */
size_t peer_group_vault_room(struct peer_group *g, uint64_t peer, bool bulk)
{
	const struct talk *t = talk_with_vault(g, peer);
	const struct link *l = t ? t->session->link : NULL;

	if (!l)
		return 0;
	return bulk ? rest_of(2 * l->bulk_low, l->queued_bulk) : rest_of(CONTROL_ROOM, l->queued_control);
}

void peer_group_vault_drained(struct talk *t)
{
	const struct peer_group_config *c = &t->group->config;

	if (t->up && talk_is_vault(t))
		c->seal->room(c->arg, t->session->peer);
}

void peer_group_rekeyed(struct peer_group *g)
{
	talk_rekey(g);
}

bool peer_group_is_vault(struct peer_group *g, uint64_t peer)
{
	const struct talk *t = talk_of_peer(g, peer);

	return g->config.seal != NULL && t != NULL && roster_may(g->config.roster, &t->session->id, RIGHT_STORE);
}
