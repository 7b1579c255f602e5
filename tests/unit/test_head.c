/* Heads: what they show of one agent over time, and of two agents that never meet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "sync/seal/head_sum.h"
#include "tests/unit/seal_forms.h"
#include "tests/unit/seal_world.h"

enum { A = 100, B = 200, V = 300, C = 400 }; /* epochs */

struct fixture {
	struct group_id group;
	struct identity *self, *other;
	struct head h;
	struct head_have have[4];
	struct bytes out;
};

static int setup(void **state)
{
	struct fixture *f = MEM_NEW(struct fixture);

	f->group = seal_world_group(0);
	f->self = seal_world_agent(0);
	f->other = seal_world_agent(1);
	f->have[0] = (struct head_have){ .epoch = B, .seq = 7 };
	f->have[1] = (struct head_have){ .epoch = V, .seq = 9 };
	f->h = (struct head){ .group = f->group,
		              .epoch = A,
		              .seq = 5,
		              .number = 1,
		              .time_s = 1800000000,
		              .settled = true,
		              .generation = 3,
		              .rows = 2,
		              .have = f->have,
		              .nhave = 2 };
	seal_world_bytes(f->h.roster, 1);
	seal_world_bytes(f->h.root, 2);
	f->out = BYTES_INIT(1 << 20);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	identity_free(f->self);
	identity_free(f->other);
	bytes_free(&f->out);
	free(f);
	return 0;
}

/* f->h, signed and read again. The caller clears it. */
static struct head told(struct fixture *f, const struct identity *by)
{
	struct head h;

	bytes_clear(&f->out);
	assert_int_equal(head_sign(&f->h, by, &f->out), 0);
	assert_int_equal(head_parse(&h, &f->group, f->out.p, f->out.len), HEAD_OK);
	return h;
}

static void what_is_signed_is_read(void **state)
{
	struct fixture *f = *state;
	struct head h = told(f, f->self);
	uint8_t hash[32];

	assert_memory_equal(h.key, identity_public_key(f->self), PUBLIC_KEY_LEN);
	assert_int_equal(h.epoch, A);
	assert_int_equal(h.seq, 5);
	assert_int_equal(h.number, 1);
	assert_int_equal(h.time_s, 1800000000);
	assert_true(h.settled);
	assert_int_equal(h.generation, 3);
	assert_int_equal(h.rows, 2);
	assert_memory_equal(h.roster, f->h.roster, 32);
	assert_memory_equal(h.root, f->h.root, 32);
	assert_int_equal(h.nhave, 2);
	assert_memory_equal(h.have, f->have, 2 * sizeof(f->have[0]));
	sha256(hash, f->out.p, f->out.len);
	assert_memory_equal(h.hash, hash, 32);
	head_clear(&h);
}

static bool takes(void *arg, const uint8_t *p, size_t n)
{
	struct fixture *f = arg;
	struct head h;
	bool good = head_parse(&h, &f->group, p, n) == HEAD_OK;

	assert_true(good || h.have == NULL);
	head_clear(&h);
	return good;
}

static void every_bit_of_a_head_matters(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(head_sign(&f->h, f->self, &f->out), 0);
	seal_forms_check(f->out.p, f->out.len, takes, f);
}

static void a_head_of_another_group_or_later_form_is_refused_as_such(void **state)
{
	struct fixture *f = *state;
	struct group_id other = seal_world_group(1);
	struct head h;

	assert_int_equal(head_sign(&f->h, f->self, &f->out), 0);
	assert_int_equal(head_parse(&h, &other, f->out.p, f->out.len), HEAD_OTHER);
	f->out.p[0] = HEAD_FORMAT + 1;
	assert_int_equal(head_parse(&h, &f->group, f->out.p, f->out.len), HEAD_VERSION);
	f->out.p[0] = 0;
	assert_int_equal(head_parse(&h, &f->group, f->out.p, f->out.len), HEAD_FORM);
}

