/* Links of two agents over loopback: what is sent arrives, in order, within bounds, and ends are told. */
#include "base/clock.h"
#include "tests/unit/tls_ends.h"

static void both_ends_know_each_other_and_share_a_binding(void **state)
{
	struct fixture *f = *state;
	struct link *a, *b;
	uint8_t zero[32] = { 0 };

	join(f);
	a = f->a.links[0];
	b = f->b.links[0];
	assert_true(agent_id_equal(&a->peer, identity_id(f->b.self)));
	assert_true(agent_id_equal(&b->peer, identity_id(f->a.self)));
	assert_memory_equal(a->binding, b->binding, 32);
	assert_memory_not_equal(a->binding, zero, 32);
	assert_true(a->dialed);
	assert_false(b->dialed);
	assert_int_equal(strncmp(b->address, "127.0.0.1:", 10), 0);
	assert_int_equal(atoi(a->address + 10), f->b.port);
}

static void frames_arrive_whole_in_order_both_ways(void **state)
{
	struct fixture *f = *state;

	join(f);
	for (int i = 0; i < 100; i++)
		assert_int_equal(link_send(f->a.links[0], LINK_CONTROL, (uint8_t)(i + 100), "hello", 5, NULL, 0), 0);
	link_send(f->b.links[0], LINK_CONTROL, FRAME_BYE, NULL, 0, NULL, 0);
	RUN_UNTIL(f, f->b.nframes == 100 && f->a.nframes == 1);
	for (int i = 0; i < 100; i++)
		assert_int_equal(f->b.types[i], i + 100);
	assert_memory_equal(f->b.last, "hello", 5);
	assert_int_equal(f->a.last_n, 0);
	assert_int_equal(f->a.links[0]->bytes_out, 100 * 11);
	assert_int_equal(f->b.links[0]->bytes_in, 100 * 11);
	assert_int_equal(f->a.links[0]->queued_control, 0);
}

static void frames_of_every_length_around_the_limits_arrive(void **state)
{
	static const size_t lengths[] = { 0,     1,     16377, 16378, 16379,   16384,         32761,  32762,
		                          32763, 32768, 32769, 65536, 1 << 20, (1 << 20) + 1, 4 << 20 };
	struct fixture *f = *state;
	uint64_t total = 0;

	join(f);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		size_t n = lengths[i];

		assert_int_equal(link_send(f->a.links[0], LINK_BULK, FRAME_BLOCK, NULL, 0, make_body(n), n), 0);
		total += n;
	}
	RUN_UNTIL(f, f->b.nframes == sizeof(lengths) / sizeof(lengths[0]));
	assert_int_equal(f->b.payload_bytes, total);
	assert_int_equal(f->b.bad_bytes, 0);
	assert_int_equal(f->a.links[0]->queued_bulk, 0);
}

/* Taken payloads stay what they were while the link goes on, and the frames behind them arrive whole. */
static void a_large_payload_can_be_taken(void **state)
{
	static const size_t lengths[] = { 100, 1 << 20, 40000, 0, 32768, 4 << 20, 16384, 300000 };
	enum { KINDS = sizeof(lengths) / sizeof(lengths[0]), ROUNDS = 8 };
	struct fixture *f = *state;

	join(f);
	f->b.takes = true;
	for (int i = 0; i < ROUNDS * KINDS; i++) {
		size_t n = lengths[i % KINDS];

		assert_int_equal(link_send(f->a.links[0], LINK_BULK, FRAME_BLOCK, NULL, 0, make_body(n), n), 0);
	}
	RUN_UNTIL(f, f->b.nframes == ROUNDS * KINDS);
	assert_int_equal(f->b.bad_bytes, 0);
	assert_true(f->b.ntaken >= ROUNDS * 2);
	for (int i = 0; i < f->b.ntaken; i++) {
		struct slab *s = &f->b.taken[i];

		for (size_t k = 0; k < s->n; k += 61)
			assert_int_equal(s->p[k], pattern(k));
		slab_free(s);
	}
}

