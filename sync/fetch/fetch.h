/* Whatever peers offer and this agent wants becomes a ticket; tickets become complete contents (sync/get) and then
 * files (sync/install). One for each group. It decides: it reads and writes the index, reaches peers through `ops`,
 * and leaves the disk to workers. The loop's thread.
 *
 * A peer's record is reconciled with our row. A change of rows alone is made at once. A small file whose bytes came
 * along goes straight into the next batch of installs and stays in memory until then (fetch_unstored() tells the
 * connection which sequence numbers may not be acknowledged yet). Any other record is stored in the index as an offer
 * and becomes a ticket. One path has one ticket at a time.
 *
 * Commit order, never shortened: part opened exclusively beneath the share -> write -> verify -> fsync -> check the
 * target again -> rename -> fsync the folder -> index row -> (commit) -> news to others. What the rename replaces
 * becomes a version. */
#ifndef LANYARD_SYNC_FETCH_FETCH_H
#define LANYARD_SYNC_FETCH_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/debug.h"
#include "base/bytes.h"
#include "base/loop.h"
#include "base/workers.h"
#include "sync/index/index.h"
#include "sync/plan/blocklist.h"
#include "sync/plan/block.h"
#include "sync/plan/coming_run.h"
#include "sync/plan/content_source.h"
#include "sync/plan/leaf.h"
#include "sync/plan/record.h"
#include "sync/share/share.h"
#include "sync/swarm/map.h"

struct fetch;

/* How fetch reaches the peers of this group; peers are short IDs. Answers come through fetch_block, fetch_list,
 * later: never from inside get or get_list. */
struct fetch_ops {
	/* Bytes of blocks that may be requested from this peer now (its window less what is in flight); 0 when full or
	 * gone. */
	size_t (*window)(void *arg, uint64_t peer);
	int (*get)(void *arg, uint64_t peer, const struct content *c, const struct block_want *wants, size_t n);
	/* The list of a content, from block `first` on. */
	int (*get_list)(void *arg, uint64_t peer, uint32_t request, const struct content *c, uint32_t first);
	void (*cancel)(void *arg, uint64_t peer, const uint32_t *requests, size_t n);
	/* The peer sent what it should not have: logged once there; repeated, it ends the connection. */
	void (*misbehaved)(void *arg, uint64_t peer, const char *path, const char *what);
	/* Whether the peer is connected, and has all of our rows' content (it settled them): a source for content that
	 * we lost. */
	bool (*connected)(void *arg, uint64_t peer);
	/* Bytes that have come from this peer so far, whatever they are: a block may take longer than our patience. */
	uint64_t (*arrived)(void *arg, uint64_t peer);
	/* Asks the peer to send again all that was not acknowledged: more of its offers can be stored now. */
	void (*again)(void *arg, uint64_t peer);
	/* Asks whether the peer has this record's file and keeps it; request: the caller's number. The answer, if one
	 * comes, through fetch_hold_answer(). -1 unless the peer is connected and may write. */
	int (*hold_ask)(void *arg, uint64_t peer, uint32_t request, const struct record *r);
	/* What members tell one another while they get a content, requests of any block, and what is wanted of blocks
	 * that have come: see struct get_ops. May be NULL. */
	void (*map)(void *arg, uint64_t peer, const struct swarm_map *map);
	void (*have)(void *arg, uint64_t peer, uint32_t map, const struct swarm_run *runs, size_t n);
	int (*any)(void *arg, uint64_t peer, const struct content *c, const uint32_t *requests, size_t n);
	bool (*leaves)(void *arg, uint64_t peer);
	bool (*digester)(void *arg, uint64_t peer, struct leaf_digester *out);
	void (*digested)(void *arg, const struct leaf_digested *d);
};

enum { FETCH_BACKLOG = 50000 };

/* The least must hold two of the largest blocks. */
enum { FETCH_MEMORY_MIN = 8 << 20, FETCH_MEMORY = 32 << 20, FETCH_SPARE_MS = 60000 };

/* Changes that would take away a large part of the share, and are held. */
struct fetch_burst {
	uint64_t by;     /* short ID of the member that made or brought them; 0: several members */
	bool brings;     /* their records name other authors, and came from this member */
	int64_t files;   /* deleted, replaced or emptied by them, if they were let go */
	int64_t since_s; /* wall clock */
};

