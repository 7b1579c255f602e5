/* Names of kept versions: they are found by their path, sort by their time, and are never longer than a name may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sync/versions/kept_name.h"

static const int64_t moment = INT64_C(1795244772123456789); /* 2026-11-21 07:06:12 */

static void an_id_is_the_moment(void **state)
{
	char id[KEPT_ID_MAX];
	int64_t at;

	(void)state;
	kept_id_format(id, moment);
	assert_string_equal(id, "20261121-070612-123456789");
	assert_int_equal(kept_id_parse(id, &at), 0);
	assert_true(at == moment);
	kept_id_format(id, -5);
	assert_string_equal(id, "19700101-000000-000000000");
	kept_id_format(id, INT64_MAX);
	assert_int_equal(strlen(id), KEPT_ID_MAX - 1);
}

static void what_is_no_id_is_refused(void **state)
{
	static const char *const bad[] = { "",
		                           "20261121",
		                           "20261121-070612",
		                           "20261121-070612-12345678",
		                           "20261121-070612-1234567890",
		                           "20261121_070612-123456789",
		                           "20261131-070612-123456789",
		                           "20261121-240000-123456789",
		                           "19691231-235959-999999999",
		                           "99991231-235959-999999999",
		                           "20261121-070612-12345678x" };
	int64_t at;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(kept_id_parse(bad[i], &at), -1);
}

static void a_name_says_path_and_moment(void **state)
{
	struct kept_tag tag = kept_tag_of("docs/report.txt"), other = kept_tag_of("docs/report.txt2"), back;
	char name[KEPT_NAME_MAX];
	int64_t at;

	(void)state;
	assert_int_equal(strlen(tag.hex), KEPT_TAG);
	assert_string_not_equal(tag.hex, other.hex);
	kept_name_format(name, &tag, moment, NULL, "docs/report.txt");
	assert_string_equal(name + KEPT_TAG, "-20261121-070612-123456789-report.txt");
	assert_int_equal(kept_name_parse(name, &back, &at, NULL), 0);
	assert_string_equal(back.hex, tag.hex);
	assert_true(at == moment);
	kept_name_format(name, &tag, moment, NULL, NULL);
	assert_string_equal(name + KEPT_TAG, "-20261121-070612-123456789");
	assert_int_equal(kept_name_parse(name, &back, &at, NULL), 0);
	name[0] = 'x';
	assert_int_equal(kept_name_parse(name, &back, &at, NULL), -1);
	assert_int_equal(kept_name_parse("copy-0123456789abcdef", &back, &at, NULL), -1);
}

static void a_name_says_through_whose_hands_it_went(void **state)
{
	struct kept_hands hands = { .wrote = 0x0123abcd, .took = 0xfedc0001 }, back;
	struct kept_tag tag = kept_tag_of("report.txt");
	char name[KEPT_NAME_MAX];
	int64_t at;
	size_t end;

	(void)state;
	kept_name_format(name, &tag, moment, &hands, "report.txt");
	assert_string_equal(name + KEPT_TAG, "-20261121-070612-123456789.0123abcdfedc0001-report.txt");
	assert_int_equal(kept_name_parse(name, &tag, &at, &back), 0);
	assert_true(at == moment && back.wrote == hands.wrote && back.took == hands.took);
	/* A name without hands, and one in which the path's name looks like hands. */
	kept_name_format(name, &tag, moment, NULL, ".0123abcdfedc0001");
	assert_int_equal(kept_name_parse(name, &tag, &at, &back), 0);
	assert_true(back.wrote == 0 && kept_is_foreign(&back));
	end = strlen(name) - strlen("-.0123abcdfedc0001");
	(void)snprintf(name + end, sizeof(name) - end, ".0123abcdfedc00012");
	assert_int_equal(kept_name_parse(name, &tag, &at, &back), -1);
	assert_false(kept_is_foreign(&(struct kept_hands){ .wrote = kept_hand(1, 2), .took = kept_hand(1, 2) }));
	assert_true(kept_is_foreign(&(struct kept_hands){ .wrote = kept_hand(1, 0), .took = kept_hand(1, 2) }));
}

static void long_names_keep_their_end(void **state)
{
	struct kept_tag tag = kept_tag_of("x"), back;
	char path[300], name[KEPT_NAME_MAX];
	int64_t at;

	(void)state;
	memset(path, 'n', 251);
	memcpy(path + 251, ".jpg", 5);
	kept_name_format(name, &tag, moment, NULL, path);
	assert_int_equal(strlen(name), KEPT_NAME_MAX - 1);
	assert_string_equal(name + strlen(name) - 5, "n.jpg");
	assert_int_equal(kept_name_parse(name, &back, &at, NULL), 0);
	/* A character of three bytes is not cut. */
	for (size_t i = 0; i < 85; i++)
		memcpy(path + 3 * i, "\xe2\x82\xac", 4);
	kept_name_format(name, &tag, moment, NULL, path);
	assert_true(strlen(name) < KEPT_NAME_MAX);
	assert_memory_equal(name + KEPT_TAG + 1 + KEPT_ID_MAX, "\xe2\x82\xac", 3);
}

static void names_are_shortened_for_disks_that_hold_less(void **state)
{
	struct kept_tag tag = kept_tag_of("x"), back;
	char path[256], name[KEPT_NAME_MAX];
	int64_t at;

	(void)state;
	memset(path, 'n', 251);
	memcpy(path + 251, ".jpg", 5);
	kept_name_format(name, &tag, moment, NULL, path);
	assert_int_equal(kept_name_shorten(name), 0);
	assert_int_equal(strlen(name), 143);
	assert_string_equal(name + strlen(name) - 5, "n.jpg");
	assert_int_equal(kept_name_parse(name, &back, &at, NULL), 0);
	assert_int_equal(kept_name_shorten(name), 0);
	assert_string_equal(name + KEPT_TAG, "-20261121-070612-123456789");
	assert_int_equal(kept_name_parse(name, &back, &at, NULL), 0);
	assert_int_equal(kept_name_shorten(name), -1);
}

static void the_component_is_found_behind_the_hands(void **state)
{
	const struct kept_hands hands = { .wrote = 1, .took = 2 };
	struct kept_tag tag = kept_tag_of("d/x-y.txt");
	char name[KEPT_NAME_MAX];

	(void)state;
	kept_name_format(name, &tag, moment, &hands, "d/x-y.txt");
	assert_string_equal(kept_name_component(name), "x-y.txt");
	kept_name_format(name, &tag, moment, NULL, "d/x-y.txt");
	assert_string_equal(kept_name_component(name), "x-y.txt");
	kept_name_format(name, &tag, moment, &hands, NULL);
	assert_string_equal(kept_name_component(name), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_id_is_the_moment),
		cmocka_unit_test(what_is_no_id_is_refused),
		cmocka_unit_test(a_name_says_path_and_moment),
		cmocka_unit_test(a_name_says_through_whose_hands_it_went),
		cmocka_unit_test(long_names_keep_their_end),
		cmocka_unit_test(names_are_shortened_for_disks_that_hold_less),
		cmocka_unit_test(the_component_is_found_behind_the_hands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
