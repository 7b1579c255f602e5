/* Getting contents: from the peers that have them, from local files, from what an interrupted download left. One `get`
 * for each group, one `download` for each content on its way. It knows neither what is offered nor where a content
 * will go: its owner (sync/fetch) hands it contents, tells it who may have them, and learns through hooks what became
 * of them. The loop's thread; the disk is left to workers.
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
#include "sync/plan/block.h"
#include "sync/plan/content_source.h"
#include "sync/plan/record.h"
#include "sync/share/share.h"

struct get;
struct download;

/* Why a download cannot go on. */
enum get_why {
	GET_GOES_ON,    /* it can */
	GET_BUSY,       /* what is left of an earlier one is just being removed */
	GET_SAME,       /* another download gets the same content */
	GET_NO_SOURCE,  /* no connected peer has it */
	GET_NOT_NOW,    /* those that have it do not give it just now */
	GET_SILENT,     /* those that have it do not answer */
	GET_BAD_SOURCE, /* those that have it sent something else */
	GET_DISK,       /* error tells */
};

struct get_stop {
	enum get_why why;
	int error; /* GET_DISK: errno, or RESERVE_REACHED */
};

/* How peers are reached; they are short IDs. Answers come through get_take_block() and get_take_list(), later: never
 * from inside blocks or list. */
struct get_ops {
	/* Bytes of blocks that may be requested from this peer now; 0 when its window is full, or it is gone. */
	size_t (*window)(void *arg, uint64_t peer);
	int (*blocks)(void *arg, uint64_t peer, const struct content *c, const struct block_want *wants, size_t n);
	/* The block list of a content, from block `first` on. */
	int (*list)(void *arg, uint64_t peer, uint32_t request, const struct content *c, uint32_t first);
	void (*cancel)(void *arg, uint64_t peer, const uint32_t *requests, size_t n);
	/* The peer sent what it should not have. */
	void (*misbehaved)(void *arg, uint64_t peer, const char *path, const char *what);
	/* Bytes that have come from this peer so far, whatever they are. */
	uint64_t (*arrived)(void *arg, uint64_t peer);
};

/* How the owner is asked and learns of results. `owner` is what download_new() was given. */
struct get_hooks {
	/* Something is to be done at the end of this turn: get_pump(). */
	void (*wake)(void *arg);

	/* Calls add for each peer that may have the content of owner's download. waiter: another path that wants the
	 * same content, or NULL: those that offer it there count too. */
	void (*sources)(void *arg, void *owner, const char *waiter, void (*add)(void *to, uint64_t peer), void *to);
	/* A local file that has this block, and where. *path is the caller's to free. */
	bool (*find_block)(void *arg, const struct block *b, char **path, int64_t *offset);
	/* A local file that may have all of the content; the caller frees it. NULL: none, or it is not to be used. */
	char *(*find_copy)(void *arg, void *owner);
	/* The block list of the content, if it is known; else list stays empty. */
	void (*find_list)(void *arg, void *owner, struct blocklist *list);

	/* A small content is here, not verified yet, and its download is gone. bytes: the owner's to free. */
	void (*bytes)(void *arg, void *owner, uint8_t *bytes, uint64_t peer);
	/* All blocks are in the part: the owner calls download_finish(). */
	void (*complete)(void *arg, void *owner);
	/* The part has its mode and mtime, and is synced. May come from inside download_start(). */
	void (*ready)(void *arg, void *owner);
	/* The download cannot go on; it is the owner's to park or drop. */
	void (*stopped)(void *arg, void *owner, struct get_stop stop);
	/* Downloads that could not go on for this reason may be tried again. */
	void (*again)(void *arg, enum get_why why);
};

struct get_config {
	struct loop *loop;
	struct workers *workers;
	struct share *share; /* for parts/, the root and what its disk shows */
	bool reserve;        /* a reserve stays free on the disk (sync/share/reserve.h) */
	size_t memory;       /* bytes of blocks requested, or here and not yet written, at most */
	int64_t spare_ms;    /* how long a part stays whose path is not wanted any more */
	struct get_ops ops;
	void *ops_arg;
	const struct get_hooks *hooks;
	void *arg;
};

struct get_counters {
	uint64_t blocks_received, blocks_copied, blocks_resumed, bytes_received;
	uint64_t blocks_zeros;     /* that came from nobody */
	uint64_t parts_taken_over; /* begun for another path */
};

