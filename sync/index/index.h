/* The index of one group: our rows (one record per path, tombstones included), what peers offer that we do not have yet
 * and what of it this agent wants, the positions of blocks, and how far each peer and we have announced our rows to
 * each other. One SQLite file in WAL mode, index.db in the group's home folder; this folder is the only door to SQLite.
 * For the loop's thread, except where a function says otherwise.
 *
 * Writes gather in one open transaction. The owner commits it at the end of each turn of the loop (index_commit());
 * after 2,000 writes the index commits by itself. News are sent from on_commit, so never before their rows are
 * committed. A commit does not fsync (synchronous=NORMAL): the owner lets a worker call index_sync() soon afterwards,
 * and acknowledges nothing to a peer before that. A power cut cannot make us use a number twice: numbers are reserved
 * durably, 65,536 at a time, before any of them is given, and those that were reserved are skipped after an unclean
 * end.
 *
 * Reads see uncommitted writes. Callbacks may read and write the index, but not close it. Functions that return an int
 * return -1 after an error, which the index has logged, unless they say otherwise. */
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
	INDEX_NEW,     /* there was no index: it was created */
	INDEX_REBUILT, /* it was damaged and is kept as index.db.damaged-<time>; a new one was created */
	INDEX_NEWER,   /* a newer lanyard made it: nothing was changed or opened */
	INDEX_FAILED,  /* cannot be opened or created; errno and *why say why */
};

/* Opens or creates index.db in the folder `dir` (absolute path). *out is NULL for NEWER and FAILED. why: fresh text for
 * an admin if the status is not OK or NEW; the caller frees it. */
enum index_status index_open(struct index **out, const char *dir, char **why);
/* Commits, checkpoints, marks the end as clean and frees. NULL is allowed. */
void index_close(struct index *index);

/* Our epoch: it numbers our rows and is our writer in version vectors. Each new index begins another. */
uint64_t index_epoch(const struct index *index);
/* Begins another epoch, since a peer knows later numbers of ours than we do: the index was rolled back. The rows stay.
 * shared: the number up to which some member has settled our rows; our changes above it become changes of the new
 * writer. */
void index_new_epoch(struct index *index, uint64_t shared);
/* What others said counts for nothing any more, and is to be asked for again: tombstones, offers and listed records go,
 * live rows get an empty version, and another epoch begins. So what is here stays known to the scan, is not sent, and
 * makes way for any record that comes. The same for rows that are unshared. The index is to be closed and opened again
 * afterwards. 0, -1. */
int index_doubt(struct index *index);
/* Calls fn with each row that still has an empty version, until fn returns false. 0, -1. */
int index_doubtful(struct index *index, bool (*fn)(void *arg, const struct record *r), void *arg);
/* The greatest sequence number that a row was given so far, or may have been given before an unclean end; 0: none. */
uint64_t index_seq(const struct index *index);

/* 0, or -1 after a disk error, which was logged once; the index then refuses writes until index_commit() succeeds. Each
 * failure, also that of a put, makes at least one index_commit() return -1. What was written since the last commit is
 * undone then: the owner drops its connections (what peers were told that we have received is gone too), rescans, and
 * calls index_commit() again from time to time. After a full disk it succeeds once 4 MiB are free. */
int index_commit(struct index *index);
/* True once the file was found to contradict itself (logged once). All functions fail then until the index is closed
 * and opened again, which sets the file aside and returns INDEX_REBUILT. */
bool index_damaged(const struct index *index);
/* Calls fn(arg) after each commit of rows with new sequence numbers. There is one listener. */
void index_on_commit(struct index *index, void (*fn)(void *arg), void *arg);
/* How many commits have written something. */
uint64_t index_commits(const struct index *index);
/* Makes what was committed before the call safe from a power cut. Slow (fdatasync): for a worker thread, at any time.
 * 0, or -1 and errno, with nothing logged. */
int index_sync(const struct index *index);
/* Whether the index is on the file system with this device number. */
bool index_is_on_disk(const struct index *index, uint64_t dev);
/* Moves the WAL into the database. Slow (fsync): for a worker thread, at any time. */
void index_checkpoint(struct index *index);
/* About how many bytes the WAL holds that no checkpoint has moved. */
int64_t index_wal_bytes(const struct index *index);

