/* Shared by the files of this folder: the struct, the statements, and how a record becomes a row. No other folder
 * includes it.
 *
 * Each file calls only files above it in this list:
 *
 * index_sql.c: the texts of tables and statements; index_joins.c: what a meeting joined, in memory; index_codec.c: how
 * a record becomes a row and comes back; index_recent.c: rows of a moment ago, in memory; index_runs.c: whose rows the
 * latest numbers are; index_stmt.c: statements, reading, and what a failure does; index_filter.c: which digests the
 * table lacks; index_digests.c: which rows have a content; index_by_root.c: rows found by what is in them;
 * index_content.c: block lists and the positions of blocks;
 * index_wal.c: syncing and checkpoints, for workers; index_txn.c: the open transaction and the numbers it gives;
 * index_rows.c: our rows; index_walk.c: rows in order; index_peers.c: peers, small named values; index_holds.c: who
 * has what; index_asides.c: what is set aside, read; index_offers.c: what peers offer; index_list.c: what the group
 * has and we do not; index_wants.c: what this agent wants of both; index_put.c: rows written, dropped, set aside;
 * index_join_later.c: what a meeting joined, stored and written; index_since.c: rows and listed records by number;
 * index_install.c: what is being installed, and what an unfinished run left of it; index_forget.c: tombstones
 * forgotten, new epochs; index_sealed.c: how contents were sealed; index_bases.c: what
 * vaults were given; index_vault_objects.c: what a vault stores, and
 * what is needed of it; index_vault.c: its cores and mail; index_heads.c: signed heads; index_schema.c: tables made,
 * upgraded and checked; index_open.c: opening, setting aside what is damaged, closing.
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
#include "sync/index/index_vault.h"

enum {
	INDEX_APPLICATION_ID = 0x6c6e7964, /* "lnyd" */
	INDEX_SCHEMA = 11,                 /* user_version; a greater one is from a newer lanyard */
	INDEX_TXN_WRITES =
		2000,           /* one transaction's writes before it commits by itself; each gives one number or two */
	INDEX_RESERVE = 65536,  /* numbers reserved durably at a time */
	INDEX_CACHE_KIB = 8000, /* SQLite's page cache */
	INDEX_PAGE = 4096,
	INDEX_LIST_ROW = 110,     /* blocks in one row of `lists`: just under a page, so no overflow pages */
	INDEX_LIST_BITS = 14,     /* list row = content << 14 | number; 2^14 * 110 > CONTENT_MAX_BLOCKS */
	INDEX_BLOCK_BITS = 20,    /* position = content << 20 | block number */
	INDEX_VERSION_ENTRY = 16, /* bytes of one entry of a version */
	INDEX_SEQ_BITS = 48,      /* offer's ID = peer's row number << 48 | its sequence number, and INDEX_UNWANTED */
};

/* Set in the ID of an offer that this agent does not want. */
#define INDEX_UNWANTED (INT64_C(1) << 62)

/* Bits of the column `marks`: of a row, and of an offer. */
enum { INDEX_MARK_LEAVING = 1, INDEX_MARK_ABSENT = 2 };

/* The tables of what an index had not before schema 7. holds.what: the number of the content that is meant
 * (index_holds.c). aside.version NULL: the path had no row. */
#define INDEX_ASIDE_SQL                                                                                         \
	"CREATE INDEX wanted_h8 ON wanted(h8) WHERE h8 IS NOT NULL;"                                            \
	"CREATE TABLE holds(key BLOB, peer INTEGER, what INTEGER NOT NULL, has INTEGER NOT NULL,"               \
	" PRIMARY KEY(key, peer)) WITHOUT ROWID;"                                                               \
	"CREATE TABLE aside(key BLOB PRIMARY KEY, why INTEGER NOT NULL, seq INTEGER, h8 INTEGER, kind INTEGER," \
	" deleted INTEGER, mode INTEGER, mtime_ns INTEGER, size INTEGER, nblocks INTEGER, root BLOB,"           \
	" chunk_log2 INTEGER, target BLOB, version BLOB, modified_by INTEGER, base BLOB, mode_base BLOB,"       \
	" sum INTEGER, via INTEGER, seen_size INTEGER, seen_mtime_ns INTEGER, seen_ctime_ns INTEGER,"           \
	" seen_ino INTEGER, seen_mode INTEGER, marks INTEGER);"                                                 \
	"CREATE INDEX aside_h8 ON aside(h8) WHERE h8 IS NOT NULL;"

