/* The offers: records of peers that our rows do not include yet, whether this agent wants them (index_wants.c) or not.
 *
 * An offer's ID consists of the choice, the number of the peer's row, and the peer's sequence number. So a peer's
 * wanted offers are one range of IDs and its unwanted ones another, and its smallest wanted number is one look-up. The
 * index on (key, size) tells how many offers a path has, and how large the wanted ones are, without reading the rows.
 * In the file the table is called "wanted". */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sync/index/index_internal.h"

/* All offers for one path. */
struct path_offers {
	int n;
	int wanted;      /* how many of these are wanted */
	int64_t largest; /* size of the largest wanted one */
	int64_t mine;    /* ID of the offer of the peer in question; 0: it has none */
	int64_t other;   /* size of the largest wanted one of another peer */
};

static int64_t offer_peer_no(int64_t id)
{
	return (id & ~INDEX_UNWANTED) >> INDEX_SEQ_BITS;
}

static bool is_wanted(int64_t id)
{
	return (id & INDEX_UNWANTED) == 0;
}

int64_t index_offer_first_id(int64_t peer_no, bool wanted)
{
	return peer_no << INDEX_SEQ_BITS | (wanted ? 0 : INDEX_UNWANTED);
}

int index_choose_state(struct index *index, const char *path, struct choose_state *state)
{
	struct record row = { 0 };

	*state = (struct choose_state){ 0 };
	if (index_get(index, path, &row) < 0)
		return -1;
	state->here = record_is_live(&row);
	state->had = row.path != NULL && row.deleted && !record_seen_is_none(&row.seen);
	record_clear(&row);
	return 0;
}

/* Of a mirror that shares everything no row has to be read. */
bool index_wants(struct index *index, const struct record *offer)
{
	struct choose_state state;

	if (offer->deleted || (index->choices->mode == CHOOSE_MIRROR && index->choices->nunshared == 0))
		return true;
	return index_choose_state(index, offer->path, &state) < 0 ||
	       choose(index->choices, offer, &state) == CHOICE_GET;
}

/* Counts the offers for the path whose key is in index->key. peer_no: the peer in question; 0: none. 0, -1 with nothing
 * reported. */
static int offers_of_path(struct index *index, int key_len, int64_t peer_no, struct path_offers *o)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_OFFER_SIZES);
	int rc;

	*o = (struct path_offers){ 0 };
	if (s == NULL)
		return -1;
	sqlite3_bind_blob(s, 1, index->key, key_len, SQLITE_STATIC);
	while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
		int64_t id = sqlite3_column_int64(s, 0), size = is_wanted(id) ? sqlite3_column_int64(s, 1) : 0;

		o->n++;
		o->wanted += is_wanted(id);
		o->largest = size > o->largest ? size : o->largest;
		if (offer_peer_no(id) == peer_no)
			o->mine = id;
		else
			o->other = size > o->other ? size : o->other;
	}
	index_stmt_give(index, STMT_OFFER_SIZES, s);
	return rc == SQLITE_DONE ? 0 : -1;
}

static int delete_offer(struct index *index, int64_t id)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_OFFER_DELETE);

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, id);
	return index_stmt_run(index, STMT_OFFER_DELETE, s);
}

/* Deletes one peer's offer for the path whose key is in index->key. 0, -1 with nothing reported. */
static int offer_forget_one(struct index *index, int key_len, int64_t peer_no)
{
	struct path_offers o;

	if (offers_of_path(index, key_len, peer_no, &o) < 0)
		return -1;
	if (o.mine == 0)
		return 0;
	if (delete_offer(index, o.mine) < 0)
		return -1;
	index->now.offered -= o.n == 1;
	index->now.missing -= is_wanted(o.mine) && o.wanted == 1;
	index->now.missing_bytes += o.other - o.largest;
	return 0;
}

/* Deletes the offer with this ID, if there is one. No honest peer gives one number to two paths; the later record
 * counts. Overwrites index->key. */
static int offer_forget_number(struct index *index, int64_t id)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_OFFER_KEY);
	int n = 0, rc;

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, id);
	rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		n = sqlite3_column_bytes(s, 0);
		if (n > RECORD_PATH_MAX)
			n = -1;
		else
			memcpy(index->key, sqlite3_column_blob(s, 0), (size_t)n);
	}
	index_stmt_give(index, STMT_OFFER_KEY, s);
	if (rc != SQLITE_ROW)
		return rc == SQLITE_DONE ? 0 : -1;
	return n < 0 ? -1 : offer_forget_one(index, n, offer_peer_no(id));
}

/* SQLITE_DONE, SQLITE_CONSTRAINT if the ID is taken, or another error. */
static int insert_offer(struct index *index, int64_t id, const struct record *r, int key_len)
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

/* Deletes any other offer with the number of this ID, wanted or not. index->key is the path's again afterwards. */
static int free_number(struct index *index, int64_t id, const char *path, int *key_len)
{
	if (offer_forget_number(index, id) < 0 || offer_forget_number(index, id ^ INDEX_UNWANTED) < 0)
		return -1;
	*key_len = index_key(index, path);
	return *key_len < 0 ? -1 : 0;
}

