/* The tables: creating them, upgrading those of an older schema, and checking that nothing has changed their
 * definitions. And reading the row of state. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/index/index_internal.h"

int index_query_int(struct index *index, const char *sql, int64_t *value)
{
	sqlite3_stmt *s = NULL;
	int rc = -1;

	if (sqlite3_prepare_v2(index->db, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW) {
		*value = sqlite3_column_int64(s, 0);
		rc = 0;
	}
	/* sqlite3_finalize() leaves the error code of the step for the caller to check */
	sqlite3_finalize(s);
	return rc;
}

static int create_schema(struct index *index)
{
	char *sql = mem_printf("%s PRAGMA application_id = %d; PRAGMA user_version = %d;"
	                       "INSERT INTO state VALUES(1, %" PRId64 ", 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);"
	                       "INSERT INTO meta VALUES('" INDEX_META_FRESH "', 1), ('" INDEX_META_TOLD "', 0)",
	                       index_schema_sql, INDEX_APPLICATION_ID, INDEX_SCHEMA, (int64_t)(random_u64() | 1));
	int rc = index_exec(index, sql);

	free(sql);
	return rc;
}

bool index_schema_fits(struct index *index)
{
	for (int i = 0; i < STMT_COUNT; i++) {
		sqlite3_stmt *s = index_stmt_take(index, (enum index_stmt)i);

		if (s == NULL)
			return false;
		index_stmt_give(index, (enum index_stmt)i, s);
	}
	return true;
}

/* A checksum over the definitions of tables and indexes; 0 if they cannot be read. */
static int64_t schema_checksum(struct index *index)
{
	sqlite3_stmt *s = NULL;
	uint8_t hash[SHA256_SIZE];
	int64_t sum = 0;

	if (sqlite3_prepare_v2(index->db,
	                       "SELECT group_concat(sql, ';') FROM"
	                       " (SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name)",
	                       -1, &s, NULL) == SQLITE_OK &&
	    sqlite3_step(s) == SQLITE_ROW && sqlite3_column_type(s, 0) == SQLITE_TEXT) {
		sha256(hash, sqlite3_column_text(s, 0), (size_t)sqlite3_column_bytes(s, 0));
		sum = index_h8(hash);
	}
	sqlite3_finalize(s);
	return sum;
}

static int note_schema(struct index *index)
{
	char *sql = mem_printf("INSERT OR REPLACE INTO meta VALUES('schema', %" PRId64 ")", schema_checksum(index));
	int rc = index_exec(index, sql);

	free(sql);
	return rc;
}

/* A bit that flips in a definition makes it another table. All statements may still work with that, and quick_check
 * finds nothing. */
bool index_schema_is_noted(struct index *index)
{
	int64_t sum = schema_checksum(index), noted;

	return sum != 0 && index_query_int(index, "SELECT value FROM meta WHERE name = 'schema'", &noted) == 0 &&
	       noted == sum;
}

