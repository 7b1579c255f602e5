/* How far a member is behind us, for people. */
#include "sync/index/index_internal.h"

/* Of a statement that counts at most `most` rows above a number, or in a range that ends before `end`; -1. */
static int64_t count(struct index *index, enum index_stmt id, int64_t above, int64_t end, int64_t most)
{
	sqlite3_stmt *s = index_stmt_take(index, id);
	int64_t n = -1;
	int at = 1;

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, at++, above);
	if (end > 0)
		sqlite3_bind_int64(s, at++, end);
	sqlite3_bind_int64(s, at, most);
	if (sqlite3_step(s) == SQLITE_ROW)
		n = sqlite3_column_int64(s, 0);
	index_stmt_give(index, id, s);
	return n;
}

/* What is listed is told as rows are, by the same numbers. */
int64_t index_peer_behind(struct index *index, uint64_t peer, int64_t most)
{
	struct index_peer p;
	int64_t settled, n;

	if (index_peer_get(index, peer, &p) < 0 || p.epoch == 0)
		return -1;
	settled = p.settled_epoch == index_epoch(index) ? (int64_t)p.settled : 0;
	n = count(index, STMT_ROW_COUNT, settled, 0, most);
	for (int wanted = 0; wanted < 2 && n >= 0 && n < most && index->now.listed > 0; wanted++) {
		int64_t first = index_offer_first_id(0, wanted),
			more = count(index, STMT_LISTED_COUNT, first + settled, first + ((int64_t)1 << INDEX_SEQ_BITS),
		                     most - n);

		n = more < 0 ? -1 : n + more;
	}
	return n;
}
