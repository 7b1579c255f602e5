/* Our role has changed, or what members said has to be heard again: see index_doubt(). */
#include "sync/index/index_internal.h"

/* What the disk has stays known, so that a scan finds no change; and what an unfinished run was installing. A row
 * without a checksum is one that an older lanyard wrote, so that is allowed. */
static const char doubt_sql[] =
	"DELETE FROM files WHERE deleted <> 0;"
	"DELETE FROM placing WHERE deleted <> 0;"
	"DELETE FROM wanted;"
	"DELETE FROM joins;"
	"UPDATE files SET version = x'', base = NULL, mode_base = NULL, sum = NULL;"
	"UPDATE placing SET version = x'', base = NULL, mode_base = NULL, sum = NULL;"
	"UPDATE aside SET version = x'', base = NULL, mode_base = NULL, sum = NULL WHERE version IS NOT NULL AND why = 1;"
	"UPDATE peers SET received = 0, mirror_until = 0, listed_until = 0;"
	"DELETE FROM meta WHERE name LIKE 'known %' OR name LIKE 'seen %' OR name LIKE 'passed %'"
	" OR name = 'forgotten';";

_Static_assert((int)ASIDE_UNSHARED == 1, "the number that stands for it in the statement");

static int forget_all(struct index *index)
{
	if (index_txn_write(index) < 0)
		return -1;
	if (index_exec(index, doubt_sql) < 0)
		return index_write_failed(index, "doubt all rows");
	index_recent_clear(index);
	index_joins_written(index);
	index->rows_gone++;
	index->now.totals.tombstones = 0;
	index->now.offered = index->now.listed = index->now.missing = index->now.missing_bytes = 0;
	index->forgotten = -1;
	return 0;
}

int index_doubt(struct index *index)
{
	uint64_t epoch = index_epoch(index);

	if (forget_all(index) < 0)
		return -1;
	index_new_epoch(index, 0);
	return index_epoch(index) != epoch ? 0 : -1;
}

int index_doubtful(struct index *index, bool (*fn)(void *arg, const struct record *r), void *arg)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_ROW_DOUBTFUL);

	return s == NULL ? -1 : index_rows_each(index, STMT_ROW_DOUBTFUL, s, NULL, fn, arg);
}
