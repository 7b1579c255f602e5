/* What a roster tells others: entries in an order that never waits, proofs of one member, and what we sign
 * ourselves. */
#include "tests/unit/roster_world.h"

struct copy {
	struct roster *to;
	int added, other, left;
};

static bool copy_entry(void *arg, const uint8_t *entry, size_t n)
{
	struct copy *c = arg;

	if (roster_add(c->to, entry, n) == ROSTER_ADDED)
		c->added++;
	else
		c->other++;
	return --c->left != 0;
}

static void entries_are_told_in_an_order_that_never_waits(void **state)
{
	struct world *w = *state;
	struct roster *r = roster_new(&w->group);
	struct copy c = { .to = roster_new(&w->group), .left = -1 };
	uint8_t a[32], b[32];

	populate(w);
	for (size_t i = w->n; i-- > 0;)
		put(w, r, i);
	roster_entries(r, copy_entry, &c);
	assert_int_equal(c.added, 7);
	assert_int_equal(c.other, 0);
	roster_digest(r, a);
	roster_digest(c.to, b);
	assert_memory_equal(a, b, 32);
	roster_free(c.to);
	c = (struct copy){ .to = roster_new(&w->group), .left = 2 };
	roster_entries(r, copy_entry, &c);
	assert_int_equal(c.added, 2);
	roster_free(c.to);
	roster_free(r);
}

static void digests_differ_when_entries_do(void **state)
{
	struct world *w = *state;
	struct roster *r = roster_new(&w->group);
	uint8_t before[32], after[32];

	populate(w);
	for (size_t i = 0; i < w->n; i++) {
		roster_digest(r, before);
		put(w, r, i);
		roster_digest(r, after);
		assert_memory_not_equal(before, after, 32);
	}
	roster_free(r);
}

static void waiting_entries_are_not_told(void **state)
{
	struct world *w = *state;
	struct roster *r = roster_new(&w->group);
	struct copy c = { .to = roster_new(&w->group), .left = -1 };
	uint8_t before[32], after[32];

	put(w, r, 0);
	roster_digest(r, before);
	say_add(w, B, C, ROLE_OWNER, -1, NOW);
	assert_int_equal(put(w, r, 1), ROSTER_PENDING);
	roster_digest(r, after);
	assert_memory_equal(before, after, 32);
	roster_entries(r, copy_entry, &c);
	assert_int_equal(c.added + c.other, 1);
	roster_free(c.to);
	roster_free(r);
}

/* A made C a reader, then an owner. C has removed A since, as an owner by D's word: so A's additions do not count any
 * more. Whoever has only heard of the first must still hear of the second, or it would never see an owner in C. */
static void what_counts_no_longer_is_told_where_it_took_the_place_of_something(void **state)
{
	struct world *w = *state;
	struct roster *r, *behind = roster_new(&w->group);
	struct verdict v = { 0 };
	int as_owner;

	say_add(w, A, D, ROLE_OWNER, -1, NOW);
	say_add(w, A, C, ROLE_READER, -1, NOW);
	as_owner = say_add(w, A, C, ROLE_OWNER, -1, NOW);
	say_add(w, D, C, ROLE_OWNER, -1, NOW);
	say_remove(w, C, A, NOW);
	r = roster_of(w);
	for (int i = 0; i < (int)w->n; i++) {
		if (i != as_owner)
			put(w, behind, (size_t)i);
	}
	assert_int_equal(roster_role(behind, id_of(w, C)), ROLE_READER);
	roster_entries(r, put_told, behind);
	roster_settle(behind);
	roster_entries(behind, put_told, r);
	roster_settle(r);
	agree(w, r, &v);
	agree(w, behind, &v);
	assert_int_equal(roster_role(behind, id_of(w, C)), ROLE_OWNER);
	roster_free(behind);
	roster_free(r);
}

static void a_credential_proves_one_member_to_one_who_knows_nothing(void **state)
{
	/* How many entries each one's proof takes: D's is founding, B, C (by B's statement), D. */
	static const int lengths[] = { [A] = 1, [B] = 2, [C] = 3, [D] = 4, [E] = 0 };
	struct world *w = *state;
	struct roster *r;

	populate(w);
	r = roster_of(w);
	for (int i = A; i <= E; i++) {
		struct copy c = { .to = roster_new(&w->group), .left = -1 };

		roster_credential(r, id_of(w, i), copy_entry, &c);
		assert_int_equal(c.added, lengths[i]);
		assert_int_equal(c.other, 0);
		assert_int_equal(roster_role(c.to, id_of(w, i)), roster_role(r, id_of(w, i)));
		roster_free(c.to);
	}
	roster_free(r);
}

