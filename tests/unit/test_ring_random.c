/* Random histories of a sealed group, by the roster and the keys of the product: owners let in, change roles, remove
 * and take back; members and owners leave. All tell each other a part of what they know, in any order, sign what is
 * due, give keys, and seal. In the end all who stay have the same keys, and can read whatever one of them has sealed;
 * and nobody ever holds a key that was used by an agent which knew that he may not have it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "sync/group/generation.h"
#include "tests/unit/ring_world.h"

enum { HISTORIES = 150, STEPS = 200, SEALS = 200 };

/* Who is sealed out: the agent that seals knows that they held keys, and may not any more. */
struct seal {
	uint64_t generation;
	int by;
	bool outside[RING_AGENTS];
};

struct history {
	struct ring_world *w;
	struct seal seals[SEALS];
	size_t nseals, departures, unfit;
	/* In every other history nobody comes back, and owners stay: only then does a removal stay one for sure, and
	 * one that is out has no right to keys in anybody's eyes who has heard of it. */
	bool is_final;
	bool entered[RING_AGENTS], left[RING_AGENTS]; /* it held a role with keys, it lost that */
};

static bool may(const struct history *h, int i, int who)
{
	return roster_may(h->w->agents[i].roster, ring_world_id(h->w, who), RIGHT_KEYS);
}

static bool is_sealed_out(const struct history *h, int i, int who)
{
	struct agent_id by;
	enum roster_outside why = roster_outside(h->w->agents[i].roster, ring_world_id(h->w, who), &by);

	if (why == OUTSIDE_MEMBER) /* a vault was something else before, or not */
		return !may(h, i, who) && h->left[who];
	return why != OUTSIDE_UNKNOWN;
}

static void seal(struct history *h, int i)
{
	struct keys *k = ring_current(h->w->agents[i].ring);
	struct seal *s = &h->seals[h->nseals];

	if (!may(h, i, i) || h->nseals == SEALS)
		return;
	h->unfit += k == NULL;
	if (k == NULL)
		return;
	s->generation = keys_about(k)->id;
	s->by = i;
	for (int who = 0; who < h->w->n; who++)
		s->outside[who] = is_sealed_out(h, i, who);
	h->nseals++;
}

static void let_in(struct history *h, int i, int who, enum role role)
{
	if (h->is_final && (h->left[who] || who == 1))
		return;
	if (!ring_world_grant(h->w, i, who, role))
		return;
	h->left[who] |= h->entered[who] && !may(h, i, who);
	h->entered[who] |= may(h, i, who);
}

static void take_out(struct history *h, int i, int who)
{
	if ((h->is_final && who == 1) || !ring_world_remove(h->w, i, who))
		return;
	h->left[who] = true;
	h->departures++;
}

static void leave(struct history *h, int who)
{
	if ((h->is_final && who == 1) || !ring_world_leave(h->w, who))
		return;
	h->left[who] = true;
	h->departures++;
}

/* Agent 0 stays an owner, so that somebody can let in; the others come and go. */
static void an_owner_acts(struct history *h, int i)
{
	const enum role roles[] = { h->is_final ? ROLE_READER : ROLE_OWNER, ROLE_MEMBER, ROLE_MEMBER, ROLE_READER,
		                    ROLE_VAULT };
	int who = 1 + (int)random_below((uint64_t)h->w->n - 1);

	for (int tries = 0; tries < 4 && !roster_may(h->w->agents[i].roster, ring_world_id(h->w, i), RIGHT_OWN);
	     tries++)
		i = (int)random_below((uint64_t)h->w->n);
	if (who == i || !roster_may(h->w->agents[i].roster, ring_world_id(h->w, i), RIGHT_OWN))
		return;
	if (random_below(2) == 0)
		take_out(h, i, who);
	else
		let_in(h, i, who, roles[random_below(5)]);
	/* At once, in the same turn. */
	ring_world_act(h->w, i);
}

