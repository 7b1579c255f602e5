/* The open transaction: it begins with more numbers reserved durably than it can give, it ends with a commit that calls
 * the listener, and after a failure it is opened again once the disk takes writes. And what the index has to say of
 * itself. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/index/index_internal.h"

enum {
	BUSY_TRIES = 10000,   /* of a millisecond: how long a checkpoint may keep us from writing */
	ROOM_AGAIN = 4 << 20, /* free bytes before writing is tried again after a full disk */
};

/* Ends reading: SQLite cannot begin the WAL at its start again while a read is open. */
static void end_read(struct index *index)
{
	index_cursors_pause(index);
	if (index->txn == INDEX_TXN_READ) {
		index_stmt_run_bare(index, STMT_COMMIT);
		index->txn = INDEX_TXN_NONE;
	}
}

/* A checkpoint, the only other connection, may hold the write lock for a moment. SQLite does not call its busy handler
 * while one of our reads is open, so we wait here. */
static int txn_begin(struct index *index)
{
	end_read(index);
	for (int i = 0; i < BUSY_TRIES; i++) {
		if (index_stmt_run_bare(index, STMT_BEGIN) == 0) {
			index->txn = INDEX_TXN_WRITE;
			return 0;
		}
		if ((sqlite3_errcode(index->db) & 0xff) != SQLITE_BUSY)
			return -1;
		usleep(1000);
	}
	return -1;
}

/* That it is not known whom our rows were told must not be forgotten by a clean end. */
static int save_told(struct index *index)
{
	if (index->told_lost && index_exec(index, "INSERT OR REPLACE INTO meta VALUES('" INDEX_META_TOLD "', -1)") < 0)
		return -1;
	index->told_lost = false;
	return 0;
}

int index_txn_save_numbers(struct index *index, uint64_t reserved, bool clean)
{
	sqlite3_stmt *s;
	int rc = -1;

	end_read(index); /* SQLite changes the mode only outside of a transaction */
	/* A commit in FULL mode syncs the whole WAL, and so makes all earlier commits durable too. */
	if (index_exec(index, "PRAGMA synchronous = FULL") < 0 || txn_begin(index) < 0)
		goto back_to_normal;
	s = index_stmt_take(index, STMT_STATE_NUMBERS);
	if (s == NULL)
		goto back_to_normal;
	sqlite3_bind_int64(s, 1, (int64_t)index->epoch);
	sqlite3_bind_int64(s, 2, (int64_t)reserved);
	sqlite3_bind_int(s, 3, clean);
	if (index_stmt_run(index, STMT_STATE_NUMBERS, s) < 0 || save_told(index) < 0 ||
	    index_stmt_run_bare(index, STMT_COMMIT) < 0)
		goto back_to_normal;
	index->txn = INDEX_TXN_NONE;
	index->reserved = reserved;
	index->clean = clean;
	rc = 0;

back_to_normal:
	if (rc < 0)
		index_write_failed(index, "reserve numbers");
	index_exec(index, "PRAGMA synchronous = NORMAL");
	return rc;
}

/* Reserves first: no number may be given before it is reserved durably, or a power cut could make us give it twice. */
static int txn_open(struct index *index)
{
	if (index->clean || index->reserved - index->seq <= 2 * INDEX_TXN_WRITES) {
		if (index_txn_save_numbers(index, index->seq + INDEX_RESERVE, false) < 0)
			return -1;
	}
	if (txn_begin(index) < 0)
		return index_write_failed(index, "begin");
	index->writes = 0;
	return 0;
}

int index_txn_write(struct index *index)
{
	if (index->health != INDEX_HEALTHY) {
		errno = index->full ? ENOSPC : EIO;
		return -1;
	}
	if (index->txn == INDEX_TXN_WRITE && index->writes >= INDEX_TXN_WRITES && index_txn_commit(index) < 0)
		return -1;
	if (index->txn != INDEX_TXN_WRITE && txn_open(index) < 0)
		return -1;
	index->writes++;
	return 0;
}

