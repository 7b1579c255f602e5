/* What two members that meet for the first time both have: compared by digests of ranges, and told without paths and
 * contents. A part of peers_internal.h, which includes it. The loop's thread.
 *
 *   ranges_state.c    whether they compare at all
 *   ranges.c          from the first message to the set of our rows
 *   ranges_compare.c  which of them the peer has too
 *   ranges_rows.c     what both have, told and taken
 *   ranges_end.c      how it ends */
#ifndef LANYARD_SYNC_PEER_RANGES_INTERNAL_H
#define LANYARD_SYNC_PEER_RANGES_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sync/plan/range.h"
#include "sync/wire/msg.h"

struct peer_group;
struct talk;

enum {
	RANGES_MIN = 2000,         /* rows at each side below which records are told one by one */
	RANGES_WALK = 256,         /* rows read at a time */
	RANGES_ROWS = 400,         /* records of one SAME ... */
	RANGES_AT_ONCE = 8,        /* ... of which this many are sent in a turn */
	RANGES_ENTRIES = 16384,    /* entries of versions in it, about */
	RANGES_NODES = 4096,       /* nodes of one RANGES */
	RANGES_HASHING_MS = 60000, /* how long one waits for the other's first scan */
	RANGES_STEP_MS = 30000,    /* and for its next message otherwise */
	RANGES_CREDITS = 4,        /* comparisons of a group at once ... */
	RANGES_CREDIT_MS = 60000,  /* ... and one more per minute */
};

/* How many comparisons a group may begin. */
struct ranges_budget {
	int64_t used_ms; /* up to when it has used up what it may; 0: it has begun none */
};

/* For a talk: what our hello said, and then the numbers of our rows that the peer was told of by SAME. */
struct ranges_told {
	bool asked;
	uint64_t have_epoch, have_seq;
	uint64_t *seqs; /* owned; ascending */
	size_t n, at;
	uint64_t upto; /* all rows with numbers up to this are among them; stays when these have gone */
};

enum range_state {
	RANGE_HASHING,   /* our first scan is not through */
	RANGE_WALKING,   /* our rows are being read */
	RANGE_BEGUN,     /* the peer is not that far */
	RANGE_SORTING,   /* a worker has the set */
	RANGE_COMPARING, /* digests of nodes go both ways */
	RANGE_ITEMS,     /* digests of rows */
	RANGE_TELLING,   /* the rows that both have */
};

struct ranges {
	struct talk *talk;
	enum range_state state;
	int64_t since_ms;         /* when something happened */
	struct loop_timer *timer; /* goes on in the next turn */
	struct index_cursor *cursor;
	struct range_set *set; /* owned; NULL while a worker has it */
	uint64_t rows_gone;    /* index_rows_gone() when the walk began, */
	uint64_t upto;         /* our last number then, */
	bool whole;            /* and whether the set has all that had a number then */
	bool begin_in;         /* the peer's first scan is through ... */
	uint32_t their_rows;   /* ... and this is what it has */
	bool root_in;          /* its first digest came while ours is made */
	uint8_t root[RANGE_DIGEST];
	/* The nodes that are compared now, in order; what goes on below those that differ. */
	uint32_t *open, *next; /* owned */
	size_t nopen, nnext, out, in;
	unsigned depth; /* of the open ones */
	/* Rows that both have: the next one to tell, and the one that the peer tells next. */
	uint32_t row_out, row_in, place_in;
	bool all_out, all_in, done_out, done_in;
	uint32_t again[MSG_MAX_AGAIN]; /* places among them that the peer has to tell again */
	size_t nagain;
	bool again_all;
};

/* ranges_state.c */
/* Fills in what our hello says of it. */
void ranges_hello(struct talk *t, struct msg_index_hello *m);
/* Whether both hellos want it, and neither side knows a row of the other. Both come to the same answer, since each
 * knows both hellos. */
bool ranges_are_due(const struct talk *t, const struct msg_index_hello *theirs);
void ranges_send(struct talk *t, struct msg_ranges *m);
/* How many rows to read or tell at a time, usually as many as given. */
int ranges_rows(const struct talk *t, int usually);
/* Goes on in the next turn. */
void ranges_go_on(struct ranges *r);
/* The connection has room again. */
void ranges_room(struct talk *t);
void ranges_free(struct talk *t);
/* Forgets also what SAME has told. */
void ranges_stop(struct talk *t);
/* Whether SAME has told this number; numbers ascend, except that a new pass begins again. */
bool ranges_was_told(struct ranges_told *told, uint64_t seq);

/* ranges_end.c */
/* News begin. */
void ranges_none(struct talk *t);
/* So they do, and the peer hears that we do not compare (any more). */
void ranges_give_up(struct talk *t);
/* The same, since the peer said what does not fit. */
void ranges_misfit(struct talk *t, const char *what);
/* Both have all: news begin, without what both have. */
void ranges_over(struct talk *t);

/* ranges_compare.c. Each may end r. */
void ranges_compare_begin(struct ranges *r);
void ranges_compare_out(struct ranges *r);
void ranges_compare_in(struct ranges *r, const struct msg_ranges *m);

/* ranges_rows.c. Each may end r. */
void ranges_rows_begin(struct ranges *r);
void ranges_rows_out(struct ranges *r);
void ranges_same_in(struct talk *t, const struct msg_same *m);
void ranges_rows_done(struct ranges *r, const struct msg_ranges *m);

/* ranges.c */
/* It is due. */
void ranges_begin(struct talk *t);
void ranges_in(struct talk *t, const struct msg_ranges *m);
/* Ends what takes too long. */
void ranges_tick(struct peer_group *g);

#endif
