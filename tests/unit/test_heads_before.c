/* Heads and what was known before: a vault's head that a key file remembers, and blame from before a restart. We are A;
 * B is a member, V a vault. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "sync/keeping/heads.h"
#include "tests/unit/seal_world.h"

enum agent { A, B, V, AGENTS };
enum { NOW = 1800000000, EPOCH = 300, OTHER_EPOCH = 301 };

struct fixture {
	struct identity *who[AGENTS];
	struct agent_id id[AGENTS];
	struct group_id group;
	struct heads *heads;
	struct heads *before; /* of the agent that wrote the key file */
};

static int setup(void **state)
{
	struct fixture *f = MEM_NEW(struct fixture);

	f->group = seal_world_group(0);
	for (int i = 0; i < AGENTS; i++) {
		f->who[i] = seal_world_agent((uint64_t)i);
		f->id[i] = *identity_id(f->who[i]);
	}
	f->heads = heads_new(&f->group, &f->id[A]);
	f->before = heads_new(&f->group, &f->id[A]);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	heads_free(f->heads);
	heads_free(f->before);
	for (int i = 0; i < AGENTS; i++)
		identity_free(f->who[i]);
	free(f);
	return 0;
}

/* Brings a head that the vault has signed, of this epoch, number of rows and number. */
static enum heads_news bring(struct fixture *f, struct heads *to, enum agent by, uint64_t epoch, uint64_t seq,
                             uint64_t number)
{
	struct head_have have = { .epoch = 100, .seq = seq };
	struct head out, h = { .group = f->group,
		               .epoch = epoch,
		               .seq = seq,
		               .number = number,
		               .time_s = NOW + (int64_t)number,
		               .settled = true,
		               .rows = seq,
		               .have = &have,
		               .nhave = 1 };
	struct heads_from from = { .by = &f->id[by], .vault = true, .epoch = 50, .seq = 10, .now_s = NOW + 5 };
	struct bytes b = BYTES_INIT(HEAD_LEN_MAX);

	assert_int_equal(head_sign(&h, f->who[V], &b), 0);
	assert_int_equal(head_parse(&out, &f->group, b.p, b.len), HEAD_OK);
	bytes_free(&b);
	return heads_take(to, &out, &from);
}

/* A key file is written when the vault has shown its head 10, of 100 rows, and is loaded on a new disk. */
static void restore(struct fixture *f)
{
	struct export_head seen[2];

	assert_int_equal(bring(f, f->before, V, EPOCH, 100, 10), HEADS_KEPT);
	assert_int_equal(heads_seen(f->before, seen, 2), 1);
	heads_expect(f->heads, &seen[0]);
}

static enum heads_blame blame_of(const struct fixture *f)
{
	struct heads_about a;

	assert_true(heads_about(f->heads, &f->id[V], &a));
	assert_true(a.vault);
	return a.blame;
}

static void a_vault_that_goes_on_is_blameless(void **state)
{
	struct fixture *f = *state;
	struct heads_about a;

	restore(f);
	/* Of that head too little is known to say anything of it. */
	assert_false(heads_about(f->heads, &f->id[V], &a));
	assert_int_equal(bring(f, f->heads, V, EPOCH, 100, 10), HEADS_KEPT);
	assert_int_equal(blame_of(f), HEADS_BLAMELESS);
	assert_int_equal(bring(f, f->heads, V, EPOCH, 120, 12), HEADS_KEPT);
	assert_int_equal(blame_of(f), HEADS_BLAMELESS);
}

static void a_later_one_is_what_was_to_be_shown(void **state)
{
	struct fixture *f = *state;

	restore(f);
	assert_int_equal(bring(f, f->heads, B, EPOCH, 130, 15), HEADS_KEPT);
	assert_int_equal(blame_of(f), HEADS_BLAMELESS);
}

