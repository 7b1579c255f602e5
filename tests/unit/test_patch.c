/* Patches: what a block differs in from another is found by digests alone, goes there and back, and nothing malformed
 * is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/seal/patch.h"
#include "tests/unit/noise.h"

enum { LEN = 100000, TRIES = 400 };

static const uint8_t key[PATCH_KEY] = { 1, 2, 3 };

/* The file that is known, as blocks from `at` on, with digests. */
struct made {
	uint8_t *bytes; /* from `at` on */
	int64_t at;
	uint8_t digests[OBJECT_BASES_MAX][LEAF_MAX * LEAF_DIGEST];
	struct patch_known known[OBJECT_BASES_MAX];
	size_t n;
};

static void add_base(struct made *m, uint32_t len)
{
	struct patch_known *k = &m->known[m->n];

	k->offset = m->n == 0 ? m->at : m->known[m->n - 1].offset + m->known[m->n - 1].len;
	k->len = len;
	k->generation = m->n + 1;
	k->n = patch_digests(key, k->offset, m->bytes + (k->offset - m->at), len, m->digests[m->n]);
	k->digests = m->digests[m->n];
	sha256(k->sha, m->bytes + (k->offset - m->at), len);
	m->n++;
}

/* One base of n bytes at this offset. */
static void make_base(struct made *m, uint32_t n, int64_t offset)
{
	m->bytes = noise(n, n + (uint64_t)offset);
	m->at = offset;
	m->n = 0;
	add_base(m, n);
}

/* The patch that makes `block` of the bases, put over them; NULL: there is none. *n: its bytes. */
static uint8_t *there_and_back(const struct made *m, int64_t offset, const uint8_t *block, uint32_t len, size_t *n)
{
	uint8_t digests[LEAF_MAX * LEAF_DIGEST], *content, *out;
	struct patch p;

	(void)patch_digests(key, offset, block, len, digests);
	content = patch_make(m->known, m->n, offset, block, len, digests, n);
	assert_int_equal(patch_is_worth(m->known, m->n, offset, len, digests), content != NULL);
	if (content == NULL)
		return NULL;
	assert_true(patch_read(&p, content, *n));
	assert_int_equal(p.len, len);
	out = mem_calloc(len, 1);
	for (uint32_t i = 0; i < p.nbases; i++) {
		const struct patch_known *k = &m->known[p.bases[i].generation - 1];

		assert_in_range(p.bases[i].generation, 1, m->n);
		assert_memory_equal(p.bases[i].sha, k->sha, sizeof(p.bases[i].sha));
		assert_int_equal(p.bases[i].len, k->len);
		assert_int_equal(p.bases[i].begin, k->offset - offset);
		patch_put_base(&p, i, m->bytes + (k->offset - m->at), out);
	}
	patch_put_runs(&p, out);
	assert_memory_equal(out, block, len);
	free(out);
	return content;
}

static void a_changed_byte_costs_a_leaf(void **state)
{
	static const int64_t offsets[] = { 0, 1, 4095, 4096, 1234567 };

	(void)state;
	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		for (uint32_t at = 0; at < LEN; at += 4999) {
			struct made m;
			size_t n;

			make_base(&m, LEN, offsets[i]);
			uint8_t *block = mem_dup(m.bytes, LEN), *content;

			block[at] ^= 1;
			content = there_and_back(&m, offsets[i], block, LEN, &n);
			assert_non_null(content);
			assert_in_range(n, PATCH_HEAD + PATCH_BASE + PATCH_RUN + 1,
			                PATCH_HEAD + PATCH_BASE + PATCH_RUN + LEAF_SIZE);
			free(content);
			free(block);
			free(m.bytes);
		}
	}
}

static void lengths_may_differ(void **state)
{
	static const uint32_t lengths[] = { LEN - 9000, LEN - 4096, LEN - 1, LEN, LEN + 1, LEN + 4096, LEN + 9000 };

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		uint8_t *block = mem_calloc(lengths[i], 1), *content;
		struct made m;
		size_t n;

		make_base(&m, LEN, 777);
		memcpy(block, m.bytes, lengths[i] < LEN ? lengths[i] : LEN);
		content = there_and_back(&m, 777, block, lengths[i], &n);
		assert_non_null(content);
		free(content);
		free(block);
		free(m.bytes);
	}
}

