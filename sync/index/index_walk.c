/* Our rows in walk order. A cursor steps one statement until a commit takes that away, since SQLite cannot begin the
 * WAL at its start again while a read is open; then it finds its place again by its last key. */
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/mem.h"
#include "sync/index/index_internal.h"

struct index_cursor *index_walk_from(struct index *index, const char *under, const char *from)
{
	struct index_cursor *c = MEM_NEW(struct index_cursor);
	size_t under_len = strlen(under), from_len = strlen(from);
	int cmp;

	c->index = index;
	DL_APPEND(index->cursors, c);
	/* No path is longer. */
	if (under_len > RECORD_PATH_MAX || from_len > RECORD_PATH_MAX) {
		c->ended = true;
		return c;
	}
	index_key_bytes(c->under, under, under_len);
	c->under_len = (int)under_len;
	index_key_bytes(c->at, from, from_len);
	c->at_len = (int)from_len;
	cmp = memcmp(c->at, c->under, from_len < under_len ? from_len : under_len);
	if (cmp < 0 || (cmp == 0 && from_len < under_len)) {
		memcpy(c->at, c->under, under_len);
		c->at_len = c->under_len;
	}
	return c;
}

struct index_cursor *index_walk(struct index *index, const char *under)
{
	return index_walk_from(index, under, "");
}

/* Whether the key is at or below the folder that is walked. */
static bool within(const struct index_cursor *c, const uint8_t *key, int n)
{
	if (c->under_len == 0)
		return true;
	return n >= c->under_len && memcmp(key, c->under, (size_t)c->under_len) == 0 &&
	       (n == c->under_len || key[c->under_len] == 0);
}

/* Whether this is the row that was given last: a change made meanwhile may have moved it behind the statement's
 * place. */
static bool is_last(const struct index_cursor *c, const uint8_t *key, int n)
{
	return c->begun && n == c->at_len - 1 && memcmp(key, c->at, (size_t)n) == 0;
}

static int resume_cursor(struct index_cursor *c)
{
	c->s = index_stmt_take(c->index, STMT_ROW_WALK);
	if (c->s == NULL)
		return -1;
	sqlite3_bind_blob(c->s, 1, c->at_len > 0 ? (const void *)c->at : "", c->at_len, SQLITE_TRANSIENT);
	return 0;
}

void index_cursor_brief(struct index_cursor *c)
{
	c->brief = true;
}

static int cursor_read(const struct index_cursor *c, struct record *r, const uint8_t *key, int n)
{
	if (!c->brief || sqlite3_column_int(c->s, INDEX_ROW_DELETED) == 0)
		return index_row_read(c->index, c->s, r);
	r->path = index_path(key, n);
	r->deleted = true;
	return 0;
}

int index_next(struct index_cursor *c, struct record *r)
{
	const uint8_t *key;
	int n, rc;

	*r = (struct record){ 0 };
	if (c->ended)
		return 0;
	if (c->s == NULL && resume_cursor(c) < 0)
		return -1;
	do
		rc = sqlite3_step(c->s);
	while (rc == SQLITE_ROW && is_last(c, sqlite3_column_blob(c->s, 1), sqlite3_column_bytes(c->s, 1)));
	if (rc != SQLITE_ROW) {
		c->ended = true;
		rc = rc == SQLITE_DONE ? 0 : index_read_failed(c->index, "read rows");
		index_cursor_pause(c);
		return rc;
	}
	key = sqlite3_column_blob(c->s, 1);
	n = sqlite3_column_bytes(c->s, 1);
	if (!within(c, key, n)) {
		c->ended = true;
		index_cursor_pause(c);
		return 0;
	}
	if (n > RECORD_PATH_MAX || cursor_read(c, r, key, n) < 0) {
		record_clear(r);
		c->ended = true;
		return index_found_damage(c->index, "a row is malformed");
	}
	/* No key is between this one and this one with a 0 added. */
	memcpy(c->at, key, (size_t)n);
	c->at[n] = 0;
	c->at_len = n + 1;
	c->begun = true;
	return 1;
}

void index_cursor_free(struct index_cursor *c)
{
	if (c == NULL)
		return;
	index_cursor_pause(c);
	DL_DELETE(c->index->cursors, c);
	free(c);
}

bool index_may_live_below(struct index *index, const char *folder, int most)
{
	int n = index_key(index, folder), rc = SQLITE_ROW, dead = 0;
	sqlite3_stmt *s = n < 0 ? NULL : index_stmt_take(index, STMT_ROW_BELOW);

	if (s == NULL)
		return true;
	index_below_bind(index, s, n);
	while (dead <= most && (rc = sqlite3_step(s)) == SQLITE_ROW && sqlite3_column_int(s, 0) != 0)
		dead++;
	index_stmt_give(index, STMT_ROW_BELOW, s);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		index_read_failed(index, "read rows");
	return rc != SQLITE_DONE;
}
