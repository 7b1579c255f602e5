/* Finds other agents. One interface, three backends behind it: avahi-daemon through libavahi-client
 * (mdns_client.c), libavahi-core embedded in this process (mdns_embedded.c), and addresses the admin named
 * (static_peers.c).
 *
 * The result is only ever an address to try: an agent ID from mDNS is a claim, TLS decides. mDNS reports arrival
 * promptly but not departure, so there is no "gone" event: whether a peer is alive is the connection's business.
 * All functions and callbacks: the loop's thread. */
#ifndef LANYARD_DISCOVERY_DISCOVERY_H
#define LANYARD_DISCOVERY_DISCOVERY_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"

enum discovery_mode { DISCOVERY_AUTO, DISCOVERY_AVAHI, DISCOVERY_EMBEDDED, DISCOVERY_OFF };

/* A group as the network may see it. */
struct discovery_group {
	char tag[27];      /* truncated hash of the group ID in base32: the subtype is _<tag>._sub._lanyard._tcp */
	const char *name;  /* published in TXT, with the rest; NULL for a hidden group */
	const char *owner; /* name of an owner; NULL: not known */
	int members;
	bool quiet; /* announced, and not looked for: its members have each other */
};

/* A group as an agent on the network announces it: nothing in it is proven. */
struct discovery_shown {
	const char *tag;   /* 26 digits of base32 */
	const char *name;  /* untrusted bytes, 1 to 64, without '/' */
	const char *owner; /* untrusted bytes, at most 64 */
	int members;
};

/* An address to try. */
struct discovery_found {
	const char *claimed_id; /* TXT id=, base32 without dashes; NULL for a static address */
	const struct discovery_shown *groups;
	size_t ngroups;
	struct sockaddr_storage addr; /* port set; sin6_scope_id set for link-local */
	socklen_t addr_len;
	bool hint; /* of a static address: see discovery_add_hint() */
};

enum { DISCOVERY_MAX_INTERFACES = 16, DISCOVERY_MAX_LOOK_FOR = 80 };

struct discovery_config {
	enum discovery_mode mode;
	const char *agent_id; /* our own ID, base32 without dashes (52 digits): names the service and the host */
	uint16_t port;        /* where we listen */
	/* The interfaces to speak and listen on, by their names, whether they are there yet or not; n = 0: all. At most
	 * DISCOVERY_MAX_INTERFACES. Static addresses are reached over any. */
	const char *const *interfaces;
	size_t ninterfaces;
	/* Called for each new (id, address); again when the service is announced again after it vanished or
	 * changed; at most once per second for the same pair. Never for ourselves. */
	void (*found)(void *arg, const struct discovery_found *found);
	/* Whether an address of this agent (base32 without dashes) is of use: otherwise its service is not resolved.
	 * NULL: of every agent. */
	bool (*wanted)(void *arg, const char *id);
	/* Called once, and after each change: which backend serves now ("avahi", "embedded", "off"), and what
	 * hinders it (NULL: nothing). For `status` and `doctor`. */
	void (*state)(void *arg, const char *backend, const char *problem);
	void *arg;
};

struct discovery;

/* Never fails because of the network or D-Bus: it waits for what is not there yet, and reports that by `state`.
 * AUTO uses avahi-daemon while it is there and embeds libavahi-core while it is not; it switches over when the
 * daemon comes or goes. NULL only when the config makes no sense. Strings are copied. */
struct discovery *discovery_new(struct loop *loop, const struct discovery_config *config);
/* Withdraws our announcements from the network, and frees. */
void discovery_free(struct discovery *d);

/* Publishes exactly these groups (one subtype each) and browses exactly their subtypes, from now on; n = 0 publishes
 * nothing and browses nothing. Copied. At most 64 groups. */
void discovery_set_groups(struct discovery *d, const struct discovery_group *groups, size_t n);
/* Also browse exactly these subtypes without publishing them (a joiner looking for members). Copied; at most
 * DISCOVERY_MAX_LOOK_FOR. */
void discovery_look_for(struct discovery *d, const char (*tags)[27], size_t n);
/* Also browse every lanyard service, for the names of groups that are not hidden (`groups`); off at start. While it is
 * on, agents that are connected are found as well. */
void discovery_set_browse_all(struct discovery *d, bool on);

/* Reports HOST:PORT (name, IPv4, [IPv6%scope]) through `found` at once and every 30 s, and resolves names in the
 * background. -1 when the text is not a HOST:PORT. */
int discovery_add_static(struct discovery *d, const char *host_port);
/* The same for an address that an invite names: nobody insists on being connected there. */
int discovery_add_hint(struct discovery *d, const char *host_port);

/* Queries again at once (a link came up, a peer was lost): all browsers are made again, at most every 2 s. */
void discovery_refresh(struct discovery *d);

#endif
