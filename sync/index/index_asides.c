/* What is set aside, read: index_put.c writes it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sync/index/index_internal.h"

int index_asides_load(struct index *index)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_ASIDE_COUNT);
	int rc;

	if (s == NULL)
		return -1;
	while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
		int why = sqlite3_column_int(s, 0);

		if (why == ASIDE_UNSHARED || why == ASIDE_READER)
			index->now.asides[why] = sqlite3_column_int64(s, 1);
	}
	index_stmt_give(index, STMT_ASIDE_COUNT, s);
	return rc == SQLITE_DONE ? 0 : -1;
}

int64_t index_aside_count(const struct index *index, enum aside_reason why)
{
	return index->now.asides[why];
}

static bool any_aside(const struct index *index)
{
	return index->now.asides[ASIDE_UNSHARED] + index->now.asides[ASIDE_READER] > 0;
}

bool index_is_aside(struct index *index, const char *path)
{
	return index_aside_get(index, path, NULL, NULL) != 0;
}

int index_aside_get(struct index *index, const char *path, enum aside_reason *why, struct record *was)
{
	struct record r = { 0 };
	sqlite3_stmt *s;
	int n, rc, at = 2 + INDEX_RECORD_NCOLUMNS + 7;

	if (was != NULL)
		*was = r;
	if (!any_aside(index))
		return 0;
	n = index_key(index, path);
	if (n < 0)
		return errno == ENAMETOOLONG || errno == EINVAL ? 0 : -1;
	s = index_stmt_take(index, STMT_ASIDE_GET);
	if (s == NULL)
		return -1;
	sqlite3_bind_blob(s, 1, index->key, n, SQLITE_STATIC);
	rc = sqlite3_step(s);
	if (rc != SQLITE_ROW) {
		rc = rc == SQLITE_DONE ? 0 : index_read_failed(index, "read what is set aside");
	} else if (sqlite3_column_int(s, at + 1) == 0 && index_row_read(index, s, &r) < 0) {
		rc = index_found_damage(index, "a row that is set aside is malformed");
	} else {
		rc = 1;
		if (why != NULL)
			*why = (enum aside_reason)sqlite3_column_int(s, at);
	}
	index_stmt_give(index, STMT_ASIDE_GET, s);
	if (rc == 1 && was != NULL)
		*was = r;
	else
		record_clear(&r);
	return rc;
}

/* Whether a key is at or below the folder with the other one. */
static bool key_within(const uint8_t *key, size_t n, const uint8_t *under, size_t under_len)
{
	return under_len == 0 ||
	       (n >= under_len && memcmp(key, under, under_len) == 0 && (n == under_len || key[under_len] == 0));
}

/* The first key is the folder's own, or the one behind `after`: no key is between that and the same with a 0 added. */
int index_asides(struct index *index, const char *under, const char *after, int max,
                 bool (*fn)(void *arg, const char *path, enum aside_reason why), void *arg)
{
	uint8_t first[RECORD_PATH_MAX + 1], top[RECORD_PATH_MAX];
	size_t under_len = strlen(under), first_len = strlen(after);
	int given = 0, rc = SQLITE_DONE;
	bool more = true;
	sqlite3_stmt *s;

	if (!any_aside(index) || under_len > RECORD_PATH_MAX || first_len > RECORD_PATH_MAX)
		return 0;
	index_key_bytes(top, under, under_len);
	index_key_bytes(first, after, first_len);
	if (first_len > 0)
		first[first_len++] = 0;
	if (first_len == 0 ||
	    (under_len > 0 && memcmp(first, top, first_len < under_len ? first_len : under_len) < 0)) {
		memcpy(first, top, under_len);
		first_len = under_len;
	}
	s = index_stmt_take(index, STMT_ASIDE_PATHS);
	if (s == NULL)
		return -1;
	sqlite3_bind_blob(s, 1, first_len > 0 ? (const void *)first : "", (int)first_len, SQLITE_TRANSIENT);
	while (more && given < max && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		const uint8_t *key = sqlite3_column_blob(s, 0);
		size_t n = (size_t)sqlite3_column_bytes(s, 0);
		char *path;

		if (!key_within(key, n, top, under_len))
			break;
		path = index_path(key, (int)n);
		given++;
		more = fn(arg, path, (enum aside_reason)sqlite3_column_int(s, 1));
		free(path);
	}
	index_stmt_give(index, STMT_ASIDE_PATHS, s);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? given : index_read_failed(index, "read what is set aside");
}
