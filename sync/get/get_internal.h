/* Shared by the files of sync/get; nobody else includes it. The loop's thread; workers see only the jobs of part.c.
 *
 * From the lowest to the highest: liars.c, queue.c, part_map.c, part.c, parts.c know no downloads;
 * get_state.c; holders.c, announce.c; download_state.c; request.c, source.c, spare.c; download.c (the end, the jobs);
 * list.c; download_open.c; coming_heir.c; window.c; late.c; leaves.c; blocks.c, download_start.c, answer.c; maps.c;
 * coming.c; get.c. */
#ifndef LANYARD_SYNC_GET_INTERNAL_H
#define LANYARD_SYNC_GET_INTERNAL_H

#include <uthash.h>
#include <utlist.h>

#include "sync/get/coming.h"
#include "sync/get/get.h"
#include "sync/get/part.h"
#include "sync/swarm/pick.h"

enum {
	RATE_SAMPLES = 5,
	NO_BLOCK = SWARM_NONE,
	LEAF_BLOCK = UINT32_MAX - 1, /* of a request: the leaves of a block, or their digests */
	ANY_BLOCK = UINT32_MAX - 2,  /* of a request: whichever the peer chooses */
	ARRIVING_MIN = 4096,         /* more bytes than pings make within REQUEST_TIMEOUT_MS: an answer is under way */
	REQUEST_TIMEOUT_MS = 30000,  /* without any answer from that peer */
	TICK_MS = 1000,
	WATCH_MS = 100, /* how often it is looked who is late */
};

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
	BLOCK_LOCAL,   /* the index names a local file that has it */
	BLOCK_CLAIMED, /* the map says it is here: to be verified */
	BLOCK_LEAVES,  /* an older version may have most of it: digests of its leaves are to be asked for */
	BLOCK_LEAFING, /* digests or leaves are requested, or a worker has them */
	BLOCK_NEEDED,  /* to be requested */
	BLOCK_REQUESTED,
	BLOCK_BUSY, /* a worker verifies and writes it */
	BLOCK_HAVE,
};

/* A peer that has the content of one download. */
struct get_source {
	uint64_t peer;
	bool bad; /* sent wrong bytes, or does not have it any more: not asked until it announces something new */
	int64_t not_before_ms;   /* too slow: others are asked until then */
	uint32_t cursor;         /* the block after the last one it was asked for; NO_BLOCK: none yet */
	bool offers;             /* it has all, as far as the owner knows */
	struct swarm_known *map; /* what it told of its blocks, which counts; in its book; NULL: nothing */
	uint32_t wanted;         /* of an incomplete one's blocks: those that are NEEDED */
	uint32_t most;           /* blocks that it ever said to have */
	unsigned repeats;        /* blocks that it chose and that were here already, since the last that was not */
	size_t credits;          /* requests of any block that are out */
	int64_t out_ms;          /* when it said that all blocks are out; 0: it did not */
	int64_t out_rate;        /* get.rate then */
};

/* A member that was told which blocks are here. */
struct told {
	uint64_t peer;
	bool stranger; /* it was not known to have any */
};

/* A peer as sync/get sees it: what it was asked for, and how it answers. */
struct source_peer {
	uint64_t id;
	bool up;
	struct get_request *requests; /* oldest first */
	size_t nrequests;
	size_t bytes_out;
	uint64_t arrived;       /* the value of ops.arrived when it last moved last_answer_ms */
	int64_t answered_ms;    /* when it last answered a request */
	int64_t answered_of_ms; /* when the latest of what it answered was asked for */
	int64_t last_answer_ms; /* when a part of an answer last came */
	int64_t stalled_ms;     /* not asked before this time */
	uint64_t seen;          /* the value of ops.arrived when it last moved byte_ms */
	int64_t byte_ms;        /* when a byte last came */
	int64_t response_ms;    /* from a request to its block, smoothed; 0: not known */
	int64_t rest_ms;        /* it was late: not asked for blocks before this time */
	unsigned overdue;       /* how often others took over what it owed, since its last block */
	bool counted;           /* while window.c runs: it has something of what is got */
	bool silent;            /* requests to it timed out: it is asked for one thing at a time until it answers */
	struct swarm_maps maps; /* what it told of its blocks */
	int64_t window;         /* while window.c runs: bytes that may still be requested from it */
	UT_hash_handle hh;
};

