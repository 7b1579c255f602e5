/* What a scan makes of a path whose content need not be here: absence by choice is never a deletion, what is its user's
 * own is left alone, and a reader's changes stay his. */
#include "tests/unit/local_fixture.h"

enum { ANNA = 100, ANNAS_EPOCH = 1000 };

static const struct choices on_demand = { .mode = CHOOSE_ON_DEMAND };

/* Another member's version of a file with this text. */
static struct record annas(const char *path, const char *text, uint64_t counter)
{
	struct record r = { .path = mem_strdup(path),
		            .kind = RECORD_FILE,
		            .mode = 0644,
		            .mtime_ns = 7,
		            .content = { .size = (int64_t)strlen(text), .nblocks = 1 },
		            .modified_by = ANNA };

	sha256(r.content.root, text, strlen(text));
	assert_int_equal(version_bump(&r.version, ANNAS_EPOCH, counter), 0);
	return r;
}

static void list(const char *path, const char *text, uint64_t counter)
{
	struct record r = annas(path, text, counter);

	assert_int_equal(index_list_add(ix, &r, ANNA), 1);
	record_clear(&r);
}

static void list_dir(const char *path, uint64_t counter)
{
	struct record r = { .path = mem_strdup(path), .kind = RECORD_DIR, .mode = 0755 };

	assert_int_equal(version_bump(&r.version, ANNAS_EPOCH, counter), 0);
	assert_int_equal(index_list_add(ix, &r, ANNA), 1);
	record_clear(&r);
}

static bool is_listed(const char *path)
{
	struct record r;
	bool found = index_list_get(ix, path, &r) > 0;

	record_clear(&r);
	return found;
}

static void start_on_demand(void)
{
	assert_int_equal(index_choose(ix, &on_demand), 0);
	start_local();
	until_idle();
}

static void told_nothing(void)
{
	if (nlogged > 0)
		fail_msg("told: %s", logged[0]);
}

static void what_is_listed_and_not_here_is_no_deletion(void **state)
{
	(void)state;
	list_dir("d", 1);
	list("d/a", "one", 2);
	start_on_demand();
	local_rescan(local);
	until_idle();
	told_nothing();
	assert_true(is_listed("d") && is_listed("d/a"));
}

static void what_is_being_dropped_may_go(void **state)
{
	(void)state;
	put("a", "one");
	start_on_demand();
	forget_log();
	assert_int_equal(index_leaving_put(ix, "a", true), 0);
	assert_int_equal(unlinkat(root, "a", 0), 0);
	until_idle();
	local_rescan(local);
	until_idle();
	told_nothing();
	assert_row("a", "file");
}

/* Its user saves another file where a drop is under way: that is here, and nothing succeeds what was dropped. */
static void what_is_saved_over_a_drop_is_found(void **state)
{
	struct record r;

	(void)state;
	put("a", "one");
	start_on_demand();
	assert_int_equal(index_leaving_put(ix, "a", true), 0);
	put("a", "another");
	until_idle();
	r = get_row("a");
	assert_false(r.leaving);
	assert_int_equal(r.content.size, strlen("another"));
	assert_int_equal(version_counter(&r.version, index_epoch(ix)), 0);
	record_clear(&r);
	assert_int_equal(index_list_get(ix, "a", &r), 1);
	assert_int_equal(r.content.size, strlen("one"));
	assert_true(version_counter(&r.version, index_epoch(ix)) > 0);
	record_clear(&r);
}

static void a_new_mode_is_no_end_of_a_drop(void **state)
{
	struct record r;

	(void)state;
	put("a", "one");
	start_on_demand();
	forget_log();
	assert_int_equal(index_leaving_put(ix, "a", true), 0);
	assert_int_equal(fchmodat(root, "a", 0600, 0), 0);
	until_idle();
	told_nothing();
	r = get_row("a");
	assert_true(r.leaving);
	record_clear(&r);
}

static void bytes_that_are_listed_are_their_makers(void **state)
{
	struct record r;

	(void)state;
	list("a", "one", 5);
	start_on_demand();
	put("a", "one");
	until_idle();
	r = get_row("a");
	assert_int_equal(version_counter(&r.version, ANNAS_EPOCH), 5);
	record_clear(&r);
	assert_false(is_listed("a"));
}

