/* What a peer announced before it left or got another role. */
#include "sync/fetch/fetch_internal.h"
#include "tests/unit/fetch_world.h"

static const size_t BIG = 8 << 20;

/* Nobody waits for a file that only a departed member had announced. */
static void words_of_a_departed_member_are_dropped(void **state)
{
	uint8_t *bytes = noise(BIG, 19);

	(void)state;
	peer_of(ANNA)->mute = true;
	peer_up(BERT);
	say_file(ANNA, "big", bytes, BIG, false);
	say_file(BERT, "other", bytes, 1000, false);
	RUN_UNTIL(peer_of(ANNA)->lists > 0);
	assert_int_equal(index_peer_put(w->index, ANNA, &(struct index_peer){ .epoch = 1, .received = 1 }), 0);
	peer_down(ANNA);
	turn();
	assert_int_equal(index_peer_forget(w->index, ANNA), 0);
	fetch_peer_left(w->fetch, ANNA);
	assert_true(run());
	assert_true(fetch_idle(w->fetch));
	assert_int_equal(index_wants_missing(w->index), 0);
	assert_bytes("other", bytes, 1000);
	free(bytes);
}

/* The peer is still connected, and may not write any more: what it announced comes to nothing, although it goes on to
 * answer; what another offers as well goes on. */
static void words_of_a_demoted_peer_are_dropped(void **state)
{
	uint8_t *bytes = noise(BIG, 21), *both = noise(BIG, 22);

	(void)state;
	peer_up(BERT);
	say_both("both", both, BIG, CHUNK);
	peer_of(ANNA)->has_upto = 4 << 20;
	say_file(ANNA, "half", bytes, BIG, false);
	RUN_UNTIL(peer_of(ANNA)->lists > 0);
	say_file(ANNA, "small", bytes, 1000, true); /* its bytes came along: it is in memory only */
	assert_true(fetch_unstored(w->fetch, ANNA) > 0);
	assert_int_equal(index_offers_forget_peer(w->index, ANNA), 0);
	fetch_peer_left(w->fetch, ANNA);
	assert_int_equal(fetch_unstored(w->fetch, ANNA), 0);
	peer_of(ANNA)->has_upto = INT64_MAX;
	assert_true(run());
	assert_int_equal(index_wants_missing(w->index), 0);
	assert_bytes("both", both, BIG);
	assert_int_equal(faccessat(share_root(w->share), "half", F_OK, 0), -1);
	assert_int_equal(faccessat(share_root(w->share), "small", F_OK, 0), -1);
	free(bytes);
	free(both);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(words_of_a_departed_member_are_dropped, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(words_of_a_demoted_peer_are_dropped, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
