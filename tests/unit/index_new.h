/* A new index, open, in a folder of its own for each test. cmocka.h comes first. */
#ifndef LANYARD_TESTS_UNIT_INDEX_NEW_H
#define LANYARD_TESTS_UNIT_INDEX_NEW_H

#include "base/clock.h"
#include "sync/index/index.h"
#include "tests/unit/index_dir.h"

static struct index *ix;

static int setup(void **state)
{
	char *why;

	(void)state;
	assert_int_equal(make_dir(), 0);
	assert_int_equal(index_open(&ix, dir, &why), INDEX_NEW);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	random_set_seed(0);
	index_close(ix);
	return remove_dir();
}

#endif
