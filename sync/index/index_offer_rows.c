/* The table of offers: what an ID says, how an offer is written, read and counted.
 *
 * An offer's ID consists of the choice, the number of the peer's row, and the peer's sequence number. So a peer's
 * wanted offers are one range of IDs and its unwanted ones another, and its smallest wanted number is one look-up. What
 * is listed has the peer number 0, which no peer has, and our own sequence number. The index on (key, size) tells how
 * many offers a path has, and how large the wanted ones are, without reading the rows. In the file the table is called
 * "wanted". */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sync/index/index_internal.h"

int64_t index_offer_peer_no(int64_t id)
{
	return (id & ~INDEX_UNWANTED) >> INDEX_SEQ_BITS;
}

bool index_offer_is_wanted(int64_t id)
{
	return (id & INDEX_UNWANTED) == 0;
}

uint64_t index_offer_seq(int64_t id)
{
	return (uint64_t)id & (((uint64_t)1 << INDEX_SEQ_BITS) - 1);
}

int64_t index_offer_first_id(int64_t peer_no, bool wanted)
{
	return peer_no << INDEX_SEQ_BITS | (wanted ? 0 : INDEX_UNWANTED);
}

int index_offers_of_path(struct index *index, int key_len, int64_t peer_no, struct path_offers *o)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_OFFER_SIZES);
	int rc;

	*o = (struct path_offers){ 0 };
	if (s == NULL)
		return -1;
	sqlite3_bind_blob(s, 1, index->key, key_len, SQLITE_STATIC);
	while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
		int64_t id = sqlite3_column_int64(s, 0),
			size = index_offer_is_wanted(id) ? sqlite3_column_int64(s, 1) : 0;

		o->n++;
		o->last_id = id;
		o->last_size = sqlite3_column_int64(s, 1);
		o->listed += index_offer_peer_no(id) == 0;
		o->wanted += index_offer_is_wanted(id);
		o->largest = size > o->largest ? size : o->largest;
		if (index_offer_peer_no(id) == peer_no) {
			o->mine++;
			o->mine_id = id;
		} else {
			o->other = size > o->other ? size : o->other;
		}
	}
	index_stmt_give(index, STMT_OFFER_SIZES, s);
	return rc == SQLITE_DONE ? 0 : -1;
}

int index_offers_weigh(struct index *index, int key_len, int sign)
{
	struct path_offers o;

	if (index_offers_of_path(index, key_len, -1, &o) < 0)
		return -1;
	index->now.offered += sign * (o.n > 0);
	index->now.listed += sign * o.listed;
	index->now.missing += sign * (o.wanted > 0);
	index->now.missing_bytes += sign * o.largest;
	return 0;
}

int index_offers_recount(struct index *index)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_OFFER_ALL_SIZES);
	struct index_counters *now = &index->now;
	uint8_t last[RECORD_PATH_MAX];
	size_t last_len = 0;
	int64_t largest = 0;
	bool missing = false;
	int rc;

	if (s == NULL)
		return -1;
	now->offered = now->listed = now->missing = now->missing_bytes = 0;
	while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
		const void *key = sqlite3_column_blob(s, 0);
		size_t n = (size_t)sqlite3_column_bytes(s, 0);

		if (n > sizeof(last))
			break;
		if (n != last_len || memcmp(key, last, n) != 0) {
			now->offered++;
			now->missing += missing;
			now->missing_bytes += largest;
			missing = false;
			largest = 0;
		}
		now->listed += index_offer_peer_no(sqlite3_column_int64(s, 2)) == 0;
		memcpy(last, key, n);
		last_len = n;
		if (index_offer_is_wanted(sqlite3_column_int64(s, 2))) {
			missing = true;
			largest = sqlite3_column_int64(s, 1); /* ascending: a key's last one is the largest */
		}
	}
	now->missing += missing;
	now->missing_bytes += largest;
	index_stmt_give(index, STMT_OFFER_ALL_SIZES, s);
	return rc == SQLITE_DONE ? 0 : -1;
}

int index_offer_delete(struct index *index, int64_t id)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_OFFER_DELETE);

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, id);
	return index_stmt_run(index, STMT_OFFER_DELETE, s);
}

