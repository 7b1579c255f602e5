/* Block lists of contents of two or more blocks, the positions of blocks in them, and the deletion of lists.
 *
 * A list is cut into rows of just under a page, each with the offset of its first block, so that one block of a huge
 * file can be found without reading the whole list. A move is a deletion and an arrival in either order, so a list that
 * no row refers to is kept for a while; then each commit deletes a few of its rows. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sync/index/index_internal.h"

enum {
	ENTRY = 36,         /* bytes of one block in a list */
	KEEP_S = 60,        /* how long an unreferenced list is kept */
	CHECK_S = 5,        /* how often unreferenced lists are checked */
	SWEEP_ROWS = 20,    /* list rows deleted by one commit */
	FIND_CONTENTS = 16, /* contents tried for one block */
};

enum { DISMANTLING = 0 }; /* value of content.dead while the list's rows are being deleted */

struct content_row {
	int64_t id;
	bool dead, dismantling;
};

/* 1, 0, -1 with nothing reported. */
static int content_find(struct index *index, const struct content *c, struct content_row *row)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_CONTENT_GET);
	int rc;

	if (s == NULL)
		return -1;
	sqlite3_bind_blob(s, 1, c->root, sizeof(c->root), SQLITE_STATIC);
	rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		row->id = sqlite3_column_int64(s, 0);
		row->dead = sqlite3_column_type(s, 3) != SQLITE_NULL;
		row->dismantling = row->dead && sqlite3_column_int64(s, 3) == DISMANTLING;
		/* The root is a hash over the whole list: with another size it must be invented. */
		rc = sqlite3_column_int64(s, 1) == c->size && sqlite3_column_int64(s, 2) == c->nblocks;
	} else {
		rc = rc == SQLITE_DONE ? 0 : -1;
	}
	index_stmt_give(index, STMT_CONTENT_GET, s);
	return rc;
}

static int set_dead(struct index *index, int64_t id, bool dead, int64_t since)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_CONTENT_DEAD);

	if (s == NULL)
		return -1;
	if (dead)
		sqlite3_bind_int64(s, 1, since);
	else
		sqlite3_bind_null(s, 1);
	sqlite3_bind_int64(s, 2, id);
	return index_stmt_run(index, STMT_CONTENT_DEAD, s);
}

struct position {
	int64_t h8;
	int64_t at;
};

static int compare_positions(const void *a, const void *b)
{
	const struct position *x = a, *y = b;

	if (x->h8 != y->h8)
		return x->h8 < y->h8 ? -1 : 1;
	return (x->at > y->at) - (x->at < y->at);
}

/* Inserts in the order of the key, which writes fewer pages. Of equal blocks in one content the first is enough. */
static int add_positions(struct index *index, int64_t id, const struct blocklist *l)
{
	struct position *p = mem_calloc(l->n, sizeof(*p));
	int rc = 0;

	for (uint32_t i = 0; i < l->n; i++)
		p[i] = (struct position){ .h8 = index_h8(l->b[i].hash), .at = id << INDEX_BLOCK_BITS | (int64_t)i };
	qsort(p, l->n, sizeof(*p), compare_positions);
	for (uint32_t i = 0; i < l->n && rc == 0; i++) {
		if (i == 0 || p[i].h8 != p[i - 1].h8)
			rc = index_stmt_run_on(index, STMT_POSITION_INSERT, p[i].h8, p[i].at);
	}
	free(p);
	return rc;
}

static int add_list_row(struct index *index, int64_t id, int64_t offset, const struct blocklist *part)
{
	uint8_t bytes[INDEX_LIST_ROW * ENTRY];
	sqlite3_stmt *s = index_stmt_take(index, STMT_LIST_INSERT);

	if (s == NULL)
		return -1;
	blocklist_encode(bytes, part);
	sqlite3_bind_int64(s, 1, id);
	sqlite3_bind_int64(s, 2, offset);
	sqlite3_bind_blob(s, 3, bytes, (int)part->n * ENTRY, SQLITE_STATIC);
	return index_stmt_run(index, STMT_LIST_INSERT, s);
}

