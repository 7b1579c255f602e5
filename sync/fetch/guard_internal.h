/* Shared by the files of the guard; nobody else includes it. guard_author.c knows whose losses count, guard_hold.c
 * above it holds and releases, guard.c above both weighs and sends on. */
#ifndef LANYARD_SYNC_FETCH_GUARD_INTERNAL_H
#define LANYARD_SYNC_FETCH_GUARD_INTERNAL_H

#include "sync/fetch/fetch_internal.h"
#include "sync/plan/burst.h"
#include "sync/plan/losses.h"

enum { HOLDS_MAX = 8 }; /* members held at a time; the last place is for all others */

/* Whose losses: those that a member made as the author, or those of other authors that it brings. */
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

/* A member whose losses are held, or were released. id 0: all members without a hold of their own. */
struct hold {
	struct who who;
	int64_t since_s; /* wall clock; 0: free */
	int64_t until_s; /* wall clock: it was released, and changes go through until then; 0: held */
	struct held_path *paths;
	int64_t more;  /* paths that are only counted, since `paths` was full */
	bool reported; /* config.burst was called */
};

struct guard {
	uint64_t key; /* so that nobody can foresee the hash of a path */
	struct author *authors;
	struct burst most; /* files that were here */
	int64_t going;     /* tickets whose loss will make them one less */
	struct hold holds[HOLDS_MAX];
	int64_t versions_budget; /* bytes of versions that may still be added and spared */
	int64_t pass_until_s;    /* wall clock: changes that wait for that budget go through until then */
	bool begins;             /* a hold is new */
};

uint64_t guard_hash(const struct guard *g, const char *path);
struct author *guard_author(struct guard *g, struct who who); /* NULL: it made no losses lately */
void guard_author_free(struct guard *g, struct author *a);
struct who guard_author_of(const struct ticket *t);
struct who guard_bringer_of(const struct ticket *t);
bool guard_same(struct who a, struct who b);
/* Whether t takes away something here that has content. */
bool guard_takes_away(const struct ticket *t);

/* t's loss has happened, or will not happen as it was weighed. */
void guard_end_loss(struct guard *g, struct ticket *t);

/* The hold that t falls under; NULL: none. */
struct hold *guard_hold_over(struct guard *g, const struct ticket *t);
/* Holds this member's changes from now on; guard_begin_holds() reports it. */
void guard_hold_new(struct fetch *f, struct who who);
/* New holds take in the tickets that were weighed before the burst was recognized, and are reported. */
void guard_begin_holds(struct fetch *f);
/* Ends holds that have no paths left, or whose release has run out. */
void guard_end_holds(struct fetch *f);
/* Adds t's path to the hold, and lets t wait. t may be gone afterwards. */
void guard_hold_ticket(struct fetch *f, struct hold *h, struct ticket *t);
void guard_load_holds(struct fetch *f, struct guard *g);
void guard_forget_paths(struct hold *h);

#endif
