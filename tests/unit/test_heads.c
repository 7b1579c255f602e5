/* Signed heads put together: what is signed next, what is kept, what two that never meet prove to each other, and who
 * is to blame. We are A; B and C are members, V and W vaults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "sync/keeping/heads.h"
#include "tests/unit/seal_world.h"

enum agent { A, B, C, V, W, AGENTS };
enum { NOW = 1800000000, LATER = 50 };

struct fixture {
	struct identity *who[AGENTS];
	struct agent_id id[AGENTS];
	struct group_id group;
	struct heads *heads;
};

/* The epoch of an agent, unless it began another. */
static uint64_t epoch_of(enum agent a)
{
	return 100 * ((uint64_t)a + 1);
}

static int setup(void **state)
{
	struct fixture *f = MEM_NEW(struct fixture);

	f->group = seal_world_group(0);
	for (int i = 0; i < AGENTS; i++) {
		f->who[i] = seal_world_agent((uint64_t)i);
		f->id[i] = *identity_id(f->who[i]);
	}
	f->heads = heads_new(&f->group, &f->id[A]);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	heads_free(f->heads);
	for (int i = 0; i < AGENTS; i++)
		identity_free(f->who[i]);
	free(f);
	return 0;
}

/* --- what agents sign --- */

/* number: in tens, so that heads need not name the one before; have: how far it has the rows of each agent in its
 * epoch_of(); root: 0: not told. */
struct said {
	uint64_t epoch; /* 0: epoch_of() */
	uint64_t seq, number, have[AGENTS];
	uint64_t root;
	bool busy;
	int64_t later_s;
	uint8_t previous[32];
};

static void sign(struct fixture *f, enum agent a, struct head *h, struct head *out)
{
	struct bytes b = BYTES_INIT(HEAD_LEN_MAX);

	assert_int_equal(head_sign(h, f->who[a], &b), 0);
	assert_int_equal(head_parse(out, &f->group, b.p, b.len), HEAD_OK);
	bytes_free(&b);
}

static struct head head_of(struct fixture *f, enum agent a, struct said s)
{
	struct head_have have[AGENTS];
	struct head out, h = { .group = f->group,
		               .epoch = s.epoch != 0 ? s.epoch : epoch_of(a),
		               .seq = s.seq,
		               .number = s.number != 0 ? 10 * s.number : 10,
		               .time_s = NOW + s.later_s,
		               .settled = !s.busy,
		               .rows = 1,
		               .have = have };

	for (int i = 0; i < AGENTS; i++) {
		if (s.have[i] != 0)
			have[h.nhave++] = (struct head_have){ .epoch = epoch_of((enum agent)i), .seq = s.have[i] };
	}
	if (s.root != 0)
		seal_world_bytes(h.root, s.root);
	memcpy(h.previous, s.previous, sizeof(h.previous));
	sign(f, a, &h, &out);
	return out;
}

static enum heads_news bring(struct fixture *f, enum agent by, enum agent a, struct said s)
{
	struct head head = head_of(f, a, s);
	struct heads_from from = { .by = &f->id[by],
		                   .vault = a >= V,
		                   .epoch = epoch_of(A),
		                   .seq = 10,
		                   .now_s = NOW + LATER };
	enum heads_news news = heads_take(f->heads, &head, &from);

	assert_null(head.have);
	return news;
}

/* We sign, and have taken the rows of vaults so far. */
static void we_say(struct fixture *f, struct said s)
{
	const struct heads_peer vaults[] = {
		{ .epoch = epoch_of(V), .seq = s.have[V], .vault = true },
		{ .epoch = epoch_of(W), .seq = s.have[W], .vault = true },
	};
	struct heads_state now = { .epoch = epoch_of(A), .peers = vaults, .npeers = 2 };
	struct head head;

	heads_next(f->heads, &now, &head);
	head_clear(&head);
	s.have[V] = s.have[W] = 0;
	head = head_of(f, A, s);
	heads_signed(f->heads, &head);
	while (heads_judge(f->heads, 1))
		;
}