/* Whether this agent is a reader of the group, as the roster says now: it makes no records of its own then, neither of
 * what its user changes nor by joining others' versions. Not stored; false when the index is opened. */
void index_set_reader(struct index *index, bool reader);
bool index_is_reader(const struct index *index);

/* --- our rows --- */
/* The row of a path: 1 and *r, which the caller clears; 0: it has none; -1. */
int index_get(struct index *index, const char *path, struct record *r);
/* Inserts or replaces the row and sets r->seq to the next number. blocks: the list of a file of two or more blocks
 * whose content may be new to the index; NULL if the index has it or the file needs none. A list stays for at least a
 * minute after its last row, since the deletion may arrive first when a file moves. -1 and EINVAL, with nothing
 * written, if such a list is neither known nor given, or does not fit the content. */
int index_put(struct index *index, struct record *r, const struct blocklist *blocks);
/* Our row with r->seq gets r's versions, modified_by, chunk_log2 and via; nothing else of it differs from r. It keeps
 * its number, so whoever was told of the number is not told of this. 0, -1. */
int index_join(struct index *index, const struct record *r);
/* Two rows that say the same, by their numbers: ours, and the peer's. */
struct index_pair {
	uint64_t ours, theirs;
};
/* What index_join() would make of many of our rows, each of which is as this index made it (record_is_as_made()) and
 * has not been replaced: what it and its twin come to (reconcile_twins()). The twin is as its maker made it too, the
 * peer with this short ID under this epoch, with the same chunk_log2. This writes little now; the rows are read as
 * joined at once. 1; 0: nothing was changed, since one of them is joined already or there is no room: join them one by
 * one; -1. */
int index_join_later(struct index *index, uint64_t peer, uint64_t writer, const struct index_pair *pairs, size_t n);
/* Writes some of the rows that are read as joined. 1: more may be left; 0: none was; -1. */
int index_join_some(struct index *index);
/* Whether rows are left to be written so. */
bool index_joins_left(const struct index *index);
/* How many of our rows were replaced, deleted or undone since the index was opened: while it stays the same, each row
 * that was read has its number still. */
uint64_t index_rows_gone(const struct index *index);
/* The row with this number: 1 and *r, which the caller clears; 0: there is none (any more); -1. */
int index_get_numbered(struct index *index, uint64_t seq, struct record *r);
/* A local change: bumps r->version with our epoch and the next number, sets modified_by and via = 0, then does what
 * index_put() does. Where that would silently succeed a listed version that r does not know, one of our own that we
 * have dropped, the writer is freshly drawn instead of our epoch. -1 and EOVERFLOW if no version is greater than r's:
 * that concerns this path alone, and the index is in order. */
int index_put_change(struct index *index, struct record *r, const struct blocklist *blocks, uint64_t short_id);
/* The bytes of a live row are gone by choice: the row goes, and its record is listed as absent under a new number,
 * unless something newer is listed. 0; -1, with EINVAL if the path has no live row. */
int index_drop(struct index *index, const char *path);
/* Marks the live row as being dropped, or takes the mark away. index_put() stores the mark as r->leaving says. 0,
 * -1. */
int index_leaving_put(struct index *index, const char *path, bool leaving);
/* Calls fn with at most max rows marked as leaving whose number is above `after`, by number, until fn returns false.
 * How many, or -1. */
int index_leaving(struct index *index, uint64_t after, int max, bool (*fn)(void *arg, const struct record *r),
                  void *arg);
/* Updates only `seen` of the row, whose file has the same content under another inode number or ctime. Gives no new
 * number. */
int index_touch(struct index *index, const char *path, const struct seen *seen);
/* Calls fn with the row of each live file that has this content, until fn returns false. None has the empty content. 0,
 * -1. */
int index_by_content(struct index *index, const struct content *c, bool (*fn)(void *arg, const struct record *r),
                     void *arg);
/* Calls fn with the row of each live file that was last seen with this inode number, until fn returns false: as far as
 * we know these are the names of one file. 0, -1. */
int index_by_inode(struct index *index, uint64_t ino, bool (*fn)(void *arg, const struct record *r), void *arg);
/* The list of a content of two or more blocks: 1 and *list; 0: not known; -1. A content of one block is its own
 * list. */
