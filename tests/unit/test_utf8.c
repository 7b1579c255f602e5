/* Proves which byte sequences count as UTF-8, and the code points that come of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"

static size_t decode(const char *text, uint32_t *code)
{
	return utf8_decode((const uint8_t *)text, strlen(text), code);
}

static void sequences_of_each_length_are_decoded(void **state)
{
	uint32_t code = 1;

	(void)state;
	assert_int_equal(utf8_decode((const uint8_t *)"", 1, &code), 1);
	assert_int_equal(code, 0);
	assert_int_equal(decode("ab", &code), 1);
	assert_int_equal(code, 'a');
	assert_int_equal(decode("\xc2\x80", &code), 2);
	assert_int_equal(code, 0x80);
	assert_int_equal(decode("\xe2\x82\xac", &code), 3);
	assert_int_equal(code, 0x20ac);
	assert_int_equal(decode("\xf4\x8f\xbf\xbf", &code), 4);
	assert_int_equal(code, 0x10ffff);
}

static void what_is_not_utf8_is_refused(void **state)
{
	static const char *const bad[] = {
		"\x80",             /* a continuation */
		"\xc1\xbf",         /* overlong */
		"\xe0\x9f\xbf",     /* overlong */
		"\xf0\x8f\xbf\xbf", /* overlong */
		"\xed\xa0\x80",     /* a surrogate */
		"\xf4\x90\x80\x80", /* above U+10FFFF */
		"\xff",             /* never a byte of UTF-8 */
		"\xe2\x82",         /* cut short */
		"\xe2\x28\xa1",     /* no continuation */
	};
	uint32_t code;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(decode(bad[i], &code), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sequences_of_each_length_are_decoded),
		cmocka_unit_test(what_is_not_utf8_is_refused),
	};

	return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