/* What leaves.c knows of the older version that stands at a download's path. */
struct leaves {
	int fd;                /* of that file; owned; -1: there is none */
	int64_t size;          /* its size */
	int64_t base;          /* where the content begins in it */
	uint32_t waiting, out; /* blocks that are LEAVES, LEAFING */
	int64_t out_bytes;     /* of those that are LEAFING */
	uint32_t at;           /* no LEAVES block is before it */
	size_t turn;           /* whom to ask next */
	uint32_t judged;       /* blocks that were compared since the last skip, */
	int64_t tried, saved;  /* their bytes, and those that need not be sent */
	uint32_t skip;         /* the next blocks that are not tried, */
	uint32_t next_skip;    /* and how many the next time */
	uint32_t failed;       /* blocks that were not right in the end */
};

/* Invariants: `have` blocks are HAVE, `needed` NEEDED, `requested` REQUESTED; hungry exactly when needed > 0 and
 * neither parked nor dying; slot points at this download until it is dying, and is NULL from then on. */
struct download {
	struct get *g;
	void *owner;
	const char *path;       /* the owner's, like the next two */
	struct liars *liars;    /* these three may be gone when the download is dying */
	struct download **slot; /* NULL: dying */
	struct content c;
	enum download_state state;
	bool memory;  /* one small block: no part, the bytes go to the owner */
	bool keep;    /* dying: the part stays */
	bool in_lane; /* counts in the queue as under way */
	bool hungry;
	bool parked; /* its owner waits: nothing is requested or written */
	bool full;   /* it was parked because the disk was full */
	bool gone;   /* its part was installed, or is of no use */
	bool spare;  /* dying: the part stays for a while, for another path that wants its content */
	bool cloned; /* the claimed blocks come from a local file */
	bool dirty;  /* the part was begun in an earlier run */
	struct queue_entry lane;
	struct get_source *sources; /* owned */
	size_t nsources;

	struct blocklist list; /* owned; while LISTING: the blocks so far */
	uint8_t *state_of;     /* enum block_state of each block; owned */
	int64_t *offset_of;    /* of each block; owned */
	uint32_t have, needed, requested;
	uint32_t scan_at;            /* blocks before it were looked for in local files */
	uint32_t copy_at, verify_at; /* no LOCAL / CLAIMED block is before it */
	int64_t done;                /* bytes of blocks that are HAVE */
	int64_t zeros;               /* of those: bytes of zeros, which nobody had to send */
	bool claimed;                /* the part map said that further blocks were here */
	uint64_t list_peer;          /* the peer that sends the list */
	uint32_t list_request;       /* 0: none is out */
	uint32_t list_cap;           /* while LISTING: blocks that `list` can hold */
	int64_t list_bytes;          /* while LISTING: bytes of the blocks so far */
	unsigned list_turns;         /* how many sources were too slow with it */

	struct coming_run *run;     /* it is a run of a coming part (coming.h), and has no owner; NULL: it is not */
	struct get_coming *heir_of; /* OPENING: it waits for this coming part; NULL: it does not */
	char *waiter; /* a path that wants the same content, and waits for this download; owned; NULL: none */
	UT_hash_handle hh_name;
	char name[PART_NAME + 1];      /* "": none yet, or in memory; else it is in get.parts by it */
	char part_file[PART_NAME + 8]; /* name + ".part" */
	int part, map;                 /* owned; -1: not open */
	uint64_t part_ino;             /* READY: of the part */
	int64_t have_at;               /* where the part map has its `have` bytes */
	uint32_t mode;                 /* as finished */
	int64_t mtime_ns;
	int jobs, copy_jobs, verify_jobs; /* out */
	bool syncing;                     /* a SYNC job is out */
	int64_t synced_ms;                /* when the last one began, or the part was opened */
	int64_t synced_done;              /* `done` then */
	struct piece *arrived;            /* blocks for the next write jobs; owned */
	size_t narrived, arrived_cap;
	int64_t arrived_ms; /* when the first of these came */

