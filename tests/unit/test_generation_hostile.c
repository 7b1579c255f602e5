/* Entries as malicious signers make them: untrue numbers and keyrings, parents that are not there, twins, too many of
 * everything. Whatever there is, the order of the entries does not matter, and a writer that has to sign the next entry
 * gets done: what it signs counts in the end, and it does not go on for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sync/group/generation.h"
#include "tests/unit/seal_world.h"

enum { N = 24, MORE = 12, NAGENTS = 8, NEXITS = 5, SUITE = 1, POLICIES = 2, ROUNDS = 4000 };

static uint64_t draws;
static enum generation_voice voices[NAGENTS]; /* agent 0 is the one that asks */

static uint64_t draw(uint64_t below)
{
	uint64_t z = (draws += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (z ^ z >> 31) % below;
}

static enum generation_voice voice(void *arg, const struct agent_id *signer)
{
	(void)arg;
	return voices[signer->b[0]];
}

struct world {
	struct generation gens[N + MORE];
	size_t n, all; /* entries that are there at first, and now */
	uint8_t exits[NEXITS][GENERATION_NAME_LEN];
	size_t nexits;
};

/* A third of the secrets, and those of the asker's own entries, which come last. */
static bool held(void *arg, uint64_t id)
{
	const struct world *w = arg;

	for (size_t i = w->n; i < w->all; i++) {
		if (generation_id(&w->gens[i]) == id)
			return true;
	}
	return id % 3 == 0;
}

static struct generation_writer writer(struct world *w, bool owner)
{
	return (struct generation_writer){ .owner = owner, .held = held, .arg = w };
}

static struct generation_judgement *judged(const struct world *w)
{
	const struct generation_facts facts = { .gens = w->gens,
		                                .ngens = w->all,
		                                .exits = (const uint8_t(*)[GENERATION_NAME_LEN])w->exits,
		                                .nexits = w->nexits,
		                                .voice = voice };

	return generation_judge(&facts, SUITE, POLICIES);
}

/* --- entries --- */

/* Whether b descends from a; entries have parents before them. */
static bool descends(const struct world *w, size_t a, size_t b)
{
	for (size_t p = 0; p < w->gens[b].nparents && p < GENERATION_PARENTS_MAX; p++) {
		for (size_t i = a; i < b; i++) {
			if (memcmp(w->gens[i].name, w->gens[b].parents[p], GENERATION_NAME_LEN) == 0 &&
			    (i == a || descends(w, a, i)))
				return true;
		}
	}
	return false;
}

static void spoil(struct generation *g)
{
	switch (draw(20)) {
	case 0:
		g->number = (uint32_t)draw(UINT32_MAX);
		break;
	case 1:
		g->number = UINT32_MAX;
		break;
	case 2:
		g->number = 0;
		break;
	case 3:
		g->keyring[0] ^= 1;
		break;
	case 4:
		g->nparents = 255;
		break;
	case 5:
		g->nexits = 255;
		break;
	case 6: /* its own parent */
		memcpy(g->parents[0], g->name, GENERATION_NAME_LEN);
		g->nparents = 1;
		break;
	default:
		break;
	}
}

/* A true entry, if it is not spoilt, of up to three parents, with exits that partly are none. */
static void add_entry(struct world *w)
{
	size_t at = w->n++, nparents = at > 0 ? draw(4) : 0, n = 0;
	struct generation *g = &w->gens[at];
	struct generation_secret line[N];

	for (size_t i = 0; i < nparents; i++) {
		const struct generation *parent = &w->gens[draw(at)];

		memcpy(g->parents[g->nparents++], parent->name, GENERATION_NAME_LEN);
		if (parent->number > g->number)
			g->number = parent->number;
	}
	g->number++;
	for (size_t i = 0; i < at; i++) {
		if (descends(w, i, at)) {
			line[n].id = generation_id(&w->gens[i]);
			memcpy(line[n++].commitment, w->gens[i].commitment, 32);
		}
	}
	generation_keyring(g->keyring, line, n);
	g->nexits = (uint8_t)draw(3);
	for (size_t i = 0; i < g->nexits; i++)
		seal_world_bytes(g->exits[i], draw(7));
	g->signer.b[0] = (uint8_t)draw(NAGENTS);
	g->suite = (uint8_t)(draw(20) == 0 ? draw(4) : SUITE);
	g->policy = (uint8_t)draw(POLICIES + 1);
	seal_world_bytes(g->commitment, draw(UINT64_MAX));
	seal_world_bytes(g->name, draw(UINT64_MAX));
	spoil(g);
}

static void fresh(struct world *w, uint64_t seed)
{
	size_t n;

	draws = seed;
	n = draw(N + 1);
	memset(w, 0, sizeof(*w));
	for (size_t i = 0; i < NAGENTS; i++)
		voices[i] = (enum generation_voice)draw(3);
	w->nexits = draw(NEXITS + 1);
	for (size_t i = 0; i < w->nexits; i++)
		seal_world_bytes(w->exits[i], draw(5));
	while (w->n < n)
		add_entry(w);
	w->all = w->n;
}

/* --- what is proved --- */

static void shuffle(void *p, size_t n, size_t size)
{
	uint8_t kept[sizeof(struct generation)];

	for (; n > 1; n--) {
		uint8_t *a = (uint8_t *)p + (n - 1) * size, *b = (uint8_t *)p + draw(n) * size;

		memcpy(kept, a, size);
		memmove(a, b, size);
		memcpy(b, kept, size);
	}
}

/* Everything that is asked of the two, about each entry of w. */
static void assert_alike(struct world *w, const struct generation_judgement *a, const struct generation_judgement *b)
{
	const struct generation *x = generation_current(a), *y = generation_current(b);
	struct generation next[2];
	const struct generation_writer asker = writer(w, true);

	assert_int_equal(generation_state(a), generation_state(b));
	assert_int_equal(x == NULL, y == NULL);
	if (x != NULL)
		assert_memory_equal(x, y, sizeof(*x));
	for (size_t i = 0; i < w->all; i++) {
		const struct generation *p = generation_vouched(a, generation_id(&w->gens[i])),
					*q = generation_vouched(b, generation_id(&w->gens[i]));

		assert_int_equal(generation_counts(a, w->gens[i].name), generation_counts(b, w->gens[i].name));
		assert_int_equal(p == NULL, q == NULL);
		if (p != NULL)
			assert_memory_equal(p, q, sizeof(*p));
	}
	assert_int_equal(generation_is_due(a, &asker), generation_is_due(b, &asker));
	assert_int_equal(generation_next(a, &asker, &next[0]), generation_next(b, &asker, &next[1]));
	assert_memory_equal(&next[0], &next[1], sizeof(next[0]));
}

static void the_order_of_entries_does_not_matter(void **state)
{
	struct world w, other;
	size_t states[4] = { 0 };

	(void)state;
	for (uint64_t round = 0; round < ROUNDS; round++) {
		struct generation_judgement *a, *b;

		fresh(&w, round);
		/* Equal names would be one entry. */
		if (draw(3) == 0 && w.n > 1)
			memcpy(w.gens[0].name, w.gens[w.n - 1].name, 8);
		a = judged(&w);
		other = w;
		shuffle(other.gens, other.all, sizeof(other.gens[0]));
		shuffle(other.exits, other.nexits, sizeof(other.exits[0]));
		b = judged(&other);
		assert_alike(&w, a, b);
		states[generation_state(a)]++;
		generation_free(a);
		generation_free(b);
	}
	for (size_t i = 0; i < 4; i++)
		assert_true(states[i] > ROUNDS / 40);
}

/* Signs until nothing is due any more. Returns how many entries that took; MORE: it does not end. */
static size_t sign_all(struct world *w, bool owner)
{
	const struct generation_writer asker = writer(w, owner);

	for (size_t signs = 0; signs < MORE; signs++) {
		struct generation_judgement *j = judged(w);
		struct generation *g = &w->gens[w->all];
		bool ends = !generation_is_due(j, &asker) || generation_next(j, &asker, g) < 0;

		generation_free(j);
		if (ends)
			return signs;
		seal_world_bytes(g->commitment, draw(UINT64_MAX));
		seal_world_bytes(g->name, draw(UINT64_MAX));
		w->all++;
	}
	return MORE;
}

static void a_writer_signs_what_counts_and_comes_to_an_end(void **state)
{
	struct world w;

	(void)state;
	for (uint64_t round = 0; round < ROUNDS; round++) {
		for (int owner = 0; owner < 2; owner++) {
			struct generation_judgement *j;

			fresh(&w, round);
			voices[0] = owner ? GENERATION_OWNER : GENERATION_MEMBER;
			assert_in_range(sign_all(&w, owner), 0, 4);
			j = judged(&w);
			assert_true(w.all == w.n || generation_counts(j, w.gens[w.all - 1].name));
			generation_free(j);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_order_of_entries_does_not_matter),
		cmocka_unit_test(a_writer_signs_what_counts_and_comes_to_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
