/* What a giver sends to whom: in the order of the file, each block once, and those wait who keep what they get. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sync/swarm/give.h"

enum { N = 1000, LEN = 100 };

static enum give_choice take(struct give *g, struct give_receiver *r, int64_t now, uint32_t *block)
{
	enum give_choice choice = give_choose(g, r, N, now, block);

	if (choice == GIVE_BLOCK)
		give_sent(g, r, *block, LEN, now);
	return choice;
}

static void links_share_the_room(void **state)
{
	(void)state;
	assert_int_equal(give_room(0), GIVE_ROOM_ALL);
	assert_int_equal(give_room(1), GIVE_ROOM_ALL);
	assert_int_equal(give_room(4), GIVE_ROOM_ALL / 4);
	assert_int_equal(give_room(200), GIVE_ROOM_MIN);
}

static void each_block_goes_out_once_in_order(void **state)
{
	struct give *g = give_new(N);
	struct give_receiver *r[3];
	uint32_t block;

	(void)state;
	for (int i = 0; i < 3; i++)
		r[i] = give_join(g);
	for (uint32_t i = 0; i < N; i++) {
		assert_int_equal(take(g, r[i % 3], 0, &block), GIVE_BLOCK);
		assert_int_equal(block, i);
		assert_int_equal(give_copies(g, i), 1);
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(take(g, r[i], 0, &block), GIVE_OUT);
	/* One that leaves takes nothing back: the others ask for what is missing by name. */
	give_leave(g, r[0]);
	assert_int_equal(take(g, r[1], 0, &block), GIVE_OUT);
	give_free(g);
}

static void what_somebody_has_is_not_given(void **state)
{
	struct give *g = give_new(5);
	struct give_receiver *a = give_join(g), *b = give_join(g);
	uint32_t block;

	(void)state;
	give_announced(g, a, 0);
	give_announced(g, a, 2);
	give_announced(g, b, 5); /* that there is not */
	assert_int_equal(give_choose(g, b, 5, 0, &block), GIVE_BLOCK);
	assert_int_equal(block, 1);
	give_sent(g, b, 1, LEN, 0);
	assert_int_equal(give_choose(g, b, 3, 0, &block), GIVE_WAIT);
	assert_int_equal(give_choose(g, b, 4, 0, &block), GIVE_BLOCK);
	assert_int_equal(block, 3);
	give_free(g);
}

/* A keeps what it gets; B spreads it. From the second second on A waits, B does not. queued: what goes to B at once in
 * the beginning, since nothing waits on its link yet. */
static void assert_held(int queued)
{
	struct give *g = give_new(N);
	struct give_receiver *a = give_join(g), *b = give_join(g);
	uint32_t block;
	int waited = 0, got = 0;

	give_credit(a, 1);
	give_credit(b, 1);
	for (int i = 0; i < queued; i++) {
		assert_int_equal(take(g, b, 0, &block), GIVE_BLOCK);
		give_announced(g, a, block);
	}
	for (int64_t now = 0; now < 3000; now += 10) {
		enum give_choice choice = take(g, a, now, &block);

		waited += choice == GIVE_WAIT;
		assert_true(now > 1000 || choice == GIVE_BLOCK);
		assert_true(now < 1100 || choice == GIVE_WAIT);
		if (take(g, b, now, &block) == GIVE_BLOCK)
			give_announced(g, a, block);
		/* What A would have got goes to B. */
		if (choice == GIVE_WAIT && take(g, b, now, &block) == GIVE_BLOCK)
			give_announced(g, a, block);
		got += choice == GIVE_BLOCK;
	}
	assert_true(waited > 180 && got > 90);
	give_free(g);
}

static void a_receiver_that_keeps_what_it_gets_is_held(void **state)
{
	(void)state;
	assert_held(0);
}

/* The giver seems to become slower once queues are full, which has nothing to do with whom it holds. */
static void full_queues_do_not_end_the_holding(void **state)
{
	(void)state;
	assert_held(60);
}

static void a_receiver_that_spreads_is_not_held(void **state)
{
	struct give *g = give_new(N);
	struct give_receiver *a = give_join(g), *b = give_join(g);
	uint32_t block;

	(void)state;
	give_credit(b, 1);
	for (int64_t now = 0; now < 5000; now += 10) {
		assert_int_equal(take(g, a, now, &block), GIVE_BLOCK);
		give_announced(g, a, block); /* its own word is not enough */
		give_announced(g, b, block);
	}
	give_free(g);
}

static void a_lone_receiver_is_never_held(void **state)
{
	struct give *g = give_new(N);
	struct give_receiver *a = give_join(g);
	uint32_t block;

	(void)state;
	(void)give_join(g); /* it takes nothing */
	for (int64_t now = 0; now < 5000; now += 10)
		assert_int_equal(take(g, a, now, &block), GIVE_BLOCK);
	give_free(g);
}

/* B is slow. What A gets is at B late, and that is not A's fault: A waits for a moment, and then no more. */
static void a_slow_one_holds_nobody_up(void **state)
{
	struct give *g = give_new(N);
	struct give_receiver *a = give_join(g), *b = give_join(g);
	uint32_t block;
	int got = 0, turns = 0;

	(void)state;
	give_credit(b, 1);
	for (int64_t now = 0; now < 8000; now += 10, turns++) {
		got += take(g, a, now, &block) == GIVE_BLOCK;
		if (turns % 20 == 0 && take(g, b, now, &block) == GIVE_BLOCK)
			give_announced(g, a, block);
	}
	assert_true(got > turns * 9 / 10);
	give_free(g);
}

static void receivers_are_bounded(void **state)
{
	struct give *g = give_new(4);
	struct give_receiver *first = give_join(g);

	(void)state;
	for (int i = 1; i < GIVE_RECEIVERS_MAX; i++)
		assert_non_null(give_join(g));
	assert_null(give_join(g));
	give_leave(g, first);
	assert_non_null(give_join(g));
	give_free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(links_share_the_room),
		cmocka_unit_test(each_block_goes_out_once_in_order),
		cmocka_unit_test(what_somebody_has_is_not_given),
		cmocka_unit_test(a_receiver_that_keeps_what_it_gets_is_held),
		cmocka_unit_test(full_queues_do_not_end_the_holding),
		cmocka_unit_test(a_receiver_that_spreads_is_not_held),
		cmocka_unit_test(a_lone_receiver_is_never_held),
		cmocka_unit_test(a_slow_one_holds_nobody_up),
		cmocka_unit_test(receivers_are_bounded),
	};

	return cmocka_run_group_tests_name("give", tests, NULL, NULL);
}
