/* Rows found by what is in them: by the root of their content (index_digests.c says which to read), by their inode. */
#include <string.h>

#include "sync/index/index_internal.h"

int index_rows_each(struct index *index, enum index_stmt id, sqlite3_stmt *s, const struct content *c,
                    bool (*fn)(void *arg, const struct record *r), void *arg)
{
	uint64_t last = index->seq;
	struct record r;
	bool more = true;
	int rc = SQLITE_DONE;

	while (more && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		if (index_row_read(index, s, &r) < 0) {
			record_clear(&r);
			rc = index_found_damage(index, "a row is malformed");
			goto give;
		}
		index_recent_put(index, &r);
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

/* The row with this number, of which a digest says that it may have this root. 0, -1. */
static int one_by_root(struct index *index, uint64_t seq, const uint8_t root[32], const struct content *c,
                       struct by_root *b)
{
	const struct record *known = index_recent_of(index, seq);
	struct record r = { 0 };
	sqlite3_stmt *s;

	if (known != NULL) {
		if (!index_has_root(known) || memcmp(known->content.root, root, 32) != 0 ||
		    (c != NULL && !content_equal(&known->content, c)))
			return 0;
		record_copy(&r, known);
		(void)pass_row_on(b, &r);
		record_clear(&r);
		return 0;
	}
	s = index_stmt_take(index, STMT_ROW_BY_SEQ);
	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, (int64_t)seq);
	sqlite3_bind_blob(s, 2, root, 32, SQLITE_STATIC);
	return index_rows_each(index, STMT_ROW_BY_SEQ, s, c, pass_row_on, b);
}

/* Those with numbers up to `upto`, which the table of digests knows. 0, -1. */
static int stored_by_root(struct index *index, uint64_t upto, const uint8_t root[32], const struct content *c,
                          struct by_root *b)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_ROW_BY_ROOT);

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, index_h8(root));
	sqlite3_bind_blob(s, 2, root, 32, SQLITE_STATIC);
	sqlite3_bind_int64(s, 3, (int64_t)upto);
	return index_rows_each(index, STMT_ROW_BY_ROOT, s, c, pass_row_on, b);
}

/* Those that the table of digests knows, and then later ones. */
int index_rows_by_root(struct index *index, const uint8_t root[32], const struct content *c,
                       bool (*fn)(void *arg, const struct record *r), void *arg)
{
	struct by_root b = { .fn = fn, .arg = arg };
	uint64_t seq = index_digests_upto(index), last = index->seq;
	int rc = index_digest_is_stored(index, index_h8(root)) ? stored_by_root(index, seq, root, c, &b) : 0;

	while (rc == 0 && !b.enough && (rc = index_digest_after(index, index_h8(root), &seq)) > 0 && seq <= last)
		rc = one_by_root(index, seq, root, c, &b);
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