static struct heads_about about(struct fixture *f, enum agent a)
{
	struct heads_about out;

	while (heads_judge(f->heads, 1))
		;
	assert_true(heads_about(f->heads, &f->id[a], &out));
	return out;
}

static bool proves(struct fixture *f, enum agent a, struct heads_proof *p)
{
	while (heads_judge(f->heads, 1))
		;
	return heads_prove(f->heads, &f->id[a], p);
}

/* --- what is kept --- */

static void the_newest_of_each_agent_is_kept_and_passed_on_once(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(bring(f, V, B, (struct said){ .seq = 5, .number = 2 }), HEADS_KEPT);
	assert_int_equal(bring(f, W, B, (struct said){ .seq = 5, .number = 2 }), HEADS_NOTHING);
	assert_int_equal(bring(f, W, B, (struct said){ .seq = 3, .number = 1 }), HEADS_NOTHING);
	assert_int_equal(about(f, B).blame, HEADS_BLAMELESS); /* W has not heard of it yet */
	assert_int_equal(bring(f, V, B, (struct said){ .seq = 7, .number = 4 }), HEADS_KEPT);
	assert_int_equal(about(f, B).head->seq, 7);
	heads_drop(f->heads, &f->id[B]);
	heads_drop(f->heads, &f->id[B]);
	assert_false(heads_about(f->heads, &f->id[B], &(struct heads_about){ 0 }));
}

static void what_is_known_need_not_be_checked(void **state)
{
	struct fixture *f = *state;
	struct bytes b = BYTES_INIT(HEAD_LEN_MAX);
	struct head h = { .group = f->group, .epoch = 7, .seq = 1, .number = 1 }, parsed;
	struct heads_from from = { .by = &f->id[V], .epoch = epoch_of(A) };

	assert_int_equal(head_sign(&h, f->who[B], &b), 0);
	assert_false(heads_know(f->heads, b.p, b.len));
	assert_int_equal(head_parse(&parsed, &f->group, b.p, b.len), HEAD_OK);
	assert_int_equal(heads_take(f->heads, &parsed, &from), HEADS_KEPT);
	assert_true(heads_know(f->heads, b.p, b.len));
	assert_false(heads_know(f->heads, b.p, 40));
	b.p[b.len - 1] ^= 1;
	assert_false(heads_know(f->heads, b.p, b.len));
	bytes_free(&b);
}

static void who_brings_an_older_head_of_its_own_has_rolled_back(void **state)
{
	struct fixture *f = *state;

	bring(f, B, B, (struct said){ .seq = 5, .number = 2 });
	bring(f, V, V, (struct said){ .seq = 5, .number = 2 });
	assert_int_equal(bring(f, B, B, (struct said){ .seq = 3, .number = 1 }), HEADS_NOTHING);
	assert_int_equal(bring(f, V, V, (struct said){ .seq = 3, .number = 1 }), HEADS_NOTHING);
	assert_int_equal(about(f, B).blame, HEADS_ROLLED_BACK);
	assert_int_equal(about(f, V).blame, HEADS_ROLLED_BACK);
	assert_int_equal(about(f, V).blame_s, NOW + LATER);
	assert_int_equal(about(f, V).head->seq, 5);
}

static void two_states_under_one_number_are_shown_to_all_once(void **state)
{
	struct fixture *f = *state;

	bring(f, V, B, (struct said){ .seq = 5, .number = 2, .root = 1 });
	assert_int_equal(bring(f, W, B, (struct said){ .seq = 5, .number = 2, .root = 2 }), HEADS_SHOWN);
	assert_int_equal(about(f, B).blame, HEADS_FORKED);
	assert_int_equal(bring(f, W, B, (struct said){ .seq = 5, .number = 2, .root = 3 }), HEADS_NOTHING);
	/* A later one that has lost what it had is a fork too, and the agent goes on with it. */
	assert_int_equal(bring(f, W, C, (struct said){ .seq = 5, .number = 1, .have = { [B] = 4 } }), HEADS_KEPT);
	assert_int_equal(bring(f, W, C, (struct said){ .seq = 6, .number = 3, .have = { [B] = 3 } }), HEADS_KEPT);
	assert_int_equal(about(f, C).blame, HEADS_FORKED);
	assert_int_equal(about(f, C).head->number, 30);
}

