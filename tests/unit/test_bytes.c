/* Proves the bounds of buffers and readers, and the text forms against the vectors of RFC 4648. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"

static void buffer_grows_up_to_its_maximum(void **state)
{
	struct bytes b = BYTES_INIT(1000);
	uint8_t piece[100];

	(void)state;
	for (int i = 0; i < 10; i++) {
		memset(piece, i, sizeof(piece));
		assert_int_equal(bytes_append(&b, piece, sizeof(piece)), 0);
	}
	assert_int_equal(b.len, 1000);
	assert_true(b.cap <= 1000);
	assert_false(b.full);
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(b.p[i], i / 100);
	assert_int_equal(bytes_append(&b, NULL, 0), 0);
	assert_int_equal(bytes_append_u8(&b, 1), -1);
	assert_true(b.full);
	assert_int_equal(b.len, 1000);
	bytes_free(&b);
	assert_null(b.p);
	assert_int_equal(b.max, 1000);
}

static void full_buffer_takes_nothing_until_cleared(void **state)
{
	struct bytes b = BYTES_INIT(8);

	(void)state;
	assert_int_equal(bytes_append(&b, "12345", 5), 0);
	assert_int_equal(bytes_append(&b, "6789", 4), -1);
	/* This one would fit, but would leave a hole where the last one should be. */
	assert_int_equal(bytes_append(&b, "x", 1), -1);
	assert_int_equal(b.len, 5);
	assert_true(b.full);
	bytes_clear(&b);
	assert_false(b.full);
	assert_int_equal(bytes_append(&b, "12345678", 8), 0);
	assert_memory_equal(b.p, "12345678", 8);
	bytes_free(&b);
}

static void huge_append_does_not_wrap_around(void **state)
{
	struct bytes b = BYTES_INIT(16);

	(void)state;
	assert_int_equal(bytes_append(&b, "abc", 3), 0);
	assert_null(bytes_extend(&b, SIZE_MAX));
	assert_null(bytes_extend(&b, SIZE_MAX - 2));
	assert_int_equal(b.len, 3);
	bytes_free(&b);
}

static void consume_drops_from_the_front(void **state)
{
	struct bytes b = BYTES_INIT(100);

	(void)state;
	bytes_append(&b, "hello world", 11);
	bytes_consume(&b, 0);
	assert_int_equal(b.len, 11);
	bytes_consume(&b, 6);
	assert_int_equal(b.len, 5);
	assert_memory_equal(b.p, "world", 5);
	bytes_consume(&b, 5);
	assert_int_equal(b.len, 0);
	bytes_free(&b);
}

static void numbers_are_big_endian(void **state)
{
	static const uint8_t want[] = { 7, 0, 1, 2, 3, 8, 7, 6, 5, 4, 3, 2, 1 };
	struct bytes b = BYTES_INIT(100);
	struct reader r;

	(void)state;
	bytes_append_u8(&b, 7);
	bytes_append_u32(&b, 0x00010203);
	bytes_append_u64(&b, 0x0807060504030201);
	assert_int_equal(b.len, sizeof(want));
	assert_memory_equal(b.p, want, sizeof(want));

	r = READER_INIT(b.p, b.len);
	assert_int_equal(reader_u8(&r), 7);
	assert_int_equal(reader_u32(&r), 0x00010203);
	assert_int_equal(reader_left(&r), 8);
	assert_true(reader_u64(&r) == 0x0807060504030201);
	assert_false(r.bad);
	assert_int_equal(reader_left(&r), 0);
	bytes_free(&b);
}

static void reader_past_the_end_is_bad_for_good(void **state)
{
	static const uint8_t in[] = { 1, 2, 3, 4, 5 };
	struct reader r = READER_INIT(in, sizeof(in));

	(void)state;
	assert_ptr_equal(reader_take(&r, 5), in);
	assert_non_null(reader_take(&r, 0));
	assert_false(r.bad);

	r = READER_INIT(in, sizeof(in));
	assert_int_equal(reader_u64(&r), 0);
	assert_true(r.bad);
	/* Five bytes are left, but the message is already known to be wrong. */
	assert_int_equal(reader_u8(&r), 0);
	assert_null(reader_take(&r, 0));
	assert_true(r.bad);

	r = READER_INIT(in, sizeof(in));
	assert_null(reader_take(&r, SIZE_MAX));
	assert_true(r.bad);
}

static void hex_goes_there_and_back(void **state)
{
	static const uint8_t in[] = { 0x00, 0x7f, 0x80, 0xff, 0xa5 };
	char text[11];
	uint8_t out[5];

	(void)state;
	hex_encode(text, in, sizeof(in));
	assert_string_equal(text, "007f80ffa5");
	assert_int_equal(hex_decode(out, 5, text), 0);
	assert_memory_equal(out, in, 5);
	assert_int_equal(hex_decode(out, 5, "007F80FFA5"), 0);
	assert_memory_equal(out, in, 5);
	assert_int_equal(hex_decode(out, 5, "007f80ffa"), -1);
	assert_int_equal(hex_decode(out, 5, "007f80ffa55"), -1);
	assert_int_equal(hex_decode(out, 5, "007f80ffag"), -1);
	assert_int_equal(hex_decode(out, 5, ""), -1);
	assert_int_equal(hex_decode(out, 0, ""), 0);
}