	struct leaves leaves;

	/* The swarm (holders.c, announce.c): other members that get the same content. */
	bool swarms;              /* it is in get.swarms: its maps go out, and those of others count */
	struct swarm_index index; /* of the NEEDED blocks; of contents with a part, once the list is known */
	uint64_t seed;            /* for the choice; of the content */
	uint32_t map_number;      /* of our map of it */
	struct told *told;        /* owned */
	size_t ntold;
	uint32_t *fresh; /* blocks that came since the last HAVE; owned */
	size_t nfresh, fresh_cap;
	int64_t fresh_ms;      /* when the last HAVE went out */
	uint32_t busy;         /* blocks that are BUSY */
	size_t credits;        /* requests of any block that are out, of all sources */
	int64_t begun_ms;      /* when it began to get blocks */
	int64_t moved_ms;      /* when a block last arrived or was announced to us */
	uint32_t spread_block; /* measures how long a block takes from its arrival ... */
	int64_t spread_at_ms;  /* ... which was then; 0: none is being measured */
	int64_t spread_ms;     /* ... to its announcement, smoothed */
	UT_hash_handle hh_root;

	int64_t sample[RATE_SAMPLES]; /* `done` at the last ticks, as a ring */
	size_t samples;
	struct download *prev, *next;               /* in get.downloads or get.dying */
	struct download *hungry_prev, *hungry_next; /* in get.hungry or hungry_small */
};

/* A block that is got by its leaves: what was asked last. */
struct leaf_work {
	uint32_t block;
	struct block_want want;
	uint8_t *old; /* what the older version has there, when leaves were asked; owned */
};

struct get_request {
	uint32_t number;
	uint32_t block; /* NO_BLOCK: the list; LEAF_BLOCK; ANY_BLOCK */
	uint32_t len;
	int64_t sent_ms;
	struct source_peer *peer;
	struct download *d;
	struct leaf_work *leaf;          /* of LEAF_BLOCK; owned */
	struct get_request *twin;        /* the same block was asked of a second peer; NULL: it was not */
	struct get_request *prev, *next; /* in the peer's list */
	UT_hash_handle hh;
};

struct get {
	struct get_config c;
	bool dead;                     /* get_free() was called, but jobs are out; no hook is called any more */
	int jobs;                      /* out */
	struct source_peer *peers;     /* by id */
	struct get_request *requests;  /* by number */
	size_t bytes_out;              /* of blocks requested, or here and not yet written */
	struct queue queue;            /* the owner's contents whose turn has not come */
	struct download *downloads;    /* that have an owner */
	struct download *dying;        /* that were dropped, but still have jobs or files */
	struct download *hungry_small; /* of one small block that is to be requested */
	struct download *hungry;       /* others that have blocks to request */
	struct download *parts;        /* all with parts, dying ones too, by the part's name */
	struct download *swarms;       /* one for each content of some blocks, by its root */
	struct spare *spares;          /* parts on disk that no path wants, oldest first */
	size_t ndownloads, nparked;
	size_t parked_bytes;   /* of their lists */
	bool new_sources;      /* peers connected: downloads look for sources again */
	uint64_t random;       /* the state of swarm_random() */
	uint32_t map_number;   /* of the last download */
	size_t nup;            /* peers that are up */
	int64_t write_due_ms;  /* when the next block has waited for others long enough; INT64_MAX: none waits */
	int64_t have_due_ms;   /* when the next HAVE goes out; INT64_MAX: none waits */
	int64_t watch_ms;      /* time of the last late_watch() */
	uint64_t rate_bytes;   /* bytes_received when `rate` was measured, at rate_ms */
	int64_t rate_ms, rate; /* bytes of blocks per second from all peers, smoothed */
	int64_t again_ms;      /* no hooks.again(GET_NO_SOURCE) for a map before this time */
	bool again;            /* a map came that may help what waits for a source */
	bool check_sources;    /* sources are gone: downloads without any are stopped */
	int64_t tick_ms;       /* time of the last get_tick() that did anything */

