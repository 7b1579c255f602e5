/* The cores that a vault keeps, by path and by number, and the mail that lies there. A path has an ID in each
 * generation; what says that two IDs are of one path joins them. */
#include <errno.h>
#include <string.h>

#include "sync/index/index_internal.h"

/* --- paths --- */

/* The path of one ID: its number, 0, -1. */
static int64_t path_find(struct index *index, const uint8_t id[INDEX_VAULT_PATH])
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_PATH_FIND);
	int64_t path = 0;
	int rc;

	if (s == NULL)
		return -1;
	sqlite3_bind_blob(s, 1, id, INDEX_VAULT_PATH, SQLITE_STATIC);
	rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		path = sqlite3_column_int64(s, 0);
	else if (rc != SQLITE_DONE)
		path = index_read_failed(index, "read a path");
	index_stmt_give(index, STMT_PATH_FIND, s);
	return path;
}

static int path_put(struct index *index, const uint8_t id[INDEX_VAULT_PATH], int64_t path)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_PATH_PUT);

	if (s == NULL)
		return -1;
	sqlite3_bind_blob(s, 1, id, INDEX_VAULT_PATH, SQLITE_STATIC);
	sqlite3_bind_int64(s, 2, path);
	return index_stmt_run(index, STMT_PATH_PUT, s);
}

static int path_join(struct index *index, int64_t path, int64_t other)
{
	return index_stmt_run_on(index, STMT_PATH_JOIN, path, other) < 0 ||
	                       index_stmt_run_on(index, STMT_PATH_JOIN_CORES, path, other) < 0
	               ? -1
	               : 0;
}

/* Gives the path all of the IDs, and what they belonged to before. */
static int path_take(struct index *index, const uint8_t (*ids)[INDEX_VAULT_PATH], size_t n, int64_t path)
{
	for (size_t i = 0; i < n; i++) {
		int64_t other = path_find(index, ids[i]);

		if (other < 0 || (other == 0 && path_put(index, ids[i], path) < 0) ||
		    (other > 0 && other != path && path_join(index, path, other) < 0))
			return -1;
	}
	return 0;
}

int64_t index_vault_path(struct index *index, const uint8_t (*ids)[INDEX_VAULT_PATH], size_t n, bool make)
{
	int64_t path = 0, one;
	bool whole = true;

	for (size_t i = 0; i < n; i++) {
		one = path_find(index, ids[i]);
		if (one < 0)
			return -1;
		whole = whole && one != 0 && (path == 0 || one == path);
		if (one != 0 && (path == 0 || one < path))
			path = one;
	}
	if (whole || (path == 0 && !make))
		return path;
	if (index_txn_write(index) < 0)
		return -1;
	/* A number of rows serves as well, and is never given again. */
	if (path == 0)
		path = (int64_t)index_number(index);
	if (path_take(index, ids, n, path) < 0)
		return index_write_failed(index, "write a path");
	return path;
}

int index_vault_path_forget(struct index *index, int64_t path)
{
	if (index_txn_write(index) < 0)
		return -1;
	return index_stmt_run_on(index, STMT_PATH_FORGET, path, 0) < 0 ? index_write_failed(index, "delete a path") : 0;
}

/* --- cores --- */

static int core_insert(struct index *index, const struct index_vault_core *c, uint64_t seq, int64_t now_s)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_CORE_INSERT);

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, (int64_t)seq);
	sqlite3_bind_int64(s, 2, c->path);
	sqlite3_bind_blob(s, 3, c->name, sizeof(c->name), SQLITE_STATIC);
	sqlite3_bind_int(s, 4, c->deleted);
	sqlite3_bind_int64(s, 5, (int64_t)c->generation);
	sqlite3_bind_blob(s, 6, c->endorser, sizeof(c->endorser), SQLITE_STATIC);
	if (c->superseded != 0)
		sqlite3_bind_int64(s, 7, c->superseded);
	else
		sqlite3_bind_null(s, 7);
	sqlite3_bind_int64(s, 8, c->bytes);
	sqlite3_bind_blob64(s, 9, c->core, c->ncore, SQLITE_STATIC);
	sqlite3_bind_blob64(s, 10, c->endorsement, c->nendorsement, SQLITE_STATIC);
	sqlite3_bind_int64(s, 11, now_s);
	return index_stmt_run(index, STMT_CORE_INSERT, s);
}

