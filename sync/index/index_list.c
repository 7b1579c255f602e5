/* The list: what the group has of a path and this disk has not. A listed record is an offer of peer number 0, under a
 * number of ours. What happens when one meets another, or the path's tombstone, is decided in sync/plan/listing.h; here
 * the result is written. */
#include <errno.h>

#include "base/clock.h"
#include "sync/index/index_internal.h"
#include "sync/plan/listing.h"
#include "sync/plan/reconcile.h"

/* The list of a path as it is stored. */
struct stored {
	struct listing list;      /* what is listed, and the tombstone unless a listed record knows it */
	int64_t ids[LISTING_MAX]; /* of what is listed */
	int nids;
	struct record row;         /* of the path; zeros: it has none */
	struct path_offers before; /* all that is offered and listed for the path */
};

static void stored_clear(struct stored *st)
{
	listing_clear(&st->list);
	record_clear(&st->row);
}

/* Copies what is listed for the path whose key is in index->key. 0, -1. */
static int read_listed(struct index *index, int key_len, struct stored *st)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_OFFER_GET);
	struct record r;
	uint64_t peer;
	int rc;

	if (s == NULL)
		return -1;
	sqlite3_bind_blob(s, 1, index->key, key_len, SQLITE_TRANSIENT);
	while ((rc = sqlite3_step(s)) == SQLITE_ROW && st->nids < LISTING_MAX) {
		if (index_offer_peer_no(sqlite3_column_int64(s, 0)) != 0)
			continue;
		if (index_offer_read(s, &peer, &r) < 0) {
			record_clear(&r);
			rc = index_found_damage(index, "a listed record is malformed");
			goto give;
		}
		st->ids[st->nids++] = sqlite3_column_int64(s, 0);
		st->list.r[st->list.n++] = r;
	}
	rc = rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : index_read_failed(index, "read the list");

give:
	index_stmt_give(index, STMT_OFFER_GET, s);
	return rc;
}

static bool knows_version(const struct record *r, const struct version *v)
{
	enum version_order order = version_compare(&r->version, v);

	return order == VERSION_NEWER || order == VERSION_EQUAL;
}

static bool list_knows(const struct listing *l, const struct version *v)
{
	for (int i = 0; i < l->n; i++)
		if (knows_version(&l->r[i], v))
			return true;
	return false;
}

/* Reads the row and what is listed for the path. 0, -1. */
static int read_stored(struct index *index, const char *path, struct stored *st)
{
	const struct index_totals *t = &index->now.totals;
	int n;

	*st = (struct stored){ .nids = 0 };
	if (t->files + t->dirs + t->symlinks + t->tombstones > 0 && index_get(index, path, &st->row) < 0)
		return -1;
	if (index->now.offered > 0) {
		n = index_key(index, path);
		if (n < 0 || index_offers_of_path(index, n, -1, &st->before) < 0 ||
		    (st->before.listed > 0 && read_listed(index, n, st) < 0)) {
			stored_clear(st);
			return -1;
		}
	}
	if (st->row.path != NULL && st->row.deleted && !list_knows(&st->list, &st->row.version))
		record_copy(&st->list.r[st->list.n++], &st->row);
	return 0;
}

static bool has_seq(const struct listing *l, uint64_t seq)
{
	for (int i = 0; i < l->n; i++)
		if (l->r[i].seq == seq)
			return true;
	return false;
}

/* A listed record under a new number. Most of them meet nothing, and are counted without reading the table again. */
static int insert_listed(struct index *index, const struct stored *st, const struct record *r, int key_len)
{
	bool wanted = index_wants(index, r);
	int n = index_key(index, r->path);
	uint64_t seq = index_number(index);

	if (st->before.n == 0) {
		index->now.offered++;
		index->now.listed++;
		index->now.missing += wanted;
		index->now.missing_bytes += wanted && r->kind == RECORD_FILE ? r->content.size : 0;
	}
	return n != key_len || index_offer_insert(index, index_offer_first_id(0, wanted) | (int64_t)seq, r, n) !=
	                               SQLITE_DONE
	               ? -1
	               : 0;
}

/* A tombstone that the list has come to. Whether others took the path's file from here is remembered in `seen`. */
static int bury(struct index *index, const struct stored *st, struct record *r, int key_len)
{
	if (st->row.path != NULL && st->row.deleted && record_seen_is_none(&r->seen))
		r->seen = st->row.seen;
	return index_key(index, r->path) != key_len || index_row_write(index, r, key_len) < 0 ? -1 : 0;
}

/* Writes what the list has become: each record that is new in it has no number yet. 0, -1 with nothing reported. */
static int write_list(struct index *index, struct stored *st, int key_len)
{
	for (int i = 0; i < st->nids; i++) {
		if (!has_seq(&st->list, index_offer_seq(st->ids[i])) && index_offer_delete(index, st->ids[i]) < 0)
			return -1;
	}
	for (int i = 0; i < st->list.n; i++) {
		struct record *r = &st->list.r[i];

		if (r->seq == 0 &&
		    (r->deleted ? bury(index, st, r, key_len) : insert_listed(index, st, r, key_len)) < 0)
			return -1;
	}
	return 0;
}

