/* Fetch and people who write to the same files: nothing they wrote is lost. Those who write between two steps of an
 * install: test_fetch_meanwhile.c. */
#include "tests/unit/fetch_world.h"

#include "sync/versions/version_store.h"

/* --- conflicts that records show --- */

/* Ours of a path, by itself and in its row. */
static struct record ours_at(const char *path)
{
	struct record ours = { 0 };

	write_text(path, "ours");
	scan_path(path);
	assert_int_equal(index_get(w->index, path, &ours), 1);
	return ours;
}

/* Anna wrote another file of this path, as much later than we did. */
static void say_theirs(const struct record *ours, int64_t later_ns)
{
	struct record theirs = peer_record(ANNA, ours->path, RECORD_FILE);

	theirs.mtime_ns = ours->mtime_ns + later_ns;
	have(ANNA, &theirs, "theirs", 6, CHUNK);
	say(ANNA, &theirs, "theirs", 6);
}

static void concurrent_edit_becomes_a_conflict_copy(void **state)
{
	struct record ours = ours_at("c.txt"), copy = { 0 };
	char *name;

	(void)state;
	say_theirs(&ours, 1000000000);
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
	RUN_UNTIL(parts_left() == 0);
	free(name);
	record_clear(&copy);
	record_clear(&ours);
}

/* A peer only touched the file; ours, which nobody had seen yet, is another one. Then the touched one's content is
 * needed, and its record, which was only held, must be where sources are looked for. */
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
	struct record ours = ours_at("c.txt");

	(void)state;
	say_theirs(&ours, -1000000000);
	assert_true(run());
	assert_text("c.txt", "ours");
	assert_int_equal(w->nconflicts, 0);
	record_clear(&ours);
}

static void taken_conflict_name_gets_a_number(void **state)
{
	struct record ours = ours_at("c.txt");
	char *taken, *next;

	(void)state;
	taken = conflict_name(&ours, 0);
	next = conflict_name(&ours, 1);
	write_text(taken, "something else");
	say_theirs(&ours, 1000000000);
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
	struct record ours = ours_at("c.txt");
	char *taken, *next;

	(void)state;
	taken = conflict_name(&ours, 0);
	next = conflict_name(&ours, 1);
	write_text(taken, "ours");
	scan_path(taken);
	say_theirs(&ours, 1000000000);
	assert_true(run());
	assert_text("c.txt", "theirs");
	assert_text(taken, "ours");
	assert_false(is_there(next));
	free(taken);
	free(next);
	record_clear(&ours);
}

/* An agent that lost its index cuts a file again that others cut by an earlier rule, or when it was smaller. */
static void equal_bytes_that_were_cut_differently_are_no_conflict(void **state)
{
	enum { SIZE = 4 * CHUNK };
	uint8_t *bytes = noise(SIZE + 1, 9);
	struct record ours = { 0 }, theirs, merged = { 0 };
	struct kept_versions kept;

	(void)state;
	for (size_t i = 0; i < SIZE; i++)
		bytes[i] |= bytes[i] == 0;
	bytes[SIZE] = 0;
	write_text("c", (const char *)bytes);
	scan_path("c");
	assert_int_equal(index_get(w->index, "c", &ours), 1);
	theirs = peer_record(ANNA, "c", RECORD_FILE);
	theirs.mtime_ns = ours.mtime_ns + 1000000000;
	have(ANNA, &theirs, bytes, SIZE, CHUNK / 2);
	assert_false(content_equal(&theirs.content, &ours.content));
	say(ANNA, &theirs, NULL, 0);
	assert_true(run());
	assert_bytes("c", bytes, SIZE);
	assert_int_equal(w->nconflicts, 0);
	assert_row_is_true("c");
	assert_int_equal(index_get(w->index, "c", &merged), 1);
	assert_int_equal(merged.content.nblocks, 8);
	assert_int_equal(version_compare(&merged.version, &ours.version), VERSION_NEWER);
	RUN_UNTIL(parts_left() == 0);
	assert_int_equal(version_store_list(w->root, "c", &kept), 0);
	assert_int_equal(kept.n, 0);
	version_store_list_clear(&kept);
	record_clear(&ours);
	record_clear(&merged);
	free(bytes);
}

/* The same of a file that a program still writes to: what it writes later is in the version. */
static void equal_file_that_is_open_for_writing_becomes_a_version(void **state)
{
	uint8_t *bytes = noise(2 * CHUNK + 1, 10);
	struct record ours = { 0 }, theirs;
	struct kept_versions kept;
	int fd;

	(void)state;
	for (size_t i = 0; i < 2 * CHUNK; i++)
		bytes[i] |= bytes[i] == 0;
	bytes[2 * CHUNK] = 0;
	write_text("c", (const char *)bytes);
	scan_path("c");
	assert_int_equal(index_get(w->index, "c", &ours), 1);
	fd = openat(w->root, "c", O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_true(fd >= 0);
	theirs = peer_record(ANNA, "c", RECORD_FILE);
	theirs.mtime_ns = ours.mtime_ns + 1000000000;
	have(ANNA, &theirs, bytes, 2 * CHUNK, CHUNK / 2);
	say(ANNA, &theirs, NULL, 0);
	assert_true(run());
	assert_bytes("c", bytes, 2 * CHUNK);
	assert_int_equal(write(fd, "late", 4), 4);
	close(fd);
	assert_int_equal(w->nconflicts, 0);
	assert_int_equal(version_store_list(w->root, "c", &kept), 0);
	assert_int_equal(kept.n, 1);
	assert_int_equal(kept.v[0].st.size, 2 * CHUNK + 4);
	version_store_list_clear(&kept);
	record_clear(&ours);
	free(bytes);
}

static void folder_beats_file_which_is_kept(void **state)
{
	struct record ours = ours_at("c"), theirs = peer_record(ANNA, "c", RECORD_DIR);
	char *name;

	(void)state;
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
	RUN_UNTIL(w->nhints > 0);
	/* Not before the scan has seen the edit. */
	assert_false(run_ms(150));
	assert_text("e", "my edit");
	assert_string_equal(w->hints[0], "e");
	w->scan_hints = true;
	assert_true(run());
	assert_true(text_is_somewhere("my edit"));
	assert_true(text_is_somewhere("version two"));
	assert_row_is_true("e");
	RUN_UNTIL(parts_left() == 0);
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

/* --- news that come while something is under way --- */

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
	assert_int_equal(fetch_unstored(w->fetch, ANNA), 0);
	assert_int_equal(w->nconflicts, 0);
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
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(concurrent_edit_becomes_a_conflict_copy),
		T(unseen_edit_of_a_touched_file_is_kept),
		T(our_winner_stays),
		T(taken_conflict_name_gets_a_number),
		T(equal_conflict_copy_is_not_made_twice),
		T(equal_bytes_that_were_cut_differently_are_no_conflict),
		T(equal_file_that_is_open_for_writing_becomes_a_version),
		T(folder_beats_file_which_is_kept),
		T(unseen_edit_is_found_before_the_rename),
		T(unseen_new_file_is_not_overwritten),
		T(equal_new_file_is_merged),
		T(row_written_meanwhile_is_not_overwritten),
		T(newer_news_while_installing_wins),
		T(deletion_while_a_copy_fails_is_heard),
		T(stop_in_the_middle_writes_the_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
