/* An index in a folder of its own for each test, rows of one block to put into it, and checks of what comes back.
 * cmocka.h comes first. */
#ifndef LANYARD_TESTS_UNIT_INDEX_ROWS_H
#define LANYARD_TESTS_UNIT_INDEX_ROWS_H

#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/index/index.h"
#include "tests/unit/index_dir.h"

enum { ME = 77 };

static struct index *ix;

static inline void open_index(enum index_status want)
{
	char *why;

	assert_int_equal(index_open(&ix, dir, &why), want);
	assert_null(why);
	assert_non_null(ix);
}

static inline int setup(void **state)
{
	(void)state;
	assert_int_equal(make_dir(), 0);
	open_index(INDEX_NEW);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	log_set_sink(NULL, NULL);
	index_close(ix);
	ix = NULL;
	return remove_dir();
}

static inline void reopen(void)
{
	index_close(ix);
	open_index(INDEX_OK);
}

/* A file of one block, made from a number. */
static inline struct record file(const char *path, uint32_t content)
{
	struct record r = { .path = mem_strdup(path),
		            .kind = RECORD_FILE,
		            .mode = 0640,
		            .mtime_ns = 1000 + content,
		            .content = { .size = 100 + content, .nblocks = 1 } };

	sha256(r.content.root, &content, sizeof(content));
	return r;
}

static inline void put(const char *path, uint32_t content)
{
	struct record r = file(path, content);

	assert_int_equal(index_put_change(ix, &r, NULL, ME), 0);
	record_clear(&r);
}

static inline void put_deleted(const char *path)
{
	struct record r;

	assert_int_equal(index_get(ix, path, &r), 1);
	r.deleted = true;
	assert_int_equal(index_put_change(ix, &r, NULL, ME), 0);
	record_clear(&r);
}

/* Field by field: the bytes between the fields are undefined. */
static inline void assert_same_seen(const struct seen *a, const struct seen *b)
{
	assert_int_equal(a->size, b->size);
	assert_int_equal(a->mtime_ns, b->mtime_ns);
	assert_int_equal(a->ctime_ns, b->ctime_ns);
	assert_int_equal(a->ino, b->ino);
	assert_int_equal(a->mode, b->mode);
}

static inline void check_record(const struct record *a, const struct record *b)
{
	assert_string_equal(a->path, b->path);
	assert_true(record_same(a, b));
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->deleted, b->deleted);
	assert_int_equal(version_compare(&a->version, &b->version), VERSION_EQUAL);
	assert_int_equal(version_compare(&a->base, &b->base), VERSION_EQUAL);
	assert_int_equal(version_compare(&a->mode_base, &b->mode_base), VERSION_EQUAL);
	assert_int_equal(a->chunk_log2, b->chunk_log2);
	assert_int_equal(a->modified_by, b->modified_by);
	assert_int_equal(a->seq, b->seq);
	assert_int_equal(a->via, b->via);
	assert_same_seen(&a->seen, &b->seen);
}

static inline void check_row(const struct record *want)
{
	struct record r;

	assert_int_equal(index_get(ix, want->path, &r), 1);
	check_record(&r, want);
	record_clear(&r);
}

#endif
