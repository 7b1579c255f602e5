/* Statements, the read transaction that they run in, and failures. After a failed write the open transaction is undone,
 * and writes are refused until index_commit() (index_txn.c) has returned -1 once and then succeeded. Once the file
 * proves to be damaged, everything is refused until it is opened again. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/index/index_internal.h"

static const int64_t DOUBT_NS = 600 * INT64_C(1000000000); /* a second refusal of the disk within it is damage */

void index_stmt_give(struct index *index, enum index_stmt id, sqlite3_stmt *s)
{
	if (s != index->stmt[id]) {
		sqlite3_finalize(s);
		return;
	}
	sqlite3_reset(s);
	index->taken[id] = false;
}

int index_stmt_run(struct index *index, enum index_stmt id, sqlite3_stmt *s)
{
	int rc = sqlite3_step(s);

	index_stmt_give(index, id, s);
	return rc == SQLITE_DONE ? 0 : -1;
}

void index_stmt_finalize_all(struct index *index)
{
	for (int i = 0; i < STMT_COUNT; i++) {
		sqlite3_finalize(index->stmt[i]);
		index->stmt[i] = NULL;
	}
}

int index_exec(struct index *index, const char *sql)
{
	return sqlite3_exec(index->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : -1;
}

void index_cursor_pause(struct index_cursor *c)
{
	if (c->s == NULL)
		return;
	index_stmt_give(c->index, STMT_ROW_WALK, c->s);
	c->s = NULL;
}

void index_cursors_pause(struct index *index)
{
	struct index_cursor *c;

	DL_FOREACH(index->cursors, c)
		index_cursor_pause(c);
}

/* --- failures --- */

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

	/* A disk error may pass. Rebuilding a damaged index loses much, so damage must be certain. */
	if (rc == SQLITE_CORRUPT && index_disk_refused(index) &&
	    (index->doubted_ns == 0 || now - index->doubted_ns > DOUBT_NS)) {
		index->doubted_ns = now;
		return false;
	}
	/* We never violate our own constraints, so SQLITE_CONSTRAINT means that the schema on disk is not ours any
	 * more. */
	return rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB || rc == SQLITE_CONSTRAINT;
}

/* Undoes the open transaction, in memory too. The numbers that it gave are not given again. */
static void roll_back(struct index *index)
{
	index_cursors_pause(index);
	if (sqlite3_get_autocommit(index->db) == 0)
		index_exec(index, "ROLLBACK");
	index->txn = INDEX_TXN_NONE;
	index->numbered = false;
	index->now = index->committed;
	index->undone++;
	index->rows_gone++;
	index_joins_undone(index);
	index_recent_clear(index);
	index->peer_no = 0;
	index->forgotten = -1;
	index_told_undone(index);
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

/* --- taking a statement --- */

static void begin_read(struct index *index);

/* Statements are prepared once and kept. A callback that uses the one its caller is stepping gets a copy, which
 * index_stmt_give() finalizes. */
sqlite3_stmt *index_stmt_take(struct index *index, enum index_stmt id)
{
	sqlite3_stmt *s = NULL;

	if (index->damaged) {
		errno = EIO;
		return NULL;
	}
	if (index->txn == INDEX_TXN_NONE && id > STMT_COMMIT)
		begin_read(index);
	if (index->stmt[id] != NULL && !index->taken[id]) {
		index->taken[id] = true;
		return index->stmt[id];
	}
	if (sqlite3_prepare_v3(index->db, index_sql[id], -1, SQLITE_PREPARE_PERSISTENT, &s, NULL) != SQLITE_OK) {
		if (!index->opening)
			index_read_failed(index, "prepare a statement");
		return NULL;
	}
	if (index->stmt[id] == NULL) {
		index->stmt[id] = s;
		index->taken[id] = true;
	}
	return s;
}

int index_stmt_run_on(struct index *index, enum index_stmt id, int64_t a, int64_t b)
{
	sqlite3_stmt *s = index_stmt_take(index, id);

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, a);
	if (sqlite3_bind_parameter_count(s) > 1)
		sqlite3_bind_int64(s, 2, b);
	return index_stmt_run(index, id, s);
}

int index_stmt_run_bare(struct index *index, enum index_stmt id)
{
	sqlite3_stmt *s = index_stmt_take(index, id);

	return s == NULL ? -1 : index_stmt_run(index, id, s);
}

static void begin_read(struct index *index)
{
	/* If this fails, so does the statement, which then reports it. */
	if (!index->opening && index_stmt_run_bare(index, STMT_BEGIN_READ) == 0)
		index->txn = INDEX_TXN_READ;
}