static void what_is_known_is_in_order_and_bounded(void **state)
{
	struct fixture *f = *state;
	struct head_have *many = mem_calloc(HEAD_HAVE_MAX + 1, sizeof(many[0]));
	struct head h;

	f->have[1].epoch = B;
	assert_int_equal(head_sign(&f->h, f->self, &f->out), -1);
	f->have[1].epoch = V;
	f->have[1].seq = 0;
	assert_int_equal(head_sign(&f->h, f->self, &f->out), -1);
	f->have[1] = (struct head_have){ .epoch = V, .seq = 9 };
	f->h.epoch = V;
	assert_int_equal(head_sign(&f->h, f->self, &f->out), -1);
	f->h.epoch = HEAD_HAVE_MAX + 1;
	for (size_t i = 0; i <= HEAD_HAVE_MAX; i++)
		many[i] = (struct head_have){ .epoch = i, .seq = 1 };
	f->h.have = many;
	f->h.nhave = HEAD_HAVE_MAX + 1;
	assert_int_equal(head_sign(&f->h, f->self, &f->out), -1);
	f->h.nhave = HEAD_HAVE_MAX;
	h = told(f, f->self);
	assert_int_equal(f->out.len, HEAD_LEN_MAX);
	for (size_t i = 0; i < HEAD_HAVE_MAX; i++) {
		assert_true(head_has(&h, i, 1));
		assert_false(head_has(&h, i, 2));
	}
	assert_true(head_has(&h, HEAD_HAVE_MAX + 1, 5)); /* its own epoch, up to its number */
	assert_false(head_has(&h, HEAD_HAVE_MAX + 1, 6));
	assert_false(head_has(&h, HEAD_HAVE_MAX, 1));
	assert_true(head_has(&h, HEAD_HAVE_MAX, 0));
	head_clear(&h);
	free(many);
}

/* --- one agent --- */

/* f->h becomes the one after h. */
static void next_after(struct fixture *f, const struct head *h)
{
	f->h.number = h->number + 1;
	memcpy(f->h.previous, h->hash, 32);
}

static void assert_order(const struct head *first, const struct head *second, enum head_order order)
{
	assert_int_equal(head_compare(first, second), order);
	assert_int_equal(head_compare(second, first), order == HEAD_NEWER   ? HEAD_OLDER
	                                              : order == HEAD_OLDER ? HEAD_NEWER
	                                                                    : order);
}

static void heads_that_follow_one_another_are_in_order(void **state)
{
	struct fixture *f = *state;
	struct head first = told(f, f->self), second, third;

	next_after(f, &first);
	f->h.settled = false; /* nothing else has changed */
	second = told(f, f->self);
	next_after(f, &second);
	f->h.seq = 6;
	f->have[0].seq = 8;
	third = told(f, f->self);
	assert_order(&first, &first, HEAD_SAME);
	assert_order(&first, &second, HEAD_NEWER);
	assert_order(&second, &third, HEAD_NEWER);
	/* Only the newest travels on: the one between may never come. */
	assert_order(&first, &third, HEAD_NEWER);
	head_clear(&first);
	head_clear(&second);
	head_clear(&third);
}

/* What a fork, or a disk that was put back, looks like. */
static void two_states_under_one_number_are_a_fork(void **state)
{
	struct fixture *f = *state;
	struct head first = told(f, f->self), one, two, later;

	next_after(f, &first);
	one = told(f, f->self);
	f->h.rows = 3;
	two = told(f, f->self);
	assert_order(&first, &two, HEAD_NEWER);
	assert_order(&one, &two, HEAD_FORKED);
	/* A third that follows the one, shown to who knows the other: it skips nothing, and does not link. */
	next_after(f, &one);
	later = told(f, f->self);
	assert_order(&one, &later, HEAD_NEWER);
	assert_order(&two, &later, HEAD_FORKED);
	head_clear(&first);
	head_clear(&one);
	head_clear(&two);
	head_clear(&later);
}

