/* The services that a stack's browsers told of, and the queue in which they are resolved to address and TXT.
 *
 * Everything here comes from the network, so all is bounded: HEARD_MAX services are remembered (the oldest is forgotten
 * first, which costs no more than that its next announcement is news), HEARD_MAX_RESOLVING resolved at a time, each
 * tried HEARD_TRIES times. Works with either library. Loop's thread. */
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
	SERVICES_FEW = 4,           /* services that are resolved at once; more are spread, */
	SERVICES_SPREAD_MS = 50,    /* by so long for each */
	SERVICES_SPREAD_MAX = 2000, /* and at most */
};

struct services;

/* How a service is resolved: the library calls back services_resolved() or services_failed(), in a later turn. */
struct services_door {
	/* NULL when it cannot be asked now. */
	void *(*resolve)(void *ctx, AvahiIfIndex iface, AvahiProtocol proto, const char *name);
	void (*unresolve)(void *ctx, void *resolver);
	void *ctx;
};

/* tell() is called for each service resolved whose TXT is usable and whose address can be tried; own_id's never. wanted(): whether
 * the agent with this ID, by which a service is named, is to be resolved at all; NULL: every one is. Where there are many services
 * each waits for a moment at random: of a crowd, where everybody hears of everybody at once, most are connected before they are
 * asked for, by others' word, and for the rest one asks and the others hear the answer. */
struct services *services_new(struct loop *loop, const char *own_id, const struct services_door *door,
                              void (*tell)(void *arg, const struct mdns_found *found),
                              bool (*wanted)(void *arg, const char *id), void *arg);
void services_free(struct services *h);

/* A browser saw an instance come or go. */
void services_add(struct services *h, AvahiIfIndex iface, AvahiProtocol proto, const char *name, const char *type,
                  const char *domain);
void services_remove(struct services *h, AvahiIfIndex iface, AvahiProtocol proto, const char *name);
/* The resolver for this service has its answer, or gave up. It is freed during the call, and with it whatever of the
 * arguments is its own. */
void services_resolved(struct services *h, AvahiIfIndex iface, AvahiProtocol proto, const char *name,
                       const AvahiAddress *addr, uint16_t port, AvahiStringList *txt);
void services_failed(struct services *h, AvahiIfIndex iface, AvahiProtocol proto, const char *name);
/* From now on a service that is seen to come is resolved again although it is known. */
void services_refresh(struct services *h);

#endif
