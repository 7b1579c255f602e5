/* Fetch and people who write to the same files: nothing they wrote is lost, whenever they wrote it. */
#include "tests/unit/fetch_world.h"

#include "sync/fetch/install_job.h"

/* --- a person who writes at the worst moment --- */

static enum install_step act_at;
static const char *act_on, *act_text;
static bool act_by_rename, act_once;
static void (*act_other)(void);

static void act(enum install_step step, const char *path)
{
	if (step != act_at || act_on == NULL || strcmp(path, act_on) != 0)
		return;
	act_on = NULL;
	if (act_other != NULL) {
		act_other();
	} else if (act_by_rename) {
		write_text("tmp~", act_text);
		assert_int_equal(renameat(w->root, "tmp~", w->root, path), 0);
	} else {
		write_text(path, act_text);
	}
}

static void act_when(enum install_step step, const char *path, const char *text, bool by_rename)
{
	act_at = step;
	act_on = path;
	act_text = text;
	act_by_rename = by_rename;
	act_other = NULL;
	act_once = true;
	install_set_hook(act);
}

static int teardown(void **state)
{
	install_set_hook(NULL);
	return world_teardown(state);
}

/* Somewhere in the share, in a file of any name. */
static bool text_is_somewhere(const char *text)
{
	char command[300];

	snprintf(command, sizeof(command), "grep -rqxF '%s' %s --exclude-dir=.lanyard", text, w->share_dir);
	return system(command) == 0;
}

/* --- conflicts that records show --- */

static void concurrent_edit_becomes_a_conflict_copy(void **state)
{
	struct record ours = { 0 }, theirs = peer_record(ANNA, "c.txt", RECORD_FILE), copy = { 0 };
	char *name;

	(void)state;
	write_text("c.txt", "ours");
	scan_path("c.txt");
	assert_int_equal(index_get(w->index, "c.txt", &ours), 1);
	theirs.mtime_ns = ours.mtime_ns + 1000000000;
	have(ANNA, &theirs, "theirs", 6, CHUNK);
	say(ANNA, &theirs, "theirs", 6);
	assert_true(run());
	assert_text("c.txt", "theirs");
	assert_int_equal(w->nconflicts, 1);
	name = conflict_name(&ours, 0);
	assert_string_equal(w->conflicts[0], name);
	assert_text(name, "ours");
	assert_row_is_true(name);
	assert_row_is_true("c.txt");
	assert_int_equal(index_get(w->index, name, &copy), 1);
	assert_true(content_equal(&copy.content, &ours.content));
	assert_int_equal(w->nhints, 0);
	assert_int_equal(parts_left(), 0);
	free(name);
	record_clear(&copy);
	record_clear(&ours);
}

/* A peer only touched the file; ours, which nobody had seen yet, is another one. Then the touched one's content is needed,
 * and its record, which was only held, must be where sources are looked for. */
static void unseen_edit_of_a_touched_file_is_kept(void **state)
{
	struct record theirs;

	(void)state;
	say_text(ANNA, "c.txt", "base");
	assert_true(run());
	theirs = peer_next(ANNA, "c.txt", RECORD_FILE);
	have(ANNA, &theirs, "base", 4, CHUNK);
	write_text("c.txt", "ours");
	say(ANNA, &theirs, NULL, 0);
	assert_true(run());
	assert_text("c.txt", "base");
	assert_int_equal(w->nconflicts, 1);
	assert_text(w->conflicts[0], "ours");
	assert_row_is_true("c.txt");
	assert_row_is_true(w->conflicts[0]);
}

static void our_winner_stays(void **state)
{
	struct record ours = { 0 }, theirs = peer_record(ANNA, "c.txt", RECORD_FILE);

	(void)state;
	write_text("c.txt", "ours");
	scan_path("c.txt");
	assert_int_equal(index_get(w->index, "c.txt", &ours), 1);
	theirs.mtime_ns = ours.mtime_ns - 1000000000;
	theirs.content = contents("theirs", 6);
	say(ANNA, &theirs, "theirs", 6);
	assert_true(run());
	assert_text("c.txt", "ours");
	assert_int_equal(w->nconflicts, 0);
	record_clear(&ours);
}

