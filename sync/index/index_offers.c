/* What peers have and we want. A row's id is the peer's row number and the peer's sequence number together, so that the smallest
 * number still wanted of a peer is one look-up and all it said is one range; the index on (key, size) answers how many
 * want a path and how large it is without touching the rows. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sync/index/index_internal.h"

/* All wanted rows of one path. */
struct wants {
	int n;
	int64_t mine;    /* id of the one peer's row; 0: it has none */
	int64_t largest; /* of all */
	int64_t other;   /* of all but that peer's */
};

static int64_t first_id(int64_t peer_no)
{
	return peer_no << INDEX_SEQ_BITS;
}

/* The path's rows (its key is in index->key). peer_no 0: all are others'. 0, -1. */
static int wants_of(struct index *index, int key_len, int64_t peer_no, struct wants *w)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_OFFER_SIZES);
	int rc;

	*w = (struct wants){ 0 };
	if (s == NULL)
		return -1;
	sqlite3_bind_blob(s, 1, index->key, key_len, SQLITE_STATIC);
	while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
		int64_t id = sqlite3_column_int64(s, 0), size = sqlite3_column_int64(s, 1);

		w->n++;
		w->largest = size > w->largest ? size : w->largest;
		if (id >> INDEX_SEQ_BITS == peer_no)
			w->mine = id;
		else
			w->other = size > w->other ? size : w->other;
	}
	index_stmt_give(index, STMT_OFFER_SIZES, s);
	return rc == SQLITE_DONE ? 0 : -1;
}

static int delete_want(struct index *index, int64_t id)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_OFFER_DELETE);

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, id);
	return index_stmt_run(index, STMT_OFFER_DELETE, s);
}

/* One peer's row of the path whose key is in index->key. */
static int forget_one(struct index *index, int key_len, int64_t peer_no)
{
	struct wants w;

	if (wants_of(index, key_len, peer_no, &w) < 0)
		return -1;
	if (w.mine == 0)
		return 0;
	if (delete_want(index, w.mine) < 0)
		return -1;
	index->now.wanted -= w.n == 1;
	index->now.wanted_bytes += w.other - w.largest;
	return 0;
}

/* Two paths under one number: no honest peer says that. What it said last counts. */
static int forget_number(struct index *index, int64_t id)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_OFFER_KEY);
	int n = -1;

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, id);
	if (sqlite3_step(s) == SQLITE_ROW) {
		n = sqlite3_column_bytes(s, 0);
		if (n > RECORD_PATH_MAX)
			n = -1;
		else
			memcpy(index->key, sqlite3_column_blob(s, 0), (size_t)n);
	}
	index_stmt_give(index, STMT_OFFER_KEY, s);
	return n < 0 ? -1 : forget_one(index, n, id >> INDEX_SEQ_BITS);
}

/* SQLITE_DONE, SQLITE_CONSTRAINT when the number is taken, or another error. */
static int insert_want(struct index *index, int64_t id, const struct record *r, int key_len)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_OFFER_INSERT);
	int rc;

	if (s == NULL)
		return SQLITE_ERROR;
	sqlite3_bind_int64(s, 1, id);
	sqlite3_bind_blob(s, 2, index->key, key_len, SQLITE_STATIC);
	index_record_bind(index, s, 3, r);
	rc = sqlite3_step(s);
	index_stmt_give(index, STMT_OFFER_INSERT, s);
	return rc & 0xff;
}

int index_offer(struct index *index, uint64_t peer, const struct record *theirs)
{
	int64_t no, id, size = theirs->kind == RECORD_FILE && !theirs->deleted ? theirs->content.size : 0;
	struct wants w;
	int n, rc;

	if (theirs->seq == 0 || theirs->seq >> INDEX_SEQ_BITS != 0) {
		errno = ERANGE;
		return -1;
	}
	if (index_txn_write(index) < 0)
		return -1;
	no = index_peer_no(index, peer, true);
	n = index_key(index, theirs->path);
	if (no < 0 || n < 0)
		return -1;
	id = first_id(no) | (int64_t)theirs->seq;
	if (wants_of(index, n, no, &w) < 0 || (w.mine != 0 && delete_want(index, w.mine) < 0))
		return index_write_failed(index, "write an offer");
	rc = insert_want(index, id, theirs, n);
	if (rc == SQLITE_CONSTRAINT) {
		if (forget_number(index, id) < 0 || (n = index_key(index, theirs->path)) < 0)
			return index_write_failed(index, "write an offer");
		rc = insert_want(index, id, theirs, n);
	}
	if (rc != SQLITE_DONE)
		return index_write_failed(index, "write an offer");
	index->now.wanted += w.n == 0;
	index->now.wanted_bytes += (size > w.other ? size : w.other) - w.largest;
	return 0;
}

