/* Fetch and trees: moves that cost nothing, deletions in the right order, kinds that change, folders that must live. */
#include "tests/unit/fetch_world.h"

static struct record tombstone_of(uint64_t id, const char *path)
{
	struct record ours = { 0 }, r;

	assert_int_equal(index_get(w->index, path, &ours), 1);
	r = peer_next(id, path, ours.kind);
	r.deleted = true;
	record_clear(&ours);
	return r;
}

/* A peer's file that has the content, mode and mtime of our row of another path. */
static struct record copy_of(uint64_t id, const char *path, const char *of)
{
	struct record ours = { 0 }, r;

	assert_int_equal(index_get(w->index, of, &ours), 1);
	r = peer_next(id, path, RECORD_FILE);
	r.content = ours.content;
	r.mode = ours.mode;
	r.mtime_ns = ours.mtime_ns;
	record_clear(&ours);
	return r;
}

static void say_moved(const char *from, const char *to, bool gone_first)
{
	struct record gone = tombstone_of(ANNA, from), came = copy_of(ANNA, to, from);

	if (gone_first)
		fetch_record(w->fetch, ANNA, &gone, NULL, 0, NULL);
	fetch_record(w->fetch, ANNA, &came, NULL, 0, NULL);
	if (!gone_first)
		fetch_record(w->fetch, ANNA, &gone, NULL, 0, NULL);
	record_clear(&gone);
	record_clear(&came);
}

static void file_moves_in_one_rename(void **state)
{
	size_t n = 4 << 20;
	uint8_t *bytes = noise(n, 1);
	struct fs_stat before, after;
	uint64_t given;

	(void)state;
	say_file(ANNA, "from", bytes, n, false);
	assert_true(run());
	given = peer_of(ANNA)->bytes;
	assert_int_equal(fs_stat_beneath(w->root, "from", &before), 0);
	say_moved("from", "to", true);
	fetch_records_end(w->fetch, ANNA);
	assert_true(run());
	assert_false(is_there("from"));
	assert_bytes("to", bytes, n);
	assert_int_equal(fs_stat_beneath(w->root, "to", &after), 0);
	assert_int_equal(after.ino, before.ino);
	assert_row_is_true("from");
	assert_row_is_true("to");
	assert_int_equal(peer_of(ANNA)->bytes, given);
	assert_int_equal(fetch_counters(w->fetch).files_renamed, 1);
	assert_int_equal(fetch_counters(w->fetch).blocks_copied, 0);
	free(bytes);
}

static void arrival_before_deletion_is_a_move_too(void **state)
{
	size_t n = 1 << 20;
	uint8_t *bytes = noise(n, 2);

	(void)state;
	say_file(ANNA, "from", bytes, n, false);
	assert_true(run());
	say_moved("from", "to", false);
	fetch_records_end(w->fetch, ANNA);
	assert_true(run());
	assert_bytes("to", bytes, n);
	assert_false(is_there("from"));
	assert_int_equal(fetch_counters(w->fetch).files_renamed, 1);
	free(bytes);
}

enum { QUIET_NS = 40 * 1000000 }; /* less than deletions wait for more news */

static void move_in_two_messages(void **state)
{
	size_t n = 1 << 20;
	uint8_t *bytes = noise(n, 3);
	struct record gone, came;
	uint64_t renamed = 0;

	(void)state;
	for (int first = 0; first < 2; first++) {
		const char *from = first ? "b" : "a", *to = first ? "c" : "b";
		int64_t due;

		if (!first) {
			say_file(ANNA, from, bytes, n, false);
			assert_true(run());
		}
		gone = tombstone_of(ANNA, from);
		came = copy_of(ANNA, to, from);
		say(ANNA, first ? &gone : &came, NULL, 0);
		due = clock_mono_ns() + QUIET_NS;
		loop_turn(w->loop, false);
		loop_turn(w->loop, false);
		say(ANNA, first ? &came : &gone, NULL, 0);
		/* On a machine that took longer the news paused, and nobody waits for the rest of a move. */
		renamed += clock_mono_ns() < due;
		assert_true(run());
		assert_bytes(to, bytes, n);
		assert_false(is_there(from));
		assert_true(fetch_counters(w->fetch).files_renamed >= renamed);
	}
	free(bytes);
}

