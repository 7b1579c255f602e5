/* Generations and box keys in the roster of a sealed group: which entries are exits, what is told, what is kept, and
 * what a flood costs. Which generation is current is in test_generation.c. */
#include "tests/unit/roster_world.h"

#include <fcntl.h>
#include <unistd.h>
#include <utlist.h>

#include "sync/group/generation.h"
#include "tests/unit/seal_world.h"

static uint64_t drawn;

static bool hold_all(void *arg, uint64_t id)
{
	(void)arg;
	(void)id;
	return true;
}

static bool hold_none(void *arg, uint64_t id)
{
	(void)arg;
	(void)id;
	return false;
}

/* What would follow, by this roster. */
static struct generation next_of(const struct world *w, const struct roster *r, int agent, bool holds)
{
	struct generation_writer writer = { .id = *id_of(w, agent), .held = holds ? hold_all : hold_none };
	struct generation g;

	(void)roster_generation_writer(r, &writer.id, &writer.owner);
	assert_int_equal(generation_next(roster_generations(r), &writer, &g), 0);
	seal_world_bytes(g.commitment, ++drawn);
	return g;
}

static int say_generation(struct world *w, int signer, struct generation *g)
{
	assert_int_equal(roster_entry_gen(next_entry(w), w->agents[signer], &w->group, g, NOW), 0);
	return (int)w->n - 1;
}

/* agent signs the next generation of what all have said. */
static int say_next(struct world *w, int agent)
{
	struct roster *r = roster_of(w);
	struct generation g = next_of(w, r, agent, true);

	roster_free(r);
	return say_generation(w, agent, &g);
}

static int say_box(struct world *w, int agent, uint64_t key, int64_t time_s)
{
	uint8_t bytes[BOX_KEY_LEN];

	seal_world_bytes(bytes, key);
	assert_int_equal(roster_entry_box(next_entry(w), w->agents[agent], &w->group, bytes, time_s), 0);
	return (int)w->n - 1;
}

static enum generation_state state_of(struct world *w)
{
	struct roster *r = roster_of(w);
	enum generation_state state = generation_state(roster_generations(r));

	roster_free(r);
	return state;
}

static bool counts(const struct world *w, const struct roster *r, int entry)
{
	return roster_counts(r, w->entries[entry].p, w->entries[entry].len);
}

/* --- unsealed groups --- */

static void an_unsealed_group_refuses_them(void **state)
{
	struct world *w = *state;
	struct generation g = { .number = 1, .suite = 1 };
	int gen = say_generation(w, A, &g), box = say_box(w, A, 1, NOW);
	struct roster *r = roster_new(&w->group);
	uint8_t digest[32], after[32], key[32];

	/* Before the founding entry is here, nobody knows. */
	assert_int_equal(put(w, r, (size_t)box), ROSTER_PENDING);
	assert_int_equal(put(w, r, 0), ROSTER_ADDED);
	roster_digest(r, digest);
	assert_int_equal(put(w, r, (size_t)gen), ROSTER_BAD);
	assert_int_equal(put(w, r, (size_t)box), ROSTER_KNOWN);
	roster_settle(r);
	assert_null(roster_generations(r));
	assert_null(roster_first_generation(r));
	assert_int_equal(roster_box(r, id_of(w, A), key), -1);
	assert_int_equal(roster_sign_box(r, w->agents[A], key, NOW), -1);
	roster_digest(r, after);
	assert_memory_equal(digest, after, sizeof(digest));
	roster_free(r);
}

/* --- exits --- */

/* Answers all exits, so that what follows shows alone. */
static void settle_exits(struct world *w)
{
	while (state_of(w) != GENERATION_FIT)
		say_next(w, A);
}

static void everything_that_may_end_a_right_to_keys_is_an_exit(void **state)
{
	struct world *w = *state;
	int join;

	say_add(w, A, B, ROLE_OWNER, -1, NOW);
	join = say_join(w, A, A, C, ROLE_MEMBER, -1, NOW);
	say_join(w, A, A, D, ROLE_READER, -1, NOW);
	settle_exits(w);
	say_leave(w, D, false, NOW);
	assert_int_equal(state_of(w), GENERATION_UNFIT);
	settle_exits(w);
	say_revoke(w, A, join);
	assert_int_equal(state_of(w), GENERATION_UNFIT);
	settle_exits(w);
	say_add(w, A, E, ROLE_VAULT, -1, NOW);
	assert_int_equal(state_of(w), GENERATION_UNFIT);
	settle_exits(w);
	/* By the entry that made it an owner, which this one takes the place of. */
	say_add(w, A, B, ROLE_MEMBER, 1, NOW);
	assert_int_equal(state_of(w), GENERATION_UNFIT);
	settle_exits(w);
	say_remove(w, A, B, NOW);
	assert_int_equal(state_of(w), GENERATION_UNFIT);
	settle_exits(w);
}

