/* What nobody may fill: a roster in which one member, or one stranger, says as much as it likes. */
#include "tests/unit/roster_world.h"

enum { FLOOD = 3 * ADMITTER_MAX_JOINS, BRINGER = 77 };

/* B admits that many new agents at that time, by one invite; their entries stand at the end. */
static void flood(struct world *w, struct bytes *entries, size_t n, int64_t time_s)
{
	struct identity *bearer = identity_new();

	w->uses = INVITE_MAX_USES;
	for (size_t i = 0; i < n; i++) {
		struct identity *joiner = identity_new();

		sign_join(w, w->agents[A], w->agents[B], joiner, ROLE_MEMBER, bearer, NULL, 0, time_s);
		entries[i] = w->entries[--w->n];
		identity_free(joiner);
	}
	identity_free(bearer);
}

static void put_all(struct roster *r, uint64_t bringer, struct bytes *entries, size_t n)
{
	for (size_t i = 0; i < n; i++)
		roster_put(r, bringer, entries[i].p, entries[i].len);
	roster_settle(r);
}

static void free_all(struct bytes *entries, size_t n)
{
	for (size_t i = 0; i < n; i++)
		bytes_free(&entries[i]);
}

static bool count_member(void *arg, const struct roster_member *m)
{
	(void)m;
	++*(size_t *)arg;
	return true;
}

static size_t members(const struct roster *r)
{
	size_t n = 0;

	roster_members(r, count_member, &n);
	return n;
}

static void one_member_admits_so_many_and_no_more(void **state)
{
	struct world *w = *state;
	struct bytes entries[FLOOD];
	struct roster *r, *back;
	uint8_t a[32], b[32];

	say_add(w, A, B, ROLE_MEMBER, -1, NOW);
	r = roster_of(w);
	flood(w, entries, FLOOD, NOW);
	put_all(r, BRINGER, entries, FLOOD);
	assert_int_equal(members(r), 2 + ADMITTER_MAX_JOINS);
	assert_in_range(HASH_COUNT(r->items), 2 + ADMITTER_MAX_JOINS, 2 + ADMITTER_MAX_JOINS + BRINGER_MAX_WAITING);
	/* Everybody agrees which, whatever came first and in however many pieces. */
	back = roster_of(w);
	for (size_t i = FLOOD; i-- > 0;) {
		roster_put(back, i, entries[i].p, entries[i].len);
		roster_settle(back);
	}
	roster_digest(r, a);
	roster_digest(back, b);
	assert_memory_equal(a, b, 32);
	roster_free(back);
	roster_free(r);
	free_all(entries, FLOOD);
}

static void an_owners_removal_of_one_that_flooded_counts_and_others_still_join(void **state)
{
	struct world *w = *state;
	struct bytes entries[FLOOD];
	struct roster *r;

	say_add(w, A, B, ROLE_MEMBER, -1, NOW);
	say_add(w, A, C, ROLE_MEMBER, -1, NOW);
	r = roster_of(w);
	flood(w, entries, FLOOD, NOW);
	put_all(r, BRINGER, entries, FLOOD);
	assert_int_equal(put(w, r, (size_t)say_join(w, A, C, D, ROLE_MEMBER, -1, NOW)), ROSTER_ADDED);
	assert_int_equal(roster_remove(r, w->agents[A], id_of(w, B), NOW), 0);
	assert_int_equal(roster_role(r, id_of(w, B)), ROLE_NONE);
	assert_int_equal(roster_role(r, id_of(w, D)), ROLE_MEMBER);
	roster_free(r);
	free_all(entries, FLOOD);
}

