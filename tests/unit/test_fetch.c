/* Fetch: what peers have comes to stand in the share, whole, with its row. */
#include "tests/unit/fetch_world.h"

static void small_file_with_bytes_is_installed(void **state)
{
	struct record r = { 0 };

	(void)state;
	say_text(ANNA, "hello.txt", "hello, world\n");
	assert_int_equal(fetch_unstored(w->fetch, ANNA), 1);
	assert_true(fetch_unstored_bytes(w->fetch) > 0);
	assert_true(run());
	assert_text("hello.txt", "hello, world\n");
	assert_row_is_true("hello.txt");
	assert_int_equal(fetch_unstored(w->fetch, ANNA), 0);
	assert_int_equal(fetch_unstored_bytes(w->fetch), 0);
	assert_int_equal(index_get(w->index, "hello.txt", &r), 1);
	assert_int_equal(r.via, ANNA);
	record_clear(&r);
	RUN_UNTIL(parts_left() == 0);
	assert_int_equal(w->ninstalled, 1);
	assert_int_equal(w->nhints, 0);
}

/* What this agent does not want is remembered, not got, and leaves nothing to do; once it is wanted it is there for the
 * asking. */
static void unwanted_file_is_left_with_the_peer(void **state)
{
	static const struct choose_rule rules[] = { { "wanted", true } };
	static const struct choices on_demand = { .mode = CHOOSE_ON_DEMAND, .rules = rules, .nrules = 1 };
	static const struct choices mirror = { .mode = CHOOSE_MIRROR };

	(void)state;
	assert_int_equal(index_choose(w->index, &on_demand), 0);
	say_text(ANNA, "big", "left alone");
	say_text(ANNA, "wanted", "got");
	assert_true(run());
	assert_false(is_there("big"));
	assert_text("wanted", "got");
	assert_true(fetch_idle(w->fetch));
	assert_true(index_is_offered(w->index, "big"));
	assert_int_equal(index_wants_missing(w->index), 0);
	assert_int_equal(index_settled(w->index, ANNA, peer_of(ANNA)->seq), peer_of(ANNA)->seq);
	say_text(BERT, "big", "left alone");
	assert_true(run());
	assert_false(is_there("big"));
	assert_int_equal(index_choose(w->index, &mirror), 0);
	assert_false(fetch_idle(w->fetch));
}

static void big_file_is_fetched(void **state)
{
	size_t n = 10 << 20;
	uint8_t *bytes = noise(n, 1);

	(void)state;
	say_file(ANNA, "big", bytes, n, false);
	assert_int_equal(fetch_unstored(w->fetch, ANNA), 0);
	assert_int_equal(index_wants_missing(w->index), 1);
	assert_true(run());
	assert_bytes("big", bytes, n);
	assert_row_is_true("big");
	RUN_UNTIL(parts_left() == 0);
	assert_int_equal(fetch_counters(w->fetch).blocks_received, 160);
	assert_int_equal(peer_of(ANNA)->bytes, n);
	/* A list of 160 came in two pieces. */
	assert_int_equal(peer_of(ANNA)->lists, 2);
	free(bytes);
}

static void big_file_replaces_the_one_before(void **state)
{
	size_t n = 3 << 20;
	uint8_t *one = noise(n, 1), *two = noise(n + 5, 2);

	(void)state;
	say_file(ANNA, "big", one, n, false);
	assert_true(run());
	say_file(ANNA, "big", two, n + 5, false);
	assert_true(run());
	assert_bytes("big", two, n + 5);
	assert_row_is_true("big");
	RUN_UNTIL(parts_left() == 0);
	free(one);
	free(two);
}

static void small_file_without_bytes_is_asked_for(void **state)
{
	(void)state;
	say_file(ANNA, "a", "asked", 5, false);
	assert_int_equal(fetch_unstored(w->fetch, ANNA), 0);
	assert_true(run());
	assert_text("a", "asked");
	assert_row_is_true("a");
	assert_int_equal(peer_of(ANNA)->lists, 0);
}

/* A folder of several people's has its setgid bit from the one above, whatever mode a peer gives it, and nobody is told
 * of it. */
static void a_folder_keeps_the_special_bits_it_has_here(void **state)
{
	struct record r;
	struct fs_stat st;

	(void)state;
	assert_int_equal(fchmod(w->root, 02775), 0);
	say_dir(ANNA, "d");
	assert_true(run());
	assert_int_equal(fs_stat_beneath(w->root, "d", &st), 0);
	assert_int_equal(st.special, 02000);
	assert_row_is_true("d");
	assert_int_equal(fchmodat(w->root, "d", 03755, 0), 0);
	r = peer_next(ANNA, "d", RECORD_DIR);
	r.mode = 0750;
	say(ANNA, &r, NULL, 0);
	assert_true(run());
	assert_int_equal(fs_stat_beneath(w->root, "d", &st), 0);
	assert_int_equal(st.mode, 0750);
	assert_int_equal(st.special, 03000);
	assert_row_is_true("d");
}

