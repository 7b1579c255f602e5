/* Members that meet only at a vault: both real ends of what docs/sealed.md says, sync/keeping and sync/vault. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/keeping_table.h"

static int setup(void **state)
{
	struct table *t = MEM_NEW(struct table);

	table_start(t);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct table *t = *state;

	table_end(t);
	free(t);
	return 0;
}

static bool all_settled(struct table *t, int who)
{
	return t->m[who].settled == index_seq(t->m[who].index);
}

static void test_what_one_member_leaves_another_finds(void **state)
{
	static const uint32_t sizes[] = { 1, 2, 64, 65, 200 };
	struct table *t = *state;
	char path[32];

	for (uint32_t i = 0; i < 5; i++) {
		snprintf(path, sizeof(path), "file %u", i);
		table_write(t, ANNA, path, sizes[i], i + 1);
	}
	table_write(t, ANNA, "gone", 1, 90);
	table_write(t, ANNA, "gone", 0, 0);
	table_up(t, ANNA);
	table_calm(t);
	assert_true(all_settled(t, ANNA));
	assert_int_equal(index_vault_totals(t->index).rows, 6);
	table_down(t, ANNA);
	table_up(t, BERT);
	table_calm(t);
	assert_int_equal(t->m[BERT].news, 6);
	for (uint32_t i = 0; i < 5; i++) {
		snprintf(path, sizeof(path), "file %u", i);
		assert_true(table_has_row(t, BERT, path, sizes[i], i + 1));
		assert_true(table_fetches(t, BERT, path));
	}
	assert_true(table_has_row(t, BERT, "gone", 0, 0));
	/* What came from the vault does not go back. */
	assert_int_equal(t->m[BERT].cores, 0);
	assert_int_equal(t->m[ANNA].misbehaved + t->m[BERT].misbehaved, 0);
}

static void test_an_edit_and_a_conflict_cross_the_vault(void **state)
{
	struct table *t = *state;

	table_write(t, ANNA, "edited", 2, 1);
	table_write(t, ANNA, "fought for", 2, 2);
	table_up(t, ANNA);
	table_calm(t);
	table_down(t, ANNA);
	table_up(t, BERT);
	table_calm(t);
	assert_true(table_fetches(t, BERT, "edited"));
	assert_true(table_fetches(t, BERT, "fought for"));
	table_write(t, BERT, "edited", 3, 3);
	table_write(t, BERT, "fought for", 1, 4);
	table_calm(t);
	assert_true(all_settled(t, BERT));
	table_down(t, BERT);
	table_write(t, ANNA, "fought for", 1, 5);
	table_up(t, ANNA);
	table_calm(t);
	assert_true(all_settled(t, ANNA));
	assert_true(table_has_row(t, ANNA, "edited", 3, 3));
	/* Both versions are at the vault, and Carl hears of both. */
	table_down(t, ANNA);
	table_up(t, CARL);
	table_calm(t);
	assert_int_equal(t->m[CARL].news, 3);
}

static void test_a_break_in_the_middle_costs_nothing(void **state)
{
	struct table *t = *state;
	size_t given;
	char path[32];

	for (uint32_t i = 0; i < 40; i++) {
		snprintf(path, sizeof(path), "file %u", i);
		table_write(t, ANNA, path, 10, i + 1);
	}
	for (int round = 0; round < 5; round++) {
		given = t->given;
		table_up(t, ANNA);
		/* On a slow machine the rounds before may have brought all 400. */
		while (t->given < given + 50 && t->given < 400)
			table_turn(t);
		table_down(t, ANNA);
		table_calm(t);
		/* What it tells others meanwhile is whole. */
		table_up(t, BERT);
		table_calm(t);
		table_down(t, BERT);
	}
	table_up(t, ANNA);
	table_calm(t);
	assert_true(all_settled(t, ANNA));
	table_down(t, ANNA);
	/* No object came more than twice: what is on its way at a break. */
	assert_in_range(t->given, 400, 400 + 5 * 64);
	table_up(t, BERT);
	table_calm(t);
	assert_int_equal(t->m[BERT].news, 40);
	assert_true(table_fetches(t, BERT, "file 7"));
	assert_int_equal(t->m[BERT].none, 0);
}

