/* The addresses of this host that other agents on its links may try, followed through netlink: they are published
 * over mDNS, put into invites and sent to members. The likeliest first: those of the interface that leads to the
 * rest of the world, then of hardware, and last of bridges, which a host of containers has by the dozen. Of each
 * interface: IPv4 addresses, the link-local IPv6 address, which works on the whole link and outlives every
 * renumbering, and up to two others. Never loopback, tentative, deprecated or temporary ones. */
#ifndef LANYARD_DISCOVERY_HOST_ADDRS_H
#define LANYARD_DISCOVERY_HOST_ADDRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "discovery/host_facts.h"

enum { HOST_ADDRS_MAX = 64, HOST_INTERFACES_MAX = 16 };

struct host_addr {
	int iface; /* index */
	enum host_rank rank;
	int family;     /* AF_INET or AF_INET6 */
	uint8_t ip[16]; /* in network order; AF_INET fills 4 and leaves the rest zero */
};

struct host_addrs;

/* wanted: names of the interfaces to use, whether they are there or not; n = 0: all. Of those that are there, the
 * likeliest HOST_INTERFACES_MAX are listed. changed() is called in a later turn: once at first, then whenever the
 * list has changed, and when a link came up again (others may have lost us meanwhile). Changes within a tenth of a
 * second are reported together. changed() must not free the host_addrs. NULL and errno when there is no netlink. */
struct host_addrs *host_addrs_new(struct loop *loop, const char *const *wanted, size_t nwanted, loop_fn *changed,
                                  void *arg);
void host_addrs_free(struct host_addrs *h);
/* The list, in a fixed order; available at once after host_addrs_new(). Valid until the loop's next turn. */
const struct host_addr *host_addrs_get(const struct host_addrs *h, size_t *n);
/* More interfaces have an address than are listed. */
bool host_addrs_crowded(const struct host_addrs *h);
bool host_addr_link_local(const struct host_addr *addr);

#endif
