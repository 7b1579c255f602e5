/* Proves that buffers given back are taken again, that few are kept, and none after a trim. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "base/pool.h"

enum { MIB = 1 << 20 };

static void a_buffer_is_taken_again(void **state)
{
	struct pool_buffer a = pool_take(4 * MIB), b;
	const uint8_t *p = a.p;

	(void)state;
	assert_true(a.cap >= 4 * MIB);
	memset(a.p, 1, a.cap);
	pool_give(&a);
	assert_null(a.p);
	assert_int_equal(pool_kept(), 4 * MIB);
	b = pool_take(3 * MIB);
	assert_ptr_equal(b.p, p);
	assert_int_equal(pool_kept(), 0);
	/* It is in use: the next one is another. */
	a = pool_take(3 * MIB);
	assert_ptr_not_equal(a.p, b.p);
	pool_give(&a);
	pool_give(&b);
	pool_trim();
	assert_int_equal(pool_kept(), 0);
	pool_give(&a);
}

static void neither_too_small_nor_much_too_large(void **state)
{
	struct pool_buffer a = pool_take(8 * MIB), b;

	(void)state;
	pool_give(&a);
	b = pool_take(9 * MIB);
	assert_true(b.cap >= 9 * MIB);
	assert_int_equal(pool_kept(), 8 * MIB);
	pool_give(&b);
	b = pool_take(MIB);
	assert_int_equal(b.cap, MIB);
	pool_give(&b);
	pool_trim();
}

static void what_is_kept_is_bounded(void **state)
{
	struct pool_buffer b[2 * POOL_KEPT], large = pool_take(POOL_KEPT_BYTES + 1), small = pool_take(100);

	(void)state;
	pool_give(&large);
	pool_give(&small);
	assert_int_equal(pool_kept(), 0);
	for (int i = 0; i < 2 * POOL_KEPT; i++)
		b[i] = pool_take(MIB);
	for (int i = 0; i < 2 * POOL_KEPT; i++)
		pool_give(&b[i]);
	assert_int_equal(pool_kept(), POOL_KEPT * MIB);
	large = pool_take(POOL_KEPT_BYTES - MIB);
	pool_give(&large);
	assert_int_equal(pool_kept(), POOL_KEPT_BYTES);
	pool_trim();
}

static void *take_and_give(void *arg)
{
	for (int i = 0; i < 2000; i++) {
		struct pool_buffer b = pool_take(POOL_KEPT_MIN + (size_t)(i % 7) * 65536);

		memset(b.p, *(int *)arg, 64);
		for (int j = 0; j < 64; j++)
			assert_int_equal(b.p[j], *(int *)arg);
		pool_give(&b);
	}
	return NULL;
}

static void no_two_threads_have_one_buffer(void **state)
{
	pthread_t threads[4];
	int numbers[4];

	(void)state;
	for (int i = 0; i < 4; i++) {
		numbers[i] = i;
		assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, &numbers[i]), 0);
	}
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	pool_trim();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_buffer_is_taken_again),
		cmocka_unit_test(neither_too_small_nor_much_too_large),
		cmocka_unit_test(what_is_kept_is_bounded),
		cmocka_unit_test(no_two_threads_have_one_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
