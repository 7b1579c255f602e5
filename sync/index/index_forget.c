/* Forgetting tombstones, and new epochs. In place of the tombstones we remember, for each writer, the number up to
 * which all its changes were known here: if a record tells of such changes alone, and its path has no row, it was
 * deleted and forgotten. Four small named values hold these numbers: "seen <writer>" is what was noted last of those
 * whom we meet, "afar <writer>" of those who have proved it without a meeting, "known <writer>" what counts, and
 * "passed <writer>" the first row of that epoch that we have rejected, before which knowing ends. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sync/index/index_internal.h"

enum { NAME_MAX_LEN = 32, AT_ONCE = 500 };

static const char floor_name[] = "forgotten";

static const char *mark_name(char out[NAME_MAX_LEN], const char *what, uint64_t writer)
{
	(void)snprintf(out, NAME_MAX_LEN, "%s %016" PRIx64, what, writer);
	return out;
}

/* --- what is known --- */

/* Of the changes of this epoch up to this number, how many are known at most, as we have rejected some. False: that
 * cannot be read. */
static bool without_rejected(struct index *index, uint64_t epoch, uint64_t *upto)
{
	char name[NAME_MAX_LEN];
	int64_t passed;

	if (index_meta_get(index, mark_name(name, "passed", epoch), &passed) < 0)
		return false;
	if (passed > 0 && (uint64_t)passed <= *upto)
		*upto = (uint64_t)passed - 1;
	return true;
}

/* Never notes less than it did before: index_confirm_known() keeps the greater number. */
static int note_one(struct index *index, uint64_t peer, const struct index_peer *p)
{
	uint64_t upto = index_settled(index, peer, p->received), unwanted;
	char name[NAME_MAX_LEN];

	if (!without_rejected(index, p->epoch, &upto))
		return -1;
	/* An unwanted offer never becomes a row. If its change counted as known, we would tell members that announce it
	 * that the path was deleted. */
	unwanted = index_offers_min_seq(index, peer, false);
	if (unwanted > 0 && unwanted <= upto)
		upto = unwanted - 1;
	return upto == 0 ? 0 : index_meta_put(index, mark_name(name, "seen", p->epoch), (int64_t)upto);
}

int index_note_peer(struct index *index, uint64_t peer)
{
	struct index_peer p;

	if (index_peer_get(index, peer, &p) < 0)
		return -1;
	return p.epoch == 0 ? 0 : note_one(index, peer, &p);
}

int index_peer_forget(struct index *index, uint64_t peer)
{
	int64_t no = index_peer_no(index, peer, false);

	if (no < 0 || index_note_peer(index, peer) < 0 || index_offers_forget_peer(index, peer) < 0)
		return -1;
	if (no > 0 && index->held && (index_txn_write(index) < 0 || index_holds_forget_peer(index, no) < 0))
		return index_write_failed(index, "forget who has a file");
	return index_peer_put(index, peer, &(struct index_peer){ 0 });
}

int index_note_known(struct index *index, uint64_t shared)
{
	uint64_t *peers;
	char name[NAME_MAX_LEN];
	int n = index_peers(index, &peers), rc = n < 0 ? -1 : 0;

	for (int i = 0; i < n && rc == 0; i++)
		rc = index_note_peer(index, peers[i]);
	if (rc == 0 && shared > 0)
		rc = index_meta_put(index, mark_name(name, "seen", index->epoch), (int64_t)shared);
	free(peers);
	return rc;
}

int index_note_far(struct index *index, uint64_t epoch, uint64_t seq)
{
	char name[NAME_MAX_LEN];
	int64_t before;

	if (epoch == 0 || epoch == index->epoch || seq > VERSION_PLAIN_MAX) {
		errno = EINVAL;
		return -1;
	}
	if (!without_rejected(index, epoch, &seq) || index_meta_get(index, mark_name(name, "afar", epoch), &before) < 0)
		return -1;
	return seq <= (uint64_t)before ? 0 : index_meta_put(index, name, (int64_t)seq);
}

int index_note_rejected(struct index *index, uint64_t epoch, uint64_t seq)
{
	char name[NAME_MAX_LEN];
	int64_t first, afar;

	if (seq == 0 || seq > INT64_MAX || index_meta_get(index, mark_name(name, "afar", epoch), &afar) < 0)
		return -1;
	/* The note of a peer that we meet is made again each time, and then ends there. */
	if ((uint64_t)afar >= seq && index_meta_put(index, name, (int64_t)seq - 1) < 0)
		return -1;
	if (index_meta_get(index, mark_name(name, "passed", epoch), &first) < 0)
		return -1;
	return first > 0 && (uint64_t)first <= seq ? 0 : index_meta_put(index, name, (int64_t)seq);
}

bool index_has_rejected(struct index *index)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_REJECTED_ANY);
	int rc;

	if (s == NULL)
		return true;
	rc = sqlite3_step(s);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		index_read_failed(index, "read a value");
	index_stmt_give(index, STMT_REJECTED_ANY, s);
	return rc != SQLITE_DONE;
}

static int run_write(struct index *index, enum index_stmt id)
{
	sqlite3_stmt *s = index_txn_write(index) < 0 ? NULL : index_stmt_take(index, id);

	if (s == NULL)
		return -1;
	return index_stmt_run(index, id, s) < 0 ? index_write_failed(index, "write a value") : 0;
}

int index_forget_rejected(struct index *index)
{
	return run_write(index, STMT_REJECTED_CLEAR);
}

