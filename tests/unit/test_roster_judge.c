/* Who is a member: the same for everybody, whatever order the entries came in and whoever signed what. */
#include "tests/unit/roster_world.h"

static void the_founder_is_owner(void **state)
{
	expect_members(*state, "A owner");
}

static void owners_add_and_members_admit(void **state)
{
	struct world *w = *state;

	say_add(w, A, B, ROLE_OWNER, -1, NOW);
	say_join(w, B, A, C, ROLE_MEMBER, -1, NOW);
	say_add(w, A, C, ROLE_MEMBER, -1, NOW);
	say_join(w, A, C, D, ROLE_READER, -1, NOW);
	say_join(w, B, C, E, ROLE_VAULT, -1, NOW);
	expect_members(w, "A owner, B owner, C member, D reader, E vault");
}

static void one_that_no_owner_has_confirmed_admits_nobody_yet(void **state)
{
	struct world *w = *state;

	say_join(w, A, A, B, ROLE_MEMBER, -1, NOW);
	say_join(w, A, B, C, ROLE_MEMBER, -1, NOW);
	expect_members(w, "A owner, B member");
	say_add(w, A, B, ROLE_MEMBER, -1, NOW);
	expect_members(w, "A owner, B member, C member");
	say_add(w, A, C, ROLE_READER, -1, NOW);
	say_join(w, A, C, D, ROLE_READER, -1, NOW); /* readers admit nobody */
	expect_members(w, "A owner, B member, C reader");
}

static void nothing_counts_without_the_founding_entry(void **state)
{
	struct world *w = *state;
	struct roster *r = roster_new(&w->group);
	char text[TEXT_MAX];

	say_add(w, A, B, ROLE_OWNER, -1, NOW);
	say_join(w, B, B, C, ROLE_MEMBER, -1, NOW);
	assert_int_equal(put(w, r, 1), ROSTER_PENDING);
	assert_int_equal(put(w, r, 2), ROSTER_PENDING);
	assert_string_equal(members_text(w, r, text), "");
	assert_int_equal(put(w, r, 0), ROSTER_ADDED);
	assert_string_equal(members_text(w, r, text), "A owner, B owner, C member");
	roster_free(r);
}

/* --- no way up --- */

static void members_cannot_add_remove_or_invite(void **state)
{
	struct world *w = *state;

	say_add(w, A, B, ROLE_MEMBER, -1, NOW);
	say_add(w, B, C, ROLE_MEMBER, -1, NOW);
	say_remove(w, B, A, NOW);
	say_join(w, B, A, D, ROLE_MEMBER, -1, NOW);
	expect_members(w, "A owner, B member");
}

static void strangers_cannot_do_anything(void **state)
{
	struct world *w = *state;

	say_add(w, B, C, ROLE_OWNER, -1, NOW);
	say_add(w, C, B, ROLE_OWNER, -1, NOW);
	say_join(w, A, B, D, ROLE_MEMBER, -1, NOW);
	say_join(w, B, A, E, ROLE_MEMBER, -1, NOW);
	expect_members(w, "A owner");
}

static void nobody_adds_itself(void **state)
{
	struct world *w = *state;
	struct roster *r = roster_new(&w->group);

	say_add(w, A, A, ROLE_OWNER, -1, NOW);
	say_join(w, A, B, B, ROLE_MEMBER, -1, NOW);
	put(w, r, 0);
	assert_int_equal(put(w, r, 1), ROSTER_BAD);
	assert_int_equal(put(w, r, 2), ROSTER_BAD);
	roster_free(r);
}

static void an_invite_cannot_make_an_owner(void **state)
{
	struct world *w = *state;
	struct roster *r = roster_new(&w->group);

	say_join(w, A, A, B, ROLE_OWNER, -1, NOW);
	put(w, r, 0);
	assert_int_equal(put(w, r, 1), ROSTER_BAD);
	roster_free(r);
}