/* Since schema 8 (index_digests.c). */
#define INDEX_DIGESTS_SQL "CREATE TABLE digests(h8 INTEGER, seq INTEGER, PRIMARY KEY(h8, seq)) WITHOUT ROWID;"

/* Since schema 9: sealed groups. Every index has these tables; in a plain group they are empty.
 * sealed_contents: what a member knows of how a content was sealed; list: page entries, or the names of pages.
 * heads: the newest of each agent (index_heads.c). vault_*: what a vault keeps (index_vault.c, index_vault_objects.c).
 * vault_cores.superseded: since when (seconds) another version of the path includes it; NULL: it stands. bytes: of the
 * core and its endorsement. vault_paths.id: generation, path ID. vault_objects.name: kind, generation,
 * name; dead: since when (seconds) nothing refers to it; at: when it came
 * (seconds). needs: the names of what a page refers to; gone: its file
 * is missing or bad. */
#define INDEX_SEALED_SQL                                                                                       \
	"CREATE TABLE sealed_contents(root BLOB PRIMARY KEY, size INTEGER NOT NULL, nblocks INTEGER NOT NULL," \
	" generation INTEGER NOT NULL, paged INTEGER NOT NULL, list BLOB NOT NULL) WITHOUT ROWID;"             \
	"CREATE TABLE heads(agent BLOB PRIMARY KEY, epoch INTEGER NOT NULL, number INTEGER NOT NULL,"          \
	" head BLOB NOT NULL) WITHOUT ROWID;"                                                                  \
	"CREATE TABLE vault_cores(seq INTEGER PRIMARY KEY, path INTEGER NOT NULL, name BLOB NOT NULL UNIQUE,"  \
	" deleted INTEGER NOT NULL, generation INTEGER NOT NULL, endorser BLOB NOT NULL, superseded INTEGER,"  \
	" at INTEGER NOT NULL, bytes INTEGER NOT NULL, core BLOB NOT NULL, endorsement BLOB NOT NULL);"        \
	"CREATE INDEX vault_cores_path ON vault_cores(path);"                                                  \
	"CREATE INDEX vault_cores_old ON vault_cores(superseded) WHERE superseded IS NOT NULL;"                \
	"CREATE INDEX vault_cores_deleted ON vault_cores(at) WHERE deleted = 1 AND superseded IS NULL;"        \
	"CREATE TABLE vault_paths(id BLOB PRIMARY KEY, path INTEGER NOT NULL) WITHOUT ROWID;"                  \
	"CREATE INDEX vault_paths_path ON vault_paths(path);"                                                  \
	"CREATE TABLE vault_objects(id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, size INTEGER NOT NULL," \
	" sum BLOB NOT NULL, refs INTEGER NOT NULL, dead INTEGER, needs BLOB, gone INTEGER);"                  \
	"CREATE INDEX vault_objects_dead ON vault_objects(dead) WHERE dead IS NOT NULL;"                       \
	"CREATE INDEX vault_objects_gone ON vault_objects(gone) WHERE gone IS NOT NULL;"                       \
	"CREATE TABLE vault_mail(recipient BLOB NOT NULL, sender BLOB NOT NULL, at INTEGER NOT NULL,"          \
	" envelope BLOB NOT NULL, PRIMARY KEY(recipient, sender)) WITHOUT ROWID;"

/* Since schema 10 (index_join_later.c). peer, writer: who has the twins, and the epoch of their versions; epoch: ours.
 * pairs: numbers, 8 bytes each, ours and the twin's. */
#define INDEX_JOINS_SQL                                                                              \
	"CREATE TABLE joins(id INTEGER PRIMARY KEY, peer INTEGER NOT NULL, writer INTEGER NOT NULL," \
	" epoch INTEGER NOT NULL, pairs BLOB NOT NULL, sum INTEGER NOT NULL);"

/* Since schema 11 (index_bases.c). One row for each block that a vault, `peer`, was given whole: where it is in the
 * file, its hash, the generation that it was sealed with, and digests of its leaves. */