static void a_head_and_a_body_become_one_payload(void **state)
{
	struct fixture *f = *state;
	uint8_t head[64];
	uint8_t *body = make_body(200000);
	uint8_t *whole = make_body(200000);

	join(f);
	memcpy(head, whole, sizeof(head));
	memmove(body, body + 64, 200000 - 64);
	assert_int_equal(link_send(f->a.links[0], LINK_BULK, FRAME_BLOCK, head, 64, body, 200000 - 64), 0);
	RUN_UNTIL(f, f->b.nframes == 1);
	assert_int_equal(f->b.last_n, 200000);
	assert_memory_equal(f->b.last, whole, 200000);
	free(whole);
}

static void compressible_control_travels_small_and_arrives_plain(void **state)
{
	struct fixture *f = *state;
	uint8_t *plain = mem_calloc(1, 100000);

	join(f);
	memset(plain, 'n', 100000);
	assert_int_equal(link_send(f->a.links[0], LINK_CONTROL, FRAME_NEWS, plain, 50000, mem_dup(plain, 50000), 50000),
	                 0);
	RUN_UNTIL(f, f->b.nframes == 1);
	assert_int_equal(f->b.last_n, 100000);
	assert_memory_equal(f->b.last, plain, 100000);
	assert_true(f->b.links[0]->bytes_in < 2000);
	free(plain);
}

static void incompressible_control_travels_as_it_is(void **state)
{
	struct fixture *f = *state;
	uint8_t *noise = mem_calloc(1, 10000);

	join(f);
	random_bytes(noise, 10000);
	assert_int_equal(link_send(f->a.links[0], LINK_CONTROL, FRAME_NEWS, noise, 10000, NULL, 0), 0);
	RUN_UNTIL(f, f->b.nframes == 1);
	assert_int_equal(f->b.last_n, 10000);
	assert_memory_equal(f->b.last, noise, 10000);
	assert_int_equal(f->b.links[0]->bytes_in, 10006);
	free(noise);
}

static void pings_overtake_64_mib_of_blocks(void **state)
{
	struct fixture *f = *state;
	const size_t n = 1 << 20;

	join(f);
	f->b.answers_pings = true;
	for (int i = 0; i < 64; i++)
		link_send(f->a.links[0], LINK_BULK, FRAME_BLOCK, NULL, 0, make_body(n), n);
	assert_int_equal(f->a.links[0]->queued_bulk, 64 * (n + FRAME_HEADER));
	RUN_UNTIL(f, f->b.blocks >= 8);
	link_send(f->a.links[0], LINK_CONTROL, FRAME_PING, "12345678", 8, NULL, 0);
	RUN_UNTIL(f, f->a.nframes == 1);
	assert_int_equal(f->a.types[0], FRAME_PONG);
	/* Kernel buffers and the block being written lie ahead of it, not the queue. */
	assert_in_range(f->b.blocks_at_ping, 8, 40);
	RUN_UNTIL(f, f->b.blocks == 64);
	assert_int_equal(f->b.bad_bytes, 0);
	assert_int_equal(f->a.ndrained, 1);
	assert_int_equal(f->a.links[0]->queued_bulk, 0);
}

static void control_queue_is_bounded(void **state)
{
	struct fixture *f = *state;
	size_t n = 1 << 20;
	uint8_t *noise = mem_calloc(1, n);
	int sent = 0;

	join(f);
	random_bytes(noise, n);
	while (link_send(f->a.links[0], LINK_CONTROL, FRAME_NEWS, NULL, 0, mem_dup(noise, n), n) == 0)
		assert_true(++sent < 100);
	assert_int_equal(sent, 63);
	assert_true(f->a.links[0]->queued_control <= LINK_CONTROL_MAX);
	free(noise);
}

static void too_long_a_payload_is_not_sent(void **state)
{
	struct fixture *f = *state;
	uint8_t *body = mem_calloc(1, FRAME_MAX_BLOCK + 1);

	join(f);
	assert_int_equal(link_send(f->a.links[0], LINK_CONTROL, FRAME_NEWS, body, FRAME_MAX_CONTROL + 1, NULL, 0), -1);
	assert_int_equal(link_send(f->a.links[0], LINK_BULK, FRAME_BLOCK, "x", 1, body, FRAME_MAX_BLOCK), -1);
	assert_int_equal(f->a.links[0]->queued_control + f->a.links[0]->queued_bulk, 0);
}