static void an_admission_after_expiry_is_bad(void **state)
{
	struct world *w = *state;
	struct roster *r = roster_new(&w->group);

	say_join(w, A, A, B, ROLE_MEMBER, -1, EXPIRES + 1);
	say_join(w, A, A, B, ROLE_MEMBER, -1, EXPIRES);
	put(w, r, 0);
	assert_int_equal(put(w, r, 1), ROSTER_BAD);
	assert_int_equal(put(w, r, 2), ROSTER_ADDED);
	roster_free(r);
}

/* --- roles --- */

static void the_lower_of_two_roles_said_at_once_counts(void **state)
{
	struct world *w = *state;
	int join = say_join(w, A, A, C, ROLE_VAULT, -1, NOW);

	say_add(w, A, B, ROLE_OWNER, -1, NOW);
	say_add(w, A, C, ROLE_MEMBER, join, NOW + 9);
	say_add(w, B, C, ROLE_READER, join, NOW + 1);
	expect_members(w, "A owner, B owner, C reader");
}

static void an_owners_statement_counts_before_an_invites(void **state)
{
	struct world *w = *state;

	say_join(w, A, A, B, ROLE_READER, -1, NOW + 5);
	say_add(w, A, B, ROLE_OWNER, -1, NOW);
	say_join(w, B, A, C, ROLE_MEMBER, -1, NOW);
	expect_members(w, "A owner, B owner, C member");
}

static void a_role_is_changed_by_naming_what_gave_the_last(void **state)
{
	struct world *w = *state;
	int as_reader = say_add(w, A, B, ROLE_READER, -1, NOW);
	int as_owner = say_add(w, A, B, ROLE_OWNER, as_reader, NOW + 1);

	expect_members(w, "A owner, B owner");
	say_add(w, A, B, ROLE_MEMBER, as_owner, NOW + 2);
	expect_members(w, "A owner, B member");
}

static void what_a_demoted_owner_signed_is_void(void **state)
{
	struct world *w = *state;
	int as_owner = say_add(w, A, B, ROLE_OWNER, -1, NOW);

	say_add(w, B, C, ROLE_OWNER, -1, NOW + 1);
	say_join(w, B, A, D, ROLE_MEMBER, -1, NOW + 1);
	say_add(w, A, B, ROLE_MEMBER, as_owner, NOW + 2);
	expect_members(w, "A owner, B member");
}

/* --- removal --- */

static void one_who_left_is_no_member_and_what_it_signed_stays(void **state)
{
	struct world *w = *state;

	say_add(w, A, B, ROLE_OWNER, -1, NOW);
	say_join(w, A, A, C, ROLE_MEMBER, -1, NOW);
	say_leave(w, A, false, NOW + 1);
	expect_members(w, "B owner, C member");
}

static void the_last_owner_stays_unless_it_gives_the_group_up(void **state)
{
	struct world *w = *state;

	say_add(w, A, B, ROLE_OWNER, -1, NOW);
	say_add(w, A, C, ROLE_MEMBER, -1, NOW);
	say_leave(w, A, false, NOW + 1);
	say_leave(w, B, false, NOW + 1);
	expect_members(w, "A owner, C member"); /* the junior's leave counts first */
	say_leave(w, A, true, NOW + 2);
	expect_members(w, "C member");
}

/* A left while B was an owner; then B left, and said that it leaves the group to itself. */
static void one_that_abandons_the_group_does_not_bring_back_an_owner_that_left(void **state)
{
	struct world *w = *state;
	int leave;

	say_add(w, A, B, ROLE_OWNER, -1, NOW);
	say_add(w, A, C, ROLE_MEMBER, -1, NOW);
	say_leave(w, A, false, NOW + 1);
	leave = say_leave(w, B, true, NOW + 2);
	expect_members(w, "C member");
	/* One whose leave is forgotten abandons nothing any more. */
	say_add(w, A, B, ROLE_OWNER, leave, NOW + 3);
	expect_members(w, "B owner, C member");
	say_leave(w, B, false, NOW + 4);
	expect_members(w, "A owner, C member");
}

