/* See addresses.h. */
#include "agent/addresses.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>

static bool text_of(const struct ifaddrs *i, int family, char *out, int port)
{
	char host[INET6_ADDRSTRLEN];

	if (!i->ifa_addr || i->ifa_addr->sa_family != family || !(i->ifa_flags & IFF_UP) ||
	    (i->ifa_flags & IFF_LOOPBACK))
		return false;
	if (family == AF_INET) {
		const struct sockaddr_in *a = (const void *)i->ifa_addr;

		inet_ntop(AF_INET, &a->sin_addr, host, sizeof(host));
		snprintf(out, INVITE_ADDRESS_MAX, "%s:%d", host, port);
		return true;
	}
	const struct sockaddr_in6 *a = (const void *)i->ifa_addr;

	if (IN6_IS_ADDR_LINKLOCAL(&a->sin6_addr))
		return false;
	inet_ntop(AF_INET6, &a->sin6_addr, host, sizeof(host));
	snprintf(out, INVITE_ADDRESS_MAX, "[%s]:%d", host, port);
	return true;
}

size_t addresses_of_host(char out[][INVITE_ADDRESS_MAX], size_t max, int port)
{
	static const int families[] = { AF_INET, AF_INET6 };
	struct ifaddrs *list;
	size_t n = 0;

	if (getifaddrs(&list))
		return 0;
	for (size_t f = 0; f < 2; f++)
		for (const struct ifaddrs *i = list; i && n < max; i = i->ifa_next)
			if (text_of(i, families[f], out[n], port))
				n++;
	freeifaddrs(list);
	return n;
}
