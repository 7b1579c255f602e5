/* Why an agent is not a member, what shows it to that agent, and the list of invites. */
#include "tests/unit/roster_world.h"

static void expect_outside(struct world *w, const struct roster *r, int agent, enum roster_outside why, int by)
{
	static const struct agent_id nobody;
	struct agent_id who;

	assert_int_equal(roster_outside(r, id_of(w, agent), &who), why);
	assert_memory_equal(&who, by < 0 ? &nobody : id_of(w, by), sizeof(who));
}

/* The agent's own roster, in which it is a member, learns by the proof that it is none, and why. */
static void expect_proof(struct world *w, const struct roster *r, int agent, struct roster *own)
{
	struct agent_id by, own_by;

	assert_int_not_equal(roster_role(own, id_of(w, agent)), ROLE_NONE);
	roster_dismissal(r, id_of(w, agent), put_told, own);
	roster_settle(own);
	assert_int_equal(roster_role(own, id_of(w, agent)), ROLE_NONE);
	assert_int_equal(roster_outside(own, id_of(w, agent), &own_by), roster_outside(r, id_of(w, agent), &by));
	assert_memory_equal(&own_by, &by, sizeof(by));
	roster_free(own);
}

static void one_that_was_removed_learns_by_whom(void **state)
{
	struct world *w = *state;
	char name[MEMBER_NAME_MAX + 1];
	struct roster *own, *r;

	say_join(w, A, A, B, ROLE_MEMBER, -1, NOW);
	own = roster_of(w);
	expect_outside(w, own, B, OUTSIDE_MEMBER, -1);
	expect_outside(w, own, E, OUTSIDE_UNKNOWN, -1);
	say_add(w, A, C, ROLE_OWNER, -1, NOW);
	say_remove(w, C, B, NOW);
	say_add(w, A, D, ROLE_MEMBER, -1, NOW);
	r = roster_of(w);
	expect_outside(w, r, B, OUTSIDE_REMOVED, C);
	expect_proof(w, r, B, own);
	/* Its name is remembered; one that never was a member has none. */
	assert_true(roster_former_name(r, id_of(w, B), name));
	assert_string_equal(name, "host");
	assert_false(roster_former_name(r, id_of(w, E), name));
	assert_string_equal(name, "");
	roster_free(r);
}

static bool refuse_entry(void *arg, const uint8_t *entry, size_t n)
{
	(void)arg;
	(void)entry;
	(void)n;
	fail_msg("an entry was shown");
	return false;
}

static bool is_about_d(void *arg, const uint8_t *entry, size_t n)
{
	struct roster_entry e;

	assert_int_equal(roster_entry_parse(&e, entry, n), 0);
	assert_false(agent_id_equal(&e.target, arg));
	return true;
}

static void the_proof_of_a_removal_tells_of_nobody_else(void **state)
{
	struct world *w = *state;
	struct agent_id d = *id_of(w, D);
	struct roster *r;

	say_join(w, A, A, B, ROLE_MEMBER, -1, NOW);
	say_remove(w, A, B, NOW);
	say_add(w, A, D, ROLE_MEMBER, -1, NOW);
	r = roster_of(w);
	roster_dismissal(r, id_of(w, B), is_about_d, &d);
	roster_dismissal(r, id_of(w, D), refuse_entry, NULL); /* a member */
	roster_dismissal(r, id_of(w, E), refuse_entry, NULL); /* a stranger */
	roster_free(r);
}

/* What became of its admitter after it was removed is none of its business, and the removal is proof enough. */
static void the_proof_of_a_removal_tells_no_later_news(void **state)
{
	struct world *w = *state;
	struct agent_id c = *id_of(w, C);
	struct roster *own, *r;

	say_add(w, A, C, ROLE_MEMBER, -1, NOW);
	say_join(w, A, C, B, ROLE_MEMBER, -1, NOW);
	own = roster_of(w);
	say_remove(w, A, B, NOW);
	say_remove(w, A, C, NOW);
	r = roster_of(w);
	expect_outside(w, r, B, OUTSIDE_REMOVED, A);
	roster_dismissal(r, id_of(w, B), is_about_d, &c);
	expect_proof(w, r, B, own);
	roster_free(r);
}

static void one_whose_invite_was_taken_back_learns_it(void **state)
{
	struct world *w = *state;
	struct roster *own, *r;
	int join;

	say_add(w, A, C, ROLE_MEMBER, -1, NOW);
	join = say_join(w, A, C, B, ROLE_MEMBER, -1, NOW);
	own = roster_of(w);
	say_revoke(w, A, join);
	r = roster_of(w);
	expect_outside(w, r, B, OUTSIDE_REVOKED, A);
	expect_proof(w, r, B, own);
	roster_free(r);
}

