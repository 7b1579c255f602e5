/* Parts of downloads: gone on with after a restart, removed when nobody wants them. */
#include "sync/fetch/fetch_internal.h"
#include "tests/unit/fetch_world.h"

static const size_t BIG = 8 << 20;

static void download_resumes_after_a_restart(void **state)
{
	uint8_t *bytes = noise(BIG * 4, 7);
	uint64_t before;

	(void)state;
	say_file(ANNA, "resumed", bytes, BIG * 4, false);
	RUN_UNTIL(fetch_counters(w->fetch).blocks_received > 100);
	before = fetch_counters(w->fetch).blocks_received;
	fetch_end();
	assert_int_equal(parts_left(), 2);
	fetch_begin();
	fetch_peer_up(w->fetch, ANNA);
	assert_true(run());
	assert_bytes("resumed", bytes, BIG * 4);
	assert_true(fetch_counters(w->fetch).blocks_resumed >= before - 64);
	assert_int_equal(fetch_counters(w->fetch).blocks_resumed + fetch_counters(w->fetch).blocks_received, 512);
	RUN_UNTIL(parts_left() == 0);
	free(bytes);
}

static void lying_map_costs_only_fetching(void **state)
{
	uint8_t *bytes = noise(BIG * 4, 8), zeros[1 << 16] = { 0 };
	char command[400];

	(void)state;
	say_file(ANNA, "mapped", bytes, BIG * 4, false);
	RUN_UNTIL(fetch_counters(w->fetch).blocks_received > 100);
	fetch_end();
	/* A power cut: the map says more than the part has. */
	snprintf(command, sizeof(command),
	         "cd %s/.lanyard/parts && python3 - <<'E'\nimport glob\nm=glob.glob('*.map')[0]\n"
	         "d=bytearray(open(m,'rb').read())\nd[-512:]=b'\\1'*512\nopen(m,'wb').write(d)\n"
	         "p=glob.glob('*.part')[0]\nf=open(p,'r+b')\nf.seek(70000)\nf.write(b'junk')\nE",
	         w->share_dir);
	assert_int_equal(system(command), 0);
	fetch_begin();
	fetch_peer_up(w->fetch, ANNA);
	assert_true(run());
	assert_bytes("mapped", bytes, BIG * 4);
	assert_int_equal(fetch_counters(w->fetch).blocks_resumed + fetch_counters(w->fetch).blocks_received, 512);
	assert_int_equal(w->misbehaved, 0);
	(void)zeros;
	free(bytes);
}

/* What the agent notes when news of a peer has come. */
static void note_told(uint64_t peer)
{
	assert_int_equal(index_peer_put(w->index, peer, &(struct index_peer){ .epoch = 1, .received = 1 }), 0);
}

/* An index that was damaged and rebuilt wants nothing until peers have told what they have. */
static void download_resumes_with_a_new_index(void **state)
{
	uint8_t *bytes = noise(BIG * 4, 7);
	char command[300], *why = NULL;

	(void)state;
	say_file(ANNA, "resumed", bytes, BIG * 4, false);
	RUN_UNTIL(fetch_counters(w->fetch).blocks_received > 100);
	fetch_end();
	index_close(w->index);
	snprintf(command, sizeof(command), "rm %s/index.db*", w->home_dir);
	assert_int_equal(system(command), 0);
	assert_int_equal(index_open(&w->index, w->home_dir, &why), INDEX_NEW);
	fetch_begin();
	(void)run_ms(200);
	assert_int_equal(parts_left(), 2);
	fetch_peer_up(w->fetch, ANNA);
	note_told(ANNA);
	say_file(ANNA, "resumed", bytes, BIG * 4, false);
	assert_true(run());
	assert_bytes("resumed", bytes, BIG * 4);
	assert_true(fetch_counters(w->fetch).blocks_resumed > 0);
	assert_int_equal(fetch_counters(w->fetch).blocks_resumed + fetch_counters(w->fetch).blocks_received, 512);
	RUN_UNTIL(parts_left() == 0);
	free(bytes);
}

static void parts_nobody_wants_are_removed(void **state)
{
	uint8_t *bytes = noise(BIG, 9);

	(void)state;
	peer_of(ANNA)->has_upto = 1 << 20;
	say_file(ANNA, "left", bytes, BIG, false);
	RUN_UNTIL(fetch_counters(w->fetch).blocks_received > 10);
	fetch_end();
	assert_int_equal(parts_left(), 2);
	assert_int_equal(index_offer_forget(w->index, "left", 0), 0);
	note_told(ANNA);
	fetch_begin();
	assert_true(run());
	RUN_UNTIL(parts_left() == 0);
	free(bytes);
}

/* Found by a kill between the rename into the share and the row: nothing would have removed the map before the next
 * start. */
