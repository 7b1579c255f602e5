/* The order in which contents are got: what its user asked for first, then small files before big ones, as many at a
 * time as their size allows. Those that failed before come behind those that did not, and of about one size the first
 * comes first. Pure. */
#ifndef LANYARD_SYNC_GET_QUEUE_H
#define LANYARD_SYNC_GET_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum queue_lane { QUEUE_SMALL, QUEUE_MIDDLE, QUEUE_BIG, QUEUE_HUGE, QUEUE_LANES };

enum {
	QUEUE_SMALL_MAX = 64 << 10, /* bytes of a small file */
	QUEUE_MIDDLE_MAX = 1 << 20,
	QUEUE_SMALL_AT_ONCE = 256, /* under way at a time */
	QUEUE_MIDDLE_AT_ONCE = 16,
	QUEUE_BIG_AT_ONCE = 4,
	QUEUE_HUGE_AT_ONCE = 1,
	/* Lists are kept in memory, so a content with a long list counts as larger, whatever its size is said to be. */
	QUEUE_MIDDLE_BLOCKS = 4096,
	QUEUE_BIG_BLOCKS = 45000, /* 45 GB and more, as files are cut; 2 MB of memory */
};

/* Embedded in what is queued; belongs to the queue while it is in it. */
struct queue_entry {
	enum queue_lane lane;
	bool first; /* its user waits for it: before all others, and one more than a full lane allows */
	unsigned tries;
	unsigned size_log2; /* of the content; 0: empty */
	uint64_t arrival;
	size_t at; /* place in the heap, counted from 1; 0: not in it */
};

struct queue {
	struct queue_entry **heap[QUEUE_LANES]; /* owned */
	size_t n[QUEUE_LANES], cap[QUEUE_LANES];
	size_t active[QUEUE_LANES];
	uint64_t arrivals;
};

/* Zeroed memory is an empty queue. */
void queue_clear(struct queue *q);
void queue_add(struct queue *q, struct queue_entry *e, int64_t size, uint32_t nblocks, unsigned tries, bool first);
/* Takes an entry out, if it is in the queue. */
void queue_remove(struct queue *q, struct queue_entry *e);
/* The next that may begin; it counts as under way from now on. NULL: the queue is empty, or enough is under way. */
struct queue_entry *queue_take(struct queue *q);
/* An entry that was taken is not under way any more. */
void queue_done(struct queue *q, const struct queue_entry *e);
size_t queue_length(const struct queue *q);

#endif