/* A thousand members that an owner made, and admissions with dates before all of theirs. */
static void old_dates_push_nobody_out(void **state)
{
	enum { HONEST = ROSTER_MAX_MEMBERS - 10 };
	struct world *w = *state;
	struct bytes entries[ADMITTER_MAX_JOINS];
	struct agent_id id = { { 1 } };
	struct roster *r;

	say_add(w, A, B, ROLE_MEMBER, -1, NOW);
	r = roster_of(w);
	for (uint32_t i = 0; i < HONEST; i++) {
		struct roster_statement statement = next_statement(w, NOW + i);
		struct statement_add add = { .target = &id, .role = ROLE_MEMBER, .member_name = "x" };
		struct bytes entry = BYTES_INIT(ROSTER_ENTRY_MAX);

		put_u32(id.b, i + 1);
		roster_entry_add(&entry, w->agents[A], &w->group, &statement, &add);
		roster_put(r, 0, entry.p, entry.len);
		bytes_free(&entry);
	}
	flood(w, entries, ADMITTER_MAX_JOINS, 0);
	put_all(r, BRINGER, entries, ADMITTER_MAX_JOINS);
	assert_int_equal(members(r), ROSTER_MAX_MEMBERS);
	for (uint32_t i = 0; i < HONEST; i++) {
		put_u32(id.b, i + 1);
		assert_int_equal(roster_role(r, &id), ROLE_MEMBER);
	}
	roster_free(r);
	free_all(entries, ADMITTER_MAX_JOINS);
}

/* Confirming whoever came in leaves an owner statements for what it wants to say itself. */
static void duty_leaves_room_for_the_owners_own_acts(void **state)
{
	struct world *w = *state;
	struct bytes entries[ADMITTER_MAX_JOINS];
	struct roster *r;
	int rounds = 0;

	say_add(w, A, B, ROLE_MEMBER, -1, NOW);
	r = roster_of(w);
	flood(w, entries, ADMITTER_MAX_JOINS, NOW);
	put_all(r, BRINGER, entries, ADMITTER_MAX_JOINS);
	while (roster_do_duty(r, w->agents[A], NOW))
		rounds++;
	assert_int_equal(rounds, ADMITTER_MAX_JOINS / ROSTER_CONFIRM_AT_ONCE);
	for (const struct view_member *m = roster_view(r)->members; m < roster_view(r)->members + roster_view(r)->n;
	     m++)
		assert_int_not_equal(m->by->e.kind, ENTRY_JOIN);
	assert_int_equal(roster_grant(r, w->agents[A], id_of(w, D), ROLE_MEMBER, "d", NOW), 0);
	roster_free(r);
	free_all(entries, ADMITTER_MAX_JOINS);
}

/* --- what does not count --- */

static void put_noise(struct world *w, struct roster *r, uint64_t bringer, int n)
{
	struct bytes entry = BYTES_INIT(ROSTER_ENTRY_MAX);
	struct agent_id id = { { 0 } };

	for (int i = 0; i < n; i++) {
		struct roster_statement statement = next_statement(w, NOW);
		struct statement_add add = { .target = &id, .role = ROLE_OWNER, .member_name = "x" };

		put_u64(id.b, w->number);
		bytes_clear(&entry);
		roster_entry_add(&entry, w->agents[E], &w->group, &statement, &add);
		assert_int_equal(roster_put(r, bringer, entry.p, entry.len), ROSTER_PENDING);
	}
	roster_settle(r);
	bytes_free(&entry);
}

static void what_one_brings_displaces_nothing_that_another_brought(void **state)
{
	struct world *w = *state;
	struct roster *r = roster_new(&w->group);
	int early = say_join(w, A, C, D, ROLE_MEMBER, -1, NOW), late;

	put(w, r, 0);
	assert_int_equal(roster_put(r, 1, w->entries[early].p, w->entries[early].len), ROSTER_PENDING);
	roster_settle(r);
	put_noise(w, r, 2, 4 * BRINGER_MAX_WAITING);
	assert_int_equal(HASH_COUNT(r->items), 2 + BRINGER_MAX_WAITING);
	late = say_add(w, A, C, ROLE_MEMBER, -1, NOW);
	assert_int_equal(put(w, r, (size_t)late), ROSTER_ADDED);
	assert_int_equal(roster_role(r, id_of(w, D)), ROLE_MEMBER);
	roster_free(r);
}

