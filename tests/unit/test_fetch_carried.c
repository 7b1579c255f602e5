/* Small files whose bytes another receiver brings: tickets wait for them, and get from the maker what does
 * not come or is not the content. ANNA makes the files, BERT carries them. */
#include "sync/fetch/fetch_internal.h"
#include "tests/unit/fetch_world.h"

static const char TEXT[] = "bytes that BERT brings";

enum { SOON_MS = 50 };

/* ANNA's record, whose bytes BERT is to bring; the root of its content. */
static void say_carried(const char *path, uint8_t root[32])
{
	struct record r = peer_next(ANNA, path, RECORD_FILE);

	have(ANNA, &r, TEXT, sizeof(TEXT), CHUNK);
	memcpy(root, r.content.root, 32);
	fetch_record_carried(w->fetch, ANNA, &r, BERT);
	fetch_records_end(w->fetch, ANNA);
	record_clear(&r);
}

static void relay(const uint8_t root[32], const void *bytes, size_t n)
{
	fetch_relayed(w->fetch, BERT, root, bytes, n);
}

static int patient_setup(void **state)
{
	int rc = world_setup(state);

	peer_up(BERT);
	return rc;
}

/* With little patience. */
static int hasty_setup(void **state)
{
	int rc = world_setup(state);

	fetch_end();
	w->carrier_ms = SOON_MS;
	fetch_begin();
	peer_up(ANNA);
	peer_up(BERT);
	return rc;
}

static void what_the_carrier_brings_is_asked_of_nobody(void **state)
{
	uint8_t root[32];

	(void)state;
	say_carried("s", root);
	assert_false(run_ms(20));
	/* In memory only until then, so that ANNA tells it again should we be killed. */
	assert_int_equal(fetch_unstored(w->fetch, ANNA), peer_of(ANNA)->seq);
	relay(root, TEXT, sizeof(TEXT));
	assert_true(run());
	assert_bytes("s", (const uint8_t *)TEXT, sizeof(TEXT));
	assert_int_equal(fetch_unstored(w->fetch, ANNA), 0);
	assert_int_equal(peer_of(ANNA)->blocks + peer_of(BERT)->blocks, 0);
	assert_int_equal(index_wants_missing(w->index), 0);
}

static void what_it_brings_early_is_kept_a_moment(void **state)
{
	struct content c = contents(TEXT, sizeof(TEXT));
	uint8_t root[32];

	(void)state;
	relay(c.root, TEXT, sizeof(TEXT));
	say_carried("s", root);
	say_carried("same", root);
	assert_true(run());
	assert_bytes("s", (const uint8_t *)TEXT, sizeof(TEXT));
	assert_bytes("same", (const uint8_t *)TEXT, sizeof(TEXT));
	assert_int_equal(peer_of(ANNA)->blocks + peer_of(BERT)->blocks, 0);
}

static void what_nobody_waits_for_takes_bounded_memory(void **state)
{
	uint8_t *bytes = noise(32 << 10, 9), root[32] = { 0 };

	(void)state;
	/* Of a byte each, most of what they take is not their bytes. */
	for (unsigned i = 0; i < 1000; i++) {
		memcpy(root, &i, sizeof(i));
		relay(root, bytes, 1);
	}
	assert_true(w->fetch->early_bytes >= 1000 * 64);
	for (unsigned i = 0; i < 1000; i++) {
		memcpy(root, &i, sizeof(i));
		relay(root, bytes, 32 << 10);
		assert_true(w->fetch->early_bytes <= 4 << 20);
	}
	free(bytes);
}