static int save_counters(struct index *index)
{
	const struct index_totals *t = &index->now.totals;
	sqlite3_stmt *s = index_stmt_take(index, STMT_STATE_COUNTERS);

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, t->files);
	sqlite3_bind_int64(s, 2, t->dirs);
	sqlite3_bind_int64(s, 3, t->symlinks);
	sqlite3_bind_int64(s, 4, t->bytes);
	sqlite3_bind_int64(s, 5, t->tombstones);
	sqlite3_bind_int64(s, 6, index->now.missing);
	sqlite3_bind_int64(s, 7, index->now.missing_bytes);
	sqlite3_bind_int64(s, 8, index->now.offered);
	sqlite3_bind_int64(s, 9, index->now.listed);
	sqlite3_bind_int64(s, 10, index->now.vault.rows);
	sqlite3_bind_int64(s, 11, index->now.vault.objects);
	sqlite3_bind_int64(s, 12, index->now.vault.bytes);
	return index_stmt_run(index, STMT_STATE_COUNTERS, s);
}

int index_txn_commit(struct index *index)
{
	bool numbered;

	if (index_content_sweep(index) < 0)
		return -1;
	if (index_digests_merge(index) < 0)
		return index_write_failed(index, "write");
	if (memcmp(&index->now, &index->committed, sizeof(index->now)) != 0 && save_counters(index) < 0)
		return index_write_failed(index, "write");
	index_cursors_pause(index);
	if (index_stmt_run_bare(index, STMT_COMMIT) < 0)
		return index_write_failed(index, "commit");
	index->txn = INDEX_TXN_NONE;
	index->committed = index->now;
	index_digests_committed(index);
	index_joins_committed(index);
	index->commits++;
	numbered = index->numbered;
	index->numbered = false;
	if (numbered && index->on_commit != NULL)
		index->on_commit(index->on_commit_arg);
	return 0;
}

/* After a full disk a small write succeeds long before a real one would, so there has to be some space first. */
static bool has_disk_space(struct index *index)
{
	struct statvfs v;

	if (!index->full || statvfs(index->path, &v) < 0)
		return true;
	return (uint64_t)v.f_bavail * v.f_frsize >= ROOM_AGAIN;
}

static int recover(struct index *index)
{
	if (!has_disk_space(index)) {
		errno = ENOSPC;
		return -1;
	}
	if (index_txn_save_numbers(index, index->seq + INDEX_RESERVE, false) < 0)
		return -1;
	index->health = INDEX_HEALTHY;
	index->full = false;
	log_info("%s: writing works again", index->path);
	return 0;
}

int index_commit(struct index *index)
{
	if (index->damaged) {
		errno = EIO;
		return -1;
	}
	end_read(index);
	index_recent_age(index);
	if (index->health == INDEX_FAILED_REPORTED)
		return recover(index);
	if (index->health == INDEX_HEALTHY && (index->txn != INDEX_TXN_WRITE || index_txn_commit(index) == 0))
		return 0;
	index->health = INDEX_FAILED_REPORTED;
	return -1;
}

bool index_damaged(const struct index *index)
{
	return index->damaged;
}

void index_on_commit(struct index *index, void (*fn)(void *arg), void *arg)
{
	index->on_commit = fn;
	index->on_commit_arg = arg;
}

uint64_t index_epoch(const struct index *index)
{
	return index->epoch;
}

void index_set_reader(struct index *index, bool reader)
{
	index->reader = reader;
}

bool index_is_reader(const struct index *index)
{
	return index->reader;
}

uint64_t index_seq(const struct index *index)
{
	return index->seq;
}

struct index_totals index_totals(const struct index *index)
{
	return index->now.totals;
}

uint64_t index_rows_gone(const struct index *index)
{
	return index->rows_gone;
}

uint64_t index_commits(const struct index *index)
{
	return index->commits;
}
