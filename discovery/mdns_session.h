/* One stack's work while it runs: it says our records, anew whenever groups or addresses change or a name is disputed;
 * it keeps a browser for each type we listen for; it has what they see resolved. The library beneath is reached
 * through a door, so embedded and client differ in nothing else. The thread of the loop given. */
#ifndef LANYARD_DISCOVERY_MDNS_SESSION_H
#define LANYARD_DISCOVERY_MDNS_SESSION_H

#include "discovery/services.h"
#include "discovery/mdns.h"
#include "discovery/dns_records.h"

enum { MDNS_SESSION_MAX_ENTRIES = 24 }; /* records published together; avahi-daemon takes 32 unless told otherwise */

struct mdns_session;

struct mdns_session_door {
	/* Publishes n records (at most MDNS_SESSION_MAX_ENTRIES) without probing. NULL: refused, *why is set to a text that
	 * stays valid. A dispute is told by mdns_session_collision(). */
	void *(*publish)(void *ctx, const struct dns_record *records, size_t n, const char **why);
	void (*unpublish)(void *ctx, void *handle);
	/* Tells of services of this type, on all links, by mdns_session_services(). NULL as above. */
	void *(*browse)(void *ctx, const char *type, const char **why);
	void (*unbrowse)(void *ctx, void *handle);
	struct services_door resolve; /* its ctx is its own */
	/* This host has these addresses now. The session may be freed for it, in a later turn. NULL: it makes no difference. */
	void (*interfaces)(void *ctx, const struct host_addrs *addrs);
	void *ctx;
};

/* events->state() says what hinders the session: no address, or a door that refuses. NULL and errno without netlink. */
struct mdns_session *mdns_session_new(struct loop *loop, const struct mdns_want *want,
                                      const struct mdns_session_door *door, const struct mdns_events *events);
void mdns_session_free(struct mdns_session *s);
void mdns_session_set(struct mdns_session *s, const struct mdns_want *want);
/* Makes all browsers anew. */
void mdns_session_refresh(struct mdns_session *s);

/* Somebody else uses our name: everything is said again under another one. Safe inside any callback of the library. */
void mdns_session_collision(struct mdns_session *s);
/* For the library's callbacks. */
struct services *mdns_session_services(struct mdns_session *s);

#endif
