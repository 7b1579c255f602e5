/* A talk of a sealed group: which keys it has, and what its peer has sealed. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "sync/peer/peers_internal.h"
#include "sync/wire/codec.h"

bool talk_is_sealed(const struct talk *t)
{
	return t->group->config.seal != NULL || roster_sealed(t->group->config.roster);
}

bool talk_is_vault(const struct talk *t)
{
	return t->group->config.seal != NULL &&
	       (rights_has(t->role, RIGHT_STORE) || rights_has(t->group->own_role, RIGHT_STORE));
}

bool talk_hears(const struct talk *t)
{
	return t->session->inside == (talk_is_sealed(t) ? t : NULL);
}

void talk_vault_up(struct talk *t)
{
	const struct peer_group_config *c = &t->group->config;

	if (!talk_is_vault(t))
		return;
	t->seal.up = true;
	c->seal->vault_up(c->arg, t->session->peer, &t->seal.hello);
}

/* Roles may have changed since. */
void talk_vault_down(struct talk *t)
{
	const struct peer_group_config *c = &t->group->config;

	if (t->seal.up)
		c->seal->vault_down(c->arg, t->session->peer);
	t->seal.up = false;
}

void talk_rekey(struct peer_group *g)
{
	if (g->rekey && !loop_timer_running(g->rekey))
		loop_timer_start(g->rekey, 0, 0);
}

/* The keys of the current generation on this connection; NULL: there is none that is fit. They are made when they are
 * needed first, and again if the owner has another generation by now: then the group opens again soon. */
struct wrap *talk_wrap(struct talk *t)
{
	const struct peer_group_config *c = &t->group->config;
	struct session *s = t->session;
	const struct keys *k = c->seal->current(c->arg);
	bool stale = t->seal.wrap && (k == NULL || wrap_generation(t->seal.wrap) != keys_about(k)->id);

	if (stale)
		talk_rekey(t->group);
	if (stale || k == NULL)
		return NULL;
	if (t->seal.wrap == NULL)
		t->seal.wrap = wrap_new(k, s->link->binding, identity_id(s->peers->config.self), &s->id);
	if (t->seal.wrap == NULL && log_allow("wrap", 60))
		log_error("no locked memory is left for the keys of a connection");
	return t->seal.wrap;
}

void talk_holds(struct talk *t, const uint64_t *held, size_t n)
{
	const struct wrap *w = talk_is_vault(t) ? NULL : talk_wrap(t);

	for (size_t i = 0; w != NULL && i < n; i++)
		t->seal.common |= held[i] == wrap_generation(w);
}

/* Control frames arrive as they were queued, so each must have the next number. */
static bool is_next(struct session *s, const struct msg_sealed *m)
{
	return (m->counter & MSG_SEALED_BULK) != 0 || m->counter == s->sealed_in++;
}

enum talk_sealed talk_sealed_read(struct session *s, const uint8_t *p, size_t n, struct talk_unsealed *out)
{
	struct msg_sealed *m = &out->sealed;
	struct wrap *w;

	*out = (struct talk_unsealed){ 0 };
	if (msg_sealed_decode(m, p, n))
		return TALK_SEALED_MALFORMED;
	if (!is_next(s, m))
		return TALK_SEALED_ORDER;
	out->talk = talk_of_channel(s, m->channel);
	if (out->talk == NULL)
		return TALK_SEALED_LEFT_OUT; /* the two sides need not close in step */
	if (out->talk->group->config.seal == NULL)
		return TALK_SEALED_MALFORMED;
	/* Nor do they learn of a new generation, or of a role, in step: then the group opens again. */
	w = !out->talk->open_in || talk_is_vault(out->talk) ? NULL : talk_wrap(out->talk);
	if (w == NULL || wrap_generation(w) != m->generation)
		return TALK_SEALED_LEFT_OUT;
	out->front = p;
	return TALK_SEALED_HERE;
}

/* The link's buffer, whose owner may write to it during the event: it is opened where it is. */
static uint8_t *writable(const uint8_t *p)
{
	union {
		const uint8_t *in;
		uint8_t *out;
	} u = { .in = p };

	return u.out;
}

enum talk_sealed talk_sealed_open(struct talk_unsealed *o)
{
	const struct msg_sealed *m = &o->sealed;
	uint8_t *p = writable(m->sealed.p);

	if (wrap_open(o->talk->seal.wrap, m->counter, o->front, m->front, p, m->sealed.n, p + m->sealed.n))
		return TALK_SEALED_FORGED;
	o->p = p;
	o->n = m->sealed.n;
	if (m->flags == 0)
		return TALK_SEALED_HERE;
	/* Its prefix stands before what was sealed. */
	o->plain = codec_decompress(p - CODEC_PREFIX, o->n + CODEC_PREFIX, frame_max(m->type), &o->n);
	o->p = o->plain;
	return o->plain != NULL ? TALK_SEALED_HERE : TALK_SEALED_MALFORMED;
}

const char *talk_sealed_text(enum talk_sealed result)
{
	switch (result) {
	case TALK_SEALED_ORDER:
		return "sent a sealed frame out of order";
	case TALK_SEALED_FORGED:
		return "sent a sealed frame that was altered";
	default:
		return "sent a malformed message";
	}
}