static void what_differs_much_has_no_patch(void **state)
{
	uint8_t digests[LEAF_MAX * LEAF_DIGEST];
	struct made m;
	size_t n;

	(void)state;
	make_base(&m, LEN, 0);
	uint8_t *block = mem_dup(m.bytes, LEN), *other = noise(LEN, 5), *content;

	memcpy(block, other, LEN / PATCH_WORTH - 2 * LEAF_SIZE);
	content = there_and_back(&m, 0, block, LEN, &n);
	assert_non_null(content);
	assert_in_range(n, 1, LEN / PATCH_WORTH);
	free(content);
	memcpy(block, other, LEN / PATCH_WORTH + LEAF_SIZE);
	assert_null(there_and_back(&m, 0, block, LEN, &n));
	assert_null(there_and_back(&m, 0, other, LEN, &n));
	/* Digests of another place, or of another number. */
	(void)patch_digests(key, 0, m.bytes, LEN, digests);
	m.known[0].n -= LEAF_DIGEST;
	assert_null(patch_make(m.known, 1, 0, m.bytes, LEN, digests, &n));
	m.known[0].n += LEAF_DIGEST;
	assert_null(patch_make(m.known, 0, 0, m.bytes, LEN, digests, &n));
	assert_null(patch_make(m.known, 1, LEN, m.bytes, LEN, digests, &n));
	free(other);
	free(block);
	free(m.bytes);
}

/* Where a file was cut elsewhere, a block has a part of each of two or three that were there. It costs a leaf where it
 * begins, and one where each of them does. */
static void a_block_may_be_made_of_several(void **state)
{
	static const uint32_t parts[] = { 30001, 20000, 30000, 60000 };
	struct made m = { .bytes = noise(140001, 8), .at = 5000 };
	bool named[2] = { false };
	uint8_t *content;
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		add_base(&m, parts[i]);
	for (uint32_t begin = 0; begin < 30001; begin += 999) {
		uint32_t len = 85000 + begin / 2;

		content = there_and_back(&m, 5000 + begin, m.bytes + begin, len, &n);
		if (begin + len <= 80001) {
			assert_null(content); /* of the last one there is nothing in it */
			continue;
		}
		assert_non_null(content);
		assert_in_range(n, 1, PATCH_HEAD + 4 * PATCH_BASE + 4 * PATCH_RUN + 6 * LEAF_SIZE);
		/* The first and the last one are named only if a whole leaf of them is in the block. */
		assert_in_range(get_u32(content), 2, begin + len < 80001 + LEAF_SIZE ? 3 : 4);
		named[get_u32(content) == 4] = true;
		free(content);
	}
	assert_true(named[0] && named[1]);
	m.n--;
	content = there_and_back(&m, 5000, m.bytes, 80001, &n);
	assert_non_null(content);
	free(content);
	free(m.bytes);
}

static void random_edits_go_there_and_back(void **state)
{
	uint32_t patches = 0;

	(void)state;
	for (uint32_t i = 0; i < TRIES; i++) {
		uint8_t *random = noise(64, 9000 + i), *block, *content;
		int64_t offset = get_u32(random) % 1000000;
		uint32_t len = LEN - 20000 + get_u32(random + 4) % 40000;
		struct made m;
		size_t n;

		make_base(&m, LEN, offset);
		block = mem_calloc(len, 1);
		memcpy(block, m.bytes, len < LEN ? len : LEN);
		for (uint32_t e = 0; e < random[8] % 6; e++)
			block[get_u32(random + 12 + (size_t)e * 4) % len] ^= 0xff;
		content = there_and_back(&m, offset, block, len, &n);
		patches += content != NULL;
		free(content);
		free(block);
		free(random);
		free(m.bytes);
	}
	assert_in_range(patches, TRIES / 2, TRIES);
}

/* --- malformed ones --- */

static uint8_t form[PATCH_HEAD + (OBJECT_BASES_MAX + 1) * PATCH_BASE + 8 * PATCH_RUN + 64];

/* A patch of n bases (length, begin) and nruns runs (begin, size), with `bytes` bytes behind them. */
static bool reads(uint32_t n, const int64_t *bases, uint32_t len, uint32_t nruns, const uint32_t *runs, size_t bytes)
{
	uint8_t *at = form + PATCH_HEAD;
	struct patch p;

	memset(form, 0, sizeof(form));
	put_u32(form, n);
	put_u32(form + 4, len);
	put_u32(form + 8, nruns);
	for (uint32_t i = 0; i < n; i++, at += PATCH_BASE) {
		put_u32(at + 40, (uint32_t)bases[2 * i]);
		put_u32(at + 44, (uint32_t)(int32_t)bases[2 * i + 1]);
	}
	for (uint32_t i = 0; i < 2 * nruns; i++)
		put_u32(at + (size_t)i * 4, runs[i]);
	return patch_read(&p, form, (size_t)(at - form) + (size_t)nruns * PATCH_RUN + bytes);
}