static void test_two_that_have_the_same_upload_it_once(void **state)
{
	struct table *t = *state;
	struct record r;
	size_t given;

	table_write(t, ANNA, "file", 20, 1);
	assert_int_equal(index_get(t->m[ANNA].index, "file", &r), 1);
	t->files[0].had[BERT] = true;
	assert_int_equal(index_put(t->m[BERT].index, &r, &t->files[0].list), 0);
	record_clear(&r);
	table_up(t, ANNA);
	table_calm(t);
	given = t->given;
	/* In another generation, too. */
	assert_int_equal(ring_sign(t->rings->agents[ANNA].ring, -1, RING_NOW), 0);
	table_gossip(t);
	table_up(t, BERT);
	table_calm(t);
	assert_true(all_settled(t, BERT));
	assert_int_equal(t->given, given);
	assert_int_equal(index_vault_totals(t->index).rows, 1);
}

/* --- what changes under way --- */

static void test_a_file_that_changes_while_it_is_uploaded_does_not_hold_up_the_rest(void **state)
{
	struct table *t = *state;

	table_write(t, ANNA, "changes", 200, 1);
	table_write(t, ANNA, "rests", 2, 2);
	table_up(t, ANNA);
	while (t->given < 20)
		table_turn(t);
	t->files[0].had[ANNA] = false;
	table_calm(t);
	assert_false(all_settled(t, ANNA));
	table_write(t, ANNA, "changes", 3, 3);
	for (int i = 0; i < 100 && !all_settled(t, ANNA); i++)
		table_pass(t, 100);
	assert_true(all_settled(t, ANNA));
	assert_int_equal(index_vault_totals(t->index).rows, 2);
}

static void test_what_was_ignored_is_told_once_it_is_not(void **state)
{
	struct table *t = *state;
	struct table_member *anna = &t->m[ANNA];
	size_t told;

	anna->ignored = "kept back";
	table_write(t, ANNA, "kept back", 2, 1);
	table_write(t, ANNA, "shared", 2, 2);
	table_up(t, ANNA);
	table_calm(t);
	assert_true(all_settled(t, ANNA));
	assert_int_equal(index_vault_totals(t->index).rows, 1);
	/* The talk opens again when the rules have changed. */
	anna->ignored = NULL;
	assert_int_equal(index_meta_put(anna->index, INDEX_META_RETELL, (int64_t)index_seq(anna->index)), 0);
	table_down(t, ANNA);
	table_up(t, ANNA);
	for (int i = 0; i < 100 && index_vault_totals(t->index).rows < 2; i++)
		table_pass(t, 100);
	assert_int_equal(index_vault_totals(t->index).rows, 2);
	table_write(t, ANNA, "new", 1, 3);
	for (int i = 0; i < 100 && !all_settled(t, ANNA); i++)
		table_pass(t, 100);
	assert_true(all_settled(t, ANNA));
	/* That was all. */
	told = anna->cores;
	table_down(t, ANNA);
	table_up(t, ANNA);
	table_calm(t);
	assert_int_equal(anna->cores, told);
}

/* --- who may write --- */

static void test_what_a_removed_member_wrote_is_told_again_by_one_who_stays(void **state)
{
	struct table *t = *state;
	size_t given;

	table_write(t, BERT, "bert's", 3, 1);
	table_up(t, BERT);
	table_calm(t);
	table_down(t, BERT);
	table_up(t, ANNA);
	table_calm(t);
	assert_true(table_fetches(t, ANNA, "bert's"));
	given = t->given;
	assert_true(ring_world_remove(t->rings, ANNA, BERT));
	table_gossip(t);
	table_calm(t);
	assert_true(all_settled(t, ANNA));
	/* The same objects serve: its content stays what it was sealed as. */
	assert_int_equal(t->given, given);
	table_up(t, CARL);
	table_calm(t);
	assert_true(table_has_row(t, CARL, "bert's", 3, 1));
	assert_true(table_fetches(t, CARL, "bert's"));
}

