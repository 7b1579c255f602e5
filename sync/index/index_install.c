/* Installs: a row to come is noted before the disk is touched. If the run ends between the disk and the row, the next
 * run reads here what the file at that path is. These leftovers are few, so they are held in memory. */
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/mem.h"
#include "sync/index/index_internal.h"

enum { LEFTOVERS_MAX = 1 << 14 }; /* far more than can be installed at a time */

struct index_leftover {
	struct record r;
	UT_hash_handle hh; /* by r.path */
};

int64_t index_install_begin(struct index *index, const struct record *r)
{
	sqlite3_stmt *s;
	int n;

	if (index_txn_write(index) < 0)
		return -1;
	n = index_key(index, r->path);
	s = n < 0 ? NULL : index_stmt_take(index, STMT_INSTALL_INSERT);
	if (s == NULL)
		return -1;
	sqlite3_bind_blob(s, 1, index->key, n, SQLITE_STATIC);
	index_record_bind(index, s, 2, r);
	if (index_stmt_run(index, STMT_INSTALL_INSERT, s) < 0)
		return index_write_failed(index, "record an installation");
	return sqlite3_last_insert_rowid(index->db);
}

static int delete_range(struct index *index, int64_t first, int64_t last)
{
	sqlite3_stmt *s;

	if (index_txn_write(index) < 0)
		return -1;
	s = index_stmt_take(index, STMT_INSTALL_DELETE);
	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, first);
	sqlite3_bind_int64(s, 2, last);
	return index_stmt_run(index, STMT_INSTALL_DELETE, s) < 0 ? index_write_failed(index, "forget an installation")
	                                                         : 0;
}

int index_install_end(struct index *index, int64_t first, int64_t last)
{
	return first > 0 && first <= last ? delete_range(index, first, last) : 0;
}

/* --- leftovers of a previous run --- */

static void leftover_add(struct index *index, const struct record *r)
{
	struct index_leftover *left = MEM_NEW(struct index_leftover);

	left->r = *r;
	HASH_ADD_KEYPTR(hh, index->leftovers, left->r.path, strlen(left->r.path), left);
}

int index_leftovers_load(struct index *index)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_INSTALL_ALL);
	int rc = SQLITE_DONE;

	if (s == NULL)
		return -1;
	while (HASH_COUNT(index->leftovers) < LEFTOVERS_MAX && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		struct record r;
		struct index_leftover *same = NULL;

		index->leftovers_last = sqlite3_column_int64(s, 0);
		/* A note only helps: we can do without one that cannot be read. */
		if (sqlite3_column_bytes(s, 1) > RECORD_PATH_MAX || index_record_read(s, 1, 2, &r) < 0)
			continue;
		HASH_FIND_STR(index->leftovers, r.path, same);
		/* The table is in the order of writing, so this note is the later one. */
		if (same != NULL) {
			HASH_DEL(index->leftovers, same);
			record_clear(&same->r);
			free(same);
		}
		leftover_add(index, &r);
	}
	index_stmt_give(index, STMT_INSTALL_ALL, s);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : -1;
}

const struct record *index_leftover(const struct index *index, const char *path)
{
	const struct index_leftover *left = NULL;

	if (index->leftovers != NULL)
		HASH_FIND_STR(index->leftovers, path, left);
	return left != NULL ? &left->r : NULL;
}

void index_leftovers(const struct index *index, void (*fn)(void *arg, const struct record *r), void *arg)
{
	for (const struct index_leftover *left = index->leftovers; left != NULL; left = left->hh.next)
		fn(arg, &left->r);
}

void index_leftovers_free(struct index *index)
{
	struct index_leftover *left, *next;

	HASH_ITER(hh, index->leftovers, left, next) {
		HASH_DEL(index->leftovers, left);
		record_clear(&left->r);
		free(left);
	}
}

void index_leftovers_forget(struct index *index)
{
	int64_t last = index->leftovers_last;

	if (last == 0)
		return;
	index_leftovers_free(index);
	index->leftovers_last = 0;
	(void)delete_range(index, 1, last);
}