/* Deletes the offers of peers that are not wanted and that the list knows. 0, -1 with nothing reported. */
static int drop_unwanted(struct index *index, const struct listing *l, int key_len)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_OFFER_GET);
	int64_t ids[LISTING_MAX];
	int n = 0, rc = SQLITE_DONE;

	if (s == NULL)
		return -1;
	sqlite3_bind_blob(s, 1, index->key, key_len, SQLITE_TRANSIENT);
	while (n < LISTING_MAX && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		int64_t id = sqlite3_column_int64(s, 0);
		struct record r;
		uint64_t peer;

		if (index_offer_is_wanted(id) || index_offer_peer_no(id) == 0)
			continue;
		if (index_offer_read(s, &peer, &r) < 0) {
			record_clear(&r);
			rc = SQLITE_CORRUPT;
			break;
		}
		if (list_knows(l, &r.version))
			ids[n++] = id;
		record_clear(&r);
	}
	index_stmt_give(index, STMT_OFFER_GET, s);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return -1;
	for (int i = 0; i < n; i++)
		if (index_offer_delete(index, ids[i]) < 0)
			return -1;
	return 0;
}

/* What the live row says of r: 1 nothing, so that r is to be listed; 0 it has r; -1 and EINVAL. */
static int meet_row(const struct record *row, const struct record *r)
{
	struct record merged = { 0 };
	enum version_order order;
	int rc;

	if (!record_is_live(row))
		return 1;
	if (r->deleted) {
		errno = EINVAL;
		return -1;
	}
	order = version_compare(&r->version, &row->version);
	if (order != VERSION_EQUAL)
		return order != VERSION_OLDER;
	rc = reconcile(row, r, &merged) != RECONCILE_NOTHING;
	record_clear(&merged);
	return rc;
}

/* r becomes part of the path's list, and what that makes of it is written. 1, 0, -1 with nothing reported. */
static int merge_listed(struct index *index, struct stored *st, const struct record *r)
{
	int n = index_key(index, r->path);

	if (n < 0)
		return -1;
	if (!listing_add(&st->list, r, !index->reader))
		return 0;
	if (st->before.n == 0)
		return write_list(index, st, n) < 0 ? -1 : 1;
	if (index_offers_weigh(index, n, -1) < 0 || write_list(index, st, n) < 0)
		return -1;
	n = index_key(index, r->path);
	if (st->before.n > st->before.wanted && drop_unwanted(index, &st->list, n) < 0)
		return -1;
	return index_offers_weigh(index, n, 1) < 0 ? -1 : 1;
}

int index_list_take(struct index *index, const struct record *r, uint64_t via)
{
	struct record mine;
	struct stored st;
	int rc;

	if (r->version.n == 0)
		return 0;
	if (read_stored(index, r->path, &st) < 0)
		return -1;
	rc = meet_row(&st.row, r);
	if (rc > 0) {
		record_copy(&mine, r);
		mine.seq = 0;
		mine.via = via;
		mine.absent = true;
		mine.leaving = false;
		if (!r->deleted)
			mine.seen = (struct seen){ 0 };
		rc = merge_listed(index, &st, &mine);
		record_clear(&mine);
		if (rc < 0)
			rc = index_write_failed(index, "write the list");
	}
	stored_clear(&st);
	return rc;
}

int index_list_add(struct index *index, const struct record *r, uint64_t via)
{
	return index_txn_write(index) < 0 ? -1 : index_list_take(index, r, via);
}

/* A tombstone is taken out of the rows' list and meets what is listed as if it came now: something live that it did not
 * know outlives it, and then knows it. */
int index_list_follow(struct index *index, const struct record *row)
{
	struct stored st;
	int n, rc = 0;

	if (index->now.listed == 0)
		return 0;
	if (!row->deleted)
		return index_list_forget(index, row->path, &row->version);
	n = index_key(index, row->path);
	st = (struct stored){ .nids = 0 };
	if (n < 0 || index_offers_of_path(index, n, -1, &st.before) < 0 ||
	    (st.before.listed > 0 && read_listed(index, n, &st) < 0)) {
		stored_clear(&st);
		return -1;
	}
	if (st.list.n > 0) {
		record_copy(&st.row, row);
		rc = merge_listed(index, &st, row) < 0 ? index_write_failed(index, "write the list") : 0;
	}
	stored_clear(&st);
	return rc;
}

int index_list_forget(struct index *index, const char *path, const struct version *known)
{
	struct stored st = { .nids = 0 };
	int n, rc = 0;
	bool found = false;

	if (index->now.listed == 0)
		return 0;
	n = index_key(index, path);
	if (n < 0 || read_listed(index, n, &st) < 0) {
		stored_clear(&st);
		return -1;
	}
	for (int i = 0; rc == 0 && i < st.nids; i++) {
		enum version_order order = version_compare(known, &st.list.r[i].version);

		if (order != VERSION_NEWER && order != VERSION_EQUAL)
			continue;
		if (!found && index_txn_write(index) < 0) {
			stored_clear(&st);
			return -1;
		}
		if ((!found && index_offers_weigh(index, n, -1) < 0) || index_offer_delete(index, st.ids[i]) < 0)
			rc = -1;
		found = true;
	}
	if (rc == 0 && found)
		rc = index_offers_weigh(index, n, 1);
	stored_clear(&st);
	return rc < 0 ? index_write_failed(index, "write the list") : 0;
}

