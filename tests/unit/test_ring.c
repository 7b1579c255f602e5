/* Keys of a sealed group from its founding on: who signs, who is given what, and that a secret is on the disk before
 * anybody hears of it. Random histories are in test_ring_random.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sync/group/generation.h"
#include "tests/unit/ring_world.h"

enum { A, B, C, D };

static int setup(void **state)
{
	struct ring_world *w = ring_world_new(4, 1);

	*state = w;
	return 0;
}

static int teardown(void **state)
{
	ring_world_free(*state);
	return 0;
}

/* A founds with keys; the others are let in, and everybody meets. */
static void found(struct ring_world *w)
{
	assert_int_equal(ring_sign(w->agents[A].ring, -1, RING_NOW), 0);
	for (int i = B; i <= D; i++)
		ring_world_grant(w, A, i, i == D ? ROLE_READER : ROLE_MEMBER);
	ring_world_settle(w);
}

static uint64_t current(struct ring_world *w, int i)
{
	struct keys *k = ring_current(w->agents[i].ring);

	return k != NULL ? keys_about(k)->id : 0;
}

static void the_founder_begins_and_all_who_may_get_the_keys(void **state)
{
	struct ring_world *w = *state;
	int64_t wait_s;

	assert_true(ring_is_due(w->agents[A].ring, &wait_s));
	assert_null(ring_current(w->agents[A].ring));
	found(w);
	assert_false(ring_is_due(w->agents[A].ring, &wait_s));
	assert_int_not_equal(current(w, A), 0);
	for (int i = B; i <= D; i++) {
		assert_int_equal(current(w, i), current(w, A));
		assert_memory_equal(keys_secret(ring_current(w->agents[i].ring)),
		                    keys_secret(ring_current(w->agents[A].ring)), KEYS_SECRET_LEN);
		assert_int_equal(keys_about(ring_first(w->agents[i].ring))->id, current(w, A));
		assert_int_equal(keys_about(ring_first(w->agents[i].ring))->policy, KEYS_UNIFORM);
	}
}

static void a_policy_is_chosen_at_founding_and_stays(void **state)
{
	struct ring_world *w = *state;

	assert_int_equal(ring_sign(w->agents[A].ring, KEYS_PACKED, RING_NOW), 0);
	assert_int_equal(ring_sign(w->agents[A].ring, -1, RING_NOW), 0);
	assert_int_equal(keys_about(ring_current(w->agents[A].ring))->policy, KEYS_PACKED);
	assert_int_equal(keyring_count(w->agents[A].keyring), 2);
}

static bool holds_all(void *arg, uint64_t id)
{
	(void)arg;
	(void)id;
	return true;
}

/* By an owner that runs a later version, which knows one suite more. */
static void algorithms_that_are_not_known_are_refused_and_said(void **state)
{
	struct ring_world *w = *state;
	struct ring_agent *a = &w->agents[A];
	struct generation_writer by = { .id = *ring_world_id(w, A), .owner = true, .held = holds_all };
	struct bytes entry = BYTES_INIT(ROSTER_ENTRY_MAX);
	struct generation next;
	int64_t wait_s;

	found(w);
	assert_int_equal(generation_next(roster_generations(a->roster), &by, &next), 0);
	next.suite = KEYS_SUITE + 1;
	assert_int_equal(roster_sign_generation(a->roster, a->self, &next, RING_NOW, &entry), 0);
	assert_int_not_equal(roster_add(a->roster, entry.p, entry.len), ROSTER_BAD);
	ring_world_settle(w);
	for (int i = A; i <= D; i++) {
		const struct ring *g = w->agents[i].ring;

		/* The earlier keys are there, and nothing is sealed with them. */
		assert_non_null(ring_first(g));
		assert_null(ring_current(g));
		assert_true(ring_is_later(g));
		assert_non_null(strstr(ring_why(g), "a later version of lanyard"));
		assert_non_null(strstr(ring_why(g), "algorithms that are not known here"));
	}
	/* Nor does anybody get around it by another generation, also after a removal. */
	assert_true(ring_world_remove(w, A, C));
	ring_world_settle(w);
	for (int i = A; i <= B; i++) {
		assert_false(ring_is_due(w->agents[i].ring, &wait_s));
		assert_int_equal(ring_sign(w->agents[i].ring, -1, RING_NOW), -1);
		assert_null(ring_current(w->agents[i].ring));
		assert_true(ring_is_later(w->agents[i].ring));
	}
	bytes_free(&entry);
}

