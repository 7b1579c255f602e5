/* Fetch and its peers: several of them, slow, lying and vanishing ones. */
#include "sync/fetch/fetch_internal.h"
#include "sync/get/get_internal.h"
#include "tests/unit/fetch_world.h"

static const size_t BIG = 8 << 20;

static void two_peers_share_the_work(void **state)
{
	uint8_t *bytes = noise(BIG, 1);

	(void)state;
	peer_up(BERT);
	say_both("both", bytes, BIG, CHUNK);
	assert_true(run());
	assert_bytes("both", bytes, BIG);
	assert_int_equal(peer_of(ANNA)->bytes + peer_of(BERT)->bytes, BIG);
	assert_true(peer_of(ANNA)->bytes > BIG / 8);
	assert_true(peer_of(BERT)->bytes > BIG / 8);
	assert_int_equal(w->misbehaved, 0);
	free(bytes);
}

static void what_one_has_not_comes_from_the_other(void **state)
{
	uint8_t *bytes = noise(BIG, 2);

	(void)state;
	peer_up(BERT);
	peer_of(ANNA)->has_upto = (int64_t)BIG / 2;
	say_both("half", bytes, BIG, CHUNK);
	assert_true(run());
	assert_bytes("half", bytes, BIG);
	assert_int_equal(w->misbehaved, 0);
	free(bytes);
}

static void lying_peer_is_found_out(void **state)
{
	uint8_t *bytes = noise(BIG, 3);

	(void)state;
	peer_up(BERT);
	say_both("truth", bytes, BIG, CHUNK);
	turn();
	peer_of(ANNA)->lies = true;
	assert_true(run());
	assert_bytes("truth", bytes, BIG);
	assert_true(w->misbehaved > 0);
	assert_int_equal(w->liar, ANNA);
	free(bytes);
}

static void lying_list_is_found_out(void **state)
{
	uint8_t *bytes = noise(BIG, 4);

	(void)state;
	peer_up(BERT);
	peer_of(ANNA)->lies = true;
	say_both("list", bytes, BIG, CHUNK);
	assert_true(run());
	assert_bytes("list", bytes, BIG);
	assert_int_equal(w->liar, ANNA);
	assert_int_equal(peer_of(ANNA)->blocks, 0);
	free(bytes);
}

static void lie_in_a_small_file_is_found_out(void **state)
{
	struct record r = peer_next(ANNA, "s", RECORD_FILE), other;

	(void)state;
	have(ANNA, &r, "right", 5, CHUNK);
	record_copy(&other, &r);
	other.seq = ++peer_of(BERT)->seq;
	/* The bytes that come along are wrong; nothing wrong ever stands there. */
	say(ANNA, &r, "wrong", 5);
	RUN_UNTIL(w->misbehaved > 0);
	assert_int_equal(w->liar, ANNA);
	assert_false(is_there("s"));
	assert_int_equal(fetch_unstored(w->fetch, ANNA), 0);
	assert_int_equal(index_wants_missing(w->index), 1);
	have(BERT, &other, "right", 5, CHUNK);
	peer_up(BERT);
	say(BERT, &other, NULL, 0);
	assert_true(run());
	assert_text("s", "right");
}

static void only_liars_leave_the_ticket_waiting(void **state)
{
	uint8_t *bytes = noise(BIG, 5);

	(void)state;
	peer_of(ANNA)->lies = true;
	say_file(ANNA, "lie", bytes, BIG, false);
	RUN_UNTIL(w->nproblems > 0);
	assert_false(is_there("lie"));
	assert_string_equal(w->problem, "the members that offer it sent something else");
	/* What it says again may be true. */
	peer_of(ANNA)->lies = false;
	say_file(ANNA, "lie", bytes, BIG, false);
	assert_true(run());
	assert_bytes("lie", bytes, BIG);
	free(bytes);
}

static void peer_that_vanishes_is_replaced(void **state)
{
	uint8_t *bytes = noise(BIG * 4, 6);

	(void)state;
	say_both("gone", bytes, BIG * 4, CHUNK);
	RUN_UNTIL(fetch_counters(w->fetch).blocks_received > 50);
	peer_down(ANNA);
	assert_false(run_ms(100));
	peer_up(BERT);
	assert_true(run());
	assert_bytes("gone", bytes, BIG * 4);
	/* What Anna gave was not fetched again. */
	assert_true(peer_of(ANNA)->bytes > 0);
	assert_true(peer_of(BERT)->bytes < BIG * 4);
	free(bytes);
}

