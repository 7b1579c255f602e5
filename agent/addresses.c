/* See addresses.h. */
#include "agent/addresses.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "discovery/host_addrs.h"

struct addresses {
	struct host_addrs *host;
	int port;
	bool one; /* we listen on `only` */
	struct host_addr only;
};

/* The address in "[ADDR:]PORT", when there is one and it is not "any". */
static void read_only(struct addresses *a, const char *listen)
{
	static const uint8_t any[sizeof(a->only.ip)];
	const char *colon = strrchr(listen, ':');
	char host[INET6_ADDRSTRLEN] = "";
	size_t n = colon != NULL ? (size_t)(colon - listen) : 0;

	if (n >= 2 && listen[0] == '[') {
		listen++;
		n -= 2;
	}
	if (n >= sizeof(host))
		return;
	memcpy(host, listen, n);
	if (inet_pton(AF_INET, host, a->only.ip) == 1)
		a->only.family = AF_INET;
	else if (inet_pton(AF_INET6, host, a->only.ip) == 1)
		a->only.family = AF_INET6;
	a->one = a->only.family != 0 && memcmp(a->only.ip, any, sizeof(any)) != 0;
}

struct addresses *addresses_new(struct loop *loop, const struct addresses_config *config)
{
	struct addresses *a = MEM_NEW(struct addresses);

	a->port = config->port;
	read_only(a, config->listen);
	a->host = host_addrs_new(loop, config->interfaces, config->ninterfaces, config->changed, config->arg);
	if (a->host != NULL)
		return a;
	free(a);
	return NULL;
}

void addresses_free(struct addresses *a)
{
	if (a == NULL)
		return;
	host_addrs_free(a->host);
	free(a);
}

static bool is_listened_on(const struct addresses *a, const struct host_addr *addr)
{
	return !a->one || (addr->family == a->only.family && memcmp(addr->ip, a->only.ip, sizeof(addr->ip)) == 0);
}

/* In the host's order, which puts the likeliest addresses first. An address to listen on leaves only itself. */
size_t addresses_list(const struct addresses *a, struct sockaddr_storage *out, size_t max)
{
	size_t all = 0, n = 0;
	const struct host_addr *list = a != NULL ? host_addrs_get(a->host, &all) : NULL;

	for (size_t i = 0; i < all && n < max; i++) {
		struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)a->port) };
		struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = in.sin_port };

		if (!is_listened_on(a, &list[i]))
			continue;
		memset(&out[n], 0, sizeof(out[n]));
		if (list[i].family == AF_INET) {
			memcpy(&in.sin_addr, list[i].ip, sizeof(in.sin_addr));
			memcpy(&out[n++], &in, sizeof(in));
			continue;
		}
		memcpy(&in6.sin6_addr, list[i].ip, sizeof(in6.sin6_addr));
		if (host_addr_link_local(&list[i]))
			in6.sin6_scope_id = (uint32_t)list[i].iface;
		memcpy(&out[n++], &in6, sizeof(in6));
	}
	return n;
}

size_t addresses_hints(const struct addresses *a, char out[][INVITE_ADDRESS_MAX], size_t max)
{
	static const int families[] = { AF_INET, AF_INET6 };
	size_t all = 0, n = 0;
	const struct host_addr *list = a != NULL ? host_addrs_get(a->host, &all) : NULL;

	for (size_t f = 0; f < 2; f++) {
		for (size_t i = 0; i < all && n < max; i++) {
			char host[INET6_ADDRSTRLEN];

			if (list[i].family != families[f] || host_addr_link_local(&list[i]) ||
			    !is_listened_on(a, &list[i]))
				continue;
			inet_ntop(families[f], list[i].ip, host, sizeof(host));
			(void)snprintf(out[n++], INVITE_ADDRESS_MAX, families[f] == AF_INET ? "%s:%d" : "[%s]:%d", host,
			               a->port);
		}
	}
	return n;
}
