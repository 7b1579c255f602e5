/* The order in which content is got. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "sync/get/queue.h"

enum { BIG = 100 << 20 };

static void small_ones_go_first(void **state)
{
	struct queue q = { 0 };
	struct queue_entry big, middle, small;

	(void)state;
	queue_add(&q, &big, BIG, 1, 0, false);
	queue_add(&q, &middle, 500000, 1, 0, false);
	queue_add(&q, &small, 10, 1, 0, false);
	assert_int_equal(queue_length(&q), 3);
	assert_ptr_equal(queue_take(&q), &small);
	assert_ptr_equal(queue_take(&q), &middle);
	assert_ptr_equal(queue_take(&q), &big);
	assert_null(queue_take(&q));
	queue_clear(&q);
}

static void lanes_have_their_limits(void **state)
{
	struct queue q = { 0 };
	struct queue_entry big[10], small, *taken[QUEUE_BIG_AT_ONCE];

	(void)state;
	for (size_t i = 0; i < 10; i++)
		queue_add(&q, &big[i], BIG, 1, 0, false);
	for (size_t i = 0; i < QUEUE_BIG_AT_ONCE; i++) {
		taken[i] = queue_take(&q);
		assert_ptr_equal(taken[i], &big[i]);
	}
	assert_null(queue_take(&q));
	/* A full lane does not keep the others. */
	queue_add(&q, &small, 1, 1, 0, false);
	assert_ptr_equal(queue_take(&q), &small);
	assert_null(queue_take(&q));
	queue_done(&q, taken[0]);
	assert_ptr_equal(queue_take(&q), &big[QUEUE_BIG_AT_ONCE]);
	queue_clear(&q);
}

/* A file of a few bytes may be said to have a million blocks. */
static void long_lists_have_their_limits(void **state)
{
	struct queue q = { 0 };
	struct queue_entry one, two, three[QUEUE_BIG_AT_ONCE + 1];

	(void)state;
	queue_add(&q, &one, 100, QUEUE_BIG_BLOCKS + 1, 0, false);
	queue_add(&q, &two, BIG, QUEUE_BIG_BLOCKS + 1, 0, false);
	assert_ptr_equal(queue_take(&q), &one);
	assert_null(queue_take(&q));
	assert_int_equal(queue_length(&q), 1);
	for (size_t i = 0; i <= QUEUE_BIG_AT_ONCE; i++)
		queue_add(&q, &three[i], 100, QUEUE_MIDDLE_BLOCKS + 1, 0, false);
	for (size_t i = 0; i < QUEUE_BIG_AT_ONCE; i++)
		assert_ptr_equal(queue_take(&q), &three[i]);
	assert_null(queue_take(&q));
	queue_done(&q, &one);
	assert_ptr_equal(queue_take(&q), &two);
	queue_clear(&q);
}

static void who_failed_comes_behind(void **state)
{
	struct queue q = { 0 };
	struct queue_entry failed, fresh, later;

	(void)state;
	queue_add(&q, &failed, 1, 1, 2, false);
	queue_add(&q, &fresh, 1, 1, 0, false);
	queue_add(&q, &later, 1, 1, 0, false);
	assert_ptr_equal(queue_take(&q), &fresh);
	assert_ptr_equal(queue_take(&q), &later);
	assert_ptr_equal(queue_take(&q), &failed);
	queue_clear(&q);
}

static void any_may_be_removed(void **state)
{
	enum { N = 200 };
	struct queue q = { 0 };
	struct queue_entry *e = mem_calloc(N, sizeof(*e)), *got;
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < N; i++)
		queue_add(&q, &e[i], 1, 1, (unsigned)(i * 7 % 5), false);
	for (size_t i = 0; i < N; i += 3) {
		queue_remove(&q, &e[i]);
		queue_remove(&q, &e[i]);
	}
	while ((got = queue_take(&q)) != NULL) {
		static struct queue_entry last;

		assert_int_not_equal((got - e) % 3, 0);
		if (n > 0)
			assert_true(last.tries < got->tries ||
			            (last.tries == got->tries && last.arrival < got->arrival));
		last = *got;
		queue_done(&q, got);
		n++;
	}
	assert_int_equal(n, N - (N + 2) / 3);
	free(e);
	queue_clear(&q);
}

static void the_smaller_of_a_lane_goes_first(void **state)
{
	struct queue q = { 0 };
	struct queue_entry first, later, small;

	(void)state;
	queue_add(&q, &first, 1000000, 1, 0, false);
	queue_add(&q, &later, 999999, 1, 0, false);
	queue_add(&q, &small, 100000, 1, 0, false);
	assert_ptr_equal(queue_take(&q), &small);
	assert_ptr_equal(queue_take(&q), &first);
	assert_ptr_equal(queue_take(&q), &later);
	queue_clear(&q);
}

/* It goes before smaller ones, and into a lane that is full; but not all such do. */
static void what_its_user_waits_for_goes_first(void **state)
{
	struct queue q = { 0 };
	struct queue_entry big[QUEUE_BIG_AT_ONCE], small, first, second;

	(void)state;
	for (size_t i = 0; i < QUEUE_BIG_AT_ONCE; i++) {
		queue_add(&q, &big[i], BIG, 1, 0, false);
		assert_ptr_equal(queue_take(&q), &big[i]);
	}
	queue_add(&q, &small, 1, 1, 0, false);
	queue_add(&q, &first, BIG, 1, 3, true);
	queue_add(&q, &second, BIG, 1, 3, true);
	assert_ptr_equal(queue_take(&q), &first);
	assert_ptr_equal(queue_take(&q), &small);
	assert_null(queue_take(&q));
	queue_done(&q, &first);
	assert_ptr_equal(queue_take(&q), &second);
	queue_clear(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_smaller_of_a_lane_goes_first),
		cmocka_unit_test(what_its_user_waits_for_goes_first),
		cmocka_unit_test(small_ones_go_first),
		cmocka_unit_test(lanes_have_their_limits),
		cmocka_unit_test(long_lists_have_their_limits),
		cmocka_unit_test(who_failed_comes_behind),
		cmocka_unit_test(any_may_be_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
