/* The services that a stack's browsers saw, and the queue in which they are resolved to address and TXT.
 *
 * Everything here comes from the network, so everything is bounded: SERVICES_MAX services are remembered (the
 * oldest is forgotten first, which only means that its next announcement is news), SERVICES_MAX_RESOLVING are
 * resolved at a time, each tried SERVICES_TRIES times. Works with either library. Loop's thread. */
#ifndef LANYARD_DISCOVERY_SERVICES_H
#define LANYARD_DISCOVERY_SERVICES_H

#include <avahi-common/address.h>
#include <avahi-common/strlst.h>

#include "base/loop.h"
#include "discovery/mdns.h"

enum {
	SERVICES_MAX = 1024,
	SERVICES_MAX_RESOLVING = 24,
	SERVICES_TRIES = 3,
	SERVICES_FEW = 4,           /* services that are resolved at once; if there are more, they are spread: */
	SERVICES_SPREAD_MS = 50,    /* this long for each, */
	SERVICES_SPREAD_MAX = 2000, /* and this long at most */
};

struct services;

/* How a service is resolved: the library calls back services_resolved() or services_failed(), in a later turn. */
struct services_door {
	/* NULL when the library cannot be asked now. */
	void *(*resolve)(void *ctx, AvahiIfIndex iface, AvahiProtocol proto, const char *name);
	void (*unresolve)(void *ctx, void *resolver);
	void *ctx;
};

/* Calls resolved() for each service whose TXT and address are usable, except own_id's. wanted(): whether the agent with
 * this ID, which the service's name shows, is to be resolved at all; NULL: every agent is.
 *
 * If there are many services, each waits for a random time. In a crowd, where everybody sees everybody at once,
 * most are connected before they are asked for, since other members sent their addresses; for the rest, one agent
 * asks and the others receive the answer. */
struct services *services_new(struct loop *loop, const char *own_id, const struct services_door *door,
                              void (*resolved)(void *arg, const struct mdns_found *found),
                              bool (*wanted)(void *arg, const char *id), void *arg);
void services_free(struct services *h);

/* A browser saw an instance appear or vanish. */
void services_add(struct services *h, AvahiIfIndex iface, AvahiProtocol proto, const char *name, const char *type,
                  const char *domain);
void services_remove(struct services *h, AvahiIfIndex iface, AvahiProtocol proto, const char *name);
/* The resolver for this service has its answer, or gave up. It is freed during the call, and with it those of the
 * arguments that it owns. */
void services_resolved(struct services *h, AvahiIfIndex iface, AvahiProtocol proto, const char *name,
                       const AvahiAddress *addr, uint16_t port, AvahiStringList *txt);
void services_failed(struct services *h, AvahiIfIndex iface, AvahiProtocol proto, const char *name);
/* From now on a service that is seen again is resolved again. */
void services_refresh(struct services *h);

#endif
