/* Proves that secret cuts keep their bounds, follow the content and the key, are the same on every machine, and are
 * worth as much as the plain ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "sync/hash/chunk.h"
#include "sync/plan/zeros.h"
#include "sync/seal/cut.h"
#include "sync/seal/pad.h"
#include "tests/unit/noise.h"

enum { ENDS = 4096 };
static const struct group_id group = { "a group" };

static struct keys *keys_number(uint8_t number, enum keys_policy policy)
{
	const struct keys_about about = { .id = 7, .suite = KEYS_SUITE, .policy = (uint8_t)policy };
	uint8_t secret[KEYS_SECRET_LEN] = { number };

	return keys_new(&group, &about, secret);
}

/* The ends of all blocks but the last, fed in pieces of `step`. Returns their number. */
static size_t cut(const struct keys *k, const uint8_t *p, size_t n, uint8_t log2, size_t step, size_t *ends)
{
	struct cut *c = cut_new(k);
	size_t count = 0, at = 0;

	cut_begin(c, log2);
	while (at < n) {
		bool end;
		size_t piece = n - at < step ? n - at : step, used = cut_feed(c, p + at, piece, &end);

		assert_true(used > 0 && used <= piece);
		assert_true(end || used == piece);
		at += used;
		if (end) {
			assert_true(count < ENDS);
			ends[count++] = at;
		}
	}
	cut_free(c);
	return count;
}

/* Text that repeats itself, as logs do. */
static uint8_t *log_text(size_t n)
{
	uint8_t *p = mem_calloc(n, 1);

	noise_log(p, n);
	return p;
}

/* --- the rule --- */

static void test_zeros_make_blocks_whose_hashes_are_known(void **state)
{
	uint8_t *p = mem_calloc(pad_block_max(KEYS_PACKED, CHUNK_MAX_LOG2), 1);

	(void)state;
	for (enum keys_policy policy = 0; policy < KEYS_POLICIES; policy++) {
		for (int log2 = CHUNK_MIN_LOG2; log2 <= CHUNK_MAX_LOG2; log2++) {
			struct block b = { .len = (uint32_t)pad_block_max(policy, (uint8_t)log2) };

			sha256(b.hash, p, b.len);
			assert_true(zeros_block(&b));
		}
	}
	free(p);
}

static void test_blocks_keep_their_bounds(void **state)
{
	size_t n = 24 << 20;
	uint8_t *p = noise(n, 1);
	static size_t ends[ENDS];

	(void)state;
	for (enum keys_policy policy = 0; policy < KEYS_POLICIES; policy++) {
		struct keys *k = keys_number(1, policy);

		for (int l = CHUNK_MIN_LOG2; l <= CHUNK_MAX_LOG2; l++) {
			uint8_t log2 = (uint8_t)l;
			size_t avg = (size_t)1 << log2, count = cut(k, p, n, log2, n, ends);

			assert_true(count > n / avg * 4 / 5 && count < n / avg * 8 / 7);
			for (size_t i = 0, last = 0; i < count; last = ends[i++])
				assert_in_range(ends[i] - last, avg - avg / 8, pad_block_max(policy, log2));
		}
		keys_free(k);
	}
	free(p);
}

static void test_pieces_do_not_matter(void **state)
{
	static const size_t steps[] = { 1, 2, 30, 31, 32, 33, 63, 1000, 65536, 262144 };
	size_t n = 3 << 20;
	uint8_t *p = noise(n, 2);
	static size_t whole[ENDS], ends[ENDS];
	struct keys *k = keys_number(1, KEYS_PACKED);
	size_t count = cut(k, p, n, 16, n, whole);

	(void)state;
	assert_true(count > 40);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		assert_int_equal(cut(k, p, n, 16, steps[i], ends), count);
		assert_memory_equal(ends, whole, count * sizeof(ends[0]));
	}
	keys_free(k);
	free(p);
}

/* The second block of CBC is the MAC of the 32 bytes before an end. */
static bool mac_cuts(EVP_CIPHER_CTX *cbc, const struct keys *k, const uint8_t *before, uint8_t log2)
{
	static const uint8_t iv[16];
	uint8_t mac[32];
	int done;

	EVP_EncryptInit_ex2(cbc, EVP_aes_256_cbc(), keys_derived(k, KEYS_CUT), iv, NULL);
	EVP_EncryptUpdate(cbc, mac, &done, before, 32);
	return mac[16] == 0 && mac[17] >> (8 - (log2 - 15)) == 0;
}

