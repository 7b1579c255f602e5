/* Which addresses to dial, and when. Each address that we hear of is dialled unless its agent is connected. After a
 * failure it waits from 0.5 s up to 60 s, with a random part, so that a LAN that restarts does not dial in step.
 *
 * Anybody on the network can announce any agent at any address, and a member can name any. So an address where we
 * found a member is tried first, and nothing holds it back. Addresses that are only claimed are tried a few at a
 * time, per agent and in total, and at a bounded rate. The next address of one agent is tried a moment after the
 * last, since usually the first one answers. Once one has answered, the other attempts at that agent are given up:
 * two connections to one agent would only get in each other's way. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/peer/dial_internal.h"
#include "sync/peer/ask_internal.h"
#include "sync/peer/neighbour_internal.h"

enum {
	PATIENCE_MIN_MS = 500,
	PATIENCE_MAX_MS = 60000,
	AGAIN_MIN_MS = 900, /* between two tries of an address that is announced again and again */
	AGAIN_MAX_MS = 4000,
	FORGET_MS = 3600 * 1000,
	BELIEVED_MS =
		600 * 1000, /* for this long no claim changes which agent is at an address where we found a member */
	STAGGER_MS = 250,   /* between two attempts at one agent */
	WAIT_MS = 250,      /* and up to as much again at random, before one that was held back tries again */
	ROUND_MS = 50,      /* between two passes over the whole book */
	ANSWER_MS = 6000,   /* that TCP may take at an address where a member was found or that the admin named */
	DOUBTED_ANSWER_MS = 3000, /* and elsewhere */
	AGENT_PENDING_MAX = 4,    /* attempts under way at unproven addresses of one agent */
	STRANGER_PENDING_MAX = 8, /* at addresses of agents that are not members as far as we know */
	DOUBTED_PER_S = 16,       /* attempts at unproven addresses */
	DOUBTED_AT_ONCE = 128,
	SPREAD_AT_ONCE = 8, /* new addresses of one agent that are passed on together, */
	SPREAD_MS = 5000,   /* and one more each */
	NAMED_MS = 90000,   /* discovery names the addresses of the settings every 30 s */
	SLOW_MS = 1500,     /* an attempt that takes longer leads nowhere, probably */
};

static const size_t most_pending[DIAL_KINDS] = { [DIAL_PROVEN] = 64, [DIAL_TOLD] = 32, [DIAL_HEARD] = 16 };

struct dialler {
	struct dial_book book;
	struct loop_timer *timer;
	int64_t timer_ms;           /* when it is to fire */
	int64_t round_ms;           /* when it last fired */
	size_t pending[DIAL_KINDS]; /* attempts under way */
	size_t strangers;           /* of those */
	int64_t tokens;             /* attempts at unproven addresses that may be made, in thousandths */
	int64_t tokens_ms;          /* when that was computed */
};

static void dial_due(void *arg);

void dial_new(struct peers *p)
{
	struct dialler *l = MEM_NEW(struct dialler);

	l->timer = loop_timer_new(p->config.loop, dial_due, p);
	l->tokens = DOUBTED_AT_ONCE * 1000;
	l->tokens_ms = loop_now_ms(p->config.loop);
	p->dialler = l;
}

void dial_free(struct peers *p)
{
	struct dialler *l = p->dialler;

	dial_book_clear(&l->book);
	loop_timer_free(l->timer);
	free(l);
	p->dialler = NULL;
}

/* --- whether --- */

/* We try only members again by ourselves; others are tried when somebody announces them. */
static bool is_member(struct peers *p, const struct agent_id *id)
{
	struct peer_group *g;

	if (asker_book_active(p))
		return true;
	DL_FOREACH(p->groups, g)
		if (g->config.invite || roster_may(g->config.roster, id, RIGHT_TAKE_PART))
			return true;
	return false;
}

/* Whether a member that connected to us listens there: an address that the admin named does not say which agent is
 * behind it. */
static bool is_listener_here(struct peers *p, const struct dial *d)
{
	char text[TLS_ADDRESS_MAX];
	struct session *s;

	tls_address_text(text, (const struct sockaddr *)&d->addr);
	DL_FOREACH(p->sessions, s) {
		size_t host_n = (size_t)(strrchr(s->link->address, ':') + 1 - s->link->address);

		if (s->link->trusted && !s->link->dialed && strncmp(text, s->link->address, host_n) == 0 &&
		    strtoul(text + host_n, NULL, 10) == s->listen_port)
			return true;
	}
	return false;
}

