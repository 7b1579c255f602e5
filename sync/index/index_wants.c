/* The wants: the offers that this agent has chosen to have. choose() (sync/plan/choose.h) decides when an offer is
 * written, and again for all offers when the choices change; index_offers.c says how an offer carries the answer. An
 * unwanted offer stays stored, but nobody waits for it: it is not missing, and its row counts as settled. */
#include <string.h>

#include "sync/index/index_internal.h"

const struct choices *index_choices(const struct index *index)
{
	return index->choices;
}

/* The ID of the first offer behind `after` that is wanted now and was not before, or the reverse; 0: there is none;
 * -1. */
static int64_t next_to_change(struct index *index, int64_t after)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_OFFER_CHOICES);
	int rc = SQLITE_DONE;
	int64_t id = 0;

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, after);
	while (id == 0 && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		struct record offer = { .path = index_path(sqlite3_column_blob(s, 1), sqlite3_column_bytes(s, 1)),
			                .deleted = sqlite3_column_int(s, 2) != 0 };
		bool was_wanted = (sqlite3_column_int64(s, 0) & INDEX_UNWANTED) == 0;

		if (index_wants(index, &offer) != was_wanted)
			id = sqlite3_column_int64(s, 0);
		record_clear(&offer);
	}
	index_stmt_give(index, STMT_OFFER_CHOICES, s);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? id : -1;
}

static int change_one(struct index *index, int64_t id)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_OFFER_CHOOSE);

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, id);
	sqlite3_bind_int64(s, 2, id ^ INDEX_UNWANTED);
	return index_stmt_run(index, STMT_OFFER_CHOOSE, s);
}

int index_choose(struct index *index, const struct choices *choices)
{
	int64_t id;

	index->choices = choices;
	/* For a mirror only the unwanted ones can change, and usually there are none. An offer that becomes unwanted
	 * moves to a greater ID, so it is read once more, and stays. All changes are one transaction: half of them
	 * would leave the counts wrong. */
	id = next_to_change(index, choices->mode == CHOOSE_MIRROR ? INDEX_UNWANTED - 1 : 0);
	if (id == 0)
		return 0;
	if (id < 0 || index_txn_write(index) < 0)
		return -1;
	for (; id > 0; id = next_to_change(index, id)) {
		if (change_one(index, id) < 0)
			return index_write_failed(index, "write an offer");
	}
	return id < 0 || index_offers_recount(index) < 0 ? index_write_failed(index, "write an offer") : 0;
}

int index_wants_paths(struct index *index, const char *after, int max, bool (*fn)(void *arg, const char *path),
                      void *arg)
{
	return index->now.missing == 0 ? 0 : index_offers_each_path(index, STMT_WANT_PATHS, after, max, fn, arg);
}

/* Counts what is not a file too, so that one call never reads more than max rows. */
int index_wants_contents(struct index *index, uint64_t *after, int max, bool (*fn)(void *arg, const struct content *c),
                         void *arg)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_WANT_CONTENTS);
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
	index_stmt_give(index, STMT_WANT_CONTENTS, s);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return index_read_failed(index, "read offers");
	return n;
}

int64_t index_wants_missing(const struct index *index)
{
	return index->now.missing;
}

int64_t index_wants_missing_bytes(const struct index *index)
{
	return index->now.missing_bytes;
}

int64_t index_wants_of(struct index *index, uint64_t peer, int64_t most)
{
	int64_t no = index->now.missing == 0 ? 0 : index_peer_no(index, peer, false), n = 0;
	sqlite3_stmt *s = no > 0 ? index_stmt_take(index, STMT_WANT_COUNT) : NULL;

	if (s == NULL)
		return 0;
	sqlite3_bind_int64(s, 1, index_offer_first_id(no, true));
	sqlite3_bind_int64(s, 2, index_offer_first_id(no + 1, true));
	sqlite3_bind_int64(s, 3, most);
	if (sqlite3_step(s) == SQLITE_ROW)
		n = sqlite3_column_int64(s, 0);
	index_stmt_give(index, STMT_WANT_COUNT, s);
	return n;
}

uint64_t index_settled(struct index *index, uint64_t peer, uint64_t received)
{
	uint64_t missing = index_offers_min_seq(index, peer, true);

	return missing > 0 && missing <= received ? missing - 1 : received;
}