static void a_stranger_may_send_short_frames_only(void **state)
{
	struct fixture *f = *state;
	uint8_t noise[FRAME_MAX_BEFORE_HELLO + 1];

	f->b.trusts = false;
	join(f);
	random_bytes(noise, sizeof(noise));
	link_send(f->a.links[0], LINK_CONTROL, FRAME_ROSTER, noise, FRAME_MAX_BEFORE_HELLO, NULL, 0);
	RUN_UNTIL(f, f->b.nframes == 1);
	link_send(f->a.links[0], LINK_CONTROL, FRAME_ROSTER, noise, FRAME_MAX_BEFORE_HELLO + 1, NULL, 0);
	RUN_UNTIL(f, f->b.ndown == 1);
	assert_non_null(strstr(f->b.down_reason, "before it had proved"));
	assert_int_equal(f->b.nframes, 1);
}

static void a_stranger_cannot_inflate_a_small_frame(void **state)
{
	struct fixture *f = *state;
	uint8_t *zeros = mem_calloc(1, 1 << 20);

	f->b.trusts = false;
	join(f);
	link_send(f->a.links[0], LINK_CONTROL, FRAME_ROSTER, zeros, 1 << 20, NULL, 0);
	RUN_UNTIL(f, f->b.ndown == 1);
	assert_non_null(strstr(f->b.down_reason, "compression"));
	assert_int_equal(f->b.nframes, 0);
	free(zeros);
}

static void closing_says_what_is_queued_and_tells_the_other_end(void **state)
{
	struct fixture *f = *state;

	join(f);
	for (int i = 0; i < 20; i++)
		link_send(f->a.links[0], LINK_BULK, FRAME_BLOCK, NULL, 0, make_body(1 << 20), 1 << 20);
	link_send(f->a.links[0], LINK_CONTROL, FRAME_BYE, "so long", 7, NULL, 0);
	forget(&f->a, f->a.links[0]);
	RUN_UNTIL(f, f->b.ndown == 1);
	assert_int_equal(f->b.nframes, 1);
	assert_int_equal(f->b.types[0], FRAME_BYE);
	assert_string_equal(f->b.down_reason, "closed by the other side");
	assert_int_equal(f->a.ndown, 0);
}

static void a_link_can_be_closed_inside_a_frame_event(void **state)
{
	struct fixture *f = *state;

	join(f);
	f->b.closes_in_frame = true;
	for (int i = 0; i < 10; i++)
		link_send(f->a.links[0], LINK_CONTROL, FRAME_PING, "x", 1, NULL, 0);
	RUN_UNTIL(f, f->a.ndown == 1);
	assert_int_equal(f->b.nframes, 1);
	assert_int_equal(f->b.ndown, 0);
}

static void a_link_can_be_closed_as_it_comes_up(void **state)
{
	struct fixture *f = *state;

	f->b.closes_in_up = true;
	dial(&f->a, f->b.port);
	RUN_UNTIL(f, f->a.ndown == 1);
	assert_int_equal(f->b.nlinks, 1);
}

static void links_outlive_their_listener(void **state)
{
	struct fixture *f = *state;

	join(f);
	tls_free(f->b.tls);
	f->b.tls = NULL;
	link_send(f->a.links[0], LINK_CONTROL, FRAME_PING, "x", 1, NULL, 0);
	RUN_UNTIL(f, f->b.nframes == 1);
}

static void dialing_each_other_at_once_gives_two_links_that_can_be_told_apart(void **state)
{
	struct fixture *f = *state;
	struct link *a, *b;

	dial(&f->a, f->b.port);
	dial(&f->b, f->a.port);
	RUN_UNTIL(f, f->a.nlinks == 2 && f->b.nlinks == 2);
	/* Each end finds the same link dialled by the same side, so a rule over IDs keeps the same one. */
	a = f->a.links[0]->dialed ? f->a.links[0] : f->a.links[1];
	b = f->b.links[0]->dialed ? f->b.links[1] : f->b.links[0];
	assert_true(a->dialed);
	assert_false(b->dialed);
	assert_memory_equal(a->binding, b->binding, 32);
	assert_memory_not_equal(f->a.links[0]->binding, f->a.links[1]->binding, 32);
}

