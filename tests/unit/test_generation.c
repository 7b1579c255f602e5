/* Which generation is current: the rules, one by one. Random histories are in test_generation_random.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/generation_world.h"

static void the_first_is_an_owners(void **state)
{
	struct fixture *f = *state;
	const struct generation *g;

	assert_int_equal(generation_state(judged(f)), GENERATION_NONE);
	assert_null(generation_current(f->j));
	g = signs(f, MEMBER, 1);
	assert_int_equal(generation_state(f->j), GENERATION_NONE);
	assert_false(generation_counts(f->j, g->name));
	f->gens[0].signer.b[0] = OWNER;
	assert_int_equal(generation_state(judged(f)), GENERATION_FIT);
	assert_ptr_equal(generation_current(f->j), g);
	assert_int_equal(g->number, 1);
	assert_int_equal(g->nparents, 0);
}

static void an_exit_stops_the_sealing_until_it_is_answered(void **state)
{
	struct fixture *f = *state;
	const struct generation *g;

	signs(f, OWNER, 1);
	f->gens[0].policy = 1;
	leaves(f);
	assert_int_equal(generation_state(f->j), GENERATION_UNFIT);
	g = signs(f, MEMBER, 2); /* no removal waits for an owner */
	assert_int_equal(generation_state(f->j), GENERATION_FIT);
	assert_ptr_equal(generation_current(f->j), g);
	assert_int_equal(g->number, 2);
	assert_int_equal(g->policy, 1); /* as the owner chose */
	assert_int_equal(g->nexits, 1);
	assert_memory_equal(g->exits[0], f->exits[0], GENERATION_NAME_LEN);
	assert_memory_equal(g->parents[0], f->gens[0].name, GENERATION_NAME_LEN);
}

static void a_member_makes_none_without_a_reason(void **state)
{
	struct fixture *f = *state;
	const struct generation *first = signs(f, OWNER, 1), *g = signs(f, MEMBER, 2);

	assert_false(generation_counts(f->j, g->name));
	assert_ptr_equal(generation_current(f->j), first);
	/* Nor by an exit that is none, nor by one that was answered. */
	seal_world_bytes(f->gens[1].exits[0], 9);
	f->gens[1].nexits = 1;
	assert_false(generation_counts(judged(f), g->name));
	leaves(f);
	signs(f, OWNER, 3);
	g = signs(f, MEMBER, 4);
	memcpy(f->gens[3].exits[0], f->exits[0], GENERATION_NAME_LEN);
	f->gens[3].nexits = 1;
	assert_false(generation_counts(judged(f), g->name));
	/* An owner needs none. */
	f->gens[3].signer.b[0] = OWNER;
	assert_true(generation_counts(judged(f), g->name));
	assert_ptr_equal(generation_current(f->j), g);
}

/* Two removals apart: either side answers its own, and neither generation is fit once both are known. */
static void what_was_answered_apart_is_joined(void **state)
{
	struct fixture *f = *state;
	const struct generation *joined;
	uint8_t exit[GENERATION_NAME_LEN];
	size_t one, other;

	signs(f, OWNER, 1);
	leaves(f);
	signs(f, OWNER, 2);
	/* The other side knows neither. */
	memcpy(exit, f->exits[0], sizeof(exit));
	f->n = 1;
	f->nexits = 0;
	leaves(f);
	seal_world_bytes(f->exits[0], 55);
	f->gens[2] = f->gens[1];
	signs(f, MEMBER, 3);
	f->n = 3;
	memcpy(f->exits[1], exit, sizeof(exit));
	f->nexits = 2;
	one = 1;
	other = 2;
	assert_true(generation_counts(judged(f), f->gens[one].name));
	assert_true(generation_counts(f->j, f->gens[other].name));
	assert_int_equal(generation_state(f->j), GENERATION_UNFIT);
	joined = signs(f, MEMBER, 4);
	assert_int_equal(generation_state(f->j), GENERATION_FIT);
	assert_ptr_equal(generation_current(f->j), joined);
	assert_int_equal(joined->nparents, 2);
	assert_int_equal(joined->nexits, 0);
	assert_int_equal(joined->number, 3);
	/* What was sealed on either side stays vouched for. */
	assert_memory_equal(generation_vouched(f->j, generation_id(&f->gens[one]))->commitment, f->gens[one].commitment,
	                    32);
	assert_memory_equal(generation_vouched(f->j, generation_id(&f->gens[other]))->commitment,
	                    f->gens[other].commitment, 32);
}

static void of_two_that_are_fit_the_smaller_name_seals_everywhere(void **state)
{
	struct fixture *f = *state;
	struct generation kept;

	signs(f, OWNER, 1);
	leaves(f);
	kept = *signs(f, OWNER, 7);
	f->n = 1;
	signs(f, MEMBER, 6);
	f->gens[f->n++] = kept;
	assert_int_equal(generation_state(judged(f)), GENERATION_FIT);
	assert_int_equal(generation_current(f->j)->name[0], 6);
	assert_true(generation_counts(f->j, kept.name));
	/* The one that covers everything, even if another has a greater number. */
	leaves(f);
	signs(f, MEMBER, 5);
	assert_int_equal(generation_current(f->j)->name[0], 5);
	assert_int_equal(generation_state(f->j), GENERATION_FIT);
}

