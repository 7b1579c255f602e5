/* Fetch on demand: what is not wanted is listed, what is wanted comes and is kept up to date, and modes change without
 * deleting anything. */
#include "sync/fetch/fetch_internal.h"
#include "tests/unit/fetch_world.h"

static const struct choices mirror = { .mode = CHOOSE_MIRROR };
static const struct choices nothing = { .mode = CHOOSE_ON_DEMAND };
static const struct choose_rule get_a[] = { { "a", true } };
static const struct choices only_a = { .mode = CHOOSE_ON_DEMAND, .rules = get_a, .nrules = 1 };

/* A record that its peer has not the bytes of. */
static void say_absent(uint64_t id, const char *path, const char *text)
{
	struct record r = peer_next(id, path, RECORD_FILE);

	r.content = contents(text, strlen(text));
	r.absent = true;
	say(id, &r, NULL, 0);
}

static bool is_listed(const char *path)
{
	struct record r = { 0 };
	bool listed = index_list_get(w->index, path, &r) > 0;

	record_clear(&r);
	return listed;
}

static bool has_live_row(const char *path)
{
	struct record r = { 0 };
	bool live = index_get(w->index, path, &r) > 0 && !r.deleted;

	record_clear(&r);
	return live;
}

static uint64_t via_of(const char *path)
{
	struct record r = { 0 };
	uint64_t via;

	assert_int_equal(index_get(w->index, path, &r), 1);
	via = r.via;
	record_clear(&r);
	return via;
}

static void what_is_not_wanted_is_listed(void **state)
{
	(void)state;
	world_choose(&nothing);
	say_text(ANNA, "x", "left alone");
	say_dir(ANNA, "d");
	assert_true(run());
	assert_false(is_there("x"));
	assert_false(is_there("d"));
	assert_true(is_listed("x") && is_listed("d"));
	assert_false(has_live_row("x"));
	assert_int_equal(index_listed(w->index), 2);
	assert_int_equal(index_settled(w->index, ANNA, peer_of(ANNA)->seq), peer_of(ANNA)->seq);
	/* A newer version takes the place of the older. */
	say_text(ANNA, "x", "newer");
	assert_int_equal(index_listed(w->index), 2);
	assert_true(run());
}

static void what_is_got_comes_and_stays_up_to_date(void **state)
{
	(void)state;
	world_choose(&nothing);
	say_file(ANNA, "a", "one", 3, false);
	say_file(ANNA, "b", "other", 5, false);
	assert_true(run());
	world_choose(&only_a);
	assert_true(run());
	assert_text("a", "one");
	assert_row_is_true("a");
	assert_false(is_there("b"));
	assert_int_equal(via_of("a"), ANNA);
	assert_false(is_listed("a"));
	say_text(ANNA, "a", "two");
	assert_true(run());
	assert_text("a", "two");
}

/* What is here stays wanted when no rule asks for it any more. */
static void what_is_here_is_kept_up_to_date(void **state)
{
	(void)state;
	say_text(ANNA, "x", "one");
	assert_true(run());
	world_choose(&nothing);
	say_text(ANNA, "x", "two");
	say_text(ANNA, "y", "not here");
	assert_true(run());
	assert_text("x", "two");
	assert_false(is_there("y"));
}

static void a_mirror_gets_what_was_listed(void **state)
{
	(void)state;
	world_choose(&nothing);
	say_dir(ANNA, "d");
	say_file(ANNA, "d/x", "one", 3, false);
	say_file(ANNA, "y", "two", 3, false);
	assert_true(run());
	fetch_end();
	fetch_begin();
	peer_up(ANNA);
	assert_true(run());
	assert_int_equal(index_listed(w->index), 3);
	world_choose(&mirror);
	assert_false(fetch_idle(w->fetch));
	assert_true(run());
	assert_text("d/x", "one");
	assert_text("y", "two");
	assert_int_equal(index_listed(w->index), 0);
}

/* The mode that the folder has elsewhere, under its own record: not one that somebody made here. */
static void folders_come_along(void **state)
{
	static const struct choose_rule rules[] = { { "d/e/x", true } };
	static const struct choices one = { .mode = CHOOSE_ON_DEMAND, .rules = rules, .nrules = 1 };
	struct record d = peer_next(ANNA, "d", RECORD_DIR), row = { 0 };

	(void)state;
	world_choose(&nothing);
	d.mode = 0750;
	say(ANNA, &d, NULL, 0);
	say_dir(ANNA, "d/e");
	say_dir(ANNA, "d/f");
	say_file(ANNA, "d/e/x", "deep", 4, false);
	assert_true(run());
	world_choose(&one);
	assert_true(run());
	assert_text("d/e/x", "deep");
	assert_row_is_true("d");
	assert_int_equal(index_get(w->index, "d", &row), 1);
	assert_int_equal(row.mode, 0750);
	assert_int_equal(row.via, ANNA);
	record_clear(&row);
	assert_false(is_there("d/f"));
}