static void other_bytes_stand_beside_what_is_listed(void **state)
{
	struct record r;

	(void)state;
	list("a", "one", 5);
	start_on_demand();
	put("a", "two");
	until_idle();
	r = get_row("a");
	assert_int_equal(version_counter(&r.version, ANNAS_EPOCH), 0);
	record_clear(&r);
	assert_true(is_listed("a"));
}

/* B to W: its user deletes what is here, and the newer version stays. */
static void a_deletion_takes_only_what_was_here(void **state)
{
	struct record r;

	(void)state;
	put("a", "one");
	start_on_demand();
	r = get_row("a");
	r.content.size = 4;
	r.content.root[0] ^= 1;
	assert_int_equal(version_bump(&r.version, ANNAS_EPOCH, 9), 0);
	assert_int_equal(index_list_add(ix, &r, ANNA), 1);
	record_clear(&r);
	assert_int_equal(unlinkat(root, "a", 0), 0);
	until_idle();
	assert_row("a", "gone");
	assert_int_equal(index_list_get(ix, "a", &r), 1);
	assert_int_equal(version_counter(&r.version, ANNAS_EPOCH), 9);
	record_clear(&r);
}

static void a_folder_stays_listed_while_something_below_it_is(void **state)
{
	(void)state;
	make_dir("d");
	make_dir("e");
	put("d/here", "one");
	list("d/there", "two", 5);
	start_on_demand();
	forget_log();
	assert_int_equal(unlinkat(root, "d/here", 0), 0);
	assert_int_equal(unlinkat(root, "d", AT_REMOVEDIR), 0);
	assert_int_equal(unlinkat(root, "e", AT_REMOVEDIR), 0);
	until_idle();
	assert_row("d/here", "gone");
	assert_row("d", "");
	assert_row("e", "gone");
	assert_true(is_listed("d") && is_listed("d/there"));
}

static void what_is_unshared_is_left_alone(void **state)
{
	static const char *const own[] = { "d", "gone" };
	static const struct choices choices = { .mode = CHOOSE_ON_DEMAND, .unshared = own, .nunshared = 2 };

	(void)state;
	make_dir("d");
	put("d/a", "one");
	put("gone", "two");
	put("other", "three");
	start_on_demand();
	forget_log();
	/* Its rows are still there, since setting many aside takes a while. */
	assert_int_equal(index_choose(ix, &choices), 0);
	put("d/a", "changed");
	put("d/new", "new");
	assert_int_equal(unlinkat(root, "gone", 0), 0);
	until_idle();
	local_rescan(local);
	until_idle();
	told_nothing();
	assert_row("gone", "file");
	assert_row("d/new", "");
	assert_int_equal(index_set_aside(ix, "d/a", ASIDE_UNSHARED), 0);
	put("d/a", "changed again");
	until_idle();
	assert_int_equal(unlinkat(root, "d/a", 0), 0);
	until_idle();
	told_nothing();
	assert_row("d/a", "");
	assert_int_equal(index_aside_get(ix, "d/a", NULL, NULL), 1);
	put("other", "changed");
	until_idle();
	assert_int_equal(log_position("+other"), 0);
}

/* Its user writes to the name that is not shared. */
static void the_shared_name_of_an_unshared_file_is_told(void **state)
{
	static const char *const own[] = { "own" };
	static const struct choices choices = { .mode = CHOOSE_ON_DEMAND, .unshared = own, .nunshared = 1 };
	struct record before, after;
	int fd;

	(void)state;
	put("own", "one");
	start_on_demand();
	assert_int_equal(index_choose(ix, &choices), 0);
	assert_int_equal(index_set_aside(ix, "own", ASIDE_UNSHARED), 0);
	make_dir("d");
	assert_int_equal(linkat(root, "own", root, "d/shared", 0), 0);
	until_idle();
	before = get_row("d/shared");
	fd = openat(root, "own", O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, "more", 4), 4);
	close(fd);
	until_idle();
	after = get_row("d/shared");
	assert_int_equal(after.content.size, before.content.size + 4);
	record_clear(&before);
	record_clear(&after);
	assert_row("own", "");
}

/* --- an index that was put back --- */

