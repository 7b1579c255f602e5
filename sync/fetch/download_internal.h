/* Between download*.c, spare.c, source.c, request.c, list.c and blocks.c: one content on its way here. */
#ifndef LANYARD_SYNC_FETCH_DOWNLOAD_INTERNAL_H
#define LANYARD_SYNC_FETCH_DOWNLOAD_INTERNAL_H

#include "sync/fetch/fetch_internal.h"
#include "sync/fetch/part.h"

enum { RATE_SAMPLES = 5, NO_BLOCK = UINT32_MAX };

enum download_state {
	DOWNLOAD_OPENING, /* a worker opens the part, or finds that the list is missing */
	DOWNLOAD_LISTING, /* a peer is asked for the list */
	DOWNLOAD_GETTING,
	DOWNLOAD_FINISHING, /* all is here: a worker sets mode and mtime, and syncs */
	DOWNLOAD_READY,
	DOWNLOAD_DYING,
};

enum block_state {
	BLOCK_UNSEEN,  /* not looked for in local files yet */
	BLOCK_LOCAL,   /* a local file is said to have it */
	BLOCK_CLAIMED, /* the map says it is here: to be verified */
	BLOCK_NEEDED,  /* to be asked for */
	BLOCK_ASKED,
	BLOCK_BUSY, /* a worker verifies and writes it */
	BLOCK_HAVE,
};

struct source {
	uint64_t peer;
	bool bad;              /* sent wrong bytes, or has it no longer: not asked until it says something new */
	int64_t not_before_ms; /* too slow: others are asked until then */
	uint32_t cursor;       /* the block after the last it was asked for; NO_BLOCK: none yet */
};

/* Invariants: `have` blocks are HAVE, `needed` NEEDED, `asked` ASKED; hungry exactly when needed > 0 and neither
 * parked nor dying. */
struct download {
	struct fetch *f;
	struct ticket *t; /* NULL: dying */
	struct content c;
	enum download_state state;
	bool memory;  /* one small block: no part, the bytes go to the ticket */
	bool keep;    /* dying: the part stays */
	bool in_lane; /* counts in the queue as under way */
	bool hungry;
	bool parked; /* its ticket waits, or stands in the queue again: nothing is asked for or written */
	bool full;   /* the disk was, when it was parked */
	bool gone;   /* its part is a file of the share by now, or of no use */
	bool spare;  /* dying: the part stays for a while, for another path that wants its content */
	bool cloned; /* what is claimed comes from a local file */
	bool dirty;  /* the part was begun in an earlier life */
	struct queue_entry lane;
	struct source *sources; /* owned */
	size_t nsources;

	struct blocklist list; /* owned; while LISTING: what has come of it */
	uint8_t *state_of;     /* enum block_state of each block; owned */
	int64_t *offset_of;    /* of each block; owned */
	uint32_t have, needed, asked;
	uint32_t scan_at;            /* blocks before it were looked for in local files */
	uint32_t copy_at, verify_at; /* no LOCAL / CLAIMED block is before it */
	int64_t done;                /* bytes of blocks that are HAVE */
	int64_t zeros;               /* of those: bytes that nobody had to give */
	bool claimed;                /* the map said that others were here */
	uint64_t list_peer;          /* who is giving the list */
	uint32_t list_request;       /* 0: none is out */
	uint32_t list_cap;           /* while LISTING: blocks that `list` has room for */
	int64_t list_bytes;          /* while LISTING: what the blocks so far make */
	unsigned list_turns;         /* sources that were too slow with it */

	char *waiter; /* a path that wants the same content, and waits for this download; owned; NULL: none */
	UT_hash_handle hh_name;
	char name[PART_NAME + 1];      /* "": none yet, or in memory; else it is in fetch.parts by it */
	char part_file[PART_NAME + 8]; /* name + ".part" */
	int part, map;                 /* owned; -1: not open */
	uint64_t part_ino;             /* READY: of the part */
	int64_t have_at;               /* in the map */
	uint32_t mode;                 /* as finished */
	int64_t mtime_ns;
	int jobs, copy_jobs, verify_jobs; /* out */
	bool syncing;                     /* a SYNC job is out */
	int64_t synced_ms;                /* when the last one began, or the part was opened */
	int64_t synced_done;              /* `done` then */
	struct piece *arrived;            /* blocks for the next write jobs; owned */
	size_t narrived, arrived_cap;