struct fetch_config {
	struct loop *loop;
	struct workers *workers;
	struct share *share;
	struct index *index;
	uint64_t short_id;
	int64_t spare_ms;   /* how long a part is kept after its path is no longer wanted; 0: FETCH_SPARE_MS */
	int64_t carrier_ms; /* how long a carrier's silence is borne; 0: as long as it usually takes, within bounds */
	int64_t backlog;    /* offers that are stored of any one peer, at least; 0: FETCH_BACKLOG */
	size_t memory;      /* bytes of blocks requested, or here and not yet written, at most; 0: FETCH_MEMORY */
	/* No versions are kept: conflict copies, however many, stay in the share. */
	bool copies_stay;
	const struct fetch_ops *ops;
	void *ops_arg;
	/* Something at this path is not as our row says: the scan checks it. (local_hint) */
	void (*hint)(void *arg, const char *path);
	/* For `events`: installed, deleted, conflict (path: the copy's name; of: the path in conflict). */
	void (*installed)(void *arg, const struct record *r);
	void (*conflict)(void *arg, const char *path, const char *of);
	/* A file that had rotted is what its row says again; the rotten one was kept like any file that is replaced. */
	void (*repaired)(void *arg, const char *path);
	void (*problem)(void *arg, const char *path, const char *reason);
	/* Versions were kept (sync/versions), or the disk has no space for more: time to thin them. NULL: nobody
	 * does. */
	void (*versions)(void *arg);
	/* A member's changes are held from now on. May be NULL. */
	void (*burst)(void *arg, const struct fetch_burst *b);
	/* A path is dropped: the choices are to say that it is not wanted. The index is committed and safe before they
	 * are written, as is its part of their stamp; done(done_arg, ok) is called once they are safe, or cannot be
	 * written. NULL: nobody writes them. */
	void (*drop_choice)(void *arg, const char *path, void (*done)(void *done_arg, bool ok), void *done_arg);
	/* Idle became busy or the reverse; fewer records are unstored; a ticket's reason changed. */
	void (*state)(void *arg);
	void *arg;
};

struct fetch *fetch_new(const struct fetch_config *config);
/* Begins nothing new from now on. fetch_stopped(): the rows of everything that was being installed are written, so that
 * a clean stop leaves no file without its row. If a disk does not answer, it may never be true. */
void fetch_stop(struct fetch *f);
bool fetch_stopped(const struct fetch *f);
/* Once it is stopped; drops the rest. Parts stay for the next start. */
void fetch_free(struct fetch *f);
/* Makes tickets of what the index still wants; resumes parts, and removes those that nobody wants. */
void fetch_start(struct fetch *f);
/* Nothing new is begun while paused; what is under way is finished or cancelled. */
void fetch_pause(struct fetch *f, bool paused);

/* A record of a peer, in the order of its sequence numbers. bytes: the content of a small file, or NULL; copied.
 * blocks: a short block list, or NULL. The path has passed path_check and share_accepts. */
void fetch_record(struct fetch *f, uint64_t peer, const struct record *theirs, const uint8_t *bytes, size_t n,
                  const struct blocklist *blocks);
/* The same for a small file of which the peer says that `carrier` (short ID) brings the bytes, with its own record:
 * nothing is asked of others before it has, has left, or lets us wait. */
void fetch_record_carried(struct fetch *f, uint64_t peer, const struct record *theirs, uint64_t carrier);
/* A record of a peer that says the same as `ours`, a row that was just read, of what is at the path: where only our
 * row is concerned it becomes at once what both sides come to, and is noted as the peer's. Returns its number then,
 * which is the old one if nobody else was ever told of our rows; 0: it was taken like any other record. */
uint64_t fetch_record_same(struct fetch *f, uint64_t peer, const struct record *ours, const struct record *theirs);
/* The same for many of our rows at once, by their numbers and those of their twins, as index_join_later() takes them.
 * True: each became what both sides come to, and keeps its number. False: nothing was done, since something else may be
 * at work on one of them, or others have to hear of it. */
