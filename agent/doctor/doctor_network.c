/* See doctor_internal.h: checks of the network: interfaces, the agent's port, a firewall in front of it. */
#include "agent/doctor/doctor_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

enum {
	CONNECT_MS = 1000,
	MAX_TRIES = 3, /* addresses of ours */
};

/* Whether "a, b, c" has name. */
static bool interface_listed(const char *names, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = names; *at != '\0'; at += strspn(at, ", ")) {
		size_t n = strcspn(at, ",");

		if (n == len && memcmp(at, name, n) == 0)
			return true;
		at += n;
	}
	return false;
}

void doctor_check_network(struct doctor *d)
{
	struct ifaddrs *all = NULL;
	char *names = mem_strdup("");

	if (getifaddrs(&all) < 0) {
		doctor_found(d, "network", DOCTOR_BAD, mem_printf("interfaces cannot be listed: %s", strerror(errno)),
		             NULL);
		free(names);
		return;
	}
	for (struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
		const unsigned int needed = IFF_UP | IFF_RUNNING | IFF_MULTICAST;
		char *longer;

		if ((i->ifa_flags & needed) != needed || (i->ifa_flags & IFF_LOOPBACK) != 0 || i->ifa_addr == NULL ||
		    (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6))
			continue;
		if (interface_listed(names, i->ifa_name))
			continue;
		longer = mem_printf("%s%s%s", names, names[0] != '\0' ? ", " : "", i->ifa_name);
		free(names);
		names = longer;
	}
	if (names[0] != '\0')
		doctor_found(d, "network", DOCTOR_OK, mem_printf("up, with multicast: %s", names), NULL);
	else
		doctor_found(d, "network", DOCTOR_BAD,
		             mem_strdup("no interface is up, has an address and supports multicast"),
		             mem_strdup("bring one up (ip link, ip addr), or name members with --peer HOST:PORT"));
	free(names);
	freeifaddrs(all);
}

int doctor_port_state(const char *file, int64_t port)
{
	FILE *f = fopen(file, "re");
	char line[512];
	int found = 0;

	if (f == NULL)
		return -1;
	while (fgets(line, sizeof(line), f) != NULL) {
		unsigned int local;
		unsigned int state;

		if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x", &local, &state) == 2 &&
		    local == (unsigned int)port && state == 10)
			found = 1;
	}
	(void)fclose(f);
	return found;
}

/* 0 when a connection to this address of our own comes about, else what the attempt says. */
static int try_connect(const struct sockaddr *addr, socklen_t len)
{
	int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t n = sizeof(int);
	int error = 0;

	if (fd < 0)
		return errno;
	if (connect(fd, addr, len) < 0 && errno != EINPROGRESS)
		error = errno;
	else if (poll(&p, 1, CONNECT_MS) == 0)
		error = ETIMEDOUT;
	else
		(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n);
	close(fd);
	return error;
}

/* A firewall that lets nobody in most often stops ourselves as well. Tries the host's IPv4 addresses; returns the first
 * that does not answer, as text, or NULL. Fresh. */
static char *blocked_at(int64_t port)
{
	struct ifaddrs *all = NULL;
	char *blocked = NULL;
	int tries = 0;

	if (getifaddrs(&all) < 0)
		return NULL;
	for (struct ifaddrs *i = all; i != NULL && blocked == NULL && tries < MAX_TRIES; i = i->ifa_next) {
		struct sockaddr_in to;
		char text[INET_ADDRSTRLEN];
		int error;

		if ((i->ifa_flags & IFF_LOOPBACK) != 0 || (i->ifa_flags & IFF_UP) == 0 || i->ifa_addr == NULL ||
		    i->ifa_addr->sa_family != AF_INET)
			continue;
		memcpy(&to, i->ifa_addr, sizeof(to));
		to.sin_port = htons((uint16_t)port);
		error = try_connect((const struct sockaddr *)&to, sizeof(to));
		tries++;
		/* Refused: it listens on another address, as it was told. */
		if (error != 0 && error != ECONNREFUSED)
			blocked = mem_printf("%s: %s", inet_ntop(AF_INET, &to.sin_addr, text, sizeof(text)),
			                     strerror(error));
	}
	freeifaddrs(all);
	return blocked;
}

static void check_firewall(struct doctor *d, int64_t port)
{
	char *blocked = blocked_at(port);

	if (blocked != NULL)
		doctor_found(d, "port", DOCTOR_BAD,
		             mem_printf("the agent listens on TCP port %" PRId64 ", but cannot be reached at %s", port,
		                        blocked),
		             mem_printf("ufw allow lanyard, or firewall-cmd --add-service=lanyard, or let TCP port "
		                        "%" PRId64 " and UDP port 5353 through in another way (nft list ruleset)",
		                        port));
	else
		doctor_found(d, "port", DOCTOR_OK,
		             mem_printf("the agent listens on TCP port %" PRId64
		                        "; a firewall must let this port and UDP "
		                        "port 5353 through",
		                        port),
		             NULL);
	free(blocked);
}

void doctor_check_port(struct doctor *d)
{
	int64_t port = d->status != NULL ? document_number(d->status, "port") : 0;
	int v4;
	int v6;

	if (port == 0)
		return;
	v4 = doctor_port_state("/proc/net/tcp", port);
	v6 = doctor_port_state("/proc/net/tcp6", port);
	if (v4 > 0 || v6 > 0)
		check_firewall(d, port);
	else if (v4 == 0 || v6 == 0)
		doctor_found(d, "port", DOCTOR_NOTE, mem_printf("nothing listens on TCP port %" PRId64 " here", port),
		             mem_strdup("if the agent runs in another network namespace, run this there; otherwise "
		                        "restart it"));
	else
		doctor_found(d, "port", DOCTOR_NOTE, mem_strdup("/proc/net/tcp cannot be read"), NULL);
}
