/* See web_check.h. */
#include "agent/api/web_check.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/config/args.h"

enum { HOST_NAME_MAX_LENGTH = 255, HTTP_PORT = 80, HTTPS_PORT = 443 };

/* Splits "NAME[:PORT]" or "[IPv6][:PORT]"; *port is -1 without one. -1: it is neither. */
static int split_host(const char *host, char name[HOST_NAME_MAX_LENGTH + 1], int64_t *port)
{
	size_t len = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");

	*port = -1;
	if (len == 0 || len > strlen(host) || len > HOST_NAME_MAX_LENGTH)
		return -1;
	memcpy(name, host, len);
	name[len] = '\0';
	if (host[len] == '\0')
		return 0;
	return host[len] == ':' ? args_number(host + len + 1, 1, 65535, port) : -1;
}

static bool is_ip_literal(const char *name)
{
	unsigned char ip[16];
	char bare[INET6_ADDRSTRLEN] = "";
	size_t len = strlen(name);

	if (name[0] != '[')
		return inet_pton(AF_INET, name, ip) == 1;
	if (len < 3 || len - 2 >= sizeof(bare))
		return false;
	memcpy(bare, name + 1, len - 2);
	return inet_pton(AF_INET6, bare, ip) == 1;
}

static bool is_host_among(const struct settings_list *names, const char *name)
{
	for (size_t i = 0; names != NULL && i < names->n; i++) {
		if (strcasecmp(names->v[i], name) == 0)
			return true;
	}
	return false;
}

bool web_host_ok(const struct web_place *place, const char *host)
{
	char name[HOST_NAME_MAX_LENGTH + 1];
	int64_t port;

	if (host == NULL || split_host(host, name, &port) < 0)
		return false;
	if (is_host_among(place->names, name))
		return true;
	if (port < 0)
		port = place->tls ? HTTPS_PORT : HTTP_PORT;
	return (place->port == 0 || port == place->port) &&
	       (strcasecmp(name, "localhost") == 0 || is_ip_literal(name) || is_host_among(place->own, name));
}

bool web_origin_ok(const struct web_place *place, const char *host, const char *origin, bool is_change)
{
	bool secure;

	if (origin == NULL)
		return !is_change;
	secure = strncmp(origin, "https://", 8) == 0;
	/* Behind a socket, another server may speak TLS. */
	if ((!secure && strncmp(origin, "http://", 7) != 0) || (place->port != 0 && secure != place->tls))
		return false;
	return strcasecmp(origin + (secure ? 8 : 7), host) == 0;
}

bool web_site_ok(const char *site)
{
	return site == NULL || strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0;
}