static void step(struct history *h)
{
	int a = (int)random_below((uint64_t)h->w->n), b = (int)random_below((uint64_t)h->w->n);
	uint64_t what = random_below(24);

	if (what < 3)
		an_owner_acts(h, a);
	else if (what == 3 && a != 0 && random_below(3) == 0)
		leave(h, a);
	else if (what < 7)
		ring_world_act(h->w, a);
	else if (what < 12)
		seal(h, a);
	else if (a != b && what < 19)
		ring_world_tell(h->w, a, b, random_below(2) == 0);
	else if (a != b)
		ring_world_give(h->w, a, b);
}

static bool settle_is_due(struct history *h)
{
	int64_t wait_s;

	for (int i = 0; i < h->w->n; i++) {
		if (ring_is_due(h->w->agents[i].ring, &wait_s))
			return true;
	}
	return false;
}

/* All meet; whoever has to, answers; until nobody has to any more. */
static void settle(struct history *h)
{
	for (int round = 0; round < 12; round++) {
		ring_world_settle(h->w);
		if (!settle_is_due(h))
			return;
		for (int i = 0; i < h->w->n; i++) {
			int64_t wait_s;

			if (!ring_is_due(h->w->agents[i].ring, &wait_s))
				continue;
			ring_world_act(h->w, i);
			break;
		}
	}
	fail_msg("somebody signs without an end");
}

static bool holds(const struct history *h, int i, uint64_t generation)
{
	return keyring_find(h->w->agents[i].keyring, generation) != NULL;
}

/* The rows of one who writes no more are nobody's, if nobody else has them. */
static bool is_writer(const struct history *h, int i)
{
	return roster_may(h->w->agents[0].roster, ring_world_id(h->w, i), RIGHT_WRITE);
}

static void check(const struct history *h)
{
	struct keys *current = ring_current(h->w->agents[0].ring);

	assert_non_null(current);
	for (int i = 0; i < h->w->n; i++) {
		uint64_t id = keys_about(current)->id;

		assert_int_equal(h->w->agents[i].early, 0);
		if (!may(h, 0, i)) {
			assert_false(holds(h, i, id));
			continue;
		}
		assert_non_null(ring_current(h->w->agents[i].ring));
		assert_int_equal(keys_about(ring_current(h->w->agents[i].ring))->id, id);
		for (size_t s = 0; s < h->nseals; s++)
			assert_true(!is_writer(h, h->seals[s].by) || holds(h, i, h->seals[s].generation));
	}
	for (size_t s = 0; s < h->nseals; s++) {
		for (int i = 0; i < h->w->n; i++)
			assert_false(h->is_final && h->seals[s].outside[i] && holds(h, i, h->seals[s].generation));
	}
}

static void play(struct history *h, uint64_t seed)
{
	memset(h, 0, sizeof(*h));
	h->w = ring_world_new(6, seed);
	assert_int_equal(ring_sign(h->w->agents[0].ring, -1, RING_NOW), 0);
	for (int i = 1; i < 5; i++)
		let_in(h, 0, i, i == 1 ? ROLE_OWNER : ROLE_MEMBER);
	h->is_final = seed % 2 == 0;
	ring_world_settle(h->w);
	for (int i = 0; i < STEPS; i++)
		step(h);
	settle(h);
	check(h);
	ring_world_free(h->w);
}

static void those_who_stay_have_the_keys_and_nobody_else_the_new_ones(void **state)
{
	static struct history h;
	size_t seals = 0, departures = 0, unfit = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= HISTORIES; seed++) {
		play(&h, seed);
		seals += h.nseals;
		departures += h.departures;
		unfit += h.unfit;
	}
	/* The histories are worth something. */
	assert_true(seals > 15 * HISTORIES && departures > 3 * HISTORIES && unfit > 2 * HISTORIES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(those_who_stay_have_the_keys_and_nobody_else_the_new_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