int index_blocks(struct index *index, const struct content *c, struct blocklist *list);
/* The part of the list from block `first` on: at least one block and at most `most`. 0 also if the content has no block
 * `first`. */
int index_blocks_part(struct index *index, const struct content *c, uint32_t first, uint32_t most,
                      struct blocklist *list);
/* A live file of ours that should have a block with this hash and length: 1 with its row in *r and where in it in
 * *offset; 0; -1. The file may have changed since, so the caller verifies the bytes. */
int index_find_block(struct index *index, const uint8_t hash[32], uint32_t len, struct record *r, int64_t *offset);
/* Totals of live rows, and how many tombstones there are. Kept up to date with each write. */
struct index_totals {
	int64_t files, dirs, symlinks, bytes, tombstones;
};
struct index_totals index_totals(const struct index *index);

/* Rows at and below a folder ("" is the whole share), tombstones included, in walk order: that of memcmp() on paths in
 * which '/' sorts below every other byte, so each folder comes before what it contains. A cursor may or may not see
 * changes that are made meanwhile, and stays valid. */
struct index_cursor;
struct index_cursor *index_walk(struct index *index, const char *under);
/* Like index_walk(), beginning with the first path that is not before `from`. */
struct index_cursor *index_walk_from(struct index *index, const char *under, const char *from);
/* From now on tombstones have their path and `deleted` only. */
void index_cursor_brief(struct index_cursor *c);
/* Whether a live row may be below this folder: false after at most `most` rows, all of them tombstones. */
bool index_may_live_below(struct index *index, const char *folder, int most);
/* The next row: 1 and *r, which the caller clears; 0 at the end; -1. */
int index_next(struct index_cursor *c, struct record *r);
/* NULL is allowed. */
void index_cursor_free(struct index_cursor *c);
/* Calls fn with at most max rows and listed records whose seq is above `after`, by ascending seq, until fn returns
 * false; those that fn writes are not among them. Listed ones have `absent` set, and `seen` zero. Returns how many, or
 * -1. */
int index_since(struct index *index, uint64_t after, int max, bool (*fn)(void *arg, const struct record *r), void *arg);
/* The same without rows above `above` that came from the peer `via`, as far as they are known without being read: those
 * of this run, unless they came in between others. */
int index_since_but(struct index *index, uint64_t after, int max, uint64_t via, uint64_t above,
                    bool (*fn)(void *arg, const struct record *r), void *arg);

/* --- the list: records that the group has of a path and this disk has not: not here at all, or newer or other than
 * what is here. Each has a number of ours, is told like a row, and goes when a row is written that knows it. An index
 * without any costs nothing for it. --- */
/* The list of r's path takes r (sync/plan/listing.h). What our live row knows is not listed; what a listed record knows
 * is neither. r may be a tombstone unless the path has a live row: it becomes the row, unless something live that is
 * listed outlives it. via: short ID of the peer that told it; 0: us. What changes gets new numbers. Offers of peers
 * that are not wanted, and that the list includes, go. 1: the list has changed; 0: r tells nothing new; -1, with EINVAL
 * for a tombstone where there is a live row. */
int index_list_add(struct index *index, const struct record *r, uint64_t via);
/* Calls fn with each record that is listed for the path beside its row, in any order, until fn returns false: `absent`
 * is set, seq is our number, via as it was given. fn may use the index. 0, -1. */
int index_list(struct index *index, const char *path, bool (*fn)(void *arg, const struct record *r), void *arg);
/* The winner of what is listed for the path: 1 and *r, which the caller clears; 0: nothing is; -1. */
int index_list_get(struct index *index, const char *path, struct record *r);
/* Deletes the listed records of the path that `known` knows. index_put() does it with its row. 0, -1. */
int index_list_forget(struct index *index, const char *path, const struct version *known);
/* Calls fn with each listed file that has this content, until fn returns false. None has the empty content. 0, -1. */
int index_list_by_content(struct index *index, const struct content *c, bool (*fn)(void *arg, const struct record *r),
                          void *arg);
/* Whether something is listed below this folder; true if that cannot be read. */
bool index_lists_below(struct index *index, const char *folder);
/* How many records are listed. Kept up to date with each write. */
int64_t index_listed(const struct index *index);

/* --- holders: a peer that is a mirror has what it has settled; what else we know are exceptions --- */
/* Notes that the peer (short ID) has, or has not, the content of r, our row or a listed record. It holds until the peer
 * says otherwise, or the path has another content. 0, -1. */