/* The vault alone has his file. One owner demotes him, and the other takes that back. */
static void test_what_a_demoted_member_wrote_comes_when_it_may_write_again(void **state)
{
	struct table *t = *state;

	assert_true(ring_world_grant(t->rings, ANNA, CARL, ROLE_OWNER));
	table_gossip(t);
	table_write(t, BERT, "bert's", 3, 1);
	table_up(t, BERT);
	table_calm(t);
	table_down(t, BERT);
	assert_true(ring_world_grant(t->rings, ANNA, BERT, ROLE_READER));
	table_gossip(t);
	table_up(t, ANNA);
	table_up(t, CARL);
	table_write(t, ANNA, "behind it", 1, 2);
	table_calm(t);
	assert_true(table_has_row(t, CARL, "behind it", 1, 2));
	assert_false(table_has_row(t, CARL, "bert's", 3, 1));
	assert_false(table_has_row(t, ANNA, "bert's", 3, 1));
	assert_true(ring_world_grant(t->rings, CARL, BERT, ROLE_MEMBER));
	table_gossip(t);
	table_calm(t);
	assert_true(table_has_row(t, CARL, "bert's", 3, 1));
	assert_true(table_has_row(t, ANNA, "bert's", 3, 1));
	assert_true(table_fetches(t, ANNA, "bert's"));
}

static void test_a_hello_that_was_out_before_a_removal_is_said_again(void **state)
{
	struct table *t = *state;

	table_write(t, ANNA, "file", 3, 1);
	table_up(t, ANNA);
	table_calm(t);
	table_down(t, ANNA);
	table_up(t, ANNA); /* both hellos are on their way */
	assert_true(ring_world_remove(t->rings, ANNA, BERT));
	table_gossip(t);
	table_write(t, ANNA, "another", 1, 2);
	table_calm(t);
	assert_true(all_settled(t, ANNA));
	assert_false(vault_counts(t->vault).behind);
}

static void test_after_a_removal_what_is_new_is_sealed_with_new_keys(void **state)
{
	struct table *t = *state;
	uint64_t first = keys_about(ring_current(t->rings->agents[BERT].ring))->id;

	table_write(t, ANNA, "before", 3, 1);
	table_up(t, ANNA);
	table_calm(t);
	assert_true(ring_world_remove(t->rings, ANNA, BERT));
	table_gossip(t);
	assert_int_not_equal(keys_about(ring_current(t->rings->agents[ANNA].ring))->id, first);
	table_write(t, ANNA, "after", 3, 2);
	table_calm(t);
	assert_true(all_settled(t, ANNA));
	table_up(t, CARL);
	table_calm(t);
	assert_true(table_fetches(t, CARL, "before"));
	assert_true(table_fetches(t, CARL, "after"));
}

#define WITH(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(test_what_one_member_leaves_another_finds),
		WITH(test_an_edit_and_a_conflict_cross_the_vault),
		WITH(test_a_break_in_the_middle_costs_nothing),
		WITH(test_two_that_have_the_same_upload_it_once),
		WITH(test_a_file_that_changes_while_it_is_uploaded_does_not_hold_up_the_rest),
		WITH(test_what_was_ignored_is_told_once_it_is_not),
		WITH(test_what_a_removed_member_wrote_is_told_again_by_one_who_stays),
		WITH(test_what_a_demoted_member_wrote_comes_when_it_may_write_again),
		WITH(test_a_hello_that_was_out_before_a_removal_is_said_again),
		WITH(test_after_a_removal_what_is_new_is_sealed_with_new_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
