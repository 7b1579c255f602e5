/* Gets contents from the peers that have them, from local files, and from the parts that interrupted downloads left.
 * There is one `get` per group, and one `download` per content. It knows neither what is offered nor where a content
 * will go: its owner (sync/fetch) hands it contents, tells it which peers may have them, and learns the results through
 * hooks. The loop's thread; workers do what touches the disk.
 *
 * A content of one small block stays in memory. Any other is assembled in a part below .lanyard/parts/ (part.h):
 * blocks that a local file has are copied, the others are requested from several sources at a time; a worker verifies
 * each before it counts. */
#ifndef LANYARD_SYNC_GET_GET_H
#define LANYARD_SYNC_GET_GET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/loop.h"
#include "base/workers.h"
#include "sync/get/liars.h"
#include "sync/get/queue.h"
#include "sync/plan/blocklist.h"
#include "sync/plan/coming_run.h"
#include "sync/plan/block.h"
#include "sync/plan/content_source.h"
#include "sync/plan/leaf.h"
#include "sync/plan/record.h"
#include "sync/share/share.h"
#include "sync/swarm/map.h"

struct get;
struct download;

/* Why a download cannot go on. */
enum get_why {
	GET_GOES_ON,    /* it can go on */
	GET_BUSY,       /* the leftovers of an earlier one are being removed */
	GET_SAME,       /* another download is getting the same content */
	GET_NO_SOURCE,  /* no connected peer has it */
	GET_NOT_NOW,    /* the peers that have it cannot send it right now */
	GET_SILENT,     /* the peers that have it do not answer */
	GET_BAD_SOURCE, /* the peers that have it sent something else */
	GET_DISK,       /* a disk error: see get_stop.error */
};

struct get_stop {
	enum get_why why;
	int error; /* GET_DISK: errno, or RESERVE_REACHED */
};

/* How peers, named by their short IDs, are reached. Their answers come later, through get_take_block() and
 * get_take_list(): never from inside blocks or list. */
struct get_ops {
	/* Bytes of blocks that may be requested from this peer now; 0 when its window is full, or it is gone. */
	size_t (*window)(void *arg, uint64_t peer);
	int (*blocks)(void *arg, uint64_t peer, const struct content *c, const struct block_want *wants, size_t n);
	/* The block list of a content, from block `first` on. */
	int (*list)(void *arg, uint64_t peer, uint32_t request, const struct content *c, uint32_t first);
	void (*cancel)(void *arg, uint64_t peer, const uint32_t *requests, size_t n);
	/* The peer sent something wrong. */
	void (*misbehaved)(void *arg, uint64_t peer, const char *path, const char *what);
	/* Bytes received from this peer so far, of any kind. */
	uint64_t (*arrived)(void *arg, uint64_t peer);
	/* Tells the peer which blocks of a content are here (MAP); then those that came since (HAVE). Borrowed. The
	 * next three may be NULL: nobody is told then, and blocks are always named. */
	void (*map)(void *arg, uint64_t peer, const struct swarm_map *map);
	void (*have)(void *arg, uint64_t peer, uint32_t map, const struct swarm_run *runs, size_t n);
	/* Requests n blocks of the content, whichever the peer thinks best. The answers come through get_take_block()
	 * with the block's number, or get_take_out(). */
	int (*any)(void *arg, uint64_t peer, const struct content *c, const uint32_t *requests, size_t n);
	/* Whether it answers questions for leaves. NULL: always. */
	bool (*leaves)(void *arg, uint64_t peer);
	/* Which digests are wanted of large files' blocks that this peer sends: *out. False: none are. NULL: never. */
	bool (*digester)(void *arg, uint64_t peer, struct leaf_digester *out);
	/* One of these is verified and in its part. Lent. */
	void (*digested)(void *arg, const struct leaf_digested *d);
};

/* Questions to the owner, and results for it. `owner` is download_owner.owner. */
struct get_hooks {
	/* Call get_pump() at the end of this turn. */
	void (*wake)(void *arg);

