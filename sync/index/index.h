/* The index of one group: our rows (one record per path, tombstones included), what peers offer that we do not have yet and what of
 * it this agent wants, block positions, and how far each peer and we have told each other. One SQLite file in WAL mode,
 * index.db in the group's home folder; this folder is the only door to SQLite. The loop's thread only.
 *
 * Writes gather in one open transaction, which the end of the loop's turn commits (index_commit(), called by a loop hook
 * of the owner, or earlier by itself after 2,000 writes); news are sent from on_commit, so never before their row is
 * committed. Commits do not fsync (synchronous=NORMAL): the owner has index_sync() done by a worker soon after, and nothing is
 * acknowledged to a peer before. What keeps a power cut from reusing a number is that numbers are reserved durably in advance,
 * 65,536 at a time, and skipped after an unclean end.
 * Reads see uncommitted writes. Callbacks may read and write the index, but not close it. */
#ifndef LANYARD_SYNC_INDEX_INDEX_H
#define LANYARD_SYNC_INDEX_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "sync/plan/blocklist.h"
#include "sync/plan/choose.h"
#include "sync/plan/record.h"

struct index;

enum index_status {
	INDEX_OK,
	INDEX_NEW,     /* there was none: created */
	INDEX_REBUILT, /* it was damaged: kept as index.db.damaged-<time>, a new one was created */
	INDEX_NEWER,   /* made by a newer lanyard: left alone, nothing opened */
	INDEX_FAILED,  /* cannot be opened or created; errno and *why say why */
};

/* Opens or creates index.db in the folder `dir` (absolute path). *out is NULL for NEWER and FAILED. why: fresh text for
 * an admin when the status is not OK or NEW; the caller frees. */
enum index_status index_open(struct index **out, const char *dir, char **why);
/* Commits, checkpoints, marks the end as clean, frees. */
void index_close(struct index *index);

/* Our writer number in version vectors, new for every new index. Also the epoch of our sequence numbers. */
uint64_t index_epoch(const struct index *index);
/* Starts a new epoch (a peer knows later numbers of ours than we do: the index was rolled back). Rows stay; changes of ours that no
 * peer has settled become changes of the new writer. */
void index_new_epoch(struct index *index);
/* The greatest sequence number given to a row so far; 0 when none. After an unclean end: the greatest that may have been. */
uint64_t index_seq(const struct index *index);

/* 0, or -1 after a disk error, which was logged once; the index then refuses writes until index_commit succeeds. Every failure
 * is told by at least one -1 of index_commit, also one that a put met. What was written since the last commit is undone
 * then: the owner drops its connections (what they were told to have received is gone too), rescans, and tries
 * index_commit again now and then. After a full disk it succeeds once 4 MiB are free. */
int index_commit(struct index *index);
/* The file was found to contradict itself (logged once): everything fails until it is closed and opened again, which sets
 * it aside and gives INDEX_REBUILT. */
bool index_damaged(const struct index *index);
/* fn(arg) after each commit that gave new sequence numbers. One listener. */
void index_on_commit(struct index *index, void (*fn)(void *arg), void *arg);
/* How many commits that wrote something there were. */
uint64_t index_commits(const struct index *index);
/* Makes what was committed before the call safe from a power cut; slow (fdatasync): for a worker thread, which may call it at any
 * time. 0, or -1 and errno. */
int index_sync(const struct index *index);
/* Whether fd is on the disk that the index is on. */
bool index_is_on_disk(const struct index *index, uint64_t dev);
/* Moves the WAL into the database; slow (fsync): for a worker thread, which may call it at any time. */
void index_checkpoint(struct index *index);
/* Bytes in the WAL since the last checkpoint, roughly. */
int64_t index_wal_bytes(const struct index *index);

/* --- our rows --- */
/* 1 and *r filled (the caller clears it), 0 when there is none, -1 on error. */
int index_get(struct index *index, const char *path, struct record *r);
/* Inserts or replaces the row; gives it the next number (r->seq is set). blocks: the list of a file of two or more blocks
 * whose content may be new to the index; NULL when the index has it or none is needed (a list stays for at least a minute
 * after its last row went, so that a move may come as a deletion first). -1 and EINVAL, with nothing written, when such a
 * list is neither known nor given, or does not fit the content. */
int index_put(struct index *index, struct record *r, const struct blocklist *blocks);
/* A local change: like index_put, after bumping r->version with our epoch and the new number; sets modified_by, and via = 0.
 * -1 and EOVERFLOW when there is no version beyond r's: that is this path's trouble, and the index is in order. */