static bool is_named_now(struct peers *p, const struct dial *d)
{
	return d->named_ms && loop_now_ms(p->config.loop) - d->named_ms < NAMED_MS;
}

static bool wanted(struct peers *p, const struct dial *d)
{
	if ((!p->groups && !asker_book_active(p)) || d->pending)
		return false;
	if (!d->agent)
		return !is_listener_here(p, d);
	if (agent_id_equal(&d->agent->id, identity_id(p->config.self)) || session_of(p, &d->agent->id))
		return false;
	return is_named_now(p, d) || asker_book_active(p) || neighbour_book_wants(p, &d->agent->id);
}

static bool spend_token(struct dialler *l, int64_t now)
{
	l->tokens += (now - l->tokens_ms) * DOUBTED_PER_S;
	l->tokens_ms = now;
	if (l->tokens > DOUBTED_AT_ONCE * 1000)
		l->tokens = DOUBTED_AT_ONCE * 1000;
	if (l->tokens < 1000)
		return false;
	l->tokens -= 1000;
	return true;
}

static bool is_held_back(struct peers *p, const struct dial *d, int64_t now)
{
	struct dialler *l = p->dialler;
	const struct dial_agent *a = d->agent;

	if (l->pending[d->kind] >= most_pending[d->kind])
		return true;
	if (d->kind == DIAL_PROVEN)
		return false;
	if (a->pending >= AGENT_PENDING_MAX || (a->started_ms && now - a->started_ms < STAGGER_MS))
		return true;
	if (d->kind == DIAL_HEARD && l->strangers >= STRANGER_PENDING_MAX && !is_member(p, &a->id))
		return true;
	return !spend_token(l, now);
}

/* --- when --- */

static void round_schedule(struct peers *p, int64_t when)
{
	struct dialler *l = p->dialler;
	int64_t now = loop_now_ms(p->config.loop);

	if (when < l->round_ms + ROUND_MS)
		when = l->round_ms + ROUND_MS;
	if (loop_timer_running(l->timer) && l->timer_ms <= when)
		return;
	l->timer_ms = when;
	loop_timer_start(l->timer, when > now ? when - now : 0, 0);
}

static void set_due(struct peers *p, struct dial *d, int64_t when)
{
	d->next_ms = when;
	round_schedule(p, when);
}

static void wait_longer(struct peers *p, struct dial *d, int64_t now)
{
	set_due(p, d, now + d->patience_ms + (int64_t)random_below((uint64_t)d->patience_ms / 4 + 1));
	d->patience_ms = d->patience_ms * 2 > PATIENCE_MAX_MS ? PATIENCE_MAX_MS : d->patience_ms * 2;
}

/* --- an attempt --- */

static void attempt_begin(struct peers *p, struct dial *d, int64_t now)
{
	struct dialler *l = p->dialler;

	d->pending = true;
	d->pending_kind = d->kind;
	d->pending_stranger = d->kind == DIAL_HEARD && !is_member(p, &d->agent->id);
	d->last_ms = now;
	l->pending[d->kind]++;
	l->strangers += d->pending_stranger;
	if (d->agent) {
		d->agent->started_ms = now;
		d->agent->pending += d->kind != DIAL_PROVEN;
	}
}

static void attempt_end(struct peers *p, struct dial *d)
{
	struct dialler *l = p->dialler;

	d->pending = false;
	l->pending[d->pending_kind]--;
	l->strangers -= d->pending_stranger;
	if (d->agent)
		d->agent->pending -= d->pending_kind != DIAL_PROVEN;
}

static void attempt(struct peers *p, struct dial *d, int64_t now)
{
	int answer_ms = d->kind == DIAL_PROVEN ? ANSWER_MS : DOUBTED_ANSWER_MS;

	d->next_ms = 0;
	if (is_held_back(p, d, now)) {
		set_due(p, d, now + WAIT_MS + (int64_t)random_below(WAIT_MS));
		return;
	}
	attempt_begin(p, d, now);
	if (tls_dial(p->tls, (const struct sockaddr *)&d->addr, d->addr_len, answer_ms, d)) {
		attempt_end(p, d);
		wait_longer(p, d, now);
	}
}

/* Somebody announced it: tries now, unless it was tried a moment ago. An address that fails again and again waits
 * longer. */
static void try_soon(struct peers *p, struct dial *d, int64_t now)
{
	int64_t pause = d->kind == DIAL_PROVEN ? 0 : d->patience_ms;
	int64_t when;

	if (pause < AGAIN_MIN_MS)
		pause = AGAIN_MIN_MS;
	if (pause > AGAIN_MAX_MS)
		pause = AGAIN_MAX_MS;
	if (d->refused)
		pause = PATIENCE_MAX_MS;
	when = d->last_ms ? d->last_ms + pause : now;
	if (when <= now)
		attempt(p, d, now);
	else if (!d->next_ms || when < d->next_ms)
		set_due(p, d, when);
}

