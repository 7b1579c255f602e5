/* A link: an ordered, reliable, authenticated stream of frames to one agent. TLS 1.3 over TCP makes links (tls.h);
 * tests and the simulator make them in memory. Sending never blocks: frames queue in two lanes, control before
 * bulk, so that a ping never waits behind blocks (only behind the frame being written). The loop's thread. */
#ifndef LANYARD_SYNC_PEER_LINK_H
#define LANYARD_SYNC_PEER_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sync/group/id.h"
#include "sync/peer/meter.h"

struct link;
struct rate;

enum link_lane { LINK_CONTROL, LINK_BULK };

struct link_events {
	/* One frame, whole: type and n payload bytes, valid only during the call; the handler may overwrite those of a
	 * SEALED. It may close the link inside; no event follows a close. */
	void (*frame)(void *arg, uint8_t type, const uint8_t *payload, size_t n);
	/* The bulk queue fell below bulk_low, or the control queue below LINK_CONTROL_LOW, having been at or above
	 * it. */
	void (*drained)(void *arg);
	/* The link ended, by the other side, the network or a malformed frame; reason is for a log. The handler
	 * then calls link_close(). Not called after link_close(). */
	void (*down)(void *arg, const char *reason);
};

enum {
	LINK_BULK_LOW = 1 << 20,
	LINK_CONTROL_LOW = 256 << 10,
	LINK_CONTROL_MAX = 64 << 20, /* bytes of the control queue; the bulk queue is the sender's to bound */
};

enum {
	LINK_TAKE_MIN = 32 << 10, /* payloads of at least this size can usually be taken */
};

struct link_ops {
	int (*send)(struct link *l, enum link_lane lane, uint8_t type, const void *head, size_t head_n, uint8_t *body,
	            size_t body_n);
	void (*close)(struct link *l);
	void *(*take)(struct link *l);
	/* bulk_low has changed: `drained` follows it, and the kernel takes less ahead where little may wait. */
	void (*room)(struct link *l);
	/* events and arg are set: begin to deliver, from the next turn on. NULL: nothing to begin. */
	void (*listen)(struct link *l);
};

/* The part of every link that its users see; implementations embed it first. */
struct link {
	const struct link_ops *ops;
	const struct link_events *events; /* set by link_listen */
	void *arg;
	struct agent_id peer; /* proved by the handshake */
	uint8_t binding[32];  /* from the TLS exporter: the same at both ends, and nowhere else */
	bool dialed;          /* we opened it */
	bool trusted;         /* set by the owner once the peer has proved to be a member; until then a frame that comes
	                               in has at most FRAME_MAX_BEFORE_HELLO bytes */
	char address[64];     /* the other end, for people: "10.0.0.2:1234", "[fe80::1%eth0]:1234" */
	uint32_t iface;       /* of this host, where the other end is on its link; 0: it is elsewhere, or not known */
	bool wireless;        /* it leaves this host through the air */
	size_t queued_control; /* bytes waiting */
	size_t queued_bulk;
	size_t bulk_low;                  /* by link_room(); LINK_BULK_LOW at first */
	uint64_t bytes_in, bytes_out;     /* on the wire, frames with their headers (before TLS) */
	struct meter meter_in, meter_out; /* of these */
	int64_t last_in_ms;               /* loop time when something last arrived */
	int64_t last_out_ms;              /* when some of what was queued last went out, or began to wait */
	struct rate *rate_out, *rate_in;  /* the owner's, set before link_listen(); NULL: no limit */
};

/* From now on events go here (frames that came earlier are delivered in the next turn). */
void link_listen(struct link *l, const struct link_events *events, void *arg);
/* Queues a frame: head (copied), then body (taken over: the link frees it with free(), whatever is returned; may be
 * NULL). Returns 0, or -1 in two cases: the control queue would exceed LINK_CONTROL_MAX (the other side does not
 * read), which the caller answers by closing; or the payload is longer than its type may be. Frames of one lane
 * arrive in order. Payloads of other types than BLOCK travel compressed where that saves something, which neither
 * side sees. Frames queued in one turn are written together in the next. */
int link_send(struct link *l, enum link_lane lane, uint8_t type, const void *head, size_t head_n, uint8_t *body,
              size_t body_n);
/* Bulk that the owner queues at a time: `drained` says when less is left. The less it is, the later it is decided what
 * goes out, and the more often. */
void link_room(struct link *l, size_t bytes);
/* Inside a `frame` event: gives the payload's allocation to the caller, who frees it with free(), so that large
 * payloads need not be copied. NULL if it holds more than the payload, or the payload is small: copy it then. */
void *link_take(struct link *l);
/* Sends as much of the queue as the socket takes at once, closes, frees. Safe inside events. */
void link_close(struct link *l);

#endif
