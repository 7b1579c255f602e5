/* What vaults were given: kept with the index, replaced where it overlaps, and forgotten with the file or the vault. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sync/index/index_bases.h"
#include "tests/unit/index_listed.h"

enum { VAULT = 77, SIZE = 1 << 20 };

static uint8_t leaves[INDEX_BASE_LEAVES + 1];

static struct index_base base_at(int64_t offset, uint32_t len, uint8_t of)
{
	struct index_base b = { .offset = offset,
		                .len = len,
		                .generation = UINT64_MAX - of,
		                .leaves = leaves,
		                .n = 24 };

	memset(b.sha, of, sizeof(b.sha));
	return b;
}

static void given(const char *path, uint64_t peer, int64_t offset, uint32_t len, uint8_t of)
{
	struct index_base b = base_at(offset, len, of);

	assert_int_equal(index_base_put(ix, path, peer, &b), 0);
}

/* What is noted of the block at this offset: its first byte; 0: nothing. */
static int noted(const char *path, uint64_t peer, int64_t offset)
{
	struct index_base b;
	int rc = index_bases_get(ix, path, peer, offset, 1, &b, 1);

	assert_in_range(rc, 0, 1);
	if (rc == 1)
		free(b.leaves);
	return rc == 1 && b.offset == offset ? b.sha[0] : 0;
}

static void test_what_was_given_is_found_again(void **state)
{
	struct index_base b = base_at((int64_t)1 << 40, BLOCK_MAX, 9), got;

	(void)state;
	b.n = INDEX_BASE_LEAVES;
	memset(leaves, 3, sizeof(leaves));
	assert_int_equal(index_base_put(ix, "a/b", VAULT, &b), 0);
	assert_int_equal(index_commit(ix), 0);
	reopen();
	assert_int_equal(index_bases_get(ix, "a/b", VAULT, b.offset, BLOCK_MAX, &got, 1), 1);
	assert_true(got.offset == b.offset && got.len == b.len && got.generation == b.generation && got.n == b.n);
	assert_memory_equal(got.sha, b.sha, sizeof(b.sha));
	assert_memory_equal(got.leaves, leaves, b.n);
	free(got.leaves);
	assert_int_equal(noted("a/b", VAULT + 1, b.offset), 0);
	assert_int_equal(noted("a/c", VAULT, b.offset), 0);
	assert_int_equal(noted("a/b", VAULT, b.offset - 1), 0);
	b.n++;
	assert_int_equal(index_base_put(ix, "a/b", VAULT, &b), -1);
}

static void test_what_overlaps_is_replaced(void **state)
{
	(void)state;
	for (uint8_t i = 0; i < 5; i++)
		given("a", VAULT, i * (int64_t)SIZE, SIZE, (uint8_t)(i + 1));
	given("a", VAULT + 1, SIZE, SIZE, 50);
	given("b", VAULT, SIZE, SIZE, 60);
	given("a", VAULT, SIZE + SIZE / 2, SIZE, 100);
	assert_int_equal(noted("a", VAULT, 0), 1);
	assert_int_equal(noted("a", VAULT, SIZE), 0);
	assert_int_equal(noted("a", VAULT, SIZE + SIZE / 2), 100);
	assert_int_equal(noted("a", VAULT, 2 * SIZE), 0);
	assert_int_equal(noted("a", VAULT, 3 * SIZE), 4);
	given("a", VAULT, 3 * SIZE, SIZE, 101);
	assert_int_equal(noted("a", VAULT, 3 * SIZE), 101);
	assert_int_equal(noted("a", VAULT, 4 * SIZE), 5);
	assert_int_equal(noted("a", VAULT + 1, SIZE), 50);
	assert_int_equal(noted("b", VAULT, SIZE), 60);
}

static void test_all_that_a_block_touches_are_found(void **state)
{
	struct index_base b[4];

	(void)state;
	for (uint8_t i = 0; i < 8; i++)
		given("a", VAULT, i * (int64_t)SIZE, i == 6 ? SIZE / 2 : SIZE, (uint8_t)(i + 1));
	given("a", VAULT + 1, SIZE, SIZE, 50);
	assert_int_equal(index_bases_get(ix, "a", VAULT, SIZE + 1, SIZE - 1, b, 4), 1);
	assert_int_equal(b[0].sha[0], 2);
	free(b[0].leaves);
	assert_int_equal(index_bases_get(ix, "a", VAULT, 2 * SIZE - 1, SIZE + 2, b, 4), 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(b[i].sha[0], i + 2);
		free(b[i].leaves);
	}
	assert_int_equal(index_bases_get(ix, "a", VAULT, 0, 8 * SIZE, b, 4), 4);
	for (int i = 0; i < 4; i++)
		free(b[i].leaves);
	assert_int_equal(index_bases_get(ix, "a", VAULT, 6 * SIZE + SIZE / 2, SIZE / 2, b, 4), 0);
	assert_int_equal(index_bases_get(ix, "a", VAULT, 8 * SIZE, SIZE, b, 4), 0);
}

