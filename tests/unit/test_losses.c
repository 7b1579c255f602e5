/* The losses that an author causes within an hour: by path, without what it made itself, and bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sync/plan/burst.h"
#include "sync/plan/losses.h"

/* Any hashes of paths. */
static uint64_t path(uint64_t i)
{
	uint64_t x = (i + 1) * 0x9e3779b97f4a7c15u;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

static void a_path_counts_once(void **state)
{
	struct losses *l = losses_new();

	(void)state;
	for (int i = 0; i < 520; i++)
		losses_add(l, path(7), false, i);
	losses_add(l, path(8), false, 520);
	assert_int_equal(losses_count(l, 0, 520), 2);
	losses_cancel(l, path(7));
	losses_cancel(l, path(9));
	assert_int_equal(losses_count(l, 0, 520), 1);
	losses_free(l);
	losses_free(NULL);
}

static void an_hour_later_it_does_not_count(void **state)
{
	struct losses *l = losses_new();

	(void)state;
	losses_add(l, path(1), false, 0);
	losses_add(l, path(2), false, 1000);
	assert_int_equal(losses_count(l, 0, BURST_WINDOW_MS), 2);
	assert_int_equal(losses_count(l, 0, BURST_WINDOW_MS + 1), 1);
	/* A path that is lost again counts from the last time. */
	losses_add(l, path(2), false, BURST_WINDOW_MS);
	assert_int_equal(losses_count(l, 0, BURST_WINDOW_MS + 1001), 1);
	losses_free(l);
}

static void what_was_taken_stays_taken_and_counts_once(void **state)
{
	struct losses *l = losses_new();

	(void)state;
	losses_done(l, path(1));
	losses_add(l, path(1), false, 0);
	assert_false(losses_has_done(l, path(1), 0));
	losses_done(l, path(1));
	assert_true(losses_has_done(l, path(1), BURST_WINDOW_MS));
	assert_false(losses_has_done(l, path(1), BURST_WINDOW_MS + 1));
	assert_int_equal(losses_count(l, 0, 0), 1);
	/* What another author wrote there is a new loss. */
	losses_add(l, path(1), false, 1);
	assert_false(losses_has_done(l, path(1), 1));
	losses_free(l);
}

static void what_the_author_made_is_its_own(void **state)
{
	struct losses *l = losses_new();

	(void)state;
	losses_note_made(l, path(1), 0);
	assert_true(losses_has_made(l, path(1), BURST_WINDOW_MS));
	assert_false(losses_has_made(l, path(1), BURST_WINDOW_MS + 1));
	assert_false(losses_has_made(l, path(2), 0));
	assert_int_equal(losses_count(l, 0, 0), 0);
	/* Deleted, it counts as far as the share shrinks. */
	losses_add(l, path(1), true, 0);
	losses_add(l, path(2), true, 0);
	assert_int_equal(losses_count(l, 0, 0), 0);
	assert_int_equal(losses_count(l, -3, 0), 0);
	assert_int_equal(losses_count(l, 1, 0), 1);
	assert_int_equal(losses_count(l, 9, 0), 2);
	losses_note_made(l, path(1), 1);
	losses_cancel(l, path(2));
	assert_int_equal(losses_count(l, 9, 1), 0);
	assert_true(losses_has_made(l, path(1), 1) && losses_has_made(l, path(2), 1));
	/* A file it made where it had taken one away does not undo the loss. */
	losses_add(l, path(3), false, 0);
	losses_note_made(l, path(3), 1);
	assert_false(losses_has_made(l, path(3), 1));
	assert_int_equal(losses_count(l, 0, 1), 1);
	losses_free(l);
}

static void many_are_counted_roughly(void **state)
{
	struct losses *l = losses_new();

	(void)state;
	for (uint64_t i = 0; i < LOSSES_REMEMBERED; i++)
		losses_add(l, path(i), false, 0);
	assert_int_equal(losses_count(l, 0, 0), LOSSES_REMEMBERED);
	for (uint64_t i = 0; i < 1000000; i++)
		losses_add(l, path(i), false, 1);
	assert_in_range(losses_count(l, 0, 1), 850000, 1150000);
	/* And exactly again once those are older than an hour. */
	losses_add(l, path(5), false, BURST_WINDOW_MS + 2);
	assert_int_equal(losses_count(l, 0, BURST_WINDOW_MS + 2), 1);
	losses_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_counts_once),
		cmocka_unit_test(an_hour_later_it_does_not_count),
		cmocka_unit_test(what_was_taken_stays_taken_and_counts_once),
		cmocka_unit_test(what_the_author_made_is_its_own),
		cmocka_unit_test(many_are_counted_roughly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
