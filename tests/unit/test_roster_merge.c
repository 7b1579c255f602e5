/* The roster as a property: whatever honest agents and an adversary sign, however it travels, and whatever homes go
 * back, all that have met see the same members, and nobody has what it must not have.
 *
 *   test_roster_merge [FIRST_SEED RUNS STEPS]     prints what happened how often, and every seed that fails */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/unit/merge_world.h"

enum { FIRST = 1, RUNS = 40, STEPS = 300 };

static uint64_t totals[MERGE_EVENTS];

/* Everybody meets twice: halfway, and at the end. NULL: all holds. */
static const char *play(uint64_t seed, int steps)
{
	struct merge_world w;
	const char *why = NULL;

	merge_world_begin(&w, seed);
	for (int part = 0; part < 2 && why == NULL; part++) {
		for (int i = 0; i < steps / 2; i++)
			merge_step(&w);
		why = merge_settle(&w) ? merge_judge(&w) : "rosters never become the same";
	}
	for (int i = 0; i < MERGE_EVENTS; i++)
		totals[i] += w.counts[i];
	merge_world_end(&w);
	return why;
}

static void whatever_is_signed_all_that_have_met_see_the_same(void **state)
{
	(void)state;
	for (uint64_t seed = FIRST; seed < FIRST + RUNS; seed++) {
		const char *why = play(seed, STEPS);

		if (why != NULL)
			fail_msg("seed %llu: %s", (unsigned long long)seed, why);
	}
	for (int i = 0; i < MERGE_KEY_FOOLED; i++)
		assert_true(totals[i] > 0); /* or the play shows nothing about it */
	/* Old marks must not keep an agent out, so they cannot protect it in every case. */
	assert_true(totals[MERGE_KEY_FOOLED] * 100 <= totals[MERGE_OLD_SHOWN]);
}

static int play_many(uint64_t first, uint64_t runs, int steps)
{
	uint64_t broken = 0;

	for (uint64_t seed = first; seed < first + runs; seed++) {
		const char *why = play(seed, steps);

		if (why != NULL && ++broken <= 10)
			printf("seed %llu: %s\n", (unsigned long long)seed, why);
	}
	for (int i = 0; i < MERGE_EVENTS; i++)
		printf("%s %llu%s", merge_event_names[i], (unsigned long long)totals[i],
		       i + 1 < MERGE_EVENTS ? ", " : "\n");
	printf("%llu of %llu failed\n", (unsigned long long)broken, (unsigned long long)runs);
	return broken > 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(whatever_is_signed_all_that_have_met_see_the_same) };

	if (argc == 4)
		return play_many(strtoull(argv[1], NULL, 10), strtoull(argv[2], NULL, 10), atoi(argv[3]));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