static void idle_peer_takes_over_from_a_slow_one(void **state)
{
	uint8_t *bytes = noise(BIG, 16);

	(void)state;
	peer_up(BERT);
	say_both("slow", bytes, BIG, CHUNK);
	RUN_UNTIL(fetch_counters(w->fetch).blocks_received > 10);
	peer_of(ANNA)->mute = true;
	say_both("small", (const uint8_t *)"little", 6, CHUNK);
	assert_true(run());
	assert_bytes("slow", bytes, BIG);
	assert_bytes("small", "little", 6);
	free(bytes);
}

static void local_blocks_are_copied(void **state)
{
	uint8_t *bytes = noise(BIG, 12), *more = mem_calloc(BIG + CHUNK, 1);
	struct record r;

	(void)state;
	say_file(ANNA, "old", bytes, BIG, false);
	assert_true(run());
	memcpy(more + CHUNK, bytes, BIG);
	memset(more, 'n', CHUNK);
	r = peer_next(ANNA, "new", RECORD_FILE);
	have(ANNA, &r, more, BIG + CHUNK, CHUNK);
	say(ANNA, &r, NULL, 0);
	assert_true(run());
	assert_bytes("new", more, BIG + CHUNK);
	assert_int_equal(fetch_counters(w->fetch).blocks_copied, BIG / CHUNK);
	assert_int_equal(peer_of(ANNA)->bytes, BIG + CHUNK);
	free(bytes);
	free(more);
}

static void rotten_local_blocks_are_fetched(void **state)
{
	uint8_t *bytes = noise(BIG, 13);
	struct record r;
	int fd;

	(void)state;
	say_file(ANNA, "old", bytes, BIG, false);
	assert_true(run());
	fd = fs_open(w->root, "old", O_RDWR, 0);
	assert_int_equal(fs_pwrite_all(fd, "rot", 3, 100000), 0);
	close(fd);
	r = peer_next(ANNA, "new", RECORD_FILE);
	have(ANNA, &r, bytes, BIG, CHUNK);
	say(ANNA, &r, NULL, 0);
	assert_true(run());
	assert_bytes("new", bytes, BIG);
	assert_int_equal(fetch_counters(w->fetch).blocks_copied, BIG / CHUNK - 1);
	free(bytes);
}

static void partial_blocks_can_be_served(void **state)
{
	uint8_t *bytes = noise(BIG, 14), got[16];
	struct content c = contents(bytes, BIG);
	int fd = -1;

	(void)state;
	peer_of(ANNA)->has_upto = 4 << 20;
	say_file(ANNA, "partial", bytes, BIG, false);
	RUN_UNTIL(fetch_counters(w->fetch).blocks_received == 64);
	RUN_UNTIL(get_partial(w->fetch->get, &c, CHUNK * 3, CHUNK, &fd) == 1);
	assert_int_equal(fs_pread_full(fd, got, sizeof(got), CHUNK * 3), sizeof(got));
	assert_memory_equal(got, bytes + CHUNK * 3, sizeof(got));
	assert_int_equal(get_partial(w->fetch->get, &c, CHUNK * 3 + 1, CHUNK, &fd), 0);
	assert_int_equal(get_partial(w->fetch->get, &c, CHUNK * 3, CHUNK - 1, &fd), 0);
	assert_int_equal(get_partial(w->fetch->get, &c, 5 << 20, CHUNK, &fd), 0);
	c.root[0] ^= 1;
	assert_int_equal(get_partial(w->fetch->get, &c, CHUNK * 3, CHUNK, &fd), 0);
	free(bytes);
}

static void a_part_is_a_source_of_its_content(void **state)
{
	uint8_t *bytes = noise(BIG, 15), *got = mem_calloc(CHUNK, 1);
	struct content c = contents(bytes, BIG);
	const struct content_source source = fetch_source(w->fetch);
	const struct content_sources sources = { .source = &source, .n = 1 };
	struct block_want want = { .len = CHUNK, .offset = CHUNK * 3 };
	struct content_reading *r;

	(void)state;
	peer_of(ANNA)->has_upto = 4 << 20;
	assert_int_equal(content_stat(&sources, &c), CONTENT_ABSENT);
	say_file(ANNA, "partial", bytes, BIG, false);
	RUN_UNTIL((r = content_open(&sources, &c, NULL, &want)) != NULL);
	assert_int_equal(content_stat(&sources, &c), CONTENT_PARTIAL);
	assert_int_equal(content_read(r, got), 0);
	content_close(r);
	assert_memory_equal(got, bytes + CHUNK * 3, CHUNK);
	/* What was opened and never read is closed as well. */
	content_close(content_open(&sources, &c, NULL, &want));
	want.offset = 5 << 20; /* not there yet */
	assert_null(content_open(&sources, &c, NULL, &want));
	free(got);
	free(bytes);
}

