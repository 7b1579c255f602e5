/* The tables, the statements on them, and how records become rows and come back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/index/index_internal.h"

/* The sequence number is the rowid: new rows are appended, rows since a number are one range, and no third index is needed.
 * h8 is the first 8 bytes of a hash as an integer: a short index key that is nearly as good as the whole. */
const char index_schema_sql[] =
	"CREATE TABLE state(id INTEGER PRIMARY KEY CHECK(id = 1), epoch INTEGER NOT NULL, reserved INTEGER NOT NULL,"
	" clean INTEGER NOT NULL, files INTEGER NOT NULL, dirs INTEGER NOT NULL, symlinks INTEGER NOT NULL,"
	" bytes INTEGER NOT NULL, tombstones INTEGER NOT NULL, wanted INTEGER NOT NULL, wanted_bytes INTEGER NOT NULL);"
	"CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE peers(no INTEGER PRIMARY KEY, short INTEGER NOT NULL UNIQUE, epoch INTEGER NOT NULL,"
	" received INTEGER NOT NULL, settled INTEGER NOT NULL, settled_epoch INTEGER NOT NULL, shown BLOB);"
	"CREATE TABLE files(seq INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, h8 INTEGER, kind INTEGER NOT NULL,"
	" deleted INTEGER NOT NULL, mode INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, size INTEGER NOT NULL,"
	" nblocks INTEGER NOT NULL, root BLOB, chunk_log2 INTEGER NOT NULL, target BLOB, version BLOB NOT NULL,"
	" modified_by INTEGER NOT NULL, base BLOB, mode_base BLOB, sum INTEGER, via INTEGER NOT NULL, seen_size INTEGER NOT NULL,"
	" seen_mtime_ns INTEGER NOT NULL, seen_ctime_ns INTEGER NOT NULL, seen_ino INTEGER NOT NULL, seen_mode INTEGER);"
	"CREATE INDEX files_h8 ON files(h8) WHERE h8 IS NOT NULL;"
	"CREATE INDEX files_inode ON files(seen_ino) WHERE kind = 1 AND deleted = 0;"
	/* dead: NULL while referenced, else since when (seconds) it is not; 0: its deletion has begun. */
	"CREATE TABLE content(id INTEGER PRIMARY KEY, root BLOB NOT NULL UNIQUE, size INTEGER NOT NULL,"
	" nblocks INTEGER NOT NULL, dead INTEGER);"
	"CREATE INDEX content_dead ON content(dead) WHERE dead IS NOT NULL;"
	"CREATE TABLE lists(id INTEGER PRIMARY KEY, offset INTEGER NOT NULL, list BLOB NOT NULL);"
	"CREATE TABLE positions(h8 INTEGER, position INTEGER, PRIMARY KEY(h8, position)) WITHOUT ROWID;"
	"CREATE TABLE wanted(id INTEGER PRIMARY KEY, key BLOB NOT NULL, kind INTEGER NOT NULL,"
	" deleted INTEGER NOT NULL, mode INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, size INTEGER NOT NULL,"
	" nblocks INTEGER NOT NULL, root BLOB, chunk_log2 INTEGER NOT NULL, target BLOB, version BLOB NOT NULL,"
	" modified_by INTEGER NOT NULL, base BLOB, mode_base BLOB, sum INTEGER);"
	"CREATE INDEX wanted_key ON wanted(key, size);";

/* An index of before may lack it. */
const char index_install_sql[] =
	"CREATE TABLE IF NOT EXISTS placing(id INTEGER PRIMARY KEY, key BLOB NOT NULL, kind INTEGER NOT NULL,"
	" deleted INTEGER NOT NULL, mode INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, size INTEGER NOT NULL,"
	" nblocks INTEGER NOT NULL, root BLOB, chunk_log2 INTEGER NOT NULL, target BLOB, version BLOB NOT NULL,"
	" modified_by INTEGER NOT NULL, base BLOB, mode_base BLOB, sum INTEGER)";

#define PEER_NO_MASK "16383"
#define UNWANTED     "4611686018427387904" /* INDEX_UNWANTED */

#define ROW                                                                                                            \
	"SELECT seq, key, " INDEX_RECORD_COLUMNS ", via, seen_size, seen_mtime_ns, seen_ctime_ns, seen_ino, seen_mode" \
	" FROM files "

