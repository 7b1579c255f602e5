/* Which versions stay: staggered by age, bounded by count and bytes, and the same however often thinning is done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "sync/versions/kept_policy.h"

#define S      INT64_C(1000000000)
#define MINUTE (60 * S)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define WEEK   (7 * DAY)

enum { MAX = 40000 };

static const int64_t now = 20000 * DAY + 5 * HOUR + 17 * MINUTE;
static struct kept_item v[MAX];

/* A version every `every`, from now back to `age`. */
static size_t fill(int64_t every, int64_t age)
{
	size_t n = 0;

	for (int64_t back = every; back < age && n < MAX; back += every)
		v[n++] = (struct kept_item){ .at_ns = now - back, .size = 1, .hands = { .wrote = 7, .took = 7 } };
	return n;
}

static size_t stay(size_t n)
{
	size_t left = 0;

	for (size_t i = 0; i < n; i++) {
		if (!v[i].drop)
			v[left++] = v[i];
	}
	return left;
}

static void the_last_ten_minutes_stay_whole(void **state)
{
	size_t n = fill(5 * S, 10 * MINUTE);

	(void)state;
	kept_policy_thin(v, n, now, 90 * DAY);
	assert_int_equal(stay(n), n);
}

static void older_ones_stay_by_minute_hour_day_and_week(void **state)
{
	static const struct {
		int64_t every, age;
		size_t min, max;
	} cases[] = {
		{ 10 * S, HOUR, 59 + 50, 59 + 52 },
		{ 5 * MINUTE, DAY, 11 + 22, 11 + 25 },
		{ HOUR, 30 * DAY, 23 + 28, 23 + 31 },
		{ DAY, 300 * DAY, 29 + 37, 29 + 40 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t n = fill(cases[i].every, cases[i].age), left;

		kept_policy_thin(v, n, now, 1000 * DAY);
		left = stay(n);
		if (left < cases[i].min || left > cases[i].max)
			fail_msg("case %zu: %zu stay", i, left);
	}
}

static void a_lone_version_stays_until_it_is_too_old(void **state)
{
	(void)state;
	v[0] = (struct kept_item){ .at_ns = now - 90 * DAY + 1 };
	kept_policy_thin(v, 1, now, 90 * DAY);
	assert_false(v[0].drop);
	kept_policy_thin(v, 1, now + 1, 90 * DAY);
	assert_true(v[0].drop);
	/* After the clock went back a version from the future counts as new. */
	v[0] = (struct kept_item){ .at_ns = now + 1000 * DAY };
	kept_policy_thin(v, 1, now, 90 * DAY);
	assert_false(v[0].drop);
	kept_policy_thin(v, 1, now, 0);
	assert_true(v[0].drop);
}

static void a_path_has_a_bounded_number(void **state)
{
	size_t n = fill(WEEK, 600 * WEEK);

	(void)state;
	assert_true(n > KEPT_OF_A_PATH);
	kept_policy_thin(v, n, now, INT64_MAX);
	assert_int_equal(stay(n), KEPT_OF_A_PATH);
	assert_true(v[0].at_ns == now - WEEK);
}

/* A program that writes ten times per second for ten minutes. */
static void quick_ones_are_spaced_too(void **state)
{
	size_t n = fill(S / 10, 10 * MINUTE), left;

	(void)state;
	assert_true(n > 5000);
	kept_policy_thin(v, n, now, 90 * DAY);
	left = stay(n);
	assert_in_range(left, 60 + 108, 60 + 110);
	assert_true(v[0].at_ns == now - S / 10);
}

static const struct kept_hands anna_by_ben = { .wrote = 1, .took = 2 }, ben_by_ben = { .wrote = 2, .took = 2 };

/* One text by Anna, and then texts by Ben, as many and as long as he likes. */
static void nobody_pushes_out_the_last_version_of_another(void **state)
{
	size_t n = fill(S, 3 * HOUR);

	(void)state;
	for (size_t i = 0; i < n; i++)
		v[i].hands = ben_by_ben;
	v[n - 1].hands = anna_by_ben;
	v[n - 1].at_ns = v[n - 2].at_ns - 1;
	for (int64_t later = 0; later < 80; later++) {
		kept_policy_thin(v, n, now + later * DAY, 90 * DAY);
		assert_true(v[n - 1].spared && !v[n - 1].drop);
		n = stay(n);
	}
	assert_true(n < 50);
	/* Not even if there is no space at all. */
	assert_true(kept_policy_cutoff(v, n, 0, 0) > v[1].at_ns);
	assert_true(v[n - 1].spared);
	kept_policy_thin(v, n, now + 90 * DAY, 90 * DAY);
	assert_true(v[n - 1].drop);
}

/* Only her last one: her earlier ones are treated like any other. */
static void earlier_ones_of_an_author_are_thinned(void **state)
{
	size_t n = fill(S / 10, MINUTE), spared = 0;

	(void)state;
	for (size_t i = 0; i < n; i++)
		v[i].hands = anna_by_ben;
	kept_policy_thin(v, n, now, 90 * DAY);
	n = stay(n);
	for (size_t i = 0; i < n; i++)
		spared += v[i].spared;
	assert_true(spared == 1 && v[0].spared && n <= 61);
}

static void many_names_leave_those_before_them_their_place(void **state)
{
	size_t n = fill(S / 100, MINUTE), spared = 0;

	(void)state;
	for (size_t i = 0; i < n; i++)
		v[i].hands = (struct kept_hands){ .wrote = 100 + (uint32_t)i, .took = 99 + (uint32_t)i };
	v[n - 1].hands = anna_by_ben;
	kept_policy_thin(v, n, now, 90 * DAY);
	assert_true(v[n - 1].spared);
	for (size_t i = 0; i < n; i++)
		spared += v[i].spared;
	assert_int_equal(spared, KEPT_AUTHORS);
}

/* Thinning at every step leaves the same as thinning once at the end. */
static void often_or_once_is_the_same(void **state)
{
	struct kept_item *often = mem_calloc(MAX, sizeof(*often));
	uint64_t seed = 1;
	int64_t at = now;
	size_t n = 0, m = 0, left;

	(void)state;
	for (int i = 0; i < 4000; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		at += (int64_t)(seed >> 33) % (i % 50 == 0 ? 2 * DAY : 4 * MINUTE);
		memmove(v + 1, v, n++ * sizeof(v[0]));
		v[0] = (struct kept_item){ .at_ns = at,
			                   .hands = { .wrote = 1 + (uint32_t)(seed >> 40) % 3,
			                              .took = 1 + (uint32_t)(seed >> 50) % 3 } };
		memmove(often + 1, often, m * sizeof(often[0]));
		often[0] = v[0];
		m++;
		left = 0;
		kept_policy_thin(often, m, at + S, 60 * DAY);
		for (size_t k = 0; k < m; k++) {
			if (!often[k].drop)
				often[left++] = often[k];
		}
		m = left;
	}
	kept_policy_thin(v, n, at + S, 60 * DAY);
	left = stay(n);
	assert_int_equal(left, m);
	for (size_t i = 0; i < m; i++)
		assert_true(v[i].at_ns == often[i].at_ns);
	free(often);
}

static void the_oldest_goes_when_the_disk_is_short(void **state)
{
	struct kept_item items[] = { { .at_ns = 3, .size = 10 },
		                     { .at_ns = 1, .size = 10 },
		                     { .at_ns = 4, .size = 10 },
		                     { .at_ns = 2, .size = 10 } };

	(void)state;
	assert_true(kept_policy_cutoff(items, 4, 40, 100) == INT64_MIN);
	assert_int_equal(kept_policy_cutoff(items, 4, 39, 100), 2);
	assert_int_equal(kept_policy_cutoff(items, 4, 10, 100), 4);
	assert_int_equal(kept_policy_cutoff(items, 4, 0, 100), 5);
	assert_int_equal(kept_policy_cutoff(items, 4, -1, 100), 5);
	assert_int_equal(kept_policy_cutoff(items, 4, 40, 3), 2);
	assert_true(kept_policy_cutoff(NULL, 0, 0, 0) == INT64_MIN);
}

static void what_is_spared_takes_the_room_of_others(void **state)
{
	struct kept_item items[] = { { .at_ns = 1, .size = 10, .spared = true },
		                     { .at_ns = 2, .size = 10 },
		                     { .at_ns = 3, .size = 10 } };

	(void)state;
	assert_true(kept_policy_cutoff(items, 3, 30, 3) == INT64_MIN);
	assert_int_equal(kept_policy_cutoff(items, 3, 29, 3), 3);
	assert_int_equal(kept_policy_cutoff(items, 3, 30, 2), 3);
	assert_int_equal(kept_policy_cutoff(items, 3, 10, 3), 4);
}

static void the_budget_leaves_others_room(void **state)
{
	(void)state;
	assert_int_equal(kept_policy_budget(1000, 800, 50, 10), 100);
	assert_int_equal(kept_policy_budget(1000, 60, 50, 10), 60);
	assert_int_equal(kept_policy_budget(1000, 0, 80, 10), 30);
	assert_int_equal(kept_policy_budget(1000, 0, 20, 10), 0);
	assert_int_equal(kept_policy_budget(1000, 900, 0, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_ten_minutes_stay_whole),
		cmocka_unit_test(older_ones_stay_by_minute_hour_day_and_week),
		cmocka_unit_test(a_lone_version_stays_until_it_is_too_old),
		cmocka_unit_test(a_path_has_a_bounded_number),
		cmocka_unit_test(quick_ones_are_spaced_too),
		cmocka_unit_test(nobody_pushes_out_the_last_version_of_another),
		cmocka_unit_test(earlier_ones_of_an_author_are_thinned),
		cmocka_unit_test(many_names_leave_those_before_them_their_place),
		cmocka_unit_test(what_is_spared_takes_the_room_of_others),
		cmocka_unit_test(often_or_once_is_the_same),
		cmocka_unit_test(the_oldest_goes_when_the_disk_is_short),
		cmocka_unit_test(the_budget_leaves_others_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
