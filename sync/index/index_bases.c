/* See index_bases.h. */
#include "sync/index/index_bases.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/index/index_internal.h"

enum { SLICE = 8 }; /* blocks that are forgotten at a time, or follow their file */

static sqlite3_stmt *base_of(struct index *index, enum index_stmt id, const char *path, uint64_t peer)
{
	sqlite3_stmt *s = index_stmt_take(index, id);

	if (s == NULL)
		return NULL;
	sqlite3_bind_blob(s, 1, path, (int)strlen(path), SQLITE_STATIC);
	sqlite3_bind_int64(s, 2, (int64_t)peer);
	return s;
}

static int base_cut(struct index *index, const char *path, uint64_t peer, const struct index_base *base)
{
	sqlite3_stmt *s = base_of(index, STMT_BASE_CUT, path, peer);

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 3, base->offset);
	sqlite3_bind_int64(s, 4, base->offset + base->len);
	return index_stmt_run(index, STMT_BASE_CUT, s);
}

int index_base_put(struct index *index, const char *path, uint64_t peer, const struct index_base *base)
{
	sqlite3_stmt *s;

	if (base->n > INDEX_BASE_LEAVES) {
		errno = EINVAL;
		return -1;
	}
	if (index_txn_write(index) < 0)
		return -1;
	if (base_cut(index, path, peer, base) < 0)
		return index_write_failed(index, "note what a vault was given");
	s = base_of(index, STMT_BASE_PUT, path, peer);
	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 3, base->offset);
	sqlite3_bind_int64(s, 4, base->len);
	sqlite3_bind_int64(s, 5, (int64_t)base->generation);
	sqlite3_bind_blob(s, 6, base->sha, sizeof(base->sha), SQLITE_STATIC);
	sqlite3_bind_blob(s, 7, base->leaves, (int)base->n, SQLITE_STATIC);
	return index_stmt_run(index, STMT_BASE_PUT, s) < 0 ? index_write_failed(index, "note what a vault was given")
	                                                   : 0;
}

/* 0, -1. */
static int base_read(struct index *index, sqlite3_stmt *s, struct index_base *base)
{
	int64_t len = sqlite3_column_int64(s, 1);
	int n = sqlite3_column_bytes(s, 4);

	if (len <= 0 || len > BLOCK_MAX || sqlite3_column_bytes(s, 3) != (int)sizeof(base->sha) || n <= 0 ||
	    n > INDEX_BASE_LEAVES)
		return index_found_damage(index, "a note of what a vault was given is malformed");
	base->offset = sqlite3_column_int64(s, 0);
	base->len = (uint32_t)len;
	base->generation = (uint64_t)sqlite3_column_int64(s, 2);
	memcpy(base->sha, sqlite3_column_blob(s, 3), sizeof(base->sha));
	base->leaves = mem_dup(sqlite3_column_blob(s, 4), (size_t)n);
	base->n = (size_t)n;
	return 0;
}

int index_bases_get(struct index *index, const char *path, uint64_t peer, int64_t offset, uint32_t len,
                    struct index_base *bases, int max)
{
	sqlite3_stmt *s = base_of(index, STMT_BASES_GET, path, peer);
	int rc, n = 0;

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 3, offset);
	sqlite3_bind_int64(s, 4, offset + len);
	sqlite3_bind_int(s, 5, max);
	while ((rc = sqlite3_step(s)) == SQLITE_ROW && n < max) {
		if (base_read(index, s, &bases[n]) < 0)
			break;
		n++;
	}
	if (rc != SQLITE_DONE && rc != SQLITE_ROW)
		(void)index_read_failed(index, "read what a vault was given");
	index_stmt_give(index, STMT_BASES_GET, s);
	if (rc == SQLITE_DONE || n == max)
		return n;
	while (n > 0)
		free(bases[--n].leaves);
	return -1;
}

/* --- what is of no use any more --- */

