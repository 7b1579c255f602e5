/* Rows as they were last read or written, and paths that were found to have none: what is asked for again a moment
 * later costs no query. A file that comes in is asked for by the judge, by whoever writes its row, by the guard, and
 * by the scan that looks at what was installed.
 *
 * Everything that changes the table of rows tells so here, in the same call; an undone transaction, and a statement
 * that changes many rows, empties all. Bounded; and empty again soon after the last use. */
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sync/index/index_internal.h"

enum { RECENT_MAX = 4096 }; /* about half a KiB each */

#define RECENT_NS (INT64_C(5) * 1000000000) /* kept so long after the last one came */

struct recent_row {
	struct record r; /* owns; of a path without a row the path alone */
	bool there;      /* the path has a row, and it is r */
	struct recent_row *prev, *next;
	UT_hash_handle by_path;
	UT_hash_handle by_seq; /* if it is there */
};

struct index_recent {
	struct recent_row *by_path, *by_seq;
	struct recent_row *oldest;
	int64_t came_ns; /* when the last one came */
};

static void recent_drop(struct index_recent *recent, struct recent_row *row)
{
	HASH_DELETE(by_path, recent->by_path, row); /* NOLINT(clang-analyzer-core.NullDereference): row is in it */
	if (row->there)
		HASH_DELETE(by_seq, recent->by_seq, row); /* NOLINT(clang-analyzer-core.NullDereference): so too */
	DL_DELETE(recent->oldest, row);
	record_clear(&row->r);
	free(row);
}

static struct recent_row *recent_find(const struct index *index, const char *path)
{
	struct recent_row *row = NULL;

	if (index->recent != NULL)
		HASH_FIND(by_path, index->recent->by_path, path, strlen(path), row);
	return row;
}

/* What was known of the path goes. r.path is set, and owned. */
static void recent_add(struct index *index, struct recent_row *row)
{
	struct index_recent *recent = index->recent;
	struct recent_row *old = recent_find(index, row->r.path);

	if (recent == NULL)
		recent = index->recent = MEM_NEW(struct index_recent);
	if (old != NULL)
		recent_drop(recent, old);
	else if (HASH_CNT(by_path, recent->by_path) >= RECENT_MAX)
		recent_drop(recent, recent->oldest);
	HASH_ADD_KEYPTR(by_path, recent->by_path, row->r.path, strlen(row->r.path), row);
	if (row->there)
		HASH_ADD(by_seq, recent->by_seq, r.seq, sizeof(row->r.seq), row);
	DL_APPEND(recent->oldest, row);
	recent->came_ns = clock_mono_ns();
}

void index_recent_put(struct index *index, const struct record *r)
{
	struct recent_row *row = MEM_NEW(struct recent_row);

	record_copy(&row->r, r);
	index_record_as_read(&row->r);
	row->there = true;
	recent_add(index, row);
}

void index_recent_none(struct index *index, const char *path)
{
	struct recent_row *row = MEM_NEW(struct recent_row);

	row->r.path = mem_strdup(path);
	recent_add(index, row);
}

void index_recent_seen(struct index *index, const char *path, const struct seen *seen)
{
	struct recent_row *row = recent_find(index, path);

	if (row != NULL && row->there)
		row->r.seen = *seen;
}

void index_recent_forget(struct index *index, const char *path)
{
	struct recent_row *row = recent_find(index, path);

	if (row != NULL)
		recent_drop(index->recent, row);
}

void index_recent_forget_seq(struct index *index, uint64_t seq)
{
	struct recent_row *row = NULL;

	if (index->recent != NULL)
		HASH_FIND(by_seq, index->recent->by_seq, &seq, sizeof(seq), row);
	if (row != NULL)
		recent_drop(index->recent, row);
}

void index_recent_clear(struct index *index)
{
	while (index->recent != NULL && index->recent->oldest != NULL)
		recent_drop(index->recent, index->recent->oldest);
	free(index->recent);
	index->recent = NULL;
}

void index_recent_age(struct index *index)
{
	if (index->recent != NULL && clock_mono_ns() - index->recent->came_ns > RECENT_NS)
		index_recent_clear(index);
}

enum index_recently index_recent_get(const struct index *index, const char *path, const struct record **r)
{
	const struct recent_row *row = recent_find(index, path);

	*r = NULL;
	if (row == NULL)
		return RECENTLY_UNKNOWN;
	if (!row->there)
		return RECENTLY_NONE;
	*r = &row->r;
	return RECENTLY_THERE;
}

const struct record *index_recent_of(const struct index *index, uint64_t seq)
{
	const struct recent_row *row = NULL;

	if (index->recent != NULL)
		HASH_FIND(by_seq, index->recent->by_seq, &seq, sizeof(seq), row);
	return row != NULL ? &row->r : NULL;
}