	/* Calls add for each peer that may have the content of owner's download. waiter: another path that wants the
	 * same content, or NULL: those that offer it there count too. */
	void (*sources)(void *arg, void *owner, const char *waiter, void (*add)(void *to, uint64_t peer), void *to);
	/* A local file that has this block, and the block's offset. The caller frees *path. */
	bool (*find_block)(void *arg, const struct block *b, char **path, int64_t *offset);
	/* The path of a local file that may have the whole content; the caller frees it. NULL: none is to be used. */
	char *(*find_copy)(void *arg, void *owner);
	/* Sets list to the content's block list if it is known. */
	void (*find_list)(void *arg, void *owner, struct blocklist *list);

	/* A small content has arrived, not verified yet, and its download is gone. The owner frees bytes. */
	void (*bytes)(void *arg, void *owner, uint8_t *bytes, uint64_t peer);
	/* All blocks are in the part; the owner calls download_finish(). */
	void (*complete)(void *arg, void *owner);
	/* The part has its mode and mtime, and is synced. May come from inside download_start(). */
	void (*ready)(void *arg, void *owner);
	/* The download cannot go on; the owner parks or drops it. */
	void (*stopped)(void *arg, void *owner, struct get_stop stop);
	/* Downloads that stopped for this reason may be tried again. */
	void (*again)(void *arg, enum get_why why);
};

struct get_config {
	struct loop *loop;
	struct workers *workers;
	struct share *share; /* for its root, parts/, and what its disk can store */
	bool reserve;        /* a reserve stays free on the disk (sync/share/reserve.h) */
	uint64_t self;       /* our short ID */
	size_t memory;       /* most bytes of blocks that are requested, or received and not written yet */
	int64_t spare_ms;    /* how long a part is kept after its path is no longer wanted */
	struct get_ops ops;
	void *ops_arg;
	const struct get_hooks *hooks;
	void *arg;
};

struct get_counters {
	uint64_t blocks_received, blocks_copied, blocks_resumed, bytes_received;
	uint64_t blocks_patched;   /* put together from an older version and leaves that a peer sent */
	uint64_t blocks_zeros;     /* made of zeros, so nobody had to send them */
	uint64_t parts_taken_over; /* parts that were begun for another path */
	uint64_t coming_taken;     /* bytes that came before their file's record, and were of it, */
	uint64_t coming_dropped;   /* or were not, or it never came */
};

struct get *get_new(const struct get_config *config);
/* Call it once all downloads are dropped. The memory is freed when the last job is back. */
void get_free(struct get *g);

/* The peer connected, and may be asked; or it disconnected, and its open requests go to other peers. */
void get_peer_up(struct get *g, uint64_t peer);
void get_peer_down(struct get *g, uint64_t peer);
/* More peers may have the contents that are being downloaded: all downloads look for sources in this turn. */
void get_sources_changed(struct get *g);

/* Does everything that downloads can do now. */
void get_pump(struct get *g);
/* Removes spare parts that have been kept long enough. Returns when the next is due; INT64_MAX: none is. */
int64_t get_run_spares(struct get *g);
/* When it is due: measures rates, and gives up requests that nobody answers. */
void get_tick(struct get *g);
/* When get_tick() is due; INT64_MAX: nothing is under way. */
int64_t get_due(const struct get *g);
/* The contents whose turn has not come. The owner adds and takes them; a download counts as under way until it is
 * done. */
struct queue *get_queue(struct get *g);
/* Whether dropped downloads still have jobs or files. */
bool get_is_ending(const struct get *g);
struct get_counters get_counters(const struct get *g);

/* A peer's answer. *bytes is taken over; empty: the peer does not have the block any more. chosen: SWARM_AS_ASKED, or
 * the one that it chose for a request of any block. An answer to a request that is not open is dropped. */
void get_take_block(struct get *g, uint64_t peer, uint32_t request, uint32_t chosen, struct slab *bytes);
/* The answer to a request of any block: each that the peer has is under way to somebody. */
void get_take_out(struct get *g, uint64_t peer, uint32_t request);
/* What a peer has, as it tells. Borrowed. False: no peer that keeps to the protocol sends this. */
bool get_take_map(struct get *g, uint64_t peer, const struct swarm_map *map);
bool get_take_have(struct get *g, uint64_t peer, uint32_t map, const struct swarm_run *runs, size_t n);
/* Whether a download of this content is under way that answers maps of it itself. */
bool get_is_getting(const struct get *g, const struct content *c);
/* The path that a content of several blocks is being fetched for; NULL: none. */
const char *get_path(const struct get *g, const struct content *c);
/* blocks: n bytes as blocklist_encode() writes them, from block `first` on; NULL: the peer does not have the content.
 * Copied. */
