/* The roster as a set: what it takes in, its bounds, its names. Who is a member: test_roster_judge.c. */
#include "tests/unit/roster_world.h"

static void founding_gives_what_it_was_asked_for(void **state)
{
	struct world *w = *state;
	struct roster *r = roster_found(w->agents[B], "Fotos 2026 \xc3\xa4", true, false, "host-b", NOW);
	struct roster *again = roster_found(w->agents[B], "Fotos 2026 \xc3\xa4", false, true, "host-b", NOW);
	struct roster_member m;

	assert_string_equal(roster_name(r), "Fotos 2026 \xc3\xa4");
	assert_true(roster_hidden(r));
	assert_false(roster_sealed(r));
	assert_false(roster_hidden(again));
	assert_true(roster_sealed(again));
	assert_false(group_id_equal(roster_group(r), roster_group(again)));
	assert_true(roster_member_by_short(r, agent_id_short(id_of(w, B)), &m));
	assert_true(agent_id_equal(&m.id, id_of(w, B)));
	assert_int_equal(m.role, ROLE_OWNER);
	assert_string_equal(m.name, "host-b");
	assert_int_equal(m.since_s, NOW);
	assert_false(roster_member_by_short(r, agent_id_short(id_of(w, A)), &m));
	assert_null(roster_found(w->agents[B], "no/slash", false, false, "host", NOW));
	roster_free(r);
	roster_free(again);
}

static void a_name_is_not_known_before_the_founding_entry_is(void **state)
{
	struct world *w = *state;
	struct roster *r = roster_new(&w->group);

	assert_string_equal(roster_name(r), "");
	assert_false(roster_hidden(r));
	put(w, r, 0);
	assert_string_equal(roster_name(r), "pictures");
	assert_true(group_id_equal(roster_group(r), &w->group));
	roster_free(r);
}

static void answers_tell_new_from_known_from_waiting(void **state)
{
	struct world *w = *state;
	struct roster *r = roster_new(&w->group);

	populate(w);
	assert_int_equal(put(w, r, 0), ROSTER_ADDED);
	assert_int_equal(put(w, r, 0), ROSTER_KNOWN);
	assert_int_equal(put(w, r, 2), ROSTER_PENDING); /* B is not an owner yet */
	assert_int_equal(put(w, r, 2), ROSTER_KNOWN);
	assert_int_equal(put(w, r, 1), ROSTER_ADDED);
	assert_int_equal(roster_role(r, id_of(w, C)), ROLE_MEMBER);
	roster_free(r);
}

/* --- what is bad --- */

static void every_altered_byte_of_every_kind_is_refused(void **state)
{
	struct world *w = *state;
	struct roster *r;

	populate(w);
	for (size_t i = 0; i < w->n; i++) {
		struct bytes *entry = &w->entries[i];

		r = roster_new(&w->group);
		for (size_t k = 0; k < i; k++)
			put(w, r, k);
		for (size_t at = 0; at < entry->len; at++) {
			entry->p[at] ^= 0x40;
			assert_int_equal(put(w, r, i), ROSTER_BAD);
			entry->p[at] ^= 0x40;
		}
		assert_int_equal(put(w, r, i), ROSTER_ADDED);
		roster_free(r);
	}
}

static void every_cut_or_lengthened_entry_is_refused(void **state)
{
	struct world *w = *state;
	struct roster *r = roster_new(&w->group);
	uint8_t longer[ROSTER_ENTRY_MAX + 1] = { 0 };

	populate(w);
	for (size_t i = 0; i < w->n; i++) {
		for (size_t n = 0; n < w->entries[i].len; n++)
			assert_int_equal(roster_add(r, w->entries[i].p, n), ROSTER_BAD);
		memcpy(longer, w->entries[i].p, w->entries[i].len);
		assert_int_equal(roster_add(r, longer, w->entries[i].len + 1), ROSTER_BAD);
		assert_int_equal(roster_add(r, longer, sizeof(longer)), ROSTER_BAD);
	}
	roster_free(r);
}

