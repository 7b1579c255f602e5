/* Agents in the lists of the command: names first, and no more of an ID than tells the agents of the list apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdlib.h>

#include "agent/cli/names.h"

/* A list of n documents with these IDs. */
static json_t *list_of(const char *const *ids, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, ids[i] != NULL ? json_pack("{s:s}", "agent", ids[i]) : json_object());
	return list;
}

static size_t length_of(const char *const *ids, size_t n)
{
	json_t *list = list_of(ids, n);
	size_t length = names_id_length(list, "agent");

	json_decref(list);
	return length;
}

static void ids_are_as_short_as_they_can_be(void **state)
{
	static const char *const apart[] = { "abcdefg-hijklmn", "bbcdefg-hijklmn", NULL, "abcdefx-hijklmn" };
	static const char *const alike[] = { "abcdefg-hijklmn", "zzzzzzz-zzzzzzz", "abcdefg-hixxxxx" };
	static const char *const more[] = { "abcdefg-hijklmn", "abcdefg-hixxxxx", "abcdefg-hijklmx" };
	static const char *const same[] = { "abcdefg-hijklmn", "abcdefg-hijklmn" };

	(void)state;
	assert_int_equal(length_of(apart, 0), 7);
	assert_int_equal(length_of(apart, 1), 7);
	assert_int_equal(length_of(apart, 4), 7);
	assert_int_equal(length_of(alike, 3), 11); /* "abcdefg-hij" and "abcdefg-hix" */
	assert_int_equal(length_of(more, 3), 15);
	assert_int_equal(length_of(same, 2), 7); /* one agent in two rows */
}

static void two_ids_that_begin_alike_are_shown_longer(void **state)
{
	static const char *const alike[] = { "abcdefg-hijklmn-opqrstu", "abcdefg-hijxxxx-xxxxxxx" };
	json_t *list = list_of(alike, 2);
	size_t length = names_id_length(list, "agent");
	char *one = names_id(json_array_get(list, 0), "agent", length);
	char *other = names_id(json_array_get(list, 1), "agent", length);
	char *none = names_id(json_array_get(list, 1), "by", length);

	(void)state;
	assert_string_equal(one, "abcdefg-hijk");
	assert_string_equal(other, "abcdefg-hijx");
	assert_string_equal(none, "");
	free(one);
	free(other);
	free(none);
	json_decref(list);
}

static void assert_names(char *(*names)(const json_t *document), json_t *document, const char *want)
{
	char *text = names(document);

	assert_string_equal(text, want);
	free(text);
	json_decref(document);
}

static void an_agent_is_its_name_and_the_start_of_its_id(void **state)
{
	(void)state;
	assert_names(names_agent, json_pack("{s:s, s:s}", "agent", "abcdefg-hijklmn", "name", "bob"), "bob (abcdefg)");
	assert_names(names_agent, json_pack("{s:s, s:n}", "agent", "abcdefg-hijklmn", "name"), "abcdefg");
	assert_names(names_agent, json_pack("{s:s, s:s}", "agent", "abcdefg-hijklmn", "name", "b\x1b[2Jb"),
	             "b\\x1b[2Jb (abcdefg)");
}

static void an_event_shows_as_much_of_the_id_as_the_agent_says(void **state)
{
	(void)state;
	assert_names(names_peer,
	             json_pack("{s:s, s:s, s:s}", "peer", "abcdefg-hijklmn", "short_id", "abcdefg-hij", "name", "bob"),
	             "bob (abcdefg-hij)");
	assert_names(names_peer, json_pack("{s:s, s:s}", "peer", "abcdefg-hijklmn", "short_id", "abcdefg"), "abcdefg");
	assert_names(names_peer, json_pack("{s:s}", "peer", "abcdefg-hijklmn"), "abcdefg"); /* an older agent's */
	assert_names(names_peer, json_object(), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_are_as_short_as_they_can_be),
		cmocka_unit_test(two_ids_that_begin_alike_are_shown_longer),
		cmocka_unit_test(an_agent_is_its_name_and_the_start_of_its_id),
		cmocka_unit_test(an_event_shows_as_much_of_the_id_as_the_agent_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
