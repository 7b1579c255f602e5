/* See door_address.h. */
#include "agent/config/door_address.h"

#include <arpa/inet.h>
#include <string.h>

#include "agent/config/args.h"

enum { PATH_LENGTH_MAX = 255 };

static const unsigned char ipv6_loopback[16] = { [15] = 1 };

/* A socket needs a name, in a folder. */
static int parse_path(const char *text, struct door_address *a)
{
	size_t len = strlen(text);

	a->kind = DOOR_PATH;
	a->is_local = true;
	return len > PATH_LENGTH_MAX || text[len - 1] == '/' || strstr(text, "/../") != NULL ? -1 : 0;
}

int door_address_parse(const char *text, struct door_address *a)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon != NULL ? (size_t)(colon - text) : 0;
	bool brackets = len > 2 && text[0] == '[' && text[len - 1] == ']';
	char host[INET6_ADDRSTRLEN] = "";
	int64_t port = 0;

	*a = (struct door_address){ 0 };
	if (text[0] == '/')
		return parse_path(text, a);
	if (len == 0 || len >= sizeof(host) || strlen(colon + 1) > 5 || args_number(colon + 1, 0, 65535, &port) < 0)
		return -1;
	a->port = (uint16_t)port;
	a->kind = brackets ? DOOR_IPV6 : DOOR_IPV4;
	memcpy(host, brackets ? text + 1 : text, brackets ? len - 2 : len);
	if (inet_pton(brackets ? AF_INET6 : AF_INET, host, a->ip) != 1)
		return -1;
	a->is_any = memcmp(a->ip, (unsigned char[16]){ 0 }, sizeof(a->ip)) == 0;
	a->is_local = brackets ? memcmp(a->ip, ipv6_loopback, sizeof(ipv6_loopback)) == 0 : a->ip[0] == 127;
	return 0;
}
