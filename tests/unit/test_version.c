/* Version vectors: order, join, bump, and that only well-formed bytes are decoded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "sync/plan/version.h"

static struct version make(int n, ...)
{
	struct version v = { 0 };
	va_list ap;

	va_start(ap, n);
	for (int i = 0; i < n; i++) {
		uint64_t writer = va_arg(ap, uint64_t), counter = va_arg(ap, uint64_t);

		assert_int_equal(version_bump(&v, writer, counter), 0);
	}
	va_end(ap);
	return v;
}

#define E(w, c) (uint64_t)(w), (uint64_t)(c)

static void check_order(struct version a, struct version b, enum version_order want)
{
	static const enum version_order mirror[] = { VERSION_EQUAL, VERSION_OLDER, VERSION_NEWER, VERSION_CONCURRENT };

	assert_int_equal(version_compare(&a, &b), want);
	assert_int_equal(version_compare(&b, &a), mirror[want]);
	version_clear(&a);
	version_clear(&b);
}

static void order_of_every_kind(void **state)
{
	(void)state;
	check_order(make(0), make(0), VERSION_EQUAL);
	check_order(make(1, E(1, 1)), make(0), VERSION_NEWER);
	check_order(make(1, E(5, 2)), make(1, E(5, 1)), VERSION_NEWER);
	check_order(make(2, E(1, 1), E(5, 2)), make(1, E(5, 2)), VERSION_NEWER);
	check_order(make(2, E(5, 2), E(9, 1)), make(1, E(5, 2)), VERSION_NEWER);
	check_order(make(2, E(5, 2), E(9, 1)), make(2, E(9, 1), E(5, 2)), VERSION_EQUAL);
	check_order(make(1, E(1, 1)), make(1, E(2, 1)), VERSION_CONCURRENT);
	check_order(make(2, E(1, 2), E(2, 1)), make(2, E(1, 1), E(2, 2)), VERSION_CONCURRENT);
	check_order(make(2, E(1, 1), E(3, 1)), make(2, E(2, 1), E(3, 1)), VERSION_CONCURRENT);
}

static void join_takes_the_greater_counter(void **state)
{
	struct version a = make(3, E(1, 5), E(3, 1), E(7, 7)), b = make(3, E(2, 2), E(3, 4), E(7, 6));

	(void)state;
	assert_int_equal(version_join(&a, &b), 0);
	assert_int_equal(a.n, 4);
	assert_int_equal(version_counter(&a, 1), 5);
	assert_int_equal(version_counter(&a, 2), 2);
	assert_int_equal(version_counter(&a, 3), 4);
	assert_int_equal(version_counter(&a, 7), 7);
	assert_int_equal(version_compare(&a, &b), VERSION_NEWER);
	version_clear(&a);
	version_clear(&b);
}

static void join_is_the_least_upper_bound(void **state)
{
	(void)state;
	random_set_seed(7);
	for (int round = 0; round < 20000; round++) {
		struct version v[2] = { { 0 } }, ab, ba;

		for (int k = 0; k < 2; k++) {
			for (uint64_t w = 1; w <= 4; w++) {
				uint64_t c = random_below(3);

				if (c > 0)
					version_bump(&v[k], w, c);
			}
		}
		version_copy(&ab, &v[0]);
		version_copy(&ba, &v[1]);
		version_join(&ab, &v[1]);
		version_join(&ba, &v[0]);
		assert_int_equal(version_compare(&ab, &ba), VERSION_EQUAL);
		for (int k = 0; k < 2; k++) {
			enum version_order o = version_compare(&ab, &v[k]);

			assert_true(o == VERSION_EQUAL || o == VERSION_NEWER);
		}
		for (uint64_t w = 1; w <= 4; w++) {
			uint64_t x = version_counter(&v[0], w), y = version_counter(&v[1], w);

			assert_int_equal(version_counter(&ab, w), x > y ? x : y);
		}
		version_clear(&ab);
		version_clear(&ba);
		version_clear(&v[0]);
		version_clear(&v[1]);
	}
	random_set_seed(0);
}

static void bump_only_forwards(void **state)
{
	struct version v = make(1, E(4, 4));

	(void)state;
	assert_int_equal(version_bump(&v, 4, 4), -1);
	assert_int_equal(version_bump(&v, 4, 3), -1);
	assert_int_equal(version_bump(&v, 5, 0), -1);
	assert_int_equal(v.n, 1);
	assert_int_equal(version_bump(&v, 4, 5), 0);
	assert_int_equal(version_counter(&v, 4), 5);
	version_clear(&v);
}

static struct version full(uint64_t first, uint64_t counter)
{
	struct version v = { 0 };

	for (uint64_t w = 0; w < VERSION_MAX; w++)
		assert_int_equal(version_bump(&v, first + w, counter + w), 0);
	return v;
}

static void a_full_one_goes_on_by_folding(void **state)
{
	struct version v = full(1, 1), before;

	(void)state;
	assert_int_equal(version_bump(&v, 4000, 1000), -1);
	assert_int_equal(v.n, VERSION_MAX);
	version_copy(&before, &v);
	assert_int_equal(version_bump(&v, 3, 2000), 0); /* a writer that is in it needs no space */
	assert_int_equal(version_compare(&v, &before), VERSION_NEWER);
	for (int i = 0; i < 1000; i++) {
		version_clear(&before);
		version_copy(&before, &v);
		assert_int_equal(version_fold(&v, 1000000 + (uint64_t)i), 0);
		assert_int_equal(v.n, VERSION_MAX);
		assert_int_equal(version_compare(&v, &before), VERSION_NEWER);
		assert_int_equal(version_compare(&before, &v), VERSION_OLDER);
	}
	version_clear(&before);
	version_clear(&v);
}

