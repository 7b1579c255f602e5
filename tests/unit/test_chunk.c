/* Proves that blocks keep their bounds, that cuts follow the content, and that they are the same on every agent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "sync/hash/chunk.h"
#include "sync/plan/zeros.h"
#include "tests/unit/noise.h"

/* The ends of all blocks but the last, fed in pieces of `step`. Returns their number. */
static size_t cut(const uint8_t *p, size_t n, uint8_t log2, size_t step, size_t *ends, size_t max)
{
	struct chunk_stream s = CHUNK_STREAM_INIT(log2);
	size_t count = 0;
	size_t at = 0;

	while (at < n) {
		bool end;
		size_t piece = n - at < step ? n - at : step;
		size_t used = chunk_feed(&s, p + at, piece, &end);

		assert_true(used > 0 && used <= piece);
		assert_true(end || used == piece);
		at += used;
		if (end) {
			assert_true(count < max);
			ends[count++] = at;
		}
	}
	return count;
}

static void test_average_follows_the_size(void **state)
{
	(void)state;
	assert_int_equal(chunk_log2(0, 0), 16);
	assert_int_equal(chunk_log2(1 << 20, 0), 16);
	assert_int_equal(chunk_log2((INT64_C(1) << 29) - 1, 0), 16);
	assert_int_equal(chunk_log2(INT64_C(1) << 29, 0), 17);
	assert_int_equal(chunk_log2(INT64_C(1) << 31, 0), 19);
	assert_int_equal(chunk_log2(INT64_C(1) << 40, 0), 20);
	assert_int_equal(chunk_log2(INT64_MAX, 0), 20);
}

static void test_average_is_kept_while_near(void **state)
{
	(void)state;
	assert_int_equal(chunk_log2(INT64_C(1) << 29, 16), 16);
	assert_int_equal(chunk_log2((INT64_C(1) << 29) - 1, 17), 17);
	assert_int_equal(chunk_log2(INT64_C(1) << 30, 16), 18);
	assert_int_equal(chunk_log2(1 << 20, 18), 16);
	assert_int_equal(chunk_log2(1 << 20, 3), 16);
	assert_int_equal(chunk_log2(INT64_C(1) << 40, 255), 20);
}

static void test_blocks_keep_their_bounds(void **state)
{
	size_t n = 24 << 20;
	uint8_t *p = noise(n, 1);

	(void)state;
	for (int l = CHUNK_MIN_LOG2; l <= CHUNK_MAX_LOG2; l++) {
		uint8_t log2 = (uint8_t)l;
		size_t avg = (size_t)1 << log2;
		size_t ends[2048];
		size_t count = cut(p, n, log2, n, ends, 2048);

		assert_true(count > n / avg / 2 && count < n / avg * 2);
		for (size_t i = 0, last = 0; i < count; last = ends[i++])
			assert_true(ends[i] - last >= avg / 2 && ends[i] - last <= chunk_max(log2));
	}
	free(p);
}

static void test_pieces_do_not_matter(void **state)
{
	static const size_t steps[] = { 1, 2, 63, 64, 65, 1000, 65536, 262144 };
	size_t n = 3 << 20;
	uint8_t *p = noise(n, 2);
	size_t whole[256];
	size_t count = cut(p, n, 16, n, whole, 256);

	(void)state;
	assert_true(count > 10);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		size_t ends[256];

		assert_int_equal(cut(p, n, 16, steps[i], ends, 256), count);
		assert_memory_equal(ends, whole, count * sizeof(ends[0]));
	}
	free(p);
}

static void test_an_insertion_moves_only_the_cuts_next_to_it(void **state)
{
	size_t n = 16 << 20;
	uint8_t *p = noise(n, 3);
	uint8_t *q = mem_calloc(n + 1024, 1);
	size_t before[512];
	size_t after[512];
	size_t n_before;
	size_t n_after;
	size_t same = 0;

	(void)state;
	memcpy(q, p, 100000);
	memset(q + 100000, 'x', 1024);
	memcpy(q + 101024, p + 100000, n - 100000);
	n_before = cut(p, n, 16, n, before, 512);
	n_after = cut(q, n + 1024, 16, n, after, 512);
	while (same < n_before && same < n_after && before[n_before - 1 - same] + 1024 == after[n_after - 1 - same])
		same++;
	assert_true(n_before - same <= 5);
	free(p);
	free(q);
}

/* What hash_large.c makes of holes: a block of the maximum size each. */
static void test_runs_of_one_byte_are_never_cut_early(void **state)
{
	struct block b;
	size_t n = (size_t)4 << 17;
	uint8_t *p = mem_calloc(n, 1);

	(void)state;
	for (int value = 0; value < 256; value++) {
		bool end;
		struct chunk_stream s = CHUNK_STREAM_INIT(17);

		memset(p, value, n);
		assert_int_equal(chunk_feed(&s, p, n, &end), n);
		assert_true(end);
	}
	free(p);
	/* Their hashes are known. */
	p = mem_calloc(chunk_max(CHUNK_MAX_LOG2), 1);
	for (int l = CHUNK_MIN_LOG2; l <= CHUNK_MAX_LOG2; l++) {
		uint8_t log2 = (uint8_t)l;
		bool end;
		struct chunk_stream s = CHUNK_STREAM_INIT(log2);

		assert_int_equal(chunk_feed(&s, p, chunk_max(log2), &end), chunk_max(log2));
		sha256(b.hash, p, chunk_max(log2));
		b.len = (uint32_t)chunk_max(log2);
		assert_memory_equal(zeros_hash(b.len), b.hash, 32);
		assert_true(zeros_block(&b));
		b.len--;
		assert_null(zeros_hash(b.len));
		assert_false(zeros_block(&b));
	}
	free(p);
}

/* Agents of different versions must cut in the same way: these ends may never change. */
static void test_cuts_are_part_of_the_protocol(void **state)
{
	static const size_t known[] = {
		78168, 147252, 276455, 345854, 423322, 491271, 578797, 661414, 728377, 804691, 873381, 953898, 1030598,
	};
	size_t n = 1 << 20;
	uint8_t *p = noise(n, 4);
	size_t ends[64];
	size_t count = cut(p, n, 16, n, ends, 64);

	(void)state;
	assert_int_equal(count, sizeof(known) / sizeof(known[0]));
	assert_memory_equal(ends, known, sizeof(known));
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_average_follows_the_size),
		cmocka_unit_test(test_average_is_kept_while_near),
		cmocka_unit_test(test_blocks_keep_their_bounds),
		cmocka_unit_test(test_pieces_do_not_matter),
		cmocka_unit_test(test_an_insertion_moves_only_the_cuts_next_to_it),
		cmocka_unit_test(test_runs_of_one_byte_are_never_cut_early),
		cmocka_unit_test(test_cuts_are_part_of_the_protocol),
	};

	return cmocka_run_group_tests_name("chunk", tests, NULL, NULL);
}
