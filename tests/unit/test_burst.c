/* Which deletions look like an accident. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sync/plan/burst.h"

static void a_few_are_never_held(void **state)
{
	struct burst b = { 0 };

	(void)state;
	assert_false(burst_holds(&b, 19, 19, 19, 1000));
	b = (struct burst){ 0 };
	assert_true(burst_holds(&b, 20, 20, 20, 1000));
}

static void a_large_part_is_held_and_a_small_one_is_not(void **state)
{
	struct burst b = { 0 };

	(void)state;
	assert_false(burst_holds(&b, 1000, 1000, 499, 1000));
	b = (struct burst){ 0 };
	assert_true(burst_holds(&b, 1000, 1000, 500, 1000));
	assert_true(burst_holds(&b, 1000, 1000, 500, 1001)); /* the same question, the same answer */
	b = (struct burst){ 0 };
	assert_false(burst_holds(&b, 41, 41, 20, 1000));
	b = (struct burst){ 0 };
	assert_true(burst_holds(&b, 41, 41, 21, 1000));
}

/* Within an hour, removing slowly lets no more files go than removing at once. */
static void what_was_let_go_before_counts(void **state)
{
	struct burst b = { 0 };
	int64_t there = 1000;
	int64_t now_ms = 1000;

	(void)state;
	while (!burst_holds(&b, there, there, 10, now_ms)) {
		there -= 10;
		now_ms += BURST_WINDOW_MS / 60;
	}
	assert_int_equal(there, 510);
}

static void what_is_far_apart_does_not_belong_together(void **state)
{
	struct burst b = { 0 };

	(void)state;
	assert_false(burst_holds(&b, 1000, 1000, 400, 1000));
	assert_false(burst_holds(&b, 600, 600, 200, 1000 + BURST_WINDOW_MS));
	b = (struct burst){ 0 };
	assert_false(burst_holds(&b, 1000, 1000, 400, 1000));
	assert_true(burst_holds(&b, 600, 600, 200, 1000 + BURST_WINDOW_MS - BURST_SLOT_MS));
}

/* The new names count by then, so nothing is lost. */
static void a_moved_tree_is_no_burst(void **state)
{
	struct burst b = { 0 };

	(void)state;
	assert_false(burst_holds(&b, 1000, 2000, 1000, 1000));
	assert_true(burst_holds(&b, 1000, 1400, 900, 2000)); /* half of them have no new name */
}

static void what_peers_deleted_meanwhile_does_not_count(void **state)
{
	struct burst b = { 0 };

	(void)state;
	assert_false(burst_holds(&b, 1000, 1000, 1, 1000));
	assert_false(burst_holds(&b, 1000, 300, 30, 2000)); /* a peer deleted 699 */
}

static void a_storm_that_makes_as_much_as_it_removes_is_no_burst(void **state)
{
	struct burst b = { 0 };

	(void)state;
	for (int64_t ms = 0; ms < 600000; ms += 100)
		assert_false(burst_holds(&b, 50, 50, 20, ms));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_few_are_never_held),
		cmocka_unit_test(a_large_part_is_held_and_a_small_one_is_not),
		cmocka_unit_test(what_was_let_go_before_counts),
		cmocka_unit_test(what_is_far_apart_does_not_belong_together),
		cmocka_unit_test(a_moved_tree_is_no_burst),
		cmocka_unit_test(what_peers_deleted_meanwhile_does_not_count),
		cmocka_unit_test(a_storm_that_makes_as_much_as_it_removes_is_no_burst),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
