/* TLS before the page's door at a remote address. What comes in is handed on in plain, as one end of a socket pair, so
 * that the HTTP server and all that it bounds stay as they are. Bounds, for whoever comes: 64 unfinished handshakes, 16
 * of them of one host, 10 s each, a hundred begun per second; 192 connections, 64 of one host. The loop's thread. */
#ifndef LANYARD_AGENT_WEB_TLS_H
#define LANYARD_AGENT_WEB_TLS_H

#include "agent/api/web_cert.h"
#include "base/loop.h"

struct sockaddr;
struct web_tls;

/* A connection in plain, which is taken over, and where the client is. */
typedef void web_tls_fn(void *arg, int fd, const struct sockaddr *addr);

/* listen_fd is taken over, also after a failure. cert stays the caller's, and is copied. NULL with *why (fresh
 * text). */
struct web_tls *web_tls_new(struct loop *loop, int listen_fd, const struct web_cert *cert, web_tls_fn *fn, void *arg,
                            char **why);
/* From the next connection on. -1 with *why. */
int web_tls_renew(struct web_tls *t, const struct web_cert *cert, char **why);
/* Cuts all connections. NULL is fine. */
void web_tls_free(struct web_tls *t);

#endif
