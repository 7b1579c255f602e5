/* Moves: the record of a file whose content is here under another name is in memory, unacknowledged, until the file has
 * moved; it is stored only when its content has to be got after all. */
#include "tests/unit/fetch_world.h"

enum { BIG = 3 * CHUNK };

/* Anna has this file too, without its bytes in the record. Returns its number. */
static uint64_t say_copy(const char *path, const void *bytes, size_t n)
{
	struct record r = peer_next(ANNA, path, RECORD_FILE);

	have(ANNA, &r, bytes, n, CHUNK);
	say(ANNA, &r, NULL, 0);
	return peer_of(ANNA)->seq;
}

static void a_move_is_never_stored(void **state)
{
	uint64_t seq;

	(void)state;
	say_text(ANNA, "from", "moving");
	assert_true(run());
	seq = say_copy("to", "moving", 6);
	assert_int_equal(fetch_unstored(w->fetch, ANNA), seq);
	say_gone(ANNA, "from");
	turn();
	assert_false(index_is_offered(w->index, "to"));
	assert_false(index_is_offered(w->index, "from"));
	assert_int_equal(fetch_unstored(w->fetch, ANNA), seq);
	assert_true(run());
	assert_int_equal(fetch_counters(w->fetch).files_renamed, 1);
	assert_text("to", "moving");
	assert_false(is_there("from"));
	assert_row_is_true("to");
	assert_int_equal(fetch_unstored(w->fetch, ANNA), 0);
	assert_int_equal(fetch_unstored_bytes(w->fetch), 0);
	assert_int_equal(peer_of(ANNA)->blocks, 0);
}

static void what_has_to_be_got_after_all_is_stored(void **state)
{
	uint8_t *bytes = noise(BIG, 5);
	uint64_t seq;

	(void)state;
	say_file(ANNA, "from", bytes, BIG, false);
	assert_true(run());
	assert_int_equal(unlinkat(w->root, "from", 0), 0);
	peer_of(ANNA)->mute = true;
	seq = say_copy("to", bytes, BIG);
	assert_int_equal(fetch_unstored(w->fetch, ANNA), seq);
	RUN_UNTIL(fetch_unstored(w->fetch, ANNA) == 0);
	assert_true(index_is_offered(w->index, "to"));
	assert_int_equal(index_wants_missing(w->index), 1);
	peer_of(ANNA)->mute = false;
	peer_down(ANNA);
	peer_up(ANNA);
	assert_true(run());
	assert_bytes("to", bytes, BIG);
	free(bytes);
}

/* What nobody here has needs no wait in memory. */
static void a_new_content_is_stored_at_once(void **state)
{
	uint8_t *bytes = noise(BIG, 6);

	(void)state;
	(void)say_copy("new", bytes, BIG);
	assert_int_equal(fetch_unstored(w->fetch, ANNA), 0);
	assert_true(index_is_offered(w->index, "new"));
	assert_true(run());
	assert_bytes("new", bytes, BIG);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_move_is_never_stored, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(what_has_to_be_got_after_all_is_stored, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_new_content_is_stored_at_once, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
