/* The asker's side: see asker.h.
 *
 * The first salt that comes makes the request; it is then shown to everybody else, and a member that knows its giver
 * carries it. So the first question goes to one agent at a time. An agent that does not know the giver answers with a
 * salt of its own: one of the two is not a member, which we cannot tell, and there are two codes. */
#include "sync/peer/asker.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/peer/ask_internal.h"

enum {
	ASKER_TICK_MS = 500,
	ASKER_ANSWER_MS = 3000, /* then the next agent is asked */
	ASKER_LATER_MS = 30000,
	ASKER_NO_MS = 1000,       /* for others to say otherwise */
	ASKER_FIRST_NO_MS = 3000, /* and if nobody has carried the request yet */
	ASKER_DAY_S = 24 * 3600,
};

static int64_t asker_now(const struct asker *a)
{
	return loop_now_ms(a->peers->config.loop);
}

/* --- asking --- */

static void ask_on(struct asker *a, struct asker_talk *k)
{
	struct msg_bytes entries[ASKER_CODES_MAX];
	uint8_t commitment[REQUEST_NONCE];
	struct msg_ask m = { .tag = a->config.tag.b,
		             .commitment = commitment,
		             .entries = entries,
		             .nentries = a->npapers,
		             .number = a->number };
	size_t n;

	random_bytes(k->r, sizeof(k->r));
	k->revealed = false;
	request_commit(commitment, identity_public_key(a->peers->config.self), k->r);
	for (size_t i = 0; i < a->npapers; i++)
		entries[i] = (struct msg_bytes){ .p = a->papers[i].entry, .n = a->papers[i].n };
	k->asked = true;
	k->answered = false;
	k->asked_ms = asker_now(a);
	uint8_t *body = msg_ask_encode(&m, &n);

	session_send(k->session, FRAME_ASK, body, n);
}

/* known: the greatest number that the member knows of us; one that no clock reaches is a lie. */
static void reveal_on(struct asker *a, struct asker_talk *k, const uint8_t *salt, uint64_t known)
{
	const struct identity *self = a->peers->config.self;
	int64_t now_s = clock_wall_s();
	struct bytes part = BYTES_INIT(REQUEST_ENTRY_MAX);
	struct request q = { .tag = a->config.tag,
		             .giver = k->session->id,
		             .number = a->number + 1,
		             .name = a->peers->config.name,
		             .message = a->message };
	size_t n;

	/* Near the time, so that it is greater than those of a home that was lost. */
	if (now_s > 0 && (uint64_t)now_s > q.number)
		q.number = (uint64_t)now_s;
	if (known < (uint64_t)1 << 48 && known >= q.number)
		q.number = known + 1;
	a->number = q.number;
	memcpy(q.key, identity_public_key(self), PUBLIC_KEY_LEN);
	memcpy(q.r, k->r, sizeof(q.r));
	memcpy(q.s, salt, sizeof(q.s));
	request_sign(&part, &q, self);
	uint8_t *body = msg_ask_reveal_encode(&(struct msg_ask_reveal){ .tag = a->config.tag.b,
	                                                                .request = { .p = part.p, .n = part.len } },
	                                      &n);

	k->revealed = true;
	k->asked_ms = asker_now(a);
	session_send(k->session, FRAME_ASK_REVEAL, body, n);
	bytes_free(&part);
}

/* Each salt that we answer makes a code. An attacker that knows r could choose its salt, and with it the code, so r
 * is good for one. It could also give salts until one of ours is a code that it has got from a member, so we
 * count them as members do. */
static bool may_reveal(struct asker *a, const struct asker_talk *k)
{
	char host[REQUEST_ADDRESS_MAX + 1];

	if (k->revealed)
		return false;
	ask_budget_host(host, k->session->link->address);
	return ask_budget_salt(a->budget, host, asker_now(a));
}

/* It was asked, and what we wait for may still come. */
static bool is_awaited(const struct asker *a, const struct asker_talk *k)
{
	return k->asked && (!k->answered || k->state == MSG_ASK_SALT) && asker_now(a) - k->asked_ms < ASKER_ANSWER_MS;
}

static bool awaits_somebody(const struct asker *a)
{
	const struct asker_talk *k;

	DL_FOREACH(a->talks, k)
		if (is_awaited(a, k))
			return true;
	return false;
}