static void every_kind_and_mode_is_kept(void **state)
{
	struct record r;
	struct fs_stat st;
	char *target;
	int fd;

	(void)state;
	say_dir(ANNA, "d");
	say_link(ANNA, "d/link", "../nowhere\nelse");
	r = peer_next(ANNA, "d/empty", RECORD_FILE);
	r.mode = 0755;
	r.mtime_ns = -1;
	say(ANNA, &r, NULL, 0);
	r = peer_next(ANNA, "d/locked", RECORD_DIR);
	r.mode = 0500;
	say(ANNA, &r, NULL, 0);
	assert_true(run());
	assert_int_equal(fs_stat_beneath(w->root, "d/empty", &st), 0);
	assert_int_equal(st.size, 0);
	assert_int_equal(st.mode, 0755);
	assert_int_equal(st.mtime_ns, -1);
	fd = fs_open(w->root, "d", O_RDONLY | O_DIRECTORY, 0);
	target = fs_readlink_at(fd, "link");
	assert_string_equal(target, "../nowhere\nelse");
	free(target);
	close(fd);
	assert_row_is_true("d");
	assert_row_is_true("d/link");
	assert_row_is_true("d/empty");
	assert_row_is_true("d/locked");
}

static void holes_survive(void **state)
{
	size_t n = 32 << 20;
	uint8_t *bytes = mem_calloc(n, 1), *small = mem_calloc(60000, 1);
	struct stat st;
	char path[160];

	(void)state;
	memcpy(bytes + (5 << 20) + 77, "something", 9);
	say_file(ANNA, "sparse", bytes, n, false);
	say_file(ANNA, "small", small, 60000, true);
	assert_true(run());
	assert_bytes("sparse", bytes, n);
	snprintf(path, sizeof(path), "%s/sparse", w->share_dir);
	assert_int_equal(stat(path, &st), 0);
	assert_in_range(st.st_blocks, 1, 512);
	snprintf(path, sizeof(path), "%s/small", w->share_dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 60000);
	assert_in_range(st.st_blocks, 0, 32);
	free(bytes);
	free(small);
}

static void metadata_alone_costs_no_content(void **state)
{
	struct record r;
	struct fs_stat before, st;

	(void)state;
	say_text(ANNA, "m", "content");
	assert_true(run());
	assert_int_equal(fs_stat_beneath(w->root, "m", &before), 0);
	r = peer_next(ANNA, "m", RECORD_FILE);
	r.content = contents("content", 7);
	r.mode = 0600;
	say(ANNA, &r, NULL, 0);
	assert_true(run());
	assert_int_equal(fs_stat_beneath(w->root, "m", &st), 0);
	assert_int_equal(st.ino, before.ino);
	assert_int_equal(st.mode, 0600);
	assert_row_is_true("m");
	assert_int_equal(peer_of(ANNA)->blocks, 0);
}

/* The other name, which nobody said anything of, keeps its own. */
static void a_mode_and_time_are_set_of_one_hard_link_alone(void **state)
{
	struct record r;
	struct fs_stat before, st;

	(void)state;
	say_text(ANNA, "m", "content");
	assert_true(run());
	assert_int_equal(linkat(w->root, "m", w->root, "other", 0), 0);
	scan_path("m");
	scan_path("other");
	assert_int_equal(fs_stat_beneath(w->root, "other", &before), 0);
	r = peer_next(ANNA, "m", RECORD_FILE);
	r.content = contents("content", 7);
	r.mode = 0600;
	r.mtime_ns = before.mtime_ns + 1000000000;
	say(ANNA, &r, NULL, 0);
	assert_true(run());
	assert_int_equal(fs_stat_beneath(w->root, "m", &st), 0);
	assert_int_equal(st.mode, 0600);
	assert_int_equal(st.mtime_ns, before.mtime_ns + 1000000000);
	assert_text("m", "content");
	assert_row_is_true("m");
	assert_int_equal(fs_stat_beneath(w->root, "other", &st), 0);
	assert_int_equal(st.mode, before.mode);
	assert_int_equal(st.mtime_ns, before.mtime_ns);
	assert_int_equal(peer_of(ANNA)->blocks, 0);
}

