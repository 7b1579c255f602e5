/* The offers: records of peers that our rows do not include yet, whether this agent wants them (index_wants.c) or not.
 * What is listed (index_list.c) is in the same table and is given along with them. */
#include <errno.h>
#include <string.h>

#include "sync/index/index_internal.h"

enum {
	OFFERS_OF_ONE = 8, /* records of one peer for one path */
	AT_ONCE = 64,      /* offers deleted by one turn */
};

/* Deletes one peer's offers for the path whose key is in index->key. 0, -1 with nothing reported. */
static int offer_forget_one(struct index *index, int key_len, int64_t peer_no)
{
	struct path_offers o;

	if (index_offers_of_path(index, key_len, peer_no, &o) < 0)
		return -1;
	/* Usually it is one, and what it counted for is known. */
	while (o.mine > 1) {
		if (index_offers_weigh(index, key_len, -1) < 0 || index_offer_delete(index, o.mine_id) < 0 ||
		    index_offers_weigh(index, key_len, 1) < 0 || index_offers_of_path(index, key_len, peer_no, &o) < 0)
			return -1;
	}
	if (o.mine == 0)
		return 0;
	if (index_offer_delete(index, o.mine_id) < 0)
		return -1;
	index->now.offered -= o.n == 1;
	index->now.missing -= index_offer_is_wanted(o.mine_id) && o.wanted == 1;
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
	return n < 0 ? -1 : offer_forget_one(index, n, index_offer_peer_no(id));
}

/* Deletes any other offer with the number of this ID, wanted or not. index->key is the path's again afterwards. */
static int free_number(struct index *index, int64_t id, const char *path, int *key_len)
{
	if (offer_forget_number(index, id) < 0 || offer_forget_number(index, id ^ INDEX_UNWANTED) < 0)
		return -1;
	*key_len = index_key(index, path);
	return *key_len < 0 ? -1 : 0;
}

/* The IDs of the offers for the path whose key is in index->key: of one peer, or (peer_no -1) of all peers. How many,
 * at most AT_ONCE; -1 with nothing reported. */
static int ids_of(struct index *index, int key_len, int64_t peer_no, int64_t ids[AT_ONCE])
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_OFFER_SIZES);
	int n = 0, rc = SQLITE_DONE;

	if (s == NULL)
		return -1;
	sqlite3_bind_blob(s, 1, index->key, key_len, SQLITE_STATIC);
	while (n < AT_ONCE && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		int64_t no = index_offer_peer_no(sqlite3_column_int64(s, 0));

		if (no != 0 && (peer_no < 0 || no == peer_no))
			ids[n++] = sqlite3_column_int64(s, 0);
	}
	index_stmt_give(index, STMT_OFFER_SIZES, s);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? n : -1;
}

enum beside { BESIDE_REPLACED, BESIDE_STAYS, BESIDE_KNOWS };

/* What becomes of an older offer of the peer. What it has there is one record, so that a new one replaces it whatever
 * the versions say; what it has not may be several. */
static enum beside older_offer(const struct record *old, const struct record *theirs)
{
	enum version_order order = version_compare(&theirs->version, &old->version);

	if (order == VERSION_EQUAL || order == VERSION_NEWER || (!old->absent && !theirs->absent))
		return BESIDE_REPLACED;
	return order == VERSION_OLDER ? BESIDE_KNOWS : BESIDE_STAYS;
}

/* Makes room among the peer's own offers for the path whose key is in index->key. 1; 0 if one of them knows theirs; -1
 * with nothing reported. */
static int make_way(struct index *index, int key_len, int64_t no, const struct record *theirs)
{
	int64_t ids[AT_ONCE], oldest = 0;
	int n = ids_of(index, key_len, no, ids), stay = 0;

	if (n < 0)
		return -1;
	for (int i = 0; i < n; i++) {
		struct record old;
		uint64_t peer;
		enum beside beside;

		if (index_offer_get(index, ids[i], &peer, &old) <= 0)
			return -1;
		beside = older_offer(&old, theirs);
		record_clear(&old);
		if (beside == BESIDE_KNOWS)
			return 0;
		if (beside == BESIDE_STAYS) {
			stay++;
			if (oldest == 0 || index_offer_seq(ids[i]) < index_offer_seq(oldest))
				oldest = ids[i];
		} else if (index_offer_delete(index, ids[i]) < 0) {
			return -1;
		}
	}
	return stay >= OFFERS_OF_ONE && index_offer_delete(index, oldest) < 0 ? -1 : 1;
}