static const char *const sql[STMT_COUNT] = {
	[STMT_BEGIN_READ] = "BEGIN",
	[STMT_BEGIN] = "BEGIN IMMEDIATE",
	[STMT_COMMIT] = "COMMIT",
	[STMT_STATE_GET] =
		"SELECT epoch, reserved, clean, files, dirs, symlinks, bytes, tombstones, wanted, wanted_bytes,"
		" EXISTS(SELECT 1 FROM content WHERE dead IS NOT NULL) FROM state",
	[STMT_STATE_COUNTERS] =
		"UPDATE state SET files = ?, dirs = ?, symlinks = ?, bytes = ?, tombstones = ?, wanted = ?,"
		" wanted_bytes = ?",
	[STMT_STATE_NUMBERS] = "UPDATE state SET epoch = ?, reserved = ?, clean = ?",
	[STMT_ROW_GET] = ROW "WHERE key = ?",
	[STMT_ROW_OLD] = "SELECT seq, kind, deleted, size, nblocks, root FROM files WHERE key = ?",
	[STMT_ROW_DELETE] = "DELETE FROM files WHERE seq = ?",
	[STMT_ROW_INSERT] = "INSERT INTO files(seq, key, h8, " INDEX_RECORD_COLUMNS ", via, seen_size, seen_mtime_ns,"
			    " seen_ctime_ns, seen_ino, seen_mode)"
			    " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[STMT_ROW_TOUCH] =
		"UPDATE files SET seen_size = ?, seen_mtime_ns = ?, seen_ctime_ns = ?, seen_ino = ?, seen_mode = ?"
		" WHERE key = ?",
	[STMT_ROW_SINCE] = ROW "WHERE seq > ? AND seq <= ? ORDER BY seq",
	[STMT_ROW_FORGET] =
		"SELECT seq, deleted, deleted AND (length(version) >= ? OR"
		" EXISTS(SELECT 1 FROM wanted w WHERE w.key = files.key)) FROM files WHERE seq > ? AND seq <= ? ORDER BY seq",
	[STMT_ROW_WALK] = ROW "WHERE key >= ? ORDER BY key",
	[STMT_ROW_BY_ROOT] = ROW "WHERE h8 = ? AND root = ?",
	[STMT_ROW_BY_INODE] = ROW "WHERE seen_ino = ? AND kind = 1 AND deleted = 0",
	[STMT_ROW_HAS_ROOT] = "SELECT 1 FROM files WHERE h8 = ? AND root = ? LIMIT 1",
	[STMT_CONTENT_GET] = "SELECT id, size, nblocks, dead FROM content WHERE root = ?",
	[STMT_CONTENT_BY_ID] = "SELECT root FROM content WHERE id = ? AND dead IS NULL",
	[STMT_CONTENT_INSERT] = "INSERT INTO content(root, size, nblocks) VALUES(?, ?, ?)",
	[STMT_CONTENT_DEAD] = "UPDATE content SET dead = ? WHERE id = ?",
	[STMT_CONTENT_NEXT_DEAD] = "SELECT id, dead FROM content WHERE dead IS NOT NULL ORDER BY dead LIMIT 1",
	[STMT_CONTENT_DELETE] = "DELETE FROM content WHERE id = ?",
	[STMT_LIST_INSERT] = "INSERT INTO lists(id, offset, list) VALUES(?, ?, ?)",
	[STMT_LIST_GET] = "SELECT list FROM lists WHERE id >= ? AND id < ? ORDER BY id",
	[STMT_LIST_ROW] = "SELECT offset, list FROM lists WHERE id = ?",
	[STMT_LIST_LAST] = "SELECT id, list FROM lists WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT 1",
	[STMT_LIST_DELETE] = "DELETE FROM lists WHERE id = ?",
	[STMT_POSITION_INSERT] = "INSERT OR IGNORE INTO positions(h8, position) VALUES(?, ?)",
	[STMT_POSITION_FIND] =
		"SELECT position FROM positions WHERE h8 = ? AND position >= ? ORDER BY position LIMIT 1",
	[STMT_POSITION_DELETE] = "DELETE FROM positions WHERE h8 = ? AND position = ?",
	[STMT_OFFER_SIZES] = "SELECT id, size FROM wanted WHERE key = ?",
	[STMT_OFFER_INSERT] = "INSERT INTO wanted(id, key, " INDEX_RECORD_COLUMNS
			      ") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[STMT_OFFER_DELETE] = "DELETE FROM wanted WHERE id = ?",
	[STMT_OFFER_KEY] = "SELECT key FROM wanted WHERE id = ?",
	[STMT_OFFER_GET] = "SELECT w.id, p.short, w.key, " INDEX_RECORD_COLUMNS " FROM wanted w CROSS JOIN peers p"
			   " ON p.no = (w.id >> 48) & " PEER_NO_MASK " WHERE w.key = ?",
	[STMT_OFFER_PATHS] = "SELECT key FROM wanted WHERE key > ? ORDER BY key",
	[STMT_OFFER_MIN] = "SELECT id FROM wanted WHERE id >= ? AND id < ? ORDER BY id LIMIT 1",
	[STMT_OFFER_DELETE_PEER] = "DELETE FROM wanted WHERE id >= ? AND id < ?",
	[STMT_OFFER_ALL_SIZES] = "SELECT key, size, id FROM wanted ORDER BY key, size",
	[STMT_OFFER_CHOICES] = "SELECT id, key, deleted FROM wanted WHERE id > ? ORDER BY id",
	[STMT_OFFER_CHOOSE] = "UPDATE wanted SET id = ?2 WHERE id = ?1",
	[STMT_OFFER_UNWANTED] = "SELECT 1 FROM wanted WHERE id >= " UNWANTED " LIMIT 1",
	[STMT_WANT_PATHS] = "SELECT key FROM wanted WHERE key > ? AND id < " UNWANTED " ORDER BY key",
	[STMT_WANT_CONTENTS] =
		"SELECT id, size, nblocks, root FROM wanted WHERE id > ? AND id < " UNWANTED " ORDER BY id",
	[STMT_WANT_COUNT] = "SELECT count(*) FROM (SELECT 1 FROM wanted WHERE id >= ? AND id < ? LIMIT ?)",
	[STMT_INSTALL_INSERT] = "INSERT INTO placing(key, " INDEX_RECORD_COLUMNS
				") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[STMT_INSTALL_DELETE] = "DELETE FROM placing WHERE id >= ? AND id <= ?",
	[STMT_INSTALL_ALL] = "SELECT id, key, " INDEX_RECORD_COLUMNS " FROM placing ORDER BY id",
	[STMT_PEER_GET] = "SELECT no, epoch, received, settled, settled_epoch FROM peers WHERE short = ?",
	[STMT_PEER_INSERT] = "INSERT INTO peers(short, epoch, received, settled, settled_epoch) VALUES(?, 0, 0, 0, 0)",
	[STMT_PEER_UPDATE] = "UPDATE peers SET epoch = ?, received = ?, settled = ?, settled_epoch = ? WHERE no = ?",
	[STMT_PEER_PROOF_GET] = "SELECT shown FROM peers WHERE short = ?",
	[STMT_PEER_PROOF_PUT] = "UPDATE peers SET shown = ? WHERE no = ?",
	[STMT_PEER_ALL] = "SELECT short, epoch, received FROM peers WHERE epoch <> 0",
	[STMT_PEER_SETTLED] = "SELECT coalesce(max(settled), 0) FROM peers WHERE settled_epoch = ?",
	[STMT_KNOWN_CONFIRM] =
		"INSERT INTO meta(name, value) SELECT 'known' || substr(name, 5), value FROM meta WHERE name GLOB 'seen *'"
		" ON CONFLICT(name) DO UPDATE SET value = max(value, excluded.value)",
	[STMT_REJECTED_CLEAR] = "DELETE FROM meta WHERE name GLOB 'passed *'",
	[STMT_META_GET] = "SELECT value FROM meta WHERE name = ?",
	[STMT_META_PUT] =
		"INSERT INTO meta(name, value) VALUES(?, ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value",
};

