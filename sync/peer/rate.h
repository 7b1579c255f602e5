/* A limit in bytes per second, shared by all links of one direction: a token bucket. Links ask it before they write
 * or read, report how much they used, and queue when it is empty, so that each gets its turn. A link may use up to
 * one piece more than was left; waiting pays that debt. Without a limit a question costs one comparison. The loop's
 * thread. */
#ifndef LANYARD_SYNC_PEER_RATE_H
#define LANYARD_SYNC_PEER_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"

struct rate;

/* A waiting link; zeroed except for go and arg. */
struct rate_wait {
	loop_fn *go; /* some may be taken now; may take some, and may free its own structure */
	void *arg;
	struct rate_wait *prev, *next;
	bool waiting;
};

enum {
	RATE_PIECE = 16 << 10,     /* bytes to be taken at a time */
	RATE_PIECE_SLOW = 4 << 10, /* below RATE_SLOW, so that many links can take turns within seconds */
	RATE_SLOW = 1 << 20,       /* bytes per second */
};

struct rate *rate_new(struct loop *loop);
/* No link may be waiting. */
void rate_free(struct rate *r);
/* 0: no limit, as at the start. Counts at once. */
void rate_set(struct rate *r, int64_t bytes_per_s);
/* NULL has no limit. */
bool rate_limits(const struct rate *r);
/* How many bytes to take at a time. */
size_t rate_piece(const struct rate *r);
/* How much may be taken now; SIZE_MAX without a limit. 0: w waits, and go is called when it is its turn. */
size_t rate_room(struct rate *r, struct rate_wait *w);
void rate_take(struct rate *r, size_t n);
/* w leaves the queue. */
void rate_leave(struct rate *r, struct rate_wait *w);

#endif