int index_vault_put(struct index *index, struct index_vault_core *c, const uint8_t (*refs)[INDEX_VAULT_OBJECT],
                    size_t nrefs, const uint64_t *beats, size_t nbeats, int64_t now_s)
{
	int here, rc;

	if (index_txn_write(index) < 0)
		return -1;
	here = index_vault_refs_here(index, refs, nrefs);
	if (here <= 0) {
		if (here == 0)
			errno = EINVAL;
		return -1;
	}
	c->bytes = (int64_t)(c->ncore + c->nendorsement);
	rc = core_insert(index, c, index->seq + 1, now_s);
	if (rc == 0)
		rc = index_vault_refs_count(index, refs, nrefs, true, now_s);
	for (size_t i = 0; rc == 0 && i < nbeats; i++)
		rc = index_stmt_run_on(index, STMT_CORE_BEAT, now_s, (int64_t)beats[i]);
	if (rc < 0)
		return index_write_failed(index, "write a core");
	c->seq = index_number(index);
	c->at = now_s;
	index->now.vault.rows++;
	index->now.vault.bytes += c->bytes;
	return 0;
}

/* Where a core is, and its bytes: 1, 0, -1. */
static int core_place(struct index *index, uint64_t seq, int64_t *path, int64_t *bytes)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_CORE_PATH);
	int rc;

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, (int64_t)seq);
	rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		*path = sqlite3_column_int64(s, 0);
		*bytes = sqlite3_column_int64(s, 1);
		rc = 1;
	} else {
		rc = rc == SQLITE_DONE ? 0 : index_read_failed(index, "read a core");
	}
	index_stmt_give(index, STMT_CORE_PATH, s);
	return rc;
}

int index_vault_remove(struct index *index, uint64_t seq, const uint8_t (*refs)[INDEX_VAULT_OBJECT], size_t nrefs,
                       int64_t now_s)
{
	int64_t path = 0, bytes = 0;
	int rc;

	if (index_txn_write(index) < 0)
		return -1;
	rc = core_place(index, seq, &path, &bytes);
	if (rc <= 0)
		return rc;
	if (index_stmt_run_on(index, STMT_CORE_DELETE, (int64_t)seq, 0) < 0 ||
	    index_vault_refs_count(index, refs, nrefs, false, now_s) < 0 ||
	    index_stmt_run_on(index, STMT_PATH_FORGET, path, 0) < 0)
		return index_write_failed(index, "delete a core");
	index->now.vault.rows--;
	index->now.vault.bytes -= bytes;
	return 0;
}

int index_vault_renumber(struct index *index, uint64_t seq)
{
	if (index_txn_write(index) < 0)
		return -1;
	if (index_stmt_run_on(index, STMT_CORE_RENUMBER, (int64_t)index->seq + 1, (int64_t)seq) < 0)
		return index_write_failed(index, "write a core");
	(void)index_number(index);
	return 0;
}

/* -1: not a core. */
static int core_read(sqlite3_stmt *s, struct index_vault_core *c)
{
	const void *name = sqlite3_column_blob(s, 2), *endorser = sqlite3_column_blob(s, 5);

	if (name == NULL || sqlite3_column_bytes(s, 2) != (int)sizeof(c->name) || endorser == NULL ||
	    sqlite3_column_bytes(s, 5) != (int)sizeof(c->endorser))
		return -1;
	c->seq = (uint64_t)sqlite3_column_int64(s, 0);
	c->path = sqlite3_column_int64(s, 1);
	memcpy(c->name, name, sizeof(c->name));
	c->deleted = sqlite3_column_int(s, 3) != 0;
	c->generation = (uint64_t)sqlite3_column_int64(s, 4);
	memcpy(c->endorser, endorser, sizeof(c->endorser));
	c->superseded = sqlite3_column_int64(s, 6);
	c->bytes = sqlite3_column_int64(s, 7);
	c->core = sqlite3_column_blob(s, 8);
	c->ncore = (size_t)sqlite3_column_bytes(s, 8);
	c->endorsement = sqlite3_column_blob(s, 9);
	c->nendorsement = (size_t)sqlite3_column_bytes(s, 9);
	c->at = sqlite3_column_int64(s, 10);
	return 0;
}