/* Two changes on top of one full vector do not know each other, though both have lost entries. */
static void two_folds_of_one_are_concurrent(void **state)
{
	struct version a = full(1, 1), b = full(1, 1), ab, ba;

	(void)state;
	assert_int_equal(version_fold(&a, 1000), 0);
	assert_int_equal(version_fold(&b, 2000), 0);
	assert_int_equal(version_compare(&a, &b), VERSION_CONCURRENT);
	version_copy(&ab, &a);
	version_copy(&ba, &b);
	version_join(&ab, &b);
	version_join(&ba, &a);
	assert_int_equal(version_compare(&ab, &ba), VERSION_EQUAL);
	assert_int_not_equal(version_counter(&ab, 1000), 0);
	assert_int_not_equal(version_counter(&ab, 2000), 0);
	version_clear(&a);
	version_clear(&b);
	version_clear(&ab);
	version_clear(&ba);
}

/* An invented mark beside lower counters: no member follows it down. */
static void a_mark_leads_only_upwards(void **state)
{
	struct version v = full(1, 1000), next, low = full(5000, 1);

	(void)state;
	version_copy(&next, &v);
	assert_int_equal(version_fold(&next, 99), 0);
	for (uint32_t i = 0; i < next.n; i++) {
		if (version_counter(&v, next.e[i].writer) == 0 && next.e[i].writer != 99)
			low.e[low.n - 1] = (struct version_entry){ .writer = next.e[i].writer, .counter = 1 };
	}
	assert_int_equal(version_compare(&low, &v), VERSION_CONCURRENT);
	version_clear(&v);
	version_clear(&next);
	version_clear(&low);
}

static void there_is_an_end_but_nobody_can_leap_there(void **state)
{
	struct version v = full(1, VERSION_COUNTER_MAX - VERSION_MAX + 1), none = { 0 }, ours = make(1, E(1, 7));

	(void)state;
	assert_int_equal(version_fold(&v, 4000), -1);
	assert_int_equal(v.n, VERSION_MAX);
	assert_false(version_is_near(&v, &none));
	assert_false(version_is_near(&v, &ours));
	assert_true(version_is_near(&ours, &none));
	assert_true(version_is_near(&v, &v));
	version_clear(&ours);
	ours = make(1, E(1, VERSION_PLAIN_MAX + 5 * VERSION_LEAP_MAX));
	assert_false(version_is_near(&ours, &none));
	version_clear(&v);
	v = make(1, E(9, VERSION_PLAIN_MAX + 4 * VERSION_LEAP_MAX));
	assert_true(version_is_near(&ours, &v));
	version_clear(&v);
	version_clear(&ours);
}