/* --- what is heard --- */

/* Whether a claim with the weight of `kind` that agent id is at d is believed, where we thought otherwise. */
static bool is_believed(struct peers *p, const struct dial *d, enum dial_kind kind, const struct agent_id *id,
                        int64_t now)
{
	if (d->pending || (d->kind == DIAL_PROVEN && (d->named || now - d->proved_ms < BELIEVED_MS)))
		return false;
	if (!d->agent || session_of(p, &d->agent->id))
		return true;
	/* A weaker claim would hide the address of an absent member behind the name of one that is here. */
	return kind <= d->kind && !session_of(p, id);
}

static struct dial *address_note(struct peers *p, enum dial_kind kind, const struct agent_id *id,
                                 const struct sockaddr *addr, uint64_t teller, int64_t now)
{
	struct dial_book *b = &p->dialler->book;
	struct dial *d = dial_book_find(b, addr);

	if (!d) {
		d = dial_book_add(b, kind, id, addr, teller);
		if (!d)
			return NULL;
		d->patience_ms = PATIENCE_MIN_MS;
	} else if (!id || (d->agent && agent_id_equal(&d->agent->id, id))) {
		dial_book_renew(b, d, kind < d->kind ? kind : d->kind, NULL);
	} else if (is_believed(p, d, kind, id, now)) {
		dial_book_renew(b, d, kind, id);
	}
	if (kind == DIAL_TOLD && !d->passed_on && d->agent && agent_id_equal(&d->agent->id, id) &&
	    ask_budget_take(&d->agent->spread_ms, SPREAD_AT_ONCE, SPREAD_MS, now)) {
		d->passed_on = true;
		dial_book_set_untold(b, d, true);
	}
	d->named |= !id;
	d->heard_ms = now;
	return d;
}

static void address_found(struct peers *p, enum dial_kind kind, const struct agent_id *id, const struct sockaddr *addr,
                          uint64_t teller)
{
	int64_t now = loop_now_ms(p->config.loop);
	struct dial *d = address_note(p, kind, id, addr, teller, now), *known;

	if (!d)
		return;
	neighbour_book_soon(p);
	if (!wanted(p, d))
		return;
	try_soon(p, d, now);
	if (!d->agent)
		return;
	/* The agent is back, whether or not the announced address is true: tries its proven addresses as well. */
	DL_FOREACH2(d->agent->dials, known, agent_next)
		if (known->kind == DIAL_PROVEN && known != d && !known->pending)
			try_soon(p, known, now);
}

void dial_found(struct peers *p, const struct agent_id *claimed_id, const struct sockaddr *addr)
{
	struct dial *d;

	address_found(p, claimed_id ? DIAL_HEARD : DIAL_PROVEN, claimed_id, addr, 0);
	d = claimed_id ? NULL : dial_book_find(&p->dialler->book, addr);
	if (d)
		d->named_ms = loop_now_ms(p->config.loop);
}

void dial_hinted(struct peers *p, const struct sockaddr *addr)
{
	address_found(p, DIAL_PROVEN, NULL, addr, 0);
}

void dial_told(struct peers *p, const struct agent_id *id, const struct sockaddr *addr, uint64_t teller)
{
	address_found(p, DIAL_TOLD, id, addr, teller);
}

void dial_known(struct peers *p, const struct agent_id *id, dial_known_fn *fn, void *arg)
{
	dial_book_known(&p->dialler->book, id, fn, arg);
}

void dial_spread(struct peers *p, dial_known_fn *fn, void *arg)
{
	dial_book_spread(&p->dialler->book, fn, arg);
}

/* --- how it went --- */

static void give_up_others(struct peers *p, const struct agent_id *id)
{
	struct dial_agent *a = dial_book_agent(&p->dialler->book, id);
	struct dial *d;

	if (!a)
		return;
	DL_FOREACH2(a->dials, d, agent_next) {
		d->next_ms = 0;
		if (d->pending && tls_dial_cancel(p->tls, d))
			attempt_end(p, d);
	}
}

void dial_succeeded(struct peers *p, struct dial *d, const struct agent_id *id)
{
	attempt_end(p, d);
	d->next_ms = 0;
	if (!d->agent || !agent_id_equal(&d->agent->id, id))
		dial_book_renew(&p->dialler->book, d, d->named ? DIAL_PROVEN : DIAL_HEARD, id);
	d->reached = true;
	d->refused = false;
	give_up_others(p, id);
}