/* What a vault says at its hello is less than it signed. */
static void a_vaults_hello_is_held_against_its_head(void **state)
{
	static const struct {
		uint64_t epoch, seq;
		enum heads_blame blame;
	} hellos[] = {
		{ 400, 9, HEADS_BLAMELESS },
		{ 400, 12, HEADS_BLAMELESS },
		{ 400, 8, HEADS_ROLLED_BACK },
		{ 401, 20, HEADS_BEGAN_AGAIN },
	};
	struct fixture *f = *state;

	assert_false(heads_served(f->heads, &f->id[V], 400, 1, NOW)); /* nothing is known of it */
	for (size_t i = 0; i < sizeof(hellos) / sizeof(hellos[0]); i++) {
		bool blamed = hellos[i].blame != HEADS_BLAMELESS;

		bring(f, V, V, (struct said){ .seq = 9 });
		assert_int_equal(heads_served(f->heads, &f->id[V], hellos[i].epoch, hellos[i].seq, NOW), blamed);
		assert_int_equal(about(f, V).blame, hellos[i].blame);
		assert_false(heads_served(f->heads, &f->id[V], hellos[i].epoch, hellos[i].seq, NOW));
		heads_drop(f->heads, &f->id[V]);
	}
}

static void a_vault_that_begins_anew_is_named_and_a_member_is_not(void **state)
{
	struct fixture *f = *state;

	bring(f, V, V, (struct said){ .seq = 9 });
	assert_int_equal(bring(f, V, V, (struct said){ .epoch = 7, .seq = 1, .later_s = 9 }), HEADS_KEPT);
	assert_int_equal(about(f, V).blame, HEADS_BEGAN_AGAIN);
	bring(f, B, B, (struct said){ .seq = 9 });
	assert_int_equal(bring(f, B, B, (struct said){ .epoch = 8, .seq = 1, .later_s = 9 }), HEADS_KEPT);
	assert_int_equal(about(f, B).blame, HEADS_BLAMELESS);
}

/* --- our own --- */

/* At the number 10 of our epoch, and having signed head 4 at 9: what a head of ours means that somebody brings. */
static void a_head_of_ours_that_we_do_not_know_begins_another_epoch(void **state)
{
	static const struct {
		struct said said;
		enum heads_news news;
	} heads[] = {
		{ { .seq = 9, .number = 4, .root = 1 }, HEADS_NOTHING },
		{ { .seq = 8, .number = 3, .root = 1 }, HEADS_NOTHING },
		{ { .seq = 9, .number = 4, .root = 2 }, HEADS_OWN },
		{ { .seq = 9, .number = 5, .root = 2 }, HEADS_OWN },
		{ { .seq = 11, .number = 9, .root = 2 }, HEADS_OWN },
		{ { .epoch = 77, .seq = 500, .number = 9 }, HEADS_NOTHING },
		{ { .epoch = 77, .seq = 500, .number = 9, .later_s = 9 }, HEADS_NOTHING },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		we_say(f, (struct said){ .seq = 9, .number = 4, .root = 1 });
		assert_int_equal(bring(f, V, A, heads[i].said), heads[i].news);
	}
}

static struct heads_state state_now(void)
{
	return (struct heads_state){ .epoch = epoch_of(A), .seq = 10, .settled = true, .rows = 1, .now_s = NOW };
}

