/* Shared by the files of one link over TLS, each of which calls only those above it: tls_link_event.c (how the
 * owner is called, and how a link fails), tls_link_receive.c (frames out of SSL_read), tls_link.c (frames into
 * SSL_write, and the link as a whole). Nobody else includes it. */
#ifndef LANYARD_SYNC_PEER_TLS_LINK_INTERNAL_H
#define LANYARD_SYNC_PEER_TLS_LINK_INTERNAL_H

#include "base/loop.h"
#include "sync/peer/link.h"
#include "sync/peer/rate.h"
#include "sync/peer/tls_internal.h"

enum {
	TLS_LINK_TURN_READ = 1 << 20,    /* bytes read in one turn, so that other links and timers get theirs */
	TLS_LINK_UNPACK_STORE = 8 << 20, /* above FRAME_MAX_CONTROL, so that any frame is unpacked some time */
};

struct tls_link {
	struct link link; /* first: the part that users see */
	struct loop *loop;
	int fd;   /* owned */
	SSL *ssl; /* owned */
	struct loop_io *io;
	int not_sent;             /* bytes that the kernel takes beyond those in flight */
	struct loop_timer *again; /* continues to read in the next turn: SSL holds bytes that no poll reports */

	struct tls_queue queue;
	bool bulk_high;     /* queued_bulk was at bulk_low or above, and `drained` is owed */
	bool control_high;  /* the same of queued_control and LINK_CONTROL_LOW */
	bool write_blocked; /* SSL wants to read before it writes on */
	size_t tried;       /* bytes of an SSL_write that has to be repeated, with at least as many; 0: none */
	struct rate_wait may_write, may_read;
	bool rx_narrow; /* the kernel was told to receive less ahead */

	uint8_t *rx; /* received, not yet handed on; NULL while idle */
	size_t rx_n, rx_cap;
	bool rx_takeable; /* the frame being handed on is large, and all there is in rx */
	int quiet_turns;
	bool resting;         /* whole frames are left in rx for `again`, and nothing is read meanwhile */
	int64_t turn_ends_ns; /* when no more frames are handed on in this turn */
	int64_t unpack_room;  /* bytes in the store */
	int64_t unpack_ms;    /* when it was last filled */

	bool listening;
	bool in_turn;  /* on_ready runs, and will say at its end what to wait for */
	bool in_event; /* the owner's code runs; freeing must wait */
	bool is_down;  /* `down` was told */
	bool closed;
};

/* --- tls_link_event.c --- */
/* After the owner was called with in_event set. False when it closed the link meanwhile: l is gone. */
bool tls_link_event_end(struct tls_link *l);
/* The end of every link that fails: tells the owner. l may be gone afterwards. Always false, for the callers'
 * convenience. */
bool tls_link_drop(struct tls_link *l, const char *reason);
/* Frees the memory of a closed link. */
void tls_link_release(struct tls_link *l);

/* --- tls_link_receive.c --- */
/* How much to read in this turn; 0: nothing until may_read calls. */
size_t tls_link_may_receive(struct tls_link *l);
/* One turn's reading, of about `most` bytes. False when l is gone or down. */
bool tls_link_receive(struct tls_link *l, size_t most);
/* As link_take(). */
void *tls_link_take(struct link *link);

#endif