void get_take_list(struct get *g, uint64_t peer, uint32_t request, uint32_t first, const uint8_t *blocks, size_t n);
/* The peer announces blocks of a file that has no record yet: they are got at once, and kept for the record
 * (coming.h). The caller has checked the path, and that the file is wanted. False: no honest member says this. */
bool get_take_coming(struct get *g, uint64_t peer, const struct coming *said);
/* Gives up what came that way, and is not taken over already. */
void get_drop_coming(struct get *g);
bool get_has_coming(const struct get *g);
/* A number for a request: unique in all groups, which share connections, and never 0. For requests that others make of
 * the same peers. */
uint32_t get_request_number(void);
/* Whether a request of ours with this number is open at the peer. */
bool get_expects(struct get *g, uint64_t peer, uint32_t request);
/* Finds a verified block of a download of SWARM_BLOCKS_MIN blocks or more that is under way. 1: it is in the part *fd
 * (get's own: duplicate it for a worker) at its offset; 0: no part has it. */
int get_partial(struct get *g, const struct content *c, int64_t offset, uint32_t len, int *fd);
/* The parts as a source of contents; valid as long as g. */
struct content_source part_source(struct get *g);
/* Whether a part of that name is kept for another path (spare.c). */
bool get_has_spare(const struct get *g, const char *name);

/* --- one download --- */

/* What a download borrows from its owner until it is dropped. */
struct download_owner {
	void *owner;
	const char *path;       /* the part is begun for it; messages name it */
	struct liars *liars;    /* of this content */
	struct download **slot; /* the owner's pointer to the download; set to NULL when it is dropped */
};
struct download *download_new(struct get *g, const struct download_owner *o, const struct content *c);
/* Its turn in the queue has come: begins, or goes on where it was parked. lane: its entry in the queue. has_copy: a
 * local file may have the content, so it begins even without a source. If it cannot go on, the owner parks or drops
 * it. */
struct get_stop download_start(struct download *d, const struct queue_entry *lane, bool has_copy);
/* Ends it. keep: its part stays, to be resumed. */
void download_drop(struct download *d, bool keep);
/* Stops it while its owner waits. Its state stays in memory; if there is no space for that, it is dropped, and its part
 * stays. */
void download_park(struct download *d);
/* Its owner goes on with it, without download_start(): no other download takes over its part any more. */
void download_unpark(struct download *d);
/* Its part was installed, or is missing or wrong: no other download can use it. */
void download_part_gone(struct download *d);
/* The peer has announced something for the path again, so it may be asked again. */
void download_announced(struct download *d, uint64_t peer);
/* Sets mode and mtime of the complete part and syncs it; then calls hooks.ready. */
void download_finish(struct download *d, uint32_t mode, int64_t mtime_ns);
/* Whether it is complete and synced, with this mode and mtime. */
bool download_is_finished(const struct download *d, uint32_t mode, int64_t mtime_ns);
/* Another mode or mtime is wanted now: sets them, and calls hooks.ready again. */
void download_finish_again(struct download *d, uint32_t mode, int64_t mtime_ns);

/* Whether it is complete and synced. */
bool download_is_ready(const struct download *d);
/* Whether it is stopped until download_start(). */
bool download_is_parked(const struct download *d);
/* The name of its part in parts/. */
const char *download_part(const struct download *d);
/* The inode of the finished part; 0: it is not finished. */
uint64_t download_part_ino(const struct download *d);
/* Its block list; NULL unless that has two or more blocks. */
const struct blocklist *download_list(const struct download *d);
/* Bytes that are here, and bytes per second over the last few seconds. */
void download_progress(const struct download *d, int64_t *done, int64_t *rate);

#endif
