/* Addresses as text and text as addresses, numbers only: nothing here asks a name server. */
#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/peer/tls_internal.h"

socklen_t tls_address_len(const struct sockaddr *addr)
{
	return addr->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

/* The IPv4 address inside of addr, if that is what it is. */
static bool as_ipv4(const struct sockaddr *addr, struct in_addr *out)
{
	struct sockaddr_in6 in6;
	struct sockaddr_in in4;

	if (addr->sa_family == AF_INET) {
		memcpy(&in4, addr, sizeof(in4));
		*out = in4.sin_addr;
		return true;
	}
	memcpy(&in6, addr, sizeof(in6));
	if (!IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr))
		return false;
	memcpy(out, in6.sin6_addr.s6_addr + 12, sizeof(*out));
	return true;
}

/* The port stands at the same place in both families. */
unsigned tls_address_port(const struct sockaddr *addr)
{
	struct sockaddr_in in4;

	memcpy(&in4, addr, sizeof(in4));
	return ntohs(in4.sin_port);
}

void tls_address_text(char out[TLS_ADDRESS_MAX], const struct sockaddr *addr)
{
	char host[INET6_ADDRSTRLEN] = "?";
	char zone[IF_NAMESIZE + 1] = "";
	struct sockaddr_in6 in6;
	struct in_addr in4;

	if (as_ipv4(addr, &in4)) {
		inet_ntop(AF_INET, &in4, host, sizeof(host));
		snprintf(out, TLS_ADDRESS_MAX, "%s:%u", host, tls_address_port(addr));
		return;
	}
	memcpy(&in6, addr, sizeof(in6));
	inet_ntop(AF_INET6, &in6.sin6_addr, host, sizeof(host));
	if (in6.sin6_scope_id != 0) {
		zone[0] = '%';
		if (if_indextoname(in6.sin6_scope_id, zone + 1) == NULL)
			snprintf(zone + 1, sizeof(zone) - 1, "%u", in6.sin6_scope_id);
	}
	snprintf(out, TLS_ADDRESS_MAX, "[%.39s%.16s]:%u", host, zone, tls_address_port(addr) & 0xffff);
}

bool tls_address_same_host(const struct sockaddr *a, const struct sockaddr *b)
{
	struct sockaddr_in6 a6, b6;
	struct in_addr a4, b4;
	bool a_is4 = as_ipv4(a, &a4), b_is4 = as_ipv4(b, &b4);

	if (a_is4 || b_is4)
		return a_is4 && b_is4 && a4.s_addr == b4.s_addr;
	memcpy(&a6, a, sizeof(a6));
	memcpy(&b6, b, sizeof(b6));
	return memcmp(&a6.sin6_addr, &b6.sin6_addr, sizeof(a6.sin6_addr)) == 0 && a6.sin6_scope_id == b6.sin6_scope_id;
}

static int parse_port(const char *text)
{
	char *end;
	long port;

	if (text[0] < '0' || text[0] > '9')
		return -1;
	port = strtol(text, &end, 10);
	return *end == '\0' && port <= 65535 ? (int)port : -1;
}

/* Any address: IPv6 that takes IPv4 too, and plain IPv4 where the kernel has no IPv6. */
static int any_address(struct sockaddr_storage out[2], int port)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	struct sockaddr_in in4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	memset(out, 0, 2 * sizeof(*out));
	memcpy(&out[0], &in6, sizeof(in6));
	memcpy(&out[1], &in4, sizeof(in4));
	return 2;
}

/* Brackets tell where an IPv6 address ends, so without them a colon in the address is an error. */
int tls_address_listen(struct sockaddr_storage out[2], const char *text, char **why)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	const char *colon = strrchr(text, ':');
	const char *port_text = colon != NULL ? colon + 1 : text;
	int port = *text == '\0' ? 0 : parse_port(port_text);
	size_t host_n = colon != NULL ? (size_t)(colon - text) : 0;
	char *host;
	int rc;

	if (port < 0 || host_n > 256) {
		*why = mem_printf("cannot listen on \"%.300s\": give [ADDRESS:]PORT with a port from 0 to 65535", text);
		return -1;
	}
	if (host_n == 0)
		return any_address(out, port);
	if (text[0] == '[' && text[host_n - 1] == ']')
		host = mem_printf("%.*s", (int)host_n - 2, text + 1);
	else
		host = mem_printf("%.*s", (int)host_n, text);
	rc = getaddrinfo(host, port_text, &hints, &found);
	if (rc != 0 || (text[0] != '[' && strchr(host, ':') != NULL)) {
		*why = mem_printf(
			"cannot listen on \"%.300s\": the address must be numeric, like 10.0.0.1:%d or [::1]:%d", text,
			port, port);
		rc = -1;
	} else {
		memset(out, 0, 2 * sizeof(*out));
		memcpy(&out[0], found->ai_addr, found->ai_addrlen);
	}
	if (found != NULL)
		freeaddrinfo(found);
	free(host);
	return rc == 0 ? 1 : -1;
}