#define INDEX_BASES_SQL                                                                                   \
	"CREATE TABLE bases(id INTEGER PRIMARY KEY, path BLOB NOT NULL, peer INTEGER NOT NULL,"           \
	" offset INTEGER NOT NULL, len INTEGER NOT NULL, generation INTEGER NOT NULL, sha BLOB NOT NULL," \
	" leaves BLOB NOT NULL);"                                                                         \
	"CREATE UNIQUE INDEX bases_block ON bases(path, peer, offset);"

/* Their texts are in index_sql.c. */
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
	STMT_ROW_INSERT_FIRST,
	STMT_ROW_TOUCH,
	STMT_ROW_JOIN,
	STMT_JOINS_INSERT,
	STMT_JOINS_NEXT,
	STMT_JOINS_DELETE,
	STMT_ROW_NUMBERED,
	STMT_ROW_SINCE,
	STMT_ROW_DOUBTFUL,
	STMT_ROW_MARK,
	STMT_ROW_LEAVING,
	STMT_ROW_FORGET,
	STMT_ROW_COUNT,
	STMT_LISTED_COUNT,
	STMT_ROW_WALK,
	STMT_ROW_BELOW,
	STMT_ROW_BY_ROOT,
	STMT_ROW_BY_INODE,
	STMT_ROW_BY_SEQ,
	STMT_ASIDE_HAS_ROOT,
	STMT_DIGEST_ROWS,
	STMT_DIGEST_NEXT,
	STMT_DIGEST_INSERT,
	STMT_DIGEST_DELETE,
	STMT_STATE_DIGESTED,
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
	STMT_OFFER_BY_ID,
	STMT_OFFER_RANGE,
	STMT_OFFER_BY_ROOT,
	STMT_OFFER_STATES,
	STMT_OFFER_NEXT_KEY,
	STMT_OFFER_LISTED,
	STMT_OFFER_PATHS,
	STMT_OFFER_MIN,
	STMT_OFFER_DELETE_PEER,
	STMT_OFFER_ALL_SIZES,
	STMT_OFFER_CHOICES,
	STMT_OFFER_CHOOSE,
	STMT_WANT_PATHS,
	STMT_WANT_FEW,
	STMT_WANT_CONTENTS,
	STMT_WANT_COUNT,
	STMT_HOLD_PUT,
	STMT_HOLD_GET,
	STMT_HOLD_ALL,
	STMT_HOLD_FORGET,
	STMT_HOLD_FORGET_PEER,
	STMT_HOLD_ANY,
	STMT_ASIDE_MOVE,
	STMT_ASIDE_BARE,
	STMT_ASIDE_WHY,
	STMT_ASIDE_GET,
	STMT_ASIDE_DELETE,
	STMT_ASIDE_PATHS,
	STMT_ASIDE_COUNT,
	STMT_INSTALL_INSERT,
	STMT_INSTALL_DELETE,
	STMT_INSTALL_ALL,
	STMT_PEER_GET,
	STMT_PEER_INSERT,
	STMT_PEER_UPDATE,
	STMT_PEER_PROOF_GET,
	STMT_PEER_PROOF_PUT,
	STMT_PEER_ALL,
	STMT_KNOWN_CONFIRM,
	STMT_REJECTED_CLEAR,
	STMT_REJECTED_ANY,
	STMT_META_GET,
	STMT_META_PUT,
	STMT_SEALED_GET,
	STMT_SEALED_PUT,
	STMT_SEALED_NEXT,
	STMT_SEALED_LISTED,
	STMT_SEALED_DELETE,
	STMT_BASES_GET,
	STMT_BASES_FIRST,
	STMT_BASE_CUT,
	STMT_BASE_PUT,
	STMT_BASE_NEXT,
	STMT_BASE_FORGET,
	STMT_CORE_INSERT,
	STMT_CORE_BEAT,
	STMT_CORE_RENUMBER,
	STMT_CORE_DELETE,
	STMT_CORE_PATH,
	STMT_CORE_AT,
	STMT_CORE_SINCE,
	STMT_CORE_OLD,
	STMT_CORE_DELETED,
	STMT_PATH_FIND,
	STMT_PATH_PUT,
	STMT_PATH_JOIN,
	STMT_PATH_JOIN_CORES,
	STMT_PATH_FORGET,
	STMT_OBJECT_GET,
	STMT_OBJECT_NEEDS,
	STMT_OBJECT_INSERT,
	STMT_OBJECT_RETURN,
	STMT_OBJECT_DELETE,
	STMT_OBJECT_UP,
	STMT_OBJECT_DOWN,
	STMT_OBJECT_LOSE,
	STMT_OBJECT_LACKS,
	STMT_OBJECT_DEAD,
	STMT_OBJECT_AFTER,
	STMT_MAIL_PUT,
	STMT_MAIL_GET,
	STMT_MAIL_FORGET,
	STMT_HEAD_PUT,
	STMT_HEAD_GET,
	STMT_HEAD_ALL,
	STMT_HEAD_FORGET,
	STMT_COUNT,
};