static void a_removal_and_its_answer(void **state)
{
	struct ring_world *w = *state;
	uint64_t before;
	int64_t wait_s;

	found(w);
	before = current(w, A);
	ring_world_remove(w, A, C);
	assert_null(ring_current(w->agents[A].ring));
	assert_true(ring_is_due(w->agents[A].ring, &wait_s));
	assert_int_equal(wait_s, 0); /* it is A's own */
	ring_world_settle(w);
	assert_true(ring_is_due(w->agents[B].ring, &wait_s));
	assert_in_range(wait_s, GENERATION_WAIT_S, GENERATION_WAIT_S + 2 * GENERATION_WAIT_STEP_S);
	assert_int_equal(ring_sign(w->agents[A].ring, -1, RING_NOW), 0);
	assert_int_not_equal(current(w, A), before);
	ring_world_settle(w);
	assert_int_equal(current(w, B), current(w, A));
	assert_int_equal(current(w, D), current(w, A));
	assert_null(keyring_find(w->agents[C].keyring, current(w, A)));
	/* What was sealed before stays readable. */
	assert_non_null(keyring_find(w->agents[B].keyring, before));
	assert_int_equal(keys_about(ring_first(w->agents[B].ring))->id, before);
}

static void a_reader_signs_none(void **state)
{
	struct ring_world *w = *state;
	int64_t wait_s;

	found(w);
	ring_world_remove(w, A, C);
	ring_world_tell(w, A, D, true);
	assert_false(ring_is_due(w->agents[D].ring, &wait_s));
	assert_int_equal(ring_sign(w->agents[D].ring, -1, RING_NOW), -1);
	ring_world_tell(w, A, B, true);
	assert_true(ring_is_due(w->agents[B].ring, &wait_s));
	assert_int_equal(ring_sign(w->agents[B].ring, -1, RING_NOW), 0);
	assert_non_null(ring_current(w->agents[B].ring));
}

/* --- a vault --- */

/* B held keys, and said its box key; then it was made a vault. */
static void a_vault_is_given_no_keys(void **state)
{
	struct ring_world *w = *state;
	struct bytes out = BYTES_INIT(ENVELOPE_MAX);
	uint64_t none = 0;

	found(w);
	assert_int_equal(ring_envelope(w->agents[A].ring, ring_world_id(w, B), &none, 0, &out), 0);
	bytes_clear(&out);
	ring_world_grant(w, A, B, ROLE_VAULT);
	assert_int_equal(ring_envelope(w->agents[A].ring, ring_world_id(w, B), &none, 0, &out), -1);
	assert_int_equal(ring_sign(w->agents[A].ring, -1, RING_NOW), 0);
	assert_int_equal(ring_envelope(w->agents[A].ring, ring_world_id(w, B), &none, 0, &out), -1);
	ring_world_settle(w);
	assert_null(keyring_find(w->agents[B].keyring, current(w, A)));
	assert_int_equal(current(w, C), current(w, A));
	/* Nor one outside; and one that is none any more gives none. */
	ring_world_remove(w, A, C);
	assert_int_equal(ring_envelope(w->agents[A].ring, ring_world_id(w, C), &none, 0, &out), -1);
	assert_int_equal(ring_envelope(w->agents[B].ring, ring_world_id(w, A), &none, 0, &out), -1);
	assert_int_equal(out.len, 0);
	bytes_free(&out);
}

