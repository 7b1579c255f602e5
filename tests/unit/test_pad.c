/* Proves that padded sizes are few, cost what is documented, and are told apart from all others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sync/hash/chunk.h"
#include "sync/seal/pad.h"

static void test_sizes_are_known(void **state)
{
	static const size_t known[][2] = {
		{ 0, 256 },       { 1, 256 },       { 256, 256 },     { 257, 288 },         { 288, 288 },
		{ 289, 320 },     { 512, 512 },     { 513, 576 },     { 4096, 4096 },       { 4097, 4608 },
		{ 65536, 65536 }, { 65537, 73728 }, { 70000, 73728 }, { 4 << 20, 4 << 20 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		assert_int_equal(pad_size(known[i][0]), known[i][1]);
}

static void test_padding_is_least_and_bounded(void **state)
{
	size_t sizes = 0;

	(void)state;
	for (size_t n = 1, last = 0; n <= 1 << 21; n++) {
		size_t padded = pad_size(n);

		assert_true(padded >= n && padded >= last);
		assert_int_equal(pad_size(padded), padded);
		assert_true(n <= 256 || padded - n < n / 8 + 1);
		sizes += padded != last;
		last = padded;
	}
	/* 256, and eight for each octave up to 2 MiB. */
	assert_int_equal(sizes, 1 + 8 * 13);
}

static void test_uniform_blocks_have_one_size(void **state)
{
	(void)state;
	for (int l = CHUNK_MIN_LOG2; l <= CHUNK_MAX_LOG2; l++) {
		uint8_t log2 = (uint8_t)l;
		size_t max = pad_block_max(KEYS_UNIFORM, log2);

		assert_int_equal(max, ((size_t)5 << log2) / 4);
		assert_int_equal(pad_content(KEYS_UNIFORM, 1, log2), max);
		assert_int_equal(pad_content(KEYS_UNIFORM, max, log2), max);
		assert_true(pad_possible(max));
		assert_true(pad_fits(KEYS_UNIFORM, 1, max));
		assert_true(pad_fits(KEYS_UNIFORM, max, max));
		assert_false(pad_fits(KEYS_PACKED, 1, max));
		assert_int_equal(pad_block_max(KEYS_PACKED, log2), (size_t)2 << log2);
	}
	assert_int_equal(pad_content(KEYS_UNIFORM, 1, 0), 256);
	assert_int_equal(pad_content(KEYS_UNIFORM, 256, 0), 256);
	assert_int_equal(pad_content(KEYS_UNIFORM, 257, 0), 512);
	assert_int_equal(pad_content(KEYS_UNIFORM, 512, 0), 512);
	assert_int_equal(pad_content(KEYS_UNIFORM, 65536, 0), 65536);
	assert_int_equal(pad_content(KEYS_UNIFORM, 65537, 0), 131072);
}

static void test_other_paddings_do_not_fit(void **state)
{
	(void)state;
	for (size_t n = 1; n < 9000; n += 7) {
		for (enum keys_policy policy = 0; policy < KEYS_POLICIES; policy++) {
			size_t padded = pad_content(policy, n, 0);

			assert_true(pad_fits(policy, n, padded));
			assert_true(pad_possible(padded));
			assert_false(pad_fits(policy, n, padded + 1));
			assert_false(pad_fits(policy, n, padded - 1));
			assert_false(pad_fits(policy, padded + 1, padded));
			assert_false(pad_fits(policy, n, 2 * padded));
		}
	}
	assert_false(pad_possible(0));
	assert_false(pad_possible(255));
	assert_false(pad_possible(257));
	assert_false(pad_possible((4 << 20) - 1));
}

static void test_blocks_are_padded_by_what_cut_them(void **state)
{
	(void)state;
	assert_int_equal(pad_block_avg(KEYS_UNIFORM, CHUNK_RULE + 16, 81920), 16);
	assert_int_equal(pad_block_avg(KEYS_UNIFORM, CHUNK_RULE + 16, 81921), 0);
	assert_int_equal(pad_block_avg(KEYS_PACKED, CHUNK_RULE + 20, 2 << 20), 20);
	assert_int_equal(pad_block_avg(KEYS_UNIFORM, 16, 1000), 0);
	assert_int_equal(pad_block_avg(KEYS_UNIFORM, 0, 1000), 0);
	assert_int_equal(pad_block_avg(KEYS_UNIFORM, CHUNK_RULE + 15, 1000), 0);
	assert_int_equal(pad_block_avg(KEYS_UNIFORM, CHUNK_RULE + 21, 1000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes_are_known),
		cmocka_unit_test(test_padding_is_least_and_bounded),
		cmocka_unit_test(test_uniform_blocks_have_one_size),
		cmocka_unit_test(test_blocks_are_padded_by_what_cut_them),
		cmocka_unit_test(test_other_paddings_do_not_fit),
	};

	return cmocka_run_group_tests_name("pad", tests, NULL, NULL);
}