bool fetch_records_same(struct fetch *f, uint64_t peer, uint64_t writer, const struct index_pair *pairs, size_t n);
/* Gives our row, which was just read, another number, under which every peer is told of it. 0, -1. */
int fetch_tell_again(struct fetch *f, const struct record *ours);
/* The content of such a file, as any peer brings it: taken if a ticket waits for it or may in a moment, and verified
 * before it is installed. Copied. */
void fetch_relayed(struct fetch *f, uint64_t peer, const uint8_t root[32], const uint8_t *bytes, size_t n);
/* The NEWS message is complete: deletions and moves in it may now be judged together. */
void fetch_records_end(struct fetch *f, uint64_t peer);
/* The smallest sequence number of this peer whose record is in memory only, 0: none. All records below it are
 * stored. */
uint64_t fetch_unstored(const struct fetch *f, uint64_t peer);
/* Bytes of small files in memory, waiting to be installed: the caller stops acknowledging news above 16 MiB. */
size_t fetch_unstored_bytes(const struct fetch *f);

/* A peer drops this record's file and asks for it: whether our row is this version or a later one, its file is here,
 * and nobody drops it here. */
bool fetch_holds(struct fetch *f, const struct record *asked);
void fetch_hold_answer(struct fetch *f, uint64_t peer, uint32_t request, bool has);

/* What a peer that may not write says: it has this record's content, or (absent) not. It counts only where the content
 * is that of our row or of a listed record; nothing else follows from it. */
void fetch_has(struct fetch *f, uint64_t peer, const struct record *theirs);

/* A peer has settled more of our numbers, so it may have what no connected peer was known to have. What waits for that
 * is tried again soon: once for all that is settled meanwhile. */
void fetch_settled(struct fetch *f);

/* The peer connected, and may be asked; or it disconnected, and its open requests go to other peers. */
void fetch_peer_up(struct fetch *f, uint64_t peer);
void fetch_peer_down(struct fetch *f, uint64_t peer);
/* The peer has another role, or left; the index has forgotten its offers: tickets for them are judged again. */
void fetch_peer_left(struct fetch *f, uint64_t peer);

/* Answers. *bytes is taken over; none when the peer does not have it any more. block: SWARM_AS_ASKED, or the one that
 * the peer chose for a request of any. An answer to no request is dropped. */
void fetch_block(struct fetch *f, uint64_t peer, uint32_t request, uint32_t block, struct slab *bytes);
void fetch_out(struct fetch *f, uint64_t peer, uint32_t request);
/* A member that may write announces blocks of a file that has no record yet; the path is legal, and shared here.
 * False: the peer misbehaved. */
bool fetch_coming(struct fetch *f, uint64_t peer, const struct coming *said);
/* Which blocks a peer has: see get_take_map(), get_take_have(), get_is_getting(). False: the peer misbehaved. */
bool fetch_map(struct fetch *f, uint64_t peer, const struct swarm_map *map);
bool fetch_have(struct fetch *f, uint64_t peer, uint32_t map, const struct swarm_run *runs, size_t n);
bool fetch_is_getting(const struct fetch *f, const struct content *c);
/* Whether blocks of files come that have no record yet. */
bool fetch_is_coming(const struct fetch *f);
/* The path that a content of several blocks is being fetched for; NULL: none. */
const char *fetch_path(const struct fetch *f, const struct content *c);
/* blocks: as in blocklist_encode, n bytes from `first` on; NULL: it has no such content. Copied. */
void fetch_list(struct fetch *f, uint64_t peer, uint32_t request, uint32_t first, const uint8_t *blocks, size_t n);

/* The choices have changed, and index_choose() was called: what is wanted now is got, and what is not is left. */
void fetch_choices_changed(struct fetch *f);
/* The path, what is below it, or what the pattern covers, is got before all else. */
void fetch_first(struct fetch *f, const char *pattern);
enum fetch_drop_end {
	FETCH_DROPPED,     /* the disk is free of it, or never had it; it is not wanted any more */
	FETCH_DROP_REFUSED /* it is as it was; `why` is for people */
};
typedef void fetch_drop_done(void *arg, enum fetch_drop_end end, const char *why);
/* Removes a file, a symlink or an empty folder from this disk alone, and does not want it any more. Unless
 * even_if_last, a connected member that may write has to answer that it holds the file. done is called once, maybe from
 * inside. */
