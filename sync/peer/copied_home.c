/* Two agents with one identity: a home was copied, and both copies run. Each run of an agent draws a random number,
 * its run ID, and sends it in its hello. So an agent that connects to its own identity knows whether it reached
 * itself or a copy; and a third agent, to which both connect, sees one run ID come back after another took its
 * place, again and again. A home that found itself on another machine says so: it is the copy, and the other one
 * continues. Where that cannot be decided, both stop.
 *
 * No agent stops because a peer says so. The third agent asks each of the two to sign, with the identity that both
 * have, that it runs at the same time as the other's run ID. An agent believes only such a statement about its own
 * run ID, by its own key and from another run. The number was drawn for this run, so a member can neither make such
 * a statement up nor reuse one from an earlier run. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/log.h"
#include "base/mem.h"
#include "sync/peer/peers_internal.h"

enum {
	MIRRORS_MAX = 16,
	RUNS_MAX = 1024,
	/* The hello of a run that has ended may arrive late; it then counts as one return, and the next hello as
	 * another. */
	RETURNS_TOLD = 5,
	RETURNS_MS = 60000, /* without a return for this long, earlier ones are forgotten */
};

/* A connection to our own identity. */
struct mirror {
	struct mirror *prev, *next;
	struct peers *peers;
	struct link *link;
};

/* Signed by an agent in run `run_id`: it runs at the same time as `other`. */
struct statement {
	uint64_t run_id, other;
	bool moved;
	uint8_t signature[SIGNATURE_LEN];
};

/* The runs of one agent that connect to us in turns. */
struct runs {
	struct runs *prev, *next;
	struct agent_id id;
	uint64_t now, before;
	bool now_moved, before_moved;
	struct statement by_now, by_before; /* by each about the one before it */
	int returns;                        /* how often the run before came back */
	int64_t changed_ms;                 /* when the run ID last changed */
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

static void mirror_hello(struct mirror *m)
{
	size_t n;
	uint8_t *body = session_hello_run(m->peers, &n);

	link_send(m->link, LINK_CONTROL, FRAME_HELLO, NULL, 0, body, n);
}

static void mirror_frame(void *arg, uint8_t type, const uint8_t *payload, size_t n)
{
	struct mirror *m = arg;
	struct peers *p = m->peers;
	struct msg_arena a = { 0 };
	struct msg_hello hello;
	bool good = type == FRAME_HELLO && msg_hello_decode(&hello, &a, payload, n) == 0;
	bool copied = good && hello.run_id != 0 && hello.run_id != p->run_id;
	char address[sizeof(m->link->address)];

	msg_free(&a);
	memcpy(address, m->link->address, sizeof(address));
	/* The side that was dialled answers, and leaves the closing to the other side. */
	if (good && !m->link->dialed)
		mirror_hello(m);
	else
		mirror_free(m);
	if (copied && p->config.copied_home)
		p->config.copied_home(p->config.arg, NULL, address, yields(p->config.moved, hello.moved));
}

static void mirror_down(void *arg, const char *reason)
{
	(void)reason;
	mirror_free(arg);
}

void copied_home_mirror(struct peers *p, struct link *link)
{
	static const struct link_events events = { .frame = mirror_frame, .down = mirror_down };
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
		mirror_hello(m);
}

/* --- others' --- */

static struct runs *runs_find(const struct peers *p, const struct agent_id *id)
{
	struct runs *l;

	DL_FOREACH(p->runs, l)
		if (agent_id_equal(&l->id, id))
			return l;
	return NULL;
}

static struct runs *runs_of(struct peers *p, const struct agent_id *id)
{
	struct runs *l = runs_find(p, id);
	int n;