static void a_hard_link_that_moves_takes_no_other_name_along(void **state)
{
	struct record r;
	struct fs_stat before, st;

	(void)state;
	say_text(ANNA, "m", "content");
	assert_true(run());
	assert_int_equal(linkat(w->root, "m", w->root, "other", 0), 0);
	scan_path("m");
	scan_path("other");
	assert_int_equal(fs_stat_beneath(w->root, "other", &before), 0);
	say_gone(ANNA, "m");
	r = peer_next(ANNA, "moved", RECORD_FILE);
	r.content = contents("content", 7);
	r.mode = 0600;
	r.mtime_ns = before.mtime_ns + 1000000000;
	say(ANNA, &r, NULL, 0);
	assert_true(run());
	assert_false(is_there("m"));
	assert_text("moved", "content");
	assert_row_is_true("moved");
	assert_int_equal(fs_stat_beneath(w->root, "moved", &st), 0);
	assert_int_equal(st.mode, 0600);
	assert_int_equal(fs_stat_beneath(w->root, "other", &st), 0);
	assert_int_equal(st.mode, before.mode);
	assert_int_equal(st.mtime_ns, before.mtime_ns);
}

static void deletions_come_after_their_content(void **state)
{
	(void)state;
	say_dir(ANNA, "d");
	say_dir(ANNA, "d/e");
	say_text(ANNA, "d/e/f", "x");
	assert_true(run());
	say_gone(ANNA, "d");
	say_gone(ANNA, "d/e");
	say_gone(ANNA, "d/e/f");
	assert_true(run());
	assert_false(is_there("d"));
	assert_row_is_true("d");
	assert_row_is_true("d/e/f");
	RUN_UNTIL(parts_left() == 0);
	assert_int_equal(fetch_unstored(w->fetch, ANNA), 0);
}

static void tombstones_of_the_unknown_are_rows_at_once(void **state)
{
	struct record r = peer_record(ANNA, "never", RECORD_FILE);

	(void)state;
	assert_true(run());
	r.deleted = true;
	say(ANNA, &r, NULL, 0);
	assert_true(fetch_idle(w->fetch));
	assert_int_equal(index_get(w->index, "never", &r), 1);
	assert_true(r.deleted);
	assert_int_equal(r.via, ANNA);
	record_clear(&r);
}

static void children_may_come_before_their_folder(void **state)
{
	struct record r;

	(void)state;
	say_text(ANNA, "late/child", "x");
	r = peer_next(ANNA, "late", RECORD_DIR);
	r.mode = 0711;
	for (int i = 0; i < 10; i++)
		turn();
	say(ANNA, &r, NULL, 0);
	assert_true(run());
	assert_text("late/child", "x");
	assert_row_is_true("late");
	assert_row_is_true("late/child");
}

static void a_child_without_folder_does_not_wait_for_ever(void **state)
{
	(void)state;
	say_text(ANNA, "lost/child", "x");
	assert_true(run());
	assert_text("lost/child", "x");
}

static void five_thousand_small_files(void **state)
{
	int64_t start = clock_mono_ns();

	(void)state;
	for (int i = 0; i < 5000; i++) {
		char path[64], text[64];

		snprintf(path, sizeof(path), "dir%d", i / 100);
		if (i % 100 == 0)
			say_dir(ANNA, path);
		snprintf(path, sizeof(path), "dir%d/file%d", i / 100, i);
		snprintf(text, sizeof(text), "this is file %d", i);
		say_file(ANNA, path, text, strlen(text), i % 2 == 0);
		if (i % 500 == 499)
			turn();
	}
	assert_true(run());
	for (int i = 0; i < 5000; i += 7) {
		char path[64], text[64];

		snprintf(path, sizeof(path), "dir%d/file%d", i / 100, i);
		snprintf(text, sizeof(text), "this is file %d", i);
		assert_text(path, text);
		assert_row_is_true(path);
	}
	assert_int_equal(index_totals(w->index).files, 5000);
	assert_int_equal(fetch_counters(w->fetch).files_installed, 5000);
	RUN_UNTIL(parts_left() == 0);
	print_message("5,000 files in %d ms\n", (int)((clock_mono_ns() - start) / 1000000));
}

static void more_paths_than_tickets(void **state)
{
	(void)state;
	/* Nobody has them: they are remembered, then looked at again when somebody comes. */
	peer_down(ANNA);
	for (int i = 0; i < 6000; i++) {
		char path[64];

		snprintf(path, sizeof(path), "f%d", i);
		say_file(ANNA, path, path, strlen(path), false);
		if (i % 500 == 0)
			turn();
	}
	assert_int_equal(index_wants_missing(w->index), 6000);
	assert_false(run_ms(300));
	peer_up(ANNA);
	assert_true(run());
	assert_int_equal(index_totals(w->index).files, 6000);
	assert_text("f5999", "f5999");
}

