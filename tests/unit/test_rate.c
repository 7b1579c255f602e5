/* Limits of speed: how much goes through in a time, who is next, and that control goes before blocks. */
#include "sync/peer/rate.h"
#include "tests/unit/tls_ends.h"

/* --- the bucket --- */

struct taker {
	struct rate *rate;
	struct rate_wait wait;
	size_t taken;
	int turns;
};

static void take(void *arg)
{
	struct taker *t = arg;
	size_t room;

	while ((room = rate_room(t->rate, &t->wait)) > 0) {
		size_t n = rate_piece(t->rate) < room ? rate_piece(t->rate) : room;

		t->turns++;
		rate_take(t->rate, n);
		t->taken += n;
	}
}

static void without_a_limit_there_is_always_room(void **state)
{
	struct loop *loop = loop_new();
	struct rate *r = rate_new(loop);
	struct rate_wait w = { 0 };

	(void)state;
	assert_false(rate_limits(NULL));
	assert_false(rate_limits(r));
	assert_true(rate_room(NULL, &w) == SIZE_MAX);
	assert_true(rate_room(r, &w) == SIZE_MAX);
	rate_take(r, 1 << 30);
	assert_true(rate_room(r, &w) == SIZE_MAX);
	rate_take(NULL, 1);
	rate_leave(NULL, &w);
	rate_free(NULL);
	rate_free(r);
	loop_free(loop);
}

static void two_takers_share_what_there_is(void **state)
{
	enum { RATE = 1000000 };
	struct loop *loop = loop_new();
	struct rate *r = rate_new(loop);
	struct taker a = { .rate = r }, b = { .rate = r };
	int64_t ms;

	(void)state;
	rate_set(r, RATE);
	a.wait = (struct rate_wait){ .go = take, .arg = &a };
	b.wait = (struct rate_wait){ .go = take, .arg = &b };
	take(&a);
	take(&b);
	assert_true(a.wait.waiting && b.wait.waiting);
	assert_true(a.taken >= 2 * RATE_PIECE && b.taken == 0);
	ms = loop_now_ms(loop);
	while (a.taken + b.taken < 300000)
		loop_turn(loop, true);
	ms = loop_now_ms(loop) - ms;
	/* What was saved up, what came, and a piece of debt; by the loop's own clock, however slow the machine. */
	assert_true(a.taken + b.taken <= RATE / 16 + (size_t)(ms + 10) * RATE / 1000 + RATE_PIECE);
	assert_true(b.taken * 4 >= a.taken + b.taken);
	rate_leave(r, &a.wait);
	rate_leave(r, &b.wait);
	rate_free(r);
	loop_free(loop);
}

static void lifting_a_limit_lets_everyone_go_at_once(void **state)
{
	struct loop *loop = loop_new();
	struct rate *r = rate_new(loop);
	struct rate_wait w = { .go = on_late };
	bool gone = false;

	(void)state;
	w.arg = &gone;
	rate_set(r, 64000);
	rate_take(r, 64000 * 100);
	assert_int_equal(rate_room(r, &w), 0);
	assert_int_equal(rate_room(r, &w), 0);
	rate_set(r, 0);
	while (!gone)
		loop_turn(loop, true);
	assert_false(w.waiting);
	rate_free(r);
	loop_free(loop);
}

/* --- links under a limit --- */

enum { BLOCK = 256 << 10 };

struct limited {
	struct rate *out, *in;
};

static void limit(struct fixture *f, struct limited *l, int64_t out, int64_t in)
{
	join(f);
	l->out = rate_new(f->loop);
	l->in = rate_new(f->loop);
	rate_set(l->out, out);
	rate_set(l->in, in);
	f->a.links[0]->rate_out = l->out;
	f->b.links[0]->rate_in = l->in;
}

static void unlimit(struct fixture *f, struct limited *l)
{
	forget(&f->a, f->a.links[0]);
	forget(&f->b, f->b.links[0]);
	rate_free(l->out);
	rate_free(l->in);
}

static void send_blocks(struct end *e, int n)
{
	for (int i = 0; i < n; i++)
		assert_int_equal(link_send(e->links[0], LINK_BULK, FRAME_BLOCK, NULL, 0, make_body(BLOCK), BLOCK), 0);
}

/* 2.5 MB beyond what may be saved up, at 5 MB/s: not in less than 0.4 s. */
static void takes_its_time(struct fixture *f, int64_t out, int64_t in)
{
	struct limited l;
	int64_t start;

	limit(f, &l, out, in);
	start = loop_now_ms(f->loop);
	send_blocks(&f->a, 11);
	RUN_UNTIL(f, f->b.blocks == 11);
	assert_true(loop_now_ms(f->loop) - start >= 400);
	assert_int_equal(f->b.bad_bytes, 0);
	unlimit(f, &l);
}

static void sending_keeps_to_its_limit(void **state)
{
	takes_its_time(*state, 5000000, 0);
}

static void receiving_keeps_to_its_limit(void **state)
{
	takes_its_time(*state, 0, 5000000);
}

static void control_goes_before_blocks_that_wait_for_a_limit(void **state)
{
	struct fixture *f = *state;
	struct limited l;

	limit(f, &l, 2000000, 0);
	send_blocks(&f->a, 8);
	RUN_UNTIL(f, f->b.blocks == 1);
	link_send(f->a.links[0], LINK_CONTROL, FRAME_PING, "12345678", 8, NULL, 0);
	RUN_UNTIL(f, f->b.blocks == 8);
	/* At most the block that had begun, and one that began in the same turn, came before it. */
	assert_in_range(f->b.blocks_at_ping, 1, 3);
	unlimit(f, &l);
}

static void a_link_that_ends_while_it_waits_leaves_the_row(void **state)
{
	struct fixture *f = *state;
	struct limited l;

	limit(f, &l, 64000, 64000);
	send_blocks(&f->a, 4);
	run_for(f, 50);
	unlimit(f, &l);
	run_for(f, 50);
}

/* A large record refused by a full socket is written again whole, though the limit has come meanwhile. */
static void a_limit_may_come_while_a_write_is_under_way(void **state)
{
	struct fixture *f = *state;
	struct limited l;

	limit(f, &l, 0, 0);
	send_blocks(&f->a, 64);
	for (int i = 0; i < 4; i++)
		loop_turn(f->loop, false);
	rate_set(l.out, 500000);
	run_for(f, 60);
	rate_set(l.out, 100000000);
	RUN_UNTIL(f, f->b.blocks == 64 || f->a.ndown > 0);
	assert_int_equal(f->a.ndown, 0);
	assert_int_equal(f->b.bad_bytes, 0);
	unlimit(f, &l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_limit_there_is_always_room),
		cmocka_unit_test(two_takers_share_what_there_is),
		cmocka_unit_test(lifting_a_limit_lets_everyone_go_at_once),
		cmocka_unit_test_setup_teardown(sending_keeps_to_its_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(receiving_keeps_to_its_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(control_goes_before_blocks_that_wait_for_a_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(a_link_that_ends_while_it_waits_leaves_the_row, setup, teardown),
		cmocka_unit_test_setup_teardown(a_limit_may_come_while_a_write_is_under_way, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