/* The next file of a peer. 1, 0, -1. */
static int bases_next(struct index *index, struct index_bases_at *at)
{
	sqlite3_stmt *s = base_of(index, STMT_BASE_NEXT, at->path != NULL ? at->path : "", at->peer);
	int rc;

	if (s == NULL)
		return -1;
	rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		size_t n = (size_t)sqlite3_column_bytes(s, 0);

		free(at->path);
		at->path = mem_calloc(n + 1, 1);
		if (n > 0)
			memcpy(at->path, sqlite3_column_blob(s, 0), n);
		at->peer = (uint64_t)sqlite3_column_int64(s, 1);
		rc = 1;
	} else {
		rc = rc == SQLITE_DONE ? 0 : index_read_failed(index, "read what vaults were given");
	}
	index_stmt_give(index, STMT_BASE_NEXT, s);
	return rc;
}

/* The first of its blocks, at most SLICE. */
static int bases_first(struct index *index, const struct index_bases_at *at, struct index_base bases[SLICE])
{
	sqlite3_stmt *s = base_of(index, STMT_BASES_FIRST, at->path, at->peer);
	int n = 0;

	if (s == NULL)
		return 0;
	sqlite3_bind_int(s, 3, SLICE);
	while (n < SLICE && sqlite3_step(s) == SQLITE_ROW && base_read(index, s, &bases[n]) == 0)
		n++;
	index_stmt_give(index, STMT_BASES_FIRST, s);
	return n;
}

/* Notes the block at the path where a file has it at the same place, if there is one. */
static int base_follow(struct index *index, const struct index_bases_at *at, const struct index_base *base)
{
	struct record r = { 0 };
	int64_t offset;
	int rc = index_find_block(index, base->sha, base->len, &r, &offset);

	if (rc > 0 && offset == base->offset && r.content.nblocks > 1)
		rc = index_base_put(index, r.path, at->peer, base);
	record_clear(&r);
	return rc < 0 ? -1 : 0;
}

/* Those that cannot be read are only forgotten. */
static int bases_follow(struct index *index, const struct index_bases_at *at)
{
	struct index_base bases[SLICE] = { 0 };
	int n = bases_first(index, at, bases), rc = 0;

	for (int i = 0; i < n; i++) {
		if (rc == 0)
			rc = base_follow(index, at, &bases[i]);
		free(bases[i].leaves);
	}
	return rc;
}

/* How many of its blocks have gone from the path, at most SLICE; -1. */
static int bases_judge(struct index *index, const struct index_bases_at *at, bool known)
{
	struct record r = { 0 };
	int rc = known ? index_get(index, at->path, &r) : 0;
	bool stays = rc > 0 && record_is(&r, RECORD_FILE) && r.content.nblocks > 1;
	sqlite3_stmt *s;

	if (rc > 0)
		record_clear(&r);
	if (rc < 0 || stays)
		return rc < 0 ? -1 : 0;
	if (index_txn_write(index) < 0 || (known && bases_follow(index, at) < 0))
		return -1;
	s = base_of(index, STMT_BASE_FORGET, at->path, at->peer);
	if (s == NULL)
		return -1;
	sqlite3_bind_int(s, 3, SLICE);
	return index_stmt_run(index, STMT_BASE_FORGET, s) < 0
	               ? index_write_failed(index, "forget what a vault was given")
	               : sqlite3_changes(index->db);
}

int index_bases_sweep(struct index *index, struct index_bases_at *at, int max,
                      bool (*is_vault)(void *arg, uint64_t peer), void *arg)
{
	int n = 0, rc = 1;

	while (n < max && (at->again || (rc = bases_next(index, at)) > 0)) {
		int forgotten;

		/* A huge file is forgotten in parts, each of them a whole slice. */
		at->again = false;
		do {
			forgotten = bases_judge(index, at, is_vault(arg, at->peer));
		} while (forgotten == SLICE && ++n < max);
		if (forgotten < 0)
			return -1;
		at->again = forgotten == SLICE;
		if (at->again)
			return n;
		n++;
	}
	if (rc == 0) {
		free(at->path);
		*at = (struct index_bases_at){ 0 };
	}
	return rc < 0 ? -1 : n;
}
