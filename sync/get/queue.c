/* A heap per lane: see queue.h. */
#include "sync/get/queue.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"

static const size_t at_once[QUEUE_LANES] = {
	[QUEUE_SMALL] = QUEUE_SMALL_AT_ONCE,
	[QUEUE_MIDDLE] = QUEUE_MIDDLE_AT_ONCE,
	[QUEUE_BIG] = QUEUE_BIG_AT_ONCE,
	[QUEUE_HUGE] = QUEUE_HUGE_AT_ONCE,
};

static bool before(const struct queue_entry *a, const struct queue_entry *b)
{
	if (a->first != b->first)
		return a->first;
	if (a->tries != b->tries)
		return a->tries < b->tries;
	if (a->size_log2 != b->size_log2)
		return a->size_log2 < b->size_log2;
	return a->arrival < b->arrival;
}

/* Places are counted from 1: the parent of i is i / 2. */
static struct queue_entry **slot(struct queue *q, enum queue_lane lane, size_t at)
{
	return &q->heap[lane][at - 1];
}

static void put_at(struct queue *q, struct queue_entry *e, size_t at)
{
	*slot(q, e->lane, at) = e;
	e->at = at;
}

static void sift_up(struct queue *q, struct queue_entry *e, size_t at)
{
	while (at > 1 && before(e, *slot(q, e->lane, at / 2))) {
		put_at(q, *slot(q, e->lane, at / 2), at);
		at /= 2;
	}
	put_at(q, e, at);
}

static void sift_down(struct queue *q, struct queue_entry *e, size_t at)
{
	size_t n = q->n[e->lane];

	for (;;) {
		size_t child = at * 2;

		if (child > n)
			break;
		if (child < n && before(*slot(q, e->lane, child + 1), *slot(q, e->lane, child)))
			child++;
		if (!before(*slot(q, e->lane, child), e))
			break;
		put_at(q, *slot(q, e->lane, child), at);
		at = child;
	}
	put_at(q, e, at);
}

void queue_clear(struct queue *q)
{
	for (int i = 0; i < QUEUE_LANES; i++)
		free(q->heap[i]);
	*q = (struct queue){ 0 };
}

/* A content that needs a part is never as cheap as a small file. */
static enum queue_lane lane_of(int64_t size, uint32_t nblocks)
{
	if (nblocks > QUEUE_BIG_BLOCKS)
		return QUEUE_HUGE;
	if (size > QUEUE_MIDDLE_MAX || nblocks > QUEUE_MIDDLE_BLOCKS)
		return QUEUE_BIG;
	return size <= QUEUE_SMALL_MAX && nblocks <= 1 ? QUEUE_SMALL : QUEUE_MIDDLE;
}

static unsigned log2_of(int64_t size)
{
	unsigned n = 0;

	for (; size > 0; size >>= 1)
		n++;
	return n;
}

void queue_add(struct queue *q, struct queue_entry *e, int64_t size, uint32_t nblocks, unsigned tries, bool first)
{
	enum queue_lane lane = lane_of(size, nblocks);

	*e = (struct queue_entry){ .lane = lane,
		                   .first = first,
		                   .tries = tries,
		                   .size_log2 = log2_of(size),
		                   .arrival = ++q->arrivals };
	if (q->n[lane] == q->cap[lane]) {
		q->cap[lane] = q->cap[lane] * 2 + 16;
		q->heap[lane] = mem_realloc(q->heap[lane], q->cap[lane], sizeof(q->heap[lane][0]));
	}
	sift_up(q, e, ++q->n[lane]);
}

void queue_remove(struct queue *q, struct queue_entry *e)
{
	struct queue_entry *last;
	size_t at = e->at;

	if (at == 0)
		return;
	last = *slot(q, e->lane, q->n[e->lane]);
	q->n[e->lane]--;
	e->at = 0;
	if (last == e)
		return;
	if (at > 1 && before(last, *slot(q, e->lane, at / 2)))
		sift_up(q, last, at);
	else
		sift_down(q, last, at);
}

/* The next of a lane; NULL: it is empty, or enough of it is under way. Of what comes first in a lane one more may
 * be. */
static struct queue_entry *next_of(const struct queue *q, int lane)
{
	struct queue_entry *e = q->n[lane] > 0 ? q->heap[lane][0] : NULL;

	return e != NULL && q->active[lane] < at_once[lane] + e->first ? e : NULL;
}

struct queue_entry *queue_take(struct queue *q)
{
	struct queue_entry *best = NULL;

	for (int lane = 0; lane < QUEUE_LANES; lane++) {
		struct queue_entry *e = next_of(q, lane);

		if (e != NULL && (best == NULL || (e->first && !best->first)))
			best = e;
	}
	if (best != NULL) {
		queue_remove(q, best);
		q->active[best->lane]++;
	}
	return best;
}

void queue_done(struct queue *q, const struct queue_entry *e)
{
	q->active[e->lane]--;
}

size_t queue_length(const struct queue *q)
{
	size_t n = 0;

	for (int lane = 0; lane < QUEUE_LANES; lane++)
		n += q->n[lane];
	return n;
}
