/* Fetch and a person who writes at the worst moment, between two steps of an install: nothing that is written is
 * lost. */
#include "tests/unit/fetch_world.h"

#include "sync/fetch/fetch_internal.h"
#include "sync/install/install_job.h"

static enum install_step act_at;
static const char *act_on, *act_text;
static bool act_by_rename;
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
	install_set_hook(act);
}

static int teardown(void **state)
{
	install_set_hook(NULL);
	return world_teardown(state);
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
		RUN_UNTIL(parts_left() == 0);
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
	RUN_UNTIL(parts_left() == 0);
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

/* Anna has moved a file that is here. */
static void say_moved(const char *from, const char *to, const char *text)
{
	struct record gone = peer_next(ANNA, from, RECORD_FILE), came = peer_next(ANNA, to, RECORD_FILE), ours = { 0 };

	assert_int_equal(index_get(w->index, from, &ours), 1);
	gone.deleted = true;
	came.mode = ours.mode;
	came.mtime_ns = ours.mtime_ns;
	have(ANNA, &came, text, strlen(text), CHUNK);
	fetch_record(w->fetch, ANNA, &gone, NULL, 0, NULL);
	say(ANNA, &came, NULL, 0);
	record_clear(&gone);
	record_clear(&ours);
}

static void edit_while_being_moved_is_kept(void **state)
{
	(void)state;
	say_text(ANNA, "from", "moving");
	assert_true(run());
	act_when(STEP_LOOKED, "to", "x", false);
	say_moved("from", "to", "moving");
	assert_true(run());
	assert_null(act_on);
	assert_true(text_is_somewhere("x"));
	assert_true(text_is_somewhere("moving"));
	RUN_UNTIL(parts_left() == 0);
}

static void edit_source(void)
{
	write_text("tmp~", "edited while it moved");
	assert_int_equal(renameat(w->root, "tmp~", w->root, "from"), 0);
}

static void source_edited_while_moving_stays(void **state)
{
	(void)state;
	say_text(ANNA, "from", "moving");
	assert_true(run());
	act_when(STEP_LOOKED, "to", "", false);
	act_other = edit_source;
	say_moved("from", "to", "moving");
	assert_true(run());
	assert_null(act_on);
	assert_text("from", "edited while it moved");
	assert_text("to", "moving");
	assert_row_is_true("from");
	assert_row_is_true("to");
}

static void plant_folder(void)
{
	assert_int_equal(unlinkat(w->root, "e", 0), 0);
	assert_int_equal(mkdirat(w->root, "e", 0755), 0);
	write_text("e/inside", "inside");
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

/* The file that stands there by now makes a loss of what is being fetched, which is weighed first: the download goes
 * on, once. */
static void what_is_weighed_while_it_is_fetched_is_fetched_once(void **state)
{
	enum { SIZE = 300000 };
	uint8_t *bytes = noise(SIZE, 31);
	struct record r;
	struct ticket *t;

	(void)state;
	peer_of(ANNA)->has_upto = CHUNK;
	say_file(ANNA, "twin", bytes, SIZE, false);
	say_file(ANNA, "big", bytes, SIZE, false);
	RUN_UNTIL(fetch_counters(w->fetch).blocks_received > 0);
	t = ticket_find(w->fetch, "twin");
	if (t->state != TICKET_ACTIVE)
		t = ticket_find(w->fetch, "big");
	assert_int_equal(t->state, TICKET_ACTIVE);
	write_text(t->want.path, "mine");
	scan_path(t->want.path);
	r = peer_next(ANNA, t->want.path, RECORD_FILE);
	r.content = t->want.content;
	say(ANNA, &r, NULL, 0);
	RUN_UNTIL(t->state != TICKET_LOSS && t->state != TICKET_FRESH);
	assert_int_equal(t->state, TICKET_ACTIVE);
	peer_down(ANNA);
	peer_of(ANNA)->has_upto = INT64_MAX;
	peer_up(ANNA);
	assert_true(run());
	assert_bytes("twin", bytes, SIZE);
	assert_bytes("big", bytes, SIZE);
	RUN_UNTIL(parts_left() == 0);
	free(bytes);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_weighed_while_it_is_fetched_is_fetched_once, world_setup,
		                                world_teardown),
		T(edit_between_look_and_exchange_is_kept),
		T(edit_right_after_the_exchange_is_seen),
		T(file_made_between_look_and_rename_is_kept),
		T(edit_while_being_deleted_is_kept),
		T(new_file_while_being_deleted_is_kept),
		T(edit_while_being_moved_is_kept),
		T(source_edited_while_moving_stays),
		T(folder_that_took_the_files_place_is_kept),
		T(symlink_in_the_files_place_is_not_followed),
		T(big_file_edit_meanwhile_is_kept),
		T(what_is_gone_before_its_row_is_written_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
