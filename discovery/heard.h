/* The services that a stack's browsers told of, and the queue in which they are resolved to address and TXT.
 *
 * Everything here comes from the network, so all is bounded: HEARD_MAX services are remembered (the oldest is forgotten
 * first, which costs no more than that its next announcement is news), HEARD_MAX_RESOLVING resolved at a time, each
 * tried HEARD_TRIES times. Works with either library. Loop's thread. */
#ifndef LANYARD_DISCOVERY_HEARD_H
#define LANYARD_DISCOVERY_HEARD_H

#include <avahi-common/address.h>
#include <avahi-common/strlst.h>

#include "base/loop.h"
#include "discovery/mdns.h"

enum {
	HEARD_MAX = 1024,
	HEARD_MAX_RESOLVING = 24,
	HEARD_TRIES = 3,
	HEARD_FEW = 4,           /* services that are resolved at once; more are spread, */
	HEARD_SPREAD_MS = 50,    /* by so long for each */
	HEARD_SPREAD_MAX = 2000, /* and at most */
};

struct heard;

/* How a service is resolved: the library calls back heard_resolved() or heard_failed(), in a later turn. */
struct heard_door {
	/* NULL when it cannot be asked now. */
	void *(*resolve)(void *ctx, AvahiIfIndex iface, AvahiProtocol proto, const char *name);
	void (*unresolve)(void *ctx, void *resolver);
	void *ctx;
};

/* tell() is called for each service resolved whose TXT is usable and whose address can be tried; own_id's never. wanted(): whether
 * the agent with this ID, by which a service is named, is to be resolved at all; NULL: every one is. Where there are many services
 * each waits for a moment at random: of a crowd, where everybody hears of everybody at once, most are connected before they are
 * asked for, by others' word, and for the rest one asks and the others hear the answer. */
struct heard *heard_new(struct loop *loop, const char *own_id, const struct heard_door *door,
                        void (*tell)(void *arg, const struct mdns_heard *heard),
                        bool (*wanted)(void *arg, const char *id), void *arg);
void heard_free(struct heard *h);

/* A browser saw an instance come or go. */
void heard_add(struct heard *h, AvahiIfIndex iface, AvahiProtocol proto, const char *name, const char *type,
               const char *domain);
void heard_remove(struct heard *h, AvahiIfIndex iface, AvahiProtocol proto, const char *name);
/* The resolver for this service has its answer, or gave up. It is freed during the call, and with it whatever of the
 * arguments is its own. */
void heard_resolved(struct heard *h, AvahiIfIndex iface, AvahiProtocol proto, const char *name,
                    const AvahiAddress *addr, uint16_t port, AvahiStringList *txt);
void heard_failed(struct heard *h, AvahiIfIndex iface, AvahiProtocol proto, const char *name);
/* From now on a service that is seen to come is resolved again although it is known. */
void heard_refresh(struct heard *h);

#endif
