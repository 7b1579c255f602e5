/* Proves that the filter of digests lacks nothing that was added, and tells nearly all of the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sync/index/index_filter.h"

enum { MANY = 1000000, OTHERS = 100000 };

static int64_t digest_of(uint64_t number)
{
	uint64_t x = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (int64_t)(x ^ (x >> 31));
}

static void what_was_added_is_never_lacked(void **state)
{
	struct index_filter *filter = index_filter_new();

	(void)state;
	for (uint64_t i = 0; i < MANY; i++) {
		index_filter_add(filter, digest_of(i));
		assert_false(index_filter_lacks(filter, digest_of(i)));
	}
	for (uint64_t i = 0; i < MANY; i++)
		assert_false(index_filter_lacks(filter, digest_of(i)));
	index_filter_free(filter);
}

static void most_others_are_lacked_even_by_one_of_a_million(void **state)
{
	struct index_filter *filter = index_filter_new();
	int lacked = 0;

	(void)state;
	assert_true(index_filter_lacks(filter, digest_of(0)));
	assert_true(index_filter_lacks(filter, INT64_MIN));
	for (uint64_t i = 0; i < MANY; i++)
		index_filter_add(filter, digest_of(i));
	for (uint64_t i = MANY; i < MANY + OTHERS; i++)
		lacked += index_filter_lacks(filter, digest_of(i));
	assert_true(lacked > OTHERS * 0.95);
	index_filter_free(filter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_added_is_never_lacked),
		cmocka_unit_test(most_others_are_lacked_even_by_one_of_a_million),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