/* Stored in the row of state by the commit that changes them. */
struct index_counters {
	struct index_totals totals;
	int64_t offered;       /* paths for which something is offered or listed */
	int64_t listed;        /* listed records */
	int64_t missing;       /* paths for which a wanted offer is there ... */
	int64_t missing_bytes; /* ... and the sum of their sizes: of each path the largest that is wanted */
	struct index_vault_totals vault;
	int64_t asides[ASIDE_READER + 1]; /* paths that are set aside, by reason; not stored */
};

/* The open transaction. One for reading lasts until the end of the turn, so that SQLite need not lock for every single
 * look-up. */
enum index_txn { INDEX_TXN_NONE, INDEX_TXN_READ, INDEX_TXN_WRITE };

enum index_health {
	INDEX_HEALTHY,
	INDEX_FAILED_UNREPORTED, /* writes were undone; index_commit() has not returned -1 for it yet */
	INDEX_FAILED_REPORTED,   /* writes are refused until index_commit() succeeds */
};

struct index_leftover;
struct index_joins;

/* Numbers that were given one after the other to rows that came from one peer. */
struct index_run {
	uint64_t first, last, via;
};
enum { INDEX_RUNS = 64 };

/* A walk over rows (index_walk.c). It is here since a commit takes the statement away from every cursor. */
struct index_cursor {
	struct index *index;
	sqlite3_stmt *s; /* taken while running; NULL while paused */
	uint8_t under[RECORD_PATH_MAX];
	int under_len;                   /* 0: everything */
	uint8_t at[RECORD_PATH_MAX + 1]; /* the first key still to be given */
	int at_len;
	bool begun; /* `at` is the last key given, and a 0 */
	bool brief;
	bool ended;
	struct index_cursor *prev, *next; /* in index->cursors */
};

struct index {
	sqlite3 *db;
	char *path; /* of index.db */
	sqlite3_stmt *stmt[STMT_COUNT];
	bool taken[STMT_COUNT]; /* in use further up the stack; another user gets a private copy */

	uint64_t epoch;
	uint64_t seq;                      /* last number given */
	struct index_run runs[INDEX_RUNS]; /* the latest, by number; before nruns */
	size_t nruns;
	uint64_t reserved; /* numbers up to this may be given: durably reserved */
	bool clean;        /* the file says that nothing was written since a clean end */

	enum index_txn txn;
	int writes;    /* of the open transaction */
	bool numbered; /* the open transaction has given new numbers */
	struct index_counters now;
	struct index_counters committed; /* as of the last commit; a rollback restores them */

	enum index_health health;
	bool full;          /* the failure was a full disk */
	bool damaged;       /* everything is refused */
	bool opening;       /* index_open() reports failures itself */
	int64_t doubted_ns; /* when apparent damage was last blamed on the disk; 0: never */

	bool reader;                   /* index_set_reader() */
	const struct choices *choices; /* what this agent wants; never NULL; the caller's */
	bool choosing;                 /* the rows behind this ID are still to be judged by them */
	int64_t choose_after;

	void (*on_commit)(void *arg);
	void *on_commit_arg;
	struct index_cursor *cursors; /* open ones */

	uint64_t peer;   /* the short ID that was last looked up ... */
	int64_t peer_no; /* ... and the number of its row; 0: none */

	int64_t told;   /* the short ID of the one peer that our rows were told; 0: none; -1: several, or unknown */
	bool told_lost; /* ... which is not stored yet */

	bool held; /* something may be noted in `holds` */

	int64_t forgotten; /* index_forgotten(); -1: not read yet, or stale */

	struct index_leftover *leftovers; /* what a previous run was installing, by path; owned */
	int64_t leftovers_last;           /* the greatest number of those notes; 0: none */

