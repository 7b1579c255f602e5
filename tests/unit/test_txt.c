/* Proves the promises of txt.h: what a TXT record may say, and that nothing it says can hurt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "discovery/txt.h"

#define ID "abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrsa"

static void read_text(struct txt *txt, const char *text)
{
	txt_read(txt, (const uint8_t *)text, strlen(text));
}

static void reads_version_id_and_groups(void **state)
{
	struct txt txt = { 0 };

	(void)state;
	read_text(&txt, "v=1");
	assert_false(txt_usable(&txt));
	read_text(&txt, "id=" ID);
	assert_true(txt_usable(&txt));
	read_text(&txt, "g=photos");
	read_text(&txt, "g=m\xc3\xbcsli = breakfast");
	read_text(&txt, "colour=blue");
	assert_string_equal(txt.id, ID);
	assert_int_equal(txt.ngroups, 2);
	assert_string_equal(txt.groups[0], "photos");
	assert_string_equal(txt.groups[1], "m\xc3\xbcsli = breakfast");
}

static void keys_and_ids_have_no_case(void **state)
{
	struct txt txt = { 0 };

	(void)state;
	read_text(&txt, "V=1");
	read_text(&txt, "Id=ABCDEFGHIJKLMNOPQRSTUVWXYZ234567ABCDEFGHIJKLMNOPQRSA");
	assert_true(txt_usable(&txt));
	assert_string_equal(txt.id, ID);
}

static void the_first_of_a_key_counts(void **state)
{
	struct txt txt = { 0 };

	(void)state;
	read_text(&txt, "v=1");
	read_text(&txt, "v=2");
	read_text(&txt, "id=" ID);
	read_text(&txt, "id=bbcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrsa");
	assert_int_equal(txt.version, 1);
	assert_string_equal(txt.id, ID);
}

static void other_versions_are_not_usable(void **state)
{
	static const char *const versions[] = { "v=0", "v=2", "v=10001", "v=", "v=1 ", "v=-1", "v=one", "v" };

	(void)state;
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		struct txt txt = { 0 };

		read_text(&txt, versions[i]);
		read_text(&txt, "id=" ID);
		assert_false(txt_usable(&txt));
	}
}

static void malformed_ids_are_no_ids(void **state)
{
	static const char *const ids[] = {
		"id=",
		"id=abc",
		"id=abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrsaa", /* a digit long */
		"id=abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrs",   /* a digit short */
		"id=abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrsb",  /* more than 256 bits */
		"id=abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopq-sa",
		"id=abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnop01sa",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct txt txt = { 0 };

		read_text(&txt, "v=1");
		read_text(&txt, ids[i]);
		assert_false(txt_usable(&txt));
		assert_string_equal(txt.id, "");
	}
}

static void names_are_bounded_and_told_once(void **state)
{
	struct txt txt = { 0 };
	uint8_t name[300] = "g=";

	(void)state;
	memset(name + 2, 'x', sizeof(name) - 2);
	txt_read(&txt, name, 256); /* 254 bytes of name: more than one string of a TXT record holds */
	assert_int_equal(txt.ngroups, 0);
	txt_read(&txt, name, 255);
	assert_int_equal(txt.ngroups, 1);
	assert_int_equal(strlen(txt.groups[0]), 253);
	txt_read(&txt, name, 255);
	assert_int_equal(txt.ngroups, 1);
	txt_read(&txt, (const uint8_t *)"g=a\0b", 5);
	read_text(&txt, "g=");
	assert_int_equal(txt.ngroups, 1);
	for (int i = 0; i < 2 * TXT_MAX_GROUPS; i++) {
		name[2] = (uint8_t)('A' + i);
		txt_read(&txt, name, 10);
	}
	assert_int_equal(txt.ngroups, TXT_MAX_GROUPS);
}

static void emptiness_says_nothing(void **state)
{
	struct txt txt = { 0 };

	(void)state;
	txt_read(&txt, NULL, 0);
	read_text(&txt, "=");
	read_text(&txt, "=1");
	read_text(&txt, "id");
	assert_int_equal(txt.version, 0);
	assert_int_equal(txt.ngroups, 0);
	assert_false(txt_usable(&txt));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_version_id_and_groups), cmocka_unit_test(keys_and_ids_have_no_case),
		cmocka_unit_test(the_first_of_a_key_counts),   cmocka_unit_test(other_versions_are_not_usable),
		cmocka_unit_test(malformed_ids_are_no_ids),    cmocka_unit_test(names_are_bounded_and_told_once),
		cmocka_unit_test(emptiness_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