static void what_follows_a_rolled_back_index_names_the_head_that_showed_it(void **state)
{
	struct fixture *f = *state;
	struct heads_state now = state_now();
	struct said said = { .seq = 20, .number = 9, .root = 1, .have = { [B] = 8 }, .later_s = 100 };
	struct head lost = head_of(f, A, said), next, signed_now;
	struct heads_proof p;

	assert_int_equal(bring(f, V, A, said), HEADS_OWN);
	assert_false(heads_next(f->heads, &now, &next));
	head_clear(&next);
	/* Of numbers that may have been given twice, nobody's root proves anything. */
	bring(f, V, B, (struct said){ .seq = 8, .root = 1, .have = { [A] = 20 } });
	assert_int_equal(about(f, B).meeting, HEAD_IN_SYNC);
	assert_false(proves(f, B, &p));
	now.epoch = 777;
	assert_true(heads_next(f->heads, &now, &next));
	assert_int_equal(next.number, 1);
	assert_memory_equal(next.previous, lost.hash, 32);
	sign(f, A, &next, &signed_now);
	assert_int_equal(head_compare(&lost, &signed_now), HEAD_NEWER);
	head_clear(&signed_now);
	head_clear(&next);
	head_clear(&lost);
}

/* Our clock went back over the loss of an index: others, who have no other means, would take our heads for old. */
static void our_heads_are_later_than_those_of_an_earlier_life(void **state)
{
	struct fixture *f = *state;
	struct heads_state now = state_now();
	struct head lost = head_of(f, A, (struct said){ .epoch = 77, .seq = 500, .number = 9, .later_s = 100 }), next,
		    signed_now;

	now.seq = 9;
	we_say(f, (struct said){ .seq = 9 });
	assert_false(heads_next(f->heads, &now, &next));
	head_clear(&next);
	bring(f, V, A, (struct said){ .epoch = 77, .seq = 500, .number = 9, .later_s = 100 });
	assert_true(heads_next(f->heads, &now, &next));
	sign(f, A, &next, &signed_now);
	assert_int_equal(head_compare(&lost, &signed_now), HEAD_NEWER);
	assert_int_equal(signed_now.number, 11);
	heads_signed(f->heads, &signed_now);
	head_clear(&next);
	assert_false(heads_next(f->heads, &now, &next));
	head_clear(&next);
	head_clear(&lost);
}

static void a_head_is_signed_when_something_has_changed(void **state)
{
	struct fixture *f = *state;
	struct heads_peer peers[] = { { .epoch = 400, .seq = 6 },
		                      { .epoch = 200, .seq = 3 },
		                      { .epoch = 0, .seq = 0 } };
	struct heads_state now = state_now();
	struct head next, signed_now;

	now.peers = peers;
	now.npeers = 3;
	for (int i = 0; i < 8; i++) {
		now.seq += i == 1;
		now.settled ^= i == 2;
		now.generation += i == 3;
		now.roster[0] += i == 4;
		now.root[0] += i == 5;
		peers[1].seq += i == 6;
		assert_true(i == 7 || heads_next(f->heads, &now, &next));
		if (i < 7)
			sign(f, A, &next, &signed_now);
		if (i < 7)
			heads_signed(f->heads, &signed_now);
		if (i < 7)
			head_clear(&next);
		assert_false(heads_next(f->heads, &now, &next));
		assert_int_equal(next.number, i < 7 ? i + 2 : 8);
		assert_int_equal(next.nhave, 2);
		assert_int_equal(next.have[0].epoch, 200);
		head_clear(&next);
		/* Others' heads alone are no reason to sign: they would go round for ever. */
		bring(f, B, B, (struct said){ .seq = 2, .number = (uint64_t)i + 1 });
		assert_false(heads_next(f->heads, &now, &next));
		head_clear(&next);
	}
}

static void what_we_once_had_we_have(void **state)
{
	struct fixture *f = *state;
	struct heads_state now = state_now();
	struct head next;

	we_say(f, (struct said){ .seq = 9, .have = { [B] = 5, [C] = 7 } });
	assert_true(heads_next(f->heads, &now, &next)); /* they left, or began another epoch */
	assert_true(head_covers(&next, heads_own(f->heads)));
	head_clear(&next);
	now.epoch = 12; /* in another epoch, nothing is known */
	assert_true(heads_next(f->heads, &now, &next));
	assert_int_equal(next.nhave, 0);
	head_clear(&next);
}