static void an_older_state_is_noticed(void **state)
{
	struct fixture *f = *state;

	restore(f);
	/* Others may not have heard of what came later. */
	assert_int_equal(bring(f, f->heads, B, EPOCH, 90, 9), HEADS_NOTHING);
	assert_int_equal(bring(f, f->heads, V, EPOCH, 90, 9), HEADS_KEPT);
	assert_int_equal(blame_of(f), HEADS_ROLLED_BACK);
}

static void a_hello_of_an_older_state_is_noticed(void **state)
{
	struct fixture *f = *state;

	restore(f);
	assert_true(heads_served(f->heads, &f->id[V], EPOCH, 99, NOW));
	assert_int_equal(blame_of(f), HEADS_ROLLED_BACK); /* also if it never shows a head */
	assert_int_equal(bring(f, f->heads, V, EPOCH, 100, 10), HEADS_KEPT);
	assert_int_equal(blame_of(f), HEADS_ROLLED_BACK);
}

static void a_new_beginning_is_noticed(void **state)
{
	struct fixture *f = *state;

	restore(f);
	/* It may be of before the key file, if another brings it. */
	assert_int_equal(bring(f, f->heads, B, OTHER_EPOCH, 3, 1), HEADS_NOTHING);
	assert_int_equal(bring(f, f->heads, V, OTHER_EPOCH, 3, 1), HEADS_KEPT);
	assert_int_equal(blame_of(f), HEADS_BEGAN_AGAIN);
}

static void two_heads_of_one_number_are_noticed(void **state)
{
	struct fixture *f = *state;

	restore(f);
	assert_int_equal(bring(f, f->heads, B, EPOCH, 101, 10), HEADS_KEPT);
	assert_int_equal(blame_of(f), HEADS_FORKED);
}

static void later_with_fewer_rows_is_noticed(void **state)
{
	struct fixture *f = *state;

	restore(f);
	assert_int_equal(bring(f, f->heads, V, EPOCH, 60, 11), HEADS_KEPT);
	assert_int_equal(blame_of(f), HEADS_FORKED);
}

/* What is stored here is more than what a key file says; and what it says goes into the next key file. */
static void a_head_that_is_here_counts(void **state)
{
	struct fixture *f = *state;
	struct export_head seen[2];

	assert_int_equal(bring(f, f->heads, V, OTHER_EPOCH, 3, 1), HEADS_KEPT);
	restore(f);
	assert_int_equal(bring(f, f->heads, V, OTHER_EPOCH, 4, 20), HEADS_KEPT);
	assert_int_equal(blame_of(f), HEADS_BLAMELESS);
	assert_int_equal(heads_seen(f->heads, seen, 2), 1);
	assert_int_equal(seen[0].number, 20);
	assert_int_equal(heads_seen(f->heads, seen, 0), 0);
}

static void blame_outlives_a_restart(void **state)
{
	struct fixture *f = *state;
	struct heads_about a;

	heads_blame_again(f->heads, &f->id[V], HEADS_FORKED, NOW - 100);
	assert_false(heads_about(f->heads, &f->id[V], &a));
	assert_int_equal(bring(f, f->heads, V, EPOCH, 100, 10), HEADS_KEPT);
	heads_blame_again(f->heads, &f->id[V], HEADS_ROLLED_BACK, NOW - 100);
	assert_true(heads_about(f->heads, &f->id[V], &a));
	assert_int_equal(a.blame, HEADS_ROLLED_BACK);
	assert_int_equal(a.blame_s, NOW - 100);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_vault_that_goes_on_is_blameless), T(a_later_one_is_what_was_to_be_shown),
		T(an_older_state_is_noticed),         T(a_hello_of_an_older_state_is_noticed),
		T(a_new_beginning_is_noticed),        T(two_heads_of_one_number_are_noticed),
		T(later_with_fewer_rows_is_noticed),  T(a_head_that_is_here_counts),
		T(blame_outlives_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
