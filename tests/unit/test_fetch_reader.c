/* What a reader changed while it was a member, and nobody else has: a concurrent version does not replace it, and
 * whoever lists it hears that it is here. And what a member made while it was a reader, and keeps to itself. */
#include "tests/unit/fetch_world.h"

static const char ours[] = "written as a member", theirs[] = "by another";

/* Our file, of which nobody has heard; and from then on we are a reader. */
static void write_and_read(const char *path)
{
	write_text(path, ours);
	scan_path(path);
	index_set_reader(w->index, true);
}

/* A version that knows nothing of ours, and wins. */
static void say_concurrent(uint64_t id, const char *path)
{
	struct record r = peer_record(id, path, RECORD_FILE);

	have(id, &r, theirs, strlen(theirs), CHUNK);
	say(id, &r, theirs, strlen(theirs));
}

static void say_ours(uint64_t id, const char *path, bool absent)
{
	struct record r = { 0 };

	assert_true(index_get(w->index, path, &r) > 0);
	r.seq = ++peer_of(id)->seq;
	r.absent = absent;
	say(id, &r, NULL, 0);
}

static bool is_own(const char *path)
{
	enum aside_reason why = 0;

	return index_aside_get(w->index, path, &why, NULL) > 0 && why == ASIDE_READER;
}

static void the_only_copy_stays_the_readers_own(void **state)
{
	(void)state;
	write_and_read("a");
	say_ours(ANNA, "a", true);
	say_concurrent(ANNA, "a");
	assert_true(run());
	assert_text("a", ours);
	assert_true(is_own("a"));
	assert_int_equal(index_listed(w->index), 1);
}

/* The concurrent version is stored before it is judged. */
static void the_only_copy_stays_when_a_ticket_waits(void **state)
{
	struct record r = peer_record(ANNA, "a", RECORD_FILE);

	(void)state;
	have(ANNA, &r, theirs, strlen(theirs), CHUNK);
	peer_of(ANNA)->mute = true;
	say(ANNA, &r, NULL, 0);
	turn();
	write_and_read("a");
	fetch_row_changed(w->fetch, "a");
	peer_of(ANNA)->mute = false;
	assert_true(run_ms(30000));
	assert_text("a", ours);
	assert_true(is_own("a"));
}

static void what_a_member_has_is_replaced(void **state)
{
	(void)state;
	peer_up(BERT);
	write_and_read("a");
	say_ours(BERT, "a", false);
	say_concurrent(ANNA, "a");
	assert_true(run());
	assert_text("a", theirs);
	assert_false(is_own("a"));
}

static void what_a_member_lists_is_told_again(void **state)
{
	static const struct choices on_demand = { .mode = CHOOSE_ON_DEMAND };
	uint64_t seq;

	(void)state;
	peer_up(BERT);
	world_choose(&on_demand);
	write_and_read("a");
	seq = index_seq(w->index);
	say_ours(ANNA, "a", true);
	assert_int_equal(index_seq(w->index), seq + 1);
	say_ours(BERT, "a", false);
	seq = index_seq(w->index);
	say_ours(ANNA, "a", true);
	assert_int_equal(index_seq(w->index), seq);
}

/* It made a file, or a symlink, where the group has a folder. */
static void nobody_waits_for_what_a_former_readers_own_keeps_away(void **state)
{
	(void)state;
	write_text("b", ours);
	scan_path("b");
	assert_int_equal(symlinkat("b", w->root, "link"), 0);
	scan_path("link");
	assert_int_equal(index_set_aside(w->index, "b", ASIDE_READER), 0);
	assert_int_equal(index_set_aside(w->index, "link", ASIDE_READER), 0);
	say_dir(ANNA, "b");
	say_dir(ANNA, "b/deep");
	say_text(ANNA, "b/deep/file", theirs);
	say_dir(ANNA, "link");
	say_text(ANNA, "link/file", theirs);
	assert_true(run());
	assert_text("b", ours);
	assert_true(is_own("b/deep") && is_own("b/deep/file") && is_own("link/file"));
	assert_int_equal(index_wants_missing(w->index), 0);
	assert_int_equal(fetch_waiting(w->fetch), 0);
}

/* The group deletes a folder in which it has something of its own. */
static void a_folder_stays_for_what_a_former_reader_has_in_it(void **state)
{
	(void)state;
	say_dir(ANNA, "d");
	say_text(ANNA, "d/theirs", theirs);
	assert_true(run());
	write_text("d/own", ours);
	assert_int_equal(index_set_aside(w->index, "d/own", ASIDE_READER), 0);
	say_gone(ANNA, "d/theirs");
	say_gone(ANNA, "d");
	assert_true(run());
	assert_text("d/own", ours);
	assert_false(is_there("d/theirs"));
	assert_true(is_own("d"));
	assert_int_equal(fetch_waiting(w->fetch), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(the_only_copy_stays_the_readers_own),
		T(the_only_copy_stays_when_a_ticket_waits),
		T(what_a_member_has_is_replaced),
		T(what_a_member_lists_is_told_again),
		T(nobody_waits_for_what_a_former_readers_own_keeps_away),
		T(a_folder_stays_for_what_a_former_reader_has_in_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
