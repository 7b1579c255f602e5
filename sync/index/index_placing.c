/* What is being put in its place: rows to come, noted before the disk is touched. Where a life ends between the disk and the
 * row, the next one reads here what it is that stands there. Few at a time, so what an earlier life left is held in memory. */
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/mem.h"
#include "sync/index/index_internal.h"

enum { LEFT_MAX = 1 << 14 }; /* far more than an installer has under way */

struct index_left {
	struct record r;
	UT_hash_handle hh; /* by r.path */
};

int64_t index_placing(struct index *index, const struct record *r)
{
	sqlite3_stmt *s;
	int n;

	if (index_txn_write(index) < 0)
		return -1;
	n = index_key(index, r->path);
	s = n < 0 ? NULL : index_stmt_take(index, STMT_PLACING_INSERT);
	if (s == NULL)
		return -1;
	sqlite3_bind_blob(s, 1, index->key, n, SQLITE_STATIC);
	index_record_bind(index, s, 2, r);
	if (index_stmt_run(index, STMT_PLACING_INSERT, s) < 0)
		return index_write_failed(index, "note what is installed");
	return sqlite3_last_insert_rowid(index->db);
}

static int delete_range(struct index *index, int64_t first, int64_t last)
{
	sqlite3_stmt *s;

	if (index_txn_write(index) < 0)
		return -1;
	s = index_stmt_take(index, STMT_PLACING_DELETE);
	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, first);
	sqlite3_bind_int64(s, 2, last);
	return index_stmt_run(index, STMT_PLACING_DELETE, s) < 0
	               ? index_write_failed(index, "forget what was installed")
	               : 0;
}

int index_placed(struct index *index, int64_t first, int64_t last)
{
	return first > 0 && first <= last ? delete_range(index, first, last) : 0;
}

/* --- what an earlier life left --- */

static void add_left(struct index *index, const struct record *r)
{
	struct index_left *left = MEM_NEW(struct index_left);

	left->r = *r;
	HASH_ADD_KEYPTR(hh, index->left, left->r.path, strlen(left->r.path), left);
}

int index_placing_load(struct index *index)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_PLACING_ALL);
	int rc = SQLITE_DONE;

	if (s == NULL)
		return -1;
	while (HASH_COUNT(index->left) < LEFT_MAX && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		struct record r;
		struct index_left *same = NULL;

		index->left_last = sqlite3_column_int64(s, 0);
		/* A note is a help, nothing more: one that cannot be read is none. */
		if (sqlite3_column_bytes(s, 1) > RECORD_PATH_MAX || index_record_read(s, 1, 2, &r) < 0)
			continue;
		HASH_FIND_STR(index->left, r.path, same);
		/* The later one is behind in the order of the table. */
		if (same != NULL) {
			HASH_DEL(index->left, same);
			record_clear(&same->r);
			free(same);
		}
		add_left(index, &r);
	}
	index_stmt_give(index, STMT_PLACING_ALL, s);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : -1;
}

const struct record *index_left(const struct index *index, const char *path)
{
	const struct index_left *left = NULL;

	if (index->left != NULL)
		HASH_FIND_STR(index->left, path, left);
	return left != NULL ? &left->r : NULL;
}

void index_left_each(const struct index *index, void (*fn)(void *arg, const struct record *r), void *arg)
{
	for (const struct index_left *left = index->left; left != NULL; left = left->hh.next)
		fn(arg, &left->r);
}

void index_placing_free(struct index *index)
{
	struct index_left *left, *next;

	HASH_ITER(hh, index->left, left, next) {
		HASH_DEL(index->left, left);
		record_clear(&left->r);
		free(left);
	}
}

void index_left_forget(struct index *index)
{
	int64_t last = index->left_last;

	if (last == 0)
		return;
	index_placing_free(index);
	index->left_last = 0;
	(void)delete_range(index, 1, last);
}
