/* Our rows, written: what goes with a row follows it, which is what is listed for its path and whether that is wanted.
 * While nothing is listed or set aside, that costs nothing. */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "sync/index/index_internal.h"

/* What is listed for the path follows its row, which has come, gone or changed. */
static int follow_row(struct index *index, const struct record *row)
{
	if (row->deleted && index->held && index_holds_forget(index, index_key(index, row->path)) < 0)
		return index_write_failed(index, "forget who has a file");
	if (index->now.listed > 0 && index_list_follow(index, row) < 0)
		return -1;
	return index->now.offered > 0 && index->choices->mode == CHOOSE_ON_DEMAND ? index_rejudge(index, row->path) : 0;
}

static int row_put(struct index *index, struct record *r, const struct blocklist *blocks)
{
	int n;

	if (index_has_list(r) && index_content_keep(index, &r->content, blocks) < 0)
		return -1;
	n = index_key(index, r->path);
	if (n < 0)
		return -1;
	if (index_row_write(index, r, n) < 0)
		return index_write_failed(index, "write a row");
	return follow_row(index, r);
}

int index_put(struct index *index, struct record *r, const struct blocklist *blocks)
{
	if (index_txn_write(index) < 0)
		return -1;
	return row_put(index, r, blocks);
}

/* Of all that row_put() does only the statement is left: number, path, content and totals stay as they are. */
int index_join(struct index *index, const struct record *r)
{
	sqlite3_stmt *s;

	if (index_txn_write(index) < 0)
		return -1;
	s = index_stmt_take(index, STMT_ROW_JOIN);
	if (s == NULL)
		return -1;
	index_join_bind(index, s, r);
	index_recent_forget_seq(index, r->seq);
	return index_stmt_run(index, STMT_ROW_JOIN, s) < 0 ? index_write_failed(index, "write a row") : 0;
}

int index_put_change(struct index *index, struct record *r, const struct blocklist *blocks, uint64_t short_id)
{
	uint64_t writer;

	if (index_txn_write(index) < 0)
		return -1;
	/* A peer may claim (by malice, or since this index is an old copy) to know a later number of ours than this
	 * one. A writer that nobody has heard of makes the change newer than the claim, and different from anything
	 * announced before. */
	writer = index->epoch;
	while (version_counter(&r->version, writer) > index->seq)
		writer = random_u64();
	writer = index_list_writer(index, r, writer);
	if (record_bump(r, writer, index->seq + 1, r->version.n < VERSION_MAX ? 0 : random_u64()) < 0) {
		errno = EOVERFLOW;
		return -1;
	}
	r->modified_by = short_id;
	if (r->via != short_id)
		r->via = 0;
	return row_put(index, r, blocks);
}

/* The record gets a new number, of which no peer has settled anything yet: what is known now of who has it is noted. 0,
 * -1. */
static int keep_holders(struct index *index, const struct record *row)
{
	uint64_t *peers = NULL;
	int n = index_peers(index, &peers), rc = n < 0 ? -1 : 0;

	for (int i = 0; i < n && rc == 0; i++)
		if (index_has(index, row, peers[i]))
			rc = index_holds_note(index, row, peers[i], true);
	free(peers);
	return rc;
}

/* The record of a row that has gone is listed, unless it was never told or knows nothing. 0, -1. */
static int list_row(struct index *index, const struct record *row)
{
	if (row->version.n > 0 && keep_holders(index, row) < 0)
		return -1;
	if (row->version.n > 0 && index_list_take(index, row, 0) < 0)
		return -1;
	return index_rejudge(index, row->path);
}

int index_drop(struct index *index, const char *path)
{
	struct record row;
	int rc = index_txn_write(index) < 0 ? -1 : index_get(index, path, &row);

	if (rc < 0)
		return -1;
	if (!record_is_live(&row)) {
		errno = EINVAL;
		rc = -1;
	} else if (index_row_remove(index, &row, false) < 0) {
		rc = index_write_failed(index, "delete a row");
	} else {
		rc = list_row(index, &row);
	}
	record_clear(&row);
	return rc;
}

int index_leaving_put(struct index *index, const char *path, bool leaving)
{
	sqlite3_stmt *s;
	int n = index_txn_write(index) < 0 ? -1 : index_key(index, path);

	s = n < 0 ? NULL : index_stmt_take(index, STMT_ROW_MARK);
	if (s == NULL)
		return -1;
	if (leaving)
		sqlite3_bind_int(s, 1, INDEX_MARK_LEAVING);
	else
		sqlite3_bind_null(s, 1);
	sqlite3_bind_blob(s, 2, index->key, n, SQLITE_STATIC);
	if (index_stmt_run(index, STMT_ROW_MARK, s) < 0)
		return index_write_failed(index, "write a row");
	index_recent_forget(index, path);
	return index_rejudge(index, path);
}