static void paused_remembers_and_resumes(void **state)
{
	size_t n = 2 << 20;
	uint8_t *bytes = noise(n, 3);

	(void)state;
	say_file(ANNA, "before", bytes, n, false);
	turn();
	fetch_pause(w->fetch, true);
	say_text(ANNA, "small", "x");
	assert_int_equal(fetch_unstored(w->fetch, ANNA), 0);
	assert_false(run_ms(200));
	assert_false(is_there("small"));
	assert_false(is_there("before"));
	fetch_pause(w->fetch, false);
	assert_true(run());
	assert_text("small", "x");
	assert_bytes("before", bytes, n);
	free(bytes);
}

static void repair_fetches_the_rows_own_content(void **state)
{
	size_t n = 1 << 20;
	uint8_t *bytes = noise(n, 4), one = 1;
	struct timespec times[2];
	struct record r = { 0 }, after = { 0 };
	struct seen seen;
	struct fs_stat st;
	int fd;

	(void)state;
	say_file(ANNA, "rotten", bytes, n, false);
	say_text(ANNA, "soft", "soft");
	assert_true(run());
	assert_int_equal(index_get(w->index, "rotten", &r), 1);
	fd = fs_open(w->root, "rotten", O_RDWR, 0);
	assert_int_equal(fs_pwrite_all(fd, &one, 1, 500000), 0);
	times[0].tv_nsec = UTIME_OMIT;
	times[1] = (struct timespec){ r.mtime_ns / 1000000000, r.mtime_ns % 1000000000 };
	assert_int_equal(futimens(fd, times), 0);
	assert_int_equal(fs_stat_fd(fd, &st), 0);
	close(fd);
	/* As rot would leave it: to the row it looks untouched. */
	seen = r.seen;
	seen.ctime_ns = st.ctime_ns;
	assert_int_equal(index_touch(w->index, "rotten", &seen), 0);
	fetch_repair(w->fetch, "rotten");
	fetch_repair(w->fetch, "soft");
	assert_true(run());
	assert_bytes("rotten", bytes, n);
	assert_row_is_true("rotten");
	assert_row_is_true("soft");
	assert_int_equal(index_get(w->index, "rotten", &after), 1);
	assert_int_equal(after.seq, r.seq);
	record_clear(&r);
	record_clear(&after);
	free(bytes);
}

static bool note_download(void *arg, const struct fetch_download *d)
{
	struct fetch_download *last = arg;

	if (strcmp(d->path, "big") == 0)
		*last = *d;
	return true;
}

static void downloads_are_shown(void **state)
{
	size_t n = 4 << 20;
	uint8_t *bytes = noise(n, 5);
	struct fetch_download d = { 0 };

	(void)state;
	peer_of(ANNA)->mute = true;
	say_file(ANNA, "big", bytes, n, false);
	turn();
	fetch_downloads(w->fetch, note_download, &d);
	assert_int_equal(d.size, n);
	assert_false(d.complete);
	assert_null(d.reason);
	peer_down(ANNA);
	RUN_UNTIL((fetch_downloads(w->fetch, note_download, &d), d.reason != NULL));
	peer_of(ANNA)->mute = false;
	peer_up(ANNA);
	assert_true(run());
	d = (struct fetch_download){ 0 };
	fetch_downloads(w->fetch, note_download, &d);
	assert_true(d.complete);
	assert_int_equal(d.done, n);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(small_file_with_bytes_is_installed, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(unwanted_file_is_left_with_the_peer, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(big_file_is_fetched, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(big_file_replaces_the_one_before, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(small_file_without_bytes_is_asked_for, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(every_kind_and_mode_is_kept, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_folder_keeps_the_special_bits_it_has_here, world_setup,
		                                world_teardown),
		cmocka_unit_test_setup_teardown(holes_survive, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(metadata_alone_costs_no_content, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_mode_and_time_are_set_of_one_hard_link_alone, world_setup,
		                                world_teardown),
		cmocka_unit_test_setup_teardown(a_hard_link_that_moves_takes_no_other_name_along, world_setup,
		                                world_teardown),
		cmocka_unit_test_setup_teardown(deletions_come_after_their_content, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(tombstones_of_the_unknown_are_rows_at_once, world_setup,
		                                world_teardown),
		cmocka_unit_test_setup_teardown(children_may_come_before_their_folder, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_child_without_folder_does_not_wait_for_ever, world_setup,
		                                world_teardown),
		cmocka_unit_test_setup_teardown(five_thousand_small_files, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(more_paths_than_tickets, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(paused_remembers_and_resumes, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(repair_fetches_the_rows_own_content, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(downloads_are_shown, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
