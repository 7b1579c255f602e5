/* How far each peer and we have announced our rows to each other, the epoch proofs of peers, and small named values. */
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "sync/index/index_internal.h"

enum { PEERS_MAX = (1 << (62 - INDEX_SEQ_BITS)) - 1 }; /* so that an offer's ID stays below INDEX_UNWANTED */

static int64_t peer_insert(struct index *index, uint64_t peer)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_PEER_INSERT);
	int64_t no;

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, (int64_t)peer);
	if (index_stmt_run(index, STMT_PEER_INSERT, s) < 0)
		return index_write_failed(index, "write a peer");
	no = sqlite3_last_insert_rowid(index->db);
	if (no >= PEERS_MAX) {
		errno = ENOSPC;
		return -1;
	}
	return no;
}

/* 1 with number and values, 0, -1. */
static int peer_find(struct index *index, uint64_t peer, int64_t *no, struct index_peer *p)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_PEER_GET);
	int rc;

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, (int64_t)peer);
	rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		*no = sqlite3_column_int64(s, 0);
		p->epoch = (uint64_t)sqlite3_column_int64(s, 1);
		p->received = (uint64_t)sqlite3_column_int64(s, 2);
		p->settled = (uint64_t)sqlite3_column_int64(s, 3);
		p->settled_epoch = (uint64_t)sqlite3_column_int64(s, 4);
		p->on_demand = sqlite3_column_int(s, 5) != 0;
		p->mirror_until = (uint64_t)sqlite3_column_int64(s, 6);
		p->listed_until = (uint64_t)sqlite3_column_int64(s, 7);
		rc = 1;
	} else {
		rc = rc == SQLITE_DONE ? 0 : index_read_failed(index, "read a peer");
	}
	index_stmt_give(index, STMT_PEER_GET, s);
	return rc;
}

int64_t index_peer_no(struct index *index, uint64_t peer, bool create)
{
	struct index_peer ignored;
	int64_t no = 0;
	int rc;

	if (index->peer_no != 0 && index->peer == peer)
		return index->peer_no;
	rc = peer_find(index, peer, &no, &ignored);
	if (rc == 0 && create) {
		no = peer_insert(index, peer);
		rc = no < 0 ? -1 : 1;
	}
	if (rc <= 0)
		return rc;
	index->peer = peer;
	index->peer_no = no;
	return no;
}

int index_peer_get(struct index *index, uint64_t peer, struct index_peer *p)
{
	int64_t no;

	*p = (struct index_peer){ 0 };
	return peer_find(index, peer, &no, p) < 0 ? -1 : 0;
}

int index_peer_put(struct index *index, uint64_t peer, const struct index_peer *p)
{
	sqlite3_stmt *s;
	int64_t no;

	if (index_txn_write(index) < 0)
		return -1;
	no = index_peer_no(index, peer, true);
	s = no < 0 ? NULL : index_stmt_take(index, STMT_PEER_UPDATE);
	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, (int64_t)p->epoch);
	sqlite3_bind_int64(s, 2, (int64_t)p->received);
	sqlite3_bind_int64(s, 3, (int64_t)p->settled);
	sqlite3_bind_int64(s, 4, (int64_t)p->settled_epoch);
	sqlite3_bind_int(s, 5, p->on_demand);
	sqlite3_bind_int64(s, 6, (int64_t)p->mirror_until);
	sqlite3_bind_int64(s, 7, (int64_t)p->listed_until);
	sqlite3_bind_int64(s, 8, no);
	if (index_stmt_run(index, STMT_PEER_UPDATE, s) < 0)
		return index_write_failed(index, "write a peer");
	return 0;
}

int index_peers(struct index *index, uint64_t **list)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_PEER_ALL);
	int n = 0, max = 0, rc;

	*list = NULL;
	if (s == NULL)
		return -1;
	while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
		if (n == max) {
			max = max > 0 ? 2 * max : 16;
			*list = mem_realloc(*list, (size_t)max, sizeof(**list));
		}
		(*list)[n++] = (uint64_t)sqlite3_column_int64(s, 0);
	}
	index_stmt_give(index, STMT_PEER_ALL, s);
	return rc == SQLITE_DONE ? n : index_read_failed(index, "read peers");
}