static bool is_vault(void *arg, uint64_t peer)
{
	(void)arg;
	return peer == VAULT;
}

static int sweep(int slice)
{
	struct index_bases_at at = { 0 };
	int looked = 0, n;

	while ((n = index_bases_sweep(ix, &at, slice, is_vault, NULL)) == slice)
		looked += n;
	assert_true(n >= 0 && at.path == NULL);
	return looked + n;
}

static void put_large(const char *path)
{
	struct block blocks[2] = { { .len = SIZE, .hash = { 1 } }, { .len = SIZE, .hash = { 2 } } };
	struct blocklist list = { .n = 2, .b = blocks };
	struct record r = file(path, 1);

	r.content = blocklist_content(&list);
	assert_int_equal(index_put(ix, &r, &list), 0);
	record_clear(&r);
}

static void test_the_sweep_keeps_what_is_of_use(void **state)
{
	(void)state;
	put_large("here");
	put_large("here too");
	put("small", 1);
	put_large("deleted");
	put_deleted("deleted");
	given("here", VAULT, 0, SIZE, 1);
	given("here", VAULT, SIZE, SIZE, 2);
	given("here", VAULT + 1, 0, SIZE, 3);
	given("here", UINT64_MAX, 0, SIZE, 3);
	given("here too", VAULT, 0, SIZE, 4);
	given("small", VAULT, 0, SIZE, 5);
	given("deleted", VAULT, 0, SIZE, 6);
	given("unknown", VAULT, 0, SIZE, 7);
	assert_int_equal(sweep(2), 7);
	assert_int_equal(noted("here", VAULT, 0), 1);
	assert_int_equal(noted("here", VAULT, SIZE), 2);
	assert_int_equal(noted("here too", VAULT, 0), 4);
	assert_int_equal(sweep(100), 2);
	assert_int_equal(noted("here", VAULT + 1, 0) + noted("here", UINT64_MAX, 0), 0);
	assert_int_equal(noted("small", VAULT, 0) + noted("deleted", VAULT, 0) + noted("unknown", VAULT, 0), 0);
}

/* What was noted of block `of` of a file of put_large(). */
static void given_block(const char *path, int64_t offset, uint8_t of)
{
	struct index_base b = base_at(offset, SIZE, of);

	memset(b.sha, 0, sizeof(b.sha));
	b.sha[0] = of;
	assert_int_equal(index_base_put(ix, path, VAULT, &b), 0);
}

static void test_what_was_noted_of_a_file_follows_it(void **state)
{
	(void)state;
	put_large("here");
	given("here", VAULT, SIZE, SIZE, 9);
	given_block("before", 0, 1);
	given_block("before", SIZE, 2);
	given("before", VAULT, 2 * SIZE, SIZE, 3);
	/* At another place, it is of no use. */
	given_block("elsewhere", 3 * SIZE, 1);
	(void)sweep(100);
	assert_int_equal(noted("here", VAULT, 0), 1);
	assert_int_equal(noted("here", VAULT, SIZE), 2);
	assert_int_equal(noted("here", VAULT, 2 * SIZE) + noted("here", VAULT, 3 * SIZE), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(noted("before", VAULT, i * SIZE) + noted("elsewhere", VAULT, i * SIZE), 0);
}

/* Nor more than a few of it in one step, however many steps are allowed. */
static void test_a_long_file_is_followed_whole(void **state)
{
	struct block blocks[100];
	struct blocklist list = { .n = 100, .b = blocks };
	struct record r = file("here", 1);

	(void)state;
	for (uint8_t i = 0; i < 100; i++)
		blocks[i] = (struct block){ .len = SIZE, .hash = { i + 1 } };
	r.content = blocklist_content(&list);
	assert_int_equal(index_put(ix, &r, &list), 0);
	record_clear(&r);
	for (uint8_t i = 0; i < 100; i++)
		given_block("before", (int64_t)i * SIZE, i + 1);
	(void)sweep(3);
	for (uint8_t i = 0; i < 100; i++) {
		assert_int_equal(noted("here", VAULT, (int64_t)i * SIZE), i + 1);
		assert_int_equal(noted("before", VAULT, (int64_t)i * SIZE), 0);
	}
}

/* What was given of one huge file goes in parts: a terabyte has a million notes, and the loop waits meanwhile. */
static void test_a_huge_file_is_forgotten_in_parts(void **state)
{
	struct index_bases_at at = { 0 };
	int left = 0;

	(void)state;
	for (int i = 0; i < 5000; i++)
		given("huge", VAULT, (int64_t)i * SIZE, SIZE, 1);
	assert_true(index_bases_sweep(ix, &at, 32, is_vault, NULL) >= 0);
	for (int i = 0; i < 5000; i++)
		left += noted("huge", VAULT, (int64_t)i * SIZE) != 0;
	free(at.path);
	assert_in_range(left, 1000, 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_was_given_is_found_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_overlaps_is_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all_that_a_block_touches_are_found, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_sweep_keeps_what_is_of_use, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_was_noted_of_a_file_follows_it, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_long_file_is_followed_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_huge_file_is_forgotten_in_parts, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
