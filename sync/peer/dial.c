/* Addresses to try, and when: each address heard of is dialled unless its agent is connected; failures make it wait, from 0.5 s
 * up to 60 s with a random part, so that a restarted LAN does not dial in step. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/peer/peers_internal.h"

enum { PATIENCE_MIN_MS = 500, PATIENCE_MAX_MS = 60000, AGAIN_MS = 900, FORGET_MS = 3600 * 1000 };

static bool same_address(const struct dial *d, const struct sockaddr *addr)
{
	if (d->addr.ss_family != addr->sa_family)
		return false;
	if (addr->sa_family == AF_INET) {
		const struct sockaddr_in *a = (const void *)&d->addr, *b = (const void *)addr;

		return a->sin_port == b->sin_port && a->sin_addr.s_addr == b->sin_addr.s_addr;
	}
	const struct sockaddr_in6 *a = (const void *)&d->addr, *b = (const void *)addr;

	return a->sin6_port == b->sin6_port && a->sin6_scope_id == b->sin6_scope_id &&
	       memcmp(&a->sin6_addr, &b->sin6_addr, sizeof(a->sin6_addr)) == 0;
}

static void forget(struct peers *p, struct dial *d)
{
	DL_DELETE(p->dials, d);
	p->ndials--;
	free(d);
}

/* The table is bounded: what was not heard of or reached for longest goes. The list is in that order. */
static void make_room(struct peers *p)
{
	struct dial *d, *next;

	DL_FOREACH_SAFE(p->dials, d, next)
		if (p->ndials >= PEERS_MAX_DIALS && !d->pending)
			forget(p, d);
}

static struct dial *entry(struct peers *p, const struct sockaddr *addr, socklen_t addr_len)
{
	struct dial *d;

	DL_FOREACH(p->dials, d)
		if (same_address(d, addr))
			break;
	if (d) {
		DL_DELETE(p->dials, d);
		DL_APPEND(p->dials, d);
		return d;
	}
	make_room(p);
	if (p->ndials >= PEERS_MAX_DIALS)
		return NULL;
	d = MEM_NEW(struct dial);
	memcpy(&d->addr, addr, addr_len);
	d->addr_len = addr_len;
	d->patience_ms = PATIENCE_MIN_MS;
	DL_APPEND(p->dials, d);
	p->ndials++;
	return d;
}

/* Whether a member that came to us listens there: a named address says nothing of who is behind it. */
static bool is_connected(struct peers *p, const struct dial *d)
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

static bool wanted(struct peers *p, const struct dial *d)
{
	if (!p->groups || d->pending)
		return false;
	if (!d->has_id)
		return !is_connected(p, d);
	return !agent_id_equal(&d->id, identity_id(p->config.self)) && !peers_session_of(p, &d->id);
}

/* Whether an attempt to reach this agent at another address is under way. */
static bool being_dialled(struct peers *p, const struct agent_id *id)
{
	struct dial *d;

	DL_FOREACH(p->dials, d)
		if (d->pending && d->has_id && agent_id_equal(&d->id, id))
			return true;
	return false;
}

static void wait_longer(struct dial *d, int64_t now)
{
	d->next_ms = now + d->patience_ms + (int64_t)random_below((uint64_t)d->patience_ms / 4 + 1);
	d->patience_ms = d->patience_ms * 2 > PATIENCE_MAX_MS ? PATIENCE_MAX_MS : d->patience_ms * 2;
}

static void attempt(struct peers *p, struct dial *d)
{
	int64_t now = loop_now_ms(p->config.loop);

	d->last_ms = now;
	d->next_ms = 0;
	if (d->has_id && being_dialled(p, &d->id)) {
		d->next_ms = now + PATIENCE_MIN_MS;
		return;
	}
	d->pending = true;
	if (tls_dial(p->tls, (const struct sockaddr *)&d->addr, d->addr_len, d)) {
		d->pending = false;
		wait_longer(d, now);
	}
}

