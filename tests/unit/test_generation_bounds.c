/* What a member's generation may not change, and how many of each signer count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/generation_world.h"

/* A later suite would stop all who do not know it, another policy show more of sizes. An owner may do both. */
static void a_member_changes_neither_suite_nor_policy(void **state)
{
	struct fixture *f = *state;
	struct generation *g = &f->gens[1], good;

	signs(f, OWNER, 1);
	leaves(f);
	good = *signs(f, MEMBER, 2);
	assert_true(generation_counts(f->j, good.name));
	g->suite++;
	assert_false(generation_counts(judged(f), good.name));
	assert_int_equal(generation_state(f->j), GENERATION_UNFIT);
	*g = good;
	g->policy++;
	assert_false(generation_counts(judged(f), good.name));
	g->signer.b[0] = OWNER;
	assert_true(generation_counts(judged(f), good.name));
	/* Not either by a parent that does not count. */
	*g = good;
	g->policy++;
	f->held[f->nheld++] = generation_id(g);
	f->voices[GONE] = GENERATION_SILENT;
	g->signer.b[0] = GONE;
	signs(f, MEMBER, 3);
	assert_memory_equal(f->gens[2].parents[0], good.name, GENERATION_NAME_LEN);
	assert_int_equal(f->gens[2].policy, good.policy);
	assert_true(generation_counts(f->j, f->gens[2].name));
	f->gens[2].policy = g->policy;
	assert_false(generation_counts(judged(f), f->gens[2].name));
}

/* The founder left, and with it all that counts. */
static void members_go_on_from_what_the_departed_left(void **state)
{
	struct fixture *f = *state;

	f->voices[OWNER] = GENERATION_SILENT;
	signs(f, OWNER, 1);
	f->gens[0].policy = 1;
	leaves(f);
	assert_int_equal(generation_state(judged(f)), GENERATION_NONE);
	assert_false(is_due(f, MEMBER)); /* it has nothing to go on from */
	assert_true(is_due(f, OWNER));
	f->held[f->nheld++] = generation_id(&f->gens[0]);
	assert_true(is_due(f, MEMBER));
	signs(f, MEMBER, 2);
	assert_int_equal(generation_state(f->j), GENERATION_FIT);
	assert_int_equal(f->gens[1].policy, 1);
	assert_false(is_due(f, MEMBER));
}

/* n entries beside one another that all answer the exits, the first behind `ancestors` of one who is gone. */
static struct generation *flood(size_t n, size_t ancestors, int signer, struct fixture *f)
{
	struct generation *gens = mem_calloc(1 + ancestors + n, sizeof(gens[0]));
	struct generation_secret line[GENERATION_MEMBER_MAX + 2];

	gens[0] = f->gens[0];
	for (size_t i = 1; i < 1 + ancestors + n; i++) {
		struct generation *g = &gens[i];
		size_t behind = i <= ancestors ? i : i == ancestors + 1 ? ancestors + 1 : 1;

		*g = f->gens[1];
		g->signer.b[0] = (uint8_t)(i <= ancestors ? GONE : signer);
		seal_world_bytes(g->name, 1000 + i);
		seal_world_bytes(g->commitment, 5000 + i);
		memcpy(g->parents[0], gens[behind - 1].name, GENERATION_NAME_LEN);
		g->number = gens[behind - 1].number + 1;
		for (size_t k = 0; k < behind; k++) {
			line[k].id = generation_id(&gens[k]);
			memcpy(line[k].commitment, gens[k].commitment, 32);
		}
		generation_keyring(g->keyring, line, behind);
	}
	return gens;
}

static size_t count_flood(struct fixture *f, size_t n, size_t ancestors, int signer)
{
	struct generation *gens = flood(n, ancestors, signer, f);
	const struct generation_facts facts = { .gens = gens,
		                                .ngens = 1 + ancestors + n,
		                                .exits = (const uint8_t(*)[GENERATION_NAME_LEN])f->exits,
		                                .nexits = f->nexits,
		                                .voice = voice,
		                                .arg = f };
	struct generation_judgement *j = generation_judge(&facts, SUITE, POLICIES);
	size_t counting = 0;

	for (size_t i = 1; i < facts.ngens; i++)
		counting += generation_counts(j, gens[i].name);
	generation_free(j);
	free(gens);
	return counting;
}

static void each_signer_has_a_bound_of_its_own(void **state)
{
	struct fixture *f = *state;

	signs(f, OWNER, 1);
	leaves(f);
	signs(f, MEMBER, 2);
	assert_int_equal(count_flood(f, 100, 0, MEMBER), 100);
	assert_int_equal(count_flood(f, GENERATION_MEMBER_MAX + 9, 0, MEMBER), GENERATION_MEMBER_MAX);
	assert_int_equal(count_flood(f, GENERATION_MEMBER_MAX + 9, 0, OWNER), GENERATION_MEMBER_MAX + 9);
	/* What only its entries bring into effect is its own as well. */
	assert_int_equal(count_flood(f, GENERATION_MEMBER_MAX, GENERATION_MEMBER_MAX - 1, MEMBER),
	                 GENERATION_MEMBER_MAX - 1);
	assert_int_equal(count_flood(f, 1, GENERATION_MEMBER_MAX - 1, MEMBER), 1);
	assert_int_equal(count_flood(f, 1, GENERATION_MEMBER_MAX, MEMBER), 0);
	assert_int_equal(count_flood(f, 1, GENERATION_MEMBER_MAX, OWNER), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_member_changes_neither_suite_nor_policy),
		CASE(members_go_on_from_what_the_departed_left),
		CASE(each_signer_has_a_bound_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