static void late_and_foreign_answers_are_dropped(void **state)
{
	uint8_t *bytes = noise(BIG, 15);
	struct slab answer;

	(void)state;
	answer = slab_dup("xxxx", 4);
	fetch_block(w->fetch, ANNA, 1, SWARM_AS_ASKED, &answer);
	fetch_list(w->fetch, ANNA, 1, 0, (const uint8_t *)"x", 1);
	peer_of(ANNA)->mute = true;
	say_file(ANNA, "mute", bytes, BIG, false);
	RUN_UNTIL(peer_of(ANNA)->lists > 0);
	/* The request is Anna's: Bert's answer to it is none. */
	fetch_list(w->fetch, BERT, 1, 0, NULL, 0);
	answer = slab_dup("xxxx", 4);
	fetch_block(w->fetch, ANNA, 1, SWARM_AS_ASKED, &answer);
	peer_down(ANNA);
	peer_of(ANNA)->mute = false;
	peer_up(ANNA);
	assert_true(run());
	assert_bytes("mute", bytes, BIG);
	free(bytes);
}

/* A block of 4 MiB over a slow line takes longer than an answer may: while bytes come the download waits for it. */
static void an_answer_under_way_is_waited_for_and_silence_is_not(void **state)
{
	uint8_t *bytes = noise(BIG, 17);
	struct source_peer *p;

	(void)state;
	peer_of(ANNA)->mute = true;
	say_file(ANNA, "slow", bytes, BIG, false);
	RUN_UNTIL(peer_of(ANNA)->lists > 0);
	p = get_peer(w->fetch->get, ANNA);
	assert_non_null(p->requests);
	p->requests->sent_ms = p->last_answer_ms = get_now(w->fetch->get) - REQUEST_TIMEOUT_MS;
	peer_of(ANNA)->arrived = ARRIVING_MIN;
	request_timeouts(w->fetch->get);
	assert_non_null(p->requests);
	p->last_answer_ms = get_now(w->fetch->get) - REQUEST_TIMEOUT_MS;
	peer_of(ANNA)->arrived += ARRIVING_MIN - 1;
	request_timeouts(w->fetch->get);
	assert_null(p->requests);
	peer_of(ANNA)->mute = false;
	peer_down(ANNA);
	peer_up(ANNA);
	assert_true(run());
	assert_bytes("slow", bytes, BIG);
	free(bytes);
}

/* Time passes without an answer to what this peer was asked for last. */
static void time_passes(uint64_t id, int64_t ms)
{
	struct source_peer *p = get_peer(w->fetch->get, id);
	struct get_request *r;

	DL_FOREACH(p->requests, r)
		r->sent_ms -= ms;
	p->last_answer_ms -= ms;
	p->answered_ms -= ms; /* 0 (never) is when the machine started, which may be just now */
}

static void a_list_that_one_does_not_give_comes_from_the_other(void **state)
{
	uint8_t *bytes = noise(BIG, 20);

	(void)state;
	peer_of(ANNA)->mute = true;
	peer_up(BERT);
	say_both("list", bytes, BIG, CHUNK);
	RUN_UNTIL(peer_of(ANNA)->lists > 0);
	time_passes(ANNA, 2000);
	assert_true(run());
	assert_bytes("list", bytes, BIG);
	assert_int_equal(peer_of(BERT)->bytes, BIG);
	free(bytes);
}

/* As many as may be under way at a time, and one more. */
static void what_only_a_silent_member_has_holds_up_nothing_else(void **state)
{
	uint8_t *bytes = noise(BIG, 21);
	char name[16];

	(void)state;
	peer_of(ANNA)->mute = true;
	peer_up(BERT);
	for (int i = 0; i <= QUEUE_BIG_AT_ONCE; i++) {
		bytes[0] = (uint8_t)i;
		snprintf(name, sizeof(name), "no%d", i);
		say_file(ANNA, name, bytes, BIG, false);
	}
	RUN_UNTIL(peer_of(ANNA)->lists == QUEUE_BIG_AT_ONCE);
	bytes[0] = 'y';
	say_file(BERT, "yes", bytes, BIG, false);
	time_passes(ANNA, REQUEST_TIMEOUT_MS);
	RUN_UNTIL(is_there("yes"));
	assert_bytes("yes", bytes, BIG);
	assert_string_equal(w->problem, "the members that have it do not answer");
	assert_int_equal(peer_of(BERT)->bytes, BIG);
	/* It answers again: all comes. */
	peer_of(ANNA)->mute = false;
	get_peer(w->fetch->get, ANNA)->stalled_ms = 0;
	assert_true(run());
	free(bytes);
}

