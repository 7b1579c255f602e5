/* Carries bytes between a TLS connection and a socket in plain, whose other end the HTTP server serves as if the client
 * were there. Bounded: 16 KiB each way, and a client that takes nothing of its answer for a minute is cut. The loop's
 * thread. */
#ifndef LANYARD_AGENT_WEB_TUNNEL_H
#define LANYARD_AGENT_WEB_TUNNEL_H

#include <stdbool.h>

#include "base/loop.h"

struct ssl_st;
struct web_tunnel;

/* fd and ssl: a connection whose handshake is done; they stay the caller's. inner: this side of the plain socket, taken
 * over. ended(arg) is called once, from the loop, when nothing more can come: the caller frees the tunnel then, at the
 * earliest. NULL with errno; inner is closed then. */
struct web_tunnel *web_tunnel_new(struct loop *loop, int fd, struct ssl_st *ssl, int inner, loop_fn *ended, void *arg);
/* At once, whatever is under way. NULL is fine. */
void web_tunnel_free(struct web_tunnel *t);
/* The server has ended the connection: what is left is for the client to take. */
bool web_tunnel_is_ending(const struct web_tunnel *t);

#endif