/* --- what we sign --- */

static void leaving_ends_membership_whatever_the_clock_says(void **state)
{
	struct world *w = *state;
	struct roster *r, *other;
	struct bytes out = BYTES_INIT(ROSTER_ENTRY_MAX);

	populate(w);
	r = roster_of(w);
	other = roster_of(w);
	assert_int_equal(roster_leave(r, w->agents[C], true, NOW - 5000, &out), 0);
	assert_int_equal(roster_role(r, id_of(w, C)), ROLE_NONE);
	assert_int_equal(roster_add(other, out.p, out.len), ROSTER_ADDED);
	assert_int_equal(roster_role(other, id_of(w, C)), ROLE_NONE);
	assert_int_equal(roster_leave(r, w->agents[C], true, NOW, &out), -1);
	assert_int_equal(roster_role(r, id_of(w, D)), ROLE_READER);
	bytes_free(&out);
	roster_free(r);
	roster_free(other);
}

static void only_owners_grant_and_remove(void **state)
{
	struct world *w = *state;
	struct roster *r;

	populate(w);
	r = roster_of(w);
	assert_int_equal(roster_grant(r, w->agents[C], id_of(w, E), ROLE_MEMBER, "e", NOW), -1);
	assert_int_equal(roster_remove(r, w->agents[C], id_of(w, D), NOW), -1);
	assert_int_equal(roster_remove(r, w->agents[E], id_of(w, D), NOW), -1);
	assert_int_equal(roster_grant(r, w->agents[A], id_of(w, A), ROLE_READER, "a", NOW), -1);
	assert_int_equal(roster_grant(r, w->agents[A], id_of(w, C), ROLE_NONE, "c", NOW), -1);
	assert_int_equal(roster_remove(r, w->agents[A], id_of(w, A), NOW), -1);
	assert_int_equal(roster_remove(r, w->agents[A], id_of(w, E), NOW), -1); /* no member */
	roster_free(r);
}

static void a_grant_overrides_whatever_was_said_before(void **state)
{
	struct world *w = *state;
	struct roster *r;

	populate(w);
	r = roster_of(w);
	for (int round = 0; round < 3; round++) {
		for (int role = ROLE_OWNER; role <= ROLE_VAULT; role++) {
			assert_int_equal(roster_grant(r, w->agents[A], id_of(w, C), (enum role)role, "c", NOW), 0);
			assert_int_equal(roster_role(r, id_of(w, C)), role);
		}
		assert_int_equal(roster_remove(r, w->agents[A], id_of(w, C), NOW), 0);
		assert_int_equal(roster_role(r, id_of(w, C)), ROLE_NONE);
	}
	assert_int_equal(roster_grant(r, w->agents[A], id_of(w, E), ROLE_OWNER, "e", NOW), 0); /* who had left */
	assert_int_equal(roster_role(r, id_of(w, E)), ROLE_OWNER);
	agree_with_itself(w, r);
	roster_free(r);
}

static void removing_an_owner_keeps_those_who_stood_by_its_statement(void **state)
{
	struct world *w = *state;
	struct roster *r;
	struct copy c = { .to = roster_new(&w->group), .left = -1 };
	struct verdict v = { 0 };
	char text[TEXT_MAX];

	say_add(w, A, B, ROLE_OWNER, -1, NOW);
	say_add(w, B, C, ROLE_OWNER, -1, NOW);
	say_join(w, B, B, D, ROLE_READER, -1, NOW);
	say_join(w, A, A, E, ROLE_MEMBER, -1, NOW);
	say_remove(w, B, E, NOW + 1);
	r = roster_of(w);
	assert_string_equal(members_text(w, r, text), "A owner, B owner, C owner, D reader");
	assert_int_equal(roster_remove(r, w->agents[A], id_of(w, B), NOW + 2), 0);
	assert_string_equal(members_text(w, r, text), "A owner, C owner, D reader");
	roster_entries(r, copy_entry, &c);
	assert_int_equal(c.other, 0);
	agree(w, r, &v);
	agree(w, c.to, &v);
	roster_free(c.to);
	roster_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(entries_are_told_in_an_order_that_never_waits),
		TEST(digests_differ_when_entries_do),
		TEST(waiting_entries_are_not_told),
		TEST(what_counts_no_longer_is_told_where_it_took_the_place_of_something),
		TEST(a_credential_proves_one_member_to_one_who_knows_nothing),
		TEST(leaving_ends_membership_whatever_the_clock_says),
		TEST(only_owners_grant_and_remove),
		TEST(a_grant_overrides_whatever_was_said_before),
		TEST(removing_an_owner_keeps_those_who_stood_by_its_statement),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