static bool merges;

static void start_merging(void)
{
	struct local_config config = { .loop = loop,
		                       .workers = workers,
		                       .share = share,
		                       .index = ix,
		                       .short_id = 7,
		                       .merge = merges,
		                       .changed = on_changed,
		                       .scanned = on_scanned };

	local = local_new(&config);
	local_start(local);
	until_idle();
}

static void a_merge_takes_nothing_for_a_change(void **state)
{
	struct record r;

	(void)state;
	for (int i = 0; i < 40; i++) {
		char *path = mem_printf("f%d", i);

		put(path, "one");
		free(path);
	}
	make_dir("empty");
	start_on_demand();
	stop_local();
	forget_log();
	for (int i = 0; i < 38; i++) {
		char *path = mem_printf("f%d", i);

		assert_int_equal(unlinkat(root, path, 0), 0);
		free(path);
	}
	put("f38", "another");
	assert_int_equal(unlinkat(root, "empty", AT_REMOVEDIR), 0);
	assert_int_equal(index_leaving_put(ix, "f39", true), 0);
	merges = true;
	start_merging();
	assert_int_equal(local_held(local, NULL), 0);
	assert_row("f0", "");
	assert_row("empty", "");
	assert_true(is_listed("f0") && is_listed("f38") && is_listed("empty"));
	assert_int_equal(index_listed(ix), 40);
	assert_int_equal(index_totals(ix).tombstones, 0);
	r = get_row("f38");
	assert_int_equal(version_counter(&r.version, index_epoch(ix)), 0);
	record_clear(&r);
	r = get_row("f39");
	assert_false(r.leaving);
	record_clear(&r);
	/* Then it is over. */
	assert_int_equal(unlinkat(root, "f39", 0), 0);
	until_idle();
	assert_row("f39", "gone");
}

static void without_a_merge_it_would_be_deleted(void **state)
{
	(void)state;
	put("a", "one");
	start_on_demand();
	stop_local();
	assert_int_equal(unlinkat(root, "a", 0), 0);
	merges = false;
	start_merging();
	assert_row("a", "gone");
}

/* --- a reader --- */

static void assert_own(const char *path)
{
	enum aside_reason why = 0;

	if (index_aside_get(ix, path, &why, NULL) != 1 || why != ASIDE_READER)
		fail_msg("%s is not set aside", path);
	assert_row(path, "");
}

static void nothing_a_reader_does_is_told(void **state)
{
	uint64_t seq;

	(void)state;
	for (const char *path = "abcd"; *path != '\0'; path++)
		put((char[]){ *path, '\0' }, (char[]){ *path, '\0' });
	assert_int_equal(symlinkat("a", root, "link"), 0);
	make_dir("dir");
	start_on_demand();
	forget_log();
	index_set_reader(ix, true);
	seq = index_seq(ix);
	put("a", "changed");
	assert_int_equal(unlinkat(root, "b", 0), 0);
	assert_int_equal(fchmodat(root, "c", 0600, 0), 0);
	move("d", "e");
	put("new", "new");
	make_dir("newdir");
	assert_int_equal(unlinkat(root, "link", 0), 0);
	assert_int_equal(symlinkat("b", root, "link"), 0);
	assert_int_equal(unlinkat(root, "dir", AT_REMOVEDIR), 0);
	until_idle();
	local_rescan(local);
	until_idle();
	told_nothing();
	assert_own("a");
	assert_own("b");
	assert_own("c");
	assert_own("d");
	assert_own("e");
	assert_own("new");
	assert_own("newdir");
	assert_own("link");
	assert_own("dir");
	assert_int_equal(index_totals(ix).tombstones, 0);
	/* What went from the rows is listed: all that has a new number is absent. */
	assert_int_equal(index_listed(ix), (int64_t)(index_seq(ix) - seq));
	assert_int_equal(unlinkat(root, "new", 0), 0);
	until_idle();
	assert_int_equal(index_aside_get(ix, "new", NULL, NULL), 0);
}

