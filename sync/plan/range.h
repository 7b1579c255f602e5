/* Which records two members both have, without telling each other all of them: each makes a set of digests, one for
 * each record, and digests of ranges of these are compared until the ones that differ are found. Pure; bounded by
 * RANGE_ROWS_MAX.
 *
 * A digest covers what is at a path (kind, mode, mtime, content or target) and the path, and no version. It is the
 * first 16 bytes of a SHA-256, so nobody who makes files makes two that pass for one. The sets are ordered by digest.
 * A node is the range of all digests that begin with the same `depth` bits. Its own is made from those of all leaves
 * in it, which are the nodes at the greatest depth and hold about RANGE_LEAF records each. */
#ifndef LANYARD_SYNC_PLAN_RANGE_H
#define LANYARD_SYNC_PLAN_RANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "sync/plan/record.h"

enum {
	RANGE_DIGEST = 16,
	RANGE_LEAF = 16,
	RANGE_STEP = 4, /* bits by which one comparison goes deeper */
	RANGE_ROWS_MAX = 1 << 20,
	RANGE_DEPTH_MAX = 16,
};

enum range_mark {
	RANGE_PLAIN = 1,  /* made by this agent in this epoch, and as it made it: record_is_as_made() */
	RANGE_EQUAL = 2,  /* the other side has it too */
	RANGE_UNTOLD = 4, /* ... and has to be told of it nevertheless */
};

struct range_item {
	uint8_t digest[RANGE_DIGEST];
	uint32_t row;
};

/* A row in the order in which it was added. */
struct range_row {
	uint64_t seq;
	uint64_t now;  /* its number since it became what both come to; 0: it did not */
	uint8_t marks; /* enum range_mark */
	uint8_t chunk_log2;
};

/* Zeroed: empty. */
struct range_set {
	struct range_item *items; /* owned; by digest once it is sorted */
	struct range_row *rows;   /* owned */
	uint32_t *by_seq;         /* owned; rows in the order of their numbers, once it is sorted */
	uint32_t n, max;
	unsigned depth;                  /* of the leaves */
	uint32_t *first;                 /* owned; where each leaf begins, and one more */
	uint8_t (*leaves)[RANGE_DIGEST]; /* owned; the digest of each */
};

/* The depth of the leaves where the larger of two sets has this many records. */
unsigned range_depth(uint32_t rows);
/* Adds a live record. False: there are too many. */
bool range_add(struct range_set *s, const struct record *r, bool plain);
/* Puts items and rows in order and makes the leaves. Slow with many: for a worker. */
void range_sort(struct range_set *s, unsigned depth);
/* The digest of a node of a sorted set. depth: at most that of the leaves. */
void range_node(const struct range_set *s, uint32_t node, unsigned depth, uint8_t out[RANGE_DIGEST]);
/* The items of a leaf. */
const struct range_item *range_leaf(const struct range_set *s, uint32_t leaf, uint32_t *n);
/* Marks the rows of a node as equal. */
void range_equal_node(struct range_set *s, uint32_t node, unsigned depth);
/* Marks the row with this digest, if the leaf has one, as equal. */
void range_equal_item(struct range_set *s, uint32_t leaf, const uint8_t digest[RANGE_DIGEST]);
/* The first row at or behind `from` that is marked as equal; s->n: there is none. */
uint32_t range_next_equal(const struct range_set *s, uint32_t from);
void range_clear(struct range_set *s);

#endif