static void only_an_invite_that_names_the_leave_supersedes_it(void **state)
{
	struct world *w = *state;
	int leave;

	say_join(w, A, A, B, ROLE_MEMBER, -1, NOW);
	leave = say_leave(w, B, false, NOW + 5);
	expect_members(w, "A owner");
	say_join(w, A, A, B, ROLE_READER, -1, NOW + 6); /* whatever date it has */
	expect_members(w, "A owner");
	say_join(w, A, A, B, ROLE_READER, leave, NOW - 6);
	expect_members(w, "A owner, B reader");
}

static void coming_back_by_invite_does_not_bring_back_ownership(void **state)
{
	struct world *w = *state;
	int leave;

	say_add(w, A, B, ROLE_OWNER, -1, NOW);
	leave = say_leave(w, B, false, NOW + 5);
	say_join(w, A, A, B, ROLE_READER, leave, NOW + 6);
	expect_members(w, "A owner, B reader");
}

static void the_last_leave_counts(void **state)
{
	struct world *w = *state;
	int leave;

	say_join(w, A, A, B, ROLE_MEMBER, -1, NOW);
	leave = say_leave(w, B, false, NOW + 1);
	say_join(w, A, A, B, ROLE_MEMBER, leave, NOW + 2);
	say_leave(w, B, false, NOW + 3);
	expect_members(w, "A owner");
}

static void one_cannot_send_another_away_by_leaving(void **state)
{
	struct world *w = *state;

	say_add(w, A, B, ROLE_MEMBER, -1, NOW);
	say_leave(w, C, true, NOW + 5);
	say_remove(w, C, B, NOW + 5);
	expect_members(w, "A owner, B member");
}

/* --- invites --- */

static void a_revoked_invite_lets_nobody_in_but_whom_an_owner_has_confirmed(void **state)
{
	struct world *w = *state;
	int b, c;

	b = say_join(w, A, A, B, ROLE_MEMBER, -1, NOW);
	c = say_join(w, A, A, C, ROLE_MEMBER, -1, NOW);
	say_add(w, A, C, ROLE_MEMBER, -1, NOW);
	say_revoke(w, A, b);
	say_revoke(w, B, c); /* no owner */
	say_revoke(w, A, c);
	expect_members(w, "A owner, C member");
}

static void an_invite_lets_in_no_more_than_it_says(void **state)
{
	struct world *w = *state;
	struct identity *bearer = identity_new();
	struct roster *r;
	int in = 0;

	w->uses = 2;
	for (int i = B; i <= E; i++)
		sign_join(w, w->agents[A], w->agents[A], w->agents[i], ROLE_MEMBER, bearer, NULL, 0, NOW);
	r = roster_of(w);
	for (int i = B; i <= E; i++)
		in += roster_role(r, id_of(w, i)) == ROLE_MEMBER;
	assert_int_equal(in, 2);
	/* Another owner's admission of the same agent by the same invite uses up nothing. */
	say_add(w, A, B, ROLE_OWNER, -1, NOW);
	sign_join(w, w->agents[A], w->agents[B], w->agents[C], ROLE_MEMBER, bearer, NULL, 0, NOW);
	roster_free(r);
	r = roster_of(w);
	in = 0;
	for (int i = C; i <= E; i++)
		in += roster_role(r, id_of(w, i)) == ROLE_MEMBER;
	assert_in_range(in, 1, 2); /* B's own admission may be one of the two */
	agree_with_itself(w, r);
	roster_free(r);
	identity_free(bearer);
}

/* --- anything at all --- */

