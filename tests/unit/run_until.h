/* How tests that turn a loop themselves wait for an event. Include after cmocka.h. */
#ifndef LANYARD_TESTS_UNIT_RUN_UNTIL_H
#define LANYARD_TESTS_UNIT_RUN_UNTIL_H

#include "base/clock.h"
#include "tests/unit/patience.h"

/* Calls the test's own turn() until the condition holds, for at most PATIENCE_MS. */
#define RUN_UNTIL(condition)                                                     \
	do {                                                                     \
		int64_t end_ = clock_mono_ns() + PATIENCE_MS * INT64_C(1000000); \
		while (!(condition)) {                                           \
			assert_true(clock_mono_ns() < end_);                     \
			turn();                                                  \
		}                                                                \
	} while (0)

#endif
