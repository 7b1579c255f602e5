/* Addresses that the admin named: HOST:PORT, reported at once and then periodically, since nobody announces them.
 * Names are resolved on threads of their own, because getaddrinfo() may take as long as it likes. Loop's thread. */
#ifndef LANYARD_DISCOVERY_STATIC_PEERS_H
#define LANYARD_DISCOVERY_STATIC_PEERS_H

#include <sys/socket.h>

#include "base/loop.h"

enum { STATIC_PEERS_MAX = 64, STATIC_PEERS_EVERY_MS = 30000 };

struct static_peers;

typedef void static_peers_fn(void *arg, const struct sockaddr_storage *addr, socklen_t addr_len);

/* found() is called from the loop, never from inside these functions. */
struct static_peers *static_peers_new(struct loop *loop, static_peers_fn *found, void *arg);
/* Does not wait for names that are being resolved. */
void static_peers_free(struct static_peers *s);
/* text: NAME:PORT, IPV4:PORT or [IPV6]:PORT, which has %scope if it is link-local. A repeated one is kept once. -1
 * when the text is none of these, or when there are STATIC_PEERS_MAX already. */
int static_peers_add(struct static_peers *s, const char *host_port);
/* Reports all of them again now. */
void static_peers_refresh(struct static_peers *s);

#endif