/* The rule as docs/sealed.md has it, end by end, one block of AES at a time. */
static size_t cuts_by_the_book(const struct keys *k, const uint8_t *p, size_t n, uint8_t log2, size_t *ends)
{
	EVP_CIPHER_CTX *cbc = EVP_CIPHER_CTX_new();
	size_t avg = (size_t)1 << log2, begin = 0, count = 0;

	for (size_t end = 1; end <= n; end++) {
		uint64_t w = 0;
		bool run = true;

		if (end - begin < avg / 8 * 7)
			continue;
		for (size_t i = 0; i < 8; i++) {
			w |= (uint64_t)p[end - 8 + i] << 8 * i;
			run = run && p[end - 8 + i] == p[end - 1];
		}
		if (run || w * UINT64_C(0xf88bb8a8724c81ed) >= UINT64_C(1) << 60 ||
		    !mac_cuts(cbc, k, p + end - 32, log2))
			if (end - begin < 2 * avg)
				continue;
		ends[count++] = end;
		begin = end;
	}
	EVP_CIPHER_CTX_free(cbc);
	return count;
}

static void test_the_rule_is_the_documented_one(void **state)
{
	size_t n = 1 << 20;
	uint8_t *inputs[] = { noise(n, 3), log_text(n), mem_calloc(n, 1) };
	struct keys *k = keys_number(2, KEYS_PACKED);

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		for (uint8_t log2 = 16; log2 <= 18; log2++) {
			static size_t book[ENDS], ends[ENDS];
			size_t nbook = cuts_by_the_book(k, inputs[i], n, log2, book);

			assert_int_equal(cut(k, inputs[i], n, log2, n, ends), nbook);
			assert_memory_equal(ends, book, nbook * sizeof(ends[0]));
		}
		free(inputs[i]);
	}
	keys_free(k);
}

/* Members of different versions must cut in the same way: these ends may never change. */
static void test_cuts_are_part_of_the_format(void **state)
{
	static const size_t known[] = {
		59462,  116840, 177663, 236544, 296856, 357461, 418388, 475949,
		535119, 635692, 693221, 758832, 819784, 891906, 956806, 1015032,
	};
	size_t n = 1 << 20;
	uint8_t *p = noise(n, 4);
	static size_t ends[ENDS];
	struct keys *k = keys_number(3, KEYS_PACKED);
	size_t count = cut(k, p, n, 16, n, ends);

	(void)state;
	assert_int_equal(count, sizeof(known) / sizeof(known[0]));
	assert_memory_equal(ends, known, sizeof(known));
	keys_free(k);
	free(p);
}

static void test_runs_of_one_byte_are_never_cut_early(void **state)
{
	size_t n = (size_t)2 << 16;
	uint8_t *p = mem_calloc(n, 1);

	(void)state;
	for (int value = 0; value < 256; value++) {
		struct keys *k = keys_number((uint8_t)value, KEYS_PACKED);
		struct cut *c = cut_new(k);
		bool end;

		memset(p, value, n);
		cut_begin(c, 16);
		assert_int_equal(cut_feed(c, p, n, &end), n);
		assert_true(end);
		cut_free(c);
		keys_free(k);
	}
	free(p);
}

/* --- what the key does --- */

/* With another key, no more cuts are the same than by chance: a cut is one of about 2^13 places. */
static void test_cuts_depend_on_the_key(void **state)
{
	size_t n = 64 << 20, same = 0;
	uint8_t *p = noise(n, 5);
	static size_t a[ENDS], b[ENDS];
	struct keys *k = keys_number(4, KEYS_PACKED), *other = keys_number(5, KEYS_PACKED);
	size_t na = cut(k, p, n, 16, n, a), nb = cut(other, p, n, 16, n, b);

	(void)state;
	for (size_t i = 0, j = 0; i < na && j < nb;) {
		same += a[i] == b[j];
		if (a[i] < b[j])
			i++;
		else
			j++;
	}
	assert_true(na > 900 && nb > 900);
	assert_true(same <= 4);
	keys_free(k);
	keys_free(other);
	free(p);
}