/* From each schema to the next. */
static const char *const upgrades[INDEX_SCHEMA] = {
	[1] = "ALTER TABLE files ADD COLUMN base BLOB; ALTER TABLE wanted ADD COLUMN base BLOB;",
	[2] = ("ALTER TABLE files ADD COLUMN mode_base BLOB; ALTER TABLE wanted ADD COLUMN mode_base BLOB;"
	       "ALTER TABLE files ADD COLUMN sum INTEGER; ALTER TABLE wanted ADD COLUMN sum INTEGER;"),
	[3] = "ALTER TABLE files ADD COLUMN seen_mode INTEGER;",
	[4] = "ALTER TABLE peers ADD COLUMN shown BLOB;",
	[5] = "CREATE INDEX files_inode ON files(seen_ino) WHERE kind = 1 AND deleted = 0;",
	[6] = ("ALTER TABLE state ADD COLUMN offered INTEGER NOT NULL DEFAULT 0;"
	       "ALTER TABLE state ADD COLUMN listed INTEGER NOT NULL DEFAULT 0;"
	       "UPDATE state SET offered = (SELECT count(DISTINCT key) FROM wanted);"
	       "ALTER TABLE peers ADD COLUMN on_demand INTEGER NOT NULL DEFAULT 0;"
	       "ALTER TABLE peers ADD COLUMN mirror_until INTEGER NOT NULL DEFAULT 0;"
	       "ALTER TABLE peers ADD COLUMN listed_until INTEGER NOT NULL DEFAULT 0;"
	       "ALTER TABLE files ADD COLUMN marks INTEGER;"
	       "CREATE INDEX files_marks ON files(marks) WHERE marks IS NOT NULL;"
	       "ALTER TABLE wanted ADD COLUMN via INTEGER; ALTER TABLE wanted ADD COLUMN marks INTEGER;"
	       "ALTER TABLE wanted ADD COLUMN h8 INTEGER;" INDEX_ASIDE_SQL),
	[7] = ("ALTER TABLE state ADD COLUMN digested INTEGER NOT NULL DEFAULT 0;" INDEX_DIGESTS_SQL
	       "INSERT INTO digests(h8, seq) SELECT h8, seq FROM files WHERE h8 IS NOT NULL ORDER BY h8, seq;"
	       "UPDATE state SET digested = coalesce((SELECT max(seq) FROM files), 0);"
	       "DROP INDEX files_h8;"),
	[8] = ("ALTER TABLE state ADD COLUMN vault_rows INTEGER NOT NULL DEFAULT 0;"
	       "ALTER TABLE state ADD COLUMN vault_objects INTEGER NOT NULL DEFAULT 0;"
	       "ALTER TABLE state ADD COLUMN vault_bytes INTEGER NOT NULL DEFAULT 0;" INDEX_SEALED_SQL),
	[9] = (INDEX_JOINS_SQL),
	[10] = (INDEX_BASES_SQL),
};

static int upgrade(struct index *index, int64_t version)
{
	int64_t placing;
	char *sql;
	int rc = 0;

	if (index_query_int(index, "SELECT count(*) FROM sqlite_schema WHERE name = 'placing'", &placing) < 0)
		return -1;
	if (placing != 0 && version < 3)
		rc = index_exec(index, "ALTER TABLE placing ADD COLUMN mode_base BLOB;"
		                       "ALTER TABLE placing ADD COLUMN sum INTEGER;");
	for (; rc == 0 && version < INDEX_SCHEMA; version++)
		rc = index_exec(index, upgrades[version]);
	if (rc < 0)
		return -1;
	sql = mem_printf("PRAGMA user_version = %d", INDEX_SCHEMA);
	rc = index_exec(index, sql);
	free(sql);
	return rc;
}

int index_schema_make(struct index *index, int64_t version)
{
	if (index_exec(index, "BEGIN IMMEDIATE") < 0 ||
	    (version == 0 ? create_schema(index) : upgrade(index, version)) < 0 ||
	    index_exec(index, index_install_sql) < 0 || note_schema(index) < 0)
		return -1;
	return index_exec(index, "COMMIT");
}

/* Everything that index->now holds is set here; only then does `committed` follow. */
int index_load_state(struct index *index)
{
	struct index_totals *t = &index->now.totals;
	sqlite3_stmt *s = index_stmt_take(index, STMT_STATE_GET);
	uint64_t digested;

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
	index->now.offered = sqlite3_column_int64(s, 10);
	index->now.listed = sqlite3_column_int64(s, 11);
	index->dead_contents = sqlite3_column_int(s, 12) != 0;
	digested = (uint64_t)sqlite3_column_int64(s, 13);
	index->now.vault = (struct index_vault_totals){
		.rows = sqlite3_column_int64(s, 14),
		.objects = sqlite3_column_int64(s, 15),
		.bytes = sqlite3_column_int64(s, 16),
	};
	/* A clean end has stored the last number that was given. After an unclean one, all that were reserved may have
	 * been. */
	index->seq = index->reserved;
	index_stmt_give(index, STMT_STATE_GET, s);
	if (index_digests_load(index, digested) < 0 || index_holds_load(index) < 0 || index_asides_load(index) < 0 ||
	    index_told_load(index) < 0)
		return -1;
	index->committed = index->now;
	return index->epoch != 0 ? 0 : -1;
}
