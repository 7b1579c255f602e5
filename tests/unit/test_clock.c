/* Proves that tests can set time and chance, and that chance is even. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/clock.h"

static int64_t before_1970(void)
{
	return -1;
}

static void the_wall_clock_can_be_set(void **state)
{
	(void)state;
	assert_true(clock_wall_s() > 1600000000);
	clock_set_wall(before_1970);
	assert_int_equal(clock_wall_ns(), -1);
	assert_int_equal(clock_wall_s(), -1); /* the second that a nanosecond before 1970 lies in */
	clock_set_wall(NULL);
	assert_true(clock_wall_ns() > INT64_C(1600000000000000000));
	assert_true(clock_mono_ns() <= clock_mono_ns());
}

static void a_seed_repeats_the_sequence(void **state)
{
	uint8_t a[100];
	uint8_t b[100];

	(void)state;
	random_set_seed(42);
	random_bytes(a, sizeof(a));
	random_set_seed(42);
	random_bytes(b, sizeof(b));
	assert_memory_equal(a, b, sizeof(a));
	random_bytes(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	random_set_seed(43);
	random_bytes(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	random_set_seed(0);
	random_bytes(a, sizeof(a));
	random_bytes(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
}

static void below_is_even_and_below(void **state)
{
	int hits[6] = { 0 };

	(void)state;
	random_set_seed(7);
	for (int i = 0; i < 60000; i++)
		hits[random_below(6)]++;
	for (int i = 0; i < 6; i++)
		assert_in_range(hits[i], 9500, 10500);
	assert_int_equal(random_below(1), 0);
	/* With a bound of 3/4 of the range, plain modulo would make low values twice as likely. */
	memset(hits, 0, sizeof(hits));
	for (int i = 0; i < 60000; i++)
		hits[random_below(UINT64_C(3) << 62) >> 62]++;
	for (int i = 0; i < 3; i++)
		assert_in_range(hits[i], 19000, 21000);
	random_set_seed(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_wall_clock_can_be_set),
		cmocka_unit_test(a_seed_repeats_the_sequence),
		cmocka_unit_test(below_is_even_and_below),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