/* C and D each honour the last use of one invite while they do not know of each other. */
static void of_two_last_uses_one_counts_and_the_other_learns_who_has_it(void **state)
{
	struct world *w = *state;
	struct identity *bearer = identity_new();
	struct roster *b, *e, *r;
	size_t before;
	int out, in;

	w->uses = 1;
	say_add(w, A, C, ROLE_MEMBER, -1, NOW);
	say_add(w, A, D, ROLE_MEMBER, -1, NOW);
	before = w->n;
	sign_join(w, w->agents[A], w->agents[C], w->agents[B], ROLE_MEMBER, bearer, NULL, 0, NOW);
	b = roster_of(w);
	sign_join(w, w->agents[A], w->agents[D], w->agents[E], ROLE_MEMBER, bearer, NULL, 0, NOW);
	r = roster_of(w);
	e = roster_new(&w->group);
	for (size_t i = 0; i < w->n; i++) {
		if (i != before)
			put(w, e, i);
	}
	out = roster_role(r, id_of(w, B)) == ROLE_NONE ? B : E;
	in = out == B ? E : B;
	assert_int_equal(roster_role(r, id_of(w, in)), ROLE_MEMBER);
	expect_outside(w, r, out, OUTSIDE_DISPLACED, in);
	/* The other one's home has the same winner. */
	put(w, out == B ? e : b, out == B ? before : before + 1);
	assert_int_equal(roster_role(out == B ? e : b, id_of(w, in)), ROLE_MEMBER);
	roster_free(out == B ? e : b);
	expect_proof(w, r, out, out == B ? b : e);
	/* An owner's word lets both stay. */
	assert_int_equal(roster_grant(r, w->agents[A], id_of(w, out), ROLE_MEMBER, "x", NOW), 0);
	assert_int_equal(roster_role(r, id_of(w, B)), ROLE_MEMBER);
	assert_int_equal(roster_role(r, id_of(w, E)), ROLE_MEMBER);
	roster_free(r);
	identity_free(bearer);
}

static void one_whose_admitter_was_removed_learns_it(void **state)
{
	struct world *w = *state;
	struct roster *own, *r;

	say_add(w, A, C, ROLE_MEMBER, -1, NOW);
	say_join(w, A, C, B, ROLE_MEMBER, -1, NOW);
	own = roster_of(w);
	say_remove(w, A, C, NOW);
	r = roster_of(w);
	expect_outside(w, r, B, OUTSIDE_VOID, -1);
	expect_proof(w, r, B, own);
	roster_free(r);
}

/* A bearer of a token can have its request signed by any key, and learns nothing by that. */
static void an_admission_by_a_stranger_is_answered_with_nothing(void **state)
{
	struct world *w = *state;
	struct roster *r;
	int join = say_join(w, A, E, B, ROLE_MEMBER, -1, NOW);

	say_revoke(w, A, join);
	r = roster_of(w);
	expect_outside(w, r, B, OUTSIDE_UNKNOWN, -1);
	roster_dismissal(r, id_of(w, B), refuse_entry, NULL);
	roster_free(r);
}

static void one_that_left_and_one_that_returned(void **state)
{
	struct world *w = *state;
	struct roster *r, *own;
	int leave;

	say_add(w, A, B, ROLE_MEMBER, -1, NOW);
	own = roster_of(w);
	leave = say_leave(w, B, false, NOW);
	r = roster_of(w);
	expect_outside(w, r, B, OUTSIDE_LEFT, -1);
	expect_proof(w, r, B, own);
	put(w, r, (size_t)say_add(w, A, B, ROLE_READER, leave, NOW));
	expect_outside(w, r, B, OUTSIDE_MEMBER, -1);
	roster_free(r);
}

/* --- invites --- */

struct list {
	struct roster_invite invites[INVITE_SLOTS + 8];
	size_t n;
};

static bool list_add(void *arg, const struct roster_invite *i)
{
	struct list *l = arg;

	l->invites[l->n++] = *i;
	return true;
}

static struct list list_of(const struct roster *r)
{
	struct list l = { .n = 0 };

	roster_invites(r, list_add, &l);
	return l;
}

static bool count_users(void *arg, const struct agent_id *id, bool member)
{
	(void)id;
	((int *)arg)[member]++;
	return true;
}

static void every_owner_lists_an_invite_that_another_one_made_and_takes_it_back(void **state)
{
	struct world *w = *state;
	struct roster *r, *other = roster_new(&w->group);
	struct invite invite;
	struct agent_id name;
	struct list l;

	say_add(w, A, B, ROLE_OWNER, -1, NOW);
	r = roster_of(w);
	assert_int_equal(invite_make(&invite, r, w->agents[A], ROLE_READER, 3, EXPIRES), 0);
	assert_int_equal(roster_note_invite(r, w->agents[A], &invite, NOW), 0);
	invite_name(&name, &invite);
	roster_entries(r, put_told, other);
	roster_settle(other);
	l = list_of(other);
	assert_int_equal(l.n, 1);
	assert_memory_equal(&l.invites[0].id, &name, sizeof(name));
	assert_true(l.invites[0].told && l.invites[0].valid && !l.invites[0].revoked);
	assert_int_equal(l.invites[0].role, ROLE_READER);
	assert_int_equal(l.invites[0].uses, 3);
	assert_int_equal(l.invites[0].used, 0);
	assert_int_equal(l.invites[0].expires_s, EXPIRES);
	assert_memory_equal(&l.invites[0].issuer, id_of(w, A), sizeof(name));
	assert_int_equal(roster_revoke(other, w->agents[C], &name, NOW), -1);
	assert_int_equal(roster_revoke(other, w->agents[B], &name, NOW), 0);
	assert_true(list_of(other).invites[0].revoked);
	roster_free(r);
	roster_free(other);
}

