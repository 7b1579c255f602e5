/* Names of agents and groups, and their text forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "base/sha256.h"
#include "sync/group/id.h"

static const struct agent_id sample = { { 0x00, 0x44, 0x32, 0x14, 0xc7, 0x42, 0x54, 0xb6, 0x35, 0xcf, 0x84,
	                                  0x65, 0x3a, 0x56, 0xd7, 0xc6, 0x75, 0xbe, 0x77, 0xdf, 0xff, 0xff,
	                                  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };

static void text_is_base32_in_groups_of_seven(void **state)
{
	char text[ID_TEXT_MAX], plain[ID_PLAIN_MAX];

	(void)state;
	agent_id_text(text, &sample);
	agent_id_plain(plain, &sample);
	assert_string_equal(plain, "abcdefghijklmnopqrstuvwxyz2345677777777777777777777q");
	assert_string_equal(text, "abcdefg-hijklmn-opqrstu-vwxyz23-4567777-7777777-7777777-77q");
}

static void both_forms_parse_in_any_case(void **state)
{
	static const char *const good[] = {
		"abcdefghijklmnopqrstuvwxyz2345677777777777777777777q",
		"abcdefg-hijklmn-opqrstu-vwxyz23-4567777-7777777-7777777-77q",
		"ABCDEFG-hijklmn-OPQRSTU-vwxyz23-4567777-7777777-7777777-77Q",
	};
	struct agent_id id;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(agent_id_parse(&id, good[i]), 0);
		assert_true(agent_id_equal(&id, &sample));
	}
}

static void anything_else_is_no_id(void **state)
{
	static const char *const bad[] = {
		"",
		"-",
		"abcdefg",
		"abcdefg-hijklmn-opqrstu-vwxyz23-4567777-7777777-7777777-77",   /* a digit short */
		"abcdefg-hijklmn-opqrstu-vwxyz23-4567777-7777777-7777777-77qa", /* a digit long */
		"abcdefg-hijklmn-opqrstu-vwxyz23-4567777-7777777-7777777-77r",  /* bits behind the last byte */
		"abcdefg-hijklmn-opqrstu-vwxyz23-4567777-7777777-7777777-71q",  /* no such digit */
		"abcdefgh-ijklmn-opqrstu-vwxyz23-4567777-7777777-7777777-77q",  /* a dash elsewhere */
		"-abcdefghijklmnopqrstuvwxyz2345677777777777777777777q",
		"abcdefg hijklmn opqrstu vwxyz23 4567777 7777777 7777777 77q",
		" abcdefg-hijklmn-opqrstu-vwxyz23-4567777-7777777-7777777-77q",
		"abcdefg-hijklmn-opqrstu-vwxyz23-4567777-7777777-7777777-77q\n",
	};
	struct agent_id id;

	(void)state;
	memset(&id, 9, sizeof(id));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(agent_id_parse(&id, bad[i]), -1);
	assert_int_equal(id.b[0], 9);
}

static void short_ids_are_the_first_bytes(void **state)
{
	char text[9];

	(void)state;
	assert_int_equal(agent_id_short(&sample), 0x00443214c74254b6);
	short_id_text(text, agent_id_short(&sample));
	assert_string_equal(text, "abcdefgh");
}

static void equality_looks_at_every_byte(void **state)
{
	struct agent_id a = sample;
	struct group_id g = { { 0 } }, h = { { 0 } };

	(void)state;
	assert_true(agent_id_equal(&a, &sample));
	a.b[31] ^= 1;
	assert_false(agent_id_equal(&a, &sample));
	assert_true(group_id_equal(&g, &h));
	h.b[31] = 1;
	assert_false(group_id_equal(&g, &h));
}

static void tags_are_a_truncated_hash_of_label_and_id(void **state)
{
	struct group_id g = { { 1, 2, 3 } };
	uint8_t in[11 + 32], hash[SHA256_SIZE];
	char tag[27], expected[60];

	(void)state;
	memcpy(in, "lanyard tag", 11);
	memcpy(in + 11, g.b, 32);
	sha256(hash, in, sizeof(in));
	base32_encode(expected, hash, 16);
	group_id_tag(tag, &g);
	assert_string_equal(tag, expected);
	assert_int_equal(strlen(tag), 26);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_base32_in_groups_of_seven),
		cmocka_unit_test(both_forms_parse_in_any_case),
		cmocka_unit_test(anything_else_is_no_id),
		cmocka_unit_test(short_ids_are_the_first_bytes),
		cmocka_unit_test(equality_looks_at_every_byte),
		cmocka_unit_test(tags_are_a_truncated_hash_of_label_and_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
