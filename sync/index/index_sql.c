/* The SQL: the tables, and the statements on them. Texts only. */
#include "sync/index/index_internal.h"

/* The sequence number of a row is its rowid: new rows are appended, rows since a number are one range, and no third
 * index is needed. h8 is the first 8 bytes of a hash as an integer: a short index key that is nearly as good as the
 * whole. */
const char index_schema_sql[] =
	"CREATE TABLE state(id INTEGER PRIMARY KEY CHECK(id = 1), epoch INTEGER NOT NULL, reserved INTEGER NOT NULL,"
	" clean INTEGER NOT NULL, files INTEGER NOT NULL, dirs INTEGER NOT NULL, symlinks INTEGER NOT NULL,"
	" bytes INTEGER NOT NULL, tombstones INTEGER NOT NULL, wanted INTEGER NOT NULL, wanted_bytes INTEGER NOT NULL,"
	" offered INTEGER NOT NULL DEFAULT 0, listed INTEGER NOT NULL DEFAULT 0,"
	" digested INTEGER NOT NULL DEFAULT 0, vault_rows INTEGER NOT NULL DEFAULT 0,"
	" vault_objects INTEGER NOT NULL DEFAULT 0, vault_bytes INTEGER NOT NULL DEFAULT 0);"
	"CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE peers(no INTEGER PRIMARY KEY, short INTEGER NOT NULL UNIQUE, epoch INTEGER NOT NULL,"
	" received INTEGER NOT NULL, settled INTEGER NOT NULL, settled_epoch INTEGER NOT NULL, shown BLOB,"
	" on_demand INTEGER NOT NULL DEFAULT 0, mirror_until INTEGER NOT NULL DEFAULT 0,"
	" listed_until INTEGER NOT NULL DEFAULT 0);"
	"CREATE TABLE files(seq INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, h8 INTEGER, kind INTEGER NOT NULL,"
	" deleted INTEGER NOT NULL, mode INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, size INTEGER NOT NULL,"
	" nblocks INTEGER NOT NULL, root BLOB, chunk_log2 INTEGER NOT NULL, target BLOB, version BLOB NOT NULL,"
	" modified_by INTEGER NOT NULL, base BLOB, mode_base BLOB, sum INTEGER, via INTEGER NOT NULL,"
	" seen_size INTEGER NOT NULL,"
	" seen_mtime_ns INTEGER NOT NULL, seen_ctime_ns INTEGER NOT NULL, seen_ino INTEGER NOT NULL,"
	" seen_mode INTEGER, marks INTEGER);"
	"CREATE INDEX files_marks ON files(marks) WHERE marks IS NOT NULL;" INDEX_DIGESTS_SQL
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
	" modified_by INTEGER NOT NULL, base BLOB, mode_base BLOB, sum INTEGER, via INTEGER, marks INTEGER,"
	" h8 INTEGER);"
	"CREATE INDEX wanted_key ON wanted(key, size);" INDEX_ASIDE_SQL INDEX_SEALED_SQL INDEX_JOINS_SQL
		INDEX_BASES_SQL;

/* An index of an older lanyard may lack this table. */
const char index_install_sql[] =
	"CREATE TABLE IF NOT EXISTS placing(id INTEGER PRIMARY KEY, key BLOB NOT NULL, kind INTEGER NOT NULL,"
	" deleted INTEGER NOT NULL, mode INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, size INTEGER NOT NULL,"
	" nblocks INTEGER NOT NULL, root BLOB, chunk_log2 INTEGER NOT NULL, target BLOB, version BLOB NOT NULL,"
	" modified_by INTEGER NOT NULL, base BLOB, mode_base BLOB, sum INTEGER)";

#define PEER_NO_MASK "16383"
#define UNWANTED     "4611686018427387904" /* INDEX_UNWANTED */

#define ROW                                                                     \
	"SELECT seq, key, " INDEX_RECORD_COLUMNS                                \
	", via, seen_size, seen_mtime_ns, seen_ctime_ns, seen_ino, seen_mode, " \
	"marks FROM files "
