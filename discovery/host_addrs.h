/* The addresses of this host that others on its links may try, followed through netlink: what we publish over mDNS.
 *
 * Of each interface: its IPv4 addresses, and one IPv6 address, the link-local one where there is one, since that
 * works on the whole link and outlives every renumbering. Never loopback, tentative, deprecated or temporary ones. */
#ifndef LANYARD_DISCOVERY_HOST_ADDRS_H
#define LANYARD_DISCOVERY_HOST_ADDRS_H

#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"

enum { HOST_ADDRS_MAX = 32 };

struct host_addr {
	int iface;      /* index */
	int family;     /* AF_INET or AF_INET6 */
	uint8_t ip[16]; /* in network order; AF_INET fills 4 and leaves the rest zero */
};

struct host_addrs;

/* changed() is called in a later turn: when the list was read first, when it has changed, and when a link came up again
 * (others may have lost sight of us meanwhile). Changes within a tenth of a second are told together; it must not free
 * what tells it. NULL and errno when there is no netlink. */
struct host_addrs *host_addrs_new(struct loop *loop, loop_fn *changed, void *arg);
void host_addrs_free(struct host_addrs *h);
/* The list, in a fixed order; *n is 0 until it was read. Valid until the loop's next turn. */
const struct host_addr *host_addrs_get(const struct host_addrs *h, size_t *n);

#endif