struct get *get_new(const struct get_config *config);
/* Once all downloads are dropped. Jobs that are out come back to nobody; it is gone with the last of them. */
void get_free(struct get *g);

/* A connected peer may be asked from now on / no longer; what was requested from it is requested from others. */
void get_peer_up(struct get *g, uint64_t peer);
void get_peer_down(struct get *g, uint64_t peer);
/* Peers may have come to have what is on its way: downloads look for sources in this turn. */
void get_sources_changed(struct get *g);

/* Everything that downloads can do now. */
void get_pump(struct get *g);
/* Removes spare parts whose time has come; returns when the next is due, INT64_MAX: none is. */
int64_t get_run_spares(struct get *g);
/* Once a second while something is under way: rates, and requests that nobody answers. */
void get_tick(struct get *g);
/* When get_tick() is due; INT64_MAX: nothing is under way. */
int64_t get_due(const struct get *g);
/* Contents whose turn has not come yet; the owner adds and takes, a download counts as under way until it is done. */
struct queue *get_queue(struct get *g);
/* Downloads that are gone have not given back all they held. */
bool get_is_ending(const struct get *g);
struct get_counters get_counters(const struct get *g);

/* Answers. *bytes is taken over; none when the peer has it no longer. An answer to a request that is not out is
 * dropped. */
void get_take_block(struct get *g, uint64_t peer, uint32_t request, struct slab *bytes);
/* blocks: as in blocklist_encode, n bytes from `first` on; NULL: it has no such content. Copied. */
void get_take_list(struct get *g, uint64_t peer, uint32_t request, uint32_t first, const uint8_t *blocks, size_t n);
/* A verified block of a download that is under way. 1: fd (the part: get's own, dup it for a worker) and offset hold
 * it; 0: none does. */
int get_partial(struct get *g, const struct content *c, int64_t offset, uint32_t len, int *fd);
/* The same as a source of contents, good as long as g is. */
struct content_source part_source(struct get *g);
/* Whether a part of that name is kept for another path (spare.c). */
bool get_has_spare(const struct get *g, const char *name);

/* --- one download --- */

/* What a download needs of its owner, lent until it is gone. */
struct download_owner {
	void *owner;
	const char *path;       /* for which the part is begun, and which complaints name */
	struct liars *liars;    /* of this content */
	struct download **slot; /* where the owner keeps the download; NULL when it is gone */
};
struct download *download_new(struct get *g, const struct download_owner *o, const struct content *c);
/* Its turn in the queue has come: it begins, or goes on where it was parked. lane: as it stood in the queue. has_copy:
 * a local file has the content, so that no source is needed to begin. If it cannot go on, the owner decides what
 * becomes of it. */
struct get_stop download_start(struct download *d, const struct queue_entry *lane, bool has_copy);
/* Ends it. keep: its part stays for another time. */
void download_drop(struct download *d, bool keep);
/* Its owner waits, or stands in the queue again: what has come of it stays in memory, or on disk at least (it is
 * dropped). */
void download_park(struct download *d);
/* Its part was put in its place, or is not there as it should be: of no use to others. */
void download_part_gone(struct download *d);
/* A peer announces that it has something for the path again: it may be asked again. */
void download_announced(struct download *d, uint64_t peer);
/* Gives the complete part its mode and mtime and syncs it; then comes `ready`. */
void download_finish(struct download *d, uint32_t mode, int64_t mtime_ns);
/* Complete and synced, with this mode and mtime. */
bool download_is_finished(const struct download *d, uint32_t mode, int64_t mtime_ns);
/* It is needed now with another mode or mtime: it is given that, and `ready` comes again. */
void download_finish_again(struct download *d, uint32_t mode, int64_t mtime_ns);

/* All of it is here and synced. */
bool download_is_ready(const struct download *d);
/* Nothing is done with it until download_start(). */
bool download_is_parked(const struct download *d);
/* The name of its part in parts/. */
const char *download_part(const struct download *d);
/* The inode of the finished part; 0: it is not. */
uint64_t download_part_ino(const struct download *d);
/* Its block list; NULL when it has none of two or more blocks. */
const struct blocklist *download_list(const struct download *d);
/* Bytes that are here, and bytes per second of late. */
void download_progress(const struct download *d, int64_t *done, int64_t *rate);

#endif
