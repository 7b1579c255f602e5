/* COMING: a run of blocks survives the trip, and what no honest member sends is malformed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sync/plan/coming_run.h"
#include "sync/wire/msg.h"

static int trip(const struct msg_coming *in, struct msg_coming *out, struct msg_arena *a)
{
	size_t n;
	uint8_t *p = msg_coming_encode(in, &n);
	/* Exactly as long as the message, so that a read beyond its end is seen. */
	uint8_t *copy = memcpy(malloc(n), p, n);
	int rc = msg_coming_decode(out, a, copy, n);

	free(copy);
	free(p);
	return rc;
}

static void a_run_survives_the_trip(void **state)
{
	struct msg_arena a = { 0 };
	uint8_t blocks[3 * 36];
	struct msg_coming out, in = { .channel = 3,
		                      .id = UINT64_MAX - 1,
		                      .path = "video/new.mp4",
		                      .at = INT64_C(5) << 30,
		                      .blocks = { blocks, sizeof(blocks) } };

	(void)state;
	memset(blocks, 7, sizeof(blocks));
	assert_int_equal(trip(&in, &out, &a), 0);
	assert_int_equal(out.channel, 3);
	assert_true(out.id == in.id);
	assert_string_equal(out.path, in.path);
	assert_true(out.at == in.at);
	assert_false(out.ended);
	assert_memory_equal(out.blocks.p, blocks, sizeof(blocks));
	msg_free(&a);
}

static void a_run_without_blocks_is_an_end_and_nothing_else(void **state)
{
	struct msg_arena a = { 0 };
	uint8_t blocks[36] = { 1 };
	struct msg_coming out, in = { .path = "p", .ended = true };

	(void)state;
	assert_int_equal(trip(&in, &out, &a), 0);
	assert_true(out.ended);
	in.ended = false;
	assert_int_equal(trip(&in, &out, &a), -1);
	in.blocks = (struct msg_bytes){ blocks, sizeof(blocks) };
	assert_int_equal(trip(&in, &out, &a), 0);
	in.ended = true;
	assert_int_equal(trip(&in, &out, &a), -1);
	msg_free(&a);
}

static void what_no_file_can_be_is_malformed(void **state)
{
	struct msg_arena a = { 0 };
	static uint8_t blocks[(COMING_BLOCKS_MAX + 1) * 36];
	char path[RECORD_PATH_MAX + 2];
	struct msg_coming out, in = { .path = "", .blocks = { blocks, 36 } };

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(trip(&in, &out, &a), -1);
	in.path = path;
	assert_int_equal(trip(&in, &out, &a), -1);
	in.path = "p";
	in.blocks.n = 35;
	assert_int_equal(trip(&in, &out, &a), -1);
	in.blocks.n = sizeof(blocks);
	assert_int_equal(trip(&in, &out, &a), -1);
	in.blocks.n -= 36;
	assert_int_equal(trip(&in, &out, &a), 0);
	in.at = COMING_SIZE_MAX + 1;
	assert_int_equal(trip(&in, &out, &a), -1);
	in.at = -1;
	assert_int_equal(trip(&in, &out, &a), -1);
	msg_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_survives_the_trip),
		cmocka_unit_test(a_run_without_blocks_is_an_end_and_nothing_else),
		cmocka_unit_test(what_no_file_can_be_is_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
