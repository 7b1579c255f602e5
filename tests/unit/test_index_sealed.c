/* How contents were sealed: kept with the index, replaced, and forgotten once nothing has the content. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sync/index/index_sealed.h"
#include "tests/unit/index_listed.h"

enum { PAGES = 16384 };

static struct content content(uint32_t n)
{
	struct record r = file("x", n);
	struct content c = r.content;

	record_clear(&r);
	return c;
}

static void seal(uint32_t n, uint64_t generation)
{
	struct content c = content(n);

	assert_int_equal(index_sealed_put(ix, &c, &(struct index_sealed){ .generation = generation }), 0);
}

static uint64_t sealed(uint32_t n)
{
	struct content c = content(n);
	struct index_sealed s;

	return index_sealed_get(ix, &c, &s) == 1 ? s.generation : 0;
}

static void test_what_is_noted_is_found_again_with_its_list(void **state)
{
	struct content c = content(1), other;
	uint8_t *list = mem_calloc(PAGES, 32);
	struct index_sealed s = { .generation = UINT64_MAX, .paged = true, .list = list, .n = (size_t)PAGES * 32 }, got;

	(void)state;
	assert_int_equal(index_sealed_get(ix, &c, &got), 0);
	memset(list, 7, s.n);
	assert_int_equal(index_sealed_put(ix, &c, &s), 0);
	assert_int_equal(index_commit(ix), 0);
	reopen();
	assert_int_equal(index_sealed_get(ix, &c, &got), 1);
	assert_true(got.generation == UINT64_MAX && got.paged && got.n == s.n);
	assert_memory_equal(got.list, list, s.n);
	/* Another content may have the same root only by a lie. */
	other = c;
	other.size++;
	assert_int_equal(index_sealed_get(ix, &other, &got), 0);
	free(list);
}

static void test_a_later_note_replaces_it_and_the_same_one_writes_nothing(void **state)
{
	uint64_t commits;

	(void)state;
	seal(1, 10);
	seal(1, 11);
	assert_int_equal(sealed(1), 11);
	assert_int_equal(index_commit(ix), 0);
	commits = index_commits(ix);
	seal(1, 11);
	assert_int_equal(index_commit(ix), 0);
	assert_int_equal(index_commits(ix), commits);
}

static void test_a_list_that_is_too_long_is_refused(void **state)
{
	struct content c = content(1);
	uint8_t *list = mem_calloc(1, INDEX_SEALED_MAX + 1);
	struct index_sealed s = { .generation = 1, .list = list, .n = INDEX_SEALED_MAX + 1 };

	(void)state;
	assert_int_equal(index_sealed_put(ix, &c, &s), -1);
	free(list);
	assert_int_equal(sealed(1), 0);
}

/* Everything in the table, from the first on. */
static int sweep(int slice)
{
	uint8_t after[32] = { 0 };
	int looked = 0, n;

	while ((n = index_sealed_sweep(ix, after, slice)) == slice)
		looked += n;
	assert_true(n >= 0);
	return looked + n;
}

static void test_the_sweep_keeps_what_is_here_listed_or_wanted(void **state)
{
	struct record r = theirs("a", 2, OTHER_WRITER, 1);

	(void)state;
	for (uint32_t i = 1; i <= 6; i++)
		seal(i, i);
	assert_int_equal(index_choose(ix, &some), 0);
	put("row", 1);
	r.seq = 4;
	assert_int_equal(index_offer(ix, ANNA, &r), 0);
	record_clear(&r);
	assert_int_equal(list("listed", 3, OTHER_WRITER, 2), 1);
	put("aside", 4);
	assert_int_equal(index_set_aside(ix, "aside", ASIDE_UNSHARED), 0);
	put("deleted", 5);
	put_deleted("deleted");
	assert_int_equal(sweep(2), 0);
	assert_int_equal(index_offers_forget_peer(ix, ANNA), 0);
	assert_int_equal(sweep(2), 6);
	for (uint32_t i = 1; i <= 6; i++)
		assert_int_equal(sealed(i), i == 1 || i == 3 || i == 4 ? i : 0);
	assert_int_equal(sweep(100), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_is_noted_is_found_again_with_its_list, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_later_note_replaces_it_and_the_same_one_writes_nothing, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(test_a_list_that_is_too_long_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_sweep_keeps_what_is_here_listed_or_wanted, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