#define ROW_VALUES                                                                                         \
	"INTO files(seq, key, h8, " INDEX_RECORD_COLUMNS ", via, seen_size, seen_mtime_ns, seen_ctime_ns," \
	" seen_ino, seen_mode, marks)"                                                                     \
	" VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
#define OFFER                                                                                              \
	"SELECT w.id, coalesce(p.short, 0), w.key, " INDEX_RECORD_COLUMNS ", w.via, w.marks FROM wanted w" \
	" LEFT JOIN peers p ON p.no = (w.id >> 48) & " PEER_NO_MASK " "
#define ASIDE                                                                                              \
	"SELECT coalesce(seq, 0), key, " INDEX_RECORD_COLUMNS                                              \
	", via, seen_size, seen_mtime_ns, seen_ctime_ns, seen_ino, seen_mode, marks, why, version IS NULL" \
	" FROM aside "

#define CORE                                                                                                           \
	"SELECT seq, path, name, deleted, generation, endorser, coalesce(superseded, 0), bytes, core, endorsement, at" \
	" FROM vault_cores "
#define OBJECT                                                                                     \
	"SELECT name, size, sum, refs, coalesce(dead, 0), gone IS NOT NULL, id, needs IS NOT NULL" \
	" FROM vault_objects "

const char *const index_sql[STMT_COUNT] = {
	[STMT_BEGIN_READ] = "BEGIN",
	[STMT_BEGIN] = "BEGIN IMMEDIATE",
	[STMT_COMMIT] = "COMMIT",
	[STMT_STATE_GET] =
		"SELECT epoch, reserved, clean, files, dirs, symlinks, bytes, tombstones, wanted, wanted_bytes,"
		" offered, listed, EXISTS(SELECT 1 FROM content WHERE dead IS NOT NULL), digested,"
		" vault_rows, vault_objects, vault_bytes FROM state",
	[STMT_STATE_COUNTERS] =
		"UPDATE state SET files = ?, dirs = ?, symlinks = ?, bytes = ?, tombstones = ?, wanted = ?,"
		" wanted_bytes = ?, offered = ?, listed = ?, vault_rows = ?, vault_objects = ?, vault_bytes = ?",
	[STMT_STATE_NUMBERS] = "UPDATE state SET epoch = ?, reserved = ?, clean = ?",
	[STMT_ROW_GET] = ROW "WHERE key = ?",
	[STMT_ROW_OLD] = "SELECT seq, kind, deleted, size, nblocks, root FROM files WHERE key = ?",
	[STMT_ROW_DELETE] = "DELETE FROM files WHERE seq = ?",
	[STMT_ROW_INSERT] = "INSERT " ROW_VALUES,
	[STMT_ROW_INSERT_FIRST] = "INSERT OR IGNORE " ROW_VALUES,
	[STMT_ROW_TOUCH] =
		"UPDATE files SET seen_size = ?, seen_mtime_ns = ?, seen_ctime_ns = ?, seen_ino = ?, seen_mode = ?"
		" WHERE key = ?",
	[STMT_ROW_JOIN] =
		"UPDATE files SET chunk_log2 = ?, version = ?, modified_by = ?, base = ?, mode_base = ?, sum = ?,"
		" via = ? WHERE seq = ?",
	[STMT_JOINS_INSERT] = "INSERT INTO joins(peer, writer, epoch, pairs, sum) VALUES(?, ?, ?, ?, ?)",
	[STMT_JOINS_NEXT] = "SELECT id, peer, writer, epoch, pairs, sum FROM joins WHERE id > ? ORDER BY id LIMIT 1",
	[STMT_JOINS_DELETE] = "DELETE FROM joins WHERE id = ?",
	[STMT_ROW_NUMBERED] = ROW "WHERE seq = ?",
	[STMT_ROW_DOUBTFUL] = ROW "WHERE length(version) = 0 ORDER BY seq",
	[STMT_ROW_SINCE] = ROW "WHERE seq > ? AND seq <= ? ORDER BY seq",
	[STMT_ROW_MARK] = "UPDATE files SET marks = ? WHERE key = ?",
	[STMT_ROW_LEAVING] = ROW "WHERE marks = 1 AND seq > ? ORDER BY seq",
	[STMT_ROW_FORGET] = "SELECT seq, deleted, deleted AND (length(version) >= ? OR"
			    " EXISTS(SELECT 1 FROM wanted w WHERE w.key = files.key)) FROM files"
			    " WHERE seq > ? AND seq <= ? ORDER BY seq",
	[STMT_ROW_COUNT] = "SELECT count(*) FROM (SELECT 1 FROM files WHERE seq > ? AND kind <> 2 LIMIT ?)",
	[STMT_LISTED_COUNT] =
		"SELECT count(*) FROM (SELECT 1 FROM wanted WHERE id > ? AND id < ? AND kind <> 2 LIMIT ?)",
	[STMT_ROW_WALK] = ROW "WHERE key >= ? ORDER BY key",
	[STMT_ROW_BELOW] = "SELECT deleted FROM files WHERE key >= ? AND key < ? ORDER BY key",
	/* A join, since IN makes a table of its own each time. */
	[STMT_ROW_BY_ROOT] = ROW "JOIN (SELECT seq AS at FROM digests WHERE h8 = ?1 AND seq <= ?3) ON seq = at"
				 " WHERE root = ?2",
	[STMT_ROW_BY_SEQ] = ROW "WHERE seq = ? AND root = ?",
	[STMT_DIGEST_ROWS] = "SELECT seq, h8 FROM files WHERE seq > ? AND h8 IS NOT NULL ORDER BY seq",
	[STMT_DIGEST_NEXT] = "SELECT h8 FROM digests WHERE h8 > ? ORDER BY h8 LIMIT ?",
	[STMT_DIGEST_INSERT] = "INSERT OR IGNORE INTO digests(h8, seq) VALUES(?, ?)",
	[STMT_DIGEST_DELETE] = "DELETE FROM digests WHERE h8 = ? AND seq = ?",
	[STMT_STATE_DIGESTED] = "UPDATE state SET digested = ?",
	[STMT_ROW_BY_INODE] = ROW "WHERE seen_ino = ? AND kind = 1 AND deleted = 0",
	[STMT_ASIDE_HAS_ROOT] = "SELECT 1 FROM aside WHERE h8 = ? AND root = ? LIMIT 1",
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
			      ", via, marks, h8) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[STMT_OFFER_DELETE] = "DELETE FROM wanted WHERE id = ?",
	[STMT_OFFER_KEY] = "SELECT key FROM wanted WHERE id = ?",
	[STMT_OFFER_GET] = OFFER "WHERE w.key = ?",
	[STMT_OFFER_BY_ID] = OFFER "WHERE w.id = ?",
	[STMT_OFFER_RANGE] = OFFER "WHERE w.id > ? AND w.id <= ? ORDER BY w.id",
	[STMT_OFFER_BY_ROOT] = OFFER "WHERE w.h8 = ? AND w.root = ?",
	[STMT_OFFER_STATES] = "SELECT id, deleted FROM wanted WHERE key = ?",
	[STMT_OFFER_LISTED] =
		"SELECT 1 FROM wanted WHERE key >= ? AND key < ? AND (id >> 48) & " PEER_NO_MASK " = 0 LIMIT 1",
	[STMT_OFFER_NEXT_KEY] = "SELECT key FROM wanted WHERE key >= ? ORDER BY key LIMIT 1",
	[STMT_OFFER_PATHS] = "SELECT key FROM wanted WHERE key > ? ORDER BY key",
	[STMT_OFFER_MIN] = "SELECT id FROM wanted WHERE id >= ? AND id < ? ORDER BY id LIMIT 1",
	[STMT_OFFER_DELETE_PEER] = "DELETE FROM wanted WHERE id >= ? AND id < ?",
	[STMT_OFFER_ALL_SIZES] = "SELECT key, size, id FROM wanted ORDER BY key, size",
	[STMT_OFFER_CHOICES] = "SELECT id, key, deleted FROM wanted WHERE id > ? ORDER BY id",
	[STMT_OFFER_CHOOSE] = "UPDATE wanted SET id = ?2 WHERE id = ?1",
	[STMT_WANT_PATHS] = "SELECT key FROM wanted WHERE key > ? AND id < " UNWANTED " ORDER BY key",
	[STMT_WANT_FEW] = "SELECT key FROM wanted WHERE +key > ? AND id < " UNWANTED " ORDER BY +key",
	[STMT_WANT_CONTENTS] =
		"SELECT id, size, nblocks, root FROM wanted WHERE id > ? AND id < " UNWANTED " ORDER BY id",
	[STMT_WANT_COUNT] = "SELECT count(*) FROM (SELECT 1 FROM wanted WHERE id >= ? AND id < ? LIMIT ?)",
	[STMT_HOLD_PUT] = "INSERT INTO holds(key, peer, what, has) VALUES(?, ?, ?, ?)"
			  " ON CONFLICT(key, peer) DO UPDATE SET what = excluded.what, has = excluded.has",
	[STMT_HOLD_GET] = "SELECT has FROM holds WHERE key = ? AND peer = ? AND what = ?",
	[STMT_HOLD_ALL] = "SELECT p.short, h.has FROM holds h CROSS JOIN peers p ON p.no = h.peer"
			  " WHERE h.key = ? AND h.what = ?",
	[STMT_HOLD_FORGET] = "DELETE FROM holds WHERE key = ?",
	[STMT_HOLD_FORGET_PEER] = "DELETE FROM holds WHERE peer = ?",
	[STMT_HOLD_ANY] = "SELECT 1 FROM holds LIMIT 1",
	[STMT_ASIDE_MOVE] = "INSERT INTO aside(key, why, seq, h8, " INDEX_RECORD_COLUMNS
			    ", via, seen_size, seen_mtime_ns, seen_ctime_ns, seen_ino, seen_mode)"
			    " SELECT key, ?2, seq, h8, " INDEX_RECORD_COLUMNS
			    ", via, seen_size, seen_mtime_ns, seen_ctime_ns, seen_ino, seen_mode FROM files"
			    " WHERE key = ?1 AND deleted = 0",
	[STMT_ASIDE_BARE] = "INSERT INTO aside(key, why) VALUES(?1, ?2)",
	[STMT_ASIDE_WHY] = "UPDATE aside SET why = ?2 WHERE key = ?1",
	[STMT_ASIDE_GET] = ASIDE "WHERE key = ?",
	[STMT_ASIDE_DELETE] = "DELETE FROM aside WHERE key = ?",
	[STMT_ASIDE_PATHS] = "SELECT key, why FROM aside WHERE key >= ? ORDER BY key",
	[STMT_ASIDE_COUNT] = "SELECT why, count(*) FROM aside GROUP BY why",
	[STMT_INSTALL_INSERT] = "INSERT INTO placing(key, " INDEX_RECORD_COLUMNS
				") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[STMT_INSTALL_DELETE] = "DELETE FROM placing WHERE id >= ? AND id <= ?",
	[STMT_INSTALL_ALL] = "SELECT id, key, " INDEX_RECORD_COLUMNS " FROM placing ORDER BY id",
	[STMT_PEER_GET] = "SELECT no, epoch, received, settled, settled_epoch, on_demand, mirror_until,"
			  " listed_until FROM peers"
			  " WHERE short = ?",
	[STMT_PEER_INSERT] = "INSERT INTO peers(short, epoch, received, settled, settled_epoch) VALUES(?, 0, 0, 0, 0)",
	[STMT_PEER_UPDATE] = "UPDATE peers SET epoch = ?, received = ?, settled = ?, settled_epoch = ?, on_demand = ?,"
			     " mirror_until = ?, listed_until = ? WHERE no = ?",
	[STMT_PEER_PROOF_GET] = "SELECT shown FROM peers WHERE short = ?",
	[STMT_PEER_PROOF_PUT] = "UPDATE peers SET shown = ? WHERE no = ?",
	[STMT_PEER_ALL] = "SELECT short FROM peers WHERE epoch <> 0",
	[STMT_KNOWN_CONFIRM] = "INSERT INTO meta(name, value) SELECT 'known' || substr(name, 5), value FROM meta"
			       " WHERE name GLOB 'seen *' OR name GLOB 'afar *'"
			       " ON CONFLICT(name) DO UPDATE SET value = max(value, excluded.value)",
	[STMT_REJECTED_CLEAR] = "DELETE FROM meta WHERE name GLOB 'passed *'",
	[STMT_REJECTED_ANY] = "SELECT 1 FROM meta WHERE name GLOB 'passed *' LIMIT 1",
	[STMT_META_GET] = "SELECT value FROM meta WHERE name = ?",
	[STMT_META_PUT] =
		"INSERT INTO meta(name, value) VALUES(?, ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value",
	[STMT_SEALED_GET] = "SELECT size, nblocks, generation, paged, list FROM sealed_contents WHERE root = ?",
	[STMT_SEALED_PUT] = "INSERT OR REPLACE INTO sealed_contents(root, size, nblocks, generation, paged, list)"
			    " VALUES(?, ?, ?, ?, ?, ?)",
	[STMT_SEALED_NEXT] = "SELECT root FROM sealed_contents WHERE root > ? ORDER BY root LIMIT 1",
	[STMT_SEALED_LISTED] = "SELECT 1 FROM wanted WHERE h8 = ? AND root = ? LIMIT 1",
	[STMT_SEALED_DELETE] = "DELETE FROM sealed_contents WHERE root = ?",
	/* Blocks do not overlap: of those that begin before these bytes the last one alone may reach into them. */
	[STMT_BASES_GET] = "SELECT offset, len, generation, sha, leaves FROM bases WHERE path = ?1 AND peer = ?2"
			   " AND offset >= coalesce((SELECT max(offset) FROM bases WHERE path = ?1 AND peer = ?2"
			   " AND offset < ?3), ?3) AND offset < ?4 AND offset + len > ?3 ORDER BY offset LIMIT ?5",
	[STMT_BASE_CUT] = "DELETE FROM bases WHERE path = ?1 AND peer = ?2 AND offset >= coalesce((SELECT max(offset)"
			  " FROM bases WHERE path = ?1 AND peer = ?2 AND offset < ?3), ?3) AND offset < ?4"
			  " AND offset + len > ?3",
	[STMT_BASE_PUT] = "INSERT INTO bases(path, peer, offset, len, generation, sha, leaves)"
			  " VALUES(?, ?, ?, ?, ?, ?, ?)",
	[STMT_BASE_NEXT] = "SELECT path, peer FROM bases WHERE (path, peer) > (?, ?) ORDER BY path, peer LIMIT 1",
	[STMT_BASE_FORGET] = "DELETE FROM bases WHERE id IN"
			     " (SELECT id FROM bases WHERE path = ? AND peer = ? ORDER BY offset LIMIT ?)",
	[STMT_BASES_FIRST] = "SELECT offset, len, generation, sha, leaves FROM bases WHERE path = ? AND peer = ?"
			     " ORDER BY offset LIMIT ?",
	[STMT_CORE_INSERT] = "INSERT INTO vault_cores(seq, path, name, deleted, generation, endorser, superseded,"
			     " bytes, core, endorsement, at) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[STMT_CORE_BEAT] = "UPDATE vault_cores SET superseded = ? WHERE seq = ? AND superseded IS NULL",
	[STMT_CORE_RENUMBER] = "UPDATE vault_cores SET seq = ? WHERE seq = ?",
	[STMT_CORE_DELETE] = "DELETE FROM vault_cores WHERE seq = ?",
	[STMT_CORE_PATH] = "SELECT path, bytes FROM vault_cores WHERE seq = ?",
	[STMT_CORE_AT] = CORE "WHERE path = ? ORDER BY seq",
	[STMT_CORE_SINCE] = CORE "WHERE seq > ? ORDER BY seq LIMIT ?",
	[STMT_CORE_OLD] = CORE "WHERE superseded IS NOT NULL ORDER BY superseded LIMIT ?",
	[STMT_CORE_DELETED] = CORE "WHERE deleted = 1 AND superseded IS NULL AND at <= ? ORDER BY at LIMIT ?",
	[STMT_PATH_FIND] = "SELECT path FROM vault_paths WHERE id = ?",
	[STMT_PATH_PUT] = "INSERT OR REPLACE INTO vault_paths(id, path) VALUES(?, ?)",
	[STMT_PATH_JOIN] = "UPDATE vault_paths SET path = ?1 WHERE path = ?2",
	[STMT_PATH_JOIN_CORES] = "UPDATE vault_cores SET path = ?1 WHERE path = ?2",
	[STMT_PATH_FORGET] = "DELETE FROM vault_paths WHERE path = ?1"
			     " AND NOT EXISTS(SELECT 1 FROM vault_cores WHERE path = ?1)",
	[STMT_OBJECT_GET] = OBJECT "WHERE name = ?",
	[STMT_OBJECT_NEEDS] = "SELECT needs FROM vault_objects WHERE name = ?",
	[STMT_OBJECT_INSERT] = "INSERT INTO vault_objects(name, size, sum, refs, dead, needs) VALUES(?, ?, ?, 0, ?, ?)",
	[STMT_OBJECT_RETURN] = "UPDATE vault_objects SET size = ?2, sum = ?3, needs = ?4, gone = NULL WHERE name = ?1",
	[STMT_OBJECT_DELETE] = "DELETE FROM vault_objects WHERE name = ? AND refs = 0",
	[STMT_OBJECT_UP] = "UPDATE vault_objects SET refs = refs + 1, dead = NULL WHERE name = ?1",
	[STMT_OBJECT_DOWN] = "UPDATE vault_objects SET refs = refs - 1, dead = CASE WHEN refs = 1 THEN ?2 END"
			     " WHERE name = ?1 AND refs > 0",
	[STMT_OBJECT_LOSE] = "UPDATE vault_objects SET gone = 1 WHERE name = ? AND gone IS NULL",
	[STMT_OBJECT_LACKS] = "SELECT 1 FROM vault_objects WHERE gone IS NOT NULL AND refs > 0 LIMIT 1",
	[STMT_OBJECT_DEAD] = OBJECT "WHERE dead <= ? ORDER BY dead LIMIT ?",
	[STMT_OBJECT_AFTER] = OBJECT "WHERE id > ? ORDER BY id LIMIT ?",
	[STMT_MAIL_PUT] = "INSERT OR REPLACE INTO vault_mail(recipient, sender, at, envelope) VALUES(?, ?, ?, ?)",
	[STMT_MAIL_GET] = "SELECT recipient, sender, envelope FROM vault_mail WHERE ?1 IS NULL OR recipient = ?1",
	[STMT_MAIL_FORGET] = "DELETE FROM vault_mail WHERE recipient = ?1 OR sender = ?1",
	[STMT_HEAD_PUT] = "INSERT OR REPLACE INTO heads(agent, epoch, number, head) VALUES(?, ?, ?, ?)",
	[STMT_HEAD_GET] = "SELECT head FROM heads WHERE agent = ?",
	[STMT_HEAD_ALL] = "SELECT agent, epoch, number, head FROM heads ORDER BY agent",
	[STMT_HEAD_FORGET] = "DELETE FROM heads WHERE agent = ?",
};