	struct index_digests *digests; /* owned */
	struct index_recent *recent;   /* owned; NULL: empty */
	uint64_t undone;               /* transactions */
	struct index_joins *joins;     /* owned; NULL: all rows are written as they are read */
	uint64_t rows_gone;            /* replaced, deleted or undone */

	bool dead_contents;   /* some block list may be unreferenced */
	int64_t dead_check_s; /* wall clock of the next check for them */

	uint64_t commits;
	atomic_int wal_frames;          /* frames in the WAL after our last commit */
	atomic_int checkpointed_frames; /* of these, those that are in the database too */
	atomic_bool checkpoint_failed;  /* and was logged */

	uint8_t *sealed_list; /* what index_sealed_get() gave last; owned */

	uint8_t key[RECORD_PATH_MAX + 1];                   /* scratch space within one call, never across a callback */
	uint8_t version[VERSION_MAX * INDEX_VERSION_ENTRY]; /* the same */
	uint8_t base[VERSION_MAX * INDEX_VERSION_ENTRY];    /* the same */
	uint8_t mode_base[VERSION_MAX * INDEX_VERSION_ENTRY];
};

/* --- index_sql.c --- */
extern const char index_schema_sql[];
extern const char index_install_sql[];
extern const char *const index_sql[STMT_COUNT];

/* --- index_stmt.c --- */
/* A statement, for the caller to bind, step and give back; NULL (reported) if it cannot be prepared. If it is in use
 * further up the stack, a private copy. Opens a read transaction unless a transaction is open. */
sqlite3_stmt *index_stmt_take(struct index *index, enum index_stmt id);
/* Ends a statement's run. */
void index_stmt_give(struct index *index, enum index_stmt id, sqlite3_stmt *s);
/* Steps a bound statement that returns no row and gives it back. 0, -1 with nothing reported. */
int index_stmt_run(struct index *index, enum index_stmt id, sqlite3_stmt *s);
/* The same for a statement without parameters. */
int index_stmt_run_bare(struct index *index, enum index_stmt id);
/* And for one with one or two integers. */
int index_stmt_run_on(struct index *index, enum index_stmt id, int64_t a, int64_t b);
void index_stmt_finalize_all(struct index *index);
/* Runs SQL that returns no rows. 0, -1 with nothing reported. */
int index_exec(struct index *index, const char *sql);
/* Gives back the statement that the cursor runs. The cursor finds its place again by its last key. */
void index_cursor_pause(struct index_cursor *c);
/* The same for all open cursors: an open statement would keep a transaction from ending. */
void index_cursors_pause(struct index *index);
/* A write failed: logs it, undoes the open transaction and refuses writes from now on. Always -1, with errno set. */
int index_write_failed(struct index *index, const char *what);
/* A read failed: logs it. Always -1, with errno set. */
int index_read_failed(struct index *index, const char *what);
/* The file contradicts itself: logs it, marks the file to be rebuilt when it is opened next, and refuses everything
 * from now on. Always -1, with errno set. */
int index_found_damage(struct index *index, const char *what);
/* Whether the disk has refused the last read: SQLite reports that as damage too (SQLITE_IOERR_CORRUPTFS). */
bool index_disk_refused(struct index *index);

/* --- index_schema.c --- */
/* The only integer that a query returns. 0, -1 with nothing reported. */
int index_query_int(struct index *index, const char *sql, int64_t *value);
/* Makes our tables from nothing (version 0) or from those of an older schema, in one transaction: a process that is
 * killed meanwhile leaves the file as it was. After a failure the transaction ends when the connection is closed. 0,
 * -1. */
int index_schema_make(struct index *index, int64_t version);
/* Whether the tables have the definitions that index_schema_make() has noted. */
bool index_schema_is_noted(struct index *index);
/* Whether every statement can be prepared, as it can if the tables are ours. */
bool index_schema_fits(struct index *index);
/* Reads the row of state into *index. 0, -1. */
int index_load_state(struct index *index);

/* --- index_codec.c --- */
/* Writes the path's key to index->key. Returns its length, or -1 with EINVAL or ENAMETOOLONG if it cannot be a path. */
int index_key(struct index *index, const char *path);
/* Binds the keys between which all below a folder are, as parameters 1 and 2. n: the length of the folder's own key,
 * which is in index->key. */
