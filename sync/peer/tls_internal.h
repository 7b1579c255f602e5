/* Shared by the files behind tls.h: tls.c (listening, dialling, handshakes), tls_context.c (how OpenSSL is set up,
 * and its errors), tls_address.c (addresses as text), tls_wire.c (the socket), tls_queue.c (frames to be written),
 * tls_link*.c (a link that is up). Nobody else includes this. */
#ifndef LANYARD_SYNC_PEER_TLS_INTERNAL_H
#define LANYARD_SYNC_PEER_TLS_INTERNAL_H

#include <netinet/in.h>
#include <openssl/ssl.h>

#include "sync/peer/tls.h"

enum {
	TLS_REASON_MAX = 160,
	TLS_RECORD = 16 << 10,    /* plain bytes of one TLS record */
	TLS_NOT_SENT = 256 << 10, /* bytes that the kernel takes beyond those in flight: a ping waits behind them */
};

/* --- tls_context.c --- */
/* For both directions. NULL with *why. */
SSL_CTX *tls_context_new(const struct identity *self, char **why);
/* After the handshake: the peer's ID, and the binding. -1 with reason when it is not a lanyard agent after all. */
int tls_context_peer(SSL *ssl, struct agent_id *peer, uint8_t binding[32], char reason[TLS_REASON_MAX]);
/* Why the last call on ssl, which returned rc, failed; empties OpenSSL's error queue. Returns whether the other
 * side is at fault in what it said, not the network. */
bool tls_context_reason(SSL *ssl, int rc, char reason[TLS_REASON_MAX]);

/* --- tls_address.c --- */
/* Same host, whatever the port. */
bool tls_address_same_host(const struct sockaddr *a, const struct sockaddr *b);
/* "[ADDR:]PORT" into the addresses to try in turn, most wanted first. Returns how many (1 or 2), -1 with *why. */
int tls_address_listen(struct sockaddr_storage out[2], const char *text, char **why);
unsigned tls_address_port(const struct sockaddr *addr);
socklen_t tls_address_len(const struct sockaddr *addr);

/* --- tls_wire.c --- */
/* Between ssl and fd, which stays the caller's. NULL without memory. */
BIO *tls_wire_new(int fd);
/* Sends what SSL_write left in it: 1 when all is sent, 0 when the socket is full, -1 with errno. */
int tls_wire_flush(BIO *bio);
/* Whether something is still to be flushed. */
bool tls_wire_waits(BIO *bio);

/* --- tls_queue.c --- */
struct tls_piece;

struct tls_lane {
	struct tls_piece *first, *last; /* NULL when empty */
};

/* Zeroed memory is an empty queue. */
struct tls_queue {
	struct tls_lane lanes[2]; /* by enum link_lane */
	struct tls_piece *begun;  /* first of its lane and handed out, so nothing may overtake it; or NULL */
	enum link_lane begun_lane;
};

struct tls_payload {
	const uint8_t *head; /* the caller's */
	size_t head_n;
	uint8_t *body; /* taken over by tls_queue_add(); NULL: none */
	size_t body_n;
};

/* Queues a frame, compressed where that pays. Returns its size with header; 0 when that would be over `most`:
 * nothing is queued then. */
size_t tls_queue_add(struct tls_queue *q, enum link_lane lane, uint8_t type, const struct tls_payload *payload,
                     size_t most);
bool tls_queue_empty(const struct tls_queue *q);
/* The n bytes to write next; NULL: none. Until some of them are written it returns the same bytes again, perhaps
 * with more behind them. */
const uint8_t *tls_queue_next(struct tls_queue *q, size_t *n);
/* n bytes of those were written. Returns which lane they were of. */
enum link_lane tls_queue_wrote(struct tls_queue *q, size_t n);
/* Forgets all bulk frames except one that has begun. */
void tls_queue_drop_bulk(struct tls_queue *q);
void tls_queue_clear(struct tls_queue *q);

/* --- tls_link.c --- */
/* A link over a finished handshake; takes fd and ssl over. NULL and errno when the loop cannot watch fd: they are then
 * still the caller's. */
struct link *tls_link_new(struct loop *loop, int fd, SSL *ssl);

/* tls_interface.c: fills in iface and wireless. */
void tls_interface_note(struct link *l, int fd);

#endif
