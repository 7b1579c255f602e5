/* Room on a disk: how much is kept, and what a download still needs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sync/share/reserve.h"

static bool is_odd(const void *arg, uint32_t block)
{
	(void)arg;
	return block % 2 == 1;
}

static void the_reserve_fits_the_disk(void **state)
{
	static const int64_t mib = 1 << 20;
	struct block b[] = { { 5, { 1 } }, { 7, { 2 } }, { 7, { 2 } }, { 7, { 2 } }, { 9, { 3 } }, { 7, { 2 } } };
	struct blocklist l = { 6, b };

	(void)state;
	assert_int_equal(reserve_size(0), 0);
	assert_int_equal(reserve_size(4 * mib), mib);
	assert_int_equal(reserve_size(24 * mib), 6 * mib);
	assert_int_equal(reserve_size(100 * mib), 8 * mib);
	assert_int_equal(reserve_size(1000 * mib), 50 * mib);
	assert_int_equal(reserve_size(10000 * mib), 64 * mib);
	assert_int_equal(reserve_needed(&l, NULL, NULL), 5 + 7 + 9 + 7);
	assert_int_equal(reserve_needed(&l, is_odd, NULL), 5 + 9);
	l.n = 0;
	assert_int_equal(reserve_needed(&l, NULL, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_reserve_fits_the_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
