/* Random histories of a sealed group: agents that know different parts of a roster leave, are removed, answer, seal,
 * meet and part. Whatever the order, those who stay agree in the end; nobody is given a secret that answers an exit
 * of his; and nothing that was sealed becomes unreadable. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/sha256.h"
#include "sync/group/generation.h"

enum { NAGENTS = 7, NOWNERS = 3, MOST = 160, NSEALS = 400, STEPS = 120, SUITE = 1, POLICIES = 1, HISTORIES = 200 };

/* Everything that was ever signed. An exit is of one agent, by an owner or by itself. */
struct world {
	struct generation gens[MOST];
	size_t ngens;
	uint8_t exits[NAGENTS][GENERATION_NAME_LEN]; /* of each agent, once it has gone */
	bool gone[NAGENTS];
	/* What each agent knows, and of which generations it holds the secret. */
	bool knows_gen[NAGENTS][MOST], knows_exit[NAGENTS][NAGENTS], holds[NAGENTS][MOST];
	struct {
		size_t by, gen;
		bool exits[NAGENTS]; /* those that the sealing agent knew of */
	} seals[NSEALS];
	size_t nseals;
	unsigned names;
};

/* The world as one agent knows it; NAGENTS: as all that is known shows it. */
struct side {
	struct world *w;
	size_t agent;
	struct generation gens[MOST];
	uint8_t exits[NAGENTS][GENERATION_NAME_LEN];
	size_t ngens, nexits;
	bool gone[NAGENTS];
	struct generation_judgement *j;
};

static void fresh_name(struct world *w, uint8_t name[32])
{
	uint8_t in[4];

	put_u32(in, ++w->names);
	sha256(name, in, sizeof(in));
}

static enum generation_voice voice(void *arg, const struct agent_id *signer)
{
	const struct side *s = arg;

	if (s->gone[signer->b[0]])
		return GENERATION_SILENT;
	return signer->b[0] < NOWNERS ? GENERATION_OWNER : GENERATION_MEMBER;
}

/* Judges what the agent knows, in an order drawn each time. */
static void look(struct side *s, struct world *w, size_t agent)
{
	struct generation_facts facts = { .voice = voice };

	memset(s, 0, sizeof(*s));
	s->w = w;
	s->agent = agent;
	for (size_t i = 0; i < w->ngens; i++) {
		if (agent == NAGENTS || w->knows_gen[agent][i])
			s->gens[s->ngens++] = w->gens[i];
	}
	for (size_t i = 0; i < NAGENTS; i++) {
		if (w->gone[i] && (agent == NAGENTS || w->knows_exit[agent][i])) {
			memcpy(s->exits[s->nexits++], w->exits[i], GENERATION_NAME_LEN);
			s->gone[i] = true;
		}
	}
	for (size_t i = s->ngens; i > 1; i--) {
		size_t other = random_below(i);
		struct generation g = s->gens[i - 1];

		s->gens[i - 1] = s->gens[other];
		s->gens[other] = g;
	}
	facts.arg = s;
	facts.gens = s->gens;
	facts.ngens = s->ngens;
	facts.exits = (const uint8_t(*)[GENERATION_NAME_LEN])s->exits;
	facts.nexits = s->nexits;
	s->j = generation_judge(&facts, SUITE, POLICIES);
}

static size_t gen_of(const struct world *w, const uint8_t *name)
{
	for (size_t i = 0; i < w->ngens; i++) {
		if (memcmp(w->gens[i].name, name, GENERATION_NAME_LEN) == 0)
			return i;
	}
	fail();
	return 0;
}

static bool holds(void *arg, uint64_t id)
{
	const struct side *s = arg;

	for (size_t i = 0; i < s->w->ngens; i++) {
		if (generation_id(&s->w->gens[i]) == id)
			return s->w->holds[s->agent][i];
	}
	return false;
}

static struct generation_writer writer(struct side *s)
{
	struct generation_writer w = { .owner = s->agent < NOWNERS, .held = holds, .arg = s };

	w.id.b[0] = (uint8_t)s->agent;
	return w;
}

static bool is_due(struct side *s)
{
	const struct generation_writer w = writer(s);

	return generation_is_due(s->j, &w);
}

/* The agent signs the next generation, and holds it. */
static void answer(struct side *s)
{
	struct world *w = s->w;
	struct generation *g = &w->gens[w->ngens];
	const struct generation_writer asker = writer(s);

	if (w->ngens == MOST)
		return;
	assert_int_equal(generation_next(s->j, &asker, g), 0);
	g->signer.b[0] = (uint8_t)s->agent;
	fresh_name(w, g->commitment);
	fresh_name(w, g->name);
	w->knows_gen[s->agent][w->ngens] = true;
	w->holds[s->agent][w->ngens] = true;
	w->ngens++;
}

static void depart(struct world *w, size_t by, size_t who)
{
	fresh_name(w, w->exits[who]);
	w->gone[who] = true;
	w->knows_exit[by][who] = true;
}

/* Secrets are taken by who knows of all exits that the giver knows. */
static void give(struct world *w, size_t from, size_t to)
{
	struct side giver, taker;

	look(&giver, w, from);
	look(&taker, w, to);
	for (size_t i = 0; i < NAGENTS; i++)
		assert_true(!w->knows_exit[from][i] || w->knows_exit[to][i]);
	for (size_t i = 0; i < w->ngens; i++) {
		if (w->holds[from][i] && !giver.gone[to] && !giver.gone[from] &&
		    generation_vouched(taker.j, generation_id(&w->gens[i])) != NULL)
			w->holds[to][i] = true;
	}
	generation_free(giver.j);
	generation_free(taker.j);
}