bool index_knows(struct index *index, const struct version *v)
{
	char name[NAME_MAX_LEN];
	int64_t upto;

	/* This is asked for every path without a row, and a new member has nothing else. */
	if (index_forgotten(index) == 0)
		return false;
	for (uint32_t i = 0; i < v->n; i++)
		if (index_meta_get(index, mark_name(name, "known", v->e[i].writer), &upto) <= 0 ||
		    v->e[i].counter > (uint64_t)upto)
			return false;
	return v->n > 0;
}

uint64_t index_forgotten(struct index *index)
{
	int64_t value;
	int rc;

	if (index->forgotten < 0) {
		rc = index_meta_get(index, floor_name, &value);
		if (rc < 0)
			return 0;
		index->forgotten = rc > 0 ? value : 0;
	}
	return (uint64_t)index->forgotten;
}

static int put_forgotten(struct index *index, uint64_t seq)
{
	int rc = index_meta_put(index, floor_name, (int64_t)seq);

	index->forgotten = -1;
	return rc;
}

/* --- forgetting --- */

struct row_brief {
	uint64_t seq;
	bool deleted;
	bool stays; /* the path is offered, or the version is full */
};

/* The next rows behind `after`, at most AT_ONCE: how many, or -1. */
static int next_rows(struct index *index, uint64_t after, uint64_t upto, struct row_brief *rows)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_ROW_FORGET);
	int n = 0, rc = SQLITE_DONE;

	if (s == NULL)
		return -1;
	sqlite3_bind_int(s, 1, VERSION_MAX * INDEX_VERSION_ENTRY);
	sqlite3_bind_int64(s, 2, (int64_t)after);
	sqlite3_bind_int64(s, 3, (int64_t)upto);
	while (n < AT_ONCE && (rc = sqlite3_step(s)) == SQLITE_ROW)
		rows[n++] = (struct row_brief){ .seq = (uint64_t)sqlite3_column_int64(s, 0),
			                        .deleted = sqlite3_column_int(s, 1) != 0,
			                        .stays = sqlite3_column_int(s, 2) != 0 };
	index_stmt_give(index, STMT_ROW_FORGET, s);
	if (rc == SQLITE_ROW || rc == SQLITE_DONE)
		return n;
	index_read_failed(index, "read rows");
	return -1;
}

static int drop_tombstone(struct index *index, uint64_t seq)
{
	sqlite3_stmt *s = index_txn_write(index) < 0 ? NULL : index_stmt_take(index, STMT_ROW_DELETE);

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, (int64_t)seq);
	if (index_stmt_run(index, STMT_ROW_DELETE, s) < 0)
		return index_write_failed(index, "delete a row");
	index_recent_forget_seq(index, seq);
	index->now.totals.tombstones--;
	return put_forgotten(index, seq);
}

int index_confirm_known(struct index *index)
{
	return run_write(index, STMT_KNOWN_CONFIRM);
}

/* Reads AT_ONCE rows at a time, so that no turn of the loop takes long. */
int index_forget(struct index *index, uint64_t *after, uint64_t upto)
{
	struct row_brief rows[AT_ONCE];
	uint64_t floor = index_forgotten(index);
	int n = next_rows(index, *after, upto, rows), dropped = 0;

	for (int i = 0; i < n; i++) {
		if (!rows[i].deleted || rows[i].stays)
			continue;
		if (drop_tombstone(index, rows[i].seq) < 0)
			return -1;
		dropped++;
	}
	if (n < 0)
		return -1;
	/* A later round may drop a tombstone with a smaller number, but the greatest stays noted. */
	if (dropped > 0 && floor > index_forgotten(index) && put_forgotten(index, floor) < 0)
		return -1;
	*after = n == AT_ONCE ? rows[n - 1].seq : upto;
	return dropped;
}

/* --- a new epoch --- */

struct unshared {
	uint64_t writer, above;
	struct record *rows;
	int n;
};

static bool note_unshared(void *arg, const struct record *r)
{
	struct unshared *u = arg;

	u->rows[u->n++] = *r;
	record_copy(&u->rows[u->n - 1], r);
	return true;
}

/* Re-numbers our unshared changes under the new writer. If the index was rolled back, the old writer may have used
 * these numbers twice; the new writer's are unique. */
static int renumber_unshared(struct index *index, uint64_t writer, uint64_t above)
{
	struct record rows[AT_ONCE];
	struct unshared u = { .rows = rows };
	uint64_t at = above, end = index->seq;
	int rc = 0;

	do {
		u.n = 0;
		if (index_since(index, at, AT_ONCE, note_unshared, &u) < 0)
			rc = -1;
		for (int i = 0; i < u.n; i++) {
			struct record *r = &rows[i];

			at = r->seq;
			/* A row without a greater version stays as it is, and so does what is listed: somebody has
			 * its bytes, and its version is what he knows it by. */
			if (rc == 0 && !r->absent && at <= end && version_counter(&r->version, writer) > above &&
			    index_put_change(index, r, NULL, r->modified_by) < 0 && errno != EOVERFLOW)
				rc = -1;
			record_clear(r);
		}
	} while (rc == 0 && u.n == AT_ONCE && at <= end);
	return rc;
}

/* The epoch is durable before any row is renumbered: rows of an epoch that is not on disk would be those of nobody. */
void index_new_epoch(struct index *index, uint64_t shared)
{
	uint64_t old = index->epoch;

	if (index_commit(index) < 0)
		return;
	do
		index->epoch = random_u64();
	while (index->epoch == 0 || index->epoch == old);
	if (index_txn_save_numbers(index, index->seq + INDEX_RESERVE, false) < 0)
		index->epoch = old;
	else
		(void)renumber_unshared(index, old, shared); /* a failure was logged, and undoes the open transaction */
}
