/* Two agents with one identity: a home was copied, and both copies run. Each run of an agent draws a number, its *life*, and says it in
 * its hello. So an agent that reaches its own identity knows whether it reached itself; and a third that is connected to
 * both sees one life come back after another took its place, again and again. A home that found itself on another
 * machine says so: it is the copy, and the other goes on. Where that cannot be told, both stop.
 *
 * Nobody stops because a peer says so. The third has each of the two sign, with the identity that both have, that it lives beside the
 * other's life; a number drawn for this run and never before. Only such a statement about our own life, by our own key and
 * in another life, is believed: a member cannot make it up, nor use one of an earlier run again. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/log.h"
#include "base/mem.h"
#include "sync/peer/peers_internal.h"

enum {
	MIRRORS_MAX = 16,
	LIVES_MAX = 1024,
	/* A hello of a life that has ended may come late, and then looks like a return, and the next like another. */
	RETURNS_TOLD = 5,
	RETURNS_MS = 60000, /* as long as there were none, all before are forgotten */
};

/* A connection to our own identity. */
struct mirror {
	struct mirror *prev, *next;
	struct peers *peers;
	struct link *link;
};

/* Signed by an agent: in this life it was asked about the other one. */
struct statement {
	uint64_t life, other;
	bool moved;
	uint8_t signature[SIGNATURE_LEN];
};

/* The runs of an agent that are connected to us in turns. */
struct lives {
	struct lives *prev, *next;
	struct agent_id id;
	uint64_t now, before;
	bool now_moved, before_moved;
	struct statement by_now, by_before; /* of each about the one before it */
	int returns;                        /* how often the one before came back */
	int64_t changed_ms;                 /* when the life last was another */
};

static bool yields(bool moved, bool other_moved)
{
	return moved || !other_moved;
}

/* --- our own identity --- */

static void mirror_free(struct mirror *m)
{
	DL_DELETE(m->peers->mirrors, m);
	link_close(m->link);
	free(m);
}

static void send_life(struct mirror *m)
{
	size_t n;
	uint8_t *body = session_life(m->peers, &n);

	link_send(m->link, LINK_CONTROL, FRAME_HELLO, NULL, 0, body, n);
}

static void on_frame(void *arg, uint8_t type, const uint8_t *payload, size_t n)
{
	struct mirror *m = arg;
	struct peers *p = m->peers;
	struct msg_arena a = { 0 };
	struct msg_hello hello;
	bool good = type == FRAME_HELLO && msg_hello_decode(&hello, &a, payload, n) == 0;
	bool twin = good && hello.life != 0 && hello.life != p->life;
	char address[sizeof(m->link->address)];

	msg_free(&a);
	memcpy(address, m->link->address, sizeof(address));
	/* Who was dialled answers, and leaves it to the other side to close. */
	if (good && !m->link->dialed)
		send_life(m);
	else
		mirror_free(m);
	if (twin && p->config.twin)
		p->config.twin(p->config.arg, NULL, address, yields(p->config.moved, hello.moved));
}

static void on_down(void *arg, const char *reason)
{
	(void)reason;
	mirror_free(arg);
}

void twin_mirror(struct peers *p, struct link *link)
{
	static const struct link_events events = { .frame = on_frame, .down = on_down };
	struct mirror *m, *oldest = p->mirrors;
	int n;

	DL_COUNT(p->mirrors, m, n);
	if (n >= MIRRORS_MAX)
		mirror_free(oldest);
	m = MEM_NEW(struct mirror);
	m->peers = p;
	m->link = link;
	DL_APPEND(p->mirrors, m);
	link_listen(link, &events, m);
	if (link->dialed)
		send_life(m);
}

/* --- others' --- */

static struct lives *lives_find(const struct peers *p, const struct agent_id *id)
{
	struct lives *l;

	DL_FOREACH(p->lives, l)
		if (agent_id_equal(&l->id, id))
			return l;
	return NULL;
}

static struct lives *lives_of(struct peers *p, const struct agent_id *id)
{
	struct lives *l = lives_find(p, id);
	int n;

	if (l)
		return l;
	DL_COUNT(p->lives, l, n);
	if (n >= LIVES_MAX) {
		l = p->lives;
		DL_DELETE(p->lives, l);
		free(l);
	}
	l = MEM_NEW(struct lives);
	l->id = *id;
	DL_APPEND(p->lives, l);
	return l;
}

