/* Fetch: what peers have comes to stand in the share, whole, with its row. */
#include "tests/unit/fetch_world.h"

static void small_file_with_bytes_is_installed(void **state)
{
	struct record r = { 0 };

	(void)state;
	say_text(ANNA, "hello.txt", "hello, world\n");
	assert_int_equal(fetch_held(w->fetch, ANNA), 1);
	assert_true(fetch_held_bytes(w->fetch) > 0);
	assert_true(run());
	assert_text("hello.txt", "hello, world\n");
	assert_row_is_true("hello.txt");
	assert_int_equal(fetch_held(w->fetch, ANNA), 0);
	assert_int_equal(fetch_held_bytes(w->fetch), 0);
	assert_int_equal(index_get(w->index, "hello.txt", &r), 1);
	assert_int_equal(r.via, ANNA);
	record_clear(&r);
	assert_int_equal(parts_left(), 0);
	assert_int_equal(w->ninstalled, 1);
	assert_int_equal(w->nhints, 0);
}

static void big_file_is_fetched(void **state)
{
	size_t n = 10 << 20;
	uint8_t *bytes = noise(n, 1);

	(void)state;
	say_file(ANNA, "big", bytes, n, false);
	assert_int_equal(fetch_held(w->fetch, ANNA), 0);
	assert_int_equal(index_wanted_count(w->index), 1);
	assert_true(run());
	assert_bytes("big", bytes, n);
	assert_row_is_true("big");
	assert_int_equal(parts_left(), 0);
	assert_int_equal(fetch_counters(w->fetch).blocks_received, 160);
	assert_int_equal(peer_of(ANNA)->bytes, n);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(small_file_with_bytes_is_installed, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(big_file_is_fetched, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
