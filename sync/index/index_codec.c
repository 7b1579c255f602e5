/* How a record becomes a row of the tables and comes back: the key of its path, its columns, and the checksum over
 * them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/index/index_internal.h"

void index_key_bytes(uint8_t *out, const char *path, size_t n)
{
	memcpy(out, path, n);
	for (uint8_t *p = out; (p = memchr(p, '/', n - (size_t)(p - out))) != NULL; p++)
		*p = 0;
}

int index_key(struct index *index, const char *path)
{
	size_t n = strlen(path);

	if (n == 0 || n > RECORD_PATH_MAX) {
		errno = n == 0 ? EINVAL : ENAMETOOLONG;
		return -1;
	}
	index_key_bytes(index->key, path, n);
	return (int)n;
}

/* What is below a folder has its key, a 0, and more. */
void index_below_bind(struct index *index, sqlite3_stmt *s, int n)
{
	index->key[n] = 0;
	sqlite3_bind_blob(s, 1, index->key, n + 1, SQLITE_TRANSIENT);
	index->key[n] = 1;
	sqlite3_bind_blob(s, 2, index->key, n + 1, SQLITE_TRANSIENT);
}

char *index_path(const uint8_t *key, int n)
{
	char *path = mem_calloc((size_t)n + 1, 1);

	for (int i = 0; i < n; i++)
		path[i] = key[i] != 0 ? (char)key[i] : '/';
	return path;
}

int64_t index_h8(const uint8_t hash[32])
{
	return (int64_t)get_u64(hash);
}

bool index_has_root(const struct record *r)
{
	return r->kind == RECORD_FILE && !r->deleted && r->content.nblocks > 0;
}

bool index_has_list(const struct record *r)
{
	return r->kind == RECORD_FILE && !r->deleted && r->content.nblocks > 1;
}

/* scratch has to stay as it is until the statement has run. */
static void bind_base(sqlite3_stmt *s, int at, uint8_t *scratch, const struct version *v)
{
	if (v->n > 0)
		sqlite3_bind_blob(s, at, scratch, (int)version_encode(scratch, v), SQLITE_STATIC);
	else
		sqlite3_bind_null(s, at);
}

/* Over all columns that make the record: nothing else would show a bit that flips in them. Its number and `seen` are
 * left out: they change without the record, and a wrong one does no harm. */
static int64_t row_checksum(const struct record *r)
{
	const struct version *versions[] = { &r->version, &r->base, &r->mode_base };
	const char *texts[] = { r->path, r->target != NULL ? r->target : "" };
	int64_t numbers[] = { r->kind,          r->deleted,         r->mode,       r->mtime_ns,
		              r->content.size,  r->content.nblocks, r->chunk_log2, (int64_t)r->modified_by,
		              r->target != NULL };
	uint8_t all[sizeof(numbers) + sizeof(r->content.root) + 2 * (RECORD_PATH_MAX + 1) +
	            3 * VERSION_STORED_MAX * INDEX_VERSION_ENTRY];
	uint8_t hash[SHA256_SIZE];
	size_t n = sizeof(numbers);

	memcpy(all, numbers, n);
	memcpy(all + n, r->content.root, sizeof(r->content.root));
	n += sizeof(r->content.root);
	for (size_t i = 0; i < 2; i++) {
		size_t len = strnlen(texts[i], RECORD_PATH_MAX);

		memcpy(all + n, texts[i], len);
		all[n + len] = '\0';
		n += len + 1;
	}
	for (size_t i = 0; i < 3; i++)
		n += version_encode(all + n, versions[i]);
	sha256(hash, all, n);
	return index_h8(hash);
}

/* Fields that mean nothing for the kind are stored as zeros, so that equal records have equal rows and checksums. */
static void zero_the_meaningless(struct record *r)
{
	if (r->kind != RECORD_FILE || r->deleted)
		r->content = (struct content){ 0 };
	else if (!index_has_root(r))
		memset(r->content.root, 0, sizeof(r->content.root));
}

void index_record_as_read(struct record *r)
{
	zero_the_meaningless(r);
	r->mode &= RECORD_MODE;
	r->absent = false;
	record_fit(r);
}

void index_record_bind(struct index *index, sqlite3_stmt *s, int first, const struct record *r)
{
	size_t n = version_encode(index->version, &r->version);
	struct record stored = *r;

	zero_the_meaningless(&stored);
	sqlite3_bind_int(s, first, (int)r->kind);
	sqlite3_bind_int(s, first + 1, r->deleted);
	sqlite3_bind_int(s, first + 2, (int)r->mode);
	sqlite3_bind_int64(s, first + 3, r->mtime_ns);
	sqlite3_bind_int64(s, first + 4, stored.content.size);
	sqlite3_bind_int64(s, first + 5, stored.content.nblocks);
	if (index_has_root(r))
		sqlite3_bind_blob(s, first + 6, r->content.root, sizeof(r->content.root), SQLITE_STATIC);
	else
		sqlite3_bind_null(s, first + 6);
	sqlite3_bind_int(s, first + 7, r->chunk_log2);
	if (r->target != NULL)
		sqlite3_bind_blob(s, first + 8, r->target, (int)strlen(r->target), SQLITE_STATIC);
	else
		sqlite3_bind_null(s, first + 8);
	sqlite3_bind_blob(s, first + 9, index->version, (int)n, SQLITE_STATIC);
	sqlite3_bind_int64(s, first + 10, (int64_t)r->modified_by);
	bind_base(s, first + 11, index->base, &r->base);
	bind_base(s, first + 12, index->mode_base, &r->mode_base);
	sqlite3_bind_int64(s, first + 13, row_checksum(&stored));
}

