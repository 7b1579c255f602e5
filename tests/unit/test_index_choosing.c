/* Choosing in slices: what is not reached yet is said to be, what is written meanwhile is judged at once, and in the
 * end all is as if it had been judged in one go, also after a walk that was cut off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/unit/index_listed.h"

static const struct choose_rule only_some[] = { { "a", true }, { "c/*1", true } };
static const struct choices modes[] = {
	{ .mode = CHOOSE_MIRROR },
	{ .mode = CHOOSE_ON_DEMAND },
	{ .mode = CHOOSE_ON_DEMAND, .rules = only_some, .nrules = 2 },
};

enum { MANY = 300, PEER = 77 };

static void name_of(char path[32], int i)
{
	(void)snprintf(path, 32, "%c/%d", 'a' + i % 4, i);
}

/* A record of a peer: listed or, every third, offered by it. */
static void told(int i)
{
	char path[32];
	struct record r;

	name_of(path, i);
	r = theirs(path, 1, OTHER_WRITER, (uint64_t)i + 1);
	r.seq = (uint64_t)i + 1;
	if (i % 3 == 0)
		assert_int_equal(index_offer(ix, PEER, &r), 0);
	else
		assert_true(index_list_add(ix, &r, PEER) >= 0);
	record_clear(&r);
}

static bool count_path(void *arg, const char *path)
{
	struct record r = { .path = mem_strdup(path) };

	assert_true(index_wants(ix, &r));
	record_clear(&r);
	++*(int64_t *)arg;
	return true;
}

/* What the index says is wanted is what the choices say. */
static void check_judged(void)
{
	int64_t wanted = 0, said = 0;

	assert_false(index_choosing(ix));
	for (int i = 0; i < MANY; i++) {
		char path[32];
		const struct record r = { .path = path };

		name_of(path, i);
		wanted += index_is_offered(ix, path) && index_wants(ix, &r);
	}
	assert_int_equal(index_wants_missing(ix), wanted);
	assert_true(index_wants_paths(ix, "", MANY + 1, count_path, &said) >= 0);
	assert_int_equal(said, wanted);
}

static void slices_end_as_one_walk_does(void **state)
{
	(void)state;
	random_set_seed(10);
	for (int i = 0; i < MANY; i += 2)
		told(i);
	for (int round = 0; round < 12; round++) {
		const struct choices *next = &modes[random_below(3)];
		bool cut = random_below(3) == 0;
		int rc;

		index_choose_begin(ix, next, 1 + (int)random_below(20));
		while (index_choosing(ix)) {
			told((int)random_below(MANY));
			rc = index_choose_some(ix, 1 + (int)random_below(20));
			assert_int_equal(rc, index_choosing(ix));
			if (cut && random_below(6) == 0)
				break;
		}
		if (index_choosing(ix)) {
			reopen();
			assert_false(index_choosing(ix));
			assert_int_equal(index_choose_begin(ix, next, INDEX_CHOOSE_SLICE), 0);
		}
		check_judged();
	}
}

static void many_below_a_path_are_walked_in_slices(void **state)
{
	char path[32];
	int slices = 0;

	(void)state;
	assert_int_equal(index_choose(ix, &modes[1]), 0);
	for (int i = 0; i < 3 * INDEX_CHOOSE_SLICE; i++) {
		(void)snprintf(path, sizeof(path), "a/%d", i);
		assert_int_equal(list(path, 1, OTHER_WRITER, (uint64_t)i + 1), 1);
	}
	assert_int_equal(index_wants_missing(ix), 0);
	assert_int_equal(index_choose_under(ix, &modes[2], "a/1"), 0);
	assert_int_equal(index_wants_missing(ix), 1);
	assert_int_equal(index_choose_under(ix, &modes[2], "a"), 1);
	assert_true(index_choosing(ix));
	assert_true(index_wants_missing(ix) < 3 * INDEX_CHOOSE_SLICE);
	for (int rc = 1; rc > 0; slices++)
		rc = index_choose_some(ix, INDEX_CHOOSE_SLICE);
	assert_true(slices >= 3);
	assert_false(index_choosing(ix));
	assert_int_equal(index_wants_missing(ix), 3 * INDEX_CHOOSE_SLICE);
	assert_int_equal(index_choose_begin(ix, &modes[1], INDEX_CHOOSE_SLICE), 1);
	assert_true(index_wants_missing(ix) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(slices_end_as_one_walk_does, setup, teardown),
		cmocka_unit_test_setup_teardown(many_below_a_path_are_walked_in_slices, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
