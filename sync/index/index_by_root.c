/* Rows found by what is in them: by the root of their content (index_digests.c says which to read), by their inode. */
#include "sync/index/index_internal.h"

int index_rows_each(struct index *index, enum index_stmt id, sqlite3_stmt *s, const struct content *c,
                    bool (*fn)(void *arg, const struct record *r), void *arg)
{
	uint64_t last = index->seq;
	struct record r;
	bool more = true;
	int rc = SQLITE_DONE;

	while (more && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		if (index_row_read(s, &r) < 0) {
			record_clear(&r);
			rc = index_found_damage(index, "a row is malformed");
			goto give;
		}
		if ((c == NULL || content_equal(&r.content, c)) && r.seq <= last) /* without what fn adds */
			more = fn(arg, &r);
		record_clear(&r);
	}
	if (!more || rc == SQLITE_DONE)
		rc = 0;
	else
		rc = index_read_failed(index, "read rows");

give:
	index_stmt_give(index, id, s);
	return rc;
}

/* Passes rows on until one is enough. */
struct by_root {
	bool (*fn)(void *arg, const struct record *r);
	void *arg;
	bool enough;
};

static bool pass_row_on(void *arg, const struct record *r)
{
	struct by_root *b = arg;

	b->enough = !b->fn(b->arg, r);
	return !b->enough;
}

/* Those that the table of digests knows, and then later ones. */
int index_rows_by_root(struct index *index, const uint8_t root[32], const struct content *c,
                       bool (*fn)(void *arg, const struct record *r), void *arg)
{
	struct by_root b = { .fn = fn, .arg = arg };
	uint64_t seq = index_digests_upto(index), last = index->seq;
	sqlite3_stmt *s = index_stmt_take(index, STMT_ROW_BY_ROOT);
	int rc;

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, index_h8(root));
	sqlite3_bind_blob(s, 2, root, 32, SQLITE_STATIC);
	sqlite3_bind_int64(s, 3, (int64_t)seq);
	rc = index_rows_each(index, STMT_ROW_BY_ROOT, s, c, pass_row_on, &b);
	while (rc == 0 && !b.enough && (rc = index_digest_after(index, index_h8(root), &seq)) > 0 && seq <= last) {
		s = index_stmt_take(index, STMT_ROW_BY_SEQ);
		if (s == NULL)
			return -1;
		sqlite3_bind_int64(s, 1, (int64_t)seq);
		sqlite3_bind_blob(s, 2, root, 32, SQLITE_STATIC);
		rc = index_rows_each(index, STMT_ROW_BY_SEQ, s, c, pass_row_on, &b);
	}
	return rc < 0 ? -1 : 0;
}

int index_by_content(struct index *index, const struct content *c, bool (*fn)(void *arg, const struct record *r),
                     void *arg)
{
	return c->nblocks == 0 ? 0 : index_rows_by_root(index, c->root, c, fn, arg);
}

int index_by_inode(struct index *index, uint64_t ino, bool (*fn)(void *arg, const struct record *r), void *arg)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_ROW_BY_INODE);

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, (int64_t)ino);
	return index_rows_each(index, STMT_ROW_BY_INODE, s, NULL, fn, arg);
}
