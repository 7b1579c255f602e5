/* The work of a stack while it runs. It announces our records, again whenever groups or addresses change or a name
 * is disputed; it keeps a browser per type that is wanted; it has the services that they see resolved. The library
 * is reached through a table of functions, so the embedded stack and the client differ in nothing else. The thread
 * of the loop given. */
#ifndef LANYARD_DISCOVERY_MDNS_SESSION_H
#define LANYARD_DISCOVERY_MDNS_SESSION_H

#include "discovery/services.h"
#include "discovery/mdns.h"
#include "discovery/dns_records.h"

enum { MDNS_SESSION_MAX_ENTRIES = 24 }; /* records published together; avahi-daemon takes 32 unless told otherwise */

struct mdns_session;

struct mdns_session_door {
	/* Publishes n records (at most MDNS_SESSION_MAX_ENTRIES) without probing. NULL: refused, and *why is a text
	 * that stays valid. Report a dispute by mdns_session_collision(). */
	void *(*publish)(void *ctx, const struct dns_record *records, size_t n, const char **why);
	void (*unpublish)(void *ctx, void *handle);
	/* Browses services of this type, on all links; report them to mdns_session_services(). NULL as above. */
	void *(*browse)(void *ctx, const char *type, const char **why);
	void (*unbrowse)(void *ctx, void *handle);
	struct services_door resolve; /* has a ctx of its own */
	/* The host's addresses have changed to these. May free the session, but only in a later turn. NULL: the
	 * library does not need them. */
	void (*interfaces)(void *ctx, const struct host_addrs *addrs);
	void *ctx;
};

/* events->state() says what hinders the session: no address, or a library that refuses. NULL and errno without
 * netlink. */
struct mdns_session *mdns_session_new(struct loop *loop, const struct mdns_want *want,
                                      const struct mdns_session_door *door, const struct mdns_events *events);
void mdns_session_free(struct mdns_session *s);
void mdns_session_set(struct mdns_session *s, const struct mdns_want *want);
/* Whether there is anything to hear: a type is browsed. */
bool mdns_session_listens(const struct mdns_session *s);
/* Makes all browsers again. */
void mdns_session_refresh(struct mdns_session *s);

/* Somebody else uses our name: announces everything again under another one. Safe inside any callback of the
 * library. */
void mdns_session_collision(struct mdns_session *s);
/* For the library's callbacks. */
struct services *mdns_session_services(struct mdns_session *s);

#endif
