/* Proves what dial.c promises of addresses to try, whoever speaks of them: loop, network, sessions and roster are
 * played by the test, so that time passes when it says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sync/peer/peers_internal.h"

enum { MAX_CALLS = 4096, MEMBER = 1, STRANGER = 2, DEAD_NET = 0x0a630000 }; /* 10.99.0.0 */

struct call {
	struct dial *d;
	uint32_t ip;
	bool open; /* neither answered, failed nor cancelled */
};

static struct {
	int64_t now_ms, due_ms; /* due_ms: 0 when the timer does not run */
	loop_fn *fn;
	void *arg;
	struct call calls[MAX_CALLS];
	size_t ncalls, open, most_open;
	struct agent_id connected; /* the one agent that has a session */
	bool is_connected;
	struct identity *self;
	struct peers peers;
	struct peer_group group;
} w;

/* --- what dial.c stands on --- */

int64_t loop_now_ms(struct loop *loop)
{
	(void)loop;
	return w.now_ms;
}

struct loop_timer *loop_timer_new(struct loop *loop, loop_fn *fn, void *arg)
{
	(void)loop;
	w.fn = fn;
	w.arg = arg;
	return (struct loop_timer *)&w;
}

void loop_timer_start(struct loop_timer *t, int64_t delay_ms, int64_t repeat_ms)
{
	(void)t;
	(void)repeat_ms;
	w.due_ms = w.now_ms + delay_ms;
}

bool loop_timer_running(const struct loop_timer *t)
{
	(void)t;
	return w.due_ms != 0;
}

void loop_timer_free(struct loop_timer *t)
{
	(void)t;
	w.due_ms = 0;
}

bool roster_may(const struct roster *r, const struct agent_id *id, enum right right)
{
	(void)r;
	return right == RIGHT_TAKE_PART && id->b[0] == MEMBER;
}

struct session *session_of(struct peers *p, const struct agent_id *id)
{
	return w.is_connected && agent_id_equal(id, &w.connected) ? (struct session *)p : NULL;
}

int tls_dial(struct tls *t, const struct sockaddr *addr, socklen_t addr_len, int connect_ms, void *dial_arg)
{
	(void)t;
	(void)addr_len;
	(void)connect_ms;
	assert_true(w.ncalls < MAX_CALLS);
	w.calls[w.ncalls++] =
		(struct call){ .d = dial_arg,
		               .ip = ntohl(((const struct sockaddr_in *)(const void *)addr)->sin_addr.s_addr),
		               .open = true };
	w.open++;
	if (w.open > w.most_open)
		w.most_open = w.open;
	return 0;
}

static struct call *open_call(const struct dial *d)
{
	for (size_t i = w.ncalls; i-- > 0;)
		if (w.calls[i].d == d && w.calls[i].open)
			return &w.calls[i];
	return NULL;
}

static struct dial *closed(struct call *c)
{
	c->open = false;
	w.open--;
	return c->d;
}

bool tls_dial_cancel(struct tls *t, const void *dial_arg)
{
	struct call *c = open_call(dial_arg);

	(void)t;
	if (c)
		closed(c);
	return c != NULL;
}

/* --- the scene --- */

static struct agent_id agent(uint8_t kind, uint32_t number)
{
	struct agent_id id = { .b = { kind } };

	memcpy(id.b + 1, &number, sizeof(number));
	return id;
}

static struct sockaddr_in at(uint32_t ip)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(7411), .sin_addr.s_addr = htonl(ip) };
}

static void hear(const struct agent_id *id, uint32_t ip)
{
	struct sockaddr_in in = at(ip);

	dial_found(&w.peers, id, (const struct sockaddr *)&in);
}

static void tell(const struct agent_id *id, uint32_t ip)
{
	struct sockaddr_in in = at(ip);

	dial_told(&w.peers, id, (const struct sockaddr *)&in, 0);
}

static struct call *call_to(uint32_t ip)
{
	for (size_t i = w.ncalls; i-- > 0;)
		if (w.calls[i].ip == ip)
			return &w.calls[i];
	return NULL;
}

static bool under_way(uint32_t ip)
{
	struct call *c = call_to(ip);

	return c && c->open;
}

static void answer(uint32_t ip, const struct agent_id *id)
{
	assert_true(under_way(ip));
	dial_succeeded(&w.peers, closed(call_to(ip)), id);
}

