/* Proves that leaves lie on multiples of 4 KiB of the file, and that an older version, the digests and the leaves that
 * differ make the block, whatever was changed and wherever the block lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/plan/leaf.h"
#include "tests/unit/noise.h"

static uint32_t count(int64_t offset, uint32_t len, uint16_t skew)
{
	const struct block_want w = { .offset = offset, .len = len, .skew = skew };

	return leaf_count(&w);
}

static void test_leaves_are_counted_in_the_file(void **state)
{
	(void)state;
	assert_int_equal(count(0, 1, 0), 1);
	assert_int_equal(count(0, 4096, 0), 1);
	assert_int_equal(count(0, 4097, 0), 2);
	assert_int_equal(count(4095, 1, 0), 1);
	assert_int_equal(count(4095, 2, 0), 2);
	assert_int_equal(count(4095, 4098, 0), 3);
	assert_int_equal(count(0, 2, 4095), 2);
	assert_int_equal(count(1, 4096, 4095), 1);
	assert_int_equal(count(INT64_C(1) << 40, BLOCK_MAX, 0), 1024);
	assert_int_equal(count((INT64_C(1) << 40) + 1, BLOCK_MAX, 0), LEAF_MAX);
}

/* Answers as a giver does, from the block's bytes. */
static uint8_t *answer(const struct block_want *w, const uint8_t *block, uint32_t *n)
{
	uint8_t *p = mem_calloc(w->len + LEAF_SLACK, 1);

	memcpy(p, block, w->len);
	*n = leaf_answer(w, p);
	assert_int_equal(*n, leaf_answer_len(w));
	return p;
}

/* The receiver has `old` at the place of the block. Returns the bytes that were answered, digests and leaves. */
static uint32_t get_by_leaves(int64_t offset, uint16_t skew, uint32_t len, const uint8_t *old, const uint8_t *block)
{
	struct block_want w = { .len = len, .offset = offset, .skew = skew, .what = WANT_DIGESTS };
	uint8_t *made = mem_dup(old, len), *p;
	uint32_t n, sum;

	assert_true(leaf_want_valid(&w));
	p = answer(&w, block, &n);
	sum = n;
	leaf_compare(&w, made, p);
	free(p);
	if (w.nruns > 0) {
		assert_true(leaf_want_valid(&w));
		p = answer(&w, block, &n);
		leaf_apply(&w, made, p);
		free(p);
		sum += n;
	}
	assert_memory_equal(made, block, len);
	free(made);
	return sum;
}

static void test_old_bytes_and_leaves_make_the_block(void **state)
{
	static const uint32_t lens[] = { 1, 15, 4096, 4097, 70000, 300000 };
	static const int64_t offsets[] = { 0, 1, 4095, 4096, 123456, (INT64_C(1) << 36) + 17 };

	(void)state;
	for (size_t l = 0; l < sizeof(lens) / sizeof(lens[0]); l++)
		for (size_t o = 0; o < sizeof(offsets) / sizeof(offsets[0]); o++)
			for (unsigned k = 0; k < 40; k++) {
				uint32_t len = lens[l];
				uint8_t *old = noise(len, 1), *dice = noise(256, k + 2), *block = mem_dup(old, len);

				for (unsigned c = 0; c < k; c++)
					block[(dice[3 * c] | dice[3 * c + 1] << 8 | dice[3 * c + 2] << 16) % len] ^= 1;
				(void)get_by_leaves(offsets[o], (uint16_t)(k * 100), len, old, block);
				free(old);
				free(dice);
				free(block);
			}
}