/* RFC 4648, section 10, in lower case and without padding. */
static const struct {
	const char *plain;
	const char *base32;
	const char *base64url;
} vectors[] = {
	{ "", "", "" },
	{ "f", "my", "Zg" },
	{ "fo", "mzxq", "Zm8" },
	{ "foo", "mzxw6", "Zm9v" },
	{ "foob", "mzxw6yq", "Zm9vYg" },
	{ "fooba", "mzxw6ytb", "Zm9vYmE" },
	{ "foobar", "mzxw6ytboi", "Zm9vYmFy" },
};

static void text_forms_match_the_rfc(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		size_t n = strlen(vectors[i].plain);
		char text[32];
		uint8_t out[32];

		memset(text, 'x', sizeof(text));
		base32_encode(text, vectors[i].plain, n);
		assert_string_equal(text, vectors[i].base32);
		assert_true(strlen(text) <= (n * 8 + 4) / 5);
		assert_int_equal(base32_decode(out, n, text), n);
		assert_memory_equal(out, vectors[i].plain, n);

		memset(text, 'x', sizeof(text));
		base64url_encode(text, vectors[i].plain, n);
		assert_string_equal(text, vectors[i].base64url);
		assert_true(strlen(text) <= (n * 4 + 2) / 3);
		assert_int_equal(base64url_decode(out, n, text, strlen(text)), n);
		assert_memory_equal(out, vectors[i].plain, n);
	}
}

static void every_byte_value_survives_the_text_forms(void **state)
{
	uint8_t in[256];
	uint8_t out[256];
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 167 + 13);
	for (size_t n = 0; n <= sizeof(in); n++) {
		base32_encode(text, in, n);
		assert_int_equal(base32_decode(out, sizeof(out), text), n);
		assert_memory_equal(out, in, n);
		base64url_encode(text, in, n);
		assert_int_equal(base64url_decode(out, sizeof(out), text, strlen(text)), n);
		assert_memory_equal(out, in, n);
	}
}

static void base32_is_kind_to_people_and_strict_with_the_rest(void **state)
{
	uint8_t out[8];

	(void)state;
	assert_int_equal(base32_decode(out, sizeof(out), "MZXW-6ytb-OI--"), 6);
	assert_memory_equal(out, "foobar", 6);
	assert_int_equal(base32_decode(out, 5, "mzxw6ytboi"), -1);
	assert_int_equal(base32_decode(out, sizeof(out), "mzxw6ytb1i"), -1); /* 1 is not a digit */
	assert_int_equal(base32_decode(out, sizeof(out), "mzxw6ytb "), -1);
	assert_int_equal(base32_decode(out, sizeof(out), "my======"), -1);
	assert_int_equal(base32_decode(out, sizeof(out), "mz"), -1); /* bits set behind the last byte */
	assert_int_equal(base32_decode(out, sizeof(out), "m"), -1);  /* no length of bytes has these digits */
	assert_int_equal(base32_decode(out, sizeof(out), "mza"), -1);
	assert_int_equal(base32_decode(out, sizeof(out), "mzxw6a"), -1);
}

static void base64url_is_strict(void **state)
{
	uint8_t out[8];

	(void)state;
	assert_int_equal(base64url_decode(out, sizeof(out), "-_8", 3), 2);
	assert_memory_equal(out, "\xfb\xff", 2);
	assert_int_equal(base64url_decode(out, sizeof(out), "+/8", 3), -1);
	assert_int_equal(base64url_decode(out, sizeof(out), "Zg==", 4), -1);
	assert_int_equal(base64url_decode(out, sizeof(out), "Zh", 2), -1);
	assert_int_equal(base64url_decode(out, sizeof(out), "Z", 1), -1);
	assert_int_equal(base64url_decode(out, sizeof(out), "Zm9vY", 5), -1);
	assert_int_equal(base64url_decode(out, 2, "Zm9v", 4), -1);
	assert_int_equal(base64url_decode(out, sizeof(out), "Zm\0v", 4), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buffer_grows_up_to_its_maximum),
		cmocka_unit_test(full_buffer_takes_nothing_until_cleared),
		cmocka_unit_test(huge_append_does_not_wrap_around),
		cmocka_unit_test(consume_drops_from_the_front),
		cmocka_unit_test(numbers_are_big_endian),
		cmocka_unit_test(reader_past_the_end_is_bad_for_good),
		cmocka_unit_test(hex_goes_there_and_back),
		cmocka_unit_test(text_forms_match_the_rfc),
		cmocka_unit_test(every_byte_value_survives_the_text_forms),
		cmocka_unit_test(base32_is_kind_to_people_and_strict_with_the_rest),
		cmocka_unit_test(base64url_is_strict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
