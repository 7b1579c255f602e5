/* Our rows: one record per path, read, and written within the open transaction. A row that changes is deleted and
 * inserted again with the next number. */
#include <errno.h>
#include <string.h>

#include "sync/index/index_internal.h"

/* A row that is about to be replaced. */
struct old_row {
	bool found;
	uint64_t seq;
	struct record r; /* kind, deleted, content only; owns nothing */
};

/* Runs a query for one row, into r, and gives the statement back. 1, 0: there is none, -1. */
static int step_row(struct index *index, enum index_stmt id, sqlite3_stmt *s, struct record *r)
{
	int rc = sqlite3_step(s);

	if (rc == SQLITE_DONE) {
		rc = 0;
	} else if (rc != SQLITE_ROW) {
		rc = index_read_failed(index, "read a row");
	} else if (index_row_read(index, s, r) < 0) {
		record_clear(r);
		rc = index_found_damage(index, "a row is malformed");
	} else {
		rc = 1;
	}
	index_stmt_give(index, id, s);
	return rc;
}

/* A path that cannot be has no row, which is not an error. */
static int read_row(struct index *index, const char *path, struct record *r)
{
	int n = index_key(index, path);
	sqlite3_stmt *s;

	if (n < 0)
		return errno == ENAMETOOLONG || errno == EINVAL ? 0 : -1;
	s = index_stmt_take(index, STMT_ROW_GET);
	if (s == NULL)
		return -1;
	sqlite3_bind_blob(s, 1, index->key, n, SQLITE_STATIC);
	return step_row(index, STMT_ROW_GET, s, r);
}

int index_get(struct index *index, const char *path, struct record *r)
{
	const struct record *known;
	enum index_recently recently = index_recent_get(index, path, &known);
	int rc;

	*r = (struct record){ 0 };
	if (recently == RECENTLY_THERE)
		record_copy(r, known);
	if (recently != RECENTLY_UNKNOWN)
		return recently == RECENTLY_THERE;
	rc = read_row(index, path, r);
	if (rc > 0)
		index_recent_put(index, r);
	else if (rc == 0)
		index_recent_none(index, path);
	return rc;
}

static int read_old_row(struct index *index, int key_len, struct old_row *old)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_ROW_OLD);
	const void *root;
	int rc;

	if (s == NULL)
		return -1;
	sqlite3_bind_blob(s, 1, index->key, key_len, SQLITE_STATIC);
	rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		old->found = true;
		old->seq = (uint64_t)sqlite3_column_int64(s, 0);
		old->r.kind = (enum record_kind)sqlite3_column_int(s, 1);
		old->r.deleted = sqlite3_column_int(s, 2) != 0;
		old->r.content.size = sqlite3_column_int64(s, 3);
		old->r.content.nblocks = (uint32_t)sqlite3_column_int64(s, 4);
		root = sqlite3_column_blob(s, 5);
		if (root != NULL && sqlite3_column_bytes(s, 5) == (int)sizeof(old->r.content.root))
			memcpy(old->r.content.root, root, sizeof(old->r.content.root));
	}
	index_stmt_give(index, STMT_ROW_OLD, s);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : -1;
}

int index_get_numbered(struct index *index, uint64_t seq, struct record *r)
{
	const struct record *known = index_recent_of(index, seq);
	sqlite3_stmt *s = known == NULL ? index_stmt_take(index, STMT_ROW_NUMBERED) : NULL;

	*r = (struct record){ 0 };
	if (known != NULL) {
		record_copy(r, known);
		return 1;
	}
	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, (int64_t)seq);
	return step_row(index, STMT_ROW_NUMBERED, s, r);
}

/* As much of a row as its replacement has to know, if that is known. */
static enum index_recently known_old_row(struct index *index, const char *path, struct old_row *old)
{
	const struct record *known;
	enum index_recently recently = index_recent_get(index, path, &known);

	*old = (struct old_row){ .found = recently == RECENTLY_THERE };
	if (old->found) {
		old->seq = known->seq;
		old->r.kind = known->kind;
		old->r.deleted = known->deleted;
		old->r.content = known->content;
	}
	return recently;
}