static void an_agent_that_forgets_in_one_epoch_is_a_fork(void **state)
{
	struct fixture *f = *state;
	struct head first = told(f, f->self), second;

	next_after(f, &first);
	f->have[0].seq = 6;
	second = told(f, f->self);
	assert_order(&first, &second, HEAD_FORKED);
	head_clear(&second);
	f->have[0].seq = 7;
	f->h.seq = 4;
	second = told(f, f->self);
	assert_order(&first, &second, HEAD_FORKED);
	head_clear(&second);
	f->h.seq = 5;
	f->h.nhave = 1; /* V is forgotten, far later */
	f->h.number = 9;
	second = told(f, f->self);
	assert_order(&first, &second, HEAD_FORKED);
	head_clear(&second);
	head_clear(&first);
}

/* A restored agent knows less, and says so by another epoch: that is not a fork. */
static void another_epoch_is_ordered_by_link_then_by_clock(void **state)
{
	struct fixture *f = *state;
	struct head first = told(f, f->self), second;

	f->h.epoch = C;
	f->h.nhave = 0;
	f->h.time_s -= 1000; /* its clock is wrong, and it still has the head before */
	memcpy(f->h.previous, first.hash, 32);
	second = told(f, f->self);
	assert_order(&first, &second, HEAD_NEWER);
	head_clear(&second);
	memset(f->h.previous, 0, 32);
	second = told(f, f->self);
	assert_order(&first, &second, HEAD_OLDER);
	head_clear(&second);
	f->h.time_s += 1001;
	second = told(f, f->self);
	assert_order(&first, &second, HEAD_NEWER);
	head_clear(&second);
	f->h.time_s -= 1;
	second = told(f, f->self);
	assert_order(&first, &second, HEAD_NEWER); /* the greater epoch, the same for everybody */
	head_clear(&second);
	second = told(f, f->other);
	assert_order(&first, &second, HEAD_STRANGE);
	head_clear(&second);
	head_clear(&first);
}

/* --- two agents --- */

/* The head of the agent of epoch B, that knows A up to `a` and V up to 9. */
static struct head theirs(struct fixture *f, uint64_t seq, uint64_t a)
{
	f->have[0] = (struct head_have){ .epoch = A, .seq = a };
	f->h.epoch = B;
	f->h.seq = seq;
	return told(f, f->other);
}

static void two_are_in_sync_when_nothing_differs(void **state)
{
	struct fixture *f = *state;
	struct head ours = told(f, f->self), them = theirs(f, 7, 5);

	assert_int_equal(head_meet(&ours, &them), HEAD_IN_SYNC);
	head_clear(&them);
	f->h.settled = false;
	them = theirs(f, 7, 5);
	assert_int_equal(head_meet(&ours, &them), HEAD_BUSY);
	head_clear(&them);
	f->h.settled = true;
	them = theirs(f, 8, 5);
	assert_int_equal(head_meet(&ours, &them), HEAD_BEHIND);
	head_clear(&them);
	them = theirs(f, 7, 4);
	assert_int_equal(head_meet(&ours, &them), HEAD_AHEAD);
	head_clear(&them);
	them = theirs(f, 8, 4);
	assert_int_equal(head_meet(&ours, &them), HEAD_APART);
	head_clear(&them);
	f->h.roster[0] ^= 1; /* a roster that was hidden from one */
	them = theirs(f, 7, 5);
	assert_int_equal(head_meet(&ours, &them), HEAD_ROSTERS);
	head_clear(&them);
	head_clear(&ours);
}

static void equal_knowledge_of_other_rows_shows_a_lie_between(void **state)
{
	struct fixture *f = *state;
	struct head ours = told(f, f->self), them;

	f->h.root[0] ^= 1;
	them = theirs(f, 7, 5);
	assert_int_equal(head_meet(&ours, &them), HEAD_DIFFERS);
	head_clear(&them);
	f->h.root[0] ^= 1;
	f->h.rows++;
	them = theirs(f, 7, 5);
	assert_int_equal(head_meet(&ours, &them), HEAD_DIFFERS);
	head_clear(&them);
	head_clear(&ours);
}