static void what_its_signer_says_falls_with_it_and_stays_readable(void **state)
{
	struct fixture *f = *state;
	const struct generation *g, *next;

	signs(f, OWNER, 1);
	g = signs(f, GONE, 2);
	assert_false(generation_counts(f->j, g->name));
	assert_null(generation_vouched(f->j, generation_id(g)));
	assert_int_equal(generation_current(f->j)->name[0], 1);
	/* A member that seals with it, since it had not heard, holds its secret: its next one vouches for it. */
	f->held[f->nheld++] = generation_id(g);
	leaves(f);
	next = signs(f, MEMBER, 3);
	assert_int_equal(next->nparents, 1);
	assert_memory_equal(next->parents[0], g->name, GENERATION_NAME_LEN);
	assert_int_equal(generation_state(f->j), GENERATION_FIT);
	assert_memory_equal(generation_vouched(f->j, generation_id(g))->commitment, g->commitment, 32);
}

/* One that left claims to have answered everything, and a member holds its secret. */
static void the_departed_cannot_keep_members_from_answering(void **state)
{
	struct fixture *f = *state;
	const struct generation *claims, *next;

	signs(f, OWNER, 1);
	leaves(f);
	claims = signs(f, GONE, 2);
	f->held[f->nheld++] = generation_id(claims);
	assert_int_equal(generation_state(f->j), GENERATION_UNFIT);
	next = signs(f, MEMBER, 3);
	assert_int_equal(generation_state(f->j), GENERATION_FIT);
	assert_ptr_equal(generation_current(f->j), next);
}

/* An owner's entry that stands apart, whose secret was used, and whose signer is only a member now. */
static void what_was_sealed_by_one_whose_word_fell_becomes_readable(void **state)
{
	struct fixture *f = *state;
	const struct generation *g;

	signs(f, OWNER, 1);
	f->gens[f->n] = f->gens[0];
	f->gens[f->n].signer.b[0] = MEMBER;
	f->gens[f->n].name[0] = 2;
	f->held[f->nheld++] = generation_id(&f->gens[f->n++]);
	judged(f);
	assert_null(generation_vouched(f->j, f->held[0]));
	assert_true(is_due(f, MEMBER));
	assert_true(is_due(f, OWNER));
	g = signs(f, MEMBER, 3);
	assert_true(generation_counts(f->j, g->name));
	assert_non_null(generation_vouched(f->j, f->held[0]));
	assert_false(is_due(f, OWNER));
	assert_false(is_due(f, MEMBER));
}

/* What a member signed without effect, over everything that there is, is in nobody's way, and is not a beginning. */
static void what_does_not_count_is_not_compared(void **state)
{
	struct fixture *f = *state;
	struct generation *vain, *g;

	signs(f, OWNER, 1);
	leaves(f);
	/* It covers the exit, and is of no owner, and of no parent. */
	vain = &f->gens[f->n++];
	*vain = (struct generation){ .number = 1, .suite = SUITE, .nexits = 1 };
	vain->signer.b[0] = MEMBER;
	vain->name[0] = 2;
	memcpy(vain->exits[0], f->exits[0], GENERATION_NAME_LEN);
	memcpy(vain->keyring, f->gens[0].keyring, sizeof(vain->keyring));
	f->held[f->nheld++] = generation_id(vain);
	g = &f->gens[f->n];
	assert_ptr_equal(signs(f, MEMBER, 3), g);
	assert_int_equal(g->nparents, 2);
	assert_true(generation_counts(f->j, g->name));
	assert_int_equal(generation_state(f->j), GENERATION_FIT);
	/* Over the vain one alone, nothing counts. */
	f->n--;
	memset(g, 0, sizeof(*g));
	f->gens[0].signer.b[0] = MEMBER; /* so that it is not a tip either */
	signs(f, MEMBER, 4);
	assert_int_equal(g->nparents, 1);
	assert_false(generation_counts(f->j, g->name));
}

static void an_untrue_entry_never_counts(void **state)
{
	struct fixture *f = *state;
	struct generation good;

	signs(f, OWNER, 1);
	leaves(f);
	good = *signs(f, OWNER, 2);
	assert_true(generation_counts(judged(f), good.name));
	f->gens[1].number = 3; /* skips one */
	assert_false(generation_counts(judged(f), good.name));
	f->gens[1].number = 1;
	assert_false(generation_counts(judged(f), good.name));
	f->gens[1] = good;
	f->gens[1].keyring[0] ^= 1;
	assert_false(generation_counts(judged(f), good.name));
	f->gens[1] = good;
	f->gens[1].parents[0][5] ^= 1; /* of one that is not here */
	assert_false(generation_counts(judged(f), good.name));
	f->gens[1] = good;
	f->gens[0].suite = 2;
	assert_false(generation_counts(judged(f), good.name)); /* a step back */
	assert_int_equal(generation_state(f->j), GENERATION_LATER);
}

