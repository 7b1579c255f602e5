/* What the files of the guard share; nobody else includes it. guard_author.c knows whose losses count, guard_hold.c above it
 * holds and releases, guard.c above both weighs and sends on. */
#ifndef LANYARD_SYNC_FETCH_GUARD_INTERNAL_H
#define LANYARD_SYNC_FETCH_GUARD_INTERNAL_H

#include "sync/fetch/fetch_internal.h"
#include "sync/plan/burst.h"
#include "sync/plan/losses.h"

enum { HOLDS_MAX = 8 }; /* members held at a time; the last place is for all others */

/* Whose losses: a member's as the author, or those of others that it brings. */
struct who {
	uint64_t id;
	uint64_t brings; /* 1 or 0; so wide that the key has no holes */
};

struct author {
	struct who who;
	struct losses *losses; /* owned */
	int64_t used_ms;
	UT_hash_handle hh;
};

struct held_path {
	uint64_t path; /* hash */
	UT_hash_handle hh;
};

/* Somebody whose losses are held, or were released. id 0: everybody who has no place of his own. */
struct hold {
	struct who who;
	int64_t since_s; /* wall clock; 0: a free place */
	int64_t until_s; /* wall clock: released, they go through until then; 0: held */
	struct held_path *paths;
	int64_t more;  /* that found no room among paths */
	bool reported; /* config.burst was called */
};

struct guard {
	uint64_t key; /* so that nobody foresees the hash of a path */
	struct author *authors;
	struct burst most; /* files that were here */
	struct hold holds[HOLDS_MAX];
	int64_t versions_budget; /* bytes of versions that may still come and be spared */
	int64_t pass_until_s;    /* wall clock: what waits for room goes through until then, unspared */
	bool begins;             /* a hold is new */
};

uint64_t guard_hash(const struct guard *g, const char *path);
struct author *guard_author(struct guard *g, struct who who); /* NULL: none of late */
void guard_author_free(struct guard *g, struct author *a);
struct who guard_author_of(const struct ticket *t);
struct who guard_bringer_of(const struct ticket *t);
bool guard_same(struct who a, struct who b);
/* What t takes away here has content. */
bool guard_takes_away(const struct ticket *t);

/* The place that t falls under; NULL: none. */
struct hold *guard_hold_over(struct guard *g, const struct ticket *t);
/* Holds who from now on; the others are told by guard_begin_holds(). */
void guard_hold_new(struct fetch *f, struct who who);
/* Those that are new take in what was weighed before it was known to be one of many. */
void guard_begin_holds(struct fetch *f);
/* Those of which nothing is left are over. */
void guard_end_holds(struct fetch *f);
/* Remembers t's path, and lets it wait. t may be gone afterwards. */
void guard_hold_ticket(struct fetch *f, struct hold *h, struct ticket *t);
void guard_load_holds(struct fetch *f, struct guard *g);
void guard_forget_paths(struct hold *h);

#endif
