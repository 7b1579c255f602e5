/* See index_heads.h. */
#include "sync/index/index_heads.h"

#include "base/mem.h"
#include "sync/index/index_internal.h"

int index_head_put(struct index *index, const uint8_t agent[32], uint64_t epoch, uint64_t number, const uint8_t *head,
                   size_t n)
{
	sqlite3_stmt *s;

	if (index_txn_write(index) < 0)
		return -1;
	s = index_stmt_take(index, STMT_HEAD_PUT);
	if (s == NULL)
		return -1;
	sqlite3_bind_blob(s, 1, agent, 32, SQLITE_STATIC);
	sqlite3_bind_int64(s, 2, (int64_t)epoch);
	sqlite3_bind_int64(s, 3, (int64_t)number);
	sqlite3_bind_blob64(s, 4, head, n, SQLITE_STATIC);
	return index_stmt_run(index, STMT_HEAD_PUT, s) < 0 ? index_write_failed(index, "write a head") : 0;
}

uint8_t *index_head_get(struct index *index, const uint8_t agent[32], size_t *n)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_HEAD_GET);
	uint8_t *head = NULL;
	int rc;

	*n = 0;
	if (s == NULL)
		return NULL;
	sqlite3_bind_blob(s, 1, agent, 32, SQLITE_STATIC);
	rc = sqlite3_step(s);
	if (rc == SQLITE_ROW && sqlite3_column_bytes(s, 0) > 0) {
		*n = (size_t)sqlite3_column_bytes(s, 0);
		head = mem_dup(sqlite3_column_blob(s, 0), *n);
	} else if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
		index_read_failed(index, "read a head");
	}
	index_stmt_give(index, STMT_HEAD_GET, s);
	return head;
}

int index_heads(struct index *index,
                bool (*fn)(void *arg, const uint8_t agent[32], uint64_t epoch, uint64_t number, const uint8_t *head,
                           size_t n),
                void *arg)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_HEAD_ALL);
	bool more = true;
	int rc;

	if (s == NULL)
		return -1;
	while (more && (rc = sqlite3_step(s)) != SQLITE_DONE) {
		if (rc != SQLITE_ROW || sqlite3_column_bytes(s, 0) != 32) {
			rc = rc == SQLITE_ROW ? index_found_damage(index, "a head's row is malformed")
			                      : index_read_failed(index, "read heads");
			index_stmt_give(index, STMT_HEAD_ALL, s);
			return rc;
		}
		more = fn(arg, sqlite3_column_blob(s, 0), (uint64_t)sqlite3_column_int64(s, 1),
		          (uint64_t)sqlite3_column_int64(s, 2), sqlite3_column_blob(s, 3),
		          (size_t)sqlite3_column_bytes(s, 3));
	}
	index_stmt_give(index, STMT_HEAD_ALL, s);
	return 0;
}

int index_head_forget(struct index *index, const uint8_t agent[32])
{
	sqlite3_stmt *s;

	if (index_txn_write(index) < 0)
		return -1;
	s = index_stmt_take(index, STMT_HEAD_FORGET);
	if (s == NULL)
		return -1;
	sqlite3_bind_blob(s, 1, agent, 32, SQLITE_STATIC);
	return index_stmt_run(index, STMT_HEAD_FORGET, s) < 0 ? index_write_failed(index, "delete a head") : 0;
}