void index_below_bind(struct index *index, sqlite3_stmt *s, int n);
/* Writes n bytes of a path as those of a key. */
void index_key_bytes(uint8_t *out, const char *path, size_t n);
/* The path of a key: fresh memory. */
char *index_path(const uint8_t *key, int n);
/* The fourteen columns that rows, offers and notes of installs share. */
#define INDEX_RECORD_COLUMNS                                                                                   \
	"kind, deleted, mode, mtime_ns, size, nblocks, root, chunk_log2, target, version, modified_by, base, " \
	"mode_base, sum"
enum { INDEX_RECORD_NCOLUMNS = 14 };
enum { INDEX_ROW_DELETED = 3 }; /* the column of ROW's statements */
/* Binds them from parameter `first` on; r and index's scratch space must stay as they are until the statement has
 * run. */
void index_record_bind(struct index *index, sqlite3_stmt *s, int first, const struct record *r);
/* Binds what STMT_ROW_JOIN writes, all of it. */
void index_join_bind(struct index *index, sqlite3_stmt *s, const struct record *r);
/* Reads the key and the shared columns; everything else in *r is 0. -1 if they are not a record, or the checksum
 * differs. */
int index_record_read(sqlite3_stmt *s, int key_column, int first, struct record *r);
/* Makes r, which was stored, what would be read. */
void index_record_as_read(struct record *r);
/* Reads a whole row as the STMT_ROW_ statements select it, as joined. 0, -1. */
int index_row_read(const struct index *index, sqlite3_stmt *s, struct record *r);
/* The first 8 bytes of a hash, by which rows and blocks are found. */
int64_t index_h8(const uint8_t hash[32]);
bool index_has_root(const struct record *r); /* a live file that is not empty */
bool index_has_list(const struct record *r); /* a live file of two or more blocks */

/* --- index_joins.c --- */
struct index_join_origin {
	uint64_t peer, writer; /* the twins' */
	uint64_t epoch;        /* ours, of the rows */
};
/* In the open transaction. 0; -1, with nothing added, if one is there already or there is no room. */
int index_joins_add(struct index *index, const struct index_join_origin *o, const struct index_pair *pairs, size_t n);
/* r, just read as stored, becomes what it is joined to. */
void index_joins_apply(const struct index *index, struct record *r);
/* Whether the row with this number may be read as joined and stored otherwise. */
bool index_joins_has(const struct index *index, uint64_t seq);
bool index_joins_wait(const struct index *index);
/* The open transaction has written the last of them. */
void index_joins_written(struct index *index);
/* The transaction was committed, or undone. */
void index_joins_committed(struct index *index);
void index_joins_undone(struct index *index);
void index_joins_clear(struct index *index);

/* --- index_join_later.c --- */
/* Reads those that are stored. 0; -1; -2: they are malformed. Nothing is reported. */
int index_joins_load(struct index *index);

/* --- index_txn.c --- */
/* To be called before each write: opens a transaction, or commits one that has grown long and opens the next. -1 if
 * writes are refused. */
int index_txn_write(struct index *index);
/* Commits the open transaction and calls the listener. 0, -1. */
int index_txn_commit(struct index *index);
/* Writes epoch, reserved numbers and the clean mark durably, in a transaction of their own. 0, -1. */
int index_txn_save_numbers(struct index *index, uint64_t reserved, bool clean);

/* --- index_wal.c --- */
/* SQLite calls it after each commit. */
int index_wal_hook(void *arg, sqlite3 *db, const char *name, int frames);

/* --- index_by_root.c --- */
/* Calls fn with the rows that s, a bound statement `id`, returns, until fn returns false. c: only those with this
 * content; NULL: all. Gives s back. 0, -1. */
int index_rows_each(struct index *index, enum index_stmt id, sqlite3_stmt *s, const struct content *c,
                    bool (*fn)(void *arg, const struct record *r), void *arg);
/* Calls fn with the rows of live files with this root (c: and this content; NULL: any), until it returns false. 0,
 * -1. */
int index_rows_by_root(struct index *index, const uint8_t root[32], const struct content *c,
                       bool (*fn)(void *arg, const struct record *r), void *arg);

/* --- index_content.c --- */
/* To be called before a row with this content is written: makes sure that its block list is stored. -1 after a failure,
 * or with EINVAL and nothing written if the list is neither known nor given. */
