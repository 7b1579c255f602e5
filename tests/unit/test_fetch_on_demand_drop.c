/* Drop: the disk is freed, nothing is told as a deletion, and the last copy stays. */
#include "sync/fetch/drop.h"
#include "tests/unit/fetch_world.h"

static const struct choices nothing = { .mode = CHOOSE_ON_DEMAND };
static const struct choose_rule leave_x[] = { { "", true }, { "x", false } };
static const struct choices all_but_x = { .mode = CHOOSE_ON_DEMAND, .rules = leave_x, .nrules = 2 };
static const struct choices all = { .mode = CHOOSE_ON_DEMAND, .rules = leave_x, .nrules = 1 };

static struct {
	int calls;
	enum fetch_drop_end end;
	char why[128];
} ended;

static void on_end(void *arg, enum fetch_drop_end end, const char *why)
{
	(void)arg;
	ended.calls++;
	ended.end = end;
	snprintf(ended.why, sizeof(ended.why), "%s", why != NULL ? why : "");
}

/* Drops x and waits for the end. True: it is gone. */
static bool drop_x(bool even_if_last)
{
	int calls = ended.calls;

	w->chosen = &all_but_x;
	fetch_drop(w->fetch, "x", even_if_last, on_end, NULL);
	RUN_UNTIL(ended.calls > calls);
	assert_int_equal(ended.calls, calls + 1);
	assert_int_equal(ended.end == FETCH_DROP_REFUSED, ended.why[0] != '\0');
	assert_false(fetch_is_dropping(w->fetch, "x"));
	return ended.end == FETCH_DROPPED;
}

/* x is here, all is wanted, and nothing is to be done. */
static void begin(void)
{
	memset(&ended, 0, sizeof(ended));
	world_choose(&all);
	say_text(ANNA, "x", "content");
	assert_true(run());
	assert_text("x", "content");
}

static bool is_marked(void)
{
	struct record r = { 0 };
	bool marked = index_get(w->index, "x", &r) > 0 && r.leaving;

	record_clear(&r);
	return marked;
}

static bool is_listed(void)
{
	struct record r = { 0 };
	bool listed = index_list_get(w->index, "x", &r) > 0;

	record_clear(&r);
	return listed;
}

static size_t versions(void)
{
	char command[160];
	FILE *p;
	int n = -1;

	snprintf(command, sizeof(command), "find %s/.lanyard/versions -type f 2>/dev/null | wc -l", w->share_dir);
	p = popen(command, "r");
	assert_non_null(p);
	assert_int_equal(fscanf(p, "%d", &n), 1);
	pclose(p);
	return (size_t)n;
}

static void what_another_holds_is_dropped(void **state)
{
	struct record r = { 0 };

	(void)state;
	begin();
	peer_of(ANNA)->holds = HOLD_YES;
	assert_true(drop_x(false));
	assert_false(is_there("x"));
	assert_true(is_listed());
	assert_int_equal(index_get(w->index, "x", &r), 0);
	assert_int_equal(versions(), 0);
	assert_int_equal(index_totals(w->index).tombstones, 0);
	scan_path("x");
	assert_int_equal(index_totals(w->index).tombstones, 0);
	assert_true(run());
	/* It stays away, whatever its version. */
	say_file(ANNA, "x", "newer", 5, false);
	assert_true(run());
	assert_false(is_there("x"));
	/* And comes when it is asked for. */
	world_choose(&all);
	assert_true(run());
	assert_text("x", "newer");
}

static void what_nobody_holds_stays(void **state)
{
	(void)state;
	begin();
	assert_false(drop_x(false));
	peer_of(ANNA)->holds = HOLD_NO;
	assert_false(drop_x(false));
	assert_string_equal(ended.why, "no member that is connected now is known to have it: it may be the last copy");
	assert_text("x", "content");
	assert_false(is_marked());
	assert_int_equal(w->nchosen, 0);
	/* Unless its user says so. */
	assert_true(drop_x(true));
	assert_false(is_there("x"));
	assert_true(is_listed());
}

