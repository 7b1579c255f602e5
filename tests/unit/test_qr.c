/* Text as a QR code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "agent/api/qr.h"

enum { TOO_LONG = 3000 };

static const char *row(const json_t *qr, size_t y)
{
	return json_string_value(json_array_get(json_object_get(qr, "rows"), y));
}

/* The smallest size holds 17 bytes. */
static void a_short_text_is_a_small_code(void **state)
{
	json_t *qr = qr_of_text("lanyard");

	(void)state;
	assert_int_equal(json_integer_value(json_object_get(qr, "size")), 21);
	assert_int_equal(json_array_size(json_object_get(qr, "rows")), 21);
	for (size_t y = 0; y < 21; y++)
		assert_int_equal(strlen(row(qr, y)), 21);
	/* The marks of three corners, and the line of alternating squares between them. */
	for (size_t y = 0; y < 7; y++) {
		static const char *const mark[] = { "1111111", "1000001", "1011101", "1011101",
			                            "1011101", "1000001", "1111111" };

		assert_memory_equal(row(qr, y), mark[y], 7);
		assert_memory_equal(row(qr, y) + 14, mark[y], 7);
		assert_memory_equal(row(qr, y + 14), mark[y], 7);
	}
	assert_memory_equal(row(qr, 6) + 7, "0101010", 7);
	json_decref(qr);
}

static void a_text_that_is_too_long_is_none(void **state)
{
	char text[TOO_LONG + 1];
	json_t *qr;

	(void)state;
	memset(text, 'x', TOO_LONG);
	text[TOO_LONG] = '\0';
	qr = qr_of_text(text);
	assert_true(json_is_null(qr));
	json_decref(qr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_short_text_is_a_small_code),
		cmocka_unit_test(a_text_that_is_too_long_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
