/* Proves when a path with a hint is checked, with a clock that only the test moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/local/debounce.h"

static struct debounce *s;
static int64_t now;

static int set_up(void **state)
{
	(void)state;
	s = debounce_new();
	now = 1000;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	debounce_free(s);
	return 0;
}

static void event(const char *path, enum debounce_event e)
{
	debounce_event(s, now, path, e);
}

/* The next path due now, or "": in a buffer that the next call reuses. */
static const char *take(void)
{
	static char path[64];
	struct debounce_hint hint;

	debounce_turn(s, now);
	if (!debounce_take(s, &hint))
		return "";
	assert_true(strlen(hint.path) < sizeof(path));
	memcpy(path, hint.path, strlen(hint.path) + 1);
	free(hint.path);
	return path;
}

/* Moves the clock to when the debouncer asks to be called, until a path is due; that path. */
static const char *take_later(int64_t *waited)
{
	int64_t start = now;
	const char *path = take();

	while (path[0] == '\0') {
		int64_t next = debounce_next_ms(s);

		assert_true(next > now);
		now = next;
		path = take();
	}
	*waited = now - start;
	return path;
}

/* What a writer's first write leads to: a look, which finds that it is one. */
static void heard_writing(const char *path)
{
	struct debounce_hint hint;

	event(path, DEBOUNCE_MODIFIED);
	debounce_turn(s, now);
	if (!debounce_take(s, &hint))
		return;
	assert_string_equal(hint.path, path);
	assert_true(hint.content && hint.writing);
	free(hint.path);
	event(path, DEBOUNCE_WRITING);
}

static void test_most_events_are_due_at_once_and_in_order(void **state)
{
	(void)state;
	event("a", DEBOUNCE_NOW);
	event("b", DEBOUNCE_CLOSED);
	event("c", DEBOUNCE_FRESH);
	event("d", DEBOUNCE_ATTRIB);
	event("a", DEBOUNCE_NOW);
	assert_int_equal(debounce_next_ms(s), 0);
	assert_int_equal(debounce_pending(s), 4);
	assert_string_equal(take(), "a");
	assert_string_equal(take(), "b");
	assert_string_equal(take(), "c");
	assert_string_equal(take(), "d");
	assert_string_equal(take(), "");
	assert_int_equal(debounce_pending(s), 0);
	assert_int_equal(debounce_next_ms(s), -1);
}

static void test_hints_say_what_was_heard(void **state)
{
	struct debounce_hint hint;

	(void)state;
	event("fresh", DEBOUNCE_FRESH);
	event("closed", DEBOUNCE_FRESH);
	event("closed", DEBOUNCE_MODIFIED);
	event("closed", DEBOUNCE_CLOSED);
	event("mode", DEBOUNCE_ATTRIB);
	debounce_turn(s, now);
	assert_true(debounce_take(s, &hint));
	assert_true(hint.fresh && !hint.content);
	free(hint.path);
	assert_true(debounce_take(s, &hint));
	assert_string_equal(hint.path, "closed");
	assert_true(!hint.fresh && hint.content);
	free(hint.path);
	assert_true(debounce_take(s, &hint));
	assert_string_equal(hint.path, "mode");
	assert_true(!hint.fresh && !hint.content);
	free(hint.path);
}

static void test_a_writer_is_waited_for_until_it_closes(void **state)
{
	(void)state;
	heard_writing("f");
	assert_string_equal(take(), "");
	assert_true(debounce_waits(s, "f"));
	now += DEBOUNCE_QUIET_MS - 100;
	event("f", DEBOUNCE_MODIFIED);
	now += DEBOUNCE_QUIET_MS - 100;
	assert_string_equal(take(), "");
	event("f", DEBOUNCE_ATTRIB); /* chmod before the close says nothing of the content */
	assert_string_equal(take(), "");
	event("f", DEBOUNCE_CLOSED);
	assert_false(debounce_waits(s, "f"));
	assert_string_equal(take(), "f");
	assert_int_equal(debounce_pending(s), 0);
}

static void test_a_deleted_file_is_not_waited_for(void **state)
{
	(void)state;
	heard_writing("f");
	event("f", DEBOUNCE_NOW);
	assert_string_equal(take(), "f");
}

static void test_a_silent_writer_is_waited_for_until_it_is_quiet(void **state)
{
	int64_t waited;

	(void)state;
	heard_writing("f");
	assert_string_equal(take_later(&waited), "f");
	assert_int_equal(waited, DEBOUNCE_QUIET_MS);
	assert_int_equal(debounce_pending(s), 0);
	assert_int_equal(debounce_next_ms(s), -1);
}

static void test_patience_doubles_and_is_bounded(void **state)
{
	static const int64_t quiet[] = { 500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000 };
	int64_t waited;

	(void)state;
	for (size_t i = 0; i < sizeof(quiet) / sizeof(quiet[0]); i++) {
		event("f", DEBOUNCE_WRITING);
		assert_string_equal(take_later(&waited), "f");
		assert_int_equal(waited, quiet[i]);
	}
}

static void test_grown_patience_is_forgotten_after_a_close_and_after_a_while(void **state)
{
	int64_t waited;

	(void)state;
	heard_writing("f");
	assert_string_equal(take_later(&waited), "f");
	heard_writing("f");
	assert_string_equal(take_later(&waited), "f");
	assert_int_equal(waited, 2 * DEBOUNCE_QUIET_MS);
	event("f", DEBOUNCE_CLOSED);
	assert_string_equal(take(), "f");
	heard_writing("f");
	assert_string_equal(take_later(&waited), "f");
	assert_int_equal(waited, DEBOUNCE_QUIET_MS);
	now += DEBOUNCE_COOL_MS + 1;
	event("f", DEBOUNCE_MODIFIED);
	assert_string_equal(take_later(&waited), "f");
	assert_int_equal(waited, DEBOUNCE_QUIET_MS);
}

