/* The choice of the next block to request from a source. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sync/get/pick.h"

enum { BLOCKS = 20, NEEDED = 3, HERE = 6 };

/* A text with a letter for each block: '.' is needed, all else is not. */
static struct pick pick_of(uint8_t state[BLOCKS], const char *text)
{
	for (size_t i = 0; i < BLOCKS; i++)
		state[i] = i < strlen(text) && text[i] == '.' ? NEEDED : HERE;
	return (struct pick){ .state = state, .n = (uint32_t)strlen(text), .needed = NEEDED, .cursor = PICK_NONE };
}

static void a_new_source_begins_in_the_largest_gap(void **state)
{
	uint8_t blocks[BLOCKS];
	struct pick p = pick_of(blocks, "x..x....x.");

	(void)state;
	assert_int_equal(pick_next(&p), 4);
}

static void a_source_goes_on_with_its_run(void **state)
{
	uint8_t blocks[BLOCKS];
	struct pick p = pick_of(blocks, "x..x....x.");

	(void)state;
	p.cursor = 1;
	assert_int_equal(pick_next(&p), 1);
	/* What is here by now is passed over. */
	p.cursor = 3;
	assert_int_equal(pick_next(&p), 4);
	/* At the end it goes back to what is left. */
	p.cursor = 10;
	assert_int_equal(pick_next(&p), 4);
}

static void a_run_of_another_source_is_left_to_it(void **state)
{
	uint8_t blocks[BLOCKS];
	struct pick p = pick_of(blocks, "x..x......x.");

	(void)state;
	p.others[p.nothers++] = 4;
	/* The largest gap is being filled from its start: this one begins in the middle of it. */
	assert_int_equal(pick_next(&p), 7);
	/* One that runs into it jumps as well. */
	p.cursor = 3;
	assert_int_equal(pick_next(&p), 7);
	/* But its own cursor is its own, whoever else stands there. */
	p.cursor = 4;
	assert_int_equal(pick_next(&p), 4);
}

static void only_what_the_source_has_is_asked_of_it(void **state)
{
	uint8_t blocks[BLOCKS];
	struct pick p = pick_of(blocks, "...........");
	uint8_t have[2] = { 0x06, 0x01 }; /* blocks 1, 2 and 8 */

	(void)state;
	p.have = have;
	assert_int_equal(pick_next(&p), 1);
	p.cursor = 3;
	assert_int_equal(pick_next(&p), 8);
	memset(have, 0, sizeof(have));
	assert_int_equal(pick_next(&p), PICK_NONE);
}

static void nothing_is_picked_when_nothing_is_needed(void **state)
{
	uint8_t blocks[BLOCKS];
	struct pick p = pick_of(blocks, "xxxxx");

	(void)state;
	assert_int_equal(pick_next(&p), PICK_NONE);
	p.cursor = 2;
	assert_int_equal(pick_next(&p), PICK_NONE);
	p.n = 0;
	assert_int_equal(pick_next(&p), PICK_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_source_begins_in_the_largest_gap),
		cmocka_unit_test(a_source_goes_on_with_its_run),
		cmocka_unit_test(a_run_of_another_source_is_left_to_it),
		cmocka_unit_test(only_what_the_source_has_is_asked_of_it),
		cmocka_unit_test(nothing_is_picked_when_nothing_is_needed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
