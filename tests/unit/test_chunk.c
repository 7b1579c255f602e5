/* Proves that blocks keep their bounds, that cuts follow the content, and that they are the same on every agent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/hash/chunk.h"
#include "sync/hash/chunk_find.h"
#include "sync/plan/zeros.h"
#include "tests/unit/effort.h"
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
	static const size_t steps[] = { 1, 2, 31, 32, 33, 63, 1000, 65536, 262144 };
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

/* --- every path --- */

static const struct {
	const char *name;
	chunk_find *find;
	unsigned sets;
} paths[] = {
	{ "scalar", chunk_find_scalar, CPU_SCALAR },
#if defined(__x86_64__)
	{ "sse2", chunk_find_sse2, CPU_SSE2 },
	{ "avx2", chunk_find_avx2, CPU_AVX2 },
#elif defined(__aarch64__)
	{ "neon", chunk_find_neon, CPU_NEON },
#endif
};

enum { NPATHS = sizeof(paths) / sizeof(paths[0]) };

/* Of bytes of every kind: the k-th of them. False: there are no more. */
static bool fill_kind(uint8_t *p, size_t n, int kind)
{
	static const size_t periods[] = { 2, 3, 7, 8, 31, 32, 33, 4096 };
	uint8_t *dice = noise(n, (uint64_t)kind + 20);
	bool there = true;

	if (kind == 0)
		memcpy(p, dice, n);
	else if (kind == 1)
		noise_log(p, n);
	else if (kind == 2)
		memset(p, 0, n);
	else if (kind == 3)
		memset(p, 0xff, n);
	else if (kind == 4)
		for (size_t i = 0; i < n; i++)
			p[i] = (uint8_t) "ACGT"[dice[i] & 3];
	else if (kind == 5) /* signs: words of the largest and the smallest number */
		for (size_t i = 0; i < n; i++)
			p[i] = dice[i] & 1 ? 0x80 : dice[i] & 2 ? 0x7f : 0xff;
	else if (kind < 6 + (int)(sizeof(periods) / sizeof(periods[0])))
		for (size_t i = 0; i < n; i++)
			p[i] = dice[i % periods[kind - 6]];
	else
		there = false;
	free(dice);
	return there;
}

/* From any place on, over any stretch, with any bar for the hash. The bytes end where the memory ends, so that a path
 * that reads too far is found by the sanitizer. */
static void test_all_paths_find_the_same_ends(void **state)
{
	enum { N = 40000 };
	size_t found = 0;

	(void)state;
	for (int kind = 0;; kind++) {
		uint8_t *p = malloc(N);

		assert_non_null(p);
		if (!fill_kind(p, N, kind)) {
			free(p);
			break;
		}
		for (size_t k = 0; k < EFFORT(2000, 400); k++) {
			size_t skip = k % 67, from = CHUNK_WINDOW - 1 + k * 19 % 20000;
			size_t n = k % 3 != 0 ? N - skip : from + k % 131;
			unsigned shift = 54 + (unsigned)(k % 10);
			size_t end;

			n = n < N - skip ? n : N - skip;
			end = n > from ? chunk_find_scalar(p + skip, n, from, shift) : 0;
			found += end > 0;
			for (int i = 1; i < NPATHS; i++)
				if (cpu_may_use(paths[i].sets) && n > from)
					assert_int_equal(paths[i].find(p + skip, n, from, shift), end);
		}
		free(p);
	}
	assert_true(found > EFFORT(1000, 200));
}

/* The rule as docs/protocol.md has it, byte by byte. */
static void cuts_by_the_book(const uint8_t *p, size_t n, uint8_t log2, size_t *ends, size_t *count)
{
	static const int32_t factor[] = { 0x7c15, 0x7f4a, 0x79b9, 0x9e37 - 0x10000 };
	static const uint64_t odd[] = { UINT64_C(0xe220a8397b1dcdaf), UINT64_C(0x6e789e6aa1b965f5),
		                        UINT64_C(0x06c45d188009454f), UINT64_C(0xf88bb8a8724c81ed) };
	size_t avg = (size_t)1 << log2, begin = 0;

	for (size_t end = 1; end <= n; end++) {
		size_t len = end - begin;
		int64_t sum = 0;
		uint64_t h = 0;

		if (len < avg / 2)
			continue;
		for (size_t k = 0; k < 4; k++) {
			const uint8_t *w = p + end - 8 + 2 * k;

			sum += (w[0] + 256 * (w[1] - (w[1] >= 128 ? 256 : 0))) * factor[k];
		}
		for (size_t k = 0; k < 4; k++) {
			uint64_t w = 0;

			for (size_t i = 0; i < 8; i++)
				w |= (uint64_t)p[end - 32 + 8 * k + i] << 8 * i;
			h += w * odd[k];
		}
		h = (h ^ h >> 32) * UINT64_C(0x1b39896a51a8749b);
		if (((uint64_t)sum >> 16 & 511) != 346 || h >> (len <= avg ? 71 - log2 : 76 - log2) != 0)
			if (len < 4 * avg)
				continue;
		ends[(*count)++] = end;
		begin = end;
	}
}

static void test_the_rule_is_the_one_of_the_protocol(void **state)
{
	size_t n = 2 << 20;
	uint8_t *p = mem_calloc(n, 1);

	(void)state;
	for (int kind = 0; fill_kind(p, n, kind); kind++)
		for (uint8_t log2 = 16; log2 <= 17; log2++) {
			size_t book[128], ends[128], nbook = 0;
			size_t count = cut(p, n, log2, n, ends, 128);

			cuts_by_the_book(p, n, log2, book, &nbook);
			assert_int_equal(count, nbook);
			assert_memory_equal(ends, book, count * sizeof(ends[0]));
		}
	free(p);
}