/* The peer's older offer for the path goes first: a peer that announces a row again may give it the same number. */
int index_offer(struct index *index, uint64_t peer, const struct record *theirs)
{
	int64_t no, id, size = theirs->kind == RECORD_FILE && !theirs->deleted ? theirs->content.size : 0;
	bool wanted = index_wants(index, theirs);
	struct path_offers o;
	int n, rc, others;

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
	id = index_offer_first_id(no, wanted) | (int64_t)theirs->seq;
	if (offers_of_path(index, n, no, &o) < 0 || (o.mine != 0 && delete_offer(index, o.mine) < 0))
		return index_write_failed(index, "write an offer");
	/* A mirror has only wanted offers, so a taken number shows when the offer is inserted. */
	if (index->choices->mode != CHOOSE_MIRROR && free_number(index, id, theirs->path, &n) < 0)
		return index_write_failed(index, "write an offer");
	rc = insert_offer(index, id, theirs, n);
	if (rc == SQLITE_CONSTRAINT) {
		if (free_number(index, id, theirs->path, &n) < 0)
			return index_write_failed(index, "write an offer");
		rc = insert_offer(index, id, theirs, n);
	}
	if (rc != SQLITE_DONE)
		return index_write_failed(index, "write an offer");
	others = o.wanted - (o.mine != 0 && is_wanted(o.mine));
	size = wanted ? size : 0;
	index->now.offered += o.n == 0;
	index->now.missing += (others + wanted > 0) - (o.wanted > 0);
	index->now.missing_bytes += (size > o.other ? size : o.other) - o.largest;
	return 0;
}

bool index_is_offered(struct index *index, const char *path)
{
	sqlite3_stmt *s;
	int n, rc;

	if (index->now.offered == 0)
		return false;
	n = index_key(index, path);
	s = n < 0 ? NULL : index_stmt_take(index, STMT_OFFER_SIZES);
	if (s == NULL)
		return n >= 0;
	sqlite3_bind_blob(s, 1, index->key, n, SQLITE_STATIC);
	rc = sqlite3_step(s);
	index_stmt_give(index, STMT_OFFER_SIZES, s);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		index_read_failed(index, "read offers");
	return rc != SQLITE_DONE;
}

/* Most of the time nothing is offered, and then nothing is looked up. The key is copied: fn may use the index. */
int index_offers(struct index *index, const char *path, bool (*fn)(void *arg, uint64_t peer, const struct record *r),
                 void *arg)
{
	sqlite3_stmt *s;
	struct record r;
	bool more = true;
	int n, rc;

	if (index->now.offered == 0)
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

/* The table has a row for each peer, so a path may come several times in succession. */
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

int index_offers_paths(struct index *index, const char *after, int max, bool (*fn)(void *arg, const char *path),
                       void *arg)
{
	return index->now.offered == 0 ? 0 : index_offers_each_path(index, STMT_OFFER_PATHS, after, max, fn, arg);
}

/* Deletes all offers for the path whose key is in index->key. 0, -1 with nothing reported. */
static int offer_forget_all(struct index *index, int key_len)
{
	struct path_offers o;

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
		if (offers_of_path(index, key_len, offer_peer_no(id), &o) < 0 || delete_offer(index, id) < 0)
			return -1;
		index->now.offered -= o.n == 1;
		index->now.missing -= is_wanted(id) && o.wanted == 1;
		index->now.missing_bytes += o.other - o.largest;
	}
}

int index_offer_forget(struct index *index, const char *path, uint64_t peer)
{
	int64_t no = 0;
	int n, rc;

	if (index->now.offered == 0)
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
	rc = peer != 0 ? offer_forget_one(index, n, no) : offer_forget_all(index, n);
	return rc < 0 ? index_write_failed(index, "delete an offer") : 0;
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
	now->offered = now->missing = now->missing_bytes = 0;
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
		memcpy(last, key, n);
		last_len = n;
		if (is_wanted(sqlite3_column_int64(s, 2))) {
			missing = true;
			largest = sqlite3_column_int64(s, 1); /* ascending: a key's last one is the largest */
		}
	}
	now->missing += missing;
	now->missing_bytes += largest;
	index_stmt_give(index, STMT_OFFER_ALL_SIZES, s);
	return rc == SQLITE_DONE ? 0 : -1;
}

static int forget_range(struct index *index, int64_t peer_no, bool wanted)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_OFFER_DELETE_PEER);

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, index_offer_first_id(peer_no, wanted));
	sqlite3_bind_int64(s, 2, index_offer_first_id(peer_no + 1, wanted));
	return index_stmt_run(index, STMT_OFFER_DELETE_PEER, s);
}

int index_offers_forget_peer(struct index *index, uint64_t peer)
{
	int64_t no = index_peer_no(index, peer, false);

	if (no <= 0 || index->now.offered == 0)
		return no < 0 ? -1 : 0;
	if (index_txn_write(index) < 0)
		return -1;
	/* Counting what remains is cheaper than adjusting the counts for each offer that goes. */
	if (forget_range(index, no, true) < 0 || forget_range(index, no, false) < 0 || index_offers_recount(index) < 0)
		return index_write_failed(index, "delete offers");
	return 0;
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
	return (uint64_t)(id & (((int64_t)1 << INDEX_SEQ_BITS) - 1));
}