static void idle_links_do_not_wake_the_loop(void **state)
{
	struct fixture *f = *state;
	int turns = 0;
	int ticks = 0;
	struct loop_timer *t;

	join(f);
	run_for(f, 50);
	t = loop_timer_new(f->loop, on_tick, &ticks);
	loop_timer_start(t, 200, 0);
	while (ticks == 0) {
		loop_turn(f->loop, true);
		turns++;
	}
	loop_timer_free(t);
	assert_in_range(turns, 1, 3);
}

static void ipv6_and_ipv4_reach_a_listener_on_any_address(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	char *why = NULL;
	int probe = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool has_ipv6 = probe >= 0 && bind(probe, (const struct sockaddr *)&in6, sizeof(in6)) == 0;

	if (probe >= 0)
		close(probe);
	tls_free(f->b.tls);
	f->b.tls = tls_new(f->loop, f->b.self, &tls_events, &f->b, &why);
	f->b.port = tls_listen(f->b.tls, "0", &why);
	assert_true(f->b.port > 0);
	dial(&f->a, f->b.port);
	RUN_UNTIL(f, f->b.nlinks == 1 && f->a.nlinks == 1);
	assert_int_equal(strncmp(f->b.links[0]->address, "127.0.0.1:", 10), 0);
	if (!has_ipv6)
		return;
	in6.sin6_port = htons((uint16_t)f->b.port);
	assert_int_equal(tls_dial(f->a.tls, (const struct sockaddr *)&in6, sizeof(in6), 5000, &f->a), 0);
	RUN_UNTIL(f, f->b.nlinks == 2 && f->a.nlinks == 2);
	assert_int_equal(strncmp(f->b.links[1]->address, "[::1]:", 6), 0);
}

static void bad_listen_addresses_are_explained(void **state)
{
	static const char *const bad[] = { "x",  ":",     "1.2.3:4:5", "::1:80",   "localhost:80", "65536",
		                           "-1", "[::1]", " 80",       "1.2.3.4:", "[]:80",        "80x" };
	struct fixture *f = *state;
	struct tls *t;
	char *why = NULL;

	t = tls_new(f->loop, f->a.self, &tls_events, &f->a, &why);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(tls_listen(t, bad[i], &why), -1);
		assert_non_null(why);
		assert_non_null(strstr(why, "cannot listen"));
		free(why);
		why = NULL;
	}
	tls_free(t);
}

static void a_taken_port_is_explained(void **state)
{
	struct fixture *f = *state;
	struct tls *t;
	char *why = NULL, *where = mem_printf("127.0.0.1:%d", f->a.port);

	t = tls_new(f->loop, f->a.self, &tls_events, &f->a, &why);
	assert_int_equal(tls_listen(t, where, &why), -1);
	assert_non_null(strstr(why, "choose another port"));
	free(why);
	free(where);
	tls_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(both_ends_know_each_other_and_share_a_binding),
		TEST(frames_arrive_whole_in_order_both_ways),
		TEST(frames_of_every_length_around_the_limits_arrive),
		TEST(a_large_payload_can_be_taken),
		TEST(a_head_and_a_body_become_one_payload),
		TEST(compressible_control_travels_small_and_arrives_plain),
		TEST(incompressible_control_travels_as_it_is),
		TEST(pings_overtake_64_mib_of_blocks),
		TEST(control_queue_is_bounded),
		TEST(too_long_a_payload_is_not_sent),
		TEST(a_stranger_may_send_short_frames_only),
		TEST(a_stranger_cannot_inflate_a_small_frame),
		TEST(closing_says_what_is_queued_and_tells_the_other_end),
		TEST(a_link_can_be_closed_inside_a_frame_event),
		TEST(a_link_can_be_closed_as_it_comes_up),
		TEST(links_outlive_their_listener),
		TEST(dialing_each_other_at_once_gives_two_links_that_can_be_told_apart),
		TEST(idle_links_do_not_wake_the_loop),
		TEST(ipv6_and_ipv4_reach_a_listener_on_any_address),
		TEST(bad_listen_addresses_are_explained),
		TEST(a_taken_port_is_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
