/* Members' addresses, passed on among members, so that one reachable member leads to all. For each member two kinds
 * of address are passed on: the one where we reached it (or, if it connected to us, where it says that it listens),
 * and those that it says it has. Both are needed: in a large group hardly anybody is reached by everybody else.
 *
 * A link-local address has a meaning on its own link only. It is sent only over a connection whose two ends are on that
 * link, and the receiver takes the link from that connection. */
#include <arpa/inet.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "sync/peer/neighbour_internal.h"

/* --- addresses --- */

static const struct in6_addr *ipv6_of(const struct sockaddr_storage *addr)
{
	return &((const struct sockaddr_in6 *)(const void *)addr)->sin6_addr;
}

static bool is_link_local(const struct sockaddr_storage *addr)
{
	return addr->ss_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(ipv6_of(addr));
}

static uint32_t scope_of(const struct sockaddr_storage *addr)
{
	return is_link_local(addr) ? ((const struct sockaddr_in6 *)(const void *)addr)->sin6_scope_id : 0;
}

/* Whether another host may be there. */
static bool leads_somewhere(const struct sockaddr_storage *addr)
{
	const struct sockaddr_in *in = (const void *)addr;
	const struct in6_addr *in6 = ipv6_of(addr);
	uint32_t ip;

	if (addr->ss_family == AF_INET) {
		ip = ntohl(in->sin_addr.s_addr);
		return ip >> 24 != 0 && ip >> 24 != 127 && ip >> 28 < 14;
	}
	if (is_link_local(addr) && scope_of(addr) == 0)
		return false;
	return !IN6_IS_ADDR_UNSPECIFIED(in6) && !IN6_IS_ADDR_LOOPBACK(in6) && !IN6_IS_ADDR_MULTICAST(in6) &&
	       !IN6_IS_ADDR_V4MAPPED(in6) && !IN6_IS_ADDR_V4COMPAT(in6);
}

static bool is_same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	const struct sockaddr_in *a4 = (const void *)a, *b4 = (const void *)b;

	if (a->ss_family != b->ss_family || a4->sin_port != b4->sin_port) /* the port is at the same place in both */
		return false;
	if (a->ss_family == AF_INET)
		return a4->sin_addr.s_addr == b4->sin_addr.s_addr;
	return memcmp(ipv6_of(a), ipv6_of(b), sizeof(struct in6_addr)) == 0 && scope_of(a) == scope_of(b);
}

/* From an address on the wire or of a link; scope is for link-local ones. False when it leads nowhere. */
static bool read_address(struct sockaddr_storage *out, const char *host, uint32_t port, uint32_t scope)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = in.sin_port };

	memset(out, 0, sizeof(*out));
	if (port == 0 || port > 65535)
		return false;
	if (inet_pton(AF_INET, host, &in.sin_addr) == 1) {
		memcpy(out, &in, sizeof(in));
	} else if (inet_pton(AF_INET6, host, &in6.sin6_addr) == 1) {
		if (IN6_IS_ADDR_LINKLOCAL(&in6.sin6_addr))
			in6.sin6_scope_id = scope;
		memcpy(out, &in6, sizeof(in6));
	} else {
		return false;
	}
	return leads_somewhere(out);
}

/* Where the other end can be dialled: from "10.0.0.2:1234", "[fd00::1]:1234" or "[fe80::1%eth0]:1234". */
static bool address_of(const struct session *s, struct sockaddr_storage *out)
{
	const char *address = s->link->address, *colon = strrchr(address, ':');
	char host[sizeof(s->link->address)] = "", *zone;
	uint32_t port, scope = 0;
	size_t n;

	if (!colon)
		return false;
	/* A peer that connected to us did so from an ephemeral port. */
	port = s->link->dialed ? (uint32_t)strtoul(colon + 1, NULL, 10) : s->listen_port;
	n = (size_t)(colon - address);
	if (*address == '[' && n >= 2) {
		address++;
		n -= 2;
	}
	memcpy(host, address, n);
	zone = strchr(host, '%');
	if (zone) {
		*zone++ = 0;
		scope = if_nametoindex(zone);
	}
	return read_address(out, host, port, scope);
}

/* The network link that a connection is on, if the other end is on it too; otherwise 0. */
static uint32_t link_of(const struct session *s)
{
	struct sockaddr_storage addr;

	if (s->link->iface != 0)
		return s->link->iface;
	return address_of(s, &addr) ? scope_of(&addr) : 0;
}