	int64_t sample[RATE_SAMPLES]; /* `done` at the last ticks, as a ring */
	size_t samples;
	struct download *prev, *next;               /* in fetch.downloads or fetch.dying */
	struct download *hungry_prev, *hungry_next; /* in fetch.hungry or hungry_small */
};

struct request {
	uint32_t number;
	uint32_t block; /* NO_BLOCK: the list */
	uint32_t len;
	int64_t asked_ms;
	struct fetch_peer *peer;
	struct download *d;
	struct request *prev, *next; /* in the peer's list */
	UT_hash_handle hh;
};

/* --- download.c --- */
void download_set_hungry(struct download *d, bool hungry);
/* It does not count as under way any more. */
void download_leave_lane(struct download *d);
/* Likewise, when all of it is here, unless it takes much memory still. */
void download_leave_lane_if_light(struct download *d);
void download_unpark(struct download *d);
void download_set(struct download *d, uint32_t block, enum block_state state);
/* The list is known: blocks get their offsets and states. Takes it over. */
void download_set_list(struct download *d, struct blocklist *list);
/* Cannot go on: the ticket waits, the part stays. d may be gone. */
void download_fail(struct download *d, enum reason reason);
void download_complete(struct download *d);
void download_submit(struct download *d, struct part_job *job, void (*done)(void *job));
/* A job is back, d may die now. */
void download_job_back(struct download *d);

/* --- download_open.c --- */
/* Sends the OPEN job. */
void download_open(struct download *d);

/* --- spare.c --- */
/* Nobody wants this part's path: it is removed after fetch_config.spare_ms, unless somebody wants its content. */
void spare_add(struct fetch *f, const char *name);
/* A download is about to go on with a part of that name, if there is one. False when it is being removed just now. */
bool spare_take(struct fetch *f, const char *name);
/* The disk is full. */
void spare_remove_all(struct fetch *f);

/* --- source.c --- */
void source_refresh(struct download *d);
struct source *source_find(struct download *d, uint64_t peer);
/* It says that it has the content no longer: not asked by this download until it says something new. */
void source_has_not(struct download *d, uint64_t peer);
/* It sent what it should not: not asked for this ticket any more, until it says something new. */
void source_lied(struct download *d, uint64_t peer, const char *what);
/* It sent something else than it offered, lately. */
bool source_is_liar(const struct download *d, uint64_t peer);
/* Those that had it not are asked again; liars are not. */
void source_forgive(struct download *d);
/* It is up, has what we want as far as we know, and answers. */
bool source_usable(const struct fetch *f, const struct source *s);
/* The one to be asked first: that was not slow, or the longest ago; NULL: none can be. */
struct source *source_any(struct download *d);
/* Why none can be. */
enum reason source_reason(const struct download *d);
/* Others are asked for a while. */
void source_is_slow(struct download *d, struct source *s);

/* --- request.c --- */
void request_pump(struct fetch *f);
struct request *request_new(struct download *d, struct fetch_peer *p, uint32_t block, uint32_t len);
/* Forgets a request; its block, if any, is NEEDED again when `again`. */
void request_forget(struct request *r, bool again);
/* All of a download's, and tells the peers. */
void request_cancel(struct download *d);
void request_timeouts(struct fetch *f);
/* p gave what it was asked for, or said that it has it not. */
void request_answered(struct fetch *f, struct fetch_peer *p);
/* At the end of a download, a source that has nothing to do takes over from one that is slow. */
void request_steal(struct download *d);

/* --- list.c --- */
void list_ask(struct download *d);
/* Once a second: another source is asked when the one that was does not answer. */
void list_tick(struct download *d);

/* --- blocks.c --- */
/* Looks for blocks in local files, verifies claims, writes what arrived: as much as is good for one turn. */
void blocks_pump(struct download *d);

#endif