static void a_deletion_of_what_is_not_here_costs_nothing(void **state)
{
	struct record r;

	(void)state;
	world_choose(&nothing);
	say_text(ANNA, "x", "listed");
	r = peer_record(ANNA, "x", RECORD_FILE);
	r.deleted = true;
	say(ANNA, &r, NULL, 0);
	assert_true(run());
	assert_false(is_listed("x"));
	assert_false(has_live_row("x"));
	assert_int_equal(index_totals(w->index).tombstones, 1);
	/* One that does not know what is listed takes nothing away. */
	say_text(ANNA, "y", "listed");
	r = peer_record(BERT, "y", RECORD_FILE);
	r.deleted = true;
	say(BERT, &r, NULL, 0);
	assert_true(is_listed("y"));
	assert_true(run());
}

/* What others deleted here comes back when they make it again; what was never here does not. */
static void what_was_here_is_wanted_again(void **state)
{
	struct record r;

	(void)state;
	say_text(ANNA, "x", "one");
	assert_true(run());
	world_choose(&nothing);
	say_gone(ANNA, "x");
	say_text(ANNA, "y", "two");
	assert_true(run());
	assert_false(is_there("x"));
	r = peer_record(ANNA, "y", RECORD_FILE);
	r.deleted = true;
	say(ANNA, &r, NULL, 0);
	assert_true(run());
	say_text(ANNA, "x", "again");
	say_text(ANNA, "y", "again");
	assert_true(run());
	assert_text("x", "again");
	assert_false(is_there("y"));
	assert_true(is_listed("y"));
}

/* Others move a file that is here: it moves here too, though no rule asks for its new path. */
static void move_both(bool new_first)
{
	struct record gone, new;

	say_text(ANNA, "x", "moving");
	assert_true(run());
	world_choose(&nothing);
	say_text(ANNA, "copy", "moving"); /* which was there before, and is not where it moves */
	assert_true(run());
	say_text(ANNA, "z", "something else");
	say_text(ANNA, "z", "something else again");
	gone = peer_next(ANNA, "x", RECORD_FILE);
	gone.deleted = true;
	new = peer_next(ANNA, "y", RECORD_FILE);
	have(ANNA, &new, "moving", 6, CHUNK);
	fetch_record(w->fetch, ANNA, new_first ? &new : &gone, NULL, 0, NULL);
	fetch_record(w->fetch, ANNA, new_first ? &gone : &new, NULL, 0, NULL);
	fetch_records_end(w->fetch, ANNA);
	record_clear(&gone);
	record_clear(&new);
	assert_true(run());
	assert_false(is_there("x"));
	assert_text("y", "moving");
	assert_row_is_true("y");
	assert_false(is_there("copy"));
	assert_int_equal(fetch_counters(w->fetch).files_renamed, 1);
	assert_int_equal(peer_of(ANNA)->bytes, 0);
}

static void a_moved_file_stays_here(void **state)
{
	(void)state;
	move_both(false);
}

static void a_moved_file_stays_here_if_the_new_name_comes_first(void **state)
{
	(void)state;
	move_both(true);
}

/* A conflict on demand: the loser is here and is kept; the winner is wanted because of it. */
static void the_holder_of_a_loser_keeps_it(void **state)
{
	struct record r;

	(void)state;
	world_choose(&nothing);
	write_text("x", "mine");
	scan_path("x");
	r = peer_record(ANNA, "x", RECORD_FILE);
	r.mtime_ns += 1000000000LL * 86400 * 36500;
	have(ANNA, &r, "theirs", 6, CHUNK);
	say(ANNA, &r, NULL, 0);
	assert_true(run());
	assert_text("x", "theirs");
	assert_true(text_is_somewhere("mine"));
	assert_int_equal(w->nconflicts, 1);
	assert_int_equal(index_listed(w->index), 0);
}

/* Two versions that we have neither of stay listed side by side; the better one comes when it is wanted. */
static void siblings_are_listed_and_the_winner_is_got(void **state)
{
	struct record a = peer_record(ANNA, "a", RECORD_FILE), b = peer_record(BERT, "a", RECORD_FILE);

	(void)state;
	world_choose(&nothing);
	peer_up(BERT);
	b.mtime_ns = a.mtime_ns + 1000;
	have(ANNA, &a, "loses", 5, CHUNK);
	have(BERT, &b, "wins", 4, CHUNK);
	say(ANNA, &a, NULL, 0);
	say(BERT, &b, NULL, 0);
	assert_int_equal(index_listed(w->index), 2);
	world_choose(&only_a);
	assert_true(run());
	assert_text("a", "wins");
	assert_false(text_is_somewhere("loses"));
}

/* A record without a source is passed on as absent, so that lists converge through us; it is still wanted. */
static void what_nobody_can_give_is_listed_and_waits(void **state)
{
	(void)state;
	say_absent(ANNA, "x", "far away");
	RUN_UNTIL(is_listed("x"));
	assert_false(fetch_idle(w->fetch));
	assert_int_equal(index_wants_missing(w->index), 1);
	assert_false(is_there("x"));
	/* It has come to somebody that is here. */
	{
		struct record r = { 0 };

		assert_int_equal(index_list_get(w->index, "x", &r), 1);
		r.absent = false;
		r.seq = ++peer_of(BERT)->seq;
		have(BERT, &r, "far away", 8, CHUNK);
		peer_up(BERT);
		say(BERT, &r, NULL, 0);
	}
	assert_true(run());
	assert_text("x", "far away");
	assert_int_equal(index_listed(w->index), 0);
}

