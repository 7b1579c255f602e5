/* Shared by the tests of generations: entries by an owner, a member and one who is gone, and a judgement of them. */
#ifndef LANYARD_TESTS_UNIT_GENERATION_WORLD_H
#define LANYARD_TESTS_UNIT_GENERATION_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "sync/group/generation.h"
#include "tests/unit/seal_world.h"

enum { OWNER, MEMBER, GONE, NAGENTS, MOST = 40, SUITE = 1, POLICIES = 2 };

struct fixture {
	struct generation gens[MOST];
	size_t n;
	uint8_t exits[MOST][GENERATION_NAME_LEN];
	size_t nexits;
	enum generation_voice voices[NAGENTS];
	struct generation_judgement *j;
	uint64_t held[MOST];
	size_t nheld;
};

static inline int setup(void **state)
{
	struct fixture *f = MEM_NEW(struct fixture);

	f->voices[OWNER] = GENERATION_OWNER;
	f->voices[MEMBER] = GENERATION_MEMBER;
	f->voices[GONE] = GENERATION_SILENT;
	*state = f;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	generation_free(f->j);
	free(f);
	return 0;
}

static inline enum generation_voice voice(void *arg, const struct agent_id *signer)
{
	const struct fixture *f = arg;

	return f->voices[signer->b[0]];
}

static inline const struct generation_judgement *judged(struct fixture *f)
{
	const struct generation_facts facts = { .gens = f->gens,
		                                .ngens = f->n,
		                                .exits = (const uint8_t(*)[GENERATION_NAME_LEN])f->exits,
		                                .nexits = f->nexits,
		                                .voice = voice,
		                                .arg = f };

	generation_free(f->j);
	f->j = generation_judge(&facts, SUITE, POLICIES);
	return f->j;
}

static inline bool held(void *arg, uint64_t id)
{
	const struct fixture *f = arg;

	for (size_t i = 0; i < f->nheld; i++) {
		if (f->held[i] == id)
			return true;
	}
	return false;
}

static inline struct generation_writer writer(struct fixture *f, int agent)
{
	struct generation_writer w = { .owner = agent == OWNER, .held = held, .arg = f };

	w.id.b[0] = (uint8_t)agent;
	return w;
}

static inline bool is_due(struct fixture *f, int agent)
{
	const struct generation_writer w = writer(f, agent);

	return generation_is_due(f->j, &w);
}

/* The agent signs what generation_next() says; the entry's name begins with `byte`. */
static inline const struct generation *signs(struct fixture *f, int agent, uint8_t byte)
{
	struct generation *g = &f->gens[f->n];
	struct generation_writer w = writer(f, agent);

	judged(f);
	w.owner = true; /* so that there is what a member would not sign */
	assert_int_equal(generation_next(f->j, &w, g), 0);
	g->signer.b[0] = (uint8_t)agent;
	seal_world_bytes(g->commitment, 100 + f->n);
	seal_world_bytes(g->name, 200 + f->n);
	g->name[0] = byte;
	f->n++;
	judged(f);
	return g;
}

static inline void leaves(struct fixture *f)
{
	seal_world_bytes(f->exits[f->nexits], 300 + f->nexits);
	f->nexits++;
	judged(f);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

#endif
