/* What the two mDNS backends have in common, seen from discovery.c: a stack is given what to say and what to listen for,
 * and tells what it hears and whether it serves. Private to discovery/. */
#ifndef LANYARD_DISCOVERY_MDNS_H
#define LANYARD_DISCOVERY_MDNS_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "discovery/txt.h"

enum {
	MDNS_MAX_GROUPS = 64,
	MDNS_TAG_LEN = 26,
	MDNS_MAX_INSTANCE = 63,
	MDNS_MAX_INTERFACES = 16,
};

#define MDNS_TYPE   "_lanyard._tcp"
#define MDNS_DOMAIN "local"

struct mdns_group {
	char tag[MDNS_TAG_LEN + 1];
	char name[256]; /* "" when hidden */
};

/* What to say and what to listen for. */
struct mdns_want {
	char agent_id[TXT_ID_LEN + 1];
	uint16_t port;
	struct mdns_group groups[MDNS_MAX_GROUPS]; /* said, and listened for */
	size_t ngroups;
	char look_for[MDNS_TAG_LEN + 1];                   /* also listened for; "" for none */
	bool browse_all;                                   /* listen for every lanyard service */
	char interfaces[MDNS_MAX_INTERFACES][IF_NAMESIZE]; /* on these alone, those that are there */
	size_t ninterfaces;                                /* 0: on all; does not change */
};

/* A service that was resolved. */
struct mdns_found {
	char instance[MDNS_MAX_INSTANCE + 1]; /* its name: another one whenever it is announced anew */
	struct txt txt;                       /* usable */
	struct sockaddr_storage addr;
	socklen_t addr_len;
};

struct mdns_events {
	/* A service was found, never our own. found is valid during the call. */
	void (*found)(void *arg, const struct mdns_found *found);
	/* Whether the agent with this ID is to be resolved when it is seen; NULL: every one is. */
	bool (*wanted)(void *arg, const char *id);
	/* Whether the stack says and hears what it should, and what hinders it (NULL when nothing does). Called on every
	 * change. */
	void (*state)(void *arg, bool serving, const char *problem);
	void *arg;
};

/* A backend. The functions belong to the loop's thread; events are called on it, never from inside these functions. */
struct mdns_backend {
	/* NULL when the system has no descriptors or threads left. */
	void *(*start)(struct loop *loop, const struct mdns_want *want, const struct mdns_events *events);
	/* want is copied. */
	void (*set)(void *stack, const struct mdns_want *want);
	/* Everything that is there is heard again. */
	void (*refresh)(void *stack);
	/* Says goodbye. */
	void (*stop)(void *stack);
};

extern const struct mdns_backend mdns_embedded; /* libavahi-core in this process */
extern const struct mdns_backend mdns_client;   /* avahi-daemon; its calls may block for as long as D-Bus lets them */
extern const struct mdns_backend mdns_aside;    /* mdns_client on a thread of its own */

#endif
