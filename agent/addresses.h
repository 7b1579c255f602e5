/* Where this agent may be reached, as hints for others: in invites, and told to members. Follows the host's
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
	int port;           /* where we listen */
	const char *const *interfaces;
	size_t ninterfaces; /* 0: all */
	loop_fn *changed;   /* they are others now; also for the first time, in a later turn */
	void *arg;
};

/* NULL and errno where there is no netlink: others are told no address then. */
struct addresses *addresses_new(struct loop *loop, const struct addresses_config *config);
void addresses_free(struct addresses *a);
/* The likeliest first, link-local ones with their scopes; returns how many, at most max. NULL has none. */
size_t addresses_list(const struct addresses *a, struct sockaddr_storage *out, size_t max);
/* "HOST:PORT" of each that means something on any link, IPv4 first; returns how many, at most max. */
size_t addresses_hints(const struct addresses *a, char out[][INVITE_ADDRESS_MAX], size_t max);

#endif