static void an_unknown_suite_or_policy_is_refused_and_nothing_older_is_used(void **state)
{
	struct fixture *f = *state;
	struct generation next;
	const struct generation_writer w = writer(f, OWNER);

	signs(f, OWNER, 1);
	signs(f, OWNER, 2);
	assert_int_equal(generation_state(f->j), GENERATION_FIT);
	f->gens[1].suite = SUITE + 1;
	assert_int_equal(generation_state(judged(f)), GENERATION_LATER);
	assert_int_equal(generation_next(f->j, &w, &next), -1);
	f->gens[1].suite = SUITE;
	f->gens[1].policy = POLICIES;
	assert_int_equal(generation_state(judged(f)), GENERATION_LATER);
	/* A later suite is not passed over for a greater number, nor for one that is fit. */
	f->gens[1].policy = 0;
	leaves(f);
	signs(f, OWNER, 3);
	assert_int_equal(generation_state(f->j), GENERATION_FIT);
	f->gens[0].suite = SUITE + 1;
	assert_int_equal(generation_state(judged(f)), GENERATION_LATER);
}

static void more_exits_than_one_entry_holds_take_several(void **state)
{
	struct fixture *f = *state;

	signs(f, OWNER, 1);
	for (size_t i = 0; i < GENERATION_EXITS_MAX + 3; i++)
		leaves(f);
	signs(f, MEMBER, 2);
	assert_int_equal(generation_state(f->j), GENERATION_UNFIT);
	assert_int_equal(f->gens[1].nexits, GENERATION_EXITS_MAX);
	signs(f, MEMBER, 3);
	assert_int_equal(generation_state(f->j), GENERATION_FIT);
	assert_int_equal(f->gens[2].nexits, 3);
}

/* IDs are what records name generations by. */
static void of_two_with_one_id_only_one_counts(void **state)
{
	struct fixture *f = *state;
	struct generation twin;

	signs(f, OWNER, 1);
	leaves(f);
	twin = *signs(f, OWNER, 2);
	twin.name[31] = (uint8_t)(twin.name[31] == 255 ? 254 : twin.name[31] + 1);
	twin.commitment[0] ^= 1;
	f->gens[f->n++] = twin;
	judged(f);
	assert_int_equal(generation_counts(f->j, f->gens[1].name) + generation_counts(f->j, twin.name), 1);
	assert_true(memcmp(f->gens[1].name, twin.name, 32) < 0 ? generation_counts(f->j, f->gens[1].name)
	                                                       : generation_counts(f->j, twin.name));
	/* One that does not count takes nothing from it. */
	f->gens[1].signer.b[0] = GONE;
	assert_true(generation_counts(judged(f), twin.name));
	assert_memory_equal(generation_vouched(f->j, generation_id(&twin))->commitment, twin.commitment, 32);
}

static void each_writer_has_a_place_of_its_own(void **state)
{
	struct fixture *f = *state;
	struct agent_id writers[9];
	unsigned first[9] = { 0 };

	for (size_t i = 0; i < 9; i++)
		seal_world_bytes(writers[i].b, 400 + i);
	for (int round = 0; round < MOST; round++) {
		unsigned seen = 0;

		signs(f, OWNER, (uint8_t)round);
		for (size_t i = 0; i < 8; i++) {
			size_t rank = generation_rank(f->j, writers, 8, &writers[i]);

			assert_true(rank < 8);
			seen |= 1U << rank;
			first[i] += rank == 0;
		}
		assert_int_equal(seen, 0xff);
		assert_int_equal(generation_rank(f->j, writers, 8, &writers[8]), 8);
	}
	/* It is not always the same one's turn. */
	for (size_t i = 0; i < 8; i++)
		assert_true(first[i] < MOST / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_first_is_an_owners),
		CASE(an_exit_stops_the_sealing_until_it_is_answered),
		CASE(a_member_makes_none_without_a_reason),
		CASE(what_was_answered_apart_is_joined),
		CASE(of_two_that_are_fit_the_smaller_name_seals_everywhere),
		CASE(what_its_signer_says_falls_with_it_and_stays_readable),
		CASE(the_departed_cannot_keep_members_from_answering),
		CASE(what_was_sealed_by_one_whose_word_fell_becomes_readable),
		CASE(what_does_not_count_is_not_compared),
		CASE(an_untrue_entry_never_counts),
		CASE(an_unknown_suite_or_policy_is_refused_and_nothing_older_is_used),
		CASE(more_exits_than_one_entry_holds_take_several),
		CASE(of_two_with_one_id_only_one_counts),
		CASE(each_writer_has_a_place_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