static void say_anything(struct world *w, struct identity *const *bearers)
{
	int x = (int)random_below(NAGENTS), y = (int)random_below(NAGENTS);
	int z = (y + 1 + (int)random_below(NAGENTS - 1)) % NAGENTS;
	int named = random_below(3) == 0 ? (int)random_below(w->n) : -1;
	enum role role = (enum role)(random_below(2) == 0 ? ROLE_OWNER : 1 + random_below(4));
	int64_t time_s = NOW + (int64_t)random_below(8);
	uint8_t hash[HASH_LEN];

	w->number = random_below(20) + 1;
	w->uses = 1 + (uint32_t)random_below(2);
	if (named >= 0)
		hash_of(hash, &w->entries[named]);
	switch (random_below(6)) {
	case 0:
	case 1:
		say_add(w, random_below(2) ? A : x, y, role, named, time_s);
		break;
	case 2:
		say_remove(w, x, y, time_s);
		break;
	case 3:
		if (random_below(3) == 0 && w->n > 1 && w->entries[w->n - 1].p[1] == ENTRY_JOIN)
			say_revoke(w, x, (int)w->n - 1);
		else
			say_leave(w, x, random_below(4) == 0, time_s);
		break;
	default:
		if (role == ROLE_OWNER)
			role = ROLE_MEMBER;
		sign_join(w, w->agents[random_below(2) ? A : x], w->agents[y], w->agents[z], role,
		          bearers[random_below(2)], hash, named >= 0, time_s);
	}
}

static void any_set_of_entries_is_judged_the_same_in_any_order(void **state)
{
	struct world *w = *state;
	struct identity *bearers[] = { identity_new(), identity_new() };
	char text[TEXT_MAX];

	for (uint64_t seed = 1; seed <= 80; seed++) {
		struct roster *r = roster_new(&w->group);

		random_set_seed(seed);
		world_forget(w, 1);
		while (w->n < 16)
			say_anything(w, bearers);
		for (size_t i = 0; i < w->n; i++) {
			put(w, r, i);
			agree_with_itself(w, r);
		}
		members_text(w, r, text);
		roster_free(r);
		for (int round = 0; round < 3; round++) {
			/* The same 60 shuffles in pieces, so that a failure names its seed's set. */
			struct verdict v = { 0 };
			size_t order[MAX_ENTRIES];

			for (size_t i = 0; i < w->n; i++)
				order[i] = i;
			for (int i = 0; i < 4; i++) {
				shuffle(order, w->n);
				try_order(w, order, &v);
			}
			assert_string_equal(v.text, text);
		}
	}
	random_set_seed(0);
	identity_free(bearers[0]);
	identity_free(bearers[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_founder_is_owner),
		TEST(owners_add_and_members_admit),
		TEST(one_that_no_owner_has_confirmed_admits_nobody_yet),
		TEST(nothing_counts_without_the_founding_entry),
		TEST(members_cannot_add_remove_or_invite),
		TEST(strangers_cannot_do_anything),
		TEST(nobody_adds_itself),
		TEST(an_invite_cannot_make_an_owner),
		TEST(an_admission_after_expiry_is_bad),
		TEST(the_lower_of_two_roles_said_at_once_counts),
		TEST(an_owners_statement_counts_before_an_invites),
		TEST(a_role_is_changed_by_naming_what_gave_the_last),
		TEST(what_a_demoted_owner_signed_is_void),
		TEST(one_who_left_is_no_member_and_what_it_signed_stays),
		TEST(the_last_owner_stays_unless_it_gives_the_group_up),
		TEST(one_that_abandons_the_group_does_not_bring_back_an_owner_that_left),
		TEST(only_an_invite_that_names_the_leave_supersedes_it),
		TEST(coming_back_by_invite_does_not_bring_back_ownership),
		TEST(the_last_leave_counts),
		TEST(one_cannot_send_another_away_by_leaving),
		TEST(a_revoked_invite_lets_nobody_in_but_whom_an_owner_has_confirmed),
		TEST(an_invite_lets_in_no_more_than_it_says),
		TEST(any_set_of_entries_is_judged_the_same_in_any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