static void its_news_bring_the_bytes_too(void **state)
{
	struct record theirs = peer_next(ANNA, "s", RECORD_FILE), mine;

	(void)state;
	have(ANNA, &theirs, TEXT, sizeof(TEXT), CHUNK);
	record_copy(&mine, &theirs);
	mine.seq = ++peer_of(BERT)->seq;
	fetch_record_carried(w->fetch, ANNA, &theirs, BERT);
	fetch_records_end(w->fetch, ANNA);
	assert_false(run_ms(20));
	say(BERT, &mine, TEXT, sizeof(TEXT));
	/* Neither peer's word is acknowledged before the file is in place. */
	assert_int_equal(fetch_unstored(w->fetch, ANNA), peer_of(ANNA)->seq);
	assert_int_equal(fetch_unstored(w->fetch, BERT), peer_of(BERT)->seq);
	assert_true(run());
	assert_bytes("s", (const uint8_t *)TEXT, sizeof(TEXT));
	assert_int_equal(fetch_unstored(w->fetch, ANNA), 0);
	assert_int_equal(fetch_unstored(w->fetch, BERT), 0);
	assert_int_equal(peer_of(ANNA)->blocks + peer_of(BERT)->blocks, 0);
	record_clear(&theirs);
}

/* It tells of the file and has not brought it. */
static void its_bare_news_end_the_wait(void **state)
{
	struct record theirs = peer_next(ANNA, "s", RECORD_FILE), mine;

	(void)state;
	have(ANNA, &theirs, TEXT, sizeof(TEXT), CHUNK);
	record_copy(&mine, &theirs);
	have(BERT, &mine, TEXT, sizeof(TEXT), CHUNK);
	mine.seq = ++peer_of(BERT)->seq;
	fetch_record_carried(w->fetch, ANNA, &theirs, BERT);
	fetch_records_end(w->fetch, ANNA);
	assert_false(run_ms(20));
	say(BERT, &mine, NULL, 0);
	assert_true(run());
	assert_bytes("s", (const uint8_t *)TEXT, sizeof(TEXT));
	assert_int_equal(peer_of(ANNA)->blocks + peer_of(BERT)->blocks, 1);
	record_clear(&theirs);
}

/* A file here has the content, so the new one might be that one, moved. The bytes come meanwhile, and the file goes. */
static void what_came_while_a_move_was_awaited_is_not_got_again(void **state)
{
	struct record theirs, mine;

	(void)state;
	say_file(ANNA, "old", TEXT, sizeof(TEXT), true);
	assert_true(run());
	theirs = peer_next(ANNA, "new", RECORD_FILE);
	have(ANNA, &theirs, TEXT, sizeof(TEXT), CHUNK);
	record_copy(&mine, &theirs);
	mine.seq = ++peer_of(BERT)->seq;
	say(ANNA, &theirs, NULL, 0);
	turn();
	assert_non_null(w->fetch->list[TICKET_AWAIT_MOVE]);
	say(BERT, &mine, TEXT, sizeof(TEXT));
	assert_non_null(w->fetch->list[TICKET_AWAIT_MOVE]);
	assert_int_equal(unlinkat(w->root, "old", 0), 0);
	scan_path("old");
	assert_true(run());
	assert_bytes("new", (const uint8_t *)TEXT, sizeof(TEXT));
	assert_int_equal(peer_of(ANNA)->blocks + peer_of(BERT)->blocks, 0);
}

static void carrier_that_leaves_is_not_waited_for(void **state)
{
	uint8_t root[32];

	(void)state;
	say_carried("s", root);
	assert_false(run_ms(20));
	peer_down(BERT);
	assert_true(run());
	assert_bytes("s", (const uint8_t *)TEXT, sizeof(TEXT));
	assert_int_equal(peer_of(ANNA)->blocks, 1);
}

static void silent_carrier_is_waited_for_once(void **state)
{
	uint8_t root[32];

	(void)state;
	say_carried("s", root);
	assert_true(run());
	assert_bytes("s", (const uint8_t *)TEXT, sizeof(TEXT));
	assert_int_equal(peer_of(ANNA)->blocks, 1);
	/* It rests: the next file is asked for at once, so that it never is in that state. */
	say_carried("next", root);
	assert_int_equal(w->fetch->count[TICKET_AWAIT_CARRIER], 0);
	assert_true(run());
	assert_int_equal(w->misbehaved, 0);
}

