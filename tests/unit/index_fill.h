/* An index in a folder of its own with rows that do not matter: for tests of what becomes of the file. cmocka.h comes first. */
#ifndef LANYARD_TESTS_UNIT_INDEX_FILL_H
#define LANYARD_TESTS_UNIT_INDEX_FILL_H

#include "base/mem.h"
#include "sync/index/index.h"
#include "tests/unit/index_dir.h"

/* Opens the index in dir, which is to be as wanted. */
static inline struct index *open_index(enum index_status want)
{
	struct index *ix;
	char *why;

	assert_int_equal(index_open(&ix, dir, &why), want);
	assert_true((why == NULL) == (want == INDEX_OK || want == INDEX_NEW));
	free(why);
	return ix;
}

/* The i-th of any number of rows; -1 as index_put_change. */
static inline int put(struct index *ix, int i)
{
	struct record r = { .path = mem_printf("folder-%d/file-%d", i % 31, i), .kind = RECORD_DIR, .mode = 0755 };
	int rc = index_put_change(ix, &r, NULL, 1);

	record_clear(&r);
	return rc;
}

static inline void fill(struct index *ix, int n)
{
	for (int i = 0; i < n; i++)
		assert_int_equal(put(ix, i), 0);
	assert_int_equal(index_commit(ix), 0);
}

#endif