int index_leaving(struct index *index, uint64_t after, int max, bool (*fn)(void *arg, const struct record *r),
                  void *arg)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_ROW_LEAVING);
	int n = 0, rc = SQLITE_DONE;
	bool more = true;
	struct record r;

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, (int64_t)after);
	while (more && n < max && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		if (index_row_read(index, s, &r) < 0) {
			record_clear(&r);
			n = index_found_damage(index, "a row is malformed");
			goto give;
		}
		n++;
		more = fn(arg, &r);
		record_clear(&r);
	}
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		n = index_read_failed(index, "read rows");

give:
	index_stmt_give(index, STMT_ROW_LEAVING, s);
	return n;
}

int index_touch(struct index *index, const char *path, const struct seen *seen)
{
	sqlite3_stmt *s;
	int n;

	if (index_txn_write(index) < 0)
		return -1;
	n = index_key(index, path);
	if (n < 0)
		return -1;
	s = index_stmt_take(index, STMT_ROW_TOUCH);
	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, seen->size);
	sqlite3_bind_int64(s, 2, seen->mtime_ns);
	sqlite3_bind_int64(s, 3, seen->ctime_ns);
	sqlite3_bind_int64(s, 4, (int64_t)seen->ino);
	sqlite3_bind_int64(s, 5, seen->mode);
	sqlite3_bind_blob(s, 6, index->key, n, SQLITE_STATIC);
	if (index_stmt_run(index, STMT_ROW_TOUCH, s) < 0)
		return index_write_failed(index, "write a row");
	index_recent_seen(index, path, seen);
	/* Of a tombstone without it nobody knows any more that its file was here. */
	return index->now.offered > 0 && record_seen_is_none(seen) ? index_rejudge(index, path) : 0;
}

/* --- setting aside --- */

static int run_aside(struct index *index, enum index_stmt id, const char *path, enum aside_reason why)
{
	int n = index_key(index, path);
	sqlite3_stmt *s = n < 0 ? NULL : index_stmt_take(index, id);

	if (s == NULL)
		return -1;
	sqlite3_bind_blob(s, 1, index->key, n, SQLITE_STATIC);
	if (sqlite3_bind_parameter_count(s) > 1)
		sqlite3_bind_int(s, 2, (int)why);
	return index_stmt_run(index, id, s);
}

int index_set_aside(struct index *index, const char *path, enum aside_reason why)
{
	struct record row = { 0 };
	enum aside_reason was;
	int there, rc;

	if (index_txn_write(index) < 0)
		return -1;
	there = index_aside_get(index, path, &was, NULL);
	if (there < 0 || index_get(index, path, &row) < 0)
		return -1;
	/* The row is copied as it is stored. */
	if (record_is_live(&row) && index_joins_has(index, row.seq) && index_join(index, &row) < 0) {
		record_clear(&row);
		return -1;
	}
	if (there > 0)
		rc = run_aside(index, STMT_ASIDE_WHY, path, why);
	else
		rc = run_aside(index, record_is_live(&row) ? STMT_ASIDE_MOVE : STMT_ASIDE_BARE, path, why);
	if (rc == 0 && record_is_live(&row))
		rc = index_row_remove(index, &row, there == 0);
	if (rc < 0) {
		rc = index_write_failed(index, "set a path aside");
	} else {
		index->now.asides[why]++;
		if (there > 0)
			index->now.asides[was]--;
		rc = record_is_live(&row) ? list_row(index, &row) : index_rejudge(index, path);
	}
	record_clear(&row);
	return rc;
}

int index_bring_back(struct index *index, const char *path, struct record *was)
{
	struct record row;
	enum aside_reason why;
	int rc = index_txn_write(index) < 0 ? -1 : index_aside_get(index, path, &why, &row);

	if (was != NULL)
		*was = (struct record){ 0 };
	if (rc <= 0)
		return rc;
	if (run_aside(index, STMT_ASIDE_DELETE, path, why) < 0 ||
	    (row.path != NULL && index_has_list(&row) && index_content_release(index, &row.content) < 0)) {
		record_clear(&row);
		return index_write_failed(index, "bring a path back");
	}
	index->now.asides[why]--;
	if (was != NULL)
		*was = row;
	else
		record_clear(&row);
	return index_rejudge(index, path) < 0 ? -1 : 1;
}