static void add_to_totals(struct index_totals *t, const struct record *r, int sign)
{
	if (r->deleted) {
		t->tombstones += sign;
	} else if (r->kind == RECORD_FILE) {
		t->files += sign;
		t->bytes += sign * r->content.size;
	} else if (r->kind == RECORD_DIR) {
		t->dirs += sign;
	} else {
		t->symlinks += sign;
	}
}

/* r: as much of it as says its content. */
static int delete_row(struct index *index, const struct record *r, uint64_t seq)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_ROW_DELETE);

	if (s == NULL)
		return -1;
	index->rows_gone++;
	sqlite3_bind_int64(s, 1, (int64_t)seq);
	if (index_stmt_run(index, STMT_ROW_DELETE, s) < 0)
		return -1;
	return index_has_root(r) ? index_digest_remove(index, index_h8(r->content.root), seq) : 0;
}

/* index->key is the path's. 1; 0: the path has a row, for STMT_ROW_INSERT_FIRST alone; -1. */
static int insert_row(struct index *index, enum index_stmt id, const struct record *r, uint64_t seq, int key_len)
{
	sqlite3_stmt *s = index_stmt_take(index, id);
	int at = 4 + INDEX_RECORD_NCOLUMNS;

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, (int64_t)seq);
	sqlite3_bind_blob(s, 2, index->key, key_len, SQLITE_STATIC);
	if (index_has_root(r))
		sqlite3_bind_int64(s, 3, index_h8(r->content.root));
	else
		sqlite3_bind_null(s, 3);
	index_record_bind(index, s, 4, r);
	sqlite3_bind_int64(s, at, (int64_t)r->via);
	sqlite3_bind_int64(s, at + 1, r->seen.size);
	sqlite3_bind_int64(s, at + 2, r->seen.mtime_ns);
	sqlite3_bind_int64(s, at + 3, r->seen.ctime_ns);
	sqlite3_bind_int64(s, at + 4, (int64_t)r->seen.ino);
	sqlite3_bind_int64(s, at + 5, r->seen.mode);
	if (r->leaving)
		sqlite3_bind_int(s, at + 6, INDEX_MARK_LEAVING);
	else
		sqlite3_bind_null(s, at + 6);
	if (index_stmt_run(index, id, s) < 0)
		return -1;
	if (id == STMT_ROW_INSERT_FIRST && sqlite3_changes(index->db) == 0)
		return 0;
	return index_has_root(r) && index_digest_add(index, index_h8(r->content.root), seq) < 0 ? -1 : 1;
}

/* Most rows that are written are a path's first one, which is not read to find out: the statement itself says so. */
static int replace_row(struct index *index, const struct record *r, uint64_t seq, int key_len, struct old_row *old)
{
	if (known_old_row(index, r->path, old) == RECENTLY_UNKNOWN) {
		int rc = insert_row(index, STMT_ROW_INSERT_FIRST, r, seq, key_len);

		if (rc != 0)
			return rc < 0 ? -1 : 0;
		if (read_old_row(index, key_len, old) < 0)
			return -1;
	}
	if (old->found) {
		if (delete_row(index, &old->r, old->seq) < 0)
			return -1;
		add_to_totals(&index->now.totals, &old->r, -1);
	}
	return insert_row(index, STMT_ROW_INSERT, r, seq, key_len) < 0 ? -1 : 0;
}

uint64_t index_number(struct index *index)
{
	index->numbered = true;
	return ++index->seq;
}

int index_row_write(struct index *index, struct record *r, int key_len)
{
	struct old_row old;

	if (replace_row(index, r, index->seq + 1, key_len, &old) < 0)
		return -1;
	add_to_totals(&index->now.totals, r, 1);
	r->seq = index_number(index);
	index_recent_put(index, r);
	index_runs_note(index, r->seq, r->via);
	if (old.found && index_has_list(&old.r) && !(index_has_list(r) && content_equal(&old.r.content, &r->content)))
		return index_content_release(index, &old.r.content);
	return 0;
}

int index_row_remove(struct index *index, const struct record *row, bool aside)
{
	if (delete_row(index, row, row->seq) < 0)
		return -1;
	add_to_totals(&index->now.totals, row, -1);
	index_recent_none(index, row->path);
	return !aside && index_has_list(row) ? index_content_release(index, &row->content) : 0;
}