static void entries_of_another_group_are_refused(void **state)
{
	struct world *w = *state;
	struct group_id other = { { 9 } };
	struct roster *r = roster_new(&other);

	populate(w);
	for (size_t i = 0; i < w->n; i++)
		assert_int_equal(put(w, r, i), ROSTER_BAD);
	roster_free(r);
}

/* --- bounds --- */

/* Owners may add an ID they were told, so the test can make up IDs. */
static void add_made_up(struct world *w, struct roster *r, const struct agent_id *id, int64_t time_s)
{
	struct roster_statement statement = next_statement(w, time_s);
	struct statement_add add = { .target = id, .role = ROLE_MEMBER, .member_name = "x" };
	struct bytes entry = BYTES_INIT(ROSTER_ENTRY_MAX);

	roster_entry_add(&entry, w->agents[A], &w->group, &statement, &add);
	assert_int_equal(roster_put(r, 0, entry.p, entry.len), ROSTER_PENDING);
	bytes_free(&entry);
}

static bool count_member(void *arg, const struct roster_member *m)
{
	size_t *n = arg;

	assert_non_null(m->name);
	(*n)++;
	return true;
}

static void no_more_than_1024_are_members_and_everybody_knows_which(void **state)
{
	enum { MANY = ROSTER_MAX_MEMBERS + 20 };
	struct world *w = *state;
	struct roster *up = roster_new(&w->group), *down = roster_new(&w->group);
	struct agent_id id = { { 0 } };
	size_t n = 0;
	struct bytes entries[MANY];

	put(w, up, 0);
	put(w, down, 0);
	for (uint32_t i = 0; i < MANY; i++) {
		struct roster_statement statement = next_statement(w, NOW + i);
		struct statement_add add = { .target = &id, .role = ROLE_MEMBER, .member_name = "x" };

		put_u32(id.b, i + 1);
		entries[i] = BYTES_INIT(ROSTER_ENTRY_MAX);
		roster_entry_add(&entries[i], w->agents[A], &w->group, &statement, &add);
	}
	for (uint32_t i = 0; i < MANY; i++) {
		roster_put(up, 0, entries[i].p, entries[i].len);
		roster_put(down, 0, entries[MANY - 1 - i].p, entries[MANY - 1 - i].len);
	}
	roster_settle(up);
	roster_settle(down);
	roster_members(up, count_member, &n);
	assert_int_equal(n, ROSTER_MAX_MEMBERS);
	assert_int_equal(roster_role(up, id_of(w, A)), ROLE_OWNER);
	for (uint32_t i = 0; i < MANY; i++) {
		put_u32(id.b, i + 1);
		assert_int_equal(roster_role(up, &id), roster_role(down, &id));
		bytes_free(&entries[i]);
	}
	assert_int_equal(roster_grant(up, w->agents[A], id_of(w, C), ROLE_MEMBER, "c", NOW), -1);
	roster_free(up);
	roster_free(down);
}

static void of_one_short_id_only_the_smaller_id_is_a_member(void **state)
{
	struct world *w = *state;
	struct agent_id small = { { 1, 2, 3, 4, 5, 6, 7, 8, 1 } }, great = { { 1, 2, 3, 4, 5, 6, 7, 8, 2 } };
	struct roster *r = roster_new(&w->group);
	struct roster_member m;

	put(w, r, 0);
	add_made_up(w, r, &great, NOW);
	roster_settle(r);
	assert_int_equal(roster_role(r, &great), ROLE_MEMBER);
	add_made_up(w, r, &small, NOW + 9);
	roster_settle(r);
	assert_int_equal(roster_role(r, &great), ROLE_NONE);
	assert_int_equal(roster_role(r, &small), ROLE_MEMBER);
	assert_true(roster_member_by_short(r, agent_id_short(&great), &m));
	assert_true(agent_id_equal(&m.id, &small));
	roster_free(r);
}

/* --- names --- */