static void taken_conflict_name_gets_a_number(void **state)
{
	struct record ours = { 0 }, theirs = peer_record(ANNA, "c.txt", RECORD_FILE);
	char *taken, *next;

	(void)state;
	write_text("c.txt", "ours");
	scan_path("c.txt");
	assert_int_equal(index_get(w->index, "c.txt", &ours), 1);
	taken = conflict_name(&ours, 0);
	next = conflict_name(&ours, 1);
	write_text(taken, "something else");
	theirs.mtime_ns = ours.mtime_ns + 1000000000;
	theirs.content = contents("theirs", 6);
	say(ANNA, &theirs, "theirs", 6);
	assert_true(run());
	assert_text("c.txt", "theirs");
	assert_text(taken, "something else");
	assert_text(next, "ours");
	free(taken);
	free(next);
	record_clear(&ours);
}

static void equal_conflict_copy_is_not_made_twice(void **state)
{
	struct record ours = { 0 }, theirs = peer_record(ANNA, "c.txt", RECORD_FILE);
	char *taken, *next;

	(void)state;
	write_text("c.txt", "ours");
	scan_path("c.txt");
	assert_int_equal(index_get(w->index, "c.txt", &ours), 1);
	taken = conflict_name(&ours, 0);
	next = conflict_name(&ours, 1);
	write_text(taken, "ours");
	scan_path(taken);
	theirs.mtime_ns = ours.mtime_ns + 1000000000;
	theirs.content = contents("theirs", 6);
	say(ANNA, &theirs, "theirs", 6);
	assert_true(run());
	assert_text("c.txt", "theirs");
	assert_text(taken, "ours");
	assert_false(is_there(next));
	free(taken);
	free(next);
	record_clear(&ours);
}

static void folder_beats_file_which_is_kept(void **state)
{
	struct record ours = { 0 }, theirs = peer_record(ANNA, "c", RECORD_DIR);
	char *name;

	(void)state;
	write_text("c", "ours");
	scan_path("c");
	assert_int_equal(index_get(w->index, "c", &ours), 1);
	name = conflict_name(&ours, 0);
	say(ANNA, &theirs, NULL, 0);
	say_text(ANNA, "c/inside", "x");
	assert_true(run());
	assert_text("c/inside", "x");
	assert_text(name, "ours");
	assert_row_is_true("c");
	assert_row_is_true(name);
	free(name);
	record_clear(&ours);
}

/* --- edits that no row tells of --- */

static void unseen_edit_is_found_before_the_rename(void **state)
{
	(void)state;
	say_text(ANNA, "e", "version one");
	assert_true(run());
	write_text("e", "my edit");
	w->scan_hints = false;
	say_text(ANNA, "e", "version two");
	/* Not before the scan has seen the edit. */
	assert_false(run_ms(150));
	assert_text("e", "my edit");
	assert_string_equal(w->hints[0], "e");
	w->scan_hints = true;
	assert_true(run());
	assert_true(text_is_somewhere("my edit"));
	assert_true(text_is_somewhere("version two"));
	assert_row_is_true("e");
	assert_int_equal(parts_left(), 0);
}

static void unseen_new_file_is_not_overwritten(void **state)
{
	(void)state;
	write_text("n", "mine");
	say_text(ANNA, "n", "theirs");
	assert_true(run());
	assert_true(text_is_somewhere("mine"));
	assert_true(text_is_somewhere("theirs"));
	assert_row_is_true("n");
}

static void equal_new_file_is_merged(void **state)
{
	(void)state;
	write_text("n", "same");
	say_text(ANNA, "n", "same");
	assert_true(run());
	assert_text("n", "same");
	assert_row_is_true("n");
	assert_int_equal(w->nconflicts, 0);
}

static void edit_between_look_and_exchange_is_kept(void **state)
{
	(void)state;
	for (int by_rename = 0; by_rename < 2; by_rename++) {
		char edit[32];

		say_text(ANNA, "e", "version one");
		assert_true(run());
		snprintf(edit, sizeof(edit), "edit number %d", by_rename);
		act_when(STEP_LOOKED, "e", edit, by_rename != 0);
		say_text(ANNA, "e", "version two");
		assert_true(run());
		assert_null(act_on);
		assert_true(text_is_somewhere(edit));
		assert_true(text_is_somewhere("version two"));
		assert_row_is_true("e");
		assert_int_equal(parts_left(), 0);
	}
}