/* The same, counted. */
static int replace_offers(struct index *index, int key_len, int64_t no, const struct record *theirs)
{
	int rc;

	if (index_offers_weigh(index, key_len, -1) < 0)
		return -1;
	rc = make_way(index, key_len, no, theirs);
	return rc < 0 || index_offers_weigh(index, key_len, 1) < 0 ? -1 : rc;
}

/* Inserts the offer and counts it. No honest peer gives one number to two paths, or to two records of one: what else
 * has its number goes. A mirror has only wanted offers, so there a taken number shows when the offer is inserted. 0, -1
 * with nothing reported. */
static int insert_counted(struct index *index, int64_t id, const struct record *theirs, int key_len)
{
	int64_t size = theirs->kind == RECORD_FILE && !theirs->deleted ? theirs->content.size : 0;
	bool wanted = index_offer_is_wanted(id);
	struct path_offers o;
	int n = key_len, rc;

	if (index->choices->mode != CHOOSE_MIRROR && free_number(index, id, theirs->path, &n) < 0)
		return -1;
	if (index_offers_of_path(index, n, -1, &o) < 0)
		return -1;
	rc = index_offer_insert(index, id, theirs, n);
	if (rc == SQLITE_CONSTRAINT) {
		if (free_number(index, id, theirs->path, &n) < 0 || index_offers_of_path(index, n, -1, &o) < 0)
			return -1;
		rc = index_offer_insert(index, id, theirs, n);
	}
	index->now.offered += o.n == 0;
	index->now.missing += wanted && o.wanted == 0;
	index->now.missing_bytes += wanted && size > o.largest ? size - o.largest : 0;
	return rc == SQLITE_DONE ? 0 : -1;
}

int index_offer(struct index *index, uint64_t peer, const struct record *theirs)
{
	bool wanted = index_wants(index, theirs);
	struct path_offers o;
	int64_t no;
	int n, rc = 1;

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
	/* A peer that announces a row again may give it the same number, so its older offers go first. */
	if (index_offers_of_path(index, n, no, &o) < 0 ||
	    (o.mine > 0 && (rc = replace_offers(index, n, no, theirs)) < 0))
		return index_write_failed(index, "write an offer");
	if (rc > 0 && insert_counted(index, index_offer_first_id(no, wanted) | (int64_t)theirs->seq, theirs, n) < 0)
		return index_write_failed(index, "write an offer");
	return 0;
}

bool index_any_offered(const struct index *index)
{
	return index->now.offered > 0;
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
	uint64_t peer;
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
		if (index_offer_read(s, &peer, &r) < 0) {
			record_clear(&r);
			rc = index_found_damage(index, "an offer is malformed");
			goto give;
		}
		more = fn(arg, peer, &r);
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
	return index->now.offered == 0 ? 0 : index_offers_each_path(index, STMT_OFFER_PATHS, after, max, fn, arg);
}

/* Deletes all that peers offer for the path whose key is in index->key. Counts what is left only where something is
 * listed: nothing else stays. 0, -1 with nothing reported. */
static int offer_forget_all(struct index *index, int key_len)
{
	int64_t ids[AT_ONCE], listed = index->now.listed;
	int n;

	if (index_offers_weigh(index, key_len, -1) < 0)
		return -1;
	do {
		n = ids_of(index, key_len, -1, ids);
		for (int i = 0; i < n; i++)
			if (index_offer_delete(index, ids[i]) < 0)
				return -1;
	} while (n == AT_ONCE);
	return n < 0 ? -1 : index->now.listed == listed ? 0 : index_offers_weigh(index, key_len, 1);
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

int index_offers_forget_peer(struct index *index, uint64_t peer)
{
	int64_t no = index_peer_no(index, peer, false);

	if (no <= 0 || index->now.offered == 0)
		return no < 0 ? -1 : 0;
	if (index_txn_write(index) < 0)
		return -1;
	/* Counting what remains is cheaper than adjusting the counts for each offer that goes. */
	if (index_offers_delete_of(index, no) < 0 || index_offers_recount(index) < 0)
		return index_write_failed(index, "delete offers");
	return 0;
}