static void what_all_bring_is_bounded(void **state)
{
	struct world *w = *state;
	struct roster *r = roster_new(&w->group);

	put(w, r, 0);
	for (uint64_t bringer = 1; bringer <= 20; bringer++)
		put_noise(w, r, bringer, BRINGER_MAX_WAITING);
	assert_int_equal(HASH_COUNT(r->items), 1 + ROSTER_MAX_WAITING);
	assert_true(HASH_COUNT(r->agents) <= ROSTER_MAX_WAITING + 2);
	roster_free(r);
}

/* Entries whose hashes become smaller and smaller each take a place, and the last one's is thrown away some time. */
static void places_taken_in_turns_are_bounded_too(void **state)
{
	enum { MANY = ROSTER_MAX_PAST_JOINS + 2 * ADMITTER_MAX_JOINS };
	struct world *w = *state;
	struct bytes entries[MANY];
	uint8_t hash[2][HASH_LEN];
	struct roster *r;

	say_add(w, A, B, ROLE_MEMBER, -1, NOW);
	r = roster_of(w);
	flood(w, entries, MANY, NOW);
	for (size_t i = 1; i < MANY; i++) {
		for (size_t k = i; k > 0; k--) {
			struct bytes tmp = entries[k];

			hash_of(hash[0], &entries[k - 1]);
			hash_of(hash[1], &entries[k]);
			if (memcmp(hash[0], hash[1], HASH_LEN) > 0)
				break;
			entries[k] = entries[k - 1];
			entries[k - 1] = tmp;
		}
	}
	for (size_t i = 0; i < MANY; i++)
		put_all(r, BRINGER, &entries[i], 1);
	assert_int_equal(members(r), 2 + ADMITTER_MAX_JOINS);
	assert_int_equal(HASH_COUNT(r->items), 2 + ADMITTER_MAX_JOINS + ROSTER_MAX_PAST_JOINS);
	roster_free(r);
	free_all(entries, MANY);
}

/* --- an owner's home that went back --- */

static void statements_that_were_lost_are_spoken_of_again(void **state)
{
	struct world *w = *state;
	struct roster *r = roster_of(w), *old = roster_of(w);
	struct roster_mark marks[ROSTER_MAX_OWNERS];

	assert_int_equal(roster_grant(r, w->agents[A], id_of(w, B), ROLE_MEMBER, "b", NOW), 0);
	assert_int_equal(roster_grant(r, w->agents[A], id_of(w, C), ROLE_MEMBER, "c", NOW), 0);
	/* From an old copy it signs what it does not know to be its second statement. */
	assert_int_equal(roster_grant(old, w->agents[A], id_of(w, D), ROLE_MEMBER, "d", NOW), 0);
	roster_entries(r, put_told, old);
	roster_settle(old);
	assert_int_equal(roster_marks(old, marks), 0);
	assert_true(roster_do_duty(old, w->agents[A], NOW));
	assert_int_equal(roster_marks(old, marks), 1);
	assert_true(roster_shows(old, marks, 1));
	assert_false(roster_shows(r, marks, 1));
	assert_false(roster_do_duty(old, w->agents[A], NOW));
	assert_int_equal(members(old), 4);
	roster_free(r);
	roster_free(old);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_member_admits_so_many_and_no_more),
		TEST(an_owners_removal_of_one_that_flooded_counts_and_others_still_join),
		TEST(old_dates_push_nobody_out),
		TEST(duty_leaves_room_for_the_owners_own_acts),
		TEST(what_one_brings_displaces_nothing_that_another_brought),
		TEST(what_all_bring_is_bounded),
		TEST(places_taken_in_turns_are_bounded_too),
		TEST(statements_that_were_lost_are_spoken_of_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