static void edit_right_after_the_exchange_is_seen(void **state)
{
	struct record r = { 0 };

	(void)state;
	act_when(STEP_PLACED, "p", "edited at once", false);
	say_text(ANNA, "p", "fresh");
	assert_true(run());
	assert_null(act_on);
	assert_text("p", "edited at once");
	/* The scan was told, and its row is true. */
	turn();
	assert_row_is_true("p");
	assert_int_equal(index_get(w->index, "p", &r), 1);
	assert_int_equal(r.modified_by, ME);
	record_clear(&r);
}

static void file_made_between_look_and_rename_is_kept(void **state)
{
	(void)state;
	act_when(STEP_LOOKED, "q", "mine", false);
	say_text(ANNA, "q", "theirs");
	assert_true(run());
	assert_null(act_on);
	assert_true(text_is_somewhere("mine"));
	assert_true(text_is_somewhere("theirs"));
	assert_row_is_true("q");
}

static void edit_while_being_deleted_is_kept(void **state)
{
	struct record r = { 0 };

	(void)state;
	say_text(ANNA, "d", "to be deleted");
	assert_true(run());
	act_when(STEP_LOOKED, "d", "but edited", true);
	say_gone(ANNA, "d");
	assert_true(run());
	assert_null(act_on);
	assert_text("d", "but edited");
	assert_int_equal(index_get(w->index, "d", &r), 1);
	assert_false(r.deleted);
	record_clear(&r);
	assert_int_equal(parts_left(), 0);
}

static void new_file_while_being_deleted_is_kept(void **state)
{
	(void)state;
	say_text(ANNA, "d", "to be deleted");
	assert_true(run());
	/* What was edited has been moved out, and something else stands in its place already. */
	act_when(STEP_LOOKED, "d", "edited", false);
	say_gone(ANNA, "d");
	assert_true(run());
	assert_text("d", "edited");
}

static void edit_while_being_moved_is_kept(void **state)
{
	struct record gone, came, ours = { 0 };

	(void)state;
	say_text(ANNA, "from", "moving");
	assert_true(run());
	assert_int_equal(index_get(w->index, "from", &ours), 1);
	act_when(STEP_LOOKED, "to", "x", false);
	act_on = "to";
	act_other = NULL;
	gone = peer_next(ANNA, "from", RECORD_FILE);
	gone.deleted = true;
	came = peer_next(ANNA, "to", RECORD_FILE);
	came.content = ours.content;
	came.mode = ours.mode;
	came.mtime_ns = ours.mtime_ns;
	fetch_record(w->fetch, ANNA, &gone, NULL, 0, NULL);
	have(ANNA, &came, "moving", 6, CHUNK);
	say(ANNA, &came, NULL, 0);
	record_clear(&gone);
	record_clear(&ours);
	assert_true(run());
	assert_null(act_on);
	assert_true(text_is_somewhere("x"));
	assert_true(text_is_somewhere("moving"));
	assert_int_equal(parts_left(), 0);
}

static void plant_folder(void)
{
	assert_int_equal(unlinkat(w->root, "e", 0), 0);
	assert_int_equal(mkdirat(w->root, "e", 0755), 0);
	write_text("e/inside", "inside");
}

static void edit_source(void)
{
	write_text("tmp~", "edited while it moved");
	assert_int_equal(renameat(w->root, "tmp~", w->root, "from"), 0);
}

static void source_edited_while_moving_stays(void **state)
{
	struct record gone, came, ours = { 0 };

	(void)state;
	say_text(ANNA, "from", "moving");
	assert_true(run());
	assert_int_equal(index_get(w->index, "from", &ours), 1);
	act_when(STEP_LOOKED, "to", "", false);
	act_other = edit_source;
	gone = peer_next(ANNA, "from", RECORD_FILE);
	gone.deleted = true;
	came = peer_next(ANNA, "to", RECORD_FILE);
	came.content = ours.content;
	came.mode = ours.mode;
	came.mtime_ns = ours.mtime_ns;
	fetch_record(w->fetch, ANNA, &gone, NULL, 0, NULL);
	have(ANNA, &came, "moving", 6, CHUNK);
	say(ANNA, &came, NULL, 0);
	record_clear(&gone);
	record_clear(&ours);
	assert_true(run());
	assert_null(act_on);
	assert_text("from", "edited while it moved");
	assert_text("to", "moving");
	assert_row_is_true("from");
	assert_row_is_true("to");
}

