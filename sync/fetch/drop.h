/* Drops that are under way; see drop.c. Only sync/fetch includes this. */
#ifndef LANYARD_SYNC_FETCH_DROP_H
#define LANYARD_SYNC_FETCH_DROP_H

#include "sync/fetch/fetch_internal.h"
#include "sync/install/install_job.h"

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

#endif