int index_holds_put(struct index *index, const struct record *r, uint64_t peer, bool has);
/* Calls fn with what was noted of each peer for the content of r, until fn returns false. 0, -1. */
int index_holders(struct index *index, const struct record *r, bool (*fn)(void *arg, uint64_t peer, bool has),
                  void *arg);
/* Whether the peer has the content of r, our row or a listed record with its number and via, as far as we know. */
bool index_has(struct index *index, const struct record *r, uint64_t peer);

/* --- what is its user's own: unshared, or changed by a reader. Such a path has no live row, so that nothing local
 * tells of it and nothing of the group touches it. --- */
enum aside_reason {
	ASIDE_UNSHARED = 1, /* its user does not share it */
	ASIDE_READER = 2,   /* we are a reader: what its user changed here is not shared */
};
/* Sets the path aside. A live row leaves the rows, without a tombstone, and its record is listed as absent under a new
 * number, unless something newer is listed. A path without a live row, or one that is set aside already, gets the
 * reason alone. 0, -1. */
int index_set_aside(struct index *index, const char *path, enum aside_reason why);
/* What is set aside at the path: 1, *why and *was, the row that went, which the caller clears, or zeros if there was
 * none; 0: nothing; -1. was and why may be NULL. */
int index_aside_get(struct index *index, const char *path, enum aside_reason *why, struct record *was);
/* The path is not set aside any more; its row, if it had one, is the caller's to put again: 1, 0 and -1 as
 * index_aside_get(). */
int index_bring_back(struct index *index, const char *path, struct record *was);
/* Calls fn with at most max of the paths at and below `under` ("": all) and behind `after` ("": from the first on) that
 * are set aside, in walk order, until fn returns false. How many, or -1. */
int index_asides(struct index *index, const char *under, const char *after, int max,
                 bool (*fn)(void *arg, const char *path, enum aside_reason why), void *arg);
/* How many paths are set aside for this reason. */
int64_t index_aside_count(const struct index *index, enum aside_reason why);

/* --- offers: records of peers that our rows do not include yet, wanted or not. The owner writes one when the record
 * arrives, before it acknowledges the record's number, and deletes it once our row includes it. What is listed for a
 * path is given among its offers, as those of peer 0. --- */
/* Inserts the peer's offer. Its older offers for the path go: those that this one knows, and what it had there before
 * if it says that it has this. Others stay beside it, 8 at most. One that an offer of the peer knows is not stored.
 * peer: short ID. -1 and ERANGE unless theirs->seq, the peer's number, is 1 to 2^48 - 1. */
int index_offer(struct index *index, uint64_t peer, const struct record *theirs);
/* Calls fn with each offer for a path, in any order, until fn returns false; r->seq is the peer's number, and r->absent
 * says that the peer has not the bytes. Listed records come with peer 0, our number, and their via. 0, -1. */
int index_offers(struct index *index, const char *path, bool (*fn)(void *arg, uint64_t peer, const struct record *r),
                 void *arg);
/* Whether something is offered or listed for the path. True if that cannot be read. */
bool index_is_offered(struct index *index, const char *path);
/* Whether anything is, at any path. */
bool index_any_offered(const struct index *index);
/* Calls fn with at most max of the paths behind `after` ("": from the first on) for which something is offered or
 * listed, each once, in walk order, until fn returns false. Returns how many, or -1. */
int index_offers_paths(struct index *index, const char *after, int max, bool (*fn)(void *arg, const char *path),
                       void *arg);
/* Deletes what `peer` offers for path (peer 0: what all peers do). What is listed stays. 0, -1. */
int index_offer_forget(struct index *index, const char *path, uint64_t peer);
/* Deletes all offers of a peer: its epoch has changed, or it has left the group. 0, -1. */
int index_offers_forget_peer(struct index *index, uint64_t peer);

/* --- wants: the offers and listed records that this agent has chosen to have (sync/plan/choose.h). An index that was
 * just opened is that of a mirror, which wants all of them. --- */
/* From now on `choices` decides what is wanted; what is offered and listed is judged again, and what peers offer and we
 * do not want is listed. It stays the caller's, and the index uses it until the next call or index_close(). To be
 * called again when its content has changed. 0, -1. */