/* Both hear all that the other knows, if neither knows that the other has gone; then secrets are given. */
static void meet(struct world *w, size_t a, size_t b)
{
	if (w->knows_exit[a][b] || w->knows_exit[b][a] || w->knows_exit[a][a] || w->knows_exit[b][b])
		return;
	for (size_t i = 0; i < w->ngens; i++)
		w->knows_gen[a][i] = w->knows_gen[b][i] = w->knows_gen[a][i] || w->knows_gen[b][i];
	for (size_t i = 0; i < NAGENTS; i++)
		w->knows_exit[a][i] = w->knows_exit[b][i] = w->knows_exit[a][i] || w->knows_exit[b][i];
	give(w, a, b);
	give(w, b, a);
}

/* One agent does what it would do now: answers, or seals. */
static void act(struct world *w, size_t agent)
{
	struct side s;
	const struct generation *current;

	look(&s, w, agent);
	current = generation_current(s.j);
	if (!s.gone[agent] && is_due(&s))
		answer(&s);
	else if (!s.gone[agent] && generation_state(s.j) == GENERATION_FIT && w->nseals < NSEALS &&
	         w->holds[agent][gen_of(w, current->name)]) {
		w->seals[w->nseals].by = agent;
		w->seals[w->nseals].gen = gen_of(w, current->name);
		memcpy(w->seals[w->nseals].exits, s.gone, sizeof(s.gone));
		w->nseals++;
	}
	generation_free(s.j);
}

static void step(struct world *w, bool departures)
{
	size_t a = random_below(NAGENTS), b = random_below(NAGENTS);
	uint64_t what = random_below(20);

	if (what == 0 && departures && a != b && a < NOWNERS && b != 0 && !w->gone[b] && !w->knows_exit[a][a] &&
	    !w->knows_exit[a][b]) {
		depart(w, a, b);
		act(w, a); /* a removal and its answer are signed at once */
	} else if (what == 1 && departures && b >= NOWNERS && !w->gone[b] && random_below(3) == 0) {
		depart(w, b, b);
	} else if (what == 2 && a < NOWNERS && !w->gone[a] && random_below(4) == 0) {
		struct side s;

		look(&s, w, a); /* an owner wants a new one */
		answer(&s);
		generation_free(s.j);
	} else if (what < 11) {
		act(w, a);
	} else if (a != b) {
		meet(w, a, b);
	}
}

/* All who stay meet until nothing changes; whoever is first answers. */
static void settle(struct world *w)
{
	for (size_t round = 0; round < 6; round++) {
		for (size_t a = 0; a < NAGENTS; a++) {
			for (size_t b = 0; b < NAGENTS; b++) {
				/* An exit that nobody who stays has heard of comes to light. */
				if (w->gone[b] && !w->gone[a])
					w->knows_exit[a][b] = true;
				if (a != b && !w->gone[a] && !w->gone[b])
					meet(w, a, b);
			}
		}
		for (size_t a = NAGENTS; a-- > 0;) {
			struct side s;

			look(&s, w, a);
			if (!w->gone[a] && is_due(&s)) {
				answer(&s);
				a = 0; /* the others hear of it first */
			}
			generation_free(s.j);
		}
	}
}

static void check(struct world *w)
{
	struct side all, s;
	const struct generation *current;

	look(&all, w, NAGENTS);
	current = generation_current(all.j);
	assert_non_null(current);
	for (size_t a = 0; a < NAGENTS; a++) {
		if (w->gone[a]) {
			assert_false(w->holds[a][gen_of(w, current->name)]);
			continue;
		}
		look(&s, w, a);
		assert_int_equal(generation_state(s.j), GENERATION_FIT);
		assert_memory_equal(generation_current(s.j)->name, current->name, GENERATION_NAME_LEN);
		assert_true(w->holds[a][gen_of(w, current->name)]);
		/* What somebody who stays has sealed is readable to everybody who stays. */
		for (size_t i = 0; i < w->nseals; i++) {
			if (!w->gone[w->seals[i].by])
				assert_true(w->holds[a][w->seals[i].gen]);
		}
		generation_free(s.j);
	}
	/* Nobody reads what was sealed by one who knew that he had gone. */
	for (size_t i = 0; i < w->nseals; i++) {
		for (size_t a = 0; a < NAGENTS; a++)
			assert_false(w->seals[i].exits[a] && w->holds[a][w->seals[i].gen]);
	}
	generation_free(all.j);
}

static void those_who_stay_agree_and_those_who_left_read_nothing_new(void **state)
{
	static struct world w;
	size_t seals = 0, departures = 0, joined = 0;

	(void)state;
	for (uint64_t history = 1; history <= HISTORIES; history++) {
		struct side founder;

		random_set_seed(history);
		memset(&w, 0, sizeof(w));
		look(&founder, &w, 0);
		answer(&founder);
		generation_free(founder.j);
		for (size_t i = 0; i < STEPS; i++)
			step(&w, i < STEPS - 10);
		settle(&w);
		check(&w);
		seals += w.nseals;
		for (size_t i = 0; i < NAGENTS; i++)
			departures += w.gone[i];
		for (size_t i = 0; i < w.ngens; i++)
			joined += w.gens[i].nparents > 1;
	}
	random_set_seed(0);
	/* The histories are worth something. */
	assert_true(seals > 10 * HISTORIES && departures > HISTORIES && joined > HISTORIES / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(those_who_stay_agree_and_those_who_left_read_nothing_new),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
