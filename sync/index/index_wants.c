/* The wants: the offers and listed records that this agent has chosen to have. choose() (sync/plan/choose.h) decides
 * when one is written, and again when the choices, or what we have of the path, change; index_offer_rows.c says how an
 * offer carries the answer. What is not wanted is listed: nobody waits for it, it is not missing, and counts as
 * settled. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/index/index_internal.h"
#include "sync/plan/conflict.h"

enum {
	REJUDGED = 64,    /* offers of a path judged at a time */
	WANTS_FEW = 2000, /* paths sorted for one page */
};

const struct choices *index_choices(const struct index *index)
{
	return index->choices;
}

/* --- one path --- */

/* The offers for the path whose choice is another than their ID says: how many, at most REJUDGED; -1. */
static int find_changed(struct index *index, const char *path, int64_t ids[REJUDGED])
{
	struct record offer = { .path = mem_strdup(path) };
	bool wanted = index_wants(index, &offer);
	int key_len = index_key(index, path), n = 0, rc = SQLITE_DONE;
	sqlite3_stmt *s = key_len < 0 ? NULL : index_stmt_take(index, STMT_OFFER_STATES);

	record_clear(&offer);
	if (s == NULL)
		return -1;
	sqlite3_bind_blob(s, 1, index->key, key_len, SQLITE_STATIC);
	while (n < REJUDGED && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		int64_t id = sqlite3_column_int64(s, 0);

		if ((wanted || sqlite3_column_int(s, 1) != 0) != index_offer_is_wanted(id))
			ids[n++] = id;
	}
	index_stmt_give(index, STMT_OFFER_STATES, s);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? n : index_read_failed(index, "read offers");
}

static int flip(struct index *index, int64_t id)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_OFFER_CHOOSE);

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, id);
	sqlite3_bind_int64(s, 2, id ^ INDEX_UNWANTED);
	return index_stmt_run(index, STMT_OFFER_CHOOSE, s);
}

/* What a peer offers and is not wanted any more is listed; whether the peer has it is noted, unless that follows from
 * its numbers. -1 with nothing reported. */
static int list_offer(struct index *index, int64_t id)
{
	struct record r, listed;
	uint64_t peer;
	int rc = index_offer_get(index, id, &peer, &r), n;

	if (rc <= 0)
		return rc;
	n = index_key(index, r.path);
	rc = n < 0 || index_offers_weigh(index, n, -1) < 0 || index_offer_delete(index, id) < 0 ||
	                     index_offers_weigh(index, n, 1) < 0 || index_list_take(index, &r, peer) < 0
	             ? -1
	             : 0;
	if (rc == 0 && index_list_get(index, r.path, &listed) > 0) {
		if (record_same_content(&r, &listed) && index_has(index, &listed, peer) == r.absent)
			rc = index_holds_note(index, &listed, peer, !r.absent);
		record_clear(&listed);
	}
	record_clear(&r);
	return rc;
}

/* The choice of an offer, which may have gone since it was found, becomes the other one. Where it is alone, what it
 * counts for is known. */
static int flip_counted(struct index *index, const char *path, int64_t id)
{
	int n = index_key(index, path), sign = index_offer_is_wanted(id) ? -1 : 1;
	struct path_offers o;

	if (n < 0 || index_offers_of_path(index, n, -1, &o) < 0)
		return -1;
	if (o.n != 1 || o.last_id != id)
		return index_offers_weigh(index, n, -1) < 0 || flip(index, id) < 0 ||
		                       index_offers_weigh(index, n, 1) < 0
		               ? -1
		               : 0;
	index->now.missing += sign;
	index->now.missing_bytes += sign * o.last_size;
	return flip(index, id);
}

static int change_one(struct index *index, const char *path, int64_t id)
{
	if (index_offer_peer_no(id) != 0 && index_offer_is_wanted(id))
		return list_offer(index, id);
	return flip_counted(index, path, id);
}

int index_rejudge(struct index *index, const char *path)
{
	int64_t ids[REJUDGED] = { 0 };
	int n;

	if (index->now.offered == 0)
		return 0;
	n = find_changed(index, path, ids);
	for (int i = 0; i < n; i++)
		if (change_one(index, path, ids[i]) < 0)
			return index_write_failed(index, "write an offer");
	return n < 0 ? -1 : 0;
}

/* --- all of them --- */

/* The path of the first offer behind index->choose_after that is wanted now and was not before, or the reverse: 1 and
 * *path; 0: there is none, or *rows are read, which it counts down; -1. */
static int next_to_change(struct index *index, int *rows, char **path)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_OFFER_CHOICES);
	int rc = SQLITE_ROW;

	*path = NULL;
	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, index->choose_after);
	while (*path == NULL && *rows > 0 && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		struct record offer = { .path = index_path(sqlite3_column_blob(s, 1), sqlite3_column_bytes(s, 1)),
			                .deleted = sqlite3_column_int(s, 2) != 0 };

		--*rows;
		index->choose_after = sqlite3_column_int64(s, 0);
		if (index_wants(index, &offer) != index_offer_is_wanted(index->choose_after))
			*path = offer.path;
		else
			record_clear(&offer);
	}
	index_stmt_give(index, STMT_OFFER_CHOICES, s);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return index_read_failed(index, "read offers");
	index->choosing = rc == SQLITE_ROW;
	return *path != NULL;
}