int index_put_change(struct index *index, struct record *r, const struct blocklist *blocks, uint64_t short_id);
/* Updates only `seen` of the row (a look found the same content with another inode or ctime). No new number. */
int index_touch(struct index *index, const char *path, const struct seen *seen);
/* Rows of a content: calls fn for live files with it until fn returns false. 0, -1. None for the empty content. */
int index_by_content(struct index *index, const struct content *c, bool (*fn)(void *arg, const struct record *r),
                     void *arg);
/* Rows of live files that were last seen with this inode number, the names of one file by all that is known: calls fn until it returns
 * false. 0, -1. */
int index_by_inode(struct index *index, uint64_t ino, bool (*fn)(void *arg, const struct record *r), void *arg);
/* The list of a content of two or more blocks: 1 / 0 / -1. For one block make it from the content itself. */
int index_blocks(struct index *index, const struct content *c, struct blocklist *list);
/* The same of its blocks from `first` on, at most `most` of them and at least one; 0 as well when it has no so many. */
int index_blocks_part(struct index *index, const struct content *c, uint32_t first, uint32_t most,
                      struct blocklist *list);
/* Where a block with this hash and length is said to be in a live local file: 1 and *r and *offset, 0, -1. The bytes must
 * be verified. */
int index_find_block(struct index *index, const uint8_t hash[32], uint32_t len, struct record *r, int64_t *offset);
/* Totals of live rows: kept up to date, no scan. */
struct index_totals {
	int64_t files, dirs, symlinks, bytes, tombstones;
};
struct index_totals index_totals(const struct index *index);

/* Rows at and below a folder ("" is all) in memcmp order of the path with '/' sorting below every other byte, which is
 * the order of a walk that visits a folder's entries sorted by name, each folder before its content. Tombstones
 * included. The cursor sees changes made meanwhile or not; it is never invalid. */
struct index_cursor;
struct index_cursor *index_walk(struct index *index, const char *under);
/* Like index_walk, starting at the first path >= from in that order. */
struct index_cursor *index_walk_from(struct index *index, const char *under, const char *from);
/* 1 and *r (cleared by the caller), 0 at the end, -1. */
int index_next(struct index_cursor *c, struct record *r);
void index_cursor_free(struct index_cursor *c);
/* Rows with seq > after, in that order, at most max, none that fn adds; fn returns false to stop early. Returns the number given or -1. */
int index_since(struct index *index, uint64_t after, int max, bool (*fn)(void *arg, const struct record *r), void *arg);

/* --- offers: what peers have that our rows do not include yet, wanted or not. One for each (path, peer); written when a record
 * arrives, before its number is acknowledged; deleted when our row has come to equal or pass it --- */
/* Inserts or replaces. peer: short ID. theirs->seq is the peer's number: -1 and ERANGE unless it is 1 to 2^48 - 1. */
int index_offer(struct index *index, uint64_t peer, const struct record *theirs);
/* All peers' offers for a path, in any order, with the peer's seq. 0, -1. */
int index_offers(struct index *index, const char *path, bool (*fn)(void *arg, uint64_t peer, const struct record *r),
                 void *arg);
/* Whether any peer offers something for the path. True when that cannot be read. */
bool index_is_offered(struct index *index, const char *path);
/* Distinct paths after `after` ("" first) for which there is an offer, in walk order, at most max. fn gets one path. Returns the
 * number given or -1. */
int index_offers_paths(struct index *index, const char *after, int max, bool (*fn)(void *arg, const char *path),
                       void *arg);
/* Forgets what `peer` offers for path (peer 0: what all peers do). */
int index_offer_forget(struct index *index, const char *path, uint64_t peer);
/* Forgets all that a peer offers (its epoch changed, or it left the group). */
int index_offers_forget_peer(struct index *index, uint64_t peer);

/* --- wants: the offers that this agent has chosen to have (sync/plan/choose.h). An index that was just opened is a mirror's: it wants
 * all of them --- */
/* From now on `choices`, which stays the caller's and has to outlive its use here, decides what is wanted; what is offered already
 * is judged again. Call it again when its content has changed. 0, -1. */
int index_choose(struct index *index, const struct choices *choices);
const struct choices *index_choices(const struct index *index);
/* Like index_offers_paths, of the paths for which something is wanted. */
int index_wants_paths(struct index *index, const char *after, int max, bool (*fn)(void *arg, const char *path),
                      void *arg);
/* The contents of wanted files, in the order of their rows: from behind *after (0 first) on, which moves on, at most max rows.
 * How many rows it looked at, files or not; -1. */
int index_wants_contents(struct index *index, uint64_t *after, int max, bool (*fn)(void *arg, const struct content *c),
                         void *arg);