static void a_vault_takes_none_and_gives_none(void **state)
{
	struct ring_world *w = *state;
	struct bytes for_b = BYTES_INIT(ENVELOPE_MAX), by_b = BYTES_INIT(ENVELOPE_MAX);
	const char *why;
	uint64_t none = 0;
	size_t added;

	found(w);
	ring_world_grant(w, A, C, ROLE_MEMBER);
	assert_int_equal(ring_envelope(w->agents[C].ring, ring_world_id(w, B), &none, 0, &for_b), 0);
	assert_int_equal(ring_envelope(w->agents[B].ring, ring_world_id(w, A), &none, 0, &by_b), 0);
	ring_world_grant(w, A, B, ROLE_VAULT);
	ring_world_tell(w, A, B, true);
	assert_int_equal(ring_take(w->agents[B].ring, for_b.p, for_b.len, &added, &why), RING_REFUSED);
	assert_int_equal(ring_take(w->agents[A].ring, by_b.p, by_b.len, &added, &why), RING_REFUSED);
	bytes_free(&for_b);
	bytes_free(&by_b);
}

/* --- what is taken --- */

static void what_is_held_is_not_given_again(void **state)
{
	struct ring_world *w = *state;
	struct bytes out = BYTES_INIT(ENVELOPE_MAX);
	uint64_t *held;
	size_t n;

	found(w);
	held = ring_held(w->agents[B].ring, &n);
	assert_int_equal(n, 1);
	assert_int_equal(ring_envelope(w->agents[A].ring, ring_world_id(w, B), held, n, &out), -1);
	assert_int_equal(ring_sign(w->agents[A].ring, -1, RING_NOW), 0);
	assert_int_equal(ring_envelope(w->agents[A].ring, ring_world_id(w, B), held, n, &out), 0);
	free(held);
	bytes_free(&out);
}

/* A vault hands on C's envelope, and the generation in it; it hides the removal that this one answers. */
static void an_envelope_waits_for_what_its_sender_has_heard(void **state)
{
	struct ring_world *w = *state;
	struct bytes out = BYTES_INIT(ENVELOPE_MAX);
	uint64_t none = 0;
	const char *why;
	size_t added;

	found(w);
	ring_world_remove(w, A, C);
	assert_int_equal(ring_sign(w->agents[A].ring, -1, RING_NOW), 0);
	assert_int_equal(ring_envelope(w->agents[A].ring, ring_world_id(w, B), &none, 0, &out), 0);
	ring_world_tell_kind(w, A, B, 8);
	assert_int_equal(ring_take(w->agents[B].ring, out.p, out.len, &added, &why), RING_EARLY);
	assert_int_equal(added, 0);
	assert_null(keyring_find(w->agents[B].keyring, current(w, A)));
	ring_world_tell(w, A, B, true);
	assert_int_equal(ring_take(w->agents[B].ring, out.p, out.len, &added, &why), RING_TAKEN);
	assert_int_equal(added, 1);
	assert_int_equal(current(w, B), current(w, A));
	bytes_free(&out);
}

static void a_leave_that_is_hidden_holds_keys_back_too(void **state)
{
	struct ring_world *w = *state;
	struct bytes out = BYTES_INIT(ENVELOPE_MAX);
	uint64_t none = 0;
	const char *why;
	size_t added;

	found(w);
	ring_world_leave(w, C);
	ring_world_tell(w, C, A, true);
	assert_int_equal(ring_sign(w->agents[A].ring, -1, RING_NOW), 0);
	assert_int_equal(ring_envelope(w->agents[A].ring, ring_world_id(w, B), &none, 0, &out), 0);
	ring_world_tell_kind(w, A, B, 8);
	assert_int_equal(ring_take(w->agents[B].ring, out.p, out.len, &added, &why), RING_EARLY);
	ring_world_tell(w, A, B, true);
	assert_int_equal(ring_take(w->agents[B].ring, out.p, out.len, &added, &why), RING_TAKEN);
	bytes_free(&out);
}

