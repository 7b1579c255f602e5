/* Proves that a word of a command means the same group and agent to the command line as it does to the agent: names
 * come before IDs, and what may mean two means neither. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "agent/cli/meant.h"

static json_t *list_of(const char *text)
{
	json_t *list = json_loads(text, 0, NULL);

	assert_non_null(list);
	return list;
}

static void check_group(const json_t *list, const char *word, const char *id)
{
	const json_t *g = meant_group(list, word);

	if (id == NULL)
		assert_null(g);
	else
		assert_string_equal(json_string_value(json_object_get(g, "id")), id);
}

static void a_groups_name_comes_before_the_start_of_anothers_id(void **state)
{
	json_t *list = list_of("[{\"group\": \"pics\", \"id\": \"beef01\", \"public_id\": \"abc\"},"
	                       " {\"group\": \"beef\", \"id\": \"123456\", \"public_id\": \"def\"},"
	                       " {\"group\": \"two\", \"id\": \"222222\", \"public_id\": \"abd\"},"
	                       " {\"group\": \"two\", \"id\": \"222233\", \"public_id\": \"xyz\"}]");

	(void)state;
	check_group(list, "beef", "123456");
	check_group(list, "pics", "beef01");
	check_group(list, "beef0", "beef01");
	check_group(list, "bee", NULL);
	check_group(list, "1", NULL);
	check_group(list, "", NULL);
	check_group(list, "two", NULL);
	check_group(list, "2222", NULL);
	check_group(list, "22223", "222233");
	check_group(list, "two#a", "222222");
	check_group(list, "two#xyz", "222233");
	check_group(list, "two#", NULL);
	check_group(list, "pics#d", NULL);
	check_group(NULL, "pics", NULL);
	json_decref(list);
}

static void check_agent(const json_t *list, const char *word, const char *name)
{
	const json_t *m = meant_agent(list, word);

	if (name == NULL)
		assert_null(m);
	else
		assert_string_equal(json_string_value(json_object_get(m, "name")), name);
}

static void a_letter_is_a_name_and_not_the_start_of_an_id(void **state)
{
	json_t *list = list_of("[{\"name\": \"a\", \"agent\": \"bpsufhk-57ucb76-ytwppfz\"},"
	                       " {\"name\": \"b\", \"agent\": \"22sinha-hnmdabu-7e23q6l\", \"code\": \"nlsz-ayug\"},"
	                       " {\"name\": \"c\", \"agent\": \"22sinha-hnmdabu-zzzzzzz\"},"
	                       " {\"name\": \"22sinha-hnmdabu-7\", \"agent\": \"ccccccc-ccccccc-ccccccc\"},"
	                       " {\"name\": null, \"agent\": \"ddddddd-ddddddd-ddddddd\"}]");

	(void)state;
	check_agent(list, "b", "b");
	check_agent(list, "a", "a");
	check_agent(list, "nlsz-ayug", "b");
	check_agent(list, "bpsufhk", "a");
	check_agent(list, "BPSUFHK57u", "a");
	check_agent(list, "bpsufh", NULL);
	check_agent(list, "22sinha", NULL);
	check_agent(list, "22sinha-hnmdabu-z", "c");
	check_agent(list, "22sinha-hnmdabu-7", NULL);
	check_agent(list, "22sinha-hnmdabu-7e", "b");
	check_agent(list, "", NULL);
	check_agent(list, "-", NULL);
	assert_non_null(meant_agent(list, "ddddddd"));
	check_agent(NULL, "b", NULL);
	json_decref(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_groups_name_comes_before_the_start_of_anothers_id),
		cmocka_unit_test(a_letter_is_a_name_and_not_the_start_of_an_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
