/* The open transaction: what it gathers, the numbers it may give, how it ends, and what happens when it cannot. Also moving
 * the WAL into the database. */
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

static const int64_t DOUBT_NS = 600 * INT64_C(1000000000); /* a second refusal of the disk within it is damage */

enum {
	BUSY_TRIES = 10000,   /* of a millisecond: how long a checkpoint may keep us from writing */
	ROOM_AGAIN = 4 << 20, /* free bytes before writing is tried again after a full disk */
	WAL_LARGE = 16 << 20, /* a WAL this large is emptied even if writers must wait for it */
	CHECKPOINT_BUSY_MS = 1000,
	CHECKPOINT_ROUNDS = 3,
};

int index_exec(struct index *index, const char *sql)
{
	return sqlite3_exec(index->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : -1;
}

static int error_number(struct index *index)
{
	int rc = sqlite3_errcode(index->db);

	if (rc == SQLITE_FULL)
		return ENOSPC;
	if (rc == SQLITE_READONLY)
		return EROFS;
	return sqlite3_system_errno(index->db) != 0 ? sqlite3_system_errno(index->db) : EIO;
}

bool index_disk_refused(struct index *index)
{
	sqlite3_file *wal = NULL;
	int error = 0;

	if (sqlite3_file_control(index->db, "main", SQLITE_FCNTL_LAST_ERRNO, &error) != SQLITE_OK || error == 0)
		sqlite3_file_control(index->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
	if (wal != NULL && wal->pMethods != NULL)
		wal->pMethods->xFileControl(wal, SQLITE_FCNTL_LAST_ERRNO, &error);
	return error == EIO || error == ENXIO || error == ERANGE;
}

static bool is_damage(struct index *index)
{
	int rc = sqlite3_errcode(index->db) & 0xff;
	int64_t now = clock_mono_ns();

	/* It may pass: a damaged index is made anew, and that forgets too much to do it for nothing. */
	if (rc == SQLITE_CORRUPT && index_disk_refused(index) &&
	    (index->doubted_ns == 0 || now - index->doubted_ns > DOUBT_NS)) {
		index->doubted_ns = now;
		return false;
	}
	/* No row that we write breaks a rule of the tables while they are what we wrote. */
	return rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB || rc == SQLITE_CONSTRAINT;
}

/* Undoes the open transaction, in memory too. Numbers it gave are not given again. */
static void roll_back(struct index *index)
{
	index_cursors_pause(index);
	if (sqlite3_get_autocommit(index->db) == 0)
		index_exec(index, "ROLLBACK");
	index->txn = INDEX_TXN_NONE;
	index->numbered = false;
	index->now = index->committed;
	index->peer_no = 0;
	index->forgotten = -1;
}

int index_found_damage(struct index *index, const char *what)
{
	char *mark = mem_printf("%s.rebuild", index->path);
	int fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	free(mark);
	if (fd >= 0)
		close(fd);
	if (!index->damaged)
		log_error("%s is damaged (%s); it is rebuilt at the next start", index->path, what);
	roll_back(index);
	index->damaged = true;
	index->health = INDEX_FAILED_UNREPORTED;
	errno = EIO;
	return -1;
}

int index_read_failed(struct index *index, const char *what)
{
	int error = error_number(index);

	if (is_damage(index))
		return index_found_damage(index, sqlite3_errmsg(index->db));
	if (log_allow("index read", 3))
		log_error("%s: cannot %s: %s (%s)", index->path, what, sqlite3_errmsg(index->db), strerror(error));
	errno = error;
	return -1;
}

int index_write_failed(struct index *index, const char *what)
{
	int error = error_number(index);

	if (is_damage(index))
		return index_found_damage(index, sqlite3_errmsg(index->db));
	if (index->health == INDEX_HEALTHY && log_allow("index write", 3))
		log_error("%s: cannot %s: %s (%s); nothing is recorded until this is fixed", index->path, what,
		          sqlite3_errmsg(index->db), strerror(error));
	index->full = error == ENOSPC || error == EDQUOT;
	roll_back(index);
	if (index->health == INDEX_HEALTHY)
		index->health = INDEX_FAILED_UNREPORTED;
	errno = error;
	return -1;
}

/* A statement without bindings or results. */
static int txn_run(struct index *index, enum index_stmt id)
{
	sqlite3_stmt *s = index_stmt_take(index, id);

	return s == NULL ? -1 : index_stmt_run(index, id, s);
}

void index_txn_read(struct index *index)
{
	/* Where this fails the statement will, and says why. */
	if (!index->opening && txn_run(index, STMT_BEGIN_READ) == 0)
		index->txn = INDEX_TXN_READ;
}

/* Lets go of what was read, so that the WAL can begin anew. */
static void end_read(struct index *index)
{
	index_cursors_pause(index);
	if (index->txn == INDEX_TXN_READ) {
		txn_run(index, STMT_COMMIT);
		index->txn = INDEX_TXN_NONE;
	}
}

/* The only other connection is a checkpoint's, which holds the write lock for a moment. SQLite's own busy handler is not asked
 * while one of our reads is open, so the waiting is done here. */
static int txn_begin(struct index *index)
{
	end_read(index);
	for (int i = 0; i < BUSY_TRIES; i++) {
		if (txn_run(index, STMT_BEGIN) == 0) {
			index->txn = INDEX_TXN_WRITE;
			return 0;
		}
		if ((sqlite3_errcode(index->db) & 0xff) != SQLITE_BUSY)
			return -1;
		usleep(1000);
	}
	return -1;
}

int index_txn_save_numbers(struct index *index, uint64_t reserved, bool clean)
{
	sqlite3_stmt *s;
	int rc = -1;

	end_read(index); /* the mode cannot change within a transaction */
	/* A commit in FULL mode syncs the whole WAL, so everything committed before is on disk too. */
	if (index_exec(index, "PRAGMA synchronous = FULL") < 0 || txn_begin(index) < 0)
		goto back_to_normal;
	s = index_stmt_take(index, STMT_STATE_NUMBERS);
	if (s == NULL)
		goto back_to_normal;
	sqlite3_bind_int64(s, 1, (int64_t)index->epoch);
	sqlite3_bind_int64(s, 2, (int64_t)reserved);
	sqlite3_bind_int(s, 3, clean);
	if (index_stmt_run(index, STMT_STATE_NUMBERS, s) < 0 || txn_run(index, STMT_COMMIT) < 0)
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

/* Every transaction starts with more numbers reserved than it can use. */
static int txn_open(struct index *index)
{
	if (index->clean || index->reserved - index->seq <= INDEX_TXN_WRITES) {
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
	return index_stmt_run(index, STMT_STATE_COUNTERS, s);
}

int index_txn_commit(struct index *index)
{
	bool numbered;

	if (index_content_sweep(index) < 0)
		return -1;
	if (memcmp(&index->now, &index->committed, sizeof(index->now)) != 0 && save_counters(index) < 0)
		return index_write_failed(index, "write");
	index_cursors_pause(index);
	if (txn_run(index, STMT_COMMIT) < 0)
		return index_write_failed(index, "commit");
	index->txn = INDEX_TXN_NONE;
	index->committed = index->now;
	index->commits++;
	numbered = index->numbered;
	index->numbered = false;
	if (numbered && index->on_commit != NULL)
		index->on_commit(index->on_commit_arg);
	return 0;
}

/* A small write would fit long before a real one does, so a full disk has to have some room again. */
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

uint64_t index_seq(const struct index *index)
{
	return index->seq;
}

struct index_totals index_totals(const struct index *index)
{
	return index->now.totals;
}

/* Only the counts of what is wanted are stored: usually all that is offered is. */
static int count_offered(struct index *index)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_OFFER_UNWANTED);
	int rc;

	if (s == NULL)
		return -1;
	rc = sqlite3_step(s);
	index_stmt_give(index, STMT_OFFER_UNWANTED, s);
	index->now.offered = index->now.missing;
	return rc == SQLITE_ROW ? index_offers_recount(index) : rc == SQLITE_DONE ? 0 : -1;
}

int index_load_state(struct index *index)
{
	struct index_totals *t = &index->now.totals;
	sqlite3_stmt *s = index_stmt_take(index, STMT_STATE_GET);

	if (s == NULL)
		return -1;
	if (sqlite3_step(s) != SQLITE_ROW) {
		index_stmt_give(index, STMT_STATE_GET, s);
		return -1;
	}
	index->epoch = (uint64_t)sqlite3_column_int64(s, 0);
	index->reserved = (uint64_t)sqlite3_column_int64(s, 1);
	index->clean = sqlite3_column_int(s, 2) != 0;
	*t = (struct index_totals){
		.files = sqlite3_column_int64(s, 3),
		.dirs = sqlite3_column_int64(s, 4),
		.symlinks = sqlite3_column_int64(s, 5),
		.bytes = sqlite3_column_int64(s, 6),
		.tombstones = sqlite3_column_int64(s, 7),
	};
	index->now.missing = sqlite3_column_int64(s, 8);
	index->now.missing_bytes = sqlite3_column_int64(s, 9);
	index->dead_contents = sqlite3_column_int(s, 10) != 0;
	/* A clean end stored the exact number; after any other all that were reserved may have been given. */
	index->seq = index->reserved;
	index_stmt_give(index, STMT_STATE_GET, s);
	if (count_offered(index) < 0)
		return -1;
	index->committed = index->now;
	return index->epoch != 0 ? 0 : -1;
}

int index_wal_hook(void *arg, sqlite3 *db, const char *name, int frames)
{
	struct index *index = arg;

	(void)db;
	(void)name;
	/* Fewer than before: the WAL began anew. */
	if (frames < atomic_load(&index->wal_frames))
		atomic_store(&index->checkpointed_frames, 0);
	atomic_store(&index->wal_frames, frames);
	return SQLITE_OK;
}

int64_t index_wal_bytes(const struct index *index)
{
	int frames = atomic_load(&index->wal_frames) - atomic_load(&index->checkpointed_frames);

	return frames > 0 ? (int64_t)frames * INDEX_PAGE : 0;
}

uint64_t index_commits(const struct index *index)
{
	return index->commits;
}

/* What a checkpoint has moved out of the WAL meanwhile was synced by it. SQLite keeps its locks on other files, so that no lock is
 * lost by closing this one. */
int index_sync(const struct index *index)
{
	char *path = mem_printf("%s-wal", index->path);
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc, saved_errno;

	free(path);
	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	rc = fdatasync(fd);
	saved_errno = errno;
	close(fd);
	errno = saved_errno;
	return rc;
}

bool index_is_on_disk(const struct index *index, uint64_t dev)
{
	struct stat st;

	return stat(index->path, &st) == 0 && st.st_dev == dev;
}

/* PASSIVE never makes the writer wait, and a few rounds nearly catch up with it; the WAL begins anew once a transaction finds
 * everything moved. Under steady writing that may not happen, so a large WAL is emptied by FULL, which holds the
 * writer for the last few frames. */
void index_checkpoint(struct index *index)
{
	sqlite3 *db = NULL;
	int rc, frames = 0, moved = 0;

	rc = sqlite3_open_v2(index->path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(db, CHECKPOINT_BUSY_MS);
	/* A connection that has read nothing yet does not know that there is a WAL. */
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, "PRAGMA schema_version", NULL, NULL, NULL);
	for (int i = 0; i < CHECKPOINT_ROUNDS && rc == SQLITE_OK && (i == 0 || moved < frames); i++)
		rc = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, &frames, &moved);
	if (rc == SQLITE_OK && moved < frames && frames > WAL_LARGE / INDEX_PAGE)
		rc = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_FULL, &frames, &moved);
	if (moved > 0)
		atomic_store(&index->checkpointed_frames, moved);
	if (rc == SQLITE_OK || rc == SQLITE_BUSY)
		atomic_store(&index->checkpoint_failed, false);
	else if (!atomic_exchange(&index->checkpoint_failed, true))
		log_error("%s: cannot move the WAL into the database: %s", index->path, sqlite3_errmsg(db));
	sqlite3_close(db);
}