int index_choose(struct index *index, const struct choices *choices);
enum { INDEX_CHOOSE_SLICE = 128 }; /* rows for one turn of the loop: about 1 ms */
/* The same for the loop, in slices: reads at most `rows` rows. 0: that was all; 1: index_choose_some() judges the
 * others; -1. A walk that has not ended has to begin again when the index is opened the next time. */
int index_choose_begin(struct index *index, const struct choices *choices, int rows);
/* Goes on with that: 0, 1, -1. */
int index_choose_some(struct index *index, int rows);
/* Whether rows are still to be judged: what is said to be wanted, or missing, is not yet what the choices say. */
bool index_choosing(const struct index *index);
/* The same, where only the choice of what is at and below this path can have changed: it reads nothing else, unless
 * that is so much that all is walked in slices. 0, 1, -1 as for index_choose_begin(). */
int index_choose_under(struct index *index, const struct choices *choices, const char *under);
const struct choices *index_choices(const struct index *index);
/* What choose() has to know of a path. 0; -1 with *state zeroed. */
int index_choose_state(struct index *index, const char *path, struct choose_state *state);
/* Whether this record is wanted, as the choices and the path's row stand. True if the row cannot be read. */
bool index_wants(struct index *index, const struct record *offer);
/* Like index_offers_paths(), for the paths of which an offer is wanted. */
int index_wants_paths(struct index *index, const char *after, int max, bool (*fn)(void *arg, const char *path),
                      void *arg);
/* Calls fn with the contents of wanted files, until fn returns false. Reads at most max offers behind *after (0: from
 * the first on), which it moves to the last one. Returns how many it has read, files or not; -1. */
int index_wants_contents(struct index *index, uint64_t *after, int max, bool (*fn)(void *arg, const struct content *c),
                         void *arg);
/* How many paths have an offer that is wanted; 0: nothing that we want is missing. Kept up to date with each write. */
int64_t index_wants_missing(const struct index *index);
/* The sum of their sizes: of each path the largest that is wanted. */
int64_t index_wants_missing_bytes(const struct index *index);
/* How many offers of this peer are wanted; counts them, to `most` at most. */
int64_t index_wants_of(struct index *index, uint64_t peer, int64_t most);
/* What "settled" means, as we acknowledge it to a peer: the number up to which each of its rows is stored here, as a
 * row or as an offer, and what we want of them is installed. received: the number up to which they are stored. */
uint64_t index_settled(struct index *index, uint64_t peer, uint64_t received);

/* --- installs: a row to come is noted before the disk is touched, so that the next run knows what it finds there
 * --- */
/* Notes that the row of r->path is about to become r, whose file is about to be installed. Returns the note's number,
 * or -1. The caller commits before it touches the disk. */
int64_t index_install_begin(struct index *index, const struct record *r);
/* Deletes the notes first to last: their rows are written, or nothing was installed. first 0: there are none. 0, -1. */
int index_install_end(struct index *index, int64_t first, int64_t last);
/* What a previous run was installing at this path when it ended, so that the file there is not taken for a user's
 * change; NULL: nothing. Valid until index_leftovers_forget(). */
const struct record *index_leftover(const struct index *index, const char *path);
/* Calls fn with each of these, in any order. */
void index_leftovers(const struct index *index, void (*fn)(void *arg, const struct record *r), void *arg);
/* Deletes them all, once a scan has seen what is there. */
void index_leftovers_forget(struct index *index);

/* --- peers: how far a peer and we have announced our rows to each other --- */
struct index_peer {
	uint64_t epoch;         /* of the peer's numbers; 0: we have never met */
	uint64_t received;      /* we have all of its rows up to this one, as rows or as offers */
	uint64_t settled;       /* it has settled all of our rows up to this one ... */
	uint64_t settled_epoch; /* ... in this epoch of ours */
	bool on_demand;         /* it was on demand when it last spoke to us */
	uint64_t mirror_until;  /* our number up to which it had settled when it was last a mirror */
	uint64_t listed_until;  /* our number up to which it had settled when last on demand: all it may only list */
};
/* Zeros when the peer is unknown. 0, -1. */
int index_peer_get(struct index *index, uint64_t peer, struct index_peer *p);
int index_peer_put(struct index *index, uint64_t peer, const struct index_peer *p);
/* How many of our rows and listed records the peer has not settled, folders aside; at most `most`. -1: nothing is known
 * of it. */