static void map_without_its_part_is_removed(void **state)
{
	uint8_t *bytes = noise(BIG, 9);
	char command[200];

	(void)state;
	peer_of(ANNA)->has_upto = 1 << 20;
	say_file(ANNA, "left", bytes, BIG, false);
	RUN_UNTIL(fetch_counters(w->fetch).blocks_received > 10);
	fetch_end();
	snprintf(command, sizeof(command), "rm %s/.lanyard/parts/*.part", w->share_dir);
	assert_int_equal(system(command), 0);
	assert_int_equal(parts_left(), 1);
	fetch_begin();
	(void)run_ms(200);
	RUN_UNTIL(parts_left() == 0);
	free(bytes);
}

static void part_deleted_by_its_owner_while_we_were_away_is_removed(void **state)
{
	uint8_t *bytes = noise(BIG, 9);
	struct record r;

	(void)state;
	peer_of(ANNA)->has_upto = 1 << 20;
	say_file(ANNA, "left", bytes, BIG, false);
	RUN_UNTIL(fetch_counters(w->fetch).blocks_received > 10);
	note_told(ANNA);
	fetch_end();
	fetch_begin();
	(void)run_ms(200);
	assert_int_equal(parts_left(), 2);
	r = peer_record(ANNA, "left", RECORD_FILE);
	r.deleted = true;
	say(ANNA, &r, NULL, 0);
	RUN_UNTIL(parts_left() == 0);
	assert_true(run());
	free(bytes);
}

static void vanished_want_drops_its_part(void **state)
{
	uint8_t *one = noise(BIG, 10), *two = noise(BIG, 11);

	(void)state;
	peer_of(ANNA)->has_upto = 4 << 20;
	say_file(ANNA, "twice", one, BIG, false);
	RUN_UNTIL(fetch_counters(w->fetch).blocks_received > 10);
	peer_of(ANNA)->has_upto = INT64_MAX;
	say_file(ANNA, "twice", two, BIG, false);
	assert_true(run());
	assert_bytes("twice", two, BIG);
	RUN_UNTIL(parts_left() == 0);
	free(one);
	free(two);
}

/* --- one content, other paths --- */

static void say_deleted(const char *path)
{
	struct record r = peer_record(ANNA, path, RECORD_FILE);

	r.deleted = true;
	say(ANNA, &r, NULL, 0);
}

/* Half of it is here, verified. */
static void fetch_half(const char *path, const uint8_t *bytes)
{
	struct content c = contents(bytes, BIG);
	int fd;

	peer_of(ANNA)->has_upto = (int64_t)BIG / 2;
	say_file(ANNA, path, bytes, BIG, false);
	for (int64_t at = 0; at < (int64_t)BIG / 2; at += CHUNK)
		RUN_UNTIL(get_partial(w->fetch->get, &c, at, CHUNK, &fd) == 1);
	peer_of(ANNA)->has_upto = INT64_MAX;
}

static void renamed_while_it_is_fetched_it_is_gone_on_with(void **state)
{
	uint8_t *bytes = noise(BIG, 24);

	(void)state;
	w->spare_ms = 20000;
	fetch_end();
	fetch_begin();
	fetch_peer_up(w->fetch, ANNA);
	fetch_half("before", bytes);
	say_deleted("before");
	(void)run_ms(100);
	say_dir(ANNA, "d");
	say_file(ANNA, "d/after", bytes, BIG, false);
	assert_true(run());
	assert_bytes("d/after", bytes, BIG);
	assert_false(is_there("before"));
	assert_int_equal(peer_of(ANNA)->bytes, BIG);
	assert_int_equal(fetch_counters(w->fetch).blocks_resumed, BIG / 2 / CHUNK);
	RUN_UNTIL(parts_left() == 0);
	free(bytes);
}

static void the_new_name_may_come_before_the_old_one_goes(void **state)
{
	uint8_t *bytes = noise(BIG, 25);

	(void)state;
	fetch_half("before", bytes);
	say_file(ANNA, "after", bytes, BIG, false);
	turn();
	say_deleted("before");
	assert_true(run());
	assert_bytes("after", bytes, BIG);
	assert_false(is_there("before"));
	assert_int_equal(peer_of(ANNA)->bytes, BIG);
	RUN_UNTIL(parts_left() == 0);
	free(bytes);
}

static void renamed_while_we_were_away_it_is_gone_on_with(void **state)
{
	uint8_t *bytes = noise(BIG, 26);
	struct record r;

	(void)state;
	fetch_half("before", bytes);
	note_told(ANNA);
	fetch_end();
	assert_int_equal(index_offer_forget(w->index, "before", 0), 0);
	r = peer_record(ANNA, "after", RECORD_FILE);
	r.content = contents(bytes, BIG);
	assert_int_equal(index_offer(w->index, ANNA, &r), 0);
	record_clear(&r);
	fetch_begin();
	fetch_peer_up(w->fetch, ANNA);
	assert_true(run());
	assert_bytes("after", bytes, BIG);
	assert_int_equal(peer_of(ANNA)->bytes, BIG);
	RUN_UNTIL(parts_left() == 0);
	free(bytes);
}