bool twin_is_to_go(struct session *s, const struct msg_hello *hello)
{
	struct lives *l;
	uint64_t life = hello->life;

	if (life == 0)
		return false;
	l = lives_of(s->peers, &s->id);
	if (loop_now_ms(s->peers->config.loop) - l->changed_ms > RETURNS_MS)
		l->returns = 0;
	if (l->now != life) {
		struct statement earlier = l->by_before;

		l->changed_ms = loop_now_ms(s->peers->config.loop);
		l->by_before = l->by_now;
		l->by_now = l->before == life ? earlier : (struct statement){ 0 };
		l->returns = l->before == life ? l->returns + 1 : 0;
		l->before = l->now;
		l->before_moved = l->now_moved;
		l->now = life;
	}
	l->now_moved = hello->moved;
	return l->returns >= RETURNS_TOLD && yields(l->now_moved, l->before_moved);
}

/* --- what the two sign --- */

enum { STATEMENT_LEN = 15 + 8 + 8 + 1 };

static void statement_bytes(uint8_t out[STATEMENT_LEN], uint64_t life, uint64_t other, bool moved)
{
	memcpy(out, "lanyard life 1", 15);
	put_u64(out + 15, life);
	put_u64(out + 23, other);
	out[31] = moved;
}

static void send_life_message(struct session *s, const struct msg_life *m)
{
	size_t n;
	uint8_t *body = msg_life_encode(m, &n);

	session_send(s, FRAME_LIFE, body, n);
}

void twin_ask(struct session *s)
{
	const struct lives *l = lives_find(s->peers, &s->id);

	if (l && l->returns > 0 && l->by_now.other != l->before)
		send_life_message(s, &(struct msg_life){ .other = l->before });
}

/* Signed for members only, and about any life but our own: we vouch for nothing but that we live. */
static void answer(struct session *s, uint64_t other)
{
	const struct peers *p = s->peers;
	uint8_t bytes[STATEMENT_LEN], signature[SIGNATURE_LEN];

	if (other == 0 || other == p->life || !s->link->trusted)
		return;
	statement_bytes(bytes, p->life, other, p->config.moved);
	identity_sign(p->config.self, bytes, sizeof(bytes), signature);
	send_life_message(s, &(struct msg_life){ .life = p->life,
	                                         .other = other,
	                                         .moved = p->config.moved,
	                                         .signature = { .p = signature, .n = sizeof(signature) } });
}

void twin_life_in(struct session *s, const struct msg_life *m)
{
	struct lives *l;

	if (m->signature.n == 0) {
		answer(s, m->other);
		return;
	}
	l = lives_find(s->peers, &s->id);
	if (!l || m->life != l->now || m->other != l->before)
		return;
	/* Whether it holds is for the one it is shown to. */
	l->by_now = (struct statement){ .life = m->life, .other = m->other, .moved = m->moved };
	memcpy(l->by_now.signature, m->signature.p, SIGNATURE_LEN);
}

void twin_evidence(const struct session *s, struct msg_life *m)
{
	const struct lives *l = lives_find(s->peers, &s->id);

	if (!l || l->by_before.life == 0 || l->by_before.other != l->now)
		return;
	*m = (struct msg_life){ .life = l->by_before.life,
		                .other = l->by_before.other,
		                .moved = l->by_before.moved,
		                .signature = { .p = l->by_before.signature, .n = SIGNATURE_LEN } };
}

static bool holds(const struct peers *p, const struct msg_life *m)
{
	uint8_t bytes[STATEMENT_LEN];

	if (m->signature.n != SIGNATURE_LEN || m->other != p->life || m->life == p->life)
		return false;
	statement_bytes(bytes, m->life, m->other, m->moved);
	return identity_verify(identity_public_key(p->config.self), bytes, sizeof(bytes), m->signature.p) == 0;
}

void twin_told(struct session *s, const struct msg_life *evidence)
{
	struct peers *p = s->peers;

	if (holds(p, evidence)) {
		if (p->config.twin && yields(p->config.moved, evidence->moved))
			p->config.twin(p->config.arg, &s->id, s->link->address, true);
	} else if (s->link->trusted && log_allow("twin-told", 2)) {
		log_about(LOG_WARN, &(struct log_about){ .peer = s->id_text },
		          "%s: says that another agent has our identity, and shows nothing for it: not believed",
		          s->link->address);
	}
}

void twin_free_all(struct peers *p)
{
	struct mirror *m, *m_next;
	struct lives *l, *l_next;

	DL_FOREACH_SAFE(p->mirrors, m, m_next)
		mirror_free(m);
	DL_FOREACH_SAFE(p->lives, l, l_next) {
		DL_DELETE(p->lives, l);
		free(l);
	}
}