void dial_found(struct peers *p, const struct agent_id *claimed_id, const struct sockaddr *addr, socklen_t addr_len)
{
	struct dial *d = entry(p, addr, addr_len);

	if (!d)
		return;
	d->heard_ms = loop_now_ms(p->config.loop);
	if (claimed_id) {
		d->has_id = true;
		d->id = *claimed_id;
	}
	if (!wanted(p, d))
		return;
	d->patience_ms = PATIENCE_MIN_MS;
	if (d->last_ms && loop_now_ms(p->config.loop) - d->last_ms < AGAIN_MS)
		d->next_ms = d->last_ms + AGAIN_MS;
	else
		attempt(p, d);
	dial_schedule(p);
}

void dial_succeeded(struct peers *p, struct dial *d, const struct agent_id *id)
{
	(void)p;
	d->pending = false;
	d->has_id = true;
	d->id = *id;
	d->next_ms = 0;
}

void dial_proved(struct peers *p, const struct agent_id *id)
{
	struct dial *d;

	DL_FOREACH(p->dials, d) {
		if (d->has_id && agent_id_equal(&d->id, id)) {
			d->patience_ms = PATIENCE_MIN_MS;
			d->heard_ms = loop_now_ms(p->config.loop);
		}
	}
}

void dial_failed(struct peers *p, struct dial *d, const char *address, const char *reason, bool refused)
{
	int64_t now = loop_now_ms(p->config.loop);

	d->pending = false;
	log_debug("%s: not reached: %s", address, reason);
	if (refused && p->config.refused)
		p->config.refused(p->config.arg, d->has_id ? &d->id : NULL, address, reason);
	if (now - d->heard_ms > FORGET_MS)
		forget(p, d);
	else
		wait_longer(d, now);
	dial_schedule(p);
}

/* Only members are worth trying again by ourselves; others come back when they are announced. */
static bool is_member(struct peers *p, const struct agent_id *id)
{
	struct peer_group *g;

	DL_FOREACH(p->groups, g)
		if (g->config.invite || roster_role(g->config.roster, id) != ROLE_NONE)
			return true;
	return false;
}

void dial_lost(struct peers *p, const struct agent_id *id)
{
	struct dial *d;
	int64_t now = loop_now_ms(p->config.loop);

	if (!is_member(p, id))
		return;
	DL_FOREACH(p->dials, d)
		if (d->has_id && agent_id_equal(&d->id, id) && !d->next_ms)
			wait_longer(d, now);
	dial_schedule(p);
}

void dial_all_now(struct peers *p)
{
	struct dial *d;

	DL_FOREACH(p->dials, d) {
		d->patience_ms = PATIENCE_MIN_MS;
		if (wanted(p, d))
			d->next_ms = loop_now_ms(p->config.loop);
	}
	dial_schedule(p);
}

/* Arms the timer for the entry that is due first. */
void dial_schedule(struct peers *p)
{
	int64_t first = 0, now = loop_now_ms(p->config.loop);
	struct dial *d;

	DL_FOREACH(p->dials, d)
		if (d->next_ms && (!first || d->next_ms < first))
			first = d->next_ms;
	if (first)
		loop_timer_start(p->redial, first > now ? first - now : 0, 0);
	else
		loop_timer_stop(p->redial);
}

void dial_due(void *arg)
{
	struct peers *p = arg;
	struct dial *d, *next;
	int64_t now = loop_now_ms(p->config.loop);

	DL_FOREACH_SAFE(p->dials, d, next) {
		if (!d->next_ms || d->next_ms > now)
			continue;
		if (wanted(p, d))
			attempt(p, d);
		else
			d->next_ms = 0;
	}
	dial_schedule(p);
}

void dial_free_all(struct peers *p)
{
	struct dial *d, *next;

	DL_FOREACH_SAFE(p->dials, d, next)
		forget(p, d);
}