	struct get_coming *comings; /* files that have no record yet, oldest first */
	struct coming_run *runs;    /* theirs, by root */
	size_t ncomings;
	uint64_t last_coming;   /* names coming parts */
	uint32_t coming_blocks; /* of all runs, with COMING_RUN_COSTS for each */
	int64_t coming_bytes;   /* of all runs */
	bool coming_full;       /* the disk was full: all coming parts are dropped in the next turn ... */
	/* ... and nothing more is taken of these files before their records; the oldest is forgotten */
	struct coming_refused {
		uint64_t peer, id;
	} coming_refused[COMING_PARTS_MAX];
	uint32_t ncoming_refused; /* ever */

	struct get_counters counters;
};

/* --- get_state.c --- */
/* get_pump() is due at the end of this turn. */
void get_wake(struct get *g);
int64_t get_now(const struct get *g);
/* A job that may outlive get_free() begins; it ended, and g may be gone. */
void get_job_begin(struct get *g);
void get_job_end(struct get *g);
/* Downloads that stopped for this reason may be tried again. */
void get_again(struct get *g, enum get_why why);
struct source_peer *get_peer(struct get *g, uint64_t id); /* made when new */
struct get_stop get_why(enum get_why why);
struct get_stop get_disk(int error);

/* --- holders.c --- */
/* The list is known: blocks can be chosen, and what peers told counts, now and from now on. */
void holders_begin(struct download *d);
/* What peers told does not count any more. */
void holders_end(struct download *d);
/* A block became NEEDED, or is not any more. */
void holders_need(struct download *d, uint32_t block, bool needed);
/* Takes what a peer told of the content as this source's. */
void holders_bind(struct download *d, struct get_source *s, struct swarm_known *k);
/* The source told of blocks: that counts if it never had as many, however often it tells. */
void holders_moved(struct download *d, struct get_source *s);
/* One of the maps that the download counts is about to be forgotten. */
void holders_forget(void *arg, struct swarm_known *k);
/* The peer got one more block. */
void holders_fresh(void *arg, struct swarm_known *k, uint32_t block);
/* The download of this content that takes part in a swarm; NULL: none does. */
struct download *holders_of(const struct get *g, const struct content *c);
/* Whether the source has the whole content, as far as we know; and this block of it. */
bool holders_complete(const struct download *d, const struct get_source *s);
bool holders_has(const struct download *d, const struct get_source *s, uint32_t block);
/* Whether it has something that is NEEDED. */
bool holders_wanted(const struct download *d, const struct get_source *s);
/* Whether it gets the content too, and told us. */
bool holders_receives(const struct download *d, const struct get_source *s);

/* --- announce.c --- */
/* Tells whom it concerns which blocks are here, unless they were told before. */
void announce_all(struct download *d);
void announce_to(struct download *d, uint64_t peer, bool stranger);
/* A block is here. It is announced in this turn or within some ms. */
void announce_block(struct download *d, uint32_t block);
/* Sends what is due. */
void announce_turn(struct get *g);
/* The content is not got any more: those that were told forget what is here, or, if it is `whole`, know that all of it
 * is. Else one that was told of no block, and of none since, would take this member for one that lacks them. */
void announce_end(struct download *d, bool whole);
/* The peer is gone. */
void announce_peer_down(struct get *g, uint64_t peer);

