/* Proves what link_losses.h promises: who was lost how often of late. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "agent/link_losses.h"

struct seen {
	size_t agents;
	struct link_loss last;
};

static void see(void *arg, const struct link_loss *loss)
{
	struct seen *s = arg;

	s->agents++;
	s->last = *loss;
}

static struct seen look(const struct link_losses *l, int64_t now_ms)
{
	struct seen s = { 0 };

	link_losses_each(l, now_ms, see, &s);
	return s;
}

static struct agent_id agent(uint32_t number)
{
	struct agent_id id = { .b = { 1 } };

	memcpy(id.b + 1, &number, sizeof(number));
	return id;
}

static void losses_are_counted_for_a_while(void **state)
{
	struct link_losses *l = link_losses_new();
	struct agent_id a = agent(1);

	(void)state;
	for (int i = 0; i < 5; i++)
		link_losses_note(l, &a, i < 4 ? "silent for over 10 s" : "connection lost", i * 1000);
	assert_int_equal(look(l, 5000).agents, 1);
	assert_int_equal(look(l, 5000).last.times, 5);
	assert_string_equal(look(l, 5000).last.reason, "connection lost");
	assert_int_equal(look(l, LINK_LOSSES_WITHIN_MS + 2000).last.times, 2);
	assert_int_equal(look(l, LINK_LOSSES_WITHIN_MS + 4000).agents, 0);
	link_losses_free(l);
}

static void who_says_goodbye_is_not_lost(void **state)
{
	struct link_losses *l = link_losses_new();
	struct agent_id a = agent(1);

	(void)state;
	link_losses_note(l, &a, "it said: stopped", 0);
	assert_int_equal(look(l, 0).agents, 0);
	link_losses_free(l);
}

static void what_is_remembered_is_bounded(void **state)
{
	struct link_losses *l = link_losses_new();
	struct agent_id always = agent(0), last;

	(void)state;
	for (uint32_t i = 0; i < 3 * LINK_LOSSES_AGENTS_MAX; i++) {
		struct agent_id a = agent(i);

		link_losses_note(l, &a, "connection lost", i);
		link_losses_note(l, &always, "connection lost", i);
	}
	assert_int_equal(look(l, 1000).agents, LINK_LOSSES_AGENTS_MAX);
	assert_int_equal(look(l, 1000).last.times, LINK_LOSSES_COUNT_MAX);
	last = look(l, 1000).last.id;
	assert_true(agent_id_equal(&last, &always));
	link_losses_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(losses_are_counted_for_a_while),
		cmocka_unit_test(who_says_goodbye_is_not_lost),
		cmocka_unit_test(what_is_remembered_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