/* Not even all of it at once is held as an accident: nobody would be told of it. */
static void a_reader_may_delete_everything(void **state)
{
	(void)state;
	for (int i = 0; i < 50; i++) {
		char *path = mem_printf("f%d", i);

		put(path, "one");
		free(path);
	}
	start_on_demand();
	forget_log();
	index_set_reader(ix, true);
	for (int i = 0; i < 50; i++) {
		char *path = mem_printf("f%d", i);

		assert_int_equal(unlinkat(root, path, 0), 0);
		free(path);
	}
	until_idle();
	told_nothing();
	assert_int_equal(local_held(local, NULL), 0);
	assert_int_equal(index_aside_count(ix, ASIDE_READER), 50);
}

static void a_reader_takes_the_groups_word_for_equal_bytes(void **state)
{
	struct record r;

	(void)state;
	list("a", "one", 5);
	index_set_reader(ix, true);
	put("a", "one");
	assert_int_equal(utimensat(root, "a", (struct timespec[]){ { 0, 7 }, { 0, 7 } }, 0), 0);
	start_on_demand();
	r = get_row("a");
	assert_int_equal(version_counter(&r.version, ANNAS_EPOCH), 5);
	assert_int_equal(r.version.n, 1);
	record_clear(&r);
	assert_int_equal(index_aside_count(ix, ASIDE_READER), 0);
}

/* Edited back by hand, or taken by a member after all. */
static void what_equals_the_groups_is_not_a_readers_own(void **state)
{
	struct record r;

	(void)state;
	put("a", "one");
	put("b", "two");
	start_on_demand();
	index_set_reader(ix, true);
	put("a", "changed");
	assert_int_equal(unlinkat(root, "b", 0), 0);
	until_idle();
	assert_own("a");
	assert_own("b");
	put("a", "other!!");
	until_idle();
	assert_own("a");
	put("a", "one");
	until_idle();
	assert_int_equal(index_aside_get(ix, "a", NULL, NULL), 0);
	assert_row("a", "file");
	assert_false(is_listed("a"));
	assert_int_equal(index_list_get(ix, "b", &r), 1);
	r.deleted = true;
	assert_int_equal(version_bump(&r.version, ANNAS_EPOCH, 9), 0);
	assert_int_equal(index_list_add(ix, &r, ANNA), 1);
	record_clear(&r);
	local_hint(local, "b");
	until_idle();
	assert_int_equal(index_aside_get(ix, "b", NULL, NULL), 0);
	assert_row("b", "gone");
	/* And then it is as any other file of a reader. */
	put("a", "changed");
	until_idle();
	assert_own("a");
}

/* After a change of roles a row knows nothing: what its user makes of it is new, and that it is gone says nothing. */
static void a_row_that_knows_nothing_has_no_changes(void **state)
{
	struct record r;

	(void)state;
	put("a", "one");
	put("b", "two");
	start_on_demand();
	for (const char *path = "ab"; *path != '\0'; path++) {
		r = get_row((char[]){ *path, '\0' });
		version_clear(&r.version);
		assert_int_equal(index_put(ix, &r, NULL), 0);
		record_clear(&r);
	}
	forget_log();
	put("a", "changed");
	assert_int_equal(unlinkat(root, "b", 0), 0);
	until_idle();
	assert_row("b", "");
	assert_int_equal(index_listed(ix), 0);
	assert_int_equal(index_totals(ix).tombstones, 0);
	r = get_row("a");
	assert_int_equal(r.version.n, 1);
	record_clear(&r);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(what_is_listed_and_not_here_is_no_deletion),
		T(what_is_being_dropped_may_go),
		T(what_is_saved_over_a_drop_is_found),
		T(a_new_mode_is_no_end_of_a_drop),
		T(bytes_that_are_listed_are_their_makers),
		T(other_bytes_stand_beside_what_is_listed),
		T(a_deletion_takes_only_what_was_here),
		T(a_folder_stays_listed_while_something_below_it_is),
		T(what_is_unshared_is_left_alone),
		T(the_shared_name_of_an_unshared_file_is_told),
		T(a_merge_takes_nothing_for_a_change),
		T(without_a_merge_it_would_be_deleted),
		T(nothing_a_reader_does_is_told),
		T(a_reader_may_delete_everything),
		T(a_reader_takes_the_groups_word_for_equal_bytes),
		T(what_equals_the_groups_is_not_a_readers_own),
		T(a_row_that_knows_nothing_has_no_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