/* A removal that a later one of the same owner took the place of is known to nobody who joins since. */
static void who_joins_later_gets_the_keys_of_replaced_removals(void **state)
{
	struct ring_world *w = *state;

	assert_int_equal(ring_sign(w->agents[A].ring, -1, RING_NOW), 0);
	for (int i = 0; i < 2; i++) {
		ring_world_grant(w, A, C, ROLE_MEMBER);
		ring_world_remove(w, A, C);
		assert_int_equal(ring_sign(w->agents[A].ring, -1, RING_NOW), 0);
	}
	ring_world_grant(w, A, B, ROLE_MEMBER);
	ring_world_settle(w);
	assert_int_equal(keyring_count(w->agents[B].keyring), 3);
	assert_int_equal(current(w, B), current(w, A));
}

static void keys_of_nobody_who_counts_are_left_out(void **state)
{
	struct ring_world *w = *state;
	struct bytes out = BYTES_INIT(ENVELOPE_MAX);
	struct keys_about about = { .id = 5, .suite = KEYS_SUITE };
	static const uint8_t secret[KEYS_SECRET_LEN] = { 1 };
	struct envelope_key key = { .generation = 5 };
	struct envelope_contents c = { .keys = &key, .nkeys = 1 };
	uint8_t box[32], name[32] = { 0 };
	const char *why;
	size_t added;

	found(w);
	/* Not given; */
	assert_int_equal(keyring_add(w->agents[C].keyring, &about, secret, NULL), KEYRING_OK);
	assert_int_equal(ring_envelope(w->agents[C].ring, ring_world_id(w, B),
	                               &keys_about(ring_current(w->agents[C].ring))->id, 1, &out),
	                 -1);
	/* and not taken, nor another secret for one that is. */
	for (int i = 0; i < 2; i++) {
		if (i == 1)
			key.generation = current(w, A);
		keyring_remove(w->agents[B].keyring, key.generation);
		bytes_clear(&out);
		assert_int_equal(roster_box(w->agents[C].roster, ring_world_id(w, B), box), 0);
		assert_int_equal(envelope_seal(&w->group, w->agents[C].self, ring_world_id(w, B), box, name, &c, &out),
		                 0);
		assert_int_equal(ring_take(w->agents[B].ring, out.p, out.len, &added, &why), RING_TAKEN);
		assert_int_equal(added, 0);
	}
	bytes_free(&out);
}

/* --- the disk --- */

static void a_secret_is_stored_before_its_entry_is_told(void **state)
{
	struct ring_world *w = *state;
	struct ring_agent *a = &w->agents[A];
	uint64_t before;
	size_t stored;

	found(w);
	before = current(w, A);
	stored = a->stored;
	a->fails = true;
	assert_int_equal(ring_sign(a->ring, -1, RING_NOW), -1);
	assert_int_equal(current(w, A), before);
	assert_int_equal(keyring_count(a->keyring), 1);
	a->fails = false;
	assert_int_equal(ring_sign(a->ring, -1, RING_NOW), 0);
	/* When it was stored, the roster did not have it; ring_world.c looks. */
	assert_int_equal(a->stored, stored + 1);
	assert_int_equal(a->early, 0);
	assert_int_equal(keyring_count(a->keyring), 2);
}

static void keys_that_cannot_be_stored_are_not_taken(void **state)
{
	struct ring_world *w = *state;
	struct bytes out = BYTES_INIT(ENVELOPE_MAX);
	uint64_t none = 0;
	const char *why;
	size_t added;

	found(w);
	assert_int_equal(ring_sign(w->agents[A].ring, -1, RING_NOW), 0);
	ring_world_tell(w, A, B, true);
	assert_int_equal(ring_envelope(w->agents[A].ring, ring_world_id(w, B), &none, 0, &out), 0);
	w->agents[B].fails = true;
	assert_int_equal(ring_take(w->agents[B].ring, out.p, out.len, &added, &why), RING_UNSTORED);
	assert_int_equal(keyring_count(w->agents[B].keyring), 1);
	assert_null(ring_current(w->agents[B].ring));
	w->agents[B].fails = false;
	assert_int_equal(ring_take(w->agents[B].ring, out.p, out.len, &added, &why), RING_TAKEN);
	assert_int_equal(current(w, B), current(w, A));
	bytes_free(&out);
}