static void move_takes_new_mode_and_mtime_along(void **state)
{
	struct record gone, came;

	(void)state;
	say_text(ANNA, "from", "text");
	assert_true(run());
	gone = tombstone_of(ANNA, "from");
	came = copy_of(ANNA, "to", "from");
	came.mode = 0600;
	came.mtime_ns += 12345;
	fetch_record(w->fetch, ANNA, &gone, NULL, 0, NULL);
	say(ANNA, &came, NULL, 0);
	record_clear(&gone);
	assert_true(run());
	assert_text("to", "text");
	assert_row_is_true("to");
	assert_int_equal(fetch_counters(w->fetch).files_renamed, 1);
}

static void file_that_moves_over_another_costs_no_content(void **state)
{
	size_t n = 4 << 20;
	uint8_t *one = noise(n, 4), *two = noise(n, 5);
	uint64_t given;

	(void)state;
	say_file(ANNA, "from", one, n, false);
	say_file(ANNA, "to", two, n, false);
	say_text(ANNA, "small", "small");
	say_text(ANNA, "other", "other");
	assert_true(run());
	given = peer_of(ANNA)->bytes;
	say_moved("from", "to", true);
	say_moved("small", "other", true);
	fetch_records_end(w->fetch, ANNA);
	assert_true(run());
	assert_false(is_there("from"));
	assert_false(is_there("small"));
	assert_bytes("to", one, n);
	assert_text("other", "small");
	assert_row_is_true("to");
	assert_row_is_true("from");
	assert_int_equal(peer_of(ANNA)->bytes, given);
	free(one);
	free(two);
}

static void changed_file_is_not_moved(void **state)
{
	struct record r = { 0 };

	(void)state;
	say_text(ANNA, "from", "old text");
	assert_true(run());
	write_text("from", "edited here");
	say_moved("from", "to", true);
	fetch_records_end(w->fetch, ANNA);
	assert_true(run());
	assert_text("to", "old text");
	assert_text("from", "edited here");
	assert_int_equal(index_get(w->index, "from", &r), 1);
	assert_false(r.deleted);
	record_clear(&r);
	assert_row_is_true("from");
	assert_row_is_true("to");
}

static void tree_of_files_moves(void **state)
{
	enum { FILES = 2000 };
	int64_t start;

	(void)state;
	say_dir(ANNA, "old");
	for (int i = 0; i < FILES; i++) {
		char path[64];

		snprintf(path, sizeof(path), "old/%d", i);
		say_file(ANNA, path, path, strlen(path), true);
	}
	assert_true(run());
	start = clock_mono_ns();
	say_gone(ANNA, "old");
	say_dir(ANNA, "new");
	for (int i = 0; i < FILES; i++) {
		char from[64], to[64];

		snprintf(from, sizeof(from), "old/%d", i);
		snprintf(to, sizeof(to), "new/%d", i);
		say_moved(from, to, i % 2 == 0);
	}
	fetch_records_end(w->fetch, ANNA);
	assert_true(run());
	print_message("%d files moved in %d ms\n", FILES, (int)((clock_mono_ns() - start) / 1000000));
	assert_false(is_there("old"));
	assert_int_equal(fetch_counters(w->fetch).files_renamed, FILES);
	assert_int_equal(peer_of(ANNA)->blocks, 0);
	assert_text("new/1999", "old/1999");
	assert_row_is_true("new/77");
	assert_row_is_true("old/77");
	assert_int_equal(index_totals(w->index).files, FILES);
	RUN_UNTIL(parts_left() == 0);
}

static void file_becomes_a_folder_and_back(void **state)
{
	(void)state;
	say_text(ANNA, "x", "a file");
	assert_true(run());
	say_dir(ANNA, "x");
	say_text(ANNA, "x/y", "inside");
	assert_true(run());
	assert_text("x/y", "inside");
	assert_row_is_true("x");
	say_text(ANNA, "x", "a file again");
	say_gone(ANNA, "x/y");
	assert_true(run());
	assert_text("x", "a file again");
	assert_row_is_true("x");
	assert_row_is_true("x/y");
	say_link(ANNA, "x", "target");
	assert_true(run());
	assert_row_is_true("x");
	say_text(ANNA, "x", "file");
	assert_true(run());
	assert_text("x", "file");
	RUN_UNTIL(parts_left() == 0);
}

