/* What the files of this folder share: the struct, the statements, how a record becomes a row. Nobody else includes it.
 *
 * Each file calls only files above it in this list:
 *
 * index_sql.c      the texts of tables and statements
 * index_codec.c    how a record becomes a row and comes back
 * index_stmt.c     statements, reading, and what a failure does
 * index_content.c  block lists and the positions of blocks
 * index_wal.c      syncing and checkpoints, for workers
 * index_txn.c      the open transaction and the numbers it gives
 * index_rows.c     our rows                  index_walk.c   rows in order
 * index_peers.c    peers, small named values
 * index_offers.c   what peers offer          index_wants.c  what this agent wants of it
 * index_install.c  what is being installed, and what an unfinished run left of it
 * index_forget.c   tombstones forgotten, new epochs
 * index_schema.c   tables made, upgraded and checked
 * index_open.c     opening, setting aside what is damaged, closing
 *
 * A path is stored as its key: the same bytes with '/' replaced by 0, which no path contains, so that SQLite's own byte
 * order is the order of a walk and everything below a folder is one range. */
#ifndef LANYARD_SYNC_INDEX_INDEX_INTERNAL_H
#define LANYARD_SYNC_INDEX_INDEX_INTERNAL_H

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sync/index/index.h"

enum {
	INDEX_APPLICATION_ID = 0x6c6e7964, /* "lnyd" */
	INDEX_SCHEMA = 6,                  /* user_version; a greater one is from a newer lanyard */
	INDEX_TXN_WRITES = 2000,           /* one transaction's writes before it commits by itself */
	INDEX_RESERVE = 65536,             /* numbers reserved durably at a time */
	INDEX_CACHE_KIB = 8000,            /* SQLite's page cache */
	INDEX_PAGE = 4096,
	INDEX_LIST_ROW = 110,     /* blocks in one row of `lists`: just under a page, so no overflow pages */
	INDEX_LIST_BITS = 14,     /* list row = content << 14 | number; 2^14 * 110 > CONTENT_MAX_BLOCKS */
	INDEX_BLOCK_BITS = 20,    /* position = content << 20 | block number */
	INDEX_VERSION_ENTRY = 16, /* bytes of one entry of a version */
	INDEX_SEQ_BITS = 48,      /* offer's ID = peer's row number << 48 | its sequence number, and INDEX_UNWANTED */
};

/* Set in the ID of an offer that this agent does not want. */
#define INDEX_UNWANTED (INT64_C(1) << 62)

/* SQL texts are in index_schema.c, in this order. */
enum index_stmt {
	STMT_BEGIN_READ,
	STMT_BEGIN,
	STMT_COMMIT,
	STMT_STATE_GET,
	STMT_STATE_COUNTERS,
	STMT_STATE_NUMBERS,
	STMT_ROW_GET,
	STMT_ROW_OLD,
	STMT_ROW_DELETE,
	STMT_ROW_INSERT,
	STMT_ROW_TOUCH,
	STMT_ROW_SINCE,
	STMT_ROW_FORGET,
	STMT_ROW_WALK,
	STMT_ROW_BY_ROOT,
	STMT_ROW_BY_INODE,
	STMT_ROW_HAS_ROOT,
	STMT_CONTENT_GET,
	STMT_CONTENT_BY_ID,
	STMT_CONTENT_INSERT,
	STMT_CONTENT_DEAD,
	STMT_CONTENT_NEXT_DEAD,
	STMT_CONTENT_DELETE,
	STMT_LIST_INSERT,
	STMT_LIST_GET,
	STMT_LIST_ROW,
	STMT_LIST_LAST,
	STMT_LIST_DELETE,
	STMT_POSITION_INSERT,
	STMT_POSITION_FIND,
	STMT_POSITION_DELETE,
	STMT_OFFER_SIZES,
	STMT_OFFER_INSERT,
	STMT_OFFER_DELETE,
	STMT_OFFER_KEY,
	STMT_OFFER_GET,
	STMT_OFFER_PATHS,
	STMT_OFFER_MIN,
	STMT_OFFER_DELETE_PEER,
	STMT_OFFER_ALL_SIZES,
	STMT_OFFER_CHOICES,
	STMT_OFFER_CHOOSE,
	STMT_OFFER_UNWANTED,
	STMT_WANT_PATHS,
	STMT_WANT_CONTENTS,
	STMT_WANT_COUNT,
	STMT_INSTALL_INSERT,
	STMT_INSTALL_DELETE,
	STMT_INSTALL_ALL,
	STMT_PEER_GET,
	STMT_PEER_INSERT,
	STMT_PEER_UPDATE,
	STMT_PEER_PROOF_GET,
	STMT_PEER_PROOF_PUT,
	STMT_PEER_ALL,
	STMT_PEER_SETTLED,
	STMT_KNOWN_CONFIRM,
	STMT_REJECTED_CLEAR,
	STMT_META_GET,
	STMT_META_PUT,
	STMT_COUNT,
};

