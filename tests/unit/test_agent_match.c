/* Proves agent_match.h: a word means one agent or none, and no agent can pass for another by its name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "agent/agent_match.h"

static const char *const names[] = { "alpha", "beta", "beta", "aaaaaaaa" };
/* They begin aaaaaaaaaa, aaaaaaaeaa, b and c; the last one is named as the first one's ID begins. */
static const struct agent_id ids[] = {
	{ { 0, 0, 0, 0, 0, 0, 1 } },
	{ { 0, 0, 0, 0, 0x04 } },
	{ { 0x08 } },
	{ { 0x10 } },
};

/* The index of the agent that is meant; -1: none, -2: several. */
static int meant(const char *text, size_t n)
{
	struct agent_match m = { .text = text };
	char *why = NULL;

	for (size_t i = 0; i < n; i++)
		agent_match_offer(&m, &ids[i], names[i]);
	if (agent_match_end(&m, "member", &why) < 0) {
		assert_non_null(strstr(why, text));
		free(why);
		return m.n == 0 ? -1 : -2;
	}
	for (size_t i = 0; i < n; i++) {
		if (agent_id_equal(&m.id, &ids[i]))
			return (int)i;
	}
	return -1;
}

static void a_name_that_one_has_means_it(void **state)
{
	(void)state;
	assert_int_equal(meant("alpha", 4), 0);
	assert_int_equal(meant("beta", 4), -2);
	assert_int_equal(meant("Alpha", 4), -1);
	assert_int_equal(meant("gamma", 4), -1);
}

static void a_start_that_one_has_means_it(void **state)
{
	(void)state;
	assert_int_equal(meant("baaaaaa", 4), 2);
	assert_int_equal(meant("CAAAAAA-A", 4), 3);
	assert_int_equal(meant("aaaaaaa", 4), -2);
	assert_int_equal(meant("aaaaaaae", 4), 1);
	assert_int_equal(meant("aaaaaac", 3), -1);
	assert_int_equal(meant("", 4), -1);
	assert_int_equal(meant("-", 4), -1);
}

/* "b" is soon somebody's ID, whoever was called so. */
static void a_letter_means_nobody_by_chance(void **state)
{
	(void)state;
	assert_int_equal(meant("b", 4), -1);
	assert_int_equal(meant("baaaaa", 4), -1);
	assert_int_equal(meant("b-a-a-a-a-a", 4), -1);
}

static void the_whole_id_means_it_in_both_forms(void **state)
{
	char text[ID_TEXT_MAX], plain[ID_PLAIN_MAX];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		agent_id_text(text, &ids[i]);
		agent_id_plain(plain, &ids[i]);
		assert_int_equal(meant(text, 4), (int)i);
		assert_int_equal(meant(plain, 4), (int)i);
	}
}

static void nobody_hides_behind_a_name_that_begins_anothers_id(void **state)
{
	char whole[ID_PLAIN_MAX];
	struct agent_match m = { .text = whole };

	(void)state;
	assert_int_equal(meant("aaaaaaaa", 4), -2);
	/* Nor behind its whole ID, in whatever order they are offered. */
	agent_id_plain(whole, &ids[0]);
	agent_match_offer(&m, &ids[3], whole);
	agent_match_offer(&m, &ids[0], "alpha");
	agent_match_offer(&m, &ids[2], whole);
	assert_int_equal(m.n, 1);
	assert_true(agent_id_equal(&m.id, &ids[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_that_one_has_means_it),
		cmocka_unit_test(a_start_that_one_has_means_it),
		cmocka_unit_test(a_letter_means_nobody_by_chance),
		cmocka_unit_test(the_whole_id_means_it_in_both_forms),
		cmocka_unit_test(nobody_hides_behind_a_name_that_begins_anothers_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
