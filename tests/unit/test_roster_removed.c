/* Who is removed: by whom, from when on, and what becomes of entries that a removed agent has signed. */
#include "tests/unit/roster_world.h"

static void removal_wins_over_an_addition_that_does_not_name_it(void **state)
{
	struct world *w = *state;

	say_remove(w, A, B, NOW);
	say_add(w, A, B, ROLE_MEMBER, -1, NOW + 100);
	say_join(w, A, A, B, ROLE_MEMBER, -1, NOW + 100);
	expect_members(w, "A owner");
}

static void an_addition_that_names_the_removal_wins(void **state)
{
	struct world *w = *state;
	int removal;

	say_add(w, A, B, ROLE_OWNER, -1, NOW);
	removal = say_remove(w, A, B, NOW + 1);
	say_add(w, A, B, ROLE_READER, removal, NOW + 1);
	expect_members(w, "A owner, B reader");
}

static void an_invite_cannot_name_a_removal_away(void **state)
{
	struct world *w = *state;
	int removal = say_remove(w, A, B, NOW);

	say_join(w, A, A, B, ROLE_MEMBER, removal, NOW + 100);
	expect_members(w, "A owner");
}

static void a_later_removal_is_not_named_by_naming_the_first(void **state)
{
	struct world *w = *state;
	int removal = say_remove(w, A, B, NOW);

	say_add(w, A, B, ROLE_MEMBER, removal, NOW + 1);
	say_remove(w, A, B, NOW + 2);
	expect_members(w, "A owner");
}

static void one_who_was_removed_admits_nobody_whatever_date_it_writes(void **state)
{
	struct world *w = *state;

	say_join(w, A, A, B, ROLE_MEMBER, -1, NOW);
	say_remove(w, A, B, NOW + 10);
	say_join(w, A, B, C, ROLE_MEMBER, -1, NOW + 1);
	say_join(w, A, C, D, ROLE_MEMBER, -1, NOW + 1);
	expect_members(w, "A owner");
}

static void one_removed_by_a_late_owner_admits_nobody_either(void **state)
{
	struct world *w = *state;

	say_join(w, A, A, B, ROLE_MEMBER, -1, NOW);
	say_add(w, A, D, ROLE_OWNER, -1, NOW);
	say_add(w, D, E, ROLE_OWNER, -1, NOW);
	say_remove(w, E, B, NOW);
	say_join(w, A, B, C, ROLE_MEMBER, -1, NOW);
	expect_members(w, "A owner, D owner, E owner");
}

static void what_a_removed_owner_signed_is_void(void **state)
{
	struct world *w = *state;

	say_add(w, A, B, ROLE_OWNER, -1, NOW);
	say_add(w, B, C, ROLE_OWNER, -1, NOW);
	say_remove(w, C, D, NOW);
	say_add(w, A, D, ROLE_MEMBER, -1, NOW);
	expect_members(w, "A owner, B owner, C owner");
	say_remove(w, A, B, NOW + 5);
	expect_members(w, "A owner, D member");
}

static void of_owners_who_remove_each_other_the_senior_stays(void **state)
{
	struct world *w = *state;

	say_add(w, A, B, ROLE_OWNER, -1, NOW);
	say_add(w, B, C, ROLE_OWNER, -1, NOW);
	say_remove(w, B, C, NOW + 9);
	say_remove(w, C, B, NOW);
	expect_members(w, "A owner, B owner");
}

static void of_owners_of_one_generation_one_stays(void **state)
{
	struct world *w = *state;
	bool b_first = memcmp(id_of(w, B)->b, id_of(w, C)->b, 32) < 0;

	say_add(w, A, B, ROLE_OWNER, -1, NOW);
	say_add(w, A, C, ROLE_OWNER, -1, NOW);
	say_remove(w, B, C, NOW);
	say_remove(w, C, B, NOW);
	expect_members(w, b_first ? "A owner, B owner" : "A owner, C owner");
}

/* What it says then, whenever and to whomever, lets nobody in; and what it had said has to be said again by another
 * owner. */