/* Kept in the `state` row, written by the commit that changes them. */
struct index_counters {
	struct index_totals totals;
	int64_t offered;       /* paths for which there is an offer; not stored */
	int64_t missing;       /* of these, paths of which a wanted offer is there ... */
	int64_t missing_bytes; /* ... and the sum of their sizes: of each path the largest that is wanted */
};

/* What is open. A read transaction spares every single look-up SQLite's locking, and lasts until the end of the
 * turn. */
enum index_txn { INDEX_TXN_NONE, INDEX_TXN_READ, INDEX_TXN_WRITE };

enum index_health {
	INDEX_HEALTHY,
	INDEX_FAILED_UNREPORTED, /* writes were undone; index_commit has not said so yet */
	INDEX_FAILED_REPORTED,   /* refuses writes until index_commit succeeds */
};

struct index_leftover;

/* index_walk.c; here for those that make it let go of its statement. */
struct index_cursor {
	struct index *index;
	sqlite3_stmt *s; /* taken while running; NULL while paused */
	uint8_t under[RECORD_PATH_MAX];
	int under_len;                   /* 0: everything */
	uint8_t at[RECORD_PATH_MAX + 1]; /* the first key still to be given */
	int at_len;
	bool begun; /* `at` is the last key given and a 0 */
	bool ended;
	struct index_cursor *prev, *next; /* in index->cursors */
};

struct index {
	sqlite3 *db;
	char *path; /* of index.db */
	sqlite3_stmt *stmt[STMT_COUNT];
	bool taken[STMT_COUNT]; /* in use further up the stack; another user gets a private copy */

	uint64_t epoch;
	uint64_t seq;      /* last number given */
	uint64_t reserved; /* numbers up to this may be given: on disk for certain */
	bool clean;        /* on disk it says: nothing written since a clean end */

	enum index_txn txn;
	int writes;    /* in the open transaction */
	bool numbered; /* it gave new numbers */
	struct index_counters now;
	struct index_counters committed; /* as of the last commit; what a rollback goes back to */

	enum index_health health;
	bool full;          /* the failure was a full disk */
	bool damaged;       /* refuses everything */
	bool opening;       /* index_open() reports by itself */
	int64_t doubted_ns; /* when what looked like damage was last put down to the disk; 0: never */

	const struct choices *choices; /* what this agent wants; not ours */

	void (*on_commit)(void *arg);
	void *on_commit_arg;
	struct index_cursor *cursors; /* open ones */

	uint64_t peer;   /* short ID last looked up ... */
	int64_t peer_no; /* ... and its row; 0: none */

	int64_t forgotten; /* index_forgotten(); -1: has to be read again */

	struct index_leftover *leftovers; /* what an earlier life was placing, by path; owned */
	int64_t leftovers_last;           /* the greatest number of its notes; 0: none */

	bool dead_contents;   /* some list may be unreferenced */
	int64_t dead_check_s; /* wall clock of the next look at them */

	uint64_t commits;
	atomic_int wal_frames;          /* in the WAL after our last commit */
	atomic_int checkpointed_frames; /* of those, moved into the database */
	atomic_bool checkpoint_failed;  /* said so already */

	uint8_t key[RECORD_PATH_MAX + 1];                   /* scratch of one call, never across a callback */
	uint8_t version[VERSION_MAX * INDEX_VERSION_ENTRY]; /* the same */
	uint8_t base[VERSION_MAX * INDEX_VERSION_ENTRY];    /* the same */
	uint8_t mode_base[VERSION_MAX * INDEX_VERSION_ENTRY];
};

/* --- index_sql.c --- */
extern const char index_schema_sql[];
extern const char index_install_sql[];
extern const char *const index_sql[STMT_COUNT];

/* --- index_stmt.c --- */
/* A statement that the caller gives back; NULL when it cannot be prepared (reported). Opens a read transaction unless
 * one is open. */
sqlite3_stmt *index_stmt_take(struct index *index, enum index_stmt id);
void index_stmt_give(struct index *index, enum index_stmt id, sqlite3_stmt *s);
/* Steps a bound statement that returns no row and gives it back. 0, -1 with nothing reported. */
int index_stmt_run(struct index *index, enum index_stmt id, sqlite3_stmt *s);
/* The same of one that has nothing to bind. */
int index_stmt_run_bare(struct index *index, enum index_stmt id);
void index_stmt_finalize_all(struct index *index);
/* PRAGMA-like statements without results. */
int index_exec(struct index *index, const char *sql);
/* Gives back the statement that a cursor runs, or all cursors': they find their places again. */
void index_cursor_pause(struct index_cursor *c);
void index_cursors_pause(struct index *index);
/* Reports, undoes the open transaction, refuses writes from now on. Always -1, errno set. */
int index_write_failed(struct index *index, const char *what);
/* Reports. Always -1, errno set. */
int index_read_failed(struct index *index, const char *what);
/* The file contradicts itself: reported, to be rebuilt at the next open. Always -1, errno set. */
int index_found_damage(struct index *index, const char *what);
/* SQLite calls it damage as well when the disk refuses a read (SQLITE_IOERR_CORRUPTFS): whether one was refused of
 * late. */