/* One of two says no, the other yes. */
static void one_holder_is_enough(void **state)
{
	(void)state;
	begin();
	peer_up(BERT);
	peer_of(ANNA)->holds = HOLD_NO;
	peer_of(BERT)->holds = HOLD_YES;
	assert_true(drop_x(false));
	assert_false(is_there("x"));
}

/* While it asks, it does not hold the file itself: of two that drop at once neither does. */
static void two_that_drop_at_once_refuse_each_other(void **state)
{
	struct record row = { 0 };

	(void)state;
	begin();
	assert_int_equal(index_get(w->index, "x", &row), 1);
	assert_true(fetch_holds(w->fetch, &row));
	peer_of(ANNA)->holds = HOLD_SILENT;
	fetch_drop(w->fetch, "x", false, on_end, NULL);
	assert_true(fetch_is_dropping(w->fetch, "x"));
	assert_false(fetch_holds(w->fetch, &row));
	fetch_drop(w->fetch, "x", false, on_end, NULL);
	assert_int_equal(ended.calls, 1);
	assert_string_equal(ended.why, "it is being dropped already");
	/* An answer to another question is none. */
	fetch_hold_answer(w->fetch, ANNA, w->fetch->drop_requests + 1, true);
	assert_int_equal(ended.calls, 1);
	fetch_hold_answer(w->fetch, ANNA, w->fetch->drop_requests, false);
	assert_int_equal(ended.calls, 2);
	assert_true(fetch_holds(w->fetch, &row));
	assert_text("x", "content");
	record_clear(&row);
}

static void another_version_is_not_held(void **state)
{
	struct record row = { 0 }, other = { 0 };

	(void)state;
	begin();
	assert_int_equal(index_get(w->index, "x", &row), 1);
	record_copy(&other, &row);
	assert_int_equal(version_bump(&other.version, 4711, 1), 0);
	assert_false(fetch_holds(w->fetch, &other));
	record_clear(&other);
	record_copy(&other, &row);
	other.content.root[0] ^= 1;
	assert_false(fetch_holds(w->fetch, &other));
	record_clear(&other);
	record_clear(&row);
}

/* Nobody is asked about an older version: it becomes a version of the share, as when it had been replaced. */
static void what_the_group_has_newer_becomes_a_version(void **state)
{
	(void)state;
	begin();
	peer_of(ANNA)->mute = true;
	say_file(ANNA, "x", "newer", 5, false);
	for (int i = 0; i < 5; i++)
		turn();
	assert_true(drop_x(false));
	assert_false(is_there("x"));
	assert_int_equal(versions(), 1);
	assert_true(run());
	assert_true(is_listed());
}

static void a_changed_file_stays(void **state)
{
	(void)state;
	begin();
	peer_of(ANNA)->holds = HOLD_YES;
	write_text("x", "changed by its user");
	w->scan_hints = false;
	assert_false(drop_x(false));
	assert_string_equal(ended.why, "it was changed meanwhile");
	assert_text("x", "changed by its user");
	assert_false(is_marked());
	/* The scan finds the change, as an edit of what was here. */
	assert_true(w->nhints > 0);
	w->scan_hints = true;
	turn();
	assert_row_is_true("x");
}

static void choices_that_cannot_be_written_drop_nothing(void **state)
{
	(void)state;
	begin();
	peer_of(ANNA)->holds = HOLD_YES;
	w->chosen = NULL;
	fetch_drop(w->fetch, "x", false, on_end, NULL);
	RUN_UNTIL(ended.calls > 0);
	assert_int_equal(ended.end, FETCH_DROP_REFUSED);
	assert_false(is_marked());
	assert_text("x", "content");
}

static void a_mirror_drops_nothing(void **state)
{
	(void)state;
	say_text(ANNA, "x", "content");
	assert_true(run());
	memset(&ended, 0, sizeof(ended));
	fetch_drop(w->fetch, "x", true, on_end, NULL);
	assert_int_equal(ended.calls, 1);
	assert_int_equal(ended.end, FETCH_DROP_REFUSED);
	assert_text("x", "content");
}

