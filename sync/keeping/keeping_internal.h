/* Shared by the files of this folder; no other includes it. Each file calls only files above it in this list:
 *
 * keeping_job.c: workers, and the keys that they use; keeping_take.c: a vault's rows; keeping_tell.c: ours;
 * keeping_names.c: what the objects of a row are called, and what they are made of; keeping_leaves.c: what patches are
 * made of; keeping_give.c: objects that a vault wants; keeping_ask.c: single objects that a vault was asked for;
 * keeping_patch.c: blocks that it has as patches; keeping_list.c: block lists, of which it has the pages;
 * keeping_get.c: what this member wants of it; keeping.c: all of it together. What those seven share is in
 * keeping_objects_internal.h. */
#ifndef LANYARD_SYNC_KEEPING_KEEPING_INTERNAL_H
#define LANYARD_SYNC_KEEPING_KEEPING_INTERNAL_H

#include "sync/index/index_bases.h"
#include "sync/keeping/keeping.h"
#include "sync/seal/endorse.h"
#include "sync/seal/row.h"

enum {
	KEEPING_TOLD_ROWS = 4096,      /* told to one vault, and not settled there: as many as it takes */
	KEEPING_TOLD_BYTES = 16 << 20, /* the same, with the message that goes over it */
	KEEPING_NOTED = 8,             /* vaults for which blocks of other members are noted */
};

struct keeping_vault;
struct keeping_tell_job; /* keeping_tell.c */
struct keeping_take_job; /* keeping_take.c */
struct keeping_give;     /* keeping_give.c */
struct keeping_wanted;   /* keeping_get.c */

/* --- keeping_job.c --- */
/* Keys, each counted, for a worker to use while the ring goes on. */
struct keeping_keys {
	struct keys **all; /* owned; the latest first */
	size_t n;
	struct keys *now; /* the current generation's, one of `all`; NULL: nothing may be sealed now */
};
struct keeping_keys *keeping_keys_new(const struct keeping *k);
void keeping_keys_free(struct keeping_keys *keys); /* NULL is allowed */
struct keys *keeping_keys_find(const struct keeping_keys *keys, uint64_t generation);
/* For row_seal() and row_open(); valid as long as the keys. */
struct row_keys keeping_keys_row(const struct keeping_keys *keys);
struct keeping_vault *keeping_find(const struct keeping *k, uint64_t peer);
/* Hands a job to a worker, and counts it: its `done` takes one off k->jobs, first of all. */
void keeping_job_submit(struct keeping *k, enum workers_lane lane, workers_fn *work, workers_done_fn *done, void *job);

/* --- a vault that is connected --- */

/* One of our rows that was told to it and is not settled there. */
struct keeping_unsettled {
	uint64_t seq;
	uint64_t generation; /* that its core says its content is sealed with; 0: it has none */
	size_t bytes;
};

struct keeping_vault {
	uint64_t peer; /* its short ID */
	struct agent_id agent;
	uint64_t epoch; /* of its numbers */
	uint64_t used, quota;
	bool full;
	uint64_t bad; /* objects and rows that are not what an honest vault gives */

	/* Our rows, keeping_tell.c: */
	struct {
		uint64_t cursor;                  /* told up to this */
		uint64_t had;                     /* our last number when its hello came */
		struct keeping_unsettled *told;   /* owned; ascending */
		size_t ntold, max_told, bytes;    /* bytes: of these */
		struct keeping_unsettled *before; /* the same as of its last hello; owned */
		size_t nbefore;
		uint64_t retell;              /* we tell all up to this again; 0: nothing */
		struct keeping_tell_job *job; /* NULL: none is under way */
	} tell;

	/* Its rows, keeping_take.c: */
	struct {
		uint64_t cursor;               /* handed on, up to this */
		uint64_t hello_seq;            /* what it had at its hello */
		int64_t last_ms;               /* when it said hello, or the last of them was handed on */
		struct keeping_take_job *jobs; /* messages, in order; a worker has the first; owned */
		size_t bytes;                  /* of these */
		bool working;
		struct keeping_take_job *lent; /* what the owner reads just now, of these; NULL: nothing */
		bool overflowed;               /* it gave more than may wait: nothing more is taken */
		bool heard;                    /* keeping_take_heard() */
		const char *stopped;           /* what the first waits for; NULL: nothing */
		int64_t equal_ms;              /* since when its roster is ours; 0: it is not */
		struct endorse_root known;
	} take;

