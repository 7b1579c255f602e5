/* How tests that turn a loop themselves wait for an event. Include after cmocka.h. */
#ifndef LANYARD_TESTS_UNIT_RUN_UNTIL_H
#define LANYARD_TESTS_UNIT_RUN_UNTIL_H

#include "base/clock.h"

/* Calls the test's own turn() until the condition holds, for at most 10 s. */
#define RUN_UNTIL(condition)                                  \
	do {                                                  \
		int64_t end_ = clock_mono_ns() + 10000000000; \
		while (!(condition)) {                        \
			assert_true(clock_mono_ns() < end_);  \
			turn();                               \
		}                                             \
	} while (0)

#endif
