/* A limit in bytes a second, shared by all links of one direction: a token bucket. Links ask it before they write or read, say what
 * they used, and wait in a row when it is empty, so that each gets its turn. What is taken may pass what was left by one
 * piece: the debt is paid by waiting. Without a limit a question costs one comparison. The loop's thread. */
#ifndef LANYARD_SYNC_PEER_RATE_H
#define LANYARD_SYNC_PEER_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"

struct rate;

/* One that waits; zeroed but for go and arg. */
struct rate_wait {
	loop_fn *go; /* some may be taken now; may take, and free what it is in */
	void *arg;
	struct rate_wait *prev, *next;
	bool waiting;
};

enum {
	RATE_PIECE = 16 << 10,     /* bytes to be taken at a time */
	RATE_PIECE_SLOW = 4 << 10, /* below RATE_SLOW, so that many links can take turns within seconds */
	RATE_SLOW = 1 << 20,       /* bytes a second */
};

struct rate *rate_new(struct loop *loop);
/* Nobody may wait any more. */
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
/* w waits no longer. */
void rate_leave(struct rate *r, struct rate_wait *w);

#endif