/* For a mirror only the unwanted ones can change, and usually there are none. What becomes unwanted moves to a greater
 * ID, so it is read once more, and stays; what becomes wanted, or is written meanwhile, is judged already. */
static void choose_from_first(struct index *index, const struct choices *choices)
{
	index->choices = choices;
	index->choosing = index->now.offered > 0;
	index->choose_after = choices->mode == CHOOSE_MIRROR && choices->nunshared == 0 ? INDEX_UNWANTED - 1 : 0;
}

int index_choose_begin(struct index *index, const struct choices *choices, int rows)
{
	choose_from_first(index, choices);
	return index_choose_some(index, rows);
}

int index_choose_some(struct index *index, int rows)
{
	char *path;
	int rc = 0;

	while (index->choosing && rows > 0 && (rc = next_to_change(index, &rows, &path)) > 0) {
		rc = index_txn_write(index);
		if (rc == 0 && change_one(index, path, index->choose_after) < 0)
			rc = index_write_failed(index, "write an offer");
		free(path);
		if (rc < 0)
			break;
	}
	return rc < 0 ? -1 : index->choosing;
}

bool index_choosing(const struct index *index)
{
	return index->choosing;
}

int index_choose(struct index *index, const struct choices *choices)
{
	choose_from_first(index, choices);
	return index_choose_some(index, INT_MAX);
}

/* The path of the first offer at or behind the key: 1 and *path; 0, -1. */
static int next_offered(struct index *index, const uint8_t *key, size_t n, char **path)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_OFFER_NEXT_KEY);
	int rc;

	*path = NULL;
	if (s == NULL)
		return -1;
	sqlite3_bind_blob(s, 1, n > 0 ? (const void *)key : "", (int)n, SQLITE_STATIC);
	rc = sqlite3_step(s);
	*path = rc == SQLITE_ROW ? index_path(sqlite3_column_blob(s, 0), sqlite3_column_bytes(s, 0)) : NULL;
	index_stmt_give(index, STMT_OFFER_NEXT_KEY, s);
	return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : index_read_failed(index, "read offers");
}

/* Judges the paths from `from` on that begin with these bytes and, with `below`, end there or go on with a slash.
 * 0; 1: there are more than *paths of them, which it counts down; -1. */
static int rejudge_range(struct index *index, const char *from, bool below, int *paths)
{
	uint8_t key[RECORD_PATH_MAX + 1];
	size_t top = strlen(from), n = top;
	char *path = NULL;
	int rc = 0;

	if (top > RECORD_PATH_MAX)
		return 0;
	index_key_bytes(key, from, n);
	while (rc == 0 && (rc = next_offered(index, key, n, &path)) > 0 && path != NULL) {
		n = strlen(path);
		if (n > RECORD_PATH_MAX || strncmp(path, from, top) != 0 ||
		    (below && path[top] != '\0' && path[top] != '/')) {
			free(path);
			return 0;
		}
		if (--*paths < 0) {
			free(path);
			return 1;
		}
		index_key_bytes(key, path, n);
		key[n++] = 0;
		rc = index_txn_write(index) < 0 ? -1 : index_rejudge(index, path);
		free(path);
	}
	return rc;
}

/* A conflict copy is wanted where its original is, and its name begins as the original's. */
int index_choose_under(struct index *index, const struct choices *choices, const char *under)
{
	char *copies;
	int rc, paths = INDEX_CHOOSE_SLICE;

	if (under[0] == '\0')
		return index_choose_begin(index, choices, INDEX_CHOOSE_SLICE);
	index->choices = choices;
	if (index->now.offered == 0)
		return 0;
	copies = conflict_prefix(under);
	rc = rejudge_range(index, under, true, &paths);
	if (rc == 0)
		rc = rejudge_range(index, copies, false, &paths);
	free(copies);
	/* A walk over everything may be under way already: what it has passed is judged as it was before. */
	if (rc > 0)
		choose_from_first(index, choices);
	return rc < 0 ? -1 : index->choosing;
}

/* --- reading --- */

/* The wanted ones are one range of IDs. While they are few they are sorted, so that the walk does not pass over all
 * that is listed; while they are many it would be sorted again for each page. */
int index_wants_paths(struct index *index, const char *after, int max, bool (*fn)(void *arg, const char *path),
                      void *arg)
{
	enum index_stmt id = index->now.missing > WANTS_FEW ? STMT_WANT_PATHS : STMT_WANT_FEW;

	return index->now.missing == 0 ? 0 : index_offers_each_path(index, id, after, max, fn, arg);
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