/* The caller has checked that the list fits the content. 0, -1 with nothing reported. */
static int content_add(struct index *index, const struct content *c, const struct blocklist *l)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_CONTENT_INSERT);
	int64_t id, offset = 0;

	if (s == NULL)
		return -1;
	sqlite3_bind_blob(s, 1, c->root, sizeof(c->root), SQLITE_STATIC);
	sqlite3_bind_int64(s, 2, c->size);
	sqlite3_bind_int64(s, 3, c->nblocks);
	if (index_stmt_run(index, STMT_CONTENT_INSERT, s) < 0)
		return -1;
	id = sqlite3_last_insert_rowid(index->db);
	for (uint32_t at = 0, row = 0; at < l->n; row++) {
		struct blocklist part = { .n = l->n - at < INDEX_LIST_ROW ? l->n - at : INDEX_LIST_ROW,
			                  .b = l->b + at };

		if (add_list_row(index, id << INDEX_LIST_BITS | row, offset, &part) < 0)
			return -1;
		for (uint32_t i = 0; i < part.n; i++)
			offset += part.b[i].len;
		at += part.n;
	}
	return add_positions(index, id, l);
}

static bool list_fits(const struct content *c, const struct blocklist *l)
{
	int64_t size = 0;

	if (l == NULL || l->n != c->nblocks || l->n > CONTENT_MAX_BLOCKS)
		return false;
	for (uint32_t i = 0; i < l->n; i++)
		size += l->b[i].len;
	return size == c->size;
}

/* Deletes up to `rows` rows of a list, and the content once none is left. 1: it is gone; 0: not yet; -1. */
static int dismantle(struct index *index, int64_t id, int rows)
{
	while (rows-- > 0) {
		sqlite3_stmt *s = index_stmt_take(index, STMT_LIST_LAST);
		struct blocklist l;
		int64_t row;
		int rc;

		if (s == NULL)
			return -1;
		sqlite3_bind_int64(s, 1, id << INDEX_LIST_BITS);
		sqlite3_bind_int64(s, 2, (id + 1) << INDEX_LIST_BITS);
		rc = sqlite3_step(s);
		if (rc != SQLITE_ROW) {
			index_stmt_give(index, STMT_LIST_LAST, s);
			if (rc != SQLITE_DONE || index_stmt_run_on(index, STMT_CONTENT_DELETE, id, 0) < 0)
				return -1;
			return 1;
		}
		row = sqlite3_column_int64(s, 0);
		rc = blocklist_decode(&l, sqlite3_column_blob(s, 1), (size_t)sqlite3_column_bytes(s, 1));
		index_stmt_give(index, STMT_LIST_LAST, s);
		if (rc < 0)
			return index_found_damage(index, "a block list is malformed");
		for (uint32_t i = 0; i < l.n && rc == 0; i++) {
			int64_t at = (row & ((1 << INDEX_LIST_BITS) - 1)) * INDEX_LIST_ROW + (int64_t)i;

			rc = index_stmt_run_on(index, STMT_POSITION_DELETE, index_h8(l.b[i].hash),
			                       id << INDEX_BLOCK_BITS | at);
		}
		blocklist_clear(&l);
		if (rc < 0 || index_stmt_run_on(index, STMT_LIST_DELETE, row, 0) < 0)
			return -1;
	}
	return 0;
}

/* A list that is being deleted is deleted to its end and written again, for which the caller must have it. */
int index_content_keep(struct index *index, const struct content *c, const struct blocklist *blocks)
{
	struct content_row row = { 0 };
	int rc = content_find(index, c, &row);

	if (rc == 0 && row.id != 0)
		goto refuse;
	if (rc > 0 && !row.dead)
		return 0;
	if (rc > 0 && !row.dismantling) {
		if (set_dead(index, row.id, false, 0) < 0)
			return index_write_failed(index, "write a block list");
		return 0;
	}
	if (rc >= 0 && !list_fits(c, blocks))
		goto refuse;
	while (rc > 0) {
		int done = dismantle(index, row.id, SWEEP_ROWS);

		rc = done == 0 ? 1 : done > 0 ? 0 : -1;
	}
	if (rc < 0 || content_add(index, c, blocks) < 0)
		return index_write_failed(index, "write a block list");
	return 0;

refuse:
	errno = EINVAL;
	return -1;
}

static bool note_any(void *arg, const struct record *r)
{
	(void)r;
	*(bool *)arg = true;
	return false;
}

