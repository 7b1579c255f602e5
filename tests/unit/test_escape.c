/* Names as text and back: nothing is lost, nothing reaches a terminal that could move its cursor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "agent/escape.h"
#include "base/clock.h"

static void check(char *got, const char *want)
{
	assert_non_null(got);
	assert_string_equal(got, want);
	free(got);
}

static void utf8_stays_and_other_bytes_are_escaped(void **state)
{
	(void)state;
	check(escape_name("plain/na me"), "plain/na me");
	check(escape_name("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\x8d"),
	      "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\x8d");
	check(escape_name("a\nb\x1b"), "a\nb\x1b");
	check(escape_name("a\\b"), "a\\\\b");
	check(escape_name("\xff\xfe"), "\\xff\\xfe");
	check(escape_name("\xc3"), "\\xc3");
	check(escape_name("\xc0\xaf"), "\\xc0\\xaf");
	check(escape_name("\xe0\x80\x80"), "\\xe0\\x80\\x80");
	check(escape_name("\xed\xa0\x80"), "\\xed\\xa0\\x80");
	check(escape_name("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
	check(escape_name("\xf5\x80\x80\x80"), "\\xf5\\x80\\x80\\x80");
	check(escape_message("a\\b\xff"), "a\\b\\xff");
}

static void decoding_gives_the_bytes_back(void **state)
{
	(void)state;
	check(escape_decode("a\\\\b\\x0a\\xFf"), "a\\b\n\xff");
	assert_null(escape_decode("a\\"));
	assert_null(escape_decode("a\\n"));
	assert_null(escape_decode("\\x"));
	assert_null(escape_decode("\\x1"));
	assert_null(escape_decode("\\xg0"));
	assert_null(escape_decode("\\x00"));
}

static void any_bytes_survive_and_are_valid_json_text(void **state)
{
	(void)state;
	random_set_seed(7);
	for (int i = 0; i < 20000; i++) {
		char bytes[12] = { 0 };
		char *text;
		char *back;
		json_t *json;

		random_bytes(bytes, 1 + random_below(10));
		text = escape_name(bytes);
		back = escape_decode(text);
		assert_non_null(back);
		assert_string_equal(back, bytes);
		json = json_string(text);
		assert_non_null(json);
		json_decref(json);
		free(back);
		free(text);
	}
	random_set_seed(0);
}

static void a_terminal_sees_no_control_codes(void **state)
{
	(void)state;
	check(escape_terminal("a\x1b[31m\n\x7f"), "a\\x1b[31m\\x0a\\x7f");
	check(escape_terminal("\xc2\x9b"
	                      "2J \xe2\x80\xae"),
	      "\\xc2\\x9b2J \\xe2\\x80\\xae");
	check(escape_terminal("a\\\\b \\xff"), "a\\\\b \\xff");
	check(escape_terminal("\xff\\"), "\\xff\\");
	check(escape_terminal(""), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(utf8_stays_and_other_bytes_are_escaped),
		cmocka_unit_test(decoding_gives_the_bytes_back),
		cmocka_unit_test(any_bytes_survive_and_are_valid_json_text),
		cmocka_unit_test(a_terminal_sees_no_control_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