/* We have V's rows up to its head, so we have what it has; of W's, we have not. */
static void having_a_vaults_rows_we_have_what_it_has(void **state)
{
	struct fixture *f = *state;
	struct heads_peer peers[] = { { .epoch = 400, .seq = 6, .vault = true },
		                      { .epoch = 500, .seq = 6, .vault = true } };
	struct heads_state now = state_now();
	struct head next;

	now.peers = peers;
	now.npeers = 2;
	bring(f, V, V, (struct said){ .seq = 6, .have = { [A] = 50, [B] = 8 } });
	bring(f, W, W, (struct said){ .seq = 7, .have = { [C] = 8 } });
	assert_true(heads_next(f->heads, &now, &next));
	assert_true(head_has(&next, epoch_of(B), 8));
	assert_false(head_has(&next, epoch_of(B), 9));
	assert_false(head_has(&next, epoch_of(C), 1));
	assert_false(head_has(&next, epoch_of(A), 50)); /* nobody tells us how far our own rows go */
	assert_false(head_has(&next, epoch_of(V), 1));
	head_clear(&next);
	/* And what B has, who has met C, as we have all of B's rows. */
	bring(f, V, B, (struct said){ .seq = 8, .have = { [C] = 20 } });
	assert_true(heads_next(f->heads, &now, &next));
	assert_true(head_has(&next, epoch_of(C), 20));
	head_clear(&next);
	bring(f, V, B, (struct said){ .seq = 9, .number = 2, .have = { [C] = 21 } });
	assert_true(heads_next(f->heads, &now, &next));
	assert_false(head_has(&next, epoch_of(C), 20));
	head_clear(&next);
}

static void a_head_says_no_more_than_it_can(void **state)
{
	enum { MANY = HEAD_HAVE_MAX + 100 };
	struct fixture *f = *state;
	struct heads_peer *peers = mem_calloc(MANY, sizeof(peers[0]));
	struct heads_state now = state_now();
	struct head next, signed_now;

	we_say(f, (struct said){ .seq = 9, .have = { [B] = 5, [V] = 7 } });
	for (size_t i = 0; i < MANY; i++)
		peers[i] = (struct heads_peer){ .epoch = 1000 + MANY - i, .seq = 1 };
	now.peers = peers;
	now.npeers = MANY;
	assert_true(heads_next(f->heads, &now, &next));
	assert_int_equal(next.nhave, HEAD_HAVE_MAX);
	assert_true(head_covers(&next, heads_own(f->heads)));
	sign(f, A, &next, &signed_now);
	heads_signed(f->heads, &signed_now);
	head_clear(&next);
	assert_false(heads_next(f->heads, &now, &next));
	head_clear(&next);
	free(peers);
}

/* --- two that never meet --- */

/* A has signed 10 and has B up to 8. What B's head says, and what it proves. */
static void only_equal_roots_of_two_signed_heads_prove_anything(void **state)
{
	static const struct {
		struct said b;
		enum head_meeting meeting;
		bool proof;
	} heads[] = {
		{ { .seq = 8, .root = 1, .have = { [A] = 10 } }, HEAD_IN_SYNC, true },
		{ { .seq = 8, .root = 1, .have = { [A] = 12 } }, HEAD_BEHIND, false },
		{ { .seq = 8, .root = 2, .have = { [A] = 10 } }, HEAD_DIFFERS, false },
		{ { .seq = 8, .root = 0, .have = { [A] = 10 } }, HEAD_UNTOLD, false },
		{ { .seq = 8, .root = 1, .have = { [A] = 9 } }, HEAD_AHEAD, false },
		{ { .seq = 9, .root = 1, .have = { [A] = 10 } }, HEAD_BEHIND, false },
		{ { .seq = 9, .root = 1 }, HEAD_APART, false },
		{ { .seq = 8, .root = 1, .have = { [A] = 10 }, .busy = true }, HEAD_BUSY, false },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		struct heads_proof p;

		we_say(f, (struct said){ .seq = 10, .number = i + 1, .root = 1, .have = { [B] = 8 } });
		bring(f, V, B, heads[i].b);
		assert_int_equal(about(f, B).meeting, heads[i].meeting);
		assert_int_equal(proves(f, B, &p), heads[i].proof);
		if (heads[i].proof) {
			assert_int_equal(p.our_epoch, epoch_of(A));
			assert_int_equal(p.settled, 10);
			assert_int_equal(p.epoch, epoch_of(B));
			assert_int_equal(p.seq, 8);
		}
		heads_drop(f->heads, &f->id[B]);
	}
}