/* --- download_state.c --- */
void download_set_hungry(struct download *d, bool hungry);
/* The queue does not count it as under way any more. */
void download_leave_lane(struct download *d);
/* The same for a complete download, unless its list is long: it still takes much memory, so it keeps its place. */
void download_leave_lane_if_light(struct download *d);
void download_set(struct download *d, uint32_t block, enum block_state state);
/* A block is here, to be verified and written. *bytes is taken over. patched: we put it together from leaves. */
void download_arrived(struct download *d, uint32_t block, uint64_t peer, struct slab *bytes, bool patched);
/* The list is known: blocks get their offsets and states. Takes it over. */
void download_set_list(struct download *d, struct blocklist *list);
/* Bytes of memory that its list and the states of its blocks take. */
size_t download_list_bytes(const struct download *d);

/* --- download.c --- */
/* It cannot go on: calls hooks.stopped. The part stays; d may be gone. */
void download_fail(struct download *d, struct get_stop stop);
void download_fail_disk(struct download *d, int error);
/* All of its blocks are in the part. */
void download_complete(struct download *d);
void download_submit(struct download *d, struct part_job *job, void (*done)(void *job));
/* A job is back; if d was dying and this was the last one, d is gone. */
void download_job_back(struct download *d);
/* Syncs the part, unless nothing was written since the last sync. */
void download_sync(struct download *d);

/* --- download_open.c --- */
/* Sends the OPEN job. legacy: what a coming part left, taken over; NULL: nothing. */
void download_open(struct download *d, struct coming_legacy *legacy);

/* --- coming_serve.c --- */
/* Of a content that is a run of a coming part. */
enum content_state coming_stat(const struct get *g, const struct content *c);
/* See content_source_ops.list. */
int coming_list(const struct get *g, const struct content *c, uint32_t first, uint32_t most, struct blocklist *list);
/* As get_partial(), of such a run; *at: where the block is in *fd. */
int coming_partial(const struct get *g, const struct content *c, int64_t offset, uint32_t len, int *fd, int64_t *at);

/* --- coming_heir.c --- */
/* Opens d's part: at once, or when what is under way for a coming part that d takes over is in. */
void coming_heir_open(struct download *d);
/* The coming part is handed to its heir if nothing is under way any more. True: c is GONE. */
bool coming_heir_take(struct get_coming *c);

/* --- coming.c --- */
/* Begins runs, and drops what has waited long enough: once per turn. */
void coming_pump(struct get *g);
/* The peer is gone. */
void coming_peer_down(struct get *g, uint64_t peer);
/* Drops all that nobody takes over. */
void coming_drop_all(struct get *g);

/* --- spare.c --- */
/* The path of this part is no longer wanted: it is removed after get_config.spare_ms, unless another path wants its
 * content. */
void spare_add(struct get *g, const char *name);
/* A download is about to use the part of that name, if there is one. False: it is being removed. */
bool spare_take(struct get *g, const char *name);
/* The disk is full. */
void spare_remove_all(struct get *g);
/* Forgets them; the next run looks through parts/ anyway. */
void spare_free_all(struct get *g);

/* --- source.c --- */
/* Asks the owner which peers may have the content, and adds the new ones. */
void source_refresh(struct download *d);
struct get_source *source_find(struct download *d, uint64_t peer);
/* The peer does not have the content any more: this download does not ask it until it announces something new. */
void source_has_not(struct download *d, uint64_t peer);
/* The peer sent wrong bytes: it is noted as a liar, and not asked until it announces something new. */
void source_lied(struct download *d, uint64_t peer, const char *what);
/* Sources that did not have it may be asked again; liars may not. */
void source_forgive(struct download *d);
/* Whether it is connected, has the content as far as we know, and answers. */
bool source_usable(const struct get *g, const struct get_source *s);
/* Of those that have the whole content, the one to ask first: one that was not slow, or was slow the longest ago. NULL:
 * none can be asked. */
