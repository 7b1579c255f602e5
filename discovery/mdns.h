/* The interface of the two mDNS backends, as discovery.c uses it: a stack gets what to announce and what to browse,
 * and reports what it finds and whether it serves. Private to discovery/. */
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
	MDNS_MAX_LOOK_FOR = 80,
	MDNS_TAG_LEN = TXT_TAG_LEN,
	MDNS_MAX_INSTANCE = 63,
	MDNS_MAX_INTERFACES = 16,
};

#define MDNS_TYPE   "_lanyard._tcp"
#define MDNS_DOMAIN "local"

/* What to announce and what to browse. */
struct mdns_want {
	char agent_id[TXT_ID_LEN + 1];
	uint16_t port;
	struct txt_group groups[MDNS_MAX_GROUPS]; /* announced and browsed; the name of a hidden one is "" */
	bool quiet[MDNS_MAX_GROUPS];              /* of these: announced only */
	size_t ngroups;
	char look_for[MDNS_MAX_LOOK_FOR][MDNS_TAG_LEN + 1]; /* tags that are also browsed */
	size_t nlook_for;
	bool browse_all;                                   /* browse every lanyard service */
	char interfaces[MDNS_MAX_INTERFACES][IF_NAMESIZE]; /* on these interfaces only, as far as they are there */
	size_t ninterfaces;                                /* 0: on all; never changes */
};

/* A service that was resolved. */
struct mdns_found {
	char instance[MDNS_MAX_INSTANCE + 1]; /* its name, which is another one in each announcement */
	struct txt txt;                       /* usable */
	struct sockaddr_storage addr;
	socklen_t addr_len;
};

struct mdns_events {
	/* A service was found, never our own. found is valid during the call. */
	void (*found)(void *arg, const struct mdns_found *found);
	/* Whether the agent with this ID is to be resolved when its service is seen; NULL: every agent is. */
	bool (*wanted)(void *arg, const char *id);
	/* Whether the stack announces and browses what it should, and what hinders it (NULL: nothing). Called on
	 * every change. */
	void (*state)(void *arg, bool serving, const char *problem);
	void *arg;
};

/* A backend. Its functions belong to the loop's thread; events are called on that thread, never from inside these
 * functions. */
struct mdns_backend {
	/* NULL when the system has no descriptors or threads left. */
	void *(*start)(struct loop *loop, const struct mdns_want *want, const struct mdns_events *events);
	/* want is copied. */
	void (*set)(void *stack, const struct mdns_want *want);
	/* Makes the stack report everything that is there once more. */
	void (*refresh)(void *stack);
	/* Withdraws the announcements, and frees. */
	void (*stop)(void *stack);
};

extern const struct mdns_backend mdns_embedded; /* libavahi-core in this process */
extern const struct mdns_backend mdns_client;   /* avahi-daemon; its calls may block for as long as D-Bus lets them */
extern const struct mdns_backend mdns_aside;    /* mdns_client on a thread of its own */

#endif