static void nothing_else_is_an_exit(void **state)
{
	struct world *w = *state;
	struct agent_id nothing = { { 0 } };
	struct roster_statement statement;
	int b;

	say_next(w, A);
	b = say_add(w, A, B, ROLE_MEMBER, -1, NOW);
	say_join(w, A, A, C, ROLE_MEMBER, -1, NOW);
	say_add(w, A, C, ROLE_MEMBER, -1, NOW);
	say_join(w, A, A, E, ROLE_VAULT, -1, NOW);
	say_add(w, A, B, ROLE_OWNER, b, NOW);
	/* Covers statements that were lost. */
	statement = next_statement(w, NOW);
	assert_int_equal(roster_entry_revoke(next_entry(w), w->agents[A], &w->group, &statement, &nothing), 0);
	/* Does not count. */
	say_remove(w, C, B, NOW);
	say_leave(w, D, false, NOW);
	assert_int_equal(state_of(w), GENERATION_FIT);
}

/* --- who may say what --- */

static void a_generation_counts_by_the_role_of_its_signer(void **state)
{
	struct world *w = *state;
	static const struct {
		enum role role;
		bool answers, begins;
	} cases[] = { { ROLE_OWNER, true, true },
		      { ROLE_MEMBER, true, false },
		      { ROLE_READER, false, false },
		      { ROLE_VAULT, false, false } };
	uint8_t name[HASH_LEN];
	size_t begun;

	say_next(w, A);
	say_add(w, A, C, ROLE_MEMBER, -1, NOW);
	begun = w->n;
	for (size_t i = 0; i < 4; i++) {
		struct roster *r;
		int first, answer;

		world_forget(w, begun);
		say_add(w, A, B, cases[i].role, -1, NOW);
		first = say_next(w, B);
		say_remove(w, A, C, NOW);
		answer = say_next(w, B);
		r = roster_of(w);
		/* A vault's addition is an exit, which it may not answer itself. */
		hash_of(name, &w->entries[answer]);
		assert_int_equal(generation_counts(roster_generations(r), name), cases[i].answers);
		hash_of(name, &w->entries[first]);
		assert_int_equal(generation_counts(roster_generations(r), name), cases[i].begins);
		roster_free(r);
	}
}

static void a_box_key_is_its_agents_latest_while_it_may_hold_keys(void **state)
{
	struct world *w = *state;
	uint8_t key[32], expected[32];
	struct roster *r;

	say_add(w, A, B, ROLE_READER, -1, NOW);
	say_box(w, B, 1, NOW);
	say_box(w, B, 2, NOW + 5);
	say_box(w, B, 3, NOW + 4);
	say_box(w, D, 4, NOW);
	r = roster_of(w);
	assert_int_equal(roster_box(r, id_of(w, B), key), 0);
	seal_world_bytes(expected, 2);
	assert_memory_equal(key, expected, sizeof(key));
	assert_int_equal(roster_box(r, id_of(w, A), key), -1);
	assert_int_equal(roster_box(r, id_of(w, D), key), -1);
	roster_free(r);
	expect_members(w, "A owner, B reader");
	/* As a vault it is sent no keys, whatever it says, nor once it was removed. */
	say_add(w, A, B, ROLE_VAULT, 1, NOW);
	say_box(w, B, 5, NOW + 6);
	r = roster_of(w);
	assert_int_equal(roster_box(r, id_of(w, B), key), -1);
	assert_int_equal(roster_sign_box(r, w->agents[B], key, NOW + 7), -1);
	roster_free(r);
	say_remove(w, A, B, NOW);
	r = roster_of(w);
	assert_int_equal(roster_box(r, id_of(w, B), key), -1);
	roster_free(r);
}