static void less_than_was_signed_is_rolled_back(void **state)
{
	struct fixture *f = *state;
	struct head h = told(f, f->self);
	uint8_t root[32];

	memcpy(root, h.root, 32);
	assert_true(head_is_served(&h, A, 5, 2, root));
	assert_true(head_is_served(&h, A, 6, 1, root)); /* it has gone on */
	assert_false(head_is_served(&h, A, 4, 2, root));
	assert_false(head_is_served(&h, A, 5, 1, root));
	assert_false(head_is_served(&h, C, 6, 2, root));
	root[31] ^= 1;
	assert_false(head_is_served(&h, A, 5, 2, root));
	head_clear(&h);
}

static void the_root_depends_on_rows_and_not_on_their_order(void **state)
{
	struct head_row rows[5], turned[5];
	uint8_t root[32], other[32];

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		seal_world_bytes(rows[i].path_id, i);
		seal_world_bytes(rows[i].core, 50 + i);
		turned[4 - i] = rows[i];
	}
	head_root(root, rows, 5);
	head_root(other, turned, 5);
	assert_memory_equal(root, other, 32);
	head_root(other, turned, 4);
	assert_memory_not_equal(root, other, 32);
	turned[2].core[31] ^= 1;
	head_root(other, turned, 5);
	assert_memory_not_equal(root, other, 32);
	head_root(other, NULL, 0);
	sha256(root, NULL, 0);
	assert_memory_equal(root, other, 32);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

/* However many passes it takes, and whatever is sorted in one step. */
static void a_root_in_steps_is_the_root(void **state)
{
	enum { MANY = 3000 };
	static const struct {
		size_t rows, expected, most, step;
	} cases[] = {
		{ 0, 0, 10, 1 },           { 1, 1, 10, 1 },        { MANY, MANY, MANY, 1 }, { MANY, MANY, MANY, MANY },
		{ MANY, MANY, 1024, 50 },  { MANY, MANY, 700, 1 }, { MANY, MANY, 1, 100 },  { MANY, 3, 1, 7 },
		{ MANY, 1 << 20, 3, 100 },
	};
	struct head_row *rows = mem_calloc(MANY, sizeof(rows[0])), *given = mem_calloc(MANY, sizeof(rows[0]));
	uint8_t one[32], other[32];

	(void)state;
	for (uint64_t i = 0; i < MANY; i++) {
		seal_world_bytes(given[i].path_id, i);
		seal_world_bytes(given[i].core, i + MANY);
	}
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		struct head_sum *s = head_sum_new(cases[c].expected, cases[c].most);

		do {
			for (size_t i = 0; i < cases[c].rows; i++)
				head_sum_add(s, &given[i]);
			while (head_sum_sort(s, cases[c].step))
				;
		} while (head_sum_goes_on(s));
		head_sum_root(s, one);
		head_sum_free(s);
		memcpy(rows, given, MANY * sizeof(rows[0]));
		head_root(other, rows, cases[c].rows);
		assert_memory_equal(one, other, sizeof(one));
	}
	free(rows);
	free(given);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_signed_is_read),
		CASE(every_bit_of_a_head_matters),
		CASE(a_head_of_another_group_or_later_form_is_refused_as_such),
		CASE(what_is_known_is_in_order_and_bounded),
		CASE(heads_that_follow_one_another_are_in_order),
		CASE(two_states_under_one_number_are_a_fork),
		CASE(an_agent_that_forgets_in_one_epoch_is_a_fork),
		CASE(another_epoch_is_ordered_by_link_then_by_clock),
		CASE(two_are_in_sync_when_nothing_differs),
		CASE(equal_knowledge_of_other_rows_shows_a_lie_between),
		CASE(less_than_was_signed_is_rolled_back),
		cmocka_unit_test(the_root_depends_on_rows_and_not_on_their_order),
		cmocka_unit_test(a_root_in_steps_is_the_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
