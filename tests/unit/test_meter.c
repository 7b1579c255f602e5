/* Rates of the last seconds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sync/peer/meter.h"

static void nothing_passes_at_first(void **state)
{
	struct meter m = { 0 };

	(void)state;
	assert_int_equal(meter_rate(&m, 0), 0);
	assert_int_equal(meter_rate(&m, INT64_C(1) << 40), 0);
}

static void a_steady_flow_is_its_rate_whenever_asked(void **state)
{
	struct meter m = { 0 };
	int64_t t = 123456789;

	(void)state;
	for (int64_t end = t + 2 * METER_MS; t < end; t += 10)
		meter_add(&m, t, 10000);
	for (int64_t end = t + 3 * METER_MS; t < end; t += 10) {
		meter_add(&m, t, 10000);
		assert_in_range(meter_rate(&m, t), 990000, 1010000);
	}
}

static void what_has_stopped_is_forgotten_within_two_windows(void **state)
{
	struct meter m = { .since_ms = 1000 };
	int64_t last = INT64_MAX;

	(void)state;
	meter_add(&m, 1000, 8000);
	assert_int_equal(meter_rate(&m, 1000), 4000);
	for (int64_t t = 1000 + METER_MS; t < 1000 + 2 * METER_MS; t += 100) {
		assert_in_range(meter_rate(&m, t), 1, last - 1);
		last = meter_rate(&m, t);
	}
	assert_int_equal(meter_rate(&m, 1000 + 2 * METER_MS), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_passes_at_first),
		cmocka_unit_test(a_steady_flow_is_its_rate_whenever_asked),
		cmocka_unit_test(what_has_stopped_is_forgotten_within_two_windows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