int index_offers_delete_of(struct index *index, int64_t peer_no)
{
	for (int wanted = 0; wanted < 2; wanted++) {
		sqlite3_stmt *s = index_stmt_take(index, STMT_OFFER_DELETE_PEER);

		if (s == NULL)
			return -1;
		sqlite3_bind_int64(s, 1, index_offer_first_id(peer_no, wanted));
		sqlite3_bind_int64(s, 2, index_offer_first_id(peer_no + 1, wanted));
		if (index_stmt_run(index, STMT_OFFER_DELETE_PEER, s) < 0)
			return -1;
	}
	return 0;
}

int index_offer_insert(struct index *index, int64_t id, const struct record *r, int key_len)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_OFFER_INSERT);
	int at = 3 + INDEX_RECORD_NCOLUMNS, rc;
	bool listed = index_offer_peer_no(id) == 0;

	if (s == NULL)
		return SQLITE_ERROR;
	sqlite3_bind_int64(s, 1, id);
	sqlite3_bind_blob(s, 2, index->key, key_len, SQLITE_STATIC);
	index_record_bind(index, s, 3, r);
	sqlite3_bind_null(s, at);
	sqlite3_bind_null(s, at + 1);
	sqlite3_bind_null(s, at + 2);
	if (listed)
		sqlite3_bind_int64(s, at, (int64_t)r->via);
	if (listed || r->absent)
		sqlite3_bind_int(s, at + 1, INDEX_MARK_ABSENT);
	if (listed && index_has_root(r))
		sqlite3_bind_int64(s, at + 2, index_h8(r->content.root));
	rc = sqlite3_step(s);
	index_stmt_give(index, STMT_OFFER_INSERT, s);
	return rc & 0xff;
}

int index_offer_read(sqlite3_stmt *s, uint64_t *peer, struct record *r)
{
	int64_t id = sqlite3_column_int64(s, 0);
	int at = 3 + INDEX_RECORD_NCOLUMNS;

	if (index_record_read(s, 2, 3, r) < 0)
		return -1;
	*peer = (uint64_t)sqlite3_column_int64(s, 1);
	r->seq = index_offer_seq(id);
	r->via = (uint64_t)sqlite3_column_int64(s, at);
	r->absent = (sqlite3_column_int(s, at + 1) & INDEX_MARK_ABSENT) != 0;
	return 0;
}

int index_offer_get(struct index *index, int64_t id, uint64_t *peer, struct record *r)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_OFFER_BY_ID);
	int rc;

	*r = (struct record){ 0 };
	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, id);
	rc = sqlite3_step(s);
	if (rc == SQLITE_DONE) {
		rc = 0;
	} else if (rc != SQLITE_ROW) {
		rc = index_read_failed(index, "read an offer");
	} else if (index_offer_read(s, peer, r) < 0) {
		record_clear(r);
		rc = index_found_damage(index, "an offer is malformed");
	} else {
		rc = 1;
	}
	index_stmt_give(index, STMT_OFFER_BY_ID, s);
	return rc;
}

/* The table has a row for each record, so a path may come several times in succession. */
int index_offers_each_path(struct index *index, enum index_stmt id, const char *after, int max,
                           bool (*fn)(void *arg, const char *path), void *arg)
{
	uint8_t last[RECORD_PATH_MAX];
	size_t last_len = strlen(after);
	bool more = true;
	int rc = SQLITE_DONE, given = 0;
	sqlite3_stmt *s;

	if (last_len > sizeof(last))
		return 0;
	s = index_stmt_take(index, id);
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
	index_stmt_give(index, id, s);
	return given;
}

uint64_t index_offers_min_seq(struct index *index, uint64_t peer, bool wanted)
{
	int64_t no = index->now.offered == 0 ? 0 : index_peer_no(index, peer, false), id = 0;
	sqlite3_stmt *s;
	int rc;

	if (no <= 0)
		return no < 0;
	s = index_stmt_take(index, STMT_OFFER_MIN);
	if (s == NULL)
		return 1;
	sqlite3_bind_int64(s, 1, index_offer_first_id(no, wanted));
	sqlite3_bind_int64(s, 2, index_offer_first_id(no + 1, wanted));
	rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		id = sqlite3_column_int64(s, 0);
	index_stmt_give(index, STMT_OFFER_MIN, s);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return index_read_failed(index, "read offers") < 0;
	return index_offer_seq(id);
}