static void miss(uint32_t ip, bool refused)
{
	assert_true(under_way(ip));
	dial_failed(&w.peers, closed(call_to(ip)), "there", "no answer", refused);
}

/* The member is found there, stays for a while and is gone. */
static void meet(const struct agent_id *id, uint32_t ip)
{
	hear(id, ip);
	answer(ip, id);
	dial_proved(&w.peers, id);
}

static void pass(int64_t ms)
{
	int64_t end = w.now_ms + ms;

	while (w.due_ms != 0 && w.due_ms <= end) {
		w.now_ms = w.due_ms > w.now_ms ? w.due_ms : w.now_ms;
		w.due_ms = 0;
		w.fn(w.arg);
	}
	w.now_ms = end;
}

static int set_up(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	w.now_ms = 1000000;
	w.self = identity_new();
	w.peers.config.self = w.self;
	w.peers.groups = &w.group;
	random_set_seed(7);
	dial_new(&w.peers);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	dial_free(&w.peers);
	identity_free(w.self);
	random_set_seed(0);
	return 0;
}

/* --- the tests --- */

/* Somebody announces a lost member at 400 addresses where nobody answers. */
static void dead_addresses_do_not_keep_a_member_away(void **state)
{
	struct agent_id m = agent(MEMBER, 1);

	(void)state;
	meet(&m, 0x0a000001);
	for (uint32_t i = 0; i < 400; i++)
		hear(&m, DEAD_NET + i);
	w.ncalls = 0;
	dial_lost(&w.peers, &m);
	for (uint32_t i = 400; i < 800; i++)
		hear(&m, DEAD_NET + i);
	pass(1000);
	assert_true(under_way(0x0a000001));
}

static void what_is_only_heard_is_tried_a_few_at_a_time(void **state)
{
	struct agent_id m = agent(MEMBER, 1);

	(void)state;
	for (uint32_t i = 0; i < 400; i++)
		hear(&m, DEAD_NET + i);
	pass(60000);
	assert_int_equal(w.most_open, 4);
	for (uint32_t i = 0; i < 400; i++) {
		struct agent_id other = agent(i % 2 ? MEMBER : STRANGER, i + 2);

		hear(&other, DEAD_NET + 1000 + i);
	}
	pass(60000);
	assert_in_range(w.most_open, 5, 16);
}

static void strangers_leave_room_for_members(void **state)
{
	struct agent_id m = agent(MEMBER, 1);

	(void)state;
	for (uint32_t i = 0; i < 400; i++) {
		struct agent_id other = agent(STRANGER, i);

		hear(&other, DEAD_NET + i);
	}
	hear(&m, 0x0a000001);
	assert_true(under_way(0x0a000001));
}

/* Of eight addresses of one member, seven of them dead: each is tried in turn. */
static void each_address_of_a_member_has_its_turn(void **state)
{
	struct agent_id m = agent(MEMBER, 1);

	(void)state;
	for (uint32_t i = 0; i < 7; i++)
		hear(&m, DEAD_NET + i);
	hear(&m, 0x0a000001);
	for (int s = 0; s < 300 && !under_way(0x0a000001); s++) {
		pass(100);
		for (uint32_t i = 0; i < 7 && s % 30 == 29; i++)
			if (under_way(DEAD_NET + i))
				miss(DEAD_NET + i, false);
	}
	assert_true(under_way(0x0a000001));
}

static void a_flood_pushes_nothing_out_that_is_known(void **state)
{
	struct agent_id m = agent(MEMBER, 1), told = agent(MEMBER, 2);

	(void)state;
	meet(&m, 0x0a000001);
	w.connected = told;
	w.is_connected = true;
	tell(&told, 0x0a000002);
	for (uint32_t i = 0; i < 100000; i++) {
		struct agent_id other = agent(STRANGER, i);

		hear(&other, DEAD_NET + i);
	}
	w.is_connected = false;
	dial_lost(&w.peers, &m);
	dial_lost(&w.peers, &told);
	pass(2000);
	assert_true(under_way(0x0a000001));
	assert_true(under_way(0x0a000002));
}