static void a_list_says_who_used_an_invite_and_whether_it_still_counts(void **state)
{
	struct world *w = *state;
	struct roster *r;
	struct list l;
	int users[2] = { 0, 0 };

	say_add(w, A, B, ROLE_OWNER, -1, NOW);
	say_join(w, B, A, C, ROLE_MEMBER, -1, NOW);
	r = roster_of(w);
	l = list_of(r);
	assert_int_equal(l.n, 1);
	assert_int_equal(l.invites[0].used, 1);
	assert_true(l.invites[0].valid);
	roster_invite_users(r, &l.invites[0].id, count_users, users);
	assert_int_equal(users[true], 1);
	assert_int_equal(users[false], 0);
	assert_int_equal(roster_remove(r, w->agents[A], id_of(w, B), NOW), 0);
	l = list_of(r);
	assert_true(l.n <= 1 && (l.n == 0 || !l.invites[0].valid));
	roster_free(r);
}

/* A member that was away while the owner made invites is not behind: it may admit their bearers. */
static void notes_do_not_make_a_roster_incomplete(void **state)
{
	struct world *w = *state;
	struct roster *r, *away;
	struct invite invite;

	say_add(w, A, B, ROLE_MEMBER, -1, NOW);
	r = roster_new(&w->group);
	put(w, r, 0);
	assert_int_equal(roster_grant(r, w->agents[A], id_of(w, B), ROLE_MEMBER, "b", NOW), 0);
	away = roster_new(&w->group);
	roster_entries(r, put_told, away);
	roster_settle(away);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(invite_make(&invite, r, w->agents[A], ROLE_MEMBER, 1, EXPIRES), 0);
		assert_int_equal(roster_note_invite(r, w->agents[A], &invite, NOW), 0);
	}
	assert_int_equal(invite.nmarks, 1);
	assert_true(roster_shows(away, invite.marks, invite.nmarks));
	assert_true(roster_shows(r, invite.marks, invite.nmarks));
	roster_free(r);
	roster_free(away);
}

static void notes_are_bounded_and_the_oldest_or_those_that_are_over_go_first(void **state)
{
	struct world *w = *state;
	struct roster *r = roster_of(w);
	struct invite invite;
	struct agent_id first;
	struct list l;

	for (int i = 0; i < INVITE_SLOTS; i++) {
		assert_int_equal(invite_make(&invite, r, w->agents[A], ROLE_MEMBER, 1, i == 1 ? NOW + 1 : EXPIRES), 0);
		assert_int_equal(roster_note_invite(r, w->agents[A], &invite, NOW), 0);
		if (i == 0)
			invite_name(&first, &invite);
	}
	assert_int_equal(list_of(r).n, INVITE_SLOTS);
	for (int i = 0; i < 2; i++) {
		bool is_first = false;

		assert_int_equal(invite_make(&invite, r, w->agents[A], ROLE_MEMBER, 1, EXPIRES), 0);
		assert_int_equal(roster_note_invite(r, w->agents[A], &invite, NOW + 2), 0);
		l = list_of(r);
		assert_int_equal(l.n, INVITE_SLOTS);
		for (size_t k = 0; k < l.n; k++) {
			assert_int_not_equal(l.invites[k].expires_s, NOW + 1);
			is_first |= agent_id_equal(&l.invites[k].id, &first);
		}
		assert_int_equal(is_first, i == 0);
	}
	assert_int_equal(roster_note_invite(r, w->agents[B], &invite, NOW), -1);
	agree_with_itself(w, r);
	roster_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_that_was_removed_learns_by_whom),
		TEST(the_proof_of_a_removal_tells_of_nobody_else),
		TEST(the_proof_of_a_removal_tells_no_later_news),
		TEST(one_whose_invite_was_taken_back_learns_it),
		TEST(of_two_last_uses_one_counts_and_the_other_learns_who_has_it),
		TEST(one_whose_admitter_was_removed_learns_it),
		TEST(an_admission_by_a_stranger_is_answered_with_nothing),
		TEST(one_that_left_and_one_that_returned),
		TEST(every_owner_lists_an_invite_that_another_one_made_and_takes_it_back),
		TEST(a_list_says_who_used_an_invite_and_whether_it_still_counts),
		TEST(notes_do_not_make_a_roster_incomplete),
		TEST(notes_are_bounded_and_the_oldest_or_those_that_are_over_go_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