static void what_two_paths_want_is_fetched_once(void **state)
{
	uint8_t *bytes = noise(BIG, 27);

	(void)state;
	say_file(ANNA, "one", bytes, BIG, false);
	say_file(ANNA, "two", bytes, BIG, false);
	assert_true(run());
	assert_bytes("one", bytes, BIG);
	assert_bytes("two", bytes, BIG);
	assert_int_equal(peer_of(ANNA)->bytes, BIG);
	RUN_UNTIL(parts_left() == 0);
	free(bytes);
}

/* Nobody has the path any more that it was begun for, but somebody has the other. */
static void a_path_with_a_source_takes_over(void **state)
{
	uint8_t *bytes = noise(BIG, 28);

	(void)state;
	fetch_half("lost", bytes);
	peer_down(ANNA);
	RUN_UNTIL(w->fetch->count[TICKET_WAITING] == 1);
	peer_up(BERT);
	say_file(BERT, "found", bytes, BIG, false);
	RUN_UNTIL(is_there("found"));
	assert_bytes("found", bytes, BIG);
	assert_int_equal(peer_of(BERT)->bytes, BIG / 2);
	free(bytes);
}

enum { ZEROS = 256 << 10, HOLEY = 64 << 20 };

static uint8_t *mostly_zeros(void)
{
	uint8_t *bytes = mem_calloc(HOLEY, 1), *some = noise(4 * ZEROS, 23);

	memcpy(bytes + 20 * (size_t)ZEROS, some, 4 * (size_t)ZEROS);
	free(some);
	return bytes;
}

static void say_holey(const char *path, const uint8_t *bytes)
{
	struct record r = peer_next(ANNA, path, RECORD_FILE);

	have(ANNA, &r, bytes, HOLEY, ZEROS);
	say(ANNA, &r, NULL, 0);
}

static int64_t kilobytes_of(const char *path)
{
	struct stat st;

	assert_int_equal(fstatat(w->root, path, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_blocks / 2;
}

static void zeros_are_neither_asked_for_nor_written(void **state)
{
	uint8_t *bytes = mostly_zeros();

	(void)state;
	say_holey("holey", bytes);
	assert_true(run());
	assert_bytes("holey", bytes, HOLEY);
	assert_int_equal(peer_of(ANNA)->bytes, 4 * ZEROS);
	assert_in_range(kilobytes_of("holey"), 1, 8 * ZEROS / 1024);
	/* Nothing but zeros: nothing has to come for it to be complete. */
	memset(bytes, 0, HOLEY);
	say_holey("nothing", bytes);
	assert_true(run());
	assert_bytes("nothing", bytes, HOLEY);
	assert_int_equal(peer_of(ANNA)->bytes, 4 * ZEROS);
	free(bytes);
}

/* What stands in an old part where zeros belong is made a hole. */
static void zeros_of_an_old_part_are_not_believed(void **state)
{
	uint8_t *bytes = mostly_zeros();
	char command[300];
	struct content c;
	int fd;

	(void)state;
	peer_of(ANNA)->has_upto = 22 * (int64_t)ZEROS;
	say_holey("holey", bytes);
	c = w->fetch->tickets->want.content;
	RUN_UNTIL(get_partial(w->fetch->get, &c, 20 * (int64_t)ZEROS, ZEROS, &fd) == 1 &&
	          get_partial(w->fetch->get, &c, 21 * (int64_t)ZEROS, ZEROS, &fd) == 1);
	fetch_end();
	snprintf(command, sizeof(command),
	         "printf junk | dd of=$(ls %s/.lanyard/parts/*.part) bs=1 seek=5000000 conv=notrunc status=none",
	         w->share_dir);
	assert_int_equal(system(command), 0);
	peer_of(ANNA)->has_upto = INT64_MAX;
	fetch_begin();
	fetch_peer_up(w->fetch, ANNA);
	assert_true(run());
	assert_bytes("holey", bytes, HOLEY);
	assert_int_equal(peer_of(ANNA)->bytes, 4 * ZEROS);
	assert_int_equal(fetch_counters(w->fetch).blocks_resumed, 2);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(download_resumes_after_a_restart, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(lying_map_costs_only_fetching, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(download_resumes_with_a_new_index, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(parts_nobody_wants_are_removed, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(map_without_its_part_is_removed, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(part_deleted_by_its_owner_while_we_were_away_is_removed, world_setup,
		                                world_teardown),
		cmocka_unit_test_setup_teardown(vanished_want_drops_its_part, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(renamed_while_it_is_fetched_it_is_gone_on_with, world_setup,
		                                world_teardown),
		cmocka_unit_test_setup_teardown(the_new_name_may_come_before_the_old_one_goes, world_setup,
		                                world_teardown),
		cmocka_unit_test_setup_teardown(renamed_while_we_were_away_it_is_gone_on_with, world_setup,
		                                world_teardown),
		cmocka_unit_test_setup_teardown(what_two_paths_want_is_fetched_once, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_path_with_a_source_takes_over, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(zeros_are_neither_asked_for_nor_written, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(zeros_of_an_old_part_are_not_believed, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