/* It brings the bytes soon after the patience with it has ended: files wait for it again, and longer. */
static void late_carrier_is_not_silent(void **state)
{
	struct fetch_peer *bert = fetch_peer_get(w->fetch, BERT);
	uint8_t root[32];

	(void)state;
	say_carried("s", root);
	assert_true(run());
	assert_int_equal(peer_of(ANNA)->blocks, 1);
	assert_false(carried_may_wait(w->fetch, BERT));
	bert->given_up_ms = fetch_now(w->fetch);
	relay(root, TEXT, sizeof(TEXT));
	assert_true(carried_may_wait(w->fetch, BERT));
	assert_true(bert->brings_ms >= SOON_MS);
	/* But what comes long afterwards does not excuse it. */
	bert->let_wait = 0;
	carried_given_up(w->fetch, bert);
	bert->given_up_ms -= SOON_MS;
	relay(root, TEXT, sizeof(TEXT));
	assert_false(carried_may_wait(w->fetch, BERT));
}

static void gives_up(struct fetch_peer *p)
{
	static const uint8_t other[32] = { 1 };

	carried_given_up(w->fetch, p);
	relay(other, TEXT, 1);
}

/* BERT brings a little too late again and again, and nothing that anybody waits for. */
static void lateness_is_excused_once(void **state)
{
	struct fetch_peer *bert = fetch_peer_get(w->fetch, BERT);
	int64_t rest;

	(void)state;
	gives_up(bert);
	assert_true(carried_may_wait(w->fetch, BERT));
	gives_up(bert);
	assert_false(carried_may_wait(w->fetch, BERT));
	assert_int_equal(bert->brings_ms, 0);
	rest = bert->rests_ms - fetch_now(w->fetch);
	gives_up(bert);
	assert_true(bert->rests_ms - fetch_now(w->fetch) > rest + rest / 2);
	for (int i = 0; i < 100; i++) {
		gives_up(bert);
		assert_in_range(bert->rests_ms - fetch_now(w->fetch), 0, 11 * 60000);
	}
}

/* Then it brings what it is to bring for a while, and is late again. */
static void whoever_brings_in_time_is_excused_again(void **state)
{
	struct fetch_peer *bert = fetch_peer_get(w->fetch, BERT);
	uint8_t root[32];

	(void)state;
	gives_up(bert);
	gives_up(bert);
	bert->rests_ms = 0;
	assert_int_equal(bert->in_time, 0);
	bert->in_time = 63;
	say_carried("s", root);
	turn();
	relay(root, TEXT, sizeof(TEXT));
	assert_true(run());
	gives_up(bert);
	assert_true(carried_may_wait(w->fetch, BERT));
}

/* BERT passed on what ANNA gave it, before it looked: it is not to blame, and nobody waits for it for a while. */
static void wrong_bytes_are_not_taken_and_nobodys_fault(void **state)
{
	uint8_t root[32];
	char lie[sizeof(TEXT)] = "bytes that BERT made up";

	(void)state;
	say_carried("s", root);
	relay(root, lie, sizeof(TEXT));
	assert_true(run());
	assert_bytes("s", (const uint8_t *)TEXT, sizeof(TEXT));
	assert_int_equal(w->misbehaved, 0);
	assert_int_equal(peer_of(ANNA)->blocks, 1);
	assert_false(carried_may_wait(w->fetch, BERT));
}

static void other_length_is_not_taken(void **state)
{
	uint8_t root[32];

	(void)state;
	say_carried("s", root);
	relay(root, TEXT, sizeof(TEXT) - 1);
	assert_true(run());
	assert_bytes("s", (const uint8_t *)TEXT, sizeof(TEXT));
	assert_int_equal(w->misbehaved, 0);
}

static void stranger_is_no_carrier(void **state)
{
	struct record r = peer_next(ANNA, "s", RECORD_FILE);
	size_t peers = HASH_COUNT(w->fetch->peers);

	(void)state;
	have(ANNA, &r, TEXT, sizeof(TEXT), CHUNK);
	fetch_record_carried(w->fetch, ANNA, &r, 12345);
	fetch_records_end(w->fetch, ANNA);
	assert_int_equal(w->fetch->count[TICKET_AWAIT_CARRIER], 0);
	assert_int_equal(HASH_COUNT(w->fetch->peers), peers);
	assert_true(run());
	assert_bytes("s", (const uint8_t *)TEXT, sizeof(TEXT));
	record_clear(&r);
}