/* The secret decides alone: no other label's key, and not the generation's number. */
static void test_the_cut_key_alone_decides(void **state)
{
	const struct keys_about about = { .id = 9, .suite = KEYS_SUITE, .policy = KEYS_PACKED };
	uint8_t secret[KEYS_SECRET_LEN] = { 4 };
	size_t n = 1 << 20;
	uint8_t *p = noise(n, 5);
	static size_t a[ENDS], b[ENDS];
	struct keys *k = keys_number(4, KEYS_PACKED), *later = keys_new(&group, &about, secret);
	size_t na = cut(k, p, n, 16, n, a);

	(void)state;
	assert_int_equal(cut(later, p, n, 16, n, b), na);
	assert_memory_equal(a, b, na * sizeof(a[0]));
	keys_free(k);
	keys_free(later);
	free(p);
}

/* --- what the cuts are worth --- */

static void test_sizes_gather_around_the_average(void **state)
{
	size_t n = 64 << 20;
	uint8_t *inputs[] = { noise(n, 6), log_text(n) };
	static size_t ends[ENDS];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		for (enum keys_policy policy = 0; policy < KEYS_POLICIES; policy++) {
			struct keys *k = keys_number(6, policy);
			size_t count = cut(k, inputs[i], n, 16, n, ends), forced = 0;

			assert_in_range(n / count, 60 << 10, 67 << 10);
			for (size_t e = 1; e < count; e++)
				forced += ends[e] - ends[e - 1] == pad_block_max(policy, 16);
			/* By chance e^-9 of them, and e^-3. */
			assert_true(policy == KEYS_PACKED ? forced <= 4 : forced < count / 12);
			keys_free(k);
		}
		free(inputs[i]);
	}
}

/* How many bytes of q's blocks, cut alone, are not blocks of p's; the two differ by an insertion at `at`. */
static size_t bytes_lost(const struct keys *k, const uint8_t *p, size_t n, const uint8_t *q, size_t m)
{
	static size_t before[ENDS], after[ENDS];
	size_t nb = cut(k, p, n, 16, n, before), na = cut(k, q, m, 16, m, after), lost = 0;

	before[nb++] = n;
	after[na++] = m;
	for (size_t i = 0; i < na; i++) {
		size_t begin = i > 0 ? after[i - 1] : 0, len = after[i] - begin;
		bool there = false;

		for (size_t j = 0; j < nb && !there; j++) {
			size_t b = j > 0 ? before[j - 1] : 0;

			there = before[j] - b == len && memcmp(p + b, q + begin, len) == 0;
		}
		lost += there ? 0 : len;
	}
	return lost;
}

static void test_an_insertion_costs_a_few_blocks(void **state)
{
	size_t n = 16 << 20, insert = 1 << 10, lost = 0;
	uint8_t *inputs[] = { noise(n, 8), log_text(n) }, *extra = noise(insert, 9);
	struct keys *k = keys_number(7, KEYS_PACKED);
	enum { TRIES = 12 };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		lost = 0;
		for (size_t try = 0; try < TRIES; try++) {
			size_t at = (try * 2 + 1) * n / (2 * TRIES);
			uint8_t *q = mem_calloc(n + insert, 1);

			memcpy(q, inputs[i], at);
			memcpy(q + at, extra, insert);
			memcpy(q + at + insert, inputs[i] + at, n - at);
			lost += bytes_lost(k, inputs[i], n, q, n + insert);
			free(q);
		}
		assert_in_range(lost / TRIES, 60 << 10, 64 << 13);
		print_message("1 KiB inserted costs %zu KiB\n", lost / TRIES >> 10);
		free(inputs[i]);
	}
	free(extra);
	keys_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zeros_make_blocks_whose_hashes_are_known),
		cmocka_unit_test(test_blocks_keep_their_bounds),
		cmocka_unit_test(test_pieces_do_not_matter),
		cmocka_unit_test(test_the_rule_is_the_documented_one),
		cmocka_unit_test(test_cuts_are_part_of_the_format),
		cmocka_unit_test(test_runs_of_one_byte_are_never_cut_early),
		cmocka_unit_test(test_cuts_depend_on_the_key),
		cmocka_unit_test(test_the_cut_key_alone_decides),
		cmocka_unit_test(test_sizes_gather_around_the_average),
		cmocka_unit_test(test_an_insertion_costs_a_few_blocks),
	};

	return cmocka_run_group_tests_name("cut", tests, NULL, NULL);
}