/* --- what the cuts are worth --- */

/* How many bytes of q's blocks, cut alone, are not blocks of p's. */
static size_t bytes_lost(const uint8_t *p, size_t n, const uint8_t *q, size_t m)
{
	static size_t before[1024], after[1024];
	size_t n_before = cut(p, n, 16, n, before, 1023), n_after = cut(q, m, 16, m, after, 1023);
	size_t i = 0, k = 0, lost = 0;

	if (n_before == 0 || before[n_before - 1] != n)
		before[n_before++] = n;
	if (n_after == 0 || after[n_after - 1] != m)
		after[n_after++] = m;
	/* In order, so that two fingers find the equal ones: a block of q is in p at about the same place. */
	for (; k < n_after; k++) {
		size_t begin = k > 0 ? after[k - 1] : 0, len = after[k] - begin;
		bool same = false;

		for (size_t a = i; a < n_before && a < i + 12 && !same; a++) {
			size_t from = a > 0 ? before[a - 1] : 0;

			same = before[a] - from == len && memcmp(p + from, q + begin, len) == 0;
			if (same)
				i = a + 1;
		}
		lost += same ? 0 : len;
	}
	return lost;
}

/* An insertion moves only the cuts next to it: a kibibyte costs two or three blocks, here on average over 40 places. */
static void test_an_insertion_costs_a_few_blocks(void **state)
{
	size_t n = 8 << 20;
	uint8_t *p = mem_calloc(n, 1), *q = mem_calloc(n + 1024, 1);

	(void)state;
	for (int kind = 0; kind <= 1; kind++) {
		size_t lost = 0;

		assert_true(fill_kind(p, n, kind));
		for (size_t k = 0; k < 40; k++) {
			size_t at = 500000 + k * 180001;

			memcpy(q, p, at);
			memset(q + at, 'x', 1024);
			memcpy(q + at + 1024, p + at, n - at);
			lost += bytes_lost(p, n, q, n + 1024);
		}
		assert_in_range(lost / 40, 1024, 180 << 10);
	}
	free(p);
	free(q);
}

static void test_scattered_writes_leave_most_blocks(void **state)
{
	size_t n = 32 << 20;
	uint8_t *p = mem_calloc(n, 1), *q = mem_calloc(n, 1), *dice = noise(n, 50);

	(void)state;
	for (int kind = 0; kind <= 1; kind++) {
		assert_true(fill_kind(p, n, kind));
		memcpy(q, p, n);
		for (size_t k = 0; k < n / 4096 / 100; k++) {
			size_t page = (dice[3 * k] | dice[3 * k + 1] << 8) % (n / 4096);

			memcpy(q + page * 4096, dice + n / 2 + k * 4096, 4096);
		}
		assert_in_range(bytes_lost(p, n, q, n), 1, n / 4);
	}
	free(p);
	free(q);
	free(dice);
}

/* Sizes gather around the average, in text as in random bytes: few blocks are cut because they are too long. */
static void test_blocks_are_seldom_forced(void **state)
{
	size_t n = 32 << 20;
	uint8_t *p = mem_calloc(n, 1);

	(void)state;
	for (int kind = 0; kind <= 1; kind++) {
		static size_t ends[1024];
		size_t count, forced = 0, large = 0;

		assert_true(fill_kind(p, n, kind));
		count = cut(p, n, 16, n, ends, 1024);
		assert_in_range(n / count, 60 << 10, 90 << 10);
		for (size_t i = 1; i < count; i++) {
			forced += ends[i] - ends[i - 1] == chunk_max(16);
			large += ends[i] - ends[i - 1] > 2 << 16;
		}
		assert_int_equal(forced, 0);
		assert_true(large * 20 < count);
	}
	free(p);
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
		68846,  136757, 204729, 273900, 350500, 418353, 486614,
		553716, 621729, 685491, 752348, 839405, 908873, 986946,
	};
	static const size_t known_18[] = {
		273900,  548152,  924934,  1206525, 1573514, 1842077, 2205773,
		2499966, 2763648, 3026543, 3292302, 3556103, 3821345,
	};
	size_t n = 1 << 20;
	uint8_t *p = noise(n << 2, 4);
	size_t ends[64];
	size_t count = cut(p, n, 16, n, ends, 64);

	(void)state;
	assert_int_equal(count, sizeof(known) / sizeof(known[0]));
	assert_memory_equal(ends, known, sizeof(known));
	count = cut(p, n << 2, 18, n << 2, ends, 64);
	assert_int_equal(count, sizeof(known_18) / sizeof(known_18[0]));
	assert_memory_equal(ends, known_18, sizeof(known_18));
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_average_follows_the_size),
		cmocka_unit_test(test_average_is_kept_while_near),
		cmocka_unit_test(test_blocks_keep_their_bounds),
		cmocka_unit_test(test_pieces_do_not_matter),
		cmocka_unit_test(test_all_paths_find_the_same_ends),
		cmocka_unit_test(test_the_rule_is_the_one_of_the_protocol),
		cmocka_unit_test(test_an_insertion_costs_a_few_blocks),
		cmocka_unit_test(test_scattered_writes_leave_most_blocks),
		cmocka_unit_test(test_blocks_are_seldom_forced),
		cmocka_unit_test(test_runs_of_one_byte_are_never_cut_early),
		cmocka_unit_test(test_cuts_are_part_of_the_protocol),
	};

	return cmocka_run_group_tests_name("chunk", tests, NULL, NULL);
}