enum { PROOF_LEN = 8 + 8 + 64 };

int index_peer_proof_get(struct index *index, uint64_t peer, struct index_proof *proof)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_PEER_PROOF_GET);
	const uint8_t *p;
	int rc;

	*proof = (struct index_proof){ 0 };
	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, (int64_t)peer);
	rc = sqlite3_step(s);
	p = rc == SQLITE_ROW ? sqlite3_column_blob(s, 0) : NULL;
	if (p != NULL && sqlite3_column_bytes(s, 0) == PROOF_LEN) {
		proof->epoch = get_u64(p);
		proof->number = get_u64(p + 8);
		memcpy(proof->signature, p + 16, sizeof(proof->signature));
	}
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		rc = index_read_failed(index, "read a peer");
	index_stmt_give(index, STMT_PEER_PROOF_GET, s);
	return rc < 0 ? -1 : 0;
}

int index_peer_proof_put(struct index *index, uint64_t peer, const struct index_proof *proof)
{
	uint8_t bytes[PROOF_LEN];
	sqlite3_stmt *s;
	int64_t no;

	if (index_txn_write(index) < 0)
		return -1;
	no = index_peer_no(index, peer, true);
	s = no < 0 ? NULL : index_stmt_take(index, STMT_PEER_PROOF_PUT);
	if (s == NULL)
		return -1;
	put_u64(bytes, proof->epoch);
	put_u64(bytes + 8, proof->number);
	memcpy(bytes + 16, proof->signature, sizeof(proof->signature));
	sqlite3_bind_blob(s, 1, bytes, sizeof(bytes), SQLITE_STATIC);
	sqlite3_bind_int64(s, 2, no);
	if (index_stmt_run(index, STMT_PEER_PROOF_PUT, s) < 0)
		return index_write_failed(index, "write a peer");
	return 0;
}

int index_meta_get(struct index *index, const char *key, int64_t *value)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_META_GET);
	int rc;

	*value = 0;
	if (s == NULL)
		return -1;
	sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
	rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		*value = sqlite3_column_int64(s, 0);
		rc = 1;
	} else {
		rc = rc == SQLITE_DONE ? 0 : index_read_failed(index, "read a value");
	}
	index_stmt_give(index, STMT_META_GET, s);
	return rc;
}

int index_meta_put(struct index *index, const char *key, int64_t value)
{
	sqlite3_stmt *s;

	if (index_txn_write(index) < 0)
		return -1;
	s = index_stmt_take(index, STMT_META_PUT);
	if (s == NULL)
		return -1;
	sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
	sqlite3_bind_int64(s, 2, value);
	if (index_stmt_run(index, STMT_META_PUT, s) < 0)
		return index_write_failed(index, "write a value");
	return 0;
}

/* --- whom our rows were told --- */

/* After an unclean end what was noted last may be lost. */
int index_told_load(struct index *index)
{
	int rc = index_meta_get(index, INDEX_META_TOLD, &index->told);

	if (rc >= 0 && (rc == 0 || !index->clean)) {
		index->told = INDEX_TOLD_SEVERAL;
		index->told_lost = true;
	}
	return rc < 0 ? -1 : 0;
}

int index_note_told(struct index *index, uint64_t peer)
{
	if (index->told == INDEX_TOLD_SEVERAL || index->told == (int64_t)peer)
		return 0;
	index->told = index->told == 0 ? (int64_t)peer : INDEX_TOLD_SEVERAL;
	if (index_meta_put(index, INDEX_META_TOLD, index->told) == 0)
		return 0;
	index_told_undone(index);
	return -1;
}

bool index_told_only(const struct index *index, uint64_t peer)
{
	return index->told == (int64_t)peer;
}
