/* How far a member is behind us, for people. */
#include "sync/index/index_internal.h"

int64_t index_peer_behind(struct index *index, uint64_t peer, int64_t most)
{
	struct index_peer p;
	sqlite3_stmt *s;
	int64_t n = -1;

	if (index_peer_get(index, peer, &p) < 0 || p.epoch == 0)
		return -1;
	s = index_stmt_take(index, STMT_ROW_COUNT);
	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, p.settled_epoch == index_epoch(index) ? (sqlite3_int64)p.settled : 0);
	sqlite3_bind_int64(s, 2, most);
	if (sqlite3_step(s) == SQLITE_ROW)
		n = sqlite3_column_int64(s, 0);
	index_stmt_give(index, STMT_ROW_COUNT, s);
	return n;
}
