/* How contents were sealed, for members of a sealed group. */
#include "sync/index/index_sealed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/index/index_internal.h"

/* 1, 0, -1. */
static int sealed_step(struct index *index, sqlite3_stmt *s, const struct content *c, struct index_sealed *out)
{
	int rc = sqlite3_step(s), n;

	if (rc != SQLITE_ROW)
		return rc == SQLITE_DONE ? 0 : index_read_failed(index, "read how a content was sealed");
	if (sqlite3_column_int64(s, 0) != c->size || (uint32_t)sqlite3_column_int64(s, 1) != c->nblocks)
		return 0;
	out->generation = (uint64_t)sqlite3_column_int64(s, 2);
	out->paged = sqlite3_column_int(s, 3) != 0;
	n = sqlite3_column_bytes(s, 4);
	if (n > INDEX_SEALED_MAX)
		return index_found_damage(index, "the list of a sealed content is too long");
	free(index->sealed_list);
	index->sealed_list = n > 0 ? mem_dup(sqlite3_column_blob(s, 4), (size_t)n) : NULL;
	out->list = index->sealed_list;
	out->n = (size_t)n;
	return 1;
}

int index_sealed_get(struct index *index, const struct content *c, struct index_sealed *s)
{
	sqlite3_stmt *stmt = index_stmt_take(index, STMT_SEALED_GET);
	int rc;

	*s = (struct index_sealed){ 0 };
	if (stmt == NULL)
		return -1;
	sqlite3_bind_blob(stmt, 1, c->root, sizeof(c->root), SQLITE_STATIC);
	rc = sealed_step(index, stmt, c, s);
	index_stmt_give(index, STMT_SEALED_GET, stmt);
	return rc;
}

static bool sealed_is(const struct index_sealed *a, const struct index_sealed *b)
{
	if (a->generation != b->generation || a->paged != b->paged || a->n != b->n)
		return false;
	return a->n == 0 || a->list == b->list || (a->list && b->list && memcmp(a->list, b->list, a->n) == 0);
}

int index_sealed_put(struct index *index, const struct content *c, const struct index_sealed *sealed)
{
	struct index_sealed known;
	sqlite3_stmt *s;
	int rc = index_sealed_get(index, c, &known);

	if (sealed->n > INDEX_SEALED_MAX) {
		errno = EINVAL;
		return -1;
	}
	if (rc < 0 || (rc > 0 && sealed_is(&known, sealed)))
		return rc < 0 ? -1 : 0;
	if (index_txn_write(index) < 0)
		return -1;
	s = index_stmt_take(index, STMT_SEALED_PUT);
	if (s == NULL)
		return -1;
	sqlite3_bind_blob(s, 1, c->root, sizeof(c->root), SQLITE_STATIC);
	sqlite3_bind_int64(s, 2, c->size);
	sqlite3_bind_int64(s, 3, c->nblocks);
	sqlite3_bind_int64(s, 4, (int64_t)sealed->generation);
	sqlite3_bind_int(s, 5, sealed->paged);
	if (sealed->n > 0)
		sqlite3_bind_blob(s, 6, sealed->list, (int)sealed->n, SQLITE_STATIC);
	else
		sqlite3_bind_zeroblob(s, 6, 0);
	return index_stmt_run(index, STMT_SEALED_PUT, s) < 0
	               ? index_write_failed(index, "note how a content was sealed")
	               : 0;
}

/* --- what nothing has any more --- */

static bool sealed_is_had(void *arg, const struct record *r)
{
	(void)r;
	*(bool *)arg = true;
	return false;
}

/* Whether this statement finds the root. 1, 0, -1. */
static int sealed_is_in(struct index *index, enum index_stmt id, const uint8_t root[32])
{
	sqlite3_stmt *s = index_stmt_take(index, id);
	int rc;

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, index_h8(root));
	sqlite3_bind_blob(s, 2, root, 32, SQLITE_STATIC);
	rc = sqlite3_step(s);
	index_stmt_give(index, id, s);
	return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : index_read_failed(index, "look for a content");
}

/* 0, -1. */
static int sealed_judge(struct index *index, const uint8_t root[32])
{
	bool had = false;
	sqlite3_stmt *s;
	int rc = index_rows_by_root(index, root, NULL, sealed_is_had, &had);

	if (rc == 0 && !had)
		rc = sealed_is_in(index, STMT_SEALED_LISTED, root);
	if (rc == 0 && !had)
		rc = sealed_is_in(index, STMT_ASIDE_HAS_ROOT, root);
	if (rc != 0 || had)
		return rc < 0 ? -1 : 0;
	if (index_txn_write(index) < 0)
		return -1;
	s = index_stmt_take(index, STMT_SEALED_DELETE);
	if (s == NULL)
		return -1;
	sqlite3_bind_blob(s, 1, root, 32, SQLITE_STATIC);
	return index_stmt_run(index, STMT_SEALED_DELETE, s) < 0
	               ? index_write_failed(index, "forget how a content was sealed")
	               : 0;
}

/* The next root. 1, 0, -1. */
static int sealed_next(struct index *index, uint8_t after[32])
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_SEALED_NEXT);
	int rc;

	if (s == NULL)
		return -1;
	sqlite3_bind_blob(s, 1, after, 32, SQLITE_STATIC);
	rc = sqlite3_step(s);
	if (rc == SQLITE_ROW && sqlite3_column_bytes(s, 0) == 32) {
		memcpy(after, sqlite3_column_blob(s, 0), 32);
		rc = 1;
	} else if (rc == SQLITE_ROW) {
		rc = index_found_damage(index, "a sealed content's name is malformed");
	} else {
		rc = rc == SQLITE_DONE ? 0 : index_read_failed(index, "read what was sealed");
	}
	index_stmt_give(index, STMT_SEALED_NEXT, s);
	return rc;
}

int index_sealed_sweep(struct index *index, uint8_t after[32], int max)
{
	int n = 0, rc = 1;

	if (index_wants_missing(index) > 0)
		return 0;
	while (n < max && (rc = sealed_next(index, after)) > 0) {
		if (sealed_judge(index, after) < 0)
			return -1;
		n++;
	}
	return rc < 0 ? -1 : n;
}