struct get_source *source_any(struct download *d);
/* Whether any can be asked, or will be when it has got more: incomplete ones count. */
bool source_some(const struct download *d);
/* The content's source of this peer, made when new; `offers` as in struct get_source. */
struct get_source *source_of(struct download *d, uint64_t peer);
/* Why source_any() found none. */
enum get_why source_reason(const struct download *d);
/* It said that all blocks are out, or does not choose any: blocks are named to it, after a pause. */
void source_is_out(struct download *d, struct get_source *s);
/* It was too slow: others are asked for a while. */
void source_is_slow(struct download *d, struct get_source *s);
void source_free_all(struct download *d);

/* --- request.c --- */
struct get_request *request_new(struct download *d, struct source_peer *p, uint32_t block, uint32_t len);
/* NULL: no request to this peer has this number. */
struct get_request *request_find(struct get *g, uint64_t peer, uint32_t number);
/* Forgets a request; its block, if any, is NEEDED again when `again`. */
void request_forget(struct get_request *r, bool again);
/* Takes back all of a peer's requests, or only those for d (not NULL); the first `skip` of these stay. */
void request_cancel(struct get *g, struct source_peer *p, const struct download *d, size_t skip);
/* All of a download's. */
void request_cancel_download(struct download *d);
/* The requests of any block of d; of one peer, or (NULL) of all. */
void request_cancel_credits(struct download *d, const struct source_peer *of);
/* Takes back one request. */
void request_cancel_one(struct get_request *r);
/* The open request of this block; NULL: none is. */
struct get_request *request_of(const struct download *d, uint32_t block);
/* Peers that let their requests run out are silent. */
void request_timeouts(struct get *g);
/* p answered a request, whatever the answer. */
void request_answered(struct get *g, struct source_peer *p);

/* --- late.c --- */
/* Takes blocks back from peers from which no byte comes, or no answer, for others that have them. */
void late_watch(struct get *g);
/* The same for single blocks that a peer does not give although it gives others; once per second. */
void late_withheld(struct get *g);
/* At the end of a download, a source that has nothing to do takes over from one that owes much, or gets a block that is
 * late a second time. */
void late_end(struct download *d);

/* --- window.c --- */
/* Fills the windows of the peers with requests for what downloads need. */
void window_fill(struct get *g);
/* Asks a peer for one NEEDED block of d; for one that another peer was asked for. */
void window_ask(struct download *d, struct get_source *s, uint32_t block);
void window_ask_twice(struct download *d, struct get_source *s, struct get_request *first);

/* --- list.c --- */
/* Requests the next piece of the list from a source, unless one is requested already. */
void list_request_next(struct download *d);
/* Once per second: asks another source if the one that was asked does not answer. */
void list_tick(struct download *d);
enum list_taken { LIST_MORE, LIST_WHOLE, LIST_BAD };
/* Adds a piece that came. After LIST_BAD the list begins again. */
enum list_taken list_take(struct download *d, uint32_t first, const uint8_t *blocks, size_t n);

/* --- maps.c --- */
/* Tries again what may have a source now. */
void maps_turn(struct get *g);

/* --- leaves.c --- */
/* A download of a part of a file begins with what another one learned. of: file, size and base; the file is
 * duplicated. */
void leaves_begin(struct download *d, const struct leaves *learned, const struct leaves *of);
/* Whether a block that no local file has is to be got by its leaves. */
bool leaves_want(struct download *d, uint32_t block);
/* Asks for what may be asked for now. Blocks for which nobody can be asked become NEEDED. */
void leaves_pump(struct download *d);
/* A peer's answer to a request of LEAF_BLOCK; takes *bytes over. */
void leaves_take(struct get_request *r, struct slab *bytes);
/* A block that was put together is not right. */
void leaves_failed(struct download *d);

/* --- blocks.c --- */
/* Looks for blocks in local files, verifies claimed blocks, and writes what arrived: a bounded amount per turn. */
void blocks_pump(struct download *d);

#endif