int index_content_keep(struct index *index, const struct content *c, const struct blocklist *blocks);
/* To be called after a row with this content was deleted: marks its list as unreferenced unless another row has the
 * content. 0, -1 with nothing reported. */
int index_content_release(struct index *index, const struct content *c);
/* Deletes a few rows of lists that have been unreferenced for a minute, in the open transaction. 0, -1. */
int index_content_sweep(struct index *index);

/* --- index_digests.c --- */
/* Reads those that the table does not have; upto: state.digested. 0, -1. */
int index_digests_load(struct index *index, uint64_t upto);
void index_digests_free(struct index *index);
/* A row with this digest was written, or deleted, in the open transaction. 0, -1 with nothing reported. */
int index_digest_add(struct index *index, int64_t h8, uint64_t seq);
int index_digest_remove(struct index *index, int64_t h8, uint64_t seq);
/* False: the table surely has no row with this digest. */
bool index_digest_is_stored(struct index *index, int64_t h8);
/* The next number above *seq of a row in memory with this digest: 1 and *seq; 0; -1. The others, with numbers up to
 * index_digests_upto(), are in the table. */
int index_digest_after(struct index *index, int64_t h8, uint64_t *seq);
uint64_t index_digests_upto(const struct index *index);
/* Whether the filter has all that the table has, and so answers for it. */
bool index_digests_filtered(const struct index *index);
/* Just before a commit: goes on with what goes into the table, in the open transaction. 0, -1 with nothing reported. */
int index_digests_merge(struct index *index);
/* The transaction was committed. */
void index_digests_committed(struct index *index);

/* --- index_runs.c --- */
/* A row with this number, the greatest that was given, was written. */
void index_runs_note(struct index *index, uint64_t seq, uint64_t via);
/* The first run of this peer's rows that ends behind both numbers; NULL: there is none. */
const struct index_run *index_runs_behind(const struct index *index, uint64_t after, uint64_t via, uint64_t above);

/* --- index_recent.c --- */
enum index_recently {
	RECENTLY_UNKNOWN,
	RECENTLY_NONE,  /* the path has no row */
	RECENTLY_THERE, /* *r is its row, valid until something is written or read */
};
enum index_recently index_recent_get(const struct index *index, const char *path, const struct record **r);
/* The row with this number, valid as above; NULL: unknown. */
const struct record *index_recent_of(const struct index *index, uint64_t seq);
/* r was read as the row of its path, or has become it; the path was found to have none, or has none any more. */
void index_recent_put(struct index *index, const struct record *r);
void index_recent_none(struct index *index, const char *path);
/* The row's `seen` was changed. */
void index_recent_seen(struct index *index, const char *path, const struct seen *seen);
/* The row of the path, or with this number, was changed in another way. */
void index_recent_forget(struct index *index, const char *path);
void index_recent_forget_seq(struct index *index, uint64_t seq);
/* Forgets all. */
void index_recent_clear(struct index *index);
/* The same if nothing came for a while. */
void index_recent_age(struct index *index);

/* --- index_rows.c --- */
/* Writes the row under the next number, in the open transaction; index->key is its key. 0, -1 with nothing reported. */
int index_row_write(struct index *index, struct record *r, int key_len);
/* Deletes the row of the path, whose content is kept if `aside`. 0, -1 with nothing reported. */
int index_row_remove(struct index *index, const struct record *row, bool aside);
/* Gives the next number. */
uint64_t index_number(struct index *index);
/* --- index_offers.c --- */
/* All offers for one path. */
struct path_offers {
	int n;
	int wanted;                 /* how many of these are wanted */
	int listed;                 /* how many are listed */
	int64_t largest;            /* size of the largest wanted one */
	int mine;                   /* how many are of the peer in question */
	int64_t mine_id;            /* ID of one of these */
	int64_t other;              /* size of the largest wanted one of another peer */
	int64_t last_id, last_size; /* of the one that was read last, wanted or not */
};
/* Counts the offers for the path whose key is in index->key. peer_no: the peer in question; -1: none. 0, -1 with
 * nothing reported. */
int index_offers_of_path(struct index *index, int key_len, int64_t peer_no, struct path_offers *o);
/* Takes what the offers of the path whose key is in index->key count for out of the counters (sign -1) or adds it (1):
 * to be called before and after changing them. 0, -1 with nothing reported. */