/* Steps a bound statement that selects cores, and gives it back. How many, or -1. */
static int cores_each(struct index *index, enum index_stmt id, sqlite3_stmt *s,
                      bool (*fn)(void *arg, const struct index_vault_core *c), void *arg)
{
	struct index_vault_core c;
	int rc, n = 0;
	bool more = true;

	while (more && (rc = sqlite3_step(s)) != SQLITE_DONE) {
		if (rc != SQLITE_ROW || core_read(s, &c) < 0) {
			n = rc == SQLITE_ROW ? index_found_damage(index, "a core's row is malformed")
			                     : index_read_failed(index, "read cores");
			break;
		}
		n++;
		more = fn(arg, &c);
	}
	index_stmt_give(index, id, s);
	return n;
}

int index_vault_at(struct index *index, int64_t path, bool (*fn)(void *arg, const struct index_vault_core *c),
                   void *arg)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_CORE_AT);

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, path);
	return cores_each(index, STMT_CORE_AT, s, fn, arg) < 0 ? -1 : 0;
}

int index_vault_since(struct index *index, uint64_t after, int max,
                      bool (*fn)(void *arg, const struct index_vault_core *c), void *arg)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_CORE_SINCE);

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, after > INT64_MAX ? INT64_MAX : (int64_t)after);
	sqlite3_bind_int(s, 2, max);
	return cores_each(index, STMT_CORE_SINCE, s, fn, arg);
}

int index_vault_old(struct index *index, int max, bool (*fn)(void *arg, const struct index_vault_core *c), void *arg)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_CORE_OLD);

	if (s == NULL)
		return -1;
	sqlite3_bind_int(s, 1, max);
	return cores_each(index, STMT_CORE_OLD, s, fn, arg);
}

int index_vault_tombstones(struct index *index, int64_t before_s, int max,
                           bool (*fn)(void *arg, const struct index_vault_core *c), void *arg)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_CORE_DELETED);

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, before_s);
	sqlite3_bind_int(s, 2, max);
	return cores_each(index, STMT_CORE_DELETED, s, fn, arg);
}

/* --- mail --- */

int index_vault_mail_put(struct index *index, const uint8_t to[32], const uint8_t from[32], int64_t now_s,
                         const uint8_t *p, size_t n)
{
	sqlite3_stmt *s;

	if (index_txn_write(index) < 0)
		return -1;
	s = index_stmt_take(index, STMT_MAIL_PUT);
	if (s == NULL)
		return -1;
	sqlite3_bind_blob(s, 1, to, 32, SQLITE_STATIC);
	sqlite3_bind_blob(s, 2, from, 32, SQLITE_STATIC);
	sqlite3_bind_int64(s, 3, now_s);
	sqlite3_bind_blob64(s, 4, p, n, SQLITE_STATIC);
	if (index_stmt_run(index, STMT_MAIL_PUT, s) < 0)
		return index_write_failed(index, "write mail");
	return 0;
}

int index_vault_mail(struct index *index, const uint8_t to[32],
                     bool (*fn)(void *arg, const uint8_t to[32], const uint8_t from[32], const uint8_t *p, size_t n),
                     void *arg)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_MAIL_GET);
	uint8_t ids[2][32];
	bool more = true;
	int rc;

	if (s == NULL)
		return -1;
	if (to != NULL)
		sqlite3_bind_blob(s, 1, to, 32, SQLITE_STATIC);
	else
		sqlite3_bind_null(s, 1);
	while ((rc = sqlite3_step(s)) == SQLITE_ROW && more) {
		for (int i = 0; i < 2; i++) {
			memset(ids[i], 0, 32);
			if (sqlite3_column_bytes(s, i) == 32)
				memcpy(ids[i], sqlite3_column_blob(s, i), 32);
		}
		more = fn(arg, ids[0], ids[1], sqlite3_column_blob(s, 2), (size_t)sqlite3_column_bytes(s, 2));
	}
	rc = rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : index_read_failed(index, "read mail");
	index_stmt_give(index, STMT_MAIL_GET, s);
	return rc;
}

int index_vault_mail_forget(struct index *index, const uint8_t agent[32])
{
	sqlite3_stmt *s;

	if (index_txn_write(index) < 0)
		return -1;
	s = index_stmt_take(index, STMT_MAIL_FORGET);
	if (s == NULL)
		return -1;
	sqlite3_bind_blob(s, 1, agent, 32, SQLITE_STATIC);
	if (index_stmt_run(index, STMT_MAIL_FORGET, s) < 0)
		return index_write_failed(index, "delete mail");
	return 0;
}
