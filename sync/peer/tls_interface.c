/* Which of the host's interfaces a connection goes through, whether the other end is on the same link, and whether that
 * link is wireless. Linux: getifaddrs(3), and /sys/class/net as the kernel's ABI documentation describes it. */
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sync/peer/tls_internal.h"

/* The bytes that count; 0 for other families. */
static size_t ip_of(uint8_t out[16], const struct sockaddr *addr)
{
	const struct sockaddr_in *in = (const void *)addr;
	const struct sockaddr_in6 *in6 = (const void *)addr;

	if (addr->sa_family == AF_INET) {
		memcpy(out, &in->sin_addr, 4);
		return 4;
	}
	if (addr->sa_family != AF_INET6)
		return 0;
	if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		memcpy(out, in6->sin6_addr.s6_addr + 12, 4);
		return 4;
	}
	memcpy(out, &in6->sin6_addr, 16);
	return 16;
}

/* Whether both are in the network of this mask. */
static bool is_on_link(const uint8_t *ours, const uint8_t *theirs, const struct sockaddr *netmask, size_t n)
{
	uint8_t mask[16];

	if (netmask == NULL || ip_of(mask, netmask) != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((ours[i] & mask[i]) != (theirs[i] & mask[i]))
			return false;
	return true;
}

/* A name that the kernel gave: it has no slash. */
static bool is_wireless(const char *name)
{
	static const char *const signs[] = { "wireless", "phy80211" };
	char path[64];

	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		(void)snprintf(path, sizeof(path), "/sys/class/net/%.15s/%s", name, signs[i]);
		if (access(path, F_OK) == 0)
			return true;
	}
	return false;
}

static void found(struct link *l, const struct ifaddrs *i, bool on_link)
{
	l->wireless = is_wireless(i->ifa_name);
	l->iface = on_link ? if_nametoindex(i->ifa_name) : 0;
}

void tls_interface_note(struct link *l, int fd)
{
	struct sockaddr_storage ours = { 0 }, theirs = { 0 };
	socklen_t ours_n = sizeof(ours), theirs_n = sizeof(theirs);
	uint8_t our_ip[16], their_ip[16], ip[16];
	struct ifaddrs *all, *i;
	size_t n;

	if (getsockname(fd, (struct sockaddr *)&ours, &ours_n) < 0 ||
	    getpeername(fd, (struct sockaddr *)&theirs, &theirs_n) < 0)
		return;
	n = ip_of(our_ip, (struct sockaddr *)&ours);
	if (n == 0 || ip_of(their_ip, (struct sockaddr *)&theirs) != n || getifaddrs(&all) < 0)
		return;
	for (i = all; i != NULL; i = i->ifa_next) {
		if (i->ifa_addr == NULL || ip_of(ip, i->ifa_addr) != n || memcmp(ip, our_ip, n) != 0)
			continue;
		found(l, i, is_on_link(our_ip, their_ip, i->ifa_netmask, n));
		break;
	}
	freeifaddrs(all);
}