int index_content_release(struct index *index, const struct content *c)
{
	struct content_row row = { 0 };
	bool found = false;
	sqlite3_stmt *s;
	int rc;

	if (index_rows_by_root(index, c->root, NULL, note_any, &found) < 0)
		return -1;
	s = found ? NULL : index_stmt_take(index, STMT_ASIDE_HAS_ROOT);
	if (s == NULL)
		return found ? 0 : -1;
	sqlite3_bind_int64(s, 1, index_h8(c->root));
	sqlite3_bind_blob(s, 2, c->root, sizeof(c->root), SQLITE_STATIC);
	rc = sqlite3_step(s);
	index_stmt_give(index, STMT_ASIDE_HAS_ROOT, s);
	if (rc != SQLITE_DONE)
		return rc == SQLITE_ROW ? 0 : -1;
	rc = content_find(index, c, &row);
	if (rc <= 0 || row.dead)
		return rc < 0 ? -1 : 0;
	index->dead_contents = true;
	return set_dead(index, row.id, true, clock_wall_s());
}

int index_content_sweep(struct index *index)
{
	int64_t now, id, since;
	sqlite3_stmt *s;
	int rc;

	if (!index->dead_contents)
		return 0;
	now = clock_wall_s();
	/* If the clock was set back, that must not stop the sweep for long. */
	if (now < index->dead_check_s && index->dead_check_s - now <= CHECK_S)
		return 0;
	s = index_stmt_take(index, STMT_CONTENT_NEXT_DEAD);
	if (s == NULL)
		return index_write_failed(index, "delete a block list");
	rc = sqlite3_step(s);
	id = sqlite3_column_int64(s, 0);
	since = sqlite3_column_int64(s, 1);
	index_stmt_give(index, STMT_CONTENT_NEXT_DEAD, s);
	if (rc == SQLITE_DONE) {
		index->dead_contents = false;
		return 0;
	}
	if (rc == SQLITE_ROW && since != DISMANTLING && since > now - KEEP_S && since <= now + KEEP_S) {
		index->dead_check_s = now + CHECK_S;
		return 0;
	}
	if (rc != SQLITE_ROW || (since != DISMANTLING && set_dead(index, id, true, DISMANTLING) < 0) ||
	    dismantle(index, id, SWEEP_ROWS) < 0)
		return index_write_failed(index, "delete a block list");
	return 0;
}

/* Reads n blocks, from that row of a list on, into list, which has space for them. 1, -1. */
static int read_list(struct index *index, int64_t first_row, uint32_t n, struct blocklist *list)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_LIST_GET);
	struct blocklist part;
	int rc;

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, first_row);
	sqlite3_bind_int64(s, 2, first_row + (n + INDEX_LIST_ROW - 1) / INDEX_LIST_ROW);
	while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
		if (blocklist_decode(&part, sqlite3_column_blob(s, 0), (size_t)sqlite3_column_bytes(s, 0)) < 0)
			break;
		if (part.n > n - list->n) {
			blocklist_clear(&part);
			break;
		}
		memcpy(list->b + list->n, part.b, part.n * sizeof(*part.b));
		list->n += part.n;
		blocklist_clear(&part);
	}
	index_stmt_give(index, STMT_LIST_GET, s);
	if (rc == SQLITE_ROW || (rc == SQLITE_DONE && list->n != n))
		return index_found_damage(index, "a block list is malformed");
	return rc == SQLITE_DONE ? 1 : index_read_failed(index, "read a block list");
}

int index_blocks_part(struct index *index, const struct content *c, uint32_t first, uint32_t most,
                      struct blocklist *list)
{
	struct content_row row = { 0 };
	uint32_t before = first % INDEX_LIST_ROW, n;
	int rc;

	*list = (struct blocklist){ 0 };
	if (c->nblocks < 2 || first >= c->nblocks)
		return 0;
	rc = content_find(index, c, &row);
	if (rc < 0)
		return index_read_failed(index, "read a block list");
	if (rc == 0 || row.dismantling)
		return 0;
	/* Whole rows, to the one with the last block that is asked for. */
	n = c->nblocks - (first - before);
	if (most < n - before)
		n = (before + most + INDEX_LIST_ROW - 1) / INDEX_LIST_ROW * INDEX_LIST_ROW;
	if (n > c->nblocks - (first - before))
		n = c->nblocks - (first - before);
	list->b = mem_calloc(n, sizeof(*list->b));
	rc = read_list(index, row.id << INDEX_LIST_BITS | first / INDEX_LIST_ROW, n, list);
	if (rc < 0) {
		blocklist_clear(list);
		return rc;
	}
	list->n -= before;
	memmove(list->b, list->b + before, list->n * sizeof(*list->b));
	if (list->n > most)
		list->n = most;
	return rc;
}

