/* Drops that are under way; see drop.c. Only sync/fetch includes this. From the lowest to the highest: drop_state.c,
 * drop.c, drop_job.c, drop_turn.c. */
#ifndef LANYARD_SYNC_FETCH_DROP_H
#define LANYARD_SYNC_FETCH_DROP_H

#include "sync/fetch/fetch_internal.h"

enum drop_state {
	DROP_ASKING,   /* members are asked whether they hold it */
	DROP_AGAIN,    /* its file was not what its row says, which the scan checks */
	DROP_CHOOSING, /* the choices are being written */
	DROP_MARKED,   /* decided in this turn */
	DROP_READY,    /* for a worker */
	DROP_OUT,      /* a worker has it */
};

/* In fetch.drops by its path, from the question to the end. */
struct drop {
	struct fetch *f;
	char *path;        /* owned */
	struct record row; /* ours when it was last looked at; path NULL: none */
	enum drop_state state;
	bool even_if_last;
	unsigned tries;   /* how often its file was not what its row says */
	bool behind;      /* the group has something newer: what is here becomes a version */
	uint32_t request; /* the number of the question */
	size_t asked;     /* members that have not answered yet */
	int64_t asked_ms;
	fetch_drop_done *done; /* NULL: it was begun in an earlier run */
	void *arg;
	UT_hash_handle hh;
};

#define DROP_NOT_CURRENT "it is being changed just now: try again"
#define DROP_NOBODY      "no member that is connected now is known to have it: it may be the last copy"

/* --- drop_state.c --- */
struct drop *drop_new(struct fetch *f, const char *path);
void drop_free(struct drop *d);
/* Tells whoever waits for it, and frees it. */
void drop_end(struct fetch *f, struct drop *d, enum fetch_drop_end end, const char *why);
/* The mark goes, and what was left because of it is wanted again. */
void drop_unmark(struct fetch *f, struct drop *d);
/* The path stays. */
void drop_undo(struct fetch *f, struct drop *d, const char *why);
/* Reads the row that is to go, and what is offered beside it. NULL, or why it cannot go. */
const char *drop_look(struct fetch *f, struct drop *d);

/* --- drop.c --- */
/* Steps 1 to 3, from the first. */
void drop_begin(struct fetch *f, struct drop *d);

/* --- drop_job.c --- */
/* Hands those that are ready to a worker, unless one has some. The marks of an earlier turn are committed by now. */
void drop_begin_job(struct fetch *f);

#endif