static void runs_that_are_malformed_are_refused(void **state)
{
	const uint32_t two[] = { 0, 5, 6, 4 }, touching[] = { 0, 5, 5, 4 }, back[] = { 6, 4, 0, 5 }, empty[] = { 3, 0 };
	const uint32_t tail[] = { 10, 10 }, late[] = { 11, 9 }, over[] = { 10, 11 }, huge[] = { 4, UINT32_MAX };
	const uint32_t early[] = { 8, 11 };
	const int64_t base[] = { 10, 0 };
	struct patch p;

	(void)state;
	assert_true(reads(1, base, 10, 2, two, 9));
	assert_false(reads(1, base, 10, 2, two, 8));
	assert_false(reads(1, base, 10, 2, two, 10));
	assert_false(reads(1, base, 10, 2, touching, 9));
	assert_false(reads(1, base, 10, 2, back, 9));
	assert_false(reads(1, base, 10, 1, empty, 0));
	assert_true(reads(1, base, 20, 1, tail, 10));
	assert_false(reads(1, base, 20, 1, late, 9));
	assert_false(reads(1, base, 20, 1, over, 11));
	assert_false(reads(1, base, 20, 1, huge, 11));
	assert_false(reads(1, base, 20, 1, early, 11)); /* it ends before the block does */
	assert_false(reads(1, base, 20, 0, NULL, 0));
	assert_false(reads(1, base, 0, 0, NULL, 0));
	assert_false(reads(1, base, BLOCK_MAX + 1, 0, NULL, 0));
	assert_false(patch_read(&p, form, PATCH_HEAD - 1));
	put_u32(form + 8, UINT32_MAX);
	assert_false(patch_read(&p, form, sizeof(form)));
	put_u32(form, UINT32_MAX);
	assert_false(patch_read(&p, form, sizeof(form)));
}

static void bases_that_are_malformed_are_refused(void **state)
{
	const int64_t larger[] = { 20, -5 }, three[] = { 10, -5, 5, 5, 10, 10 }, overlap[] = { 10, 0, 10, 9 };
	const int64_t before[] = { 10, -10, 20, 0 }, behind[] = { 20, 0, 5, 20 }, back[] = { 5, 5, 5, 0 };
	const int64_t none[] = { 0, 0 }, large[] = { BLOCK_MAX + 1, 0 }, least[] = { 10, INT32_MIN };
	const int64_t five[] = { 1, 0, 1, 1, 1, 2, 1, 3, 1, 4 }, gap[] = { 5, 0, 5, 6 };
	const uint32_t bridge[] = { 5, 1 }, beside[] = { 4, 1 };

	(void)state;
	assert_true(reads(1, larger, 10, 0, NULL, 0));
	assert_true(reads(3, three, 20, 0, NULL, 0));
	assert_false(reads(3, three, 21, 0, NULL, 0));
	assert_false(reads(2, overlap, 19, 0, NULL, 0));
	assert_false(reads(2, before, 20, 0, NULL, 0));
	assert_false(reads(2, behind, 20, 0, NULL, 0));
	assert_false(reads(2, back, 10, 0, NULL, 0));
	assert_false(reads(1, none, 10, 0, NULL, 0));
	assert_false(reads(1, large, 10, 0, NULL, 0));
	assert_false(reads(1, least, 10, 0, NULL, 0));
	assert_true(reads(4, five, 4, 0, NULL, 0));
	assert_false(reads(5, five, 5, 0, NULL, 0));
	assert_false(reads(0, NULL, 5, 0, NULL, 0));
	assert_false(reads(2, gap, 11, 0, NULL, 0));
	assert_true(reads(2, gap, 11, 1, bridge, 1));
	assert_false(reads(2, gap, 11, 1, beside, 1));
}

/* Two blocks whose leaves have equal digests under one key have others under another: nobody can make them collide who
 * does not know the key. */
static void digests_depend_on_the_key_and_every_byte(void **state)
{
	uint8_t *block = noise(LEAF_SIZE * 3, 1), a[3 * LEAF_DIGEST], b[3 * LEAF_DIGEST];
	const uint8_t other[PATCH_KEY] = { 1, 2, 4 };

	(void)state;
	assert_int_equal(patch_digests(key, 0, block, LEAF_SIZE * 3, a), sizeof(a));
	(void)patch_digests(other, 0, block, LEAF_SIZE * 3, b);
	for (size_t i = 0; i < 3; i++)
		assert_memory_not_equal(a + i * LEAF_DIGEST, b + i * LEAF_DIGEST, LEAF_DIGEST);
	for (uint32_t at = 0; at < LEAF_SIZE * 3; at += 97) {
		block[at] ^= 1;
		(void)patch_digests(key, 0, block, LEAF_SIZE * 3, b);
		for (size_t i = 0; i < 3; i++)
			assert_int_equal(memcmp(a + i * LEAF_DIGEST, b + i * LEAF_DIGEST, LEAF_DIGEST) != 0,
			                 at / LEAF_SIZE == i);
		block[at] ^= 1;
	}
	free(block);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_changed_byte_costs_a_leaf),
		cmocka_unit_test(lengths_may_differ),
		cmocka_unit_test(what_differs_much_has_no_patch),
		cmocka_unit_test(random_edits_go_there_and_back),
		cmocka_unit_test(a_block_may_be_made_of_several),
		cmocka_unit_test(runs_that_are_malformed_are_refused),
		cmocka_unit_test(bases_that_are_malformed_are_refused),
		cmocka_unit_test(digests_depend_on_the_key_and_every_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