static void what_we_do_not_tell_proves_nothing(void **state)
{
	struct fixture *f = *state;
	struct heads_proof p;

	bring(f, V, B, (struct said){ .seq = 8, .root = 1, .have = { [A] = 10 } });
	assert_false(proves(f, B, &p)); /* we have signed none */
	we_say(f, (struct said){ .seq = 10, .number = 1, .have = { [B] = 8 } });
	assert_int_equal(about(f, B).meeting, HEAD_UNTOLD);
	assert_false(proves(f, B, &p));
	we_say(f, (struct said){ .seq = 10, .number = 2, .root = 1, .busy = true, .have = { [B] = 8 } });
	assert_false(proves(f, B, &p));
	we_say(f, (struct said){ .seq = 10, .number = 3, .root = 1, .have = { [B] = 8 } });
	assert_true(proves(f, B, &p));
	we_say(f, (struct said){ .seq = 11, .number = 4, .root = 1, .have = { [B] = 8 } });
	assert_false(proves(f, B, &p));
}

/* A head that names another agent's epoch as its own would make that agent's changes known. */
static void nobody_proves_anything_of_anothers_epoch(void **state)
{
	struct fixture *f = *state;
	struct heads_proof p;

	we_say(f, (struct said){ .seq = 10, .root = 1, .have = { [B] = 8 } });
	bring(f, V, B, (struct said){ .seq = 8, .root = 1, .have = { [A] = 10 } });
	bring(f, V, C, (struct said){ .epoch = epoch_of(B), .seq = 7, .root = 1, .have = { [A] = 10 } });
	assert_false(proves(f, C, &p));
	assert_false(proves(f, B, &p));
	heads_drop(f->heads, &f->id[C]);
	assert_true(proves(f, B, &p));
	bring(f, V, C, (struct said){ .epoch = epoch_of(A), .seq = 9, .root = 1 });
	assert_int_equal(about(f, C).meeting, HEAD_AHEAD);
	assert_false(proves(f, C, &p));
}

static void vaults_prove_nothing_by_roots(void **state)
{
	struct fixture *f = *state;
	struct heads_proof p;

	we_say(f, (struct said){ .seq = 10, .root = 1, .have = { [V] = 8 } });
	bring(f, V, V, (struct said){ .seq = 8, .root = 1, .have = { [A] = 10 } });
	assert_int_equal(about(f, V).meeting, HEAD_UNTOLD);
	assert_false(proves(f, V, &p));
}

/* --- who hides what --- */

/* B has signed 1,000 and another root, and V, whose rows we have all taken, says that it has all of B's. W says
 * nothing of the kind. */