/* Vectors that have more writers together than one may have: whatever the order in which they are joined, the result
 * is the same. */
static void folded_joins_do_not_depend_on_the_order(void **state)
{
	(void)state;
	random_set_seed(11);
	for (int round = 0; round < 300; round++) {
		struct version v[4] = { { 0 } }, all[3] = { { 0 } };
		static const int orders[3][6] = { { 0, 1, 2, 3, 1, 0 }, { 3, 2, 1, 0, 0, 3 }, { 1, 3, 0, 2, 2, 1 } };

		for (int k = 0; k < 4; k++) {
			for (uint64_t i = random_below(VERSION_MAX); i > 0; i--)
				version_bump(&v[k], random_below(300), random_below(1000) + 1);
		}
		for (int o = 0; o < 3; o++) {
			for (int i = 0; i < 6; i++)
				version_join(&all[o], &v[orders[o][i]]);
			assert_true(all[o].n <= VERSION_MAX);
		}
		assert_int_equal(version_compare(&all[0], &all[1]), VERSION_EQUAL);
		assert_int_equal(version_compare(&all[0], &all[2]), VERSION_EQUAL);
		for (int o = 0; o < 3; o++)
			version_clear(&all[o]);
		for (int k = 0; k < 4; k++)
			version_clear(&v[k]);
	}
	random_set_seed(0);
}

static void encoding_comes_back(void **state)
{
	struct version v = make(3, E(UINT64_MAX, 1), E(0, UINT64_MAX), E(0x0102030405060708, 0x1112131415161718)), back;
	uint8_t b[48];
	static const uint8_t middle[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18 };

	(void)state;
	assert_int_equal(version_encode(b, &v), sizeof(b));
	assert_memory_equal(b + 16, middle, 16);
	assert_int_equal(version_decode(&back, b, sizeof(b)), 0);
	assert_int_equal(version_compare(&v, &back), VERSION_EQUAL);
	version_clear(&back);
	version_clear(&v);
	assert_int_equal(version_decode(&back, b, 0), 0);
	assert_int_equal(back.n, 0);
}

static void bad_bytes_are_refused(void **state)
{
	struct version v;
	uint8_t b[32] = { 0 }, *big = calloc(VERSION_STORED_MAX + 1, 16);

	(void)state;
	assert_non_null(big);
	b[7] = 2, b[15] = 1, b[23] = 3, b[31] = 1;
	assert_int_equal(version_decode(&v, b, 32), 0);
	version_clear(&v);
	assert_int_equal(version_decode(&v, b, 31), -1);
	b[23] = 2; /* twice the same writer */
	assert_int_equal(version_decode(&v, b, 32), -1);
	b[23] = 1; /* unsorted */
	assert_int_equal(version_decode(&v, b, 32), -1);
	b[23] = 3, b[31] = 0; /* a counter of 0 */
	assert_int_equal(version_decode(&v, b, 32), -1);
	assert_null(v.e);
	for (int i = 0; i <= VERSION_STORED_MAX; i++) {
		put_u64(big + i * 16, (uint64_t)i);
		put_u64(big + i * 16 + 8, 1);
	}
	assert_int_equal(version_decode(&v, big, (size_t)(VERSION_STORED_MAX + 1) * 16), -1);
	assert_int_equal(version_decode(&v, big, (size_t)VERSION_STORED_MAX * 16), 0);
	version_fit(&v);
	assert_int_equal(v.n, VERSION_MAX);
	version_clear(&v);
	free(big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_of_every_kind),
		cmocka_unit_test(join_takes_the_greater_counter),
		cmocka_unit_test(join_is_the_least_upper_bound),
		cmocka_unit_test(bump_only_forwards),
		cmocka_unit_test(a_full_one_goes_on_by_folding),
		cmocka_unit_test(two_folds_of_one_are_concurrent),
		cmocka_unit_test(a_mark_leads_only_upwards),
		cmocka_unit_test(there_is_an_end_but_nobody_can_leap_there),
		cmocka_unit_test(folded_joins_do_not_depend_on_the_order),
		cmocka_unit_test(encoding_comes_back),
		cmocka_unit_test(bad_bytes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