/* Tried as often as may be under way at a time, and each time nobody is there to be asked. */
static void what_is_tried_in_vain_takes_no_place_in_the_queue(void **state)
{
	uint8_t *bytes = noise(BIG, 23);
	struct ticket *t;

	(void)state;
	peer_of(ANNA)->has_upto = BIG / 2;
	say_file(ANNA, "half", bytes, BIG, false);
	RUN_UNTIL(fetch_counters(w->fetch).blocks_received > 0);
	peer_down(ANNA);
	t = ticket_find(w->fetch, "half");
	RUN_UNTIL(t->state == TICKET_WAITING);
	for (int i = 0; i < QUEUE_BIG_AT_ONCE; i++) {
		unsigned tries = t->tries;

		fetch_row_changed(w->fetch, "half");
		RUN_UNTIL(t->tries > tries);
		assert_int_equal(t->state, TICKET_WAITING);
	}
	peer_up(BERT);
	bytes[0]++;
	say_file(BERT, "other", bytes, BIG, false);
	RUN_UNTIL(is_there("other"));
	assert_bytes("other", bytes, BIG);
	free(bytes);
}

/* Bytes of other things are not an answer for ever. */
static void a_member_that_says_everything_but_what_was_asked_is_silent(void **state)
{
	uint8_t *bytes = noise(BIG, 22);
	struct source_peer *p;

	(void)state;
	peer_of(ANNA)->mute = true;
	say_file(ANNA, "drip", bytes, BIG, false);
	RUN_UNTIL(peer_of(ANNA)->lists > 0);
	p = get_peer(w->fetch->get, ANNA);
	assert_non_null(p->requests);
	for (int i = 0; i < 100 && p->requests != NULL; i++) {
		time_passes(ANNA, REQUEST_TIMEOUT_MS / 2);
		peer_of(ANNA)->arrived += 4 * ARRIVING_MIN;
		request_timeouts(w->fetch->get);
	}
	assert_null(p->requests);
	RUN_UNTIL(w->nproblems > 0);
	free(bytes);
}

static void no_more_is_asked_than_memory_allows(void **state)
{
	uint8_t *bytes = noise(BIG, 18);

	(void)state;
	fetch_end();
	w->memory = 1 << 20;
	fetch_begin();
	fetch_peer_up(w->fetch, ANNA);
	say_file(ANNA, "big", bytes, BIG, false);
	RUN_UNTIL(fetch_counters(w->fetch).blocks_received > 0);
	peer_of(ANNA)->mute = true;
	/* What had come is written in its own time, then more is asked. */
	RUN_UNTIL(peer_of(ANNA)->in_flight >= CHUNK);
	for (int i = 0; i < 50; i++) {
		turn();
		assert_in_range(peer_of(ANNA)->in_flight, CHUNK, (1 << 20) + CHUNK);
	}
	peer_of(ANNA)->mute = false;
	peer_down(ANNA);
	peer_up(ANNA);
	assert_true(run());
	assert_bytes("big", bytes, BIG);
	free(bytes);
}

static void no_peer_no_busy_loop(void **state)
{
	(void)state;
	peer_down(ANNA);
	say_file(ANNA, "nowhere", "x", 1, false);
	assert_false(run_ms(100));
	assert_false(fetch_idle(w->fetch));
	assert_int_equal(fetch_unstored(w->fetch, ANNA), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(two_peers_share_the_work, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(what_one_has_not_comes_from_the_other, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(lying_peer_is_found_out, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(lying_list_is_found_out, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(lie_in_a_small_file_is_found_out, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(only_liars_leave_the_ticket_waiting, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(peer_that_vanishes_is_replaced, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(idle_peer_takes_over_from_a_slow_one, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(local_blocks_are_copied, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(rotten_local_blocks_are_fetched, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(partial_blocks_can_be_served, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_part_is_a_source_of_its_content, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(late_and_foreign_answers_are_dropped, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_list_that_one_does_not_give_comes_from_the_other, world_setup,
		                                world_teardown),
		cmocka_unit_test_setup_teardown(what_only_a_silent_member_has_holds_up_nothing_else, world_setup,
		                                world_teardown),
		cmocka_unit_test_setup_teardown(what_is_tried_in_vain_takes_no_place_in_the_queue, world_setup,
		                                world_teardown),
		cmocka_unit_test_setup_teardown(a_member_that_says_everything_but_what_was_asked_is_silent, world_setup,
		                                world_teardown),
		cmocka_unit_test_setup_teardown(no_more_is_asked_than_memory_allows, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(an_answer_under_way_is_waited_for_and_silence_is_not, world_setup,
		                                world_teardown),
		cmocka_unit_test_setup_teardown(no_peer_no_busy_loop, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