int index_offers(struct index *index, const char *path, bool (*fn)(void *arg, uint64_t peer, const struct record *r),
                 void *arg)
{
	sqlite3_stmt *s;
	struct record r;
	bool more = true;
	int n, rc;

	if (index->now.wanted == 0)
		return 0;
	n = index_key(index, path);
	s = n < 0 ? NULL : index_stmt_take(index, STMT_OFFER_GET);
	if (s == NULL)
		return -1;
	sqlite3_bind_blob(s, 1, index->key, n, SQLITE_TRANSIENT);
	while (more && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		if (index_record_read(s, 2, 3, &r) < 0) {
			record_clear(&r);
			rc = index_found_damage(index, "an offer is malformed");
			goto give;
		}
		r.seq = (uint64_t)(sqlite3_column_int64(s, 0) & (((int64_t)1 << INDEX_SEQ_BITS) - 1));
		more = fn(arg, (uint64_t)sqlite3_column_int64(s, 1), &r);
		record_clear(&r);
	}
	rc = !more || rc == SQLITE_DONE ? 0 : index_read_failed(index, "read offers");

give:
	index_stmt_give(index, STMT_OFFER_GET, s);
	return rc;
}

int index_offers_paths(struct index *index, const char *after, int max, bool (*fn)(void *arg, const char *path),
                       void *arg)
{
	uint8_t last[RECORD_PATH_MAX];
	size_t last_len = strlen(after);
	bool more = true;
	int rc = SQLITE_DONE, given = 0;
	sqlite3_stmt *s;

	if (index->now.wanted == 0 || last_len > sizeof(last))
		return 0;
	s = index_stmt_take(index, STMT_OFFER_PATHS);
	if (s == NULL)
		return -1;
	index_key_bytes(last, after, last_len);
	sqlite3_bind_blob(s, 1, last_len > 0 ? (const void *)last : "", (int)last_len, SQLITE_TRANSIENT);
	while (more && given < max && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		const uint8_t *key = sqlite3_column_blob(s, 0);
		size_t n = (size_t)sqlite3_column_bytes(s, 0);
		char *path;

		if (n > sizeof(last)) {
			given = index_found_damage(index, "the path of an offer is too long");
			goto give;
		}
		if (n == last_len && memcmp(key, last, n) == 0)
			continue;
		memcpy(last, key, n);
		last_len = n;
		path = index_path(key, (int)n);
		given++;
		more = fn(arg, path);
		free(path);
	}
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		given = index_read_failed(index, "read offers");

give:
	index_stmt_give(index, STMT_OFFER_PATHS, s);
	return given;
}

int index_wants_contents(struct index *index, uint64_t *after, int max, bool (*fn)(void *arg, const struct content *c),
                         void *arg)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_OFFER_CONTENTS);
	int rc = SQLITE_DONE, n = 0;
	bool more = true;

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, (int64_t)*after);
	while (more && n < max && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		struct content c = { .size = sqlite3_column_int64(s, 1),
			             .nblocks = (uint32_t)sqlite3_column_int64(s, 2) };

		n++;
		*after = (uint64_t)sqlite3_column_int64(s, 0);
		if (sqlite3_column_bytes(s, 3) != sizeof(c.root))
			continue;
		memcpy(c.root, sqlite3_column_blob(s, 3), sizeof(c.root));
		more = fn(arg, &c);
	}
	index_stmt_give(index, STMT_OFFER_CONTENTS, s);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return index_read_failed(index, "read offers");
	return n;
}

/* All rows of the path, one after the other. */
static int forget_all(struct index *index, int key_len)
{
	struct wants w;

	for (;;) {
		sqlite3_stmt *s = index_stmt_take(index, STMT_OFFER_SIZES);
		int64_t id;
		int rc;

		if (s == NULL)
			return -1;
		sqlite3_bind_blob(s, 1, index->key, key_len, SQLITE_STATIC);
		rc = sqlite3_step(s);
		id = sqlite3_column_int64(s, 0);
		index_stmt_give(index, STMT_OFFER_SIZES, s);
		if (rc != SQLITE_ROW)
			return rc == SQLITE_DONE ? 0 : -1;
		if (wants_of(index, key_len, id >> INDEX_SEQ_BITS, &w) < 0 || delete_want(index, id) < 0)
			return -1;
		index->now.wanted -= w.n == 1;
		index->now.wanted_bytes += w.other - w.largest;
	}
}

