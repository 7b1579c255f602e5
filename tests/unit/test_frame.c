/* Frame headers: what is written is read back, and a frame that is too long is refused as soon as its header says
 * so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "sync/wire/frame.h"

static void a_header_is_length_type_flags(void **state)
{
	static const uint8_t expected[FRAME_HEADER] = { 0x01, 0x02, 0x03, 0x04, FRAME_NEWS, FRAME_FLAG_ZSTD };
	uint8_t header[FRAME_HEADER];

	(void)state;
	frame_write_header(header, FRAME_NEWS, FRAME_FLAG_ZSTD, 0x01020304);
	assert_memory_equal(header, expected, sizeof(expected));
}

static void a_frame_is_whole_when_its_last_byte_is_there(void **state)
{
	uint8_t bytes[FRAME_HEADER + 5] = { 0 };
	struct frame f = { 0 };

	(void)state;
	frame_write_header(bytes, FRAME_PING, 0, 5);
	for (size_t n = 0; n < sizeof(bytes); n++)
		assert_int_equal(frame_read(&f, bytes, n, 0), FRAME_INCOMPLETE);
	assert_int_equal(f.len, 5);
	assert_int_equal(frame_read(&f, bytes, sizeof(bytes), 0), FRAME_WHOLE);
	assert_int_equal(f.type, FRAME_PING);
	assert_int_equal(f.flags, 0);
}

static void an_empty_frame_is_whole_with_its_header(void **state)
{
	uint8_t bytes[FRAME_HEADER];
	struct frame f;

	(void)state;
	frame_write_header(bytes, 200, 0xff, 0);
	assert_int_equal(frame_read(&f, bytes, sizeof(bytes), 0), FRAME_WHOLE);
	assert_int_equal(f.type, 200);
	assert_int_equal(f.flags, 0xff);
	assert_int_equal(f.len, 0);
}

static enum frame_status read_of(uint8_t type, uint32_t len, uint32_t limit)
{
	uint8_t bytes[FRAME_HEADER];
	struct frame f;

	frame_write_header(bytes, type, 0, len);
	return frame_read(&f, bytes, sizeof(bytes), limit);
}

static void each_type_has_its_maximum(void **state)
{
	(void)state;
	assert_int_equal(frame_max(FRAME_BLOCK), FRAME_MAX_BLOCK);
	assert_int_equal(frame_max(FRAME_NEWS), FRAME_MAX_CONTROL);
	assert_int_equal(frame_max(0), FRAME_MAX_CONTROL);
	for (int type = FRAME_HELLO; type <= FRAME_ANY; type++)
		assert_true(frame_known((uint8_t)type) && frame_max((uint8_t)type) > 0);
	assert_false(frame_known(0) || frame_known(FRAME_ANY + 1) || frame_known(255));
	assert_int_equal(read_of(FRAME_PING, 65, 0), FRAME_TOO_LONG);
	assert_int_equal(read_of(FRAME_NEWS, FRAME_MAX_CONTROL, 0), FRAME_INCOMPLETE);
	assert_int_equal(read_of(FRAME_NEWS, FRAME_MAX_CONTROL + 1, 0), FRAME_TOO_LONG);
	assert_int_equal(read_of(FRAME_BLOCK, FRAME_MAX_BLOCK, 0), FRAME_INCOMPLETE);
	assert_int_equal(read_of(FRAME_BLOCK, FRAME_MAX_BLOCK + 1, 0), FRAME_TOO_LONG);
	assert_int_equal(read_of(250, UINT32_MAX, 0), FRAME_TOO_LONG);
}

static void a_limit_lowers_the_maximum_and_never_raises_it(void **state)
{
	(void)state;
	assert_int_equal(read_of(FRAME_HELLO, FRAME_MAX_BEFORE_HELLO, FRAME_MAX_BEFORE_HELLO), FRAME_INCOMPLETE);
	assert_int_equal(read_of(FRAME_HELLO, FRAME_MAX_BEFORE_HELLO + 1, FRAME_MAX_BEFORE_HELLO), FRAME_TOO_LONG);
	assert_int_equal(read_of(FRAME_BLOCK, FRAME_MAX_BEFORE_HELLO + 1, FRAME_MAX_BEFORE_HELLO), FRAME_TOO_LONG);
	assert_int_equal(read_of(FRAME_NEWS, FRAME_MAX_CONTROL + 1, UINT32_MAX), FRAME_TOO_LONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_is_length_type_flags),
		cmocka_unit_test(a_frame_is_whole_when_its_last_byte_is_there),
		cmocka_unit_test(an_empty_frame_is_whole_with_its_header),
		cmocka_unit_test(each_type_has_its_maximum),
		cmocka_unit_test(a_limit_lowers_the_maximum_and_never_raises_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