static void a_founder_that_a_junior_removed_is_silent(void **state)
{
	struct world *w = *state;

	say_add(w, A, B, ROLE_OWNER, -1, NOW);
	say_join(w, A, A, C, ROLE_MEMBER, -1, NOW);
	say_remove(w, A, E, NOW);
	say_add(w, B, E, ROLE_MEMBER, -1, NOW);
	say_remove(w, B, A, NOW + 1);
	expect_members(w, "B owner"); /* its removal of E stays */
	say_add(w, A, D, ROLE_OWNER, -1, NOW - 500);
	say_join(w, A, A, C, ROLE_MEMBER, -1, NOW - 500);
	say_add(w, D, C, ROLE_MEMBER, -1, NOW - 500);
	expect_members(w, "B owner");
	say_add(w, B, C, ROLE_MEMBER, -1, NOW + 2);
	say_join(w, B, C, D, ROLE_MEMBER, -1, NOW + 2);
	expect_members(w, "B owner, C member, D member");
}

static void silence_spares_what_made_the_remover_an_owner(void **state)
{
	struct world *w = *state;

	say_add(w, A, B, ROLE_OWNER, -1, NOW);
	say_add(w, B, C, ROLE_OWNER, -1, NOW);
	say_add(w, B, D, ROLE_OWNER, -1, NOW);
	say_remove(w, C, B, NOW);
	expect_members(w, "A owner, C owner");
}

/* The one that put the founder down was itself put down by another: what made it an owner is spared no more. */
static void what_made_a_silenced_remover_an_owner_is_not_spared(void **state)
{
	struct world *w = *state;
	bool b_first = memcmp(id_of(w, B)->b, id_of(w, C)->b, 32) < 0;
	int first = b_first ? B : C, second = b_first ? C : B;

	say_add(w, A, first, ROLE_OWNER, -1, NOW);
	say_add(w, A, second, ROLE_OWNER, -1, NOW);
	say_add(w, first, A, ROLE_READER, -1, NOW);
	say_remove(w, second, first, NOW);
	say_remove(w, second, A, NOW);
	expect_members(w, b_first ? "C owner" : "B owner");
}

/* B demotes A and makes C an owner, whom A has as a member; C makes A an owner again and removes B. Each of them takes
 * away what the next one stands on, but the group must not end without an owner that is heard. */
static void owners_that_put_one_another_down_in_a_circle_do_not_all_end_in_silence(void **state)
{
	struct world *w = *state;
	struct roster *r;
	int demoted;

	say_add(w, A, C, ROLE_MEMBER, -1, NOW);
	say_add(w, A, B, ROLE_OWNER, -1, NOW);
	demoted = say_add(w, B, A, ROLE_MEMBER, 0, NOW);
	say_add(w, B, C, ROLE_OWNER, -1, NOW);
	say_add(w, C, A, ROLE_OWNER, demoted, NOW);
	say_remove(w, C, B, NOW);
	expect_members(w, "A member, B owner, C member");
	r = roster_of(w);
	assert_int_equal(roster_grant(r, w->agents[B], id_of(w, D), ROLE_MEMBER, "d", NOW), 0);
	assert_int_equal(roster_role(r, id_of(w, D)), ROLE_MEMBER);
	roster_free(r);
}

/* --- leaving --- */

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(removal_wins_over_an_addition_that_does_not_name_it),
		TEST(an_addition_that_names_the_removal_wins),
		TEST(an_invite_cannot_name_a_removal_away),
		TEST(a_later_removal_is_not_named_by_naming_the_first),
		TEST(one_who_was_removed_admits_nobody_whatever_date_it_writes),
		TEST(one_removed_by_a_late_owner_admits_nobody_either),
		TEST(what_a_removed_owner_signed_is_void),
		TEST(of_owners_who_remove_each_other_the_senior_stays),
		TEST(of_owners_of_one_generation_one_stays),
		TEST(a_founder_that_a_junior_removed_is_silent),
		TEST(silence_spares_what_made_the_remover_an_owner),
		TEST(what_made_a_silenced_remover_an_owner_is_not_spared),
		TEST(owners_that_put_one_another_down_in_a_circle_do_not_all_end_in_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
