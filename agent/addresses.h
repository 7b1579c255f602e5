/* Where this agent may be reached, as a hint for others: in invites, and sent to members. Follows the host's
 * interfaces; the `interface` settings and an address to listen on narrow it down. Loop's thread. */
#ifndef LANYARD_AGENT_ADDRESSES_H
#define LANYARD_AGENT_ADDRESSES_H

#include <netinet/in.h>
#include <stddef.h>

#include "base/loop.h"
#include "sync/group/invite.h"

struct addresses;

struct addresses_config {
	const char *listen; /* "[ADDR:]PORT", as peers_listen() took it */
	int port;           /* the port on which we listen */
	const char *const *interfaces;
	size_t ninterfaces; /* 0: all */
	loop_fn *changed;   /* the addresses changed; also called when they are first known, in a later turn */
	void *arg;
};

/* NULL and errno without netlink: others learn no addresses then. */
struct addresses *addresses_new(struct loop *loop, const struct addresses_config *config);
void addresses_free(struct addresses *a);
/* The likeliest first, link-local ones with their scopes. Returns how many, at most max; 0 for NULL. */
size_t addresses_list(const struct addresses *a, struct sockaddr_storage *out, size_t max);
/* "HOST:PORT" of each that is valid on any link, IPv4 first; returns how many, at most max. */
size_t addresses_hints(const struct addresses *a, char out[][INVITE_ADDRESS_MAX], size_t max);

#endif
