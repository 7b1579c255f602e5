/* How tests that turn a loop themselves let time pass which nothing else ends. */
#ifndef LANYARD_TESTS_UNIT_LET_PASS_H
#define LANYARD_TESTS_UNIT_LET_PASS_H

#include "base/loop.h"

static inline void let_pass_over(void *arg)
{
	*(bool *)arg = true;
}

/* Calls the test's own turn, a statement that may wait, until that many milliseconds have passed. */
#define LET_PASS(loop, ms, turn)                                                           \
	do {                                                                               \
		bool over_ = false;                                                        \
		struct loop_timer *timer_ = loop_timer_new((loop), let_pass_over, &over_); \
		loop_timer_start(timer_, (ms), 0);                                         \
		while (!over_)                                                             \
			turn;                                                              \
		loop_timer_free(timer_);                                                   \
	} while (0)

#endif