int index_offers_weigh(struct index *index, int key_len, int sign);
int64_t index_offer_peer_no(int64_t id); /* 0: it is listed */
bool index_offer_is_wanted(int64_t id);
uint64_t index_offer_seq(int64_t id);
/* Reads a whole offer as the OFFER statements select it, with peer 0 if it is listed. 0, -1. */
int index_offer_read(sqlite3_stmt *s, uint64_t *peer, struct record *r);
/* The offer with this ID: 1 and *r, 0, -1. */
int index_offer_get(struct index *index, int64_t id, uint64_t *peer, struct record *r);
/* SQLITE_DONE, SQLITE_CONSTRAINT if the ID is taken, or another error. index->key is r's. */
int index_offer_insert(struct index *index, int64_t id, const struct record *r, int key_len);
/* 0, -1 with nothing reported. */
int index_offer_delete(struct index *index, int64_t id);
/* Deletes all offers of the row with this number, wanted or not. 0, -1 with nothing reported. */
int index_offers_delete_of(struct index *index, int64_t peer_no);
/* Where the range of the peer's wanted (or unwanted) offers begins; it ends where that of peer_no + 1 begins. */
int64_t index_offer_first_id(int64_t peer_no, bool wanted);
/* index_offers_paths() with STMT_OFFER_PATHS or STMT_WANT_PATHS or STMT_WANT_FEW. */
int index_offers_each_path(struct index *index, enum index_stmt id, const char *after, int max,
                           bool (*fn)(void *arg, const char *path), void *arg);
/* Counts all offers and wants from the table. 0, -1 with nothing reported. */
int index_offers_recount(struct index *index);
/* The smallest number among the peer's wanted (or unwanted) offers; 0: it has none; 1 if that cannot be read, so that
 * none of its rows counts as settled or known. */
uint64_t index_offers_min_seq(struct index *index, uint64_t peer, bool wanted);

/* --- index_list.c --- */
/* index_list_add() within the open transaction. */
int index_list_take(struct index *index, const struct record *r, uint64_t via);
/* To be called after the row was written: what is listed makes way for it, or outlives it if it is a tombstone. 0,
 * -1. */
int index_list_follow(struct index *index, const struct record *row);
/* The writer of a local change of r, so that it succeeds no listed version that r does not know. */
uint64_t index_list_writer(struct index *index, const struct record *r, uint64_t writer);

/* --- index_wants.c --- */
/* To be called when a path's row came, went or got a mark: what is offered for it is judged again. Within the open
 * transaction. 0, -1. */
int index_rejudge(struct index *index, const char *path);

/* --- index_holds.c --- */
/* Whether anything is noted. 0, -1 with nothing reported. */
int index_holds_load(struct index *index);
/* index_holds_put() within the open transaction. 0, -1 with nothing reported. */
int index_holds_note(struct index *index, const struct record *r, uint64_t peer, bool has);
/* Deletes what was noted for the path whose key is in index->key, or of the peer. 0, -1 with nothing reported. */
int index_holds_forget(struct index *index, int key_len);
int index_holds_forget_peer(struct index *index, int64_t peer_no);

/* --- index_aside.c --- */
/* Counts what is set aside. 0, -1 with nothing reported. */
int index_asides_load(struct index *index);
/* Whether the path is set aside; true if that cannot be read. */
bool index_is_aside(struct index *index, const char *path);

/* --- index_peers.c --- */
/* The number of the peer's row, which is made if `create`; 0: it has none; -1. */
int64_t index_peer_no(struct index *index, uint64_t peer, bool create);
/* Reads whom our rows were told. 0, -1 with nothing reported. */
int index_told_load(struct index *index);
enum { INDEX_TOLD_SEVERAL = -1 };
/* What was noted of it may be undone. */
static inline void index_told_undone(struct index *index)
{
	if (index->told == 0)
		return;
	index->told = INDEX_TOLD_SEVERAL;
	index->told_lost = true;
}

/* --- index_vault_objects.c --- */
/* Counts each up, or down. Within the open transaction. 0, -1 with nothing reported. */
int index_vault_refs_count(struct index *index, const uint8_t (*refs)[INDEX_VAULT_OBJECT], size_t n, bool up,
                           int64_t now_s);

/* --- index_install.c --- */
/* Reads what a previous run has noted. 0, -1. */
int index_leftovers_load(struct index *index);
void index_leftovers_free(struct index *index);

#endif