bool index_disk_refused(struct index *index);

/* --- index_schema.c --- */
/* A query's only integer. 0, -1 with nothing reported. */
int index_query_int(struct index *index, const char *sql, int64_t *value);
/* From no tables (version 0), or those of an older schema, to ours, in one transaction: a process that is killed on the
 * way leaves what there was. After a failure it ends with the connection. 0, -1. */
int index_schema_make(struct index *index, int64_t version);
/* Whether the tables' texts are those that index_schema_make noted. */
bool index_schema_is_noted(struct index *index);
/* Whether every statement can be prepared. */
bool index_schema_fits(struct index *index);
/* Reads the row of state into *index. 0, -1. */
int index_load_state(struct index *index);

/* --- index_codec.c --- */
/* The path's key into index->key; its length, or -1 (ENAMETOOLONG) when there is no such path. */
int index_key(struct index *index, const char *path);
/* Bytes of path or key, as the key. */
void index_key_bytes(uint8_t *out, const char *path, size_t n);
char *index_path(const uint8_t *key, int n);
/* The fourteen columns that rows and wanted rows share. */
#define INDEX_RECORD_COLUMNS                                                                                   \
	"kind, deleted, mode, mtime_ns, size, nblocks, root, chunk_log2, target, version, modified_by, base, " \
	"mode_base, sum"
enum { INDEX_RECORD_NCOLUMNS = 14 };
void index_record_bind(struct index *index, sqlite3_stmt *s, int first, const struct record *r);
/* Reads key (one column), then the shared ones; everything else is zero. -1 when they are no record. */
int index_record_read(sqlite3_stmt *s, int key_column, int first, struct record *r);
/* A whole row of `files` as STMT_ROW_GET and its kin select it. */
int index_row_read(sqlite3_stmt *s, struct record *r);
int64_t index_h8(const uint8_t hash[32]);
bool index_has_root(const struct record *r); /* a live file that is not empty */
bool index_has_list(const struct record *r); /* a live file of two or more blocks */

/* --- index_txn.c --- */
/* Before each write: opens a transaction (or commits a long one and opens the next). -1 when writes are refused. */
int index_txn_write(struct index *index);
/* Commits what is open. */
int index_txn_commit(struct index *index);
/* Durably, outside of a transaction: epoch, reserved numbers, clean. */
int index_txn_save_numbers(struct index *index, uint64_t reserved, bool clean);

/* --- index_wal.c --- */
int index_wal_hook(void *arg, sqlite3 *db, const char *name, int frames);

/* --- index_content.c --- */
/* A row with this content is about to be written: its list is there afterwards. -1: failed, or (EINVAL, nothing
 * written) the list is neither known nor given. */
int index_content_keep(struct index *index, const struct content *c, const struct blocklist *blocks);
/* A row with this content is gone: remembers the list for deletion unless another row has it. */
int index_content_release(struct index *index, const struct content *c);
/* Deletes some lists that have been unreferenced for a while; in the open transaction. */
int index_content_sweep(struct index *index);

/* --- index_offers.c --- */
/* The ID below which no wanted (or unwanted) offer of the peer is. The next peer's ends the range. */
int64_t index_offer_first_id(int64_t peer_no, bool wanted);
/* index_offers_paths() by either of the two statements that select keys. */
int index_offers_each_path(struct index *index, enum index_stmt id, const char *after, int max,
                           bool (*fn)(void *arg, const char *path), void *arg);
/* Counts offers and wants from the table. 0, -1 with nothing reported. */
int index_offers_recount(struct index *index);
/* The smallest number among the peer's offers that are wanted (or not); 0: none; 1 when that cannot be read, so that
 * nothing of it counts as settled or known. */
uint64_t index_offers_min_seq(struct index *index, uint64_t peer, bool wanted);

/* --- index_peers.c --- */
/* The peer's row number, 0 when it has none (made when `create`), -1. */
int64_t index_peer_no(struct index *index, uint64_t peer, bool create);

/* --- index_install.c --- */
/* Reads what an earlier life noted. 0, -1. */
int index_leftovers_load(struct index *index);
void index_leftovers_free(struct index *index);

#endif
