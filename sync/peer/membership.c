/* The first thing that the two sides of a talk show each other. Nothing of the group except the sender's own
 * credential goes out before our roster says that the other side is in the group. Our credential goes only to an
 * agent that our roster knows, or that has shown its own. So two agents that do not know each other yet both wait:
 * they meet through a member that knows them. */
#include <stdlib.h>

#include "sync/peer/peers_internal.h"

void membership_send_open(struct talk *t, const struct msg_group_open *base)
{
	struct msg_group_open m = *base;
	size_t n;

	m.channel = (uint32_t)t->my_channel;
	m.your_channel = (uint32_t)t->their_channel;
	uint8_t *body = msg_group_open_encode(&m, &n);

	t->open_sent = true;
	session_send(t->session, FRAME_GROUP_OPEN, body, n);
}

void membership_show(struct talk *t)
{
	struct roster *r = t->group->config.roster;
	struct roster_out_list list = { 0 };
	uint8_t digest[32];

	roster_digest(r, digest);
	roster_credential(r, identity_id(t->session->peers->config.self), roster_out_collect, &list);
	/* After the credential, which is the first to be sent if there is not enough room. */
	if (roster_may(r, &t->session->id, RIGHT_TAKE_PART))
		roster_deposed(r, roster_out_collect, &list);
	membership_send_open(t, &(struct msg_group_open){
					.credential = list.e,
					.ncredential = list.n > MSG_MAX_CREDENTIAL ? MSG_MAX_CREDENTIAL : list.n,
					.roster_digest = { .p = digest, .n = sizeof(digest) } });
	free(list.e);
}

void membership_proved(struct talk *t)
{
	t->role = roster_role(t->group->config.roster, &t->session->id);
	session_trust(t->session);
	dial_proved(t->session->peers, &t->session->id);
}

/* An agent that is outside itself by its own roster asks for nothing, even of a member that has not heard of it. */
bool membership_is_ours(const struct talk *t)
{
	return roster_may(t->group->config.roster, identity_id(t->session->peers->config.self), RIGHT_TAKE_PART);
}

/* Both have shown that they are members. In a sealed group the owner then says which keys it has. */
static bool is_proved(struct talk *t)
{
	struct peer_group *g = t->group;

	if (!membership_is_ours(t) || !rights_has(t->role, RIGHT_TAKE_PART) || !t->open_sent || !t->open_in)
		return false;
	if (g->config.seal && !g->config.invite && !t->seal.proved) {
		t->seal.proved = true;
		g->config.seal->proved(g->config.arg, t->session->peer);
	}
	return true;
}

/* A vault's hello is its owner's to send. A vault is sent one, which holders of keys send one another only if both have
 * those of the current generation. */
static bool may_hello(const struct talk *t)
{
	if (!talk_is_sealed(t))
		return rights_has(t->role, RIGHT_READ);
	if (t->group->config.seal == NULL || rights_has(t->group->own_role, RIGHT_STORE))
		return false;
	return talk_is_vault(t) || (rights_has(t->role, RIGHT_KEYS) && t->seal.common);
}

void membership_maybe_hello(struct talk *t)
{
	if (is_proved(t) && may_hello(t) && !t->hello_sent && t->group->config.index && t->group->scanned)
		news_in_send_hello(t);
}

/* A refusal proves nothing, so a former member is shown the entries. It may see our credential: it knows us. */
void membership_end(struct talk *t, const char *reason)
{
	if (membership_is_ours(t))
		roster_out_dismissal(t, membership_show);
	talk_close(t, reason);
}

void membership_refuse(struct talk *t, const char *reason)
{
	struct session *s = t->session;
	struct peers *p = s->peers;
	bool last = s->talks == t && !t->next;

	if (p->config.refused)
		p->config.refused(p->config.arg, &s->id, s->link->address, reason);
	membership_end(t, reason);
	if (last && !s->link->trusted)
		session_ended(s, reason);
}
