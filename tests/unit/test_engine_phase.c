/* The table of an engine's phases: what may follow what, and that none is a dead end. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "agent/engine/engine_phase.h"

enum { PHASES = PHASE_REMOVING + 1 };

static void walk(const enum engine_phase *phases, size_t n)
{
	for (size_t i = 1; i < n; i++)
		assert_true(engine_phase_may_follow(phases[i - 1], phases[i]));
}

#define WALK(...)                                                     \
	do {                                                          \
		static const enum engine_phase w[] = { __VA_ARGS__ }; \
		walk(w, sizeof(w) / sizeof(w[0]));                    \
	} while (0)

static void an_engine_lives(void **state)
{
	(void)state;
	WALK(PHASE_STOPPED, PHASE_OPENING, PHASE_RUNNING, PHASE_LOST, PHASE_DRAINING, PHASE_STOPPED, PHASE_OPENING);
	WALK(PHASE_STOPPED, PHASE_OPENING, PHASE_JOINING, PHASE_STOPPED, PHASE_OPENING, PHASE_RUNNING, PHASE_EXCLUDED,
	     PHASE_LEAVING, PHASE_DRAINING, PHASE_REMOVING, PHASE_DRAINING);
	WALK(PHASE_RUNNING, PHASE_DRAINING, PHASE_COPIED, PHASE_LEAVING, PHASE_DRAINING, PHASE_REMOVING);
	WALK(PHASE_OPENING, PHASE_STOPPED, PHASE_OPENING); /* the disk is not there, and comes */
}

static void each_phase_can_be_drained_and_left(void **state)
{
	(void)state;
	for (int p = 0; p < PHASES; p++) {
		assert_non_null(engine_phase_name((enum engine_phase)p));
		assert_true(engine_phase_may_follow((enum engine_phase)p, PHASE_DRAINING));
		if (p != PHASE_LEAVING && p != PHASE_REMOVING)
			assert_true(engine_phase_may_follow((enum engine_phase)p, PHASE_LEAVING));
	}
}

/* Jobs are out: whatever was built on the index or the share is still used by them. */
static void nothing_stops_without_having_drained(void **state)
{
	static const enum engine_phase built[] = { PHASE_RUNNING, PHASE_EXCLUDED, PHASE_LOST, PHASE_LEAVING };

	(void)state;
	for (size_t i = 0; i < sizeof(built) / sizeof(built[0]); i++) {
		assert_false(engine_phase_may_follow(built[i], PHASE_STOPPED));
		assert_false(engine_phase_may_follow(built[i], PHASE_COPIED));
		assert_false(engine_phase_may_follow(built[i], PHASE_REMOVING));
		assert_false(engine_phase_may_follow(built[i], PHASE_OPENING));
	}
	for (int p = 0; p < PHASES; p++)
		assert_int_equal(engine_phase_may_follow((enum engine_phase)p, PHASE_REMOVING), p == PHASE_DRAINING);
}

static void what_is_over_does_not_come_back(void **state)
{
	(void)state;
	for (int p = 0; p < PHASES; p++) {
		if (p != PHASE_DRAINING) {
			assert_false(engine_phase_may_follow(PHASE_LEAVING, (enum engine_phase)p));
			assert_false(engine_phase_may_follow(PHASE_REMOVING, (enum engine_phase)p));
		}
		if (p != PHASE_DRAINING && p != PHASE_LEAVING)
			assert_false(engine_phase_may_follow(PHASE_COPIED, (enum engine_phase)p));
		if (p != PHASE_OPENING)
			assert_false(engine_phase_may_follow((enum engine_phase)p, PHASE_RUNNING));
	}
	assert_false(engine_phase_may_follow(PHASE_EXCLUDED, PHASE_RUNNING));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_engine_lives),
		cmocka_unit_test(each_phase_can_be_drained_and_left),
		cmocka_unit_test(nothing_stops_without_having_drained),
		cmocka_unit_test(what_is_over_does_not_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