/* The maker loses its right to write while its file is on the way; another member has said the same. */
static void what_another_said_too_outlives_the_maker(void **state)
{
	struct record theirs = peer_next(ANNA, "s", RECORD_FILE), mine;

	(void)state;
	have(ANNA, &theirs, TEXT, sizeof(TEXT), CHUNK);
	record_copy(&mine, &theirs);
	have(BERT, &mine, TEXT, sizeof(TEXT), CHUNK);
	mine.seq = ++peer_of(BERT)->seq;
	fetch_record(w->fetch, ANNA, &theirs, (const uint8_t *)TEXT, sizeof(TEXT), NULL);
	say(BERT, &mine, NULL, 0);
	peer_down(ANNA);
	index_offers_forget_peer(w->index, ANNA);
	fetch_peer_left(w->fetch, ANNA);
	assert_true(run());
	assert_bytes("s", (const uint8_t *)TEXT, sizeof(TEXT));
	record_clear(&theirs);
}

static uint64_t via_of(const char *path)
{
	struct record r;
	uint64_t via;

	assert_int_equal(index_get(w->index, path, &r), 1);
	via = r.via;
	record_clear(&r);
	return via;
}

/* It may come back without what it has told: nothing of that was acknowledged. So it is told. */
static void a_row_of_one_that_went_away_is_not_known_to_it(void **state)
{
	uint8_t root[32];

	(void)state;
	say_carried("known", root);
	relay(root, TEXT, sizeof(TEXT));
	assert_true(run());
	assert_int_equal(via_of("known"), ANNA);
	say_carried("s", root);
	peer_down(ANNA);
	relay(root, TEXT, sizeof(TEXT));
	assert_true(run());
	assert_bytes("s", (const uint8_t *)TEXT, sizeof(TEXT));
	assert_int_equal(via_of("s"), 0);
}

static void nor_is_one_that_was_stored_meanwhile(void **state)
{
	uint8_t root[32];

	(void)state;
	say_carried("s", root);
	peer_down(ANNA);
	peer_down(BERT);
	RUN_UNTIL(fetch_unstored(w->fetch, ANNA) == 0);
	peer_up(ANNA);
	assert_true(run());
	assert_bytes("s", (const uint8_t *)TEXT, sizeof(TEXT));
	assert_int_equal(via_of("s"), 0);
}

static void unless_it_says_it_again(void **state)
{
	struct record r = peer_next(ANNA, "s", RECORD_FILE);

	(void)state;
	have(ANNA, &r, TEXT, sizeof(TEXT), CHUNK);
	fetch_record_carried(w->fetch, ANNA, &r, BERT);
	peer_down(ANNA);
	peer_up(ANNA);
	fetch_record_carried(w->fetch, ANNA, &r, BERT);
	relay(r.content.root, TEXT, sizeof(TEXT));
	assert_true(run());
	assert_int_equal(via_of("s"), ANNA);
	record_clear(&r);
}

#define T(name)  cmocka_unit_test_setup_teardown(name, patient_setup, world_teardown)
#define TH(name) cmocka_unit_test_setup_teardown(name, hasty_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_the_carrier_brings_is_asked_of_nobody),
		T(what_it_brings_early_is_kept_a_moment),
		T(a_row_of_one_that_went_away_is_not_known_to_it),
		T(nor_is_one_that_was_stored_meanwhile),
		T(unless_it_says_it_again),
		T(what_nobody_waits_for_takes_bounded_memory),
		T(its_news_bring_the_bytes_too),
		T(its_bare_news_end_the_wait),
		T(what_came_while_a_move_was_awaited_is_not_got_again),
		T(carrier_that_leaves_is_not_waited_for),
		TH(silent_carrier_is_waited_for_once),
		TH(late_carrier_is_not_silent),
		TH(lateness_is_excused_once),
		T(whoever_brings_in_time_is_excused_again),
		T(wrong_bytes_are_not_taken_and_nobodys_fault),
		TH(other_length_is_not_taken),
		T(stranger_is_no_carrier),
		T(what_another_said_too_outlives_the_maker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
