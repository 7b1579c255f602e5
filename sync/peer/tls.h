/* Links over TCP with TLS 1.3. Both sides present self-signed certificates over their identity keys; only the key
 * of a certificate is believed. ALPN "lanyard/1". Anything else (TLS 1.2, plain TCP, no certificate, another ALPN,
 * a key that is not Ed25519, a handshake that takes over 10 s) is refused. The loop's thread. */
#ifndef LANYARD_SYNC_PEER_TLS_H
#define LANYARD_SYNC_PEER_TLS_H

#include <netinet/in.h>

#include "base/loop.h"
#include "sync/group/identity.h"
#include "sync/peer/link.h"

struct tls;

enum { TLS_ADDRESS_MAX = sizeof(((struct link *)NULL)->address) };

/* Inside events everything may be called but tls_free(). */
struct tls_events {
	/* A link is up. The callee owns it and calls link_listen() before returning to the loop, or link_close().
	 * Of a dialled one the other side has not yet judged our certificate: if it refuses, the link's `down` says
	 * so. */
	void (*up)(void *arg, struct link *l, void *dial_arg);
	/* An attempt failed. dial_arg: as given to tls_dial(); NULL for an incoming one. address: for people
	 * ("listener" when no connections can be accepted for now). reason: for a log. refused: the other side
	 * spoke, but not as a lanyard agent. */
	void (*failed)(void *arg, void *dial_arg, const char *address, const char *reason, bool refused);
};

/* The identity must outlive it. NULL with *why (fresh text). */
struct tls *tls_new(struct loop *loop, const struct identity *self, const struct tls_events *events, void *arg,
                    char **why);
/* Ends listeners and unfinished handshakes (without events); links that are up stay their owners'. */
void tls_free(struct tls *t);
/* Listens on "[ADDR:]PORT", ADDR in numbers, IPv6 in brackets ("" or "0": any address, any port; IPv6 dual-stack
 * where there is IPv6). May be called once. Returns the port; -1 with *why. At most 64 unfinished handshakes at a
 * time, and 8 per host; a further one takes the place of the oldest that has said nothing. */
int tls_listen(struct tls *t, const char *where, char **why);
/* Starts an attempt; its result comes through events, later. dial_arg is handed back. It fails when TCP is not
 * through within connect_ms (at most 6 s). -1 with errno when there is no socket for it. */
int tls_dial(struct tls *t, const struct sockaddr *addr, socklen_t addr_len, int connect_ms, void *dial_arg);
/* Ends the attempt that was given this dial_arg, without an event. False when there is none. */
bool tls_dial_cancel(struct tls *t, const void *dial_arg);
/* An address as a link shows it: "10.0.0.2:1234", "[fe80::1%eth0]:1234"; IPv4 in IPv6 is shown as IPv4. */
void tls_address_text(char out[TLS_ADDRESS_MAX], const struct sockaddr *addr);

#endif
