/* Members' addresses, passed on among members: whoever knows one reaches all. An address is where we reached a member, or
 * where one that came to us says that it listens. Link-local ones mean nothing elsewhere and stay here. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "sync/peer/peers_internal.h"

/* "10.0.0.2:1234" or "[fd00::1]:1234" taken apart; -1 for link-local and loopback. */
static int split(const char *address, char host[64], uint32_t *port)
{
	const char *colon = strrchr(address, ':');
	size_t n;

	if (!colon || strchr(address, '%') || strncmp(address, "127.", 4) == 0 || strncmp(address, "[::1]", 5) == 0)
		return -1;
	n = (size_t)(colon - address);
	if (*address == '[') {
		address++;
		n -= 2;
	}
	if (n == 0 || n >= 64)
		return -1;
	memcpy(host, address, n);
	host[n] = 0;
	*port = 0;
	for (const char *c = colon + 1; *c >= '0' && *c <= '9' && *port < 65536; c++)
		*port = *port * 10 + (uint32_t)(*c - '0');
	return *port > 0 && *port < 65536 ? 0 : -1;
}

static bool address_of(struct session *s, struct msg_address *a, char host[64])
{
	memcpy(a->agent, s->id.b, sizeof(a->agent));
	a->host = host;
	if (split(s->link->address, host, &a->port))
		return false;
	if (!s->link->dialed)
		a->port = s->listen_port; /* it came to us from a port of the moment */
	return a->port != 0;
}

static void tell(struct talk *t, const struct msg_address *list, size_t n)
{
	struct msg_addresses m = { .channel = (uint32_t)t->my_channel, .addresses = list, .n = n };
	size_t size;
	uint8_t *body = msg_addresses_encode(&m, &size);

	session_send(t->session, FRAME_ADDRESSES, body, size);
}

/* t is new: it learns of everyone else, everyone else learns of it. */
void gossip_up(struct talk *t)
{
	struct msg_address others[MSG_MAX_ADDRESSES], mine;
	char hosts[MSG_MAX_ADDRESSES][64], host[64];
	bool known = address_of(t->session, &mine, host);
	size_t n = 0;
	struct talk *o;

	DL_FOREACH2(t->group->talks, o, group_next) {
		if (o == t || !o->up)
			continue;
		if (n < MSG_MAX_ADDRESSES && address_of(o->session, &others[n], hosts[n]))
			n++;
		if (known)
			tell(o, &mine, 1);
	}
	if (n)
		tell(t, others, n);
}

void gossip_addresses_in(struct talk *t, const struct msg_addresses *m)
{
	for (size_t i = 0; i < m->n; i++) {
		struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)m->addresses[i].port) };
		struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = v4.sin_port };
		struct agent_id id;

		memcpy(id.b, m->addresses[i].agent, sizeof(id.b));
		if (roster_role(t->group->config.roster, &id) == ROLE_NONE)
			continue;
		if (inet_pton(AF_INET, m->addresses[i].host, &v4.sin_addr) == 1)
			dial_told(t->session->peers, &id, (const struct sockaddr *)&v4);
		else if (inet_pton(AF_INET6, m->addresses[i].host, &v6.sin6_addr) == 1)
			dial_told(t->session->peers, &id, (const struct sockaddr *)&v6);
	}
}