int index_blocks(struct index *index, const struct content *c, struct blocklist *list)
{
	return index_blocks_part(index, c, 0, UINT32_MAX, list);
}

static bool copy_first(void *arg, const struct record *r)
{
	record_copy(arg, r);
	return false;
}

/* The row of a live file with this root. 1, 0, -1. */
static int live_file(struct index *index, const uint8_t root[32], struct record *r)
{
	*r = (struct record){ 0 };
	if (index_rows_by_root(index, root, NULL, copy_first, r) < 0)
		return -1;
	return r->path != NULL;
}

/* Whether block `at` of a content has this hash and length (h8 alone is not enough), and where it begins. 1, 0, -1. */
static int check_position(struct index *index, int64_t id, uint32_t at, const uint8_t hash[32], uint32_t len,
                          int64_t *offset)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_LIST_ROW);
	struct blocklist l = { 0 };
	uint32_t in_row = at % INDEX_LIST_ROW;
	int rc;

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, id << INDEX_LIST_BITS | at / INDEX_LIST_ROW);
	rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		*offset = sqlite3_column_int64(s, 0);
		rc = blocklist_decode(&l, sqlite3_column_blob(s, 1), (size_t)sqlite3_column_bytes(s, 1)) == 0 &&
		     in_row < l.n && l.b[in_row].len == len && memcmp(l.b[in_row].hash, hash, 32) == 0;
		for (uint32_t i = 0; rc == 1 && i < in_row; i++)
			*offset += l.b[i].len;
		blocklist_clear(&l);
	} else {
		rc = rc == SQLITE_DONE ? 0 : index_read_failed(index, "read a block list");
	}
	index_stmt_give(index, STMT_LIST_ROW, s);
	return rc;
}

/* The first position of a block with this h8 that is not below `from`. 1, 0, -1. */
static int next_position(struct index *index, int64_t h8, int64_t from, int64_t *position)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_POSITION_FIND);
	int rc;

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, h8);
	sqlite3_bind_int64(s, 2, from);
	rc = sqlite3_step(s);
	*position = sqlite3_column_int64(s, 0);
	index_stmt_give(index, STMT_POSITION_FIND, s);
	if (rc == SQLITE_ROW)
		return 1;
	return rc == SQLITE_DONE ? 0 : index_read_failed(index, "read a position");
}

/* The root of a content that a row refers to. 1, 0, -1. */
static int live_root(struct index *index, int64_t id, uint8_t root[32])
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_CONTENT_BY_ID);
	int rc;

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, id);
	rc = sqlite3_step(s);
	if (rc == SQLITE_ROW && sqlite3_column_bytes(s, 0) == 32) {
		memcpy(root, sqlite3_column_blob(s, 0), 32);
		rc = 1;
	} else {
		rc = rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : index_read_failed(index, "read a content");
	}
	index_stmt_give(index, STMT_CONTENT_BY_ID, s);
	return rc;
}

/* Tries a bounded number of contents: a block of zeros, say, may be in thousands. */
int index_find_block(struct index *index, const uint8_t hash[32], uint32_t len, struct record *r, int64_t *offset)
{
	int64_t from = 0, position;
	uint8_t root[32];
	int rc;

	/* The root of a file of one block is that block's hash. */
	*r = (struct record){ 0 };
	*offset = 0;
	rc = live_file(index, hash, r);
	if (rc < 0 || (rc > 0 && r->content.nblocks == 1 && r->content.size == len))
		return rc;
	record_clear(r);
	for (int i = 0; i < FIND_CONTENTS; i++) {
		int64_t id;

		rc = next_position(index, index_h8(hash), from, &position);
		if (rc <= 0)
			return rc;
		id = position >> INDEX_BLOCK_BITS;
		from = (id + 1) << INDEX_BLOCK_BITS;
		rc = live_root(index, id, root);
		if (rc > 0)
			rc = check_position(index, id, (uint32_t)(position & ((1 << INDEX_BLOCK_BITS) - 1)), hash, len,
			                    offset);
		if (rc > 0)
			rc = live_file(index, root, r);
		if (rc != 0)
			return rc;
	}
	return 0;
}