/* The text is five bits a digit, and a dash after each seventh. */
static void an_id_is_shown_as_far_as_it_tells_members_apart(void **state)
{
	struct world *w = *state;
	struct agent_id one = { { 0 } }, like, stranger;
	struct roster *r = roster_new(&w->group);

	put(w, r, 0);
	roster_settle(r);
	assert_int_equal(roster_id_apart(r, id_of(w, A)), 1); /* alone */
	memcpy(one.b, id_of(w, A)->b, sizeof(one.b));
	one.b[0] ^= 0x80;
	add_made_up(w, r, &one, NOW);
	roster_settle(r);
	assert_int_equal(roster_id_apart(r, &one), 1);
	like = one;
	like.b[5] ^= 0x80;
	add_made_up(w, r, &like, NOW);
	roster_settle(r);
	assert_int_equal(roster_id_apart(r, &one), 10); /* "abcdefg-hi": 40 bits are the same */
	assert_int_equal(roster_id_apart(r, &like), 10);
	assert_int_equal(roster_id_apart(r, id_of(w, A)), 1);
	stranger = one; /* it is not a member, and one of them is nearly it */
	stranger.b[31] ^= 1;
	assert_int_equal(roster_id_apart(r, &stranger), 59);
	assert_int_equal(roster_id_apart(r, &one), 10);
	roster_free(r);
}

static void group_names_are_printable_and_bounded(void **state)
{
	static const char *const good[] = { "a",
		                            "Family pictures 2026",
		                            "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
		                            ".",
		                            "..",
		                            "-x",
		                            "1234567890123456789012345678901234567890123456789012345678901234" };
	static const char *const bad[] = { "",
		                           " ",
		                           " a",
		                           "a ",
		                           "a/b",
		                           "/",
		                           "a\nb",
		                           "a\x7f",
		                           "\x1b[31m",
		                           "a\xc2\x85",
		                           "\xc3",
		                           "\xc3(",
		                           "\xc0\xaf",
		                           "\xe0\x80\xaf",
		                           "\xed\xa0\x80",
		                           "\xf5\x80\x80\x80",
		                           "\xf4\x90\x80\x80",
		                           "\x80",
		                           "x\xe2\x80\xaez",
		                           "\xef\xbb\xbfz",
		                           "a\xe2\x80\x8b",
		                           "12345678901234567890123456789012345678901234567890123456789012345" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(roster_name_valid(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(roster_name_valid(bad[i]));
}

static void member_names_are_cut_between_characters(void **state)
{
	struct world *w = *state;
	char name[100];
	struct roster *r;
	struct roster_member m;

	memset(name, 'n', sizeof(name));
	memcpy(name + 62, "\xe2\x82\xac\xe2\x82\xac", 7);
	r = roster_found(w->agents[A], "g", false, false, name, NOW);
	assert_true(roster_member_by_short(r, agent_id_short(id_of(w, A)), &m));
	assert_int_equal(strlen(m.name), 62);
	roster_free(r);
}

static void roles_have_names(void **state)
{
	enum role role;

	(void)state;
	for (int i = ROLE_OWNER; i <= ROLE_VAULT; i++) {
		assert_int_equal(role_parse(role_name((enum role)i), &role), 0);
		assert_int_equal(role, i);
	}
	assert_int_equal(role_parse("none", &role), -1);
	assert_int_equal(role_parse("Owner", &role), -1);
	assert_int_equal(role_parse("", &role), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(founding_gives_what_it_was_asked_for),
		TEST(a_name_is_not_known_before_the_founding_entry_is),
		TEST(answers_tell_new_from_known_from_waiting),
		TEST(every_altered_byte_of_every_kind_is_refused),
		TEST(every_cut_or_lengthened_entry_is_refused),
		TEST(entries_of_another_group_are_refused),
		TEST(no_more_than_1024_are_members_and_everybody_knows_which),
		TEST(of_one_short_id_only_the_smaller_id_is_a_member),
		TEST(an_id_is_shown_as_far_as_it_tells_members_apart),
		cmocka_unit_test(group_names_are_printable_and_bounded),
		TEST(member_names_are_cut_between_characters),
		cmocka_unit_test(roles_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