static void test_a_writer_that_never_pauses_is_waited_for_a_minute(void **state)
{
	int64_t start = now;
	const char *path = "";

	(void)state;
	while (path[0] == '\0') {
		heard_writing("log");
		now += 100;
		path = take();
		assert_true(now - start <= DEBOUNCE_BOUND_MS);
	}
	assert_string_equal(path, "log");
	assert_int_equal(now - start, DEBOUNCE_BOUND_MS);
}

static void test_a_fresh_file_gets_a_moment(void **state)
{
	int64_t waited;

	(void)state;
	event("f", DEBOUNCE_CREATED);
	assert_string_equal(take_later(&waited), "f");
	assert_int_equal(waited, DEBOUNCE_CREATED_MS);
	event("f", DEBOUNCE_CREATED);
	event("f", DEBOUNCE_CLOSED);
	assert_string_equal(take(), "f");
	/* What came in between wins over the look's word. */
	event("f", DEBOUNCE_CLOSED);
	event("f", DEBOUNCE_CREATED);
	assert_string_equal(take(), "f");
}

static void test_an_installer_gets_a_shorter_one(void **state)
{
	int64_t waited;

	(void)state;
	event("f", DEBOUNCE_BUSY);
	assert_string_equal(take_later(&waited), "f");
	assert_int_equal(waited, DEBOUNCE_BUSY_MS);
	assert_int_equal(debounce_changing(s, now, NULL, NULL), 0);
}

static void test_a_write_is_looked_at_once_and_then_waited_for(void **state)
{
	int64_t waited;

	(void)state;
	/* Closed while the look was under way: the close wins. */
	event("f", DEBOUNCE_MODIFIED);
	assert_string_equal(take(), "f");
	event("f", DEBOUNCE_CLOSED);
	event("f", DEBOUNCE_WRITING);
	assert_string_equal(take(), "f");
	/* Written to again meanwhile: the look's word stands. */
	event("f", DEBOUNCE_MODIFIED);
	assert_string_equal(take(), "f");
	event("f", DEBOUNCE_MODIFIED);
	event("f", DEBOUNCE_WRITING);
	assert_string_equal(take_later(&waited), "f");
	assert_int_equal(waited, DEBOUNCE_QUIET_MS);
	/* What an installer does to the file does not make it a writer's. */
	event("g", DEBOUNCE_BUSY);
	event("g", DEBOUNCE_MODIFIED);
	assert_string_equal(take_later(&waited), "g");
	assert_int_equal(waited, DEBOUNCE_BUSY_MS);
}

static void test_looks_at_the_soonest_first(void **state)
{
	int64_t waited;

	(void)state;
	heard_writing("slow");
	event("soon", DEBOUNCE_CREATED);
	assert_string_equal(take_later(&waited), "soon");
	assert_string_equal(take_later(&waited), "slow");
	assert_int_equal(waited, DEBOUNCE_QUIET_MS - DEBOUNCE_CREATED_MS);
}

static bool note(void *arg, const char *path, int64_t since_ms)
{
	int64_t *since = arg;

	assert_string_equal(path, "f");
	*since = since_ms;
	return true;
}

static void test_what_keeps_changing_is_listed_meanwhile(void **state)
{
	int64_t since = -1;
	int64_t start = now;

	(void)state;
	heard_writing("f");
	assert_int_equal(debounce_changing(s, now, note, &since), 0);
	now += 1900;
	event("f", DEBOUNCE_MODIFIED);
	now += 1900;
	assert_int_equal(debounce_changing(s, now, note, &since), 1);
	assert_int_equal(since, start);
	event("f", DEBOUNCE_CLOSED);
	assert_int_equal(debounce_changing(s, now, note, &since), 0);
}

static void test_memory_is_bounded_by_giving_up(void **state)
{
	char path[32];
	int64_t n = 0;

	(void)state;
	while (!debounce_overflowed(s)) {
		(void)snprintf(path, sizeof(path), "f%lld", (long long)n++);
		event(path, n % 2 == 0 ? DEBOUNCE_MODIFIED : DEBOUNCE_NOW);
		assert_true(n < 2 * DEBOUNCE_MAX);
	}
	assert_true(n > DEBOUNCE_MAX);
	assert_int_equal(debounce_pending(s), 1);
	assert_false(debounce_overflowed(s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_most_events_are_due_at_once_and_in_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_hints_say_what_was_heard, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_writer_is_waited_for_until_it_closes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_deleted_file_is_not_waited_for, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_silent_writer_is_waited_for_until_it_is_quiet, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(test_patience_doubles_and_is_bounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_grown_patience_is_forgotten_after_a_close_and_after_a_while,
		                                set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_writer_that_never_pauses_is_waited_for_a_minute, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(test_a_fresh_file_gets_a_moment, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_an_installer_gets_a_shorter_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_write_is_looked_at_once_and_then_waited_for, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_looks_at_the_soonest_first, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_keeps_changing_is_listed_meanwhile, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memory_is_bounded_by_giving_up, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("debounce", tests, NULL, NULL);
}