/* The mark is in the index, and the choices were written; then it was killed. */
static void a_drop_is_carried_through_after_a_crash(void **state)
{
	(void)state;
	begin();
	fetch_end();
	assert_int_equal(index_leaving_put(w->index, "x", true), 0);
	w->choices = &all_but_x;
	fetch_begin();
	RUN_UNTIL(!is_there("x") && is_listed());
	assert_int_equal(index_totals(w->index).tombstones, 0);
	assert_int_equal(versions(), 0);
	assert_true(run());
}

/* Killed before the choices were written, or its user has asked for it again since. */
static void a_mark_against_the_choices_goes(void **state)
{
	(void)state;
	begin();
	fetch_end();
	assert_int_equal(index_leaving_put(w->index, "x", true), 0);
	fetch_begin();
	assert_true(run());
	assert_false(is_marked());
	assert_text("x", "content");
}

/* The file was unlinked, and its row was not written. */
static void a_file_that_went_before_the_crash_is_not_deleted(void **state)
{
	(void)state;
	begin();
	fetch_end();
	assert_int_equal(index_leaving_put(w->index, "x", true), 0);
	assert_int_equal(unlinkat(w->root, "x", 0), 0);
	scan_path("x");
	w->choices = &all_but_x;
	fetch_begin();
	RUN_UNTIL(is_listed());
	assert_int_equal(index_totals(w->index).tombstones, 0);
}

/* What others deleted here is not wanted any more either, and needs nobody to hold it. */
static void what_was_here_is_dropped_too(void **state)
{
	(void)state;
	begin();
	say_gone(ANNA, "x");
	assert_true(run());
	world_choose(&nothing);
	assert_true(drop_x(false));
	world_choose(&nothing);
	say_file(ANNA, "x", "again", 5, false);
	assert_true(run());
	assert_false(is_there("x"));
	assert_true(is_listed());
}

static void an_empty_folder_is_dropped(void **state)
{
	(void)state;
	memset(&ended, 0, sizeof(ended));
	world_choose(&all);
	say_dir(ANNA, "x");
	say_text(ANNA, "x/y", "content");
	assert_true(run());
	assert_false(drop_x(false));
	assert_text("x/y", "content");
	w->chosen = &all_but_x;
	fetch_drop(w->fetch, "x/y", true, on_end, NULL);
	RUN_UNTIL(ended.calls == 2);
	assert_int_equal(ended.end, FETCH_DROPPED);
	assert_true(drop_x(false));
	assert_false(is_there("x"));
	assert_int_equal(index_totals(w->index).tombstones, 0);
	assert_int_equal(index_listed(w->index), 2);
}

/* Once it is gone here nobody would keep it in a conflict: its target is listed, and lost like bytes. */
static void the_last_copy_of_a_link_stays(void **state)
{
	(void)state;
	memset(&ended, 0, sizeof(ended));
	world_choose(&all);
	say_link(ANNA, "x", "target");
	assert_true(run());
	peer_of(ANNA)->holds = HOLD_NO;
	assert_false(drop_x(false));
	assert_true(is_there("x"));
	peer_of(ANNA)->holds = HOLD_YES;
	assert_true(drop_x(false));
	assert_false(is_there("x"));
	assert_true(is_listed());
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(what_another_holds_is_dropped),
		T(what_nobody_holds_stays),
		T(one_holder_is_enough),
		T(two_that_drop_at_once_refuse_each_other),
		T(another_version_is_not_held),
		T(what_the_group_has_newer_becomes_a_version),
		T(a_changed_file_stays),
		T(choices_that_cannot_be_written_drop_nothing),
		T(a_mirror_drops_nothing),
		T(a_drop_is_carried_through_after_a_crash),
		T(a_mark_against_the_choices_goes),
		T(a_file_that_went_before_the_crash_is_not_deleted),
		T(what_was_here_is_dropped_too),
		T(an_empty_folder_is_dropped),
		T(the_last_copy_of_a_link_stays),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