/* How many paths have an offer that is wanted: 0 means that nothing we want is missing. Kept up to date, no scan. */
int64_t index_wants_missing(const struct index *index);
/* The sum of their sizes; where peers differ, the largest. */
int64_t index_wants_missing_bytes(const struct index *index);
/* How many offers of this peer are wanted; counted, to `most` at most. */
int64_t index_wants_of(struct index *index, uint64_t peer, int64_t most);
/* Up to which of its numbers we have settled what the peer has told us: each row up to there is stored (of the peer's rows all
 * up to `received` are, as rows or as offers), and what we want of them is installed. */
uint64_t index_settled(struct index *index, uint64_t peer, uint64_t received);

/* --- what is being put in its place --- */
/* Notes that our row of r->path is about to become r, whose file is on its way to the disk. The note's number, or -1. It is
 * committed like any write, which has to be before the disk is touched. */
int64_t index_install_begin(struct index *index, const struct record *r);
/* Notes first to last are over: their rows are written, or nothing came of them. None for first 0. */
int index_install_end(struct index *index, int64_t first, int64_t last);
/* What an earlier life was putting at this path when it ended, so that what stands there is not taken for a user's; NULL:
 * nothing. Valid until index_leftovers_forget. */
const struct record *index_leftover(const struct index *index, const char *path);
/* All of that, in any order. */
void index_leftovers(const struct index *index, void (*fn)(void *arg, const struct record *r), void *arg);
/* All there is has been looked at: forgets what earlier lives left. */
void index_leftovers_forget(struct index *index);

/* --- how far we and a peer have told each other --- */
struct index_peer {
	uint64_t epoch;         /* of the peer's numbers; 0: never met */
	uint64_t received;      /* of its rows we have all up to this one, as rows or as wanted */
	uint64_t settled;       /* it has installed (or passed) all of our rows up to this one ... */
	uint64_t settled_epoch; /* ... of this epoch of ours */
};
int index_peer_get(struct index *index, uint64_t peer, struct index_peer *p); /* zeros when unknown */
int index_peer_put(struct index *index, uint64_t peer, const struct index_peer *p);
/* What the peer has signed of its numbers last: by which it will know that its own index went back. */
struct index_proof {
	uint64_t epoch, number;
	uint8_t signature[64];
};
int index_peer_proof_get(struct index *index, uint64_t peer, struct index_proof *shown); /* zeros when there is none */
int index_peer_proof_put(struct index *index, uint64_t peer, const struct index_proof *shown);
/* The peers of whom anything was received: how many, or -1. The caller frees *list. */
int index_peers(struct index *index, uint64_t **list);
/* Forgets what this peer said and how far it came, but for what it shows to be known: it is a member no longer. 0, -1. */
int index_peer_forget(struct index *index, uint64_t peer);

/* --- tombstones (docs/architecture.md): dropped when all members have them; what is remembered instead is up to which number each
 * writer's changes were known here --- */
/* Notes what is known now: peers' changes as far as they were received and settled, our own up to `shared`, which all
 * members have. It counts after index_confirm_known. 0, -1. */
int index_note_known(struct index *index, uint64_t shared);
int index_confirm_known(struct index *index);
/* Of one peer, whose epoch is about to be another. */
int index_note_peer(struct index *index, uint64_t peer);
/* This row of that epoch was not taken: we know of its changes only those before. / All are asked for again. */
int index_note_rejected(struct index *index, uint64_t epoch, uint64_t seq);
int index_forget_rejected(struct index *index);
/* Looks at some rows with *after < number <= upto and drops those tombstones that nothing is wanted of, and whose version is not
 * full (of a folded one it cannot be said whose changes it knows); *after moves on, and is
 * upto at the end. How many were dropped, -1. */
int index_forget(struct index *index, uint64_t *after, uint64_t upto);
/* The greatest number a dropped tombstone had; 0: none was ever dropped. */
uint64_t index_forgotten(struct index *index);
/* Whether tombstones were dropped, and all changes this version tells of were known here: if its path has no row, it was
 * deleted. */
bool index_knows(struct index *index, const struct version *v);

/* Small named values (schema "meta"): 1 / 0 / -1. */
int index_meta_get(struct index *index, const char *key, int64_t *value);
int index_meta_put(struct index *index, const char *key, int64_t value);
/* 1 from the moment an index was created until its owner says 0: its share may not have been made yet. */
#define INDEX_META_FRESH "fresh"
/* Members are told all rows up to this number of ours again: what the rules left out when they were told may be shared now. */
#define INDEX_META_RETELL "retell"

#endif
