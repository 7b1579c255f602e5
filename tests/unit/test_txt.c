/* Proves the promises of txt.h: what a TXT record may say, and that nothing it says can hurt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "discovery/txt.h"

#define ID  "abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrsa"
#define TAG "abcdefghijklmnopqrstuvwxyz"

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
	read_text(&txt, "g=" TAG " 3 photos/alpha");
	read_text(&txt, "g=" TAG " 0 m\xc3\xbcsli = breakfast/at/home");
	read_text(&txt, "colour=blue");
	assert_string_equal(txt.id, ID);
	assert_int_equal(txt.ngroups, 2);
	assert_string_equal(txt.groups[0].tag, TAG);
	assert_string_equal(txt.groups[0].name, "photos");
	assert_string_equal(txt.groups[0].owner, "alpha");
	assert_int_equal(txt.groups[0].members, 3);
	assert_string_equal(txt.groups[1].name, "m\xc3\xbcsli = breakfast");
	assert_string_equal(txt.groups[1].owner, "at/home");
	assert_int_equal(txt.groups[1].members, 0);
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

static void malformed_groups_are_left_out(void **state)
{
	static const char *const groups[] = {
		"g=",
		"g=photos",
		"g=" TAG,
		"g=" TAG " ",
		"g=" TAG " 1",
		"g=" TAG " 1 photos",
		"g=" TAG " 1 /alpha",
		"g=" TAG "  photos/alpha",
		"g=" TAG " -1 photos/alpha",
		"g=" TAG " 10000 photos/alpha",
		"g=" TAG " 99999999999999999999 photos/alpha",
		"g=" TAG "a 1 photos/alpha",
		"g=abcdefghijklmnopqrstuvwxy 1 photos/alpha",
		"g=abcdefghijklmnopqrstuvwxy1 1 photos/alpha",
		"g=ABCDEFGHIJKLMNOPQRSTUVWXYZ 1 photos/alpha",
	};
	struct txt txt = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		read_text(&txt, groups[i]);
	assert_int_equal(txt.ngroups, 0);
	txt_read(&txt, (const uint8_t *)"g=" TAG " 1 a\0b/c", 35);
	assert_int_equal(txt.ngroups, 0);
	read_text(&txt, "g=" TAG " 9999 photos/");
	assert_int_equal(txt.ngroups, 1);
	assert_int_equal(txt.groups[0].members, 9999);
	assert_string_equal(txt.groups[0].owner, "");
}

static void groups_are_bounded_and_reported_once(void **state)
{
	struct txt txt = { 0 };
	char text[256];

	(void)state;
	for (int owner = 63; owner <= 65; owner++) {
		for (int name = 63; name <= 65; name++) {
			txt = (struct txt){ 0 };
			(void)snprintf(text, sizeof(text), "g=" TAG " 1 %0*d/%0*d", name, 0, owner, 0);
			read_text(&txt, text);
			assert_int_equal(txt.ngroups, name <= 64 && owner <= 64);
		}
	}
	txt = (struct txt){ 0 };
	for (int i = 0; i < 3 * TXT_MAX_GROUPS; i++) {
		(void)snprintf(text, sizeof(text), "g=" TAG " %d group %d/alpha", i, i / 2);
		read_text(&txt, text);
		assert_true(txt.ngroups == (size_t)(i / 2 + 1) || txt.ngroups == TXT_MAX_GROUPS);
	}
	assert_int_equal(txt.ngroups, TXT_MAX_GROUPS);
	assert_int_equal(txt.groups[1].members, 2); /* the first that names a group counts */
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
		cmocka_unit_test(reads_version_id_and_groups),
		cmocka_unit_test(keys_and_ids_have_no_case),
		cmocka_unit_test(the_first_of_a_key_counts),
		cmocka_unit_test(other_versions_are_not_usable),
		cmocka_unit_test(malformed_ids_are_no_ids),
		cmocka_unit_test(malformed_groups_are_left_out),
		cmocka_unit_test(groups_are_bounded_and_reported_once),
		cmocka_unit_test(emptiness_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