static void we_sign_our_own(void **state)
{
	struct world *w = *state;
	struct roster *r = roster_of(w);
	struct bytes out = BYTES_INIT(ROSTER_ENTRY_MAX);
	uint8_t key[32], told[32];
	struct generation g = next_of(w, r, A, true);

	seal_world_bytes(key, 9);
	assert_int_equal(roster_sign_box(r, w->agents[A], key, NOW), 0);
	assert_int_equal(roster_box(r, id_of(w, A), told), 0);
	assert_memory_equal(key, told, 32);
	assert_int_equal(roster_sign_box(r, w->agents[B], key, NOW), -1);
	assert_int_equal(roster_sign_generation(r, w->agents[A], &g, NOW, &out), 0);
	assert_int_equal(generation_state(roster_generations(r)), GENERATION_NONE);
	assert_null(roster_first_generation(r));
	assert_int_equal(roster_add(r, out.p, out.len), ROSTER_ADDED);
	assert_int_equal(generation_state(roster_generations(r)), GENERATION_FIT);
	assert_memory_equal(generation_current(roster_generations(r))->name, g.name, 32);
	assert_memory_equal(roster_first_generation(r)->name, g.name, 32);
	assert_int_equal(roster_generation_rank(r, id_of(w, A)), 0);
	bytes_free(&out);
	roster_free(r);
}

/* --- what is told and kept --- */

static void any_order_gives_one_result(void **state)
{
	struct world *w = *state;

	say_next(w, A);
	say_add(w, A, B, ROLE_MEMBER, -1, NOW);
	say_box(w, B, 1, NOW);
	say_remove(w, A, B, NOW);
	expect_members(w, "A owner");
	say_next(w, A);
	say_add(w, A, C, ROLE_MEMBER, -1, NOW);
	say_leave(w, C, false, NOW);
	say_next(w, C); /* it has left */
	say_next(w, A);
	expect_members(w, "A owner");
	assert_int_equal(state_of(w), GENERATION_FIT);
}

/* C's word fell with C. B holds its secret, and vouches for it; others then hear of both. */
static void what_one_who_counts_descends_from_is_told_with_it(void **state)
{
	struct world *w = *state;
	struct roster *r, *other = roster_new(&w->group);
	struct verdict v = { 0 };
	int fallen, next;

	say_next(w, A);
	say_add(w, A, B, ROLE_MEMBER, -1, NOW);
	say_add(w, A, C, ROLE_OWNER, -1, NOW);
	fallen = say_next(w, C);
	r = roster_of(w);
	assert_true(counts(w, r, fallen));
	roster_free(r);
	say_remove(w, A, C, NOW);
	r = roster_of(w);
	assert_false(counts(w, r, fallen));
	assert_true(roster_knows(r, w->entries[fallen].p, w->entries[fallen].len));
	roster_free(r);
	next = say_next(w, B);
	r = roster_of(w);
	assert_true(counts(w, r, next) && counts(w, r, fallen));
	agree(w, r, &v);
	agree_with_the_told(w, r, &v);
	/* In the order in which they are told none waits for another. */
	roster_entries(r, put_told, other);
	roster_settle(other);
	assert_true(counts(w, other, next) && counts(w, other, fallen));
	roster_free(other);
	roster_free(r);
}

static void they_outlive_a_restart(void **state)
{
	struct world *w = *state;
	char dir[] = "/tmp/lanyard-roster-XXXXXX", *why = NULL;
	struct roster *r, *back;
	struct verdict v = { 0 };
	int dirfd, fallen;

	say_next(w, A);
	say_add(w, A, B, ROLE_OWNER, -1, NOW);
	say_box(w, B, 1, NOW);
	fallen = say_next(w, B);
	r = roster_of(w);
	/* It counted once, and its secret may be held. */
	say_remove(w, A, B, NOW);
	put(w, r, w->n - 1);
	assert_non_null(mkdtemp(dir));
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(roster_save(r, dirfd, "roster.bin"), 0);
	back = roster_load(dirfd, "roster.bin", &why);
	assert_non_null(back);
	assert_false(roster_is_damaged(back));
	agree(w, r, &v);
	agree(w, back, &v);
	assert_true(roster_knows(back, w->entries[fallen].p, w->entries[fallen].len));
	assert_int_equal(generation_state(roster_generations(back)), GENERATION_UNFIT);
	assert_int_equal(unlinkat(dirfd, "roster.bin", 0), 0);
	close(dirfd);
	rmdir(dir);
	roster_free(r);
	roster_free(back);
}

/* --- floods --- */

enum { FLOOD = 600 };

struct flood {
	struct bytes entries[FLOOD];
};

/* B's, beside one another: the same parents, and exits that it may answer. */
static struct flood *flood_of(struct world *w, int signer)
{
	struct flood *f = MEM_NEW(struct flood);
	struct roster *r = roster_of(w);
	struct generation g = next_of(w, r, signer, true);

