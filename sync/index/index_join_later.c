/* Joins of a first meeting, stored: many pairs of numbers in one row of the table `joins`, so that a meeting writes
 * little. From then on the rows are read as joined (index_joins.c). index_join_some() writes them, and when all pairs
 * of a row are written it goes, in the same transaction or a later one: to write a row twice changes nothing. So a
 * crash at any point leaves rows that are read as joined, whether they are written or not. */
#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/index/index_internal.h"

enum { PAIR = 16, PAIRS_MAX = 4096 };

/* Over all that is stored, as for rows. */
static int64_t pairs_checksum(const struct index_join_origin *o, const uint8_t *pairs, size_t size)
{
	uint8_t head[3 * 8], hash[SHA256_SIZE];
	struct sha256_stream s = { 0 };

	put_u64(head, o->peer);
	put_u64(head + 8, o->writer);
	put_u64(head + 16, o->epoch);
	sha256_begin(&s);
	sha256_update(&s, head, sizeof(head));
	sha256_update(&s, pairs, size);
	sha256_end(&s, hash);
	sha256_free(&s);
	return index_h8(hash);
}

static int store(struct index *index, const struct index_join_origin *o, const struct index_pair *pairs, size_t n)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_JOINS_INSERT);
	uint8_t *bytes;
	int rc;

	/* What is in memory by now has to go again. */
	if (s == NULL)
		return index_write_failed(index, "write what a meeting joined");
	bytes = mem_calloc(n, PAIR);
	for (size_t i = 0; i < n; i++) {
		put_u64(bytes + i * PAIR, pairs[i].ours);
		put_u64(bytes + i * PAIR + 8, pairs[i].theirs);
	}
	sqlite3_bind_int64(s, 1, (int64_t)o->peer);
	sqlite3_bind_int64(s, 2, (int64_t)o->writer);
	sqlite3_bind_int64(s, 3, (int64_t)o->epoch);
	sqlite3_bind_blob(s, 4, bytes, (int)(n * PAIR), SQLITE_STATIC);
	sqlite3_bind_int64(s, 5, pairs_checksum(o, bytes, n * PAIR));
	rc = index_stmt_run(index, STMT_JOINS_INSERT, s);
	free(bytes);
	return rc < 0 ? index_write_failed(index, "write what a meeting joined") : 0;
}

int index_join_later(struct index *index, uint64_t peer, uint64_t writer, const struct index_pair *pairs, size_t n)
{
	struct index_join_origin o = { .peer = peer, .writer = writer, .epoch = index->epoch };

	if (n > PAIRS_MAX || writer == index->epoch || writer == 0)
		return 0;
	if (index_txn_write(index) < 0)
		return -1;
	if (index_joins_add(index, &o, pairs, n) < 0)
		return 0;
	index_recent_clear(index);
	return store(index, &o, pairs, n) < 0 ? -1 : 1;
}

/* A stored row of pairs. */
struct joins_row {
	int64_t id;
	struct index_join_origin origin;
	struct index_pair *pairs; /* owned */
	size_t n;
};

/* The first behind this ID: 1; 0; -1: it cannot be read; -2: it is malformed. Nothing is reported. */
static int read_joins(struct index *index, int64_t after, struct joins_row *row)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_JOINS_NEXT);
	const uint8_t *bytes;
	size_t size;
	int rc;

	*row = (struct joins_row){ 0 };
	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, after);
	rc = sqlite3_step(s);
	if (rc != SQLITE_ROW) {
		index_stmt_give(index, STMT_JOINS_NEXT, s);
		return rc == SQLITE_DONE ? 0 : -1;
	}
	row->id = sqlite3_column_int64(s, 0);
	row->origin = (struct index_join_origin){ .peer = (uint64_t)sqlite3_column_int64(s, 1),
		                                  .writer = (uint64_t)sqlite3_column_int64(s, 2),
		                                  .epoch = (uint64_t)sqlite3_column_int64(s, 3) };
	bytes = sqlite3_column_blob(s, 4);
	size = bytes != NULL ? (size_t)sqlite3_column_bytes(s, 4) : 0;
	row->n = size / PAIR;
	rc = 1;
	if (size % PAIR != 0 || row->n == 0 || row->n > PAIRS_MAX ||
	    sqlite3_column_int64(s, 5) != pairs_checksum(&row->origin, bytes, size)) {
		rc = -2;
	} else {
		row->pairs = mem_calloc(row->n, sizeof(row->pairs[0]));
		for (size_t i = 0; i < row->n; i++)
			row->pairs[i] = (struct index_pair){ .ours = get_u64(bytes + i * PAIR),
				                             .theirs = get_u64(bytes + i * PAIR + 8) };
	}
	index_stmt_give(index, STMT_JOINS_NEXT, s);
	return rc;
}

int index_joins_load(struct index *index)
{
	struct joins_row row;
	int64_t after = 0;
	int rc;

	index_joins_clear(index);
	while ((rc = read_joins(index, after, &row)) > 0) {
		after = row.id;
		rc = index_joins_add(index, &row.origin, row.pairs, row.n);
		free(row.pairs);
		if (rc < 0)
			return -2;
	}
	index_joins_committed(index);
	return rc;
}

/* --- written --- */

static int write_joined(struct index *index, const struct joins_row *row)
{
	struct record r;

	for (size_t i = 0; i < row->n; i++) {
		int rc = index_get_numbered(index, row->pairs[i].ours, &r);

		if (rc < 0)
			return -1;
		rc = rc > 0 ? index_join(index, &r) : 0;
		record_clear(&r);
		if (rc < 0)
			return -1;
	}
	if (index_txn_write(index) < 0)
		return -1;
	return index_stmt_run_on(index, STMT_JOINS_DELETE, row->id, 0) < 0
	               ? index_write_failed(index, "forget what a meeting joined")
	               : 0;
}

int index_join_some(struct index *index)
{
	struct joins_row row;
	int rc;

	if (!index_joins_wait(index))
		return 0;
	if (index_txn_write(index) < 0)
		return -1;
	rc = read_joins(index, 0, &row);
	if (rc == -2)
		return index_found_damage(index, "what a meeting joined is malformed");
	if (rc < 0)
		return index_read_failed(index, "read what a meeting joined");
	if (rc == 0) {
		index_joins_written(index);
		return 0;
	}
	rc = write_joined(index, &row);
	free(row.pairs);
	return rc < 0 ? -1 : 1;
}

bool index_joins_left(const struct index *index)
{
	return index_joins_wait(index);
}