void dial_proved(struct peers *p, const struct agent_id *id)
{
	struct dial_agent *a = dial_book_agent(&p->dialler->book, id);
	int64_t now = loop_now_ms(p->config.loop);
	struct dial *d, *next;

	if (!a)
		return;
	DL_FOREACH_SAFE2(a->dials, d, next, agent_next)
	{
		d->patience_ms = PATIENCE_MIN_MS;
		d->heard_ms = now;
		if (!d->reached)
			continue;
		d->proved_ms = now;
		if (d->kind != DIAL_PROVEN) {
			/* It may push out another entry: start the walk again, which does not come here a second
			 * time. */
			dial_book_renew(&p->dialler->book, d, DIAL_PROVEN, NULL);
			next = a->dials;
		}
	}
}

void dial_failed(struct peers *p, struct dial *d, const char *address, const char *reason, bool refused)
{
	int64_t now = loop_now_ms(p->config.loop);

	attempt_end(p, d);
	neighbour_book_soon(p);
	log_debug("%s: cannot be reached: %s", address, reason);
	if (refused && p->config.refused)
		p->config.refused(p->config.arg, d->agent ? &d->agent->id : NULL, address, reason);
	d->refused = refused && d->kind != DIAL_PROVEN;
	if (now - d->heard_ms > FORGET_MS)
		dial_book_forget(&p->dialler->book, d);
	else if (!d->refused)
		wait_longer(p, d, now);
}

void dial_lost(struct peers *p, const struct agent_id *id)
{
	struct dial_agent *a = dial_book_agent(&p->dialler->book, id);
	int64_t now = loop_now_ms(p->config.loop);
	struct dial *d;

	if (!a)
		return;
	DL_FOREACH2(a->dials, d, agent_next)
		if (!d->next_ms && !d->pending && !d->refused && (is_named_now(p, d) || is_member(p, id)))
			wait_longer(p, d, now);
}

void dial_wanted(struct peers *p, const struct agent_id *id)
{
	struct dial_agent *a = dial_book_agent(&p->dialler->book, id);
	int64_t now = loop_now_ms(p->config.loop);
	struct dial *d;

	if (!a)
		return;
	DL_FOREACH2(a->dials, d, agent_next)
		if (!d->next_ms && !d->pending && !d->refused)
			try_soon(p, d, now);
}

bool dial_is_named(struct peers *p, const struct agent_id *id)
{
	const struct dial_agent *a = dial_book_agent(&p->dialler->book, id);
	const struct dial *d;

	if (a)
		DL_FOREACH2(a->dials, d, agent_next)
			if (is_named_now(p, d))
				return true;
	return false;
}

/* What has failed since the agent was last here waits longer than at first. */
enum graph_state dial_state(struct peers *p, const struct agent_id *id)
{
	const struct dial_agent *a = dial_book_agent(&p->dialler->book, id);
	int64_t now = loop_now_ms(p->config.loop);
	const struct dial *d;

	if (!a)
		return GRAPH_NOWHERE;
	DL_FOREACH2(a->dials, d, agent_next)
		if (d->patience_ms == PATIENCE_MIN_MS && !d->refused && !(d->pending && now - d->last_ms > SLOW_MS))
			return GRAPH_HOPED;
	return GRAPH_AWAY;
}

void dial_all_now(struct peers *p)
{
	int64_t now = loop_now_ms(p->config.loop);
	struct dial *d;

	for (int kind = 0; kind < DIAL_KINDS; kind++) {
		DL_FOREACH(p->dialler->book.lists[kind], d) {
			d->patience_ms = PATIENCE_MIN_MS;
			if (!d->refused && wanted(p, d))
				set_due(p, d, now);
		}
	}
}

/* --- the round --- */

/* One pass over the book, which also finds when the next one is due. */
static void dial_due(void *arg)
{
	struct peers *p = arg;
	struct dialler *l = p->dialler;
	int64_t now = loop_now_ms(p->config.loop);
	int64_t first = 0;
	struct dial *d;

	l->round_ms = now;
	for (int kind = 0; kind < DIAL_KINDS; kind++) {
		DL_FOREACH(l->book.lists[kind], d) {
			if (d->next_ms && d->next_ms <= now) {
				if (wanted(p, d))
					attempt(p, d, now);
				else
					d->next_ms = 0;
			}
			if (d->next_ms && (!first || d->next_ms < first))
				first = d->next_ms;
		}
	}
	if (first)
		round_schedule(p, first);
}