/* --- the writer of a local change --- */

/* Whether a change of r by this writer would know a listed version that r does not. */
static bool would_hide(const struct listing *l, const struct record *r, uint64_t writer, uint64_t counter)
{
	struct record changed = { 0 };
	bool hidden = false;

	version_copy(&changed.version, &r->version);
	if (version_bump(&changed.version, writer, counter) == 0) {
		for (int i = 0; i < l->n; i++)
			hidden |= !l->r[i].deleted && !knows_version(r, &l->r[i].version) &&
			          knows_version(&changed, &l->r[i].version);
	}
	version_clear(&changed.version);
	return hidden;
}

/* A later number of a writer stands for all its earlier changes. If one of these is listed and r's user has never seen
 * it, which happens when we have dropped it, another writer makes the change. It makes the path's next ones too: the
 * writer whose counter is the number of the row's last change. */
uint64_t index_list_writer(struct index *index, const struct record *r, uint64_t writer)
{
	uint64_t counter = index->seq + 1, found = 0;
	struct stored st;

	if (index->now.listed == 0 || read_stored(index, r->path, &st) < 0)
		return writer;
	if (!would_hide(&st.list, r, writer, counter))
		found = writer;
	for (uint32_t i = 0; found == 0 && i < r->version.n; i++) {
		const struct version_entry *e = &r->version.e[i];

		if (st.row.path != NULL && e->counter == st.row.seq && !would_hide(&st.list, r, e->writer, counter))
			found = e->writer;
	}
	while (found == 0)
		found = random_u64();
	stored_clear(&st);
	return found;
}

/* --- reading --- */

struct listed_call {
	bool (*fn)(void *arg, const struct record *r);
	void *arg;
};

static bool call_if_listed(void *arg, uint64_t peer, const struct record *r)
{
	const struct listed_call *c = arg;

	return peer != 0 || c->fn(c->arg, r);
}

int index_list(struct index *index, const char *path, bool (*fn)(void *arg, const struct record *r), void *arg)
{
	return index->now.listed == 0 ? 0 : index_offers(index, path, call_if_listed, &(struct listed_call){ fn, arg });
}

int index_list_get(struct index *index, const char *path, struct record *r)
{
	struct stored st = { .nids = 0 };
	const struct record *winner = NULL;
	int n;

	*r = (struct record){ 0 };
	if (index->now.listed == 0)
		return 0;
	n = index_key(index, path);
	if (n < 0)
		return errno == ENAMETOOLONG || errno == EINVAL ? 0 : -1;
	n = read_listed(index, n, &st);
	if (n == 0)
		winner = listing_winner(&st.list);
	if (winner != NULL)
		record_copy(r, winner);
	stored_clear(&st);
	return n < 0 ? -1 : winner != NULL;
}

int index_list_by_content(struct index *index, const struct content *c, bool (*fn)(void *arg, const struct record *r),
                          void *arg)
{
	sqlite3_stmt *s;
	struct record r;
	uint64_t peer, last = index->seq;
	bool more = true;
	int rc = SQLITE_DONE;

	if (c->nblocks == 0 || index->now.listed == 0)
		return 0;
	s = index_stmt_take(index, STMT_OFFER_BY_ROOT);
	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, index_h8(c->root));
	sqlite3_bind_blob(s, 2, c->root, sizeof(c->root), SQLITE_TRANSIENT);
	while (more && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		if (index_offer_read(s, &peer, &r) < 0) {
			record_clear(&r);
			rc = index_found_damage(index, "a listed record is malformed");
			goto give;
		}
		if (content_equal(&r.content, c) && r.seq <= last) /* without what fn adds */
			more = fn(arg, &r);
		record_clear(&r);
	}
	rc = !more || rc == SQLITE_DONE ? 0 : index_read_failed(index, "read the list");

give:
	index_stmt_give(index, STMT_OFFER_BY_ROOT, s);
	return rc;
}

bool index_lists_below(struct index *index, const char *folder)
{
	int n = index->now.listed == 0 ? -1 : index_key(index, folder), rc;
	sqlite3_stmt *s;

	if (n < 0)
		return false;
	s = index_stmt_take(index, STMT_OFFER_LISTED);
	if (s == NULL)
		return true;
	index_below_bind(index, s, n);
	rc = sqlite3_step(s);
	index_stmt_give(index, STMT_OFFER_LISTED, s);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		index_read_failed(index, "read the list");
	return rc != SQLITE_DONE;
}

int64_t index_listed(const struct index *index)
{
	return index->now.listed;
}