static size_t gossip_own(struct peers *p, struct sockaddr_storage out[GOSSIP_OWN_MAX])
{
	return p->config.addresses ? p->config.addresses(p->config.arg, out, GOSSIP_OWN_MAX) : 0;
}

/* --- telling --- */

/* Addresses to be sent in one message. */
struct tale {
	struct talk *to;
	uint32_t link; /* of `to` */
	struct msg_address list[MSG_MAX_ADDRESSES];
	char hosts[MSG_MAX_ADDRESSES][INET6_ADDRSTRLEN];
	size_t n;
};

static struct tale *tale_new(struct talk *to)
{
	struct tale *tale = MEM_NEW(struct tale);

	tale->to = to;
	tale->link = link_of(to->session);
	return tale;
}

static void tale_send(struct tale *tale)
{
	struct msg_addresses m = { .channel = (uint32_t)tale->to->my_channel, .addresses = tale->list, .n = tale->n };
	size_t size;

	if (tale->n > 0) {
		uint8_t *body = msg_addresses_encode(&m, &size);

		session_send(tale->to->session, FRAME_ADDRESSES, body, size);
	}
	tale->n = 0;
}

static void tale_end(struct tale *tale)
{
	tale_send(tale);
	free(tale);
}

static void tale_add(struct tale *tale, const struct agent_id *id, const struct sockaddr_storage *addr)
{
	const struct sockaddr_in *in = (const void *)addr;
	struct msg_address *a;

	if (is_link_local(addr) && scope_of(addr) != tale->link)
		return;
	if (tale->n == MSG_MAX_ADDRESSES)
		tale_send(tale);
	a = &tale->list[tale->n];
	memcpy(a->agent, id->b, sizeof(a->agent));
	a->host = inet_ntop(addr->ss_family, addr->ss_family == AF_INET ? (const void *)&in->sin_addr : ipv6_of(addr),
	                    tale->hosts[tale->n], sizeof(tale->hosts[0]));
	a->port = ntohs(in->sin_port);
	tale->n += a->host != NULL;
}

static void tale_add_all(struct tale *tale, const struct agent_id *id, const struct sockaddr_storage *addrs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		tale_add(tale, id, &addrs[i]);
}

static void tell_one(struct talk *to, const struct agent_id *id, const struct sockaddr_storage *addrs, size_t n)
{
	struct tale *tale = tale_new(to);

	tale_add_all(tale, id, addrs, n);
	tale_end(tale);
}

/* --- in a large group --- */

struct known_to {
	struct tale *tale;
	const struct agent_id *self, *peer;
	struct peers *peers;
};

static void tale_add_known(void *arg, const struct agent_id *id, const struct sockaddr_storage *addr, uint64_t teller)
{
	(void)teller;
	tale_add(((struct known_to *)arg)->tale, id, addr);
}

static bool tale_add_member(void *arg, const struct roster_member *m)
{
	const struct known_to *k = arg;

	if (!agent_id_equal(&m->id, k->self) && !agent_id_equal(&m->id, k->peer))
		dial_known(k->peers, &m->id, tale_add_known, arg);
	return true;
}

struct news_for {
	struct agent_id id;
	struct sockaddr_storage addr;
	uint64_t teller;
};

struct news_list {
	struct news_for *v;
	size_t n, cap;
};

static void collect(void *arg, const struct agent_id *id, const struct sockaddr_storage *addr, uint64_t teller)
{
	struct news_list *l = arg;

	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 32;
		l->v = mem_realloc(l->v, l->cap, sizeof(*l->v));
	}
	l->v[l->n++] = (struct news_for){ *id, *addr, teller };
}

static void spread_to(struct talk *t, const struct news_list *l)
{
	const struct roster *r = t->group->config.roster;
	struct tale *tale = tale_new(t);

	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].teller != t->session->peer && !agent_id_equal(&l->v[i].id, &t->session->id) &&
		    roster_may(r, &l->v[i].id, RIGHT_TAKE_PART))
			tale_add(tale, &l->v[i].id, &l->v[i].addr);
	tale_end(tale);
}