static void ask_those_due(struct asker *a)
{
	struct asker_talk *k;

	DL_FOREACH(a->talks, k) {
		bool due = !k->asked || (k->state == MSG_ASK_LATER && asker_now(a) - k->asked_ms > ASKER_LATER_MS);

		if (due && (a->npapers > 0 || !awaits_somebody(a)))
			ask_on(a, k);
	}
}

static void ask_all_again(struct asker *a)
{
	struct asker_talk *k;

	DL_FOREACH(a->talks, k)
		if (!k->answered || k->state == MSG_ASK_ACCEPTED || k->state == MSG_ASK_LATER)
			k->asked = false;
}

/* --- the end --- */

static void asker_stop(struct asker *a, enum asker_state state)
{
	a->stopped = true;
	a->state = state;
	loop_timer_stop(a->tick);
	asker_book_changed(a);
}

/* Whether there is a "no" and nobody that says otherwise. */
static bool is_no(const struct asker *a, enum asker_state *state)
{
	const struct asker_talk *k;
	bool no = false;

	DL_FOREACH(a->talks, k) {
		if (is_awaited(a, k) || (k->answered && k->state == MSG_ASK_WAITING))
			return false;
		if (!k->answered || (k->state != MSG_ASK_REJECTED && k->state != MSG_ASK_BARRED))
			continue;
		*state = k->state == MSG_ASK_BARRED || (no && *state == ASKER_BARRED) ? ASKER_BARRED : ASKER_REJECTED;
		no = true;
	}
	return no;
}

static void asker_step(struct asker *a)
{
	enum asker_state no = ASKER_REJECTED;
	int64_t now = asker_now(a);

	if (a->stopped)
		return;
	if (asker_join_is_late(a)) {
		asker_join_end(a);
		ask_all_again(a);
		asker_book_changed(a);
	}
	if (a->join)
		return;
	if (clock_wall_s() - a->since_s > (int64_t)REQUESTS_DAYS * ASKER_DAY_S) {
		asker_stop(a, ASKER_EXPIRED);
		return;
	}
	if (!is_no(a, &no))
		a->no_ms = 0;
	else if (a->no_ms == 0)
		a->no_ms = now;
	else if (now - a->no_ms >= (a->npapers > 0 ? ASKER_NO_MS : ASKER_FIRST_NO_MS)) {
		asker_stop(a, no);
		return;
	}
	ask_those_due(a);
}

static void asker_tick_due(void *arg)
{
	asker_step(arg);
}

static void tell_due(void *arg)
{
	struct asker *a = arg;

	if (a->config.changed)
		a->config.changed(a->config.arg); /* may free a */
}

/* --- answers --- */

static void note_of(struct asker *a, const struct asker_talk *k, const char *what)
{
	asker_book_note(a, mem_printf("%s %s", k->session->link->address, what));
}

static void on_waiting(struct asker *a, struct asker_talk *k, const struct msg_bytes *entry)
{
	char host[REQUEST_ADDRESS_MAX + 1];
	struct request_entry e;

	asker_book_note(a, NULL);
	ask_budget_host(host, k->session->link->address);
	if (entry->n == 0 || request_parse(&e, entry->p, entry->n) < 0 || e.is_answer ||
	    memcmp(e.r, k->r, sizeof(k->r)) != 0 || !agent_id_equal(&e.signer, &k->session->id) ||
	    !asker_book_keep(a, entry->p, entry->n, host))
		return;
	/* Whoever was not asked yet is shown it. */
	ask_all_again(a);
}

static void on_yes(struct asker *a, struct asker_talk *k, const struct msg_bytes *group)
{
	struct group_id id;
	struct group_tag tag;

	memcpy(id.b, group->p, sizeof(id.b));
	group_id_tag_of(&tag, &id);
	if (memcmp(tag.b, a->config.tag.b, sizeof(tag.b)) != 0) {
		k->state = MSG_ASK_NO;
		note_of(a, k, "says that another group has accepted us, which proves nothing");
		return;
	}
	asker_join_begin(a, &id);
	asker_book_changed(a);
}