static void row_written_meanwhile_is_not_overwritten(void **state)
{
	struct record local = { 0 }, after = { 0 };
	uint64_t counter;

	(void)state;
	say_text(ANNA, "r", "one");
	assert_true(run());
	assert_int_equal(index_get(w->index, "r", &local), 1);
	say_text(ANNA, "r", "two");
	while (!fetch_installing(w->fetch, "r"))
		turn();
	/* The scan says something of its own before the batch is back. */
	local.content = contents("three", 5);
	assert_int_equal(index_put_change(w->index, &local, NULL, ME), 0);
	counter = version_counter(&local.version, index_epoch(w->index));
	assert_true(counter > 0);
	assert_true(run());
	assert_int_equal(index_get(w->index, "r", &after), 1);
	assert_true(version_counter(&after.version, index_epoch(w->index)) >= counter);
	assert_row_is_true("r");
	record_clear(&local);
	record_clear(&after);
}

static void folder_that_took_the_files_place_is_kept(void **state)
{
	(void)state;
	say_text(ANNA, "e", "version one");
	assert_true(run());
	act_when(STEP_LOOKED, "e", "", false);
	act_other = plant_folder;
	w->scan_hints = false;
	say_text(ANNA, "e", "version two");
	assert_true(run());
	assert_null(act_on);
	assert_text("e", "version two");
	assert_true(text_is_somewhere("inside"));
}

static void plant_symlink(void)
{
	assert_int_equal(unlinkat(w->root, "e", 0), 0);
	assert_int_equal(symlinkat("/etc/passwd", w->root, "e"), 0);
}

static void symlink_in_the_files_place_is_not_followed(void **state)
{
	struct record r;
	struct stat st;

	(void)state;
	say_text(ANNA, "e", "content");
	assert_true(run());
	assert_int_equal(stat("/etc/passwd", &st), 0);
	act_when(STEP_LOOKED, "e", "", false);
	act_other = plant_symlink;
	w->scan_hints = false;
	r = peer_next(ANNA, "e", RECORD_FILE);
	r.content = contents("content", 7);
	r.mode = 0777;
	say(ANNA, &r, NULL, 0);
	assert_false(run_ms(300));
	assert_null(act_on);
	assert_int_not_equal(st.st_mode & 07777, 0777);
	assert_int_equal(stat("/etc/passwd", &st), 0);
	assert_int_not_equal(st.st_mode & 07777, 0777);
}

static void big_file_edit_meanwhile_is_kept(void **state)
{
	size_t n = 2 << 20;
	uint8_t *one = noise(n, 1), *two = noise(n, 2);
	struct record r;

	(void)state;
	say_file(ANNA, "big", one, n, false);
	assert_true(run());
	act_when(STEP_LOOKED, "big", "my edit of a big file", true);
	r = peer_next(ANNA, "big", RECORD_FILE);
	have(ANNA, &r, two, n, CHUNK);
	say(ANNA, &r, NULL, 0);
	assert_true(run());
	assert_null(act_on);
	assert_true(text_is_somewhere("my edit of a big file"));
	assert_row_is_true("big");
	RUN_UNTIL(parts_left() == 0);
	free(one);
	free(two);
}

static void newer_news_while_installing_wins(void **state)
{
	(void)state;
	say_text(ANNA, "v", "1");
	assert_true(run());
	for (int i = 2; i < 30; i++) {
		char text[16];

		snprintf(text, sizeof(text), "%d", i);
		say_text(ANNA, "v", text);
		if (i % 3 == 0)
			turn();
	}
	assert_true(run());
	assert_text("v", "29");
	assert_row_is_true("v");
	assert_int_equal(fetch_held(w->fetch, ANNA), 0);
	assert_int_equal(w->nconflicts, 0);
}

static void take_away(void)
{
	assert_int_equal(unlinkat(w->root, "t", 0), 0);
}