static void test_a_changed_page_costs_its_leaf(void **state)
{
	enum { LEN = 80000 };
	const int64_t offset = 10 * LEAF_SIZE + 100;
	uint8_t *old = noise(LEN, 1), *block = mem_dup(old, LEN), *page = noise(LEAF_SIZE, 2);

	(void)state;
	/* The second whole page of the file in this block. */
	memcpy(block + 2 * LEAF_SIZE - 100, page, LEAF_SIZE);
	assert_int_equal(get_by_leaves(offset, 0, LEN, old, block), count(offset, LEN, 0) * LEAF_DIGEST + LEAF_SIZE);
	/* The same block of a content that begins in the middle of the file. */
	assert_int_equal(get_by_leaves(offset - 5000, 5000 % LEAF_SIZE, LEN, old, block),
	                 count(offset, LEN, 0) * LEAF_DIGEST + LEAF_SIZE);
	/* Nothing but where blocks end has changed. */
	assert_int_equal(get_by_leaves(offset, 0, LEN, old, old), count(offset, LEN, 0) * LEAF_DIGEST);
	free(old);
	free(block);
	free(page);
}

/* Every other leaf of a large block: runs are joined until they fit, and nothing is missing. */
static void test_many_runs_are_joined(void **state)
{
	uint32_t len = 200 * LEAF_SIZE;
	uint8_t *old = noise(len, 1), *block = mem_dup(old, len);
	uint32_t sum;

	(void)state;
	for (uint32_t i = 0; i < 100; i += 2)
		block[i * LEAF_SIZE] ^= 1;
	/* Two far away stay two runs. */
	block[150 * LEAF_SIZE] ^= 1;
	block[190 * LEAF_SIZE] ^= 1;
	sum = get_by_leaves(0, 0, len, old, block);
	assert_in_range(sum, 200 * LEAF_DIGEST + 52 * LEAF_SIZE, 200 * LEAF_DIGEST + 101 * LEAF_SIZE);
	free(old);
	free(block);
}

static void test_what_cannot_be_asked_is_refused(void **state)
{
	struct block_want w = { .len = 10 * LEAF_SIZE, .what = WANT_LEAVES, .nruns = 1, .runs = { { 0, 10 } } };

	(void)state;
	assert_true(leaf_want_valid(&w));
	w.runs[0].n = 11;
	assert_false(leaf_want_valid(&w));
	w.runs[0] = (struct leaf_run){ 10, 1 };
	assert_false(leaf_want_valid(&w));
	w.runs[0] = (struct leaf_run){ UINT16_MAX, UINT16_MAX };
	assert_false(leaf_want_valid(&w));
	w.runs[0] = (struct leaf_run){ 3, 0 };
	assert_false(leaf_want_valid(&w));
	w.nruns = 2;
	w.runs[0] = (struct leaf_run){ 3, 2 };
	w.runs[1] = (struct leaf_run){ 5, 1 };
	assert_false(leaf_want_valid(&w));
	w.runs[1].first = 6;
	assert_true(leaf_want_valid(&w));
	w.runs[1].first = 2;
	assert_false(leaf_want_valid(&w));
	w.nruns = 0;
	assert_false(leaf_want_valid(&w));
	w.nruns = WANT_RUNS_MAX + 1;
	assert_false(leaf_want_valid(&w));
	w.nruns = 1;
	w.what = WANT_DIGESTS;
	assert_false(leaf_want_valid(&w));
	w.nruns = 0;
	assert_true(leaf_want_valid(&w));
	w.skew = LEAF_SIZE;
	assert_false(leaf_want_valid(&w));
	w.skew = LEAF_SIZE - 1;
	assert_true(leaf_want_valid(&w));
	w.what = WANT_LEAVES + 1;
	assert_false(leaf_want_valid(&w));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_leaves_are_counted_in_the_file),
		cmocka_unit_test(test_old_bytes_and_leaves_make_the_block),
		cmocka_unit_test(test_a_changed_page_costs_its_leaf),
		cmocka_unit_test(test_many_runs_are_joined),
		cmocka_unit_test(test_what_cannot_be_asked_is_refused),
	};

	return cmocka_run_group_tests_name("leaf", tests, NULL, NULL);
}
