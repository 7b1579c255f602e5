/* Which members have what. A peer that is a mirror has all that it has settled, which its numbers say (index_peers.c).
 * What differs from that, and what peers on demand have, is noted path by path, for one content: a note about another
 * content than the one that is asked for does not count. */
#include <string.h>

#include "base/bytes.h"
#include "base/sha256.h"
#include "sync/index/index_internal.h"

/* A number that stands for the content of r. */
static int64_t what_of(const struct record *r)
{
	uint8_t hash[SHA256_SIZE];

	if (index_has_root(r))
		return index_h8(r->content.root);
	if (r->kind != RECORD_SYMLINK || r->target == NULL)
		return (int64_t)r->kind;
	sha256(hash, r->target, strlen(r->target));
	return index_h8(hash);
}

int index_holds_load(struct index *index)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_HOLD_ANY);
	int rc;

	if (s == NULL)
		return -1;
	rc = sqlite3_step(s);
	index_stmt_give(index, STMT_HOLD_ANY, s);
	index->held = rc == SQLITE_ROW;
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : -1;
}

int index_holds_note(struct index *index, const struct record *r, uint64_t peer, bool has)
{
	int64_t no = index_peer_no(index, peer, true);
	int n = no < 0 ? -1 : index_key(index, r->path);
	sqlite3_stmt *s = n < 0 ? NULL : index_stmt_take(index, STMT_HOLD_PUT);

	if (s == NULL)
		return -1;
	sqlite3_bind_blob(s, 1, index->key, n, SQLITE_STATIC);
	sqlite3_bind_int64(s, 2, no);
	sqlite3_bind_int64(s, 3, what_of(r));
	sqlite3_bind_int(s, 4, has);
	index->held = true;
	return index_stmt_run(index, STMT_HOLD_PUT, s);
}

int index_holds_put(struct index *index, const struct record *r, uint64_t peer, bool has)
{
	if (index_txn_write(index) < 0)
		return -1;
	return index_holds_note(index, r, peer, has) < 0 ? index_write_failed(index, "note who has a file") : 0;
}

int index_holders(struct index *index, const struct record *r, bool (*fn)(void *arg, uint64_t peer, bool has),
                  void *arg)
{
	sqlite3_stmt *s;
	bool more = true;
	int n, rc = SQLITE_DONE;

	if (!index->held)
		return 0;
	n = index_key(index, r->path);
	s = n < 0 ? NULL : index_stmt_take(index, STMT_HOLD_ALL);
	if (s == NULL)
		return -1;
	sqlite3_bind_blob(s, 1, index->key, n, SQLITE_TRANSIENT);
	sqlite3_bind_int64(s, 2, what_of(r));
	while (more && (rc = sqlite3_step(s)) == SQLITE_ROW)
		more = fn(arg, (uint64_t)sqlite3_column_int64(s, 0), sqlite3_column_int(s, 1) != 0);
	index_stmt_give(index, STMT_HOLD_ALL, s);
	return !more || rc == SQLITE_DONE ? 0 : index_read_failed(index, "read who has a file");
}

/* 1 it has, 0 it has not, -1 nothing is noted. */
static int noted(struct index *index, const struct record *r, uint64_t peer)
{
	int64_t no = index->held ? index_peer_no(index, peer, false) : 0;
	int n = no > 0 ? index_key(index, r->path) : -1, rc = -1;
	sqlite3_stmt *s = n < 0 ? NULL : index_stmt_take(index, STMT_HOLD_GET);

	if (s == NULL)
		return -1;
	sqlite3_bind_blob(s, 1, index->key, n, SQLITE_STATIC);
	sqlite3_bind_int64(s, 2, no);
	sqlite3_bind_int64(s, 3, what_of(r));
	if (sqlite3_step(s) == SQLITE_ROW)
		rc = sqlite3_column_int(s, 0) != 0;
	index_stmt_give(index, STMT_HOLD_GET, s);
	return rc;
}

bool index_has(struct index *index, const struct record *r, uint64_t peer)
{
	int has = noted(index, r, peer);
	struct index_peer p;

	if (has >= 0 || index_peer_get(index, peer, &p) < 0)
		return has > 0;
	if (r->seq <= p.mirror_until)
		return true;
	if (p.on_demand || r->seq <= p.listed_until)
		return false;
	return (r->via == peer && peer != 0) || (p.settled_epoch == index->epoch && r->seq <= p.settled);
}

int index_holds_forget(struct index *index, int key_len)
{
	sqlite3_stmt *s = index->held ? index_stmt_take(index, STMT_HOLD_FORGET) : NULL;

	if (s == NULL)
		return index->held ? -1 : 0;
	sqlite3_bind_blob(s, 1, index->key, key_len, SQLITE_STATIC);
	return index_stmt_run(index, STMT_HOLD_FORGET, s);
}

int index_holds_forget_peer(struct index *index, int64_t peer_no)
{
	sqlite3_stmt *s = index->held ? index_stmt_take(index, STMT_HOLD_FORGET_PEER) : NULL;

	if (s == NULL)
		return index->held ? -1 : 0;
	sqlite3_bind_int64(s, 1, peer_no);
	return index_stmt_run(index, STMT_HOLD_FORGET_PEER, s);
}