/* Found by renaming at random on three agents: the row stayed, without its file, and all said in sync. */
static void what_is_gone_before_its_row_is_written_is_noticed(void **state)
{
	struct record row = { 0 };

	(void)state;
	/* Both are in one batch: "t" is in its place and through when "u" is put there. */
	act_when(STEP_PLACED, "u", "", false);
	act_other = take_away;
	say_text(ANNA, "t", "taken away at once");
	say_text(ANNA, "u", "another");
	assert_true(run());
	assert_null(act_on);
	turn();
	assert_int_equal(index_get(w->index, "t", &row), 1);
	assert_true(row.deleted);
	record_clear(&row);
}

/* Found by renaming at random on three agents: the ticket waited for ever for content that nobody has any more. */
static void deletion_while_a_copy_fails_is_heard(void **state)
{
	struct record gone;

	(void)state;
	say_text(ANNA, "from", "to be copied");
	assert_true(run());
	write_text("from", "no more");
	say_file(ANNA, "to", "to be copied", 12, false);
	RUN_UNTIL(fetch_installing(w->fetch, "to"));
	gone = peer_record(ANNA, "to", RECORD_FILE);
	gone.deleted = true;
	say(ANNA, &gone, NULL, 0);
	assert_true(run_ms(5000));
	assert_false(is_there("to"));
	assert_text("from", "no more");
}

static void stop_in_the_middle_writes_the_rows(void **state)
{
	(void)state;
	assert_true(run());
	for (int i = 0; i < 200; i++) {
		char path[32];

		snprintf(path, sizeof(path), "s%d", i);
		say_text(ANNA, path, path);
	}
	while (!fetch_installing(w->fetch, "s0"))
		turn();
	fetch_end();
	for (int i = 0; i < 200; i++) {
		char path[32];

		snprintf(path, sizeof(path), "s%d", i);
		if (is_there(path))
			assert_row_is_true(path);
	}
	assert_true(is_there("s0"));
	fetch_begin();
	assert_true(run());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(concurrent_edit_becomes_a_conflict_copy, world_setup, teardown),
		cmocka_unit_test_setup_teardown(unseen_edit_of_a_touched_file_is_kept, world_setup, teardown),
		cmocka_unit_test_setup_teardown(our_winner_stays, world_setup, teardown),
		cmocka_unit_test_setup_teardown(taken_conflict_name_gets_a_number, world_setup, teardown),
		cmocka_unit_test_setup_teardown(equal_conflict_copy_is_not_made_twice, world_setup, teardown),
		cmocka_unit_test_setup_teardown(folder_beats_file_which_is_kept, world_setup, teardown),
		cmocka_unit_test_setup_teardown(unseen_edit_is_found_before_the_rename, world_setup, teardown),
		cmocka_unit_test_setup_teardown(unseen_new_file_is_not_overwritten, world_setup, teardown),
		cmocka_unit_test_setup_teardown(equal_new_file_is_merged, world_setup, teardown),
		cmocka_unit_test_setup_teardown(edit_between_look_and_exchange_is_kept, world_setup, teardown),
		cmocka_unit_test_setup_teardown(edit_right_after_the_exchange_is_seen, world_setup, teardown),
		cmocka_unit_test_setup_teardown(file_made_between_look_and_rename_is_kept, world_setup, teardown),
		cmocka_unit_test_setup_teardown(edit_while_being_deleted_is_kept, world_setup, teardown),
		cmocka_unit_test_setup_teardown(new_file_while_being_deleted_is_kept, world_setup, teardown),
		cmocka_unit_test_setup_teardown(edit_while_being_moved_is_kept, world_setup, teardown),
		cmocka_unit_test_setup_teardown(source_edited_while_moving_stays, world_setup, teardown),
		cmocka_unit_test_setup_teardown(row_written_meanwhile_is_not_overwritten, world_setup, teardown),
		cmocka_unit_test_setup_teardown(folder_that_took_the_files_place_is_kept, world_setup, teardown),
		cmocka_unit_test_setup_teardown(symlink_in_the_files_place_is_not_followed, world_setup, teardown),
		cmocka_unit_test_setup_teardown(big_file_edit_meanwhile_is_kept, world_setup, teardown),
		cmocka_unit_test_setup_teardown(newer_news_while_installing_wins, world_setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_gone_before_its_row_is_written_is_noticed, world_setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(deletion_while_a_copy_fails_is_heard, world_setup, teardown),
		cmocka_unit_test_setup_teardown(stop_in_the_middle_writes_the_rows, world_setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