void fetch_drop(struct fetch *f, const char *path, bool even_if_last, fetch_drop_done *done, void *arg);
/* Whether the path is being dropped. */
bool fetch_is_dropping(const struct fetch *f, const char *path);
/* Calls add with each connected peer that has this content, as far as we know: at this path, or at another. */
void fetch_sources(struct fetch *f, const char *path, const struct content *c, void (*add)(void *to, uint64_t peer),
                   void *to);

/* Fetch this row's content again from any peer: its bytes here have rotted. */
void fetch_repair(struct fetch *f, const char *path);

/* The parts of downloads, for peers that ask us: each block that was verified can be served at once. Good as long as f
 * is. */
struct content_source fetch_source(struct fetch *f);

/* Whether a batch that is out may be changing this path just now. A scan that finds the path changed checks it again
 * when the batch is back (local_config.busy): it may have seen a file whose row is not written yet. */
bool fetch_installing(const struct fetch *f, const char *path);
/* A scan wrote this path's row: a ticket that waited for it is judged again at once. */
void fetch_row_changed(struct fetch *f, const char *path);

/* Nothing is wanted, unstored or being installed. */
bool fetch_idle(const struct fetch *f);

/* Bursts that are held (guard.h). Their changes are still wanted, so that the group is not in sync; a hold ends by
 * itself when the author undoes them. */
void fetch_bursts(const struct fetch *f, void (*fn)(void *arg, const struct fetch_burst *b), void *arg);
/* The holds were not accidents: they go through, and so do changes that wait for space among the versions. Returns how
 * many files that are. */
int64_t fetch_release(struct fetch *f);
/* Bytes of versions that may still be added and are spared when versions are thinned; INT64_MAX, as at the start: any
 * number. A change that would need more waits. */
void fetch_versions_budget(struct fetch *f, int64_t bytes);

struct fetch_download {
	const char *path;
	int64_t done, size;  /* bytes verified, of */
	int64_t rate;        /* bytes per second, over the last seconds */
	bool complete;       /* one of the last 32 completed */
	int64_t finished_s;  /* wall clock, when complete */
	const char *reason;  /* why it waits; NULL when it does not */
	uint64_t offered_by; /* short ID of the member that offers it, when no member gives the content; else 0 */
	int64_t since_s;     /* wall clock, with a reason: it has waited since then, however often it was tried */
	int64_t retry_s;     /* seconds until the next try; -1: when a member that has it connects; -2: when released */
};
/* Those under way first, then waiting with a reason (at most 1,000), then the last completed. */
void fetch_downloads(const struct fetch *f, bool (*fn)(void *arg, const struct fetch_download *d), void *arg);
/* Those of them that may wait with a reason, and no others. */
void fetch_each_waiting(const struct fetch *f, bool (*fn)(void *arg, const struct fetch_download *d), void *arg);
/* How many of them wait with a reason; counted beforehand. */
size_t fetch_waiting(const struct fetch *f);
/* Why the file at this path does not come now, for people; NULL: it comes, or nothing is known. Static text, or good
 * until the next turn. */
const char *fetch_waits_for(const struct fetch *f, const char *path);

/* A peer announced more than is accepted. */
struct fetch_refusal {
	uint64_t peer; /* short ID */
	/* Offers, which are accepted later, when fewer wait; else deletions of paths that were never here, which are
	 * not kept. */
	bool later;
	const char *path; /* of the first that was refused */
	uint64_t count;
	int64_t since_s; /* wall clock */
};
void fetch_refusals(const struct fetch *f, bool (*fn)(void *arg, const struct fetch_refusal *r), void *arg);

struct fetch_counters {
	uint64_t blocks_received, blocks_copied, blocks_patched, blocks_resumed, bytes_received, files_installed,
		files_renamed;
	uint64_t blocks_zeros;     /* that no peer had to send */
	uint64_t parts_taken_over; /* begun for another path */
};
struct fetch_counters fetch_counters(const struct fetch *f);
/* Queues and timers, for a bug report. */
void fetch_debug(const struct fetch *f, debug_fn *fn, void *arg);

#endif