sqlite3_stmt *index_stmt_take(struct index *index, enum index_stmt id)
{
	sqlite3_stmt *s = NULL;

	if (index->damaged) {
		errno = EIO;
		return NULL;
	}
	if (index->txn == INDEX_TXN_NONE && id > STMT_COMMIT)
		index_txn_read(index);
	if (index->stmt[id] != NULL && !index->taken[id]) {
		index->taken[id] = true;
		return index->stmt[id];
	}
	if (sqlite3_prepare_v3(index->db, sql[id], -1, SQLITE_PREPARE_PERSISTENT, &s, NULL) != SQLITE_OK) {
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

void index_key_bytes(uint8_t *out, const char *path, size_t n)
{
	memcpy(out, path, n);
	for (uint8_t *p = out; (p = memchr(p, '/', n - (size_t)(p - out))) != NULL; p++)
		*p = 0;
}

int index_key(struct index *index, const char *path)
{
	size_t n = strlen(path);

	if (n == 0 || n > RECORD_PATH_MAX) {
		errno = n == 0 ? EINVAL : ENAMETOOLONG;
		return -1;
	}
	index_key_bytes(index->key, path, n);
	return (int)n;
}

char *index_path(const uint8_t *key, int n)
{
	char *path = mem_calloc((size_t)n + 1, 1);

	for (int i = 0; i < n; i++)
		path[i] = key[i] != 0 ? (char)key[i] : '/';
	return path;
}

int64_t index_h8(const uint8_t hash[32])
{
	return (int64_t)get_u64(hash);
}

bool index_has_root(const struct record *r)
{
	return r->kind == RECORD_FILE && !r->deleted && r->content.nblocks > 0;
}

bool index_has_list(const struct record *r)
{
	return r->kind == RECORD_FILE && !r->deleted && r->content.nblocks > 1;
}

/* room outlives the statement's run. */
static void bind_base(sqlite3_stmt *s, int at, uint8_t *room, const struct version *v)
{
	if (v->n > 0)
		sqlite3_bind_blob(s, at, room, (int)version_encode(room, v), SQLITE_STATIC);
	else
		sqlite3_bind_null(s, at);
}

/* Over all that a row says of r; a bit that flips in it shows nowhere else. The row's number and what was seen of the file are not in
 * it: they change by themselves, and do no harm. */
static int64_t row_checksum(const struct record *r)
{
	const struct version *versions[] = { &r->version, &r->base, &r->mode_base };
	const char *texts[] = { r->path, r->target != NULL ? r->target : "" };
	int64_t numbers[] = { r->kind,          r->deleted,         r->mode,       r->mtime_ns,
		              r->content.size,  r->content.nblocks, r->chunk_log2, (int64_t)r->modified_by,
		              r->target != NULL };
	uint8_t all[sizeof(numbers) + sizeof(r->content.root) + 2 * (RECORD_PATH_MAX + 1) +
	            3 * VERSION_STORED_MAX * INDEX_VERSION_ENTRY];
	uint8_t hash[SHA256_SIZE];
	size_t n = sizeof(numbers);

	memcpy(all, numbers, n);
	memcpy(all + n, r->content.root, sizeof(r->content.root));
	n += sizeof(r->content.root);
	for (size_t i = 0; i < 2; i++) {
		size_t len = strnlen(texts[i], RECORD_PATH_MAX);

		memcpy(all + n, texts[i], len);
		all[n + len] = '\0';
		n += len + 1;
	}
	for (size_t i = 0; i < 3; i++)
		n += version_encode(all + n, versions[i]);
	sha256(hash, all, n);
	return index_h8(hash);
}

void index_record_bind(struct index *index, sqlite3_stmt *s, int first, const struct record *r)
{
	size_t n = version_encode(index->version, &r->version);
	struct record kept = *r;

	if (r->kind != RECORD_FILE || r->deleted)
		kept.content = (struct content){ 0 };
	else if (!index_has_root(r))
		memset(kept.content.root, 0, sizeof(kept.content.root));

	sqlite3_bind_int(s, first, (int)r->kind);
	sqlite3_bind_int(s, first + 1, r->deleted);
	sqlite3_bind_int(s, first + 2, (int)r->mode);
	sqlite3_bind_int64(s, first + 3, r->mtime_ns);
	sqlite3_bind_int64(s, first + 4, kept.content.size);
	sqlite3_bind_int64(s, first + 5, kept.content.nblocks);
	if (index_has_root(r))
		sqlite3_bind_blob(s, first + 6, r->content.root, sizeof(r->content.root), SQLITE_STATIC);
	else
		sqlite3_bind_null(s, first + 6);
	sqlite3_bind_int(s, first + 7, r->chunk_log2);
	if (r->target != NULL)
		sqlite3_bind_blob(s, first + 8, r->target, (int)strlen(r->target), SQLITE_STATIC);
	else
		sqlite3_bind_null(s, first + 8);
	sqlite3_bind_blob(s, first + 9, index->version, (int)n, SQLITE_STATIC);
	sqlite3_bind_int64(s, first + 10, (int64_t)r->modified_by);
	bind_base(s, first + 11, index->base, &r->base);
	bind_base(s, first + 12, index->mode_base, &r->mode_base);
	sqlite3_bind_int64(s, first + 13, row_checksum(&kept));
}

static int read_version(sqlite3_stmt *s, int column, struct version *v)
{
	const void *p = sqlite3_column_blob(s, column);

	return version_decode(v, p, (size_t)sqlite3_column_bytes(s, column));
}

/* NULL and nothing are the same. */
static int read_base(sqlite3_stmt *s, int column, struct version *v)
{
	return sqlite3_column_type(s, column) == SQLITE_NULL ? 0 : read_version(s, column, v);
}

int index_record_read(sqlite3_stmt *s, int key_column, int first, struct record *r)
{
	const void *root, *target;
	int target_type = sqlite3_column_type(s, first + 8);

	*r = (struct record){ 0 };
	r->kind = (enum record_kind)sqlite3_column_int(s, first);
	r->deleted = sqlite3_column_int(s, first + 1) != 0;
	r->mode = (uint32_t)sqlite3_column_int(s, first + 2);
	r->mtime_ns = sqlite3_column_int64(s, first + 3);
	r->content.size = sqlite3_column_int64(s, first + 4);
	r->content.nblocks = (uint32_t)sqlite3_column_int64(s, first + 5);
	r->chunk_log2 = (uint8_t)sqlite3_column_int(s, first + 7);
	r->modified_by = (uint64_t)sqlite3_column_int64(s, first + 10);
	root = sqlite3_column_blob(s, first + 6);
	if (root != NULL && sqlite3_column_bytes(s, first + 6) == (int)sizeof(r->content.root))
		memcpy(r->content.root, root, sizeof(r->content.root));
	else if (r->content.nblocks > 0)
		return -1;
	if (r->kind < RECORD_FILE || r->kind > RECORD_SYMLINK || r->content.size < 0)
		return -1;
	if (read_version(s, first + 9, &r->version) < 0 || read_base(s, first + 11, &r->base) < 0 ||
	    read_base(s, first + 12, &r->mode_base) < 0) {
		record_clear(r);
		return -1;
	}
	r->path = index_path(sqlite3_column_blob(s, key_column), sqlite3_column_bytes(s, key_column));
	if (target_type != SQLITE_NULL) {
		target = sqlite3_column_blob(s, first + 8);
		r->target = mem_calloc((size_t)sqlite3_column_bytes(s, first + 8) + 1, 1);
		if (target != NULL)
			memcpy(r->target, target, (size_t)sqlite3_column_bytes(s, first + 8));
	}
	/* Rows of before there were sums have none. */
	if (sqlite3_column_type(s, first + 13) != SQLITE_NULL &&
	    sqlite3_column_int64(s, first + 13) != row_checksum(r)) {
		record_clear(r);
		return -1;
	}
	r->mode &= RECORD_MODE; /* version 0.1.0 had more */
	record_fit(r);
	return 0;
}

int index_row_read(sqlite3_stmt *s, struct record *r)
{
	int at = 2 + INDEX_RECORD_NCOLUMNS;

	if (index_record_read(s, 1, 2, r) < 0)
		return -1;
	r->seq = (uint64_t)sqlite3_column_int64(s, 0);
	r->via = (uint64_t)sqlite3_column_int64(s, at);
	r->seen.size = sqlite3_column_int64(s, at + 1);
	r->seen.mtime_ns = sqlite3_column_int64(s, at + 2);
	r->seen.ctime_ns = sqlite3_column_int64(s, at + 3);
	r->seen.ino = (uint64_t)sqlite3_column_int64(s, at + 4);
	/* A row of before it was noted: the disk kept what it was asked to, as far as is known. */
	if (sqlite3_column_type(s, at + 5) != SQLITE_NULL)
		r->seen.mode = (uint32_t)sqlite3_column_int64(s, at + 5);
	else if (!record_seen_is_none(&r->seen))
		r->seen.mode = r->mode;
	return 0;
}
