/* See web_host.h. */
#include "agent/api/web_host.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

enum { V4_AT = 12, PREFIX = 8 };

static const uint8_t mapped[V4_AT] = { [10] = 0xff, [11] = 0xff };

/* Of 16 bytes, an IPv4 address as one that is mapped into IPv6. -1: it is neither. */
static int host_bytes(uint8_t bytes[16], const struct sockaddr *addr)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (addr != NULL && addr->sa_family == AF_INET) {
		memcpy(&v4, addr, sizeof(v4));
		memcpy(bytes, mapped, V4_AT);
		memcpy(bytes + V4_AT, &v4.sin_addr, 4);
		return 0;
	}
	if (addr == NULL || addr->sa_family != AF_INET6)
		return -1;
	memcpy(&v6, addr, sizeof(v6));
	memcpy(bytes, &v6.sin6_addr, 16);
	return 0;
}

void web_host_of(struct web_host *host, const struct sockaddr *addr)
{
	*host = (struct web_host){ { 0 } };
	if (host_bytes(host->b, addr) == 0 && memcmp(host->b, mapped, V4_AT) != 0)
		memset(host->b + PREFIX, 0, sizeof(host->b) - PREFIX);
}

bool web_host_same(const struct web_host *a, const struct web_host *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

void web_host_text(char text[WEB_HOST_TEXT], const struct sockaddr *addr)
{
	uint8_t bytes[16];

	(void)snprintf(text, WEB_HOST_TEXT, "an unknown address");
	if (host_bytes(bytes, addr) < 0)
		return;
	if (memcmp(bytes, mapped, V4_AT) == 0)
		(void)inet_ntop(AF_INET, bytes + V4_AT, text, WEB_HOST_TEXT);
	else
		(void)inet_ntop(AF_INET6, bytes, text, WEB_HOST_TEXT);
}