/* Or whoever is here could be dialled again and again, and who is away never. */
static void no_claim_changes_who_was_found_at_an_address(void **state)
{
	struct agent_id m = agent(MEMBER, 1), other = agent(MEMBER, 2);

	(void)state;
	meet(&m, 0x0a000001);
	w.connected = m;
	w.is_connected = true;
	w.ncalls = 0;
	hear(&other, 0x0a000001);
	tell(&other, 0x0a000001);
	pass(5000);
	assert_int_equal(w.ncalls, 0);
	w.connected = other;
	hear(&other, 0x0a000001);
	dial_lost(&w.peers, &m);
	pass(2000);
	assert_true(under_way(0x0a000001));
}

/* A web server, named so that it is troubled. */
static void who_is_no_lanyard_is_left_alone(void **state)
{
	struct agent_id m = agent(MEMBER, 1);

	(void)state;
	tell(&m, 0x0a000009);
	miss(0x0a000009, true);
	w.ncalls = 0;
	dial_lost(&w.peers, &m);
	dial_all_now(&w.peers);
	pass(120000);
	assert_int_equal(w.ncalls, 0);
	for (int s = 0; s < 120; s++) {
		tell(&m, 0x0a000009);
		pass(1000);
		if (under_way(0x0a000009))
			miss(0x0a000009, true);
	}
	assert_in_range(w.ncalls, 1, 3);
}

/* Two connections to one agent would be in each other's way. */
static void who_has_answered_is_not_dialled_elsewhere(void **state)
{
	struct agent_id m = agent(MEMBER, 1);

	(void)state;
	tell(&m, 0x0a000001);
	tell(&m, 0x0a000002);
	pass(1000);
	assert_true(under_way(0x0a000001) && under_way(0x0a000002));
	answer(0x0a000002, &m);
	w.connected = m;
	w.is_connected = true;
	assert_int_equal(w.open, 0);
	pass(60000);
	assert_int_equal(w.open, 0);
	w.is_connected = false;
	dial_lost(&w.peers, &m);
	pass(2000);
	assert_true(under_way(0x0a000001) && under_way(0x0a000002));
}

static void what_fails_is_tried_less_and_less_often(void **state)
{
	struct agent_id m = agent(MEMBER, 1);

	(void)state;
	hear(&m, 0x0a000001);
	for (int s = 0; s < 600; s++) {
		if (under_way(0x0a000001))
			miss(0x0a000001, false);
		pass(1000);
	}
	assert_in_range(w.ncalls, 10, 20);
}

static void an_address_that_the_admin_named_is_tried_whoever_is_said_to_be_there(void **state)
{
	struct agent_id m = agent(MEMBER, 1);

	(void)state;
	hear(NULL, 0x0a000001);
	miss(0x0a000001, false);
	w.connected = m;
	w.is_connected = true;
	hear(&m, 0x0a000001);
	pass(5000);
	assert_true(under_way(0x0a000001));
}

/* Its agent may not have opened its groups yet, or may be let in only now. What is only heard of strangers is left. */
static void an_address_that_the_admin_named_is_tried_again_whoever_answered(void **state)
{
	struct agent_id s = agent(STRANGER, 1);

	(void)state;
	hear(NULL, 0x0a000001);
	answer(0x0a000001, &s);
	hear(&s, 0x0a000002);
	pass(1000);
	answer(0x0a000002, &s);
	w.ncalls = 0;
	dial_lost(&w.peers, &s);
	pass(2000);
	assert_true(under_way(0x0a000001));
	assert_int_equal(w.ncalls, 1);
	/* Less and less often, and not when the admin names it no more. */
	for (int i = 0; i < 600; i++) {
		if (under_way(0x0a000001)) {
			answer(0x0a000001, &s);
			dial_lost(&w.peers, &s);
		}
		pass(1000);
	}
	assert_in_range(w.ncalls, 5, 12);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(dead_addresses_do_not_keep_a_member_away),
		T(what_is_only_heard_is_tried_a_few_at_a_time),
		T(strangers_leave_room_for_members),
		T(each_address_of_a_member_has_its_turn),
		T(a_flood_pushes_nothing_out_that_is_known),
		T(no_claim_changes_who_was_found_at_an_address),
		T(who_is_no_lanyard_is_left_alone),
		T(who_has_answered_is_not_dialled_elsewhere),
		T(what_fails_is_tried_less_and_less_often),
		T(an_address_that_the_admin_named_is_tried_whoever_is_said_to_be_there),
		T(an_address_that_the_admin_named_is_tried_again_whoever_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
