/* The interfaces and addresses that the kernel has now, read over netlink. The kernel answers at once, so nothing
 * here waits for anybody. */
#ifndef LANYARD_DISCOVERY_HOST_FACTS_H
#define LANYARD_DISCOVERY_HOST_FACTS_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How likely other agents are reached over an interface, the likeliest first. A host of containers has a bridge for
 * each of their networks, where there are none. */
enum host_rank {
	HOST_DEFAULT_ROUTE, /* leads to the rest of the world */
	HOST_HARDWARE,
	HOST_VIRTUAL, /* veth, VLAN, tunnel, bond... */
	HOST_BRIDGE,
	HOST_BRIDGE_PORT, /* part of a bridge, which gets whatever comes in */
};

struct host_link {
	int iface; /* index */
	char name[IF_NAMESIZE];
	enum host_rank rank;
};

struct host_fact {
	int iface;
	int family;     /* AF_INET or AF_INET6 */
	uint8_t ip[16]; /* in network order; AF_INET fills 4 and leaves the rest zero */
};

/* Both without loopback; addresses without tentative, deprecated and temporary ones. */
struct host_facts {
	struct host_link *links;
	size_t nlinks;
	struct host_fact *addrs;
	size_t naddrs;
};

/* -1 and errno when the kernel has no socket or memory for it; nothing is to be freed then. */
int host_facts_read(struct host_facts *f);
void host_facts_free(struct host_facts *f);
/* NULL when it is not there. */
const struct host_link *host_facts_link(const struct host_facts *f, int iface);

#endif
