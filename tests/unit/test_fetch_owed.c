/* Members that send much, but not what they were asked for: what they owe comes from others. */
#include "sync/fetch/fetch_internal.h"
#include "sync/get/get_internal.h"
#include "tests/unit/fetch_world.h"

/* Time passes without an answer to what this peer was asked for last. */
static void time_passes(uint64_t id, int64_t ms)
{
	struct source_peer *p = get_peer(w->fetch->get, id);
	struct get_request *r;

	DL_FOREACH(p->requests, r)
		r->sent_ms -= ms;
	p->last_answer_ms -= ms;
	p->answered_ms -= ms;
}

/* Anna sends something all the time, but no block. Bert, who has the file too, gives what she owes. */
static void chatter_holds_up(size_t n)
{
	struct source_peer *p = get_peer(w->fetch->get, ANNA);
	uint8_t *bytes = noise(n, 24);

	peer_of(ANNA)->chatters = true;
	peer_up(BERT);
	peer_of(BERT)->in_flight = WINDOW; /* so Anna is asked first */
	peer_of(ANNA)->mute = n <= CHUNK;
	say_both("owed", bytes, n, CHUNK);
	RUN_UNTIL(n <= CHUNK || peer_of(ANNA)->lists + peer_of(BERT)->lists > 0);
	peer_of(ANNA)->mute = true;
	RUN_UNTIL(p->requests != NULL && p->requests->block < ANY_BLOCK);
	peer_of(BERT)->in_flight = 0;
	time_passes(ANNA, 8000);
	assert_true(run());
	assert_bytes("owed", bytes, n);
	assert_int_equal(peer_of(BERT)->bytes, n);
	/* For a while she is asked for nothing, and has more time when she is asked again. */
	assert_true(p->rest_ms > get_now(w->fetch->get) + SWARM_REST_MS / 2);
	assert_int_equal(p->overdue, 1);
	free(bytes);
}

static void a_member_that_chatters_holds_up_no_small_file(void **state)
{
	(void)state;
	chatter_holds_up(CHUNK / 2);
}

static void a_member_that_chatters_holds_up_no_few_blocks(void **state)
{
	(void)state;
	chatter_holds_up(3 * CHUNK);
}

/* It answers, and so it owes nothing for long; but one thing it never gives. */
static void what_a_member_withholds_comes_from_the_other(void **state)
{
	struct source_peer *p = get_peer(w->fetch->get, ANNA);
	uint8_t *bytes = noise(CHUNK, 25);

	(void)state;
	peer_of(ANNA)->mute = peer_of(ANNA)->chatters = true;
	peer_up(BERT);
	peer_of(BERT)->in_flight = WINDOW;
	say_both("held", bytes, CHUNK, CHUNK);
	RUN_UNTIL(p->requests != NULL);
	peer_of(BERT)->in_flight = 0;
	time_passes(ANNA, 31000);
	p->answered_ms = p->last_answer_ms = p->answered_of_ms = get_now(w->fetch->get);
	assert_true(run());
	assert_bytes("held", bytes, CHUNK);
	assert_int_equal(peer_of(BERT)->bytes, CHUNK);
	free(bytes);
}

/* Anna's line is slow: what she was asked for long ago is on its way, behind what came just now. Bert has it too. */
static void what_a_slow_line_brings_in_turn_is_not_withheld(void **state)
{
	struct source_peer *p = get_peer(w->fetch->get, ANNA);
	uint8_t *bytes = noise(CHUNK, 26);
	const struct get_request *asked;

	(void)state;
	peer_of(ANNA)->mute = peer_of(ANNA)->chatters = true;
	peer_up(BERT);
	peer_of(BERT)->in_flight = WINDOW;
	say_both("slow", bytes, CHUNK, CHUNK);
	RUN_UNTIL(p->requests != NULL);
	asked = p->requests;
	peer_of(BERT)->in_flight = 0;
	time_passes(ANNA, 31000);
	p->answered_of_ms = asked->sent_ms;
	p->answered_ms = p->last_answer_ms = get_now(w->fetch->get);
	late_withheld(w->fetch->get);
	assert_ptr_equal(p->requests, asked);
	assert_int_equal(peer_of(BERT)->bytes, 0);
	peer_of(BERT)->in_flight = WINDOW;
	p->answered_of_ms = asked->sent_ms + 1;
	late_withheld(w->fetch->get);
	assert_null(p->requests);
	peer_of(BERT)->in_flight = 0;
	assert_true(run());
	assert_bytes("slow", bytes, CHUNK);
	free(bytes);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(a_member_that_chatters_holds_up_no_small_file),
		T(a_member_that_chatters_holds_up_no_few_blocks),
		T(what_a_member_withholds_comes_from_the_other),
		T(what_a_slow_line_brings_in_turn_is_not_withheld),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