int64_t index_peer_behind(struct index *index, uint64_t peer, int64_t most);
/* An epoch proof: what the peer last signed of its own numbers. If it is rolled back, we show it the proof. */
struct index_proof {
	uint64_t epoch, number;
	uint8_t signature[64];
};
/* Zeros when there is none. 0, -1. */
int index_peer_proof_get(struct index *index, uint64_t peer, struct index_proof *proof);
int index_peer_proof_put(struct index *index, uint64_t peer, const struct index_proof *proof);
/* The peers that we have received anything from: how many, or -1. The caller frees *list. */
int index_peers(struct index *index, uint64_t **list);
/* Deletes the offers and numbers of a peer that is not a member any more, after index_note_peer(). 0, -1. */
int index_peer_forget(struct index *index, uint64_t peer);

/* --- forgetting tombstones: one goes when all members have settled it (docs/architecture.md). In its place we
 * remember, for each writer, the number up to which all its changes were known here: a record without a row that tells
 * of nothing else is one that was deleted and forgotten. --- */
/* Notes up to which number we know each peer's changes now, as far as we have received and settled them, and our own,
 * up to `shared`, which all members have settled. The notes count after index_confirm_known(). 0, -1. */
int index_note_known(struct index *index, uint64_t shared);
/* The same for one peer alone, whose epoch is about to change. 0, -1. */
int index_note_peer(struct index *index, uint64_t peer);
/* Notes that we know all changes of this epoch up to seq, though we may never have met whose it is: the agent has
 * shown by its signature that nothing which lives there at that number is missing here, or is other than here
 * (sync/seal/head.h). What somebody else says of it is no reason to call this. Never less than was noted before. -1
 * with EINVAL for our own epoch, and for a number that no row can have. 0, -1. */
int index_note_far(struct index *index, uint64_t epoch, uint64_t seq);
/* From now on what was noted counts as known. To be called before tombstones are forgotten on the strength of it. 0,
 * -1. */
int index_confirm_known(struct index *index);
/* We have not taken row `seq` of this epoch, so what we know of the epoch's changes ends before it. 0, -1. */
int index_note_rejected(struct index *index, uint64_t epoch, uint64_t seq);
/* Whether some row of an epoch was rejected. True if that cannot be read. */
bool index_has_rejected(struct index *index);
/* Deletes all notes of rejected rows: peers are about to send those rows again. 0, -1. */
int index_forget_rejected(struct index *index);
/* Reads some rows with *after < number <= upto and drops the tombstones among them, except those of a path that is
 * offered, and those whose version is full: of a folded version nobody can say whose changes it knows. Moves *after on;
 * it is upto at the end. Returns how many it has dropped, or -1. */
int index_forget(struct index *index, uint64_t *after, uint64_t upto);
/* The greatest number of a tombstone that was dropped; 0: none was. */
uint64_t index_forgotten(struct index *index);
/* Whether all changes that v tells of were known here when tombstones were dropped. If so, and v's path has no row, it
 * was deleted. */
bool index_knows(struct index *index, const struct version *v);

/* Notes that a peer is about to be told of our rows. */
int index_note_told(struct index *index, uint64_t peer);
/* Whether nobody but this peer was ever told of a row of this epoch. False where that is not known for certain. */
bool index_told_only(const struct index *index, uint64_t peer);

/* --- small named values --- */
/* 1 and *value; 0: there is none, and *value is 0; -1. */
int index_meta_get(struct index *index, const char *key, int64_t *value);
int index_meta_put(struct index *index, const char *key, int64_t value);
/* Name of a value that is 1 from the creation of an index until its owner sets it to 0: the share may not have been
 * made yet. */
#define INDEX_META_FRESH "fresh"
/* Name of a value: the stamp of the choices that the index has followed (sync/share/choices.h). */
#define INDEX_META_STAMP "choices stamp"
/* Name of a value: we announce all rows up to this number of ours again, since ignore rules that kept some of them back
 * have changed. */
#define INDEX_META_RETELL "retell"
/* Name of a value, of index_note_told(): a short ID; 0: nobody was told; -1: several were. An index that was made
 * before there was such a value has none. */
#define INDEX_META_TOLD "told"

#endif