	for (size_t i = 0; i < FLOOD; i++) {
		f->entries[i] = BYTES_INIT(ROSTER_ENTRY_MAX);
		seal_world_bytes(g.commitment, ++drawn);
		assert_int_equal(roster_entry_gen(&f->entries[i], w->agents[signer], &w->group, &g, NOW), 0);
	}
	roster_free(r);
	return f;
}

static void flood_free(struct flood *f)
{
	for (size_t i = 0; i < FLOOD; i++)
		bytes_free(&f->entries[i]);
	free(f);
}

static void flood_into(struct roster *r, const struct flood *f, size_t from, size_t step)
{
	for (size_t i = 0; i < FLOOD; i++) {
		const struct bytes *entry = &f->entries[(from + i * step) % FLOOD];

		roster_put(r, 7, entry->p, entry->len);
		if (i % 50 == 49)
			roster_settle(r);
	}
	roster_settle(r);
}

static size_t generations_in_effect(const struct roster *r)
{
	const struct roster_item *it;
	size_t n = 0;

	DL_FOREACH2(r->valid, it, valid_next)
		n += it->e.kind == ENTRY_GEN;
	return n;
}

static void a_members_flood_takes_nothing_from_others(void **state)
{
	struct world *w = *state;
	struct roster *r, *other;
	struct flood *f;
	struct verdict v = { 0 };
	int honest;

	say_next(w, A);
	say_add(w, A, B, ROLE_MEMBER, -1, NOW);
	say_add(w, A, C, ROLE_MEMBER, -1, NOW);
	say_add(w, A, D, ROLE_MEMBER, -1, NOW);
	say_remove(w, A, D, NOW);
	f = flood_of(w, B); /* all of them answer the removal */
	honest = say_next(w, C);
	r = roster_of(w);
	flood_into(r, f, 0, 1);
	assert_true(counts(w, r, honest));
	assert_int_equal(generations_in_effect(r), 2 + GENERATION_MEMBER_MAX);
	assert_true(HASH_COUNT(r->items) <= w->n + GENERATION_MEMBER_MAX + FLOOD);
	other = roster_of(w);
	flood_into(other, f, FLOOD - 1, FLOOD - 1);
	agree(w, r, &v);
	agree(w, other, &v);
	assert_int_equal(generation_state(roster_generations(r)), GENERATION_FIT);
	roster_free(other);
	roster_free(r);
	flood_free(f);
}

/* Its parents are nowhere. */
static void what_waits_is_bounded_for_each_that_brings_it(void **state)
{
	struct world *w = *state;
	struct generation g;
	struct roster *r;
	size_t kept = 0;
	int gen = say_next(w, A), honest;

	say_add(w, A, B, ROLE_MEMBER, -1, NOW);
	say_remove(w, A, B, NOW);
	honest = say_next(w, A);
	r = roster_new(&w->group);
	for (size_t i = 0; i < w->n; i++) {
		if ((int)i != gen)
			put(w, r, i);
	}
	g = (struct generation){ .number = 2, .suite = 1, .nparents = 1 };
	for (uint64_t i = 0; i < 3 * BRINGER_MAX_WAITING; i++) {
		struct bytes entry = BYTES_INIT(ROSTER_ENTRY_MAX);

		seal_world_bytes(g.parents[0], i);
		assert_int_equal(roster_entry_gen(&entry, w->agents[D], &w->group, &g, NOW), 0);
		roster_put(r, 7, entry.p, entry.len);
		roster_settle(r);
		bytes_free(&entry);
	}
	for (const struct roster_item *it = r->items; it != NULL; it = it->hh.next)
		kept += it->e.kind == ENTRY_GEN && it->bringer == 7;
	assert_in_range(kept, 1, BRINGER_MAX_WAITING);
	/* What another brought waits on, until its parent comes. */
	assert_false(counts(w, r, honest));
	put(w, r, (size_t)gen);
	assert_true(counts(w, r, honest));
	roster_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_unsealed_group_refuses_them),
		TEST_SEALED(everything_that_may_end_a_right_to_keys_is_an_exit),
		TEST_SEALED(nothing_else_is_an_exit),
		TEST_SEALED(a_generation_counts_by_the_role_of_its_signer),
		TEST_SEALED(a_box_key_is_its_agents_latest_while_it_may_hold_keys),
		TEST_SEALED(we_sign_our_own),
		TEST_SEALED(any_order_gives_one_result),
		TEST_SEALED(what_one_who_counts_descends_from_is_told_with_it),
		TEST_SEALED(they_outlive_a_restart),
		TEST_SEALED(a_members_flood_takes_nothing_from_others),
		TEST_SEALED(what_waits_is_bounded_for_each_that_brings_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