static void folder_with_something_new_lives(void **state)
{
	struct record r = { 0 };

	(void)state;
	say_dir(ANNA, "d");
	say_text(ANNA, "d/known", "x");
	assert_true(run());
	/* Written here, not scanned yet. */
	write_text("d/mine", "mine");
	say_gone(ANNA, "d/known");
	say_gone(ANNA, "d");
	assert_true(run());
	assert_text("d/mine", "mine");
	assert_false(is_there("d/known"));
	assert_int_equal(index_get(w->index, "d", &r), 1);
	assert_false(r.deleted);
	/* Newer than the deletion: everybody else will make it again. */
	assert_int_equal(r.modified_by, ME);
	record_clear(&r);
	assert_row_is_true("d/mine");
}

static void file_in_a_living_folders_place_is_put_aside(void **state)
{
	struct record r = { 0 };

	(void)state;
	say_dir(ANNA, "d");
	assert_true(run());
	write_text("d/mine", "mine");
	say_text(ANNA, "d", "now a file");
	assert_true(run());
	assert_text("d/mine", "mine");
	assert_int_equal(w->nconflicts, 1);
	assert_text(w->conflicts[0], "now a file");
	assert_row_is_true(w->conflicts[0]);
	assert_int_equal(index_get(w->index, "d", &r), 1);
	assert_int_equal(r.kind, RECORD_DIR);
	assert_int_equal(r.modified_by, ME);
	record_clear(&r);
}

static void folder_of_ignored_files_stays_with_a_reason(void **state)
{
	(void)state;
	write_text(".lanyardignore", "*.o\n");
	assert_true(share_take_rules(w->share, share_read_rules(share_root(w->share))));
	say_dir(ANNA, "d");
	assert_true(run());
	write_text("d/a.o", "object");
	say_gone(ANNA, "d");
	RUN_UNTIL(w->nproblems == 1);
	assert_true(is_there("d/a.o"));
	assert_false(fetch_idle(w->fetch));
	assert_int_equal(fetch_unstored(w->fetch, ANNA), 0);
	assert_int_equal(unlinkat(w->root, "d/a.o", 0), 0);
	assert_true(run());
	assert_false(is_there("d"));
}

static void symlink_planted_as_a_parent_is_not_followed(void **state)
{
	char path[160];

	(void)state;
	snprintf(path, sizeof(path), "%s/outside", w->dir);
	assert_int_equal(mkdir(path, 0755), 0);
	say_dir(ANNA, "d");
	assert_true(run());
	assert_int_equal(unlinkat(w->root, "d", AT_REMOVEDIR), 0);
	assert_int_equal(symlinkat(path, w->root, "d"), 0);
	w->scan_hints = false;
	say_text(ANNA, "d/evil", "x");
	assert_false(run_ms(400));
	snprintf(path, sizeof(path), "%s/outside/evil", w->dir);
	assert_int_equal(access(path, F_OK), -1);
	assert_true(w->nhints > 0);
	assert_string_equal(w->hints[0], "d");
}

static void vanished_share_is_no_place_to_install(void **state)
{
	char moved[160];

	(void)state;
	say_text(ANNA, "a", "a");
	assert_true(run());
	snprintf(moved, sizeof(moved), "%s/elsewhere", w->dir);
	assert_int_equal(rename(w->share_dir, moved), 0);
	assert_int_equal(mkdir(w->share_dir, 0755), 0);
	say_gone(ANNA, "a");
	say_text(ANNA, "b", "b");
	assert_false(run_ms(300));
	assert_int_equal(rmdir(w->share_dir), 0);
	assert_int_equal(rename(moved, w->share_dir), 0);
	assert_true(run());
	assert_false(is_there("a"));
	assert_text("b", "b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(file_moves_in_one_rename, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(arrival_before_deletion_is_a_move_too, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(move_in_two_messages, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(move_takes_new_mode_and_mtime_along, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(file_that_moves_over_another_costs_no_content, world_setup,
		                                world_teardown),
		cmocka_unit_test_setup_teardown(changed_file_is_not_moved, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(tree_of_files_moves, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(file_becomes_a_folder_and_back, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(folder_with_something_new_lives, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(file_in_a_living_folders_place_is_put_aside, world_setup,
		                                world_teardown),
		cmocka_unit_test_setup_teardown(folder_of_ignored_files_stays_with_a_reason, world_setup,
		                                world_teardown),
		cmocka_unit_test_setup_teardown(symlink_planted_as_a_parent_is_not_followed, world_setup,
		                                world_teardown),
		cmocka_unit_test_setup_teardown(vanished_share_is_no_place_to_install, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