static void on_answer(struct asker *a, struct asker_talk *k, const struct msg_ask_answer *m)
{
	bool was_carried = k->answered && k->state == MSG_ASK_WAITING;

	k->answered = true;
	k->state = m->state;
	switch (m->state) {
	case MSG_ASK_SALT:
		if (m->salt.n == MSG_SALT_LEN && may_reveal(a, k))
			reveal_on(a, k, m->salt.p, m->number);
		break;
	case MSG_ASK_WAITING:
		on_waiting(a, k, &m->entry);
		break;
	case MSG_ASK_ACCEPTED:
		on_yes(a, k, &m->group);
		break;
	case MSG_ASK_REJECTED:
	case MSG_ASK_BARRED:
		note_of(a, k, "says that an owner has rejected the request");
		break;
	case MSG_ASK_LATER:
		note_of(a, k, "cannot take the request now: it is a reader, or asked by many; trying again");
		if (was_carried) /* it was dropped: the member whose salt it has was removed, or others took its room */
			k->asked = false;
		break;
	case MSG_ASK_NO:
	case MSG_ASK_STATES:
		break;
	}
	asker_step(a);
}

void asker_answer_in(struct session *s, const struct msg_ask_answer *m)
{
	struct asker *a, *next;

	DL_FOREACH_SAFE(s->peers->askers, a, next) {
		struct asker_talk *k = asker_book_talk(a, s);

		if (!k || !k->asked || a->stopped || memcmp(m->tag, a->config.tag.b, sizeof(a->config.tag.b)) != 0)
			continue;
		/* Each is stored and shown. */
		if (ask_budget_take(&k->heard_ms, ASK_ANSWERS_AT_ONCE, ASK_ANSWERS_MS, asker_now(a)))
			on_answer(a, k, m);
		else if (!s->condemned)
			s->condemned = "answers too often";
	}
}

/* --- life --- */

static void talk_with(struct asker *a, struct session *s)
{
	struct asker_talk *k;

	if (a->stopped || asker_book_talk(a, s))
		return;
	k = MEM_NEW(struct asker_talk);
	k->session = s;
	DL_APPEND(a->talks, k);
}

void asker_session_up(struct session *s)
{
	struct asker *a;

	DL_FOREACH(s->peers->askers, a) {
		talk_with(a, s);
		asker_step(a);
	}
}

struct asker *asker_new(struct peers *p, const struct asker_config *config)
{
	struct asker *a = MEM_NEW(struct asker);
	struct session *s;

	a->peers = p;
	a->config = *config;
	a->message = mem_strdup(config->message ? config->message : "");
	a->since_s = clock_wall_s();
	a->budget = ask_budget_new();
	a->tick = loop_timer_new(p->config.loop, asker_tick_due, a);
	a->tell = loop_timer_new(p->config.loop, tell_due, a);
	DL_APPEND(p->askers, a);
	if (config->saved)
		asker_book_load(a, config->saved, config->nsaved);
	if (a->stopped)
		return a;
	loop_timer_start(a->tick, ASKER_TICK_MS, ASKER_TICK_MS);
	DL_FOREACH(p->sessions, s)
		if (s->hello_in)
			talk_with(a, s);
	asker_step(a);
	dial_all_now(p);
	return a;
}

void asker_free(struct asker *a)
{
	if (!a)
		return;
	asker_join_end(a);
	asker_book_free(a);
}

const struct group_tag *asker_tag(const struct asker *a)
{
	return &a->config.tag;
}

static enum asker_state state_of(const struct asker *a)
{
	if (a->stopped)
		return a->state;
	if (a->join)
		return ASKER_ACCEPTED;
	return a->npapers > 0 ? ASKER_WAITING : ASKER_LOOKING;
}

void asker_status(const struct asker *a, struct asker_status *s)
{
	const struct asker_talk *k;

	*s = (struct asker_status){ .state = state_of(a),
		                    .since_s = a->since_s,
		                    .note = a->note,
		                    .ncodes = a->npapers };
	for (size_t i = 0; i < a->npapers; i++) {
		const struct request_entry *e = &a->papers[i].e;

		request_code(s->codes[i], &e->tag, e->key, e->r, e->s);
	}
	DL_FOREACH(a->talks, k)
		s->carriers += k->answered && k->state == MSG_ASK_WAITING;
}