void index_join_bind(struct index *index, sqlite3_stmt *s, const struct record *r)
{
	size_t n = version_encode(index->version, &r->version);
	struct record stored = *r;

	zero_the_meaningless(&stored);
	sqlite3_bind_int(s, 1, r->chunk_log2);
	sqlite3_bind_blob(s, 2, index->version, (int)n, SQLITE_STATIC);
	sqlite3_bind_int64(s, 3, (int64_t)r->modified_by);
	bind_base(s, 4, index->base, &r->base);
	bind_base(s, 5, index->mode_base, &r->mode_base);
	sqlite3_bind_int64(s, 6, row_checksum(&stored));
	sqlite3_bind_int64(s, 7, (int64_t)r->via);
	sqlite3_bind_int64(s, 8, (int64_t)r->seq);
}

static int read_version(sqlite3_stmt *s, int column, struct version *v)
{
	const void *p = sqlite3_column_blob(s, column);

	return version_decode(v, p, (size_t)sqlite3_column_bytes(s, column));
}

/* NULL means that there is no base. */
static int read_base(sqlite3_stmt *s, int column, struct version *v)
{
	return sqlite3_column_type(s, column) == SQLITE_NULL ? 0 : read_version(s, column, v);
}

/* Trusts nothing that it reads: a file that others can write, or a bad disk, may hold anything. The checksum comes
 * last, since it is computed over the record as it was read. */
int index_record_read(sqlite3_stmt *s, int key_column, int first, struct record *r)
{
	const void *root, *target;
	int target_type = sqlite3_column_type(s, first + 8);

	*r = (struct record){ 0 };
	r->kind = (enum record_kind)sqlite3_column_int(s, first);
	r->deleted = sqlite3_column_int(s, first + 1) != 0;
	r->mode = (uint32_t)sqlite3_column_int(s, first + 2);
	r->mtime_ns = sqlite3_column_int64(s, first + 3);
	r->content.size = sqlite3_column_int64(s, first + 4);
	r->content.nblocks = (uint32_t)sqlite3_column_int64(s, first + 5);
	r->chunk_log2 = (uint8_t)sqlite3_column_int(s, first + 7);
	r->modified_by = (uint64_t)sqlite3_column_int64(s, first + 10);
	root = sqlite3_column_blob(s, first + 6);
	if (root != NULL && sqlite3_column_bytes(s, first + 6) == (int)sizeof(r->content.root))
		memcpy(r->content.root, root, sizeof(r->content.root));
	else if (r->content.nblocks > 0)
		return -1;
	if (r->kind < RECORD_FILE || r->kind > RECORD_SYMLINK || r->content.size < 0)
		return -1;
	if (read_version(s, first + 9, &r->version) < 0 || read_base(s, first + 11, &r->base) < 0 ||
	    read_base(s, first + 12, &r->mode_base) < 0) {
		record_clear(r);
		return -1;
	}
	r->path = index_path(sqlite3_column_blob(s, key_column), sqlite3_column_bytes(s, key_column));
	if (target_type != SQLITE_NULL) {
		target = sqlite3_column_blob(s, first + 8);
		r->target = mem_calloc((size_t)sqlite3_column_bytes(s, first + 8) + 1, 1);
		if (target != NULL)
			memcpy(r->target, target, (size_t)sqlite3_column_bytes(s, first + 8));
	}
	/* Rows that an older lanyard wrote may have no checksum. */
	if (sqlite3_column_type(s, first + 13) != SQLITE_NULL &&
	    sqlite3_column_int64(s, first + 13) != row_checksum(r)) {
		record_clear(r);
		return -1;
	}
	r->mode &= RECORD_MODE; /* version 0.1.0 stored more bits */
	record_fit(r);
	return 0;
}

int index_row_read(const struct index *index, sqlite3_stmt *s, struct record *r)
{
	int at = 2 + INDEX_RECORD_NCOLUMNS;

	if (index_record_read(s, 1, 2, r) < 0)
		return -1;
	r->seq = (uint64_t)sqlite3_column_int64(s, 0);
	r->via = (uint64_t)sqlite3_column_int64(s, at);
	r->seen.size = sqlite3_column_int64(s, at + 1);
	r->seen.mtime_ns = sqlite3_column_int64(s, at + 2);
	r->seen.ctime_ns = sqlite3_column_int64(s, at + 3);
	r->seen.ino = (uint64_t)sqlite3_column_int64(s, at + 4);
	/* Rows of an older lanyard do not have it: as far as we know the disk has kept the mode that it was asked to
	 * set. */
	if (sqlite3_column_type(s, at + 5) != SQLITE_NULL)
		r->seen.mode = (uint32_t)sqlite3_column_int64(s, at + 5);
	else if (!record_seen_is_none(&r->seen))
		r->seen.mode = r->mode;
	r->leaving = (sqlite3_column_int(s, at + 6) & INDEX_MARK_LEAVING) != 0;
	index_joins_apply(index, r);
	return 0;
}