int index_offer_forget(struct index *index, const char *path, uint64_t peer)
{
	int64_t no = 0;
	int n, rc;

	if (index->now.wanted == 0)
		return 0;
	if (peer != 0) {
		no = index_peer_no(index, peer, false);
		if (no <= 0)
			return (int)no;
	}
	if (index_txn_write(index) < 0)
		return -1;
	n = index_key(index, path);
	if (n < 0)
		return -1;
	rc = peer != 0 ? forget_one(index, n, no) : forget_all(index, n);
	return rc < 0 ? index_write_failed(index, "delete an offer") : 0;
}

/* Counts all that is wanted anew: cheaper than keeping count while a whole peer is forgotten. */
static int count_wanted(struct index *index)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_OFFER_ALL_SIZES);
	uint8_t last[RECORD_PATH_MAX];
	size_t last_len = 0;
	int64_t largest = 0;
	int rc;

	if (s == NULL)
		return -1;
	index->now.wanted = 0;
	index->now.wanted_bytes = 0;
	while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
		const void *key = sqlite3_column_blob(s, 0);
		size_t n = (size_t)sqlite3_column_bytes(s, 0);

		if (n > sizeof(last))
			break;
		if (n != last_len || memcmp(key, last, n) != 0) {
			index->now.wanted++;
			index->now.wanted_bytes += largest;
		}
		memcpy(last, key, n);
		last_len = n;
		largest = sqlite3_column_int64(s, 1); /* ascending: the last of a key is its largest */
	}
	index->now.wanted_bytes += largest;
	index_stmt_give(index, STMT_OFFER_ALL_SIZES, s);
	return rc == SQLITE_DONE ? 0 : -1;
}

int index_offers_forget_peer(struct index *index, uint64_t peer)
{
	int64_t no = index_peer_no(index, peer, false);
	sqlite3_stmt *s;

	if (no <= 0 || index->now.wanted == 0)
		return no < 0 ? -1 : 0;
	if (index_txn_write(index) < 0)
		return -1;
	s = index_stmt_take(index, STMT_OFFER_DELETE_PEER);
	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, first_id(no));
	sqlite3_bind_int64(s, 2, first_id(no + 1));
	if (index_stmt_run(index, STMT_OFFER_DELETE_PEER, s) < 0 || count_wanted(index) < 0)
		return index_write_failed(index, "delete offers");
	return 0;
}

int64_t index_wants_missing(struct index *index)
{
	return index->now.wanted;
}

int64_t index_wants_missing_bytes(struct index *index)
{
	return index->now.wanted_bytes;
}

uint64_t index_wants_min_seq(struct index *index, uint64_t peer)
{
	int64_t no = index->now.wanted == 0 ? 0 : index_peer_no(index, peer, false), id = 0;
	sqlite3_stmt *s;
	int rc;

	if (no <= 0)
		return no < 0;
	s = index_stmt_take(index, STMT_OFFER_MIN);
	if (s == NULL)
		return 1;
	sqlite3_bind_int64(s, 1, first_id(no));
	sqlite3_bind_int64(s, 2, first_id(no + 1));
	rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		id = sqlite3_column_int64(s, 0);
	index_stmt_give(index, STMT_OFFER_MIN, s);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return index_read_failed(index, "read offers") < 0;
	return (uint64_t)(id & (((int64_t)1 << INDEX_SEQ_BITS) - 1));
}

int64_t index_wants_of(struct index *index, uint64_t peer, int64_t most)
{
	int64_t no = index->now.wanted == 0 ? 0 : index_peer_no(index, peer, false), n = 0;
	sqlite3_stmt *s = no > 0 ? index_stmt_take(index, STMT_OFFER_COUNT) : NULL;

	if (s == NULL)
		return 0;
	sqlite3_bind_int64(s, 1, first_id(no));
	sqlite3_bind_int64(s, 2, first_id(no + 1));
	sqlite3_bind_int64(s, 3, most);
	if (sqlite3_step(s) == SQLITE_ROW)
		n = sqlite3_column_int64(s, 0);
	index_stmt_give(index, STMT_OFFER_COUNT, s);
	return n;
}
