/* The token bucket: see rate.h. */
#include "sync/peer/rate.h"

#include <stdlib.h>
#include <utlist.h>

#include "base/mem.h"

enum {
	BURST_MIN = 2 * RATE_PIECE, /* bytes that may be saved up */
	BURST_PART = 16,            /* or what comes in a sixteenth of a second */
	TICK_MS = 5,                /* no waiting link is called more often */
	TICK_MAX_MS = 1000,
};

struct rate {
	struct loop *loop;
	struct loop_timer *timer; /* runs while a link waits */
	int64_t per_s;            /* 0: no limit */
	int64_t tokens;           /* bytes; below 0: a debt */
	int64_t since_ms;         /* when tokens was true */
	struct rate_wait *row;    /* the first is served next */
	struct rate_wait *serving;
};

static int64_t burst(const struct rate *r)
{
	return r->per_s / BURST_PART > BURST_MIN ? r->per_s / BURST_PART : BURST_MIN;
}

static void refill(struct rate *r)
{
	int64_t now = loop_now_ms(r->loop);
	int64_t ms = now - r->since_ms;

	/* More than this fills any bucket and pays any debt that a piece can leave. */
	if (ms > 3600 * 1000)
		ms = 3600 * 1000;
	/* The amount for one millisecond may be a fraction of a byte: it is left for later, not lost. */
	if (ms <= 0 || ms * r->per_s < 1000)
		return;
	r->tokens += ms * r->per_s / 1000;
	r->since_ms = now;
	if (r->tokens > burst(r))
		r->tokens = burst(r);
}

static void arm(struct rate *r)
{
	int64_t ms = r->tokens > 0 ? 0 : (-r->tokens * 1000) / r->per_s + 1;

	ms = ms < TICK_MS ? TICK_MS : ms > TICK_MAX_MS ? TICK_MAX_MS : ms;
	loop_timer_start(r->timer, ms, 0);
}

/* Each link that was waiting when this began gets one turn, as long as tokens are left. */
static void rate_tick(void *arg)
{
	struct rate *r = arg;
	const struct rate_wait *each;
	size_t n;

	if (r->per_s > 0)
		refill(r);
	DL_COUNT(r->row, each, n);
	for (; n > 0 && r->row != NULL && !(r->per_s > 0 && r->tokens <= 0); n--) {
		struct rate_wait *w = r->row;

		rate_leave(r, w);
		r->serving = w;
		w->go(w->arg);
		r->serving = NULL;
	}
	if (r->row != NULL && !loop_timer_running(r->timer))
		arm(r);
}

struct rate *rate_new(struct loop *loop)
{
	struct rate *r = MEM_NEW(struct rate);

	r->loop = loop;
	r->timer = loop_timer_new(loop, rate_tick, r);
	return r;
}

void rate_free(struct rate *r)
{
	if (r == NULL)
		return;
	loop_timer_free(r->timer);
	free(r);
}

void rate_set(struct rate *r, int64_t bytes_per_s)
{
	if (bytes_per_s == r->per_s)
		return;
	r->per_s = bytes_per_s;
	r->tokens = bytes_per_s > 0 ? burst(r) : 0;
	r->since_ms = loop_now_ms(r->loop);
	if (r->row != NULL)
		loop_timer_start(r->timer, 0, 0);
}

bool rate_limits(const struct rate *r)
{
	return r != NULL && r->per_s > 0;
}

size_t rate_piece(const struct rate *r)
{
	return r->per_s < RATE_SLOW ? RATE_PIECE_SLOW : RATE_PIECE;
}

/* A link may take some only when no other waits, or when the timer has just called it as the first in the queue.
 * Its share is what each waiting link would get, but at least one piece. */
size_t rate_room(struct rate *r, struct rate_wait *w)
{
	const struct rate_wait *each;
	bool first = false;
	size_t n, share;

	if (!rate_limits(r))
		return SIZE_MAX;
	if (r->serving == w) {
		r->serving = NULL;
		first = true;
	}
	refill(r);
	if (r->tokens > 0 && (first || r->row == NULL)) {
		DL_COUNT(r->row, each, n);
		share = (size_t)r->tokens / (n + 1);
		return share > rate_piece(r) ? share : rate_piece(r);
	}
	if (!w->waiting) {
		w->waiting = true;
		DL_APPEND(r->row, w);
		if (!loop_timer_running(r->timer))
			arm(r);
	}
	return 0;
}

void rate_take(struct rate *r, size_t n)
{
	if (rate_limits(r))
		r->tokens -= (int64_t)n;
}

void rate_leave(struct rate *r, struct rate_wait *w)
{
	if (r == NULL || !w->waiting)
		return;
	w->waiting = false;
	DL_DELETE(r->row, w);
}