static void a_vault_that_hides_a_row_is_named_and_proves_nothing(void **state)
{
	struct fixture *f = *state;
	struct heads_proof p;

	bring(f, V, V, (struct said){ .seq = 6, .have = { [A] = 10, [B] = 1000 } });
	bring(f, W, W, (struct said){ .seq = 3, .have = { [A] = 10, [B] = 900 } });
	we_say(f, (struct said){ .seq = 10, .root = 1, .have = { [B] = 1000, [V] = 6, [W] = 3 } });
	assert_int_equal(about(f, V).blame, HEADS_BLAMELESS);
	bring(f, V, B, (struct said){ .seq = 1000, .root = 2, .have = { [A] = 10 } });
	assert_int_equal(about(f, B).meeting, HEAD_DIFFERS);
	assert_memory_equal(about(f, B).hider, &f->id[V], sizeof(f->id[V]));
	assert_int_equal(about(f, V).blame, HEADS_WITHHOLDS);
	assert_int_equal(about(f, W).blame, HEADS_BLAMELESS);
	assert_int_equal(about(f, B).blame, HEADS_BLAMELESS);
	assert_false(proves(f, B, &p));
	/* W comes to have it too, and to hide it; V is put back in order. */
	bring(f, W, W, (struct said){ .seq = 3, .number = 2, .have = { [A] = 10, [B] = 1000 } });
	heads_drop(f->heads, &f->id[V]);
	we_say(f, (struct said){ .seq = 10, .number = 2, .root = 1, .have = { [B] = 1000, [V] = 6, [W] = 3 } });
	assert_memory_equal(about(f, B).hider, &f->id[W], sizeof(f->id[W]));
	/* At last it shows the row. */
	we_say(f, (struct said){ .seq = 11, .number = 3, .root = 2, .have = { [B] = 1000, [V] = 6, [W] = 4 } });
	assert_int_equal(about(f, B).meeting, HEAD_AHEAD);
	assert_int_equal(about(f, W).blame, HEADS_BLAMELESS);
	bring(f, W, B, (struct said){ .seq = 1000, .number = 2, .root = 2, .have = { [A] = 11 } });
	assert_true(proves(f, B, &p));
	assert_null(about(f, B).hider);
}

/* What V says that it has since, it may not have shown to us yet. */
static void a_vault_whose_rows_we_have_not_all_taken_is_not_named(void **state)
{
	struct fixture *f = *state;

	we_say(f, (struct said){ .seq = 10, .root = 1, .have = { [B] = 1000, [V] = 5 } });
	bring(f, V, V, (struct said){ .seq = 6, .have = { [A] = 10, [B] = 1000 } });
	bring(f, V, B, (struct said){ .seq = 1000, .root = 2, .have = { [A] = 10 } });
	assert_int_equal(about(f, B).meeting, HEAD_DIFFERS);
	assert_int_equal(about(f, V).blame, HEADS_BLAMELESS);
	/* Its head comes when we had judged B's. */
	we_say(f, (struct said){ .seq = 10, .number = 2, .root = 1, .have = { [B] = 1000, [V] = 7 } });
	assert_int_equal(about(f, V).blame, HEADS_WITHHOLDS);
	bring(f, V, V, (struct said){ .seq = 8, .number = 2, .have = { [A] = 10, [B] = 1000 } });
	assert_int_equal(about(f, V).blame, HEADS_BLAMELESS);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(the_newest_of_each_agent_is_kept_and_passed_on_once),
		T(what_is_known_need_not_be_checked),
		T(who_brings_an_older_head_of_its_own_has_rolled_back),
		T(two_states_under_one_number_are_shown_to_all_once),
		T(a_vaults_hello_is_held_against_its_head),
		T(a_vault_that_begins_anew_is_named_and_a_member_is_not),
		T(a_head_of_ours_that_we_do_not_know_begins_another_epoch),
		T(what_follows_a_rolled_back_index_names_the_head_that_showed_it),
		T(our_heads_are_later_than_those_of_an_earlier_life),
		T(a_head_is_signed_when_something_has_changed),
		T(what_we_once_had_we_have),
		T(having_a_vaults_rows_we_have_what_it_has),
		T(a_head_says_no_more_than_it_can),
		T(only_equal_roots_of_two_signed_heads_prove_anything),
		T(what_we_do_not_tell_proves_nothing),
		T(nobody_proves_anything_of_anothers_epoch),
		T(vaults_prove_nothing_by_roots),
		T(a_vault_that_hides_a_row_is_named_and_proves_nothing),
		T(a_vault_whose_rows_we_have_not_all_taken_is_not_named),
	};

	return cmocka_run_group_tests_name("heads", tests, NULL, NULL);
}