	struct keeping_give *give;  /* owned */
	struct keeping_wanted *get; /* owned */
	struct keeping_vault *prev, *next;
};

struct keeping {
	struct keeping_config config;
	struct keeping_vault *vaults;
	bool stopping;
	int jobs;           /* that workers have */
	uint64_t committed; /* our number up to which rows are committed */
	uint64_t endorsed;  /* our greatest number that a vault was told in this run, or may have been told before */
	bool told;          /* keeping_told() was called */
	struct loop_timer *soon;           /* in the next turn: tells what waited */
	struct loop_timer *tick;           /* runs while a vault is connected, and until all is swept after that */
	uint8_t swept[32];                 /* how far contents that nothing has any more were looked for, */
	struct index_bases_at bases_swept; /* and what vaults were given of files that are gone */
	bool has_leaf_key;
	uint8_t leaf_key[16];
	/* What blocks of other members are noted for (keeping_leaves.c): the vaults of the roster, unless this member
	 * may not write; and the last content of which it was known how vaults have it, with what (0: none yet). */
	struct {
		bool known; /* false: the roster is to be asked */
		uint64_t vaults[KEEPING_NOTED];
		size_t n;
		uint8_t root[32];
		uint64_t generation;
	} noted;
};

/* --- keeping_take.c --- */
void keeping_take_up(struct keeping *k, struct keeping_vault *v, const struct msg_vault *hello);
void keeping_take_down(struct keeping *k, struct keeping_vault *v);
void keeping_take_cores(struct keeping *k, struct keeping_vault *v, const struct msg_cores *m);
/* Tries again what could not be handed on. May end v. */
void keeping_take_again(struct keeping *k, struct keeping_vault *v);
void keeping_take_tick(struct keeping *k, struct keeping_vault *v);
/* Whether what it had at its hello is taken, or it is long about it: then we tell. */
bool keeping_take_heard(const struct keeping *k, struct keeping_vault *v);

/* --- keeping_tell.c --- */
/* Its hello, also a repeated one. */
void keeping_tell_up(struct keeping *k, struct keeping_vault *v, const struct msg_vault *hello);
void keeping_tell_down(struct keeping *k, struct keeping_vault *v);
/* Tells what may be told now. */
void keeping_tell_go_on(struct keeping *k, struct keeping_vault *v);
void keeping_tell_settled(struct keeping *k, struct keeping_vault *v);
/* The row of this number, if it was told to this vault and is not settled there; NULL: it was not. */
const struct keeping_unsettled *keeping_tell_find(const struct keeping_vault *v, uint64_t seq);

/* --- keeping_leaves.c: a block that another member has sent --- */
void keeping_leaves_came(struct keeping *k, const struct leaf_digested *d);

/* --- keeping_give.c: what the vault wants. It may ask for what was told to it and is not settled, in the generation
 * that was told. --- */
/* The vault is here / is gone: jobs that workers have must outlive v. */
void keeping_give_up(struct keeping *k, struct keeping_vault *v);
void keeping_give_down(struct keeping *k, struct keeping_vault *v);
/* A vault that says hello again still waits for what it wanted before. */
void keeping_give_want(struct keeping *k, struct keeping_vault *v, const struct msg_vault *m);
void keeping_give_cancel(struct keeping *k, struct keeping_vault *v, const struct msg_vault *m);
void keeping_give_room(struct keeping *k, struct keeping_vault *v);

/* --- keeping_get.c: what we want, and the functions keeping_get*() and keeping_cancel() of keeping.h --- */
void keeping_get_up(struct keeping *k, struct keeping_vault *v);
void keeping_get_down(struct keeping *k, struct keeping_vault *v);
void keeping_get_object(struct keeping *k, struct keeping_vault *v, const struct msg_object *m);
/* Keys have come. */
void keeping_get_told(struct keeping *k, struct keeping_vault *v);

#endif