void gossip_spread(struct peers *p)
{
	struct news_list l = { 0 };
	struct peer_group *g;
	struct talk *t;

	dial_spread(p, collect, &l);
	DL_FOREACH(p->groups, g)
		DL_FOREACH2(g->talks, t, group_next)
			if (l.n > 0 && t->up && p->neighbours->crowded)
				spread_to(t, &l);
	free(l.v);
}

/* t is new: it learns all addresses that we know, and we note its own, which others learn at the next tick. */
static void meet_in_crowd(struct talk *t, struct tale *tale, const struct sockaddr_storage *its)
{
	struct peers *p = t->session->peers;
	struct known_to k = { tale, identity_id(p->config.self), &t->session->id, p };

	if (its)
		dial_told(p, &t->session->id, (const struct sockaddr *)its, t->session->peer);
	roster_members(t->group->config.roster, tale_add_member, &k);
	tale_end(tale);
}

/* t is new: it learns where we and all others are, and the others where it was reached. */
void gossip_up(struct talk *t)
{
	struct peers *p = t->session->peers;
	struct sockaddr_storage own[GOSSIP_OWN_MAX], its, at;
	bool known = address_of(t->session, &its);
	struct tale *tale = tale_new(t);
	struct talk *o;

	tale_add_all(tale, identity_id(p->config.self), own, gossip_own(p, own));
	if (p->neighbours->crowded) {
		meet_in_crowd(t, tale, known ? &its : NULL);
		peer_group_here_up(t);
		return;
	}
	DL_FOREACH2(t->group->talks, o, group_next) {
		if (o == t || !o->up)
			continue;
		if (address_of(o->session, &at))
			tale_add(tale, &o->session->id, &at);
		tale_add_all(tale, &o->session->id, o->session->own, o->session->nown);
		if (known)
			tell_one(o, &t->session->id, &its, 1);
	}
	tale_end(tale);
}

void gossip_own_changed(struct peers *p)
{
	struct sockaddr_storage own[GOSSIP_OWN_MAX];
	size_t n = gossip_own(p, own);
	struct peer_group *g;
	struct talk *t;

	DL_FOREACH(p->groups, g)
		DL_FOREACH2(g->talks, t, group_next)
			if (t->up)
				tell_one(t, identity_id(p->config.self), own, n);
}

void gossip_tick(struct session *s)
{
	struct talk *t, *o;

	if (!s->own_changed || s->peers->neighbours->crowded)
		return;
	s->own_changed = false;
	DL_FOREACH(s->talks, t)
		DL_FOREACH2(t->group->talks, o, group_next)
			if (t->up && o->up && o != t)
				tell_one(o, &s->id, s->own, s->nown);
}

/* --- hearing --- */

static void note_own(struct session *s, const struct sockaddr_storage *addrs, size_t n)
{
	bool differs = n != s->nown;

	for (size_t i = 0; i < n && !differs; i++)
		differs = !is_same_address(&addrs[i], &s->own[i]);
	if (!differs)
		return;
	memcpy(s->own, addrs, n * sizeof(*addrs));
	s->nown = n;
	s->own_changed = true; /* others are told at the next tick, however often it changes until then */
}

/* A claim about a member is an address to try. Addresses that the peer says it has itself are remembered, to be
 * passed on. */
void gossip_addresses_in(struct talk *t, const struct msg_addresses *m)
{
	struct session *s = t->session;
	struct sockaddr_storage ours[GOSSIP_OWN_MAX], its[GOSSIP_OWN_MAX], addr;
	size_t nours = gossip_own(s->peers, ours), nits = 0;
	uint32_t link = link_of(s);

	for (size_t i = 0; i < m->n; i++) {
		bool ourselves = false;
		struct agent_id id;

		memcpy(id.b, m->addresses[i].agent, sizeof(id.b));
		if (!roster_may(t->group->config.roster, &id, RIGHT_TAKE_PART) ||
		    !read_address(&addr, m->addresses[i].host, m->addresses[i].port, link))
			continue;
		for (size_t k = 0; k < nours; k++)
			ourselves |= is_same_address(&ours[k], &addr);
		if (ourselves)
			continue;
		if (agent_id_equal(&id, &s->id) && nits < GOSSIP_OWN_MAX)
			its[nits++] = addr;
		dial_told(s->peers, &id, (const struct sockaddr *)&addr, s->peer);
	}
	if (nits > 0)
		note_own(s, its, nits);
}