/* What a member has at one path is a source for another. */
static void a_member_with_the_content_elsewhere_is_a_source(void **state)
{
	(void)state;
	world_choose(&only_a);
	peer_up(BERT);
	say_file(BERT, "other", "same bytes", 10, false);
	say_absent(ANNA, "a", "same bytes");
	assert_true(run());
	assert_text("a", "same bytes");
	assert_false(is_there("other"));
}

/* A ticket for what is not wanted any more ends, and nothing of it is lost from the list. */
static void a_choice_ends_what_is_under_way(void **state)
{
	size_t n = 8 << 20;
	uint8_t *bytes = noise(n, 4);

	(void)state;
	world_choose(&only_a);
	peer_of(ANNA)->mute = true;
	say_file(ANNA, "a", bytes, n, false);
	for (int i = 0; i < 5; i++)
		turn();
	assert_false(fetch_idle(w->fetch));
	world_choose(&nothing);
	assert_true(run());
	assert_true(is_listed("a"));
	assert_false(is_there("a"));
	peer_of(ANNA)->mute = false;
	world_choose(&only_a);
	RUN_UNTIL(is_there("a"));
	assert_true(run());
	assert_bytes("a", bytes, n);
	free(bytes);
}

/* Its user waits for one of many. */
static void what_comes_first_comes_first(void **state)
{
	char path[16];

	(void)state;
	world_choose(&nothing);
	for (int i = 0; i < 3000; i++) {
		snprintf(path, sizeof(path), "f%04d", i);
		say_file(ANNA, path, path, 5, false);
	}
	assert_true(run());
	world_choose(&mirror);
	fetch_first(w->fetch, "f2990");
	RUN_UNTIL(is_there("f2990"));
	assert_true(index_wants_missing(w->index) > 1000);
	assert_true(run());
	assert_text("f2999", "f2999");
}

/* A path that its user does not share is touched by nobody, whatever others do to it. */
static void what_is_unshared_is_not_touched(void **state)
{
	static const char *const paths[] = { "x" };
	static const struct choices unshared = { .unshared = paths, .nunshared = 1 };

	(void)state;
	say_text(ANNA, "x", "as it was");
	assert_true(run());
	world_choose(&unshared);
	assert_int_equal(index_set_aside(w->index, "x", ASIDE_UNSHARED), 0);
	say_text(ANNA, "x", "changed");
	assert_true(run());
	assert_text("x", "as it was");
	{
		struct record r = peer_next(ANNA, "x", RECORD_FILE), listed = { 0 };

		assert_int_equal(index_list_get(w->index, "x", &listed), 1);
		version_join(&r.version, &listed.version);
		r.deleted = true;
		say(ANNA, &r, NULL, 0);
		record_clear(&listed);
	}
	assert_true(run());
	assert_text("x", "as it was");
}

/* BERT has had it all along, and says so only once it has settled what was listed here. */
static void who_settles_what_is_listed_is_asked_for_it(void **state)
{
	struct index_peer bert = { .settled_epoch = index_epoch(w->index) };
	struct record listed = { 0 };
	struct blob *b = MEM_NEW(struct blob);

	(void)state;
	world_choose(&nothing);
	say_absent(ANNA, "a", "one");
	peer_up(BERT);
	(void)blob_make(b, "one", 3, CHUNK);
	blob_add(BERT, b);
	world_choose(&only_a);
	assert_false(run_ms(500));
	assert_int_equal(index_list_get(w->index, "a", &listed), 1);
	bert.settled = listed.seq;
	record_clear(&listed);
	assert_int_equal(index_peer_put(w->index, BERT, &bert), 0);
	fetch_settled(w->fetch);
	assert_true(run_ms(10000));
	assert_text("a", "one");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(what_is_not_wanted_is_listed),
		T(what_is_got_comes_and_stays_up_to_date),
		T(what_is_here_is_kept_up_to_date),
		T(a_mirror_gets_what_was_listed),
		T(folders_come_along),
		T(a_deletion_of_what_is_not_here_costs_nothing),
		T(what_was_here_is_wanted_again),
		T(a_moved_file_stays_here),
		T(a_moved_file_stays_here_if_the_new_name_comes_first),
		T(the_holder_of_a_loser_keeps_it),
		T(siblings_are_listed_and_the_winner_is_got),
		T(what_nobody_can_give_is_listed_and_waits),
		T(a_member_with_the_content_elsewhere_is_a_source),
		T(who_settles_what_is_listed_is_asked_for_it),
		T(a_choice_ends_what_is_under_way),
		T(what_comes_first_comes_first),
		T(what_is_unshared_is_not_touched),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