/* --- crashes --- */

static bool copy_entry(void *arg, const uint8_t *entry, size_t n)
{
	(void)roster_put(arg, 0, entry, n);
	return true;
}

static struct roster *roster_now(const struct ring_world *w, int i)
{
	struct roster *r = roster_new(&w->group);

	roster_entries(w->agents[i].roster, copy_entry, r);
	roster_settle(r);
	return r;
}

/* The agent starts again with what it has stored: this roster, and its keys as they are. */
static void crash(struct ring_world *w, int i, struct roster *stored)
{
	struct ring_agent *a = &w->agents[i];
	size_t n;
	uint8_t *keys = keyring_encode(a->keyring, &n);

	assert_non_null(keys);
	keyring_free(a->keyring);
	assert_int_equal(keyring_decode(&a->keyring, &w->group, keys, n), KEYRING_OK);
	keys_wipe(keys, n);
	roster_free(a->roster);
	a->roster = stored;
	ring_world_restart(w, i);
}

enum crash_after { CRASH_KEYS_STORED, CRASH_ROSTER_STORED, CRASH_TOLD, CRASHES };

static void crash_after(enum crash_after step)
{
	struct ring_world *w = ring_world_new(4, 1 + (uint64_t)step);
	struct roster *before;
	uint64_t old;
	int64_t wait_s;

	found(w);
	old = current(w, A);
	before = roster_now(w, A);
	assert_true(ring_world_remove(w, A, C));
	assert_int_equal(ring_sign(w->agents[A].ring, -1, RING_NOW), 0);
	if (step == CRASH_TOLD)
		ring_world_tell(w, A, B, true);
	crash(w, A, step == CRASH_KEYS_STORED ? before : roster_now(w, A));
	assert_false(ring_is_due(w->agents[A].ring, &wait_s));
	if (step == CRASH_KEYS_STORED) {
		/* The removal was not stored either; the keys of a generation that nobody heard of harm nobody. */
		assert_int_equal(current(w, A), old);
		assert_true(ring_world_remove(w, A, C));
		ring_world_act(w, A);
	} else {
		roster_free(before);
	}
	assert_int_not_equal(current(w, A), 0);
	assert_int_not_equal(current(w, A), old);
	ring_world_settle(w);
	assert_int_equal(current(w, B), current(w, A));
	assert_int_equal(current(w, D), current(w, A));
	assert_int_equal(keyring_count(w->agents[C].keyring), 1);
	assert_non_null(keyring_find(w->agents[A].keyring, old));
	ring_world_free(w);
}

static void a_crash_between_two_steps_loses_nothing(void **state)
{
	(void)state;
	for (int step = 0; step < CRASHES; step++)
		crash_after((enum crash_after)step);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_founder_begins_and_all_who_may_get_the_keys),
		CASE(a_policy_is_chosen_at_founding_and_stays),
		CASE(algorithms_that_are_not_known_are_refused_and_said),
		CASE(a_removal_and_its_answer),
		CASE(a_reader_signs_none),
		CASE(a_vault_is_given_no_keys),
		CASE(a_vault_takes_none_and_gives_none),
		CASE(what_is_held_is_not_given_again),
		CASE(an_envelope_waits_for_what_its_sender_has_heard),
		CASE(a_leave_that_is_hidden_holds_keys_back_too),
		CASE(who_joins_later_gets_the_keys_of_replaced_removals),
		CASE(keys_of_nobody_who_counts_are_left_out),
		CASE(a_secret_is_stored_before_its_entry_is_told),
		CASE(keys_that_cannot_be_stored_are_not_taken),
		cmocka_unit_test(a_crash_between_two_steps_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