	if (l)
		return l;
	DL_COUNT(p->runs, l, n);
	if (n >= RUNS_MAX) {
		l = p->runs;
		DL_DELETE(p->runs, l);
		free(l);
	}
	l = MEM_NEW(struct runs);
	l->id = *id;
	DL_APPEND(p->runs, l);
	return l;
}

/* Of two runs that take turns, the one that connects now is compared with the one before it. A run that comes back
 * counts; a new run starts the count again, since an agent that restarts draws a new run ID each time. */
bool copied_home_must_go(struct session *s, const struct msg_hello *hello)
{
	struct runs *l;
	uint64_t run_id = hello->run_id;

	if (run_id == 0)
		return false;
	l = runs_of(s->peers, &s->id);
	if (loop_now_ms(s->peers->config.loop) - l->changed_ms > RETURNS_MS)
		l->returns = 0;
	if (l->now != run_id) {
		struct statement earlier = l->by_before;

		l->changed_ms = loop_now_ms(s->peers->config.loop);
		l->by_before = l->by_now;
		l->by_now = l->before == run_id ? earlier : (struct statement){ 0 };
		l->returns = l->before == run_id ? l->returns + 1 : 0;
		l->before = l->now;
		l->before_moved = l->now_moved;
		l->now = run_id;
	}
	l->now_moved = hello->moved;
	return l->returns >= RETURNS_TOLD && yields(l->now_moved, l->before_moved);
}

/* --- what the two sign --- */

enum { STATEMENT_LEN = 15 + 8 + 8 + 1 };

static void statement_bytes(uint8_t out[STATEMENT_LEN], uint64_t run_id, uint64_t other, bool moved)
{
	memcpy(out, "lanyard life 1", 15);
	put_u64(out + 15, run_id);
	put_u64(out + 23, other);
	out[31] = moved;
}

static void send_proof(struct session *s, const struct msg_run_proof *m)
{
	size_t n;
	uint8_t *body = msg_run_proof_encode(m, &n);

	session_send(s, FRAME_RUN_PROOF, body, n);
}

void copied_home_ask(struct session *s)
{
	const struct runs *l = runs_find(s->peers, &s->id);

	if (l && l->returns > 0 && l->by_now.other != l->before)
		send_proof(s, &(struct msg_run_proof){ .other = l->before });
}

/* For members only, and about any run ID except our own: the signature vouches only that this run exists. */
static void send_own_proof(struct session *s, uint64_t other)
{
	const struct peers *p = s->peers;
	uint8_t bytes[STATEMENT_LEN], signature[SIGNATURE_LEN];

	if (other == 0 || other == p->run_id || !s->link->trusted)
		return;
	statement_bytes(bytes, p->run_id, other, p->config.moved);
	identity_sign(p->config.self, bytes, sizeof(bytes), signature);
	send_proof(s, &(struct msg_run_proof){ .run_id = p->run_id,
	                                       .other = other,
	                                       .moved = p->config.moved,
	                                       .signature = { .p = signature, .n = sizeof(signature) } });
}

void copied_home_proof_in(struct session *s, const struct msg_run_proof *m)
{
	struct runs *l;

	if (m->signature.n == 0) {
		send_own_proof(s, m->other);
		return;
	}
	l = runs_find(s->peers, &s->id);
	if (!l || m->run_id != l->now || m->other != l->before)
		return;
	/* The agent that we show it to checks the signature. */
	l->by_now = (struct statement){ .run_id = m->run_id, .other = m->other, .moved = m->moved };
	memcpy(l->by_now.signature, m->signature.p, SIGNATURE_LEN);
}

void copied_home_evidence(const struct session *s, struct msg_run_proof *m)
{
	const struct runs *l = runs_find(s->peers, &s->id);

	if (!l || l->by_before.run_id == 0 || l->by_before.other != l->now)
		return;
	*m = (struct msg_run_proof){ .run_id = l->by_before.run_id,
		                     .other = l->by_before.other,
		                     .moved = l->by_before.moved,
		                     .signature = { .p = l->by_before.signature, .n = SIGNATURE_LEN } };
}

static bool holds(const struct peers *p, const struct msg_run_proof *m)
{
	uint8_t bytes[STATEMENT_LEN];

	if (m->signature.n != SIGNATURE_LEN || m->other != p->run_id || m->run_id == p->run_id)
		return false;
	statement_bytes(bytes, m->run_id, m->other, m->moved);
	return identity_verify(identity_public_key(p->config.self), bytes, sizeof(bytes), m->signature.p) == 0;
}

void copied_home_told(struct session *s, const struct msg_run_proof *evidence)
{
	struct peers *p = s->peers;

	if (holds(p, evidence)) {
		if (p->config.copied_home && yields(p->config.moved, evidence->moved))
			p->config.copied_home(p->config.arg, &s->id, s->link->address, true);
	} else if (s->link->trusted && log_allow("copied-home", 2)) {
		log_about(LOG_WARN, &(struct log_about){ .peer = s->id_text },
		          "%s: claims without proof that another agent has our identity: ignored", s->link->address);
	}
}

void copied_home_free_all(struct peers *p)
{
	struct mirror *m, *m_next;
	struct runs *l, *l_next;

	DL_FOREACH_SAFE(p->mirrors, m, m_next)
		mirror_free(m);
	DL_FOREACH_SAFE(p->runs, l, l_next) {
		DL_DELETE(p->runs, l);
		free(l);
	}
}
