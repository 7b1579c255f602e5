/* Proves that what is done to a share's files is in the index when local_idle() says so, with real inotify on the real
 * loop, and that what is unchanged costs no row. */
#include "tests/unit/local_fixture.h"

#include <pthread.h>

static void test_first_scan_finds_every_kind(void **state)
{
	char long_name[256];

	(void)state;
	memset(long_name, 'n', 255);
	long_name[255] = '\0';
	make_dir("a/b/c");
	make_dir("empty");
	put("a/b/c/f", "text");
	put("a/zero", "");
	put(long_name, "x");
	put("line\nbreak", "x");
	put("\x1b[31mred", "x");
	put("\xff\xfe\x80", "x");
	put("-rf *", "x");
	assert_int_equal(symlinkat("/etc/passwd", root, "absolute"), 0);
	assert_int_equal(symlinkat("nowhere", root, "a/dangling"), 0);
	assert_int_equal(fchmodat(root, "a/zero", 04711, 0), 0);
	start_local();
	assert_false(local_idle(local));
	assert_int_equal(local_state(local), LOCAL_SCANNING);
	until_idle();
	assert_int_equal(local_state(local), LOCAL_WATCHING);
	assert_index_is_disk();
	assert_int_equal(nscanned, 1);
	assert_int_equal(scanned_files, 13);
	assert_row(".lanyard", "");
	assert_int_equal(local_problems(local, NULL, NULL), 0);
}

static void test_a_full_scan_says_how_far_it_is(void **state)
{
	struct local_scanning s, most = { 0 };
	char name[16], text[64] = "";

	(void)state;
	/* It may all happen within one turn, so that there is nothing to be seen. */
	for (int tries = 0; tries < 50 && (most.seen < 300 || most.hashing == 0); tries++) {
		text[tries] = 'x';
		for (int i = 0; i < 300; i++) {
			(void)snprintf(name, sizeof(name), "%d", i);
			put(name, text);
		}
		if (tries > 0)
			stop_local();
		start_local();
		most.seen = 0;
		while (!local_idle(local)) {
			if (local_scanning(local, &s)) {
				assert_true(s.seen >= most.seen && s.took_ms >= 0);
				most.seen = s.seen;
				most.hashing = s.hashing > most.hashing ? s.hashing : most.hashing;
			}
			turn_once();
		}
	}
	assert_int_equal(most.seen, 300);
	assert_in_range(most.hashing, 1, 300);
	assert_false(local_scanning(local, &s));
}

/* The year 2300 became 1715: it is told as the nearest that can be, and listed as long as it stands. */
static void test_a_time_that_no_record_holds_is_listed_and_its_file_is_synced(void **state)
{
	struct timespec year_2300[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = INT64_C(10413792000) } };
	struct record r;

	(void)state;
	put("f", "x");
	start_local();
	until_idle();
	assert_int_equal(utimensat(root, "f", year_2300, 0), 0);
	until_idle();
	for (int i = 0; i < 2; i++) {
		r = get_row("f");
		assert_true(r.mtime_ns == INT64_MAX);
		record_clear(&r);
		assert_true(has_problem("f"));
		assert_int_equal(local_failing(local), 0);
		assert_index_is_disk();
		stop_local();
		start_local(); /* it is found again */
		until_idle();
	}
	assert_int_equal(utimensat(root, "f", NULL, 0), 0);
	until_idle();
	assert_false(has_problem("f"));
	assert_index_is_disk();
}

static void test_a_restart_changes_nothing(void **state)
{
	uint64_t seq;

	(void)state;
	make_dir("a/b");
	put("a/b/f", "text");
	assert_int_equal(symlinkat("f", root, "a/b/l"), 0);
	start_local();
	until_idle();
	seq = index_seq(ix);
	forget_log();
	for (int i = 0; i < 2; i++) {
		stop_local();
		start_local();
		until_idle();
		local_rescan(local);
		until_idle();
	}
	assert_int_equal(index_seq(ix), seq);
	assert_int_equal(nlogged, 0);
	assert_int_equal(nscanned, 5);
}

static void test_finds_what_happened_while_it_was_off(void **state)
{
	(void)state;
	make_dir("dir/sub");
	put("dir/sub/f", "1");
	put("edited", "1");
	put("was-file", "1");
	make_dir("was-dir/x");
	start_local();
	until_idle();
	stop_local();
	assert_int_equal(fs_remove_tree(root, "dir"), 0);
	put("edited", "longer");
	assert_int_equal(unlinkat(root, "was-file", 0), 0);
	make_dir("was-file/in");
	assert_int_equal(fs_remove_tree(root, "was-dir"), 0);
	put("was-dir", "now a file");
	forget_log();
	start_local();
	until_idle();
	assert_index_is_disk();
	assert_row("dir/sub/f", "gone");
	assert_row("dir", "gone");
	assert_row("was-dir/x", "gone");
	/* Each folder goes after what was in it. */
	assert_true(log_position("-dir/sub/f") < log_position("-dir/sub"));
	assert_true(log_position("-dir/sub") < log_position("-dir"));
}

static void test_events_become_rows(void **state)
{
	struct record before;
	struct record after;

	(void)state;
	start_local();
	until_idle();
	put("f", "one");
	until_idle();
	assert_index_is_disk();
	before = get_row("f");
	assert_int_equal(fchmodat(root, "f", 0600, 0), 0);
	until_idle();
	after = get_row("f");
	assert_index_is_disk();
	assert_true(record_same_content(&before, &after));
	assert_int_equal(version_compare(&after.version, &before.version), VERSION_NEWER);
	assert_int_equal(version_compare(&after.base, &before.version), VERSION_EQUAL);
	assert_int_equal(after.mode_base.n, 0);
	record_clear(&before);
	before = after;
	assert_int_equal(fs_set_mtime_at(root, "f", 1234567890123456789), 0);
	until_idle();
	assert_index_is_disk();
	after = get_row("f");
	assert_int_equal(version_compare(&after.base, &before.base), VERSION_EQUAL);
	assert_int_equal(version_compare(&after.mode_base, &before.version), VERSION_EQUAL);
	record_clear(&before);
	record_clear(&after);
	put("f", "two!");
	until_idle();
	assert_index_is_disk();
	assert_int_equal(symlinkat("one", root, "l"), 0);
	until_idle();
	assert_index_is_disk();
	assert_int_equal(unlinkat(root, "l", 0), 0);
	assert_int_equal(symlinkat("two", root, "l"), 0);
	until_idle();
	assert_index_is_disk();
	assert_int_equal(linkat(root, "f", root, "hard", 0), 0);
	until_idle();
	assert_index_is_disk();
	assert_int_equal(mkdirat(root, "d", 0700), 0);
	until_idle();
	assert_int_equal(fchmodat(root, "d", 0755, 0), 0);
	until_idle();
	assert_index_is_disk();
	assert_int_equal(unlinkat(root, "f", 0), 0);
	assert_int_equal(unlinkat(root, "d", AT_REMOVEDIR), 0);
	until_idle();
	assert_index_is_disk();
	assert_row("f", "gone");
	assert_row("d", "gone");
	assert_int_equal(nscanned, 1);
}

static void test_the_same_bytes_again_are_only_a_new_time(void **state)
{
	struct record before;
	struct record after;

	(void)state;
	put("f", "bytes");
	assert_int_equal(fs_set_mtime_at(root, "f", 1000000000), 0);
	start_local();
	until_idle();
	before = get_row("f");
	put("f", "bytes");
	until_idle();
	after = get_row("f");
	assert_true(record_same_content(&before, &after));
	assert_true(after.mtime_ns != before.mtime_ns);
	assert_int_equal(version_compare(&after.version, &before.version), VERSION_NEWER);
	record_clear(&before);
	record_clear(&after);
	assert_index_is_disk();
}

/* As on a kernel whose clock for files ticks every few milliseconds: the second write leaves the times of the first. */
static void test_a_write_that_no_look_can_see_is_read_all_the_same(void **state)
{
	struct fs_stat st;
	struct record r;

	(void)state;
	start_local();
	until_idle();
	put("f", "one");
	until_idle();
	put("f", "two");
	assert_int_equal(fs_stat_beneath(root, "f", &st), 0);
	r = get_row("f");
	r.mtime_ns = st.mtime_ns;
	r.seen = (struct seen){ st.size, st.mtime_ns, st.ctime_ns, st.ino, st.mode };
	assert_int_equal(index_put(ix, &r, NULL), 0);
	record_clear(&r);
	until_idle();
	assert_index_is_disk();
}

static void test_a_look_that_finds_only_another_inode_costs_no_version(void **state)
{
	struct record before;
	struct record after;

	(void)state;
	put("f", "bytes");
	assert_int_equal(fs_set_mtime_at(root, "f", 1000000000), 0);
	start_local();
	until_idle();
	before = get_row("f");
	put(".lanyard/copy", "bytes");
	assert_int_equal(utimensat(root, ".lanyard/copy", (struct timespec[]){ { 1, 0 }, { 1, 0 } }, 0), 0);
	move(".lanyard/copy", "f");
	until_idle();
	after = get_row("f");
	assert_int_equal(after.seq, before.seq);
	assert_true(after.seen.ino != before.seen.ino);
	record_clear(&before);
	record_clear(&after);
}

static void test_an_open_writer_is_waited_for(void **state)
{
	int fd;

	(void)state;
	start_local();
	until_idle();
	fd = openat(root, "f", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(write(fd, "part", 4), 4);
	for (int i = 0; i < 50; i++) {
		(void)loop_turn(loop, false);
		assert_false(local_idle(local));
	}
	assert_row("f", "");
	assert_int_equal(local_pending(local), 1);
	assert_int_equal(write(fd, " rest", 5), 5);
	close(fd);
	until_idle();
	assert_index_is_disk();
}

static void *race(void *arg)
{
	char path[64];

	(void)arg;
	for (int i = 0; i < 60; i++) {
		(void)snprintf(path, sizeof(path), "d%d/e/f/g", i);
		make_dir(path);
		(void)snprintf(path, sizeof(path), "d%d/e/f/g/file", i);
		put(path, "x");
		(void)snprintf(path, sizeof(path), "d%d/e/other", i);
		put(path, "y");
	}
	return NULL;
}

/* Folders whose content is there before they can be watched. */
static void test_new_trees_are_found_whole(void **state)
{
	pthread_t thread;

	(void)state;
	start_local();
	until_idle();
	assert_int_equal(pthread_create(&thread, NULL, race, NULL), 0);
	for (int i = 0; i < 200; i++)
		(void)loop_turn(loop, false);
	pthread_join(thread, NULL);
	until_idle();
	assert_index_is_disk();
	assert_int_equal(nscanned, 1);
	/* And they are watched by now. */
	put("d7/e/f/g/late", "z");
	until_idle();
	assert_row("d7/e/f/g/late", "file");
	assert_int_equal(nscanned, 1);
}

static void test_ignored_paths_keep_their_rows(void **state)
{
	struct record before;
	struct record after;

	(void)state;
	make_dir("build");
	put("build/out", "1");
	put("a.o", "1");
	put("a.c", "1");
	start_local();
	until_idle();
	before = get_row("a.o");
	put(".lanyardignore", "*.o\nbuild/\n");
	until_idle();
	assert_int_equal(nscanned, 2);
	assert_row(".lanyardignore", "");
	forget_log();
	put("a.o", "2!");
	put("b.o", "2");
	put("build/new", "2");
	assert_int_equal(unlinkat(root, "build/out", 0), 0);
	make_dir("src/build/deep");
	until_idle();
	local_rescan(local);
	until_idle();
	assert_int_equal(nlogged, 1);
	assert_string_equal(logged[0], "+src");
	after = get_row("a.o");
	assert_int_equal(after.seq, before.seq);
	assert_row("build/out", "file");
	record_clear(&before);
	record_clear(&after);
	assert_int_equal(unlinkat(root, ".lanyardignore", 0), 0);
	until_idle();
	assert_index_is_disk();
	assert_row("build/out", "gone");
}

static void test_rules_that_leave_out_their_own_file_can_be_changed(void **state)
{
	(void)state;
	put(".lanyardignore", "*\n");
	put("f", "x");
	start_local();
	until_idle();
	assert_row("f", "");
	put(".lanyardignore", "*.o\n");
	until_idle();
	assert_row("f", "file");
	put("new", "*\n");
	until_idle();
	move("new", ".lanyardignore");
	until_idle();
	put("g", "x");
	until_idle();
	assert_row("g", "");
	assert_int_equal(unlinkat(root, ".lanyardignore", 0), 0);
	until_idle();
	assert_index_is_disk();
}

static void test_hints_from_outside_are_looked_at(void **state)
{
	(void)state;
	start_local();
	until_idle();
	forget_log();
	local_hint(local, "absent");
	local_hint(local, "../outside");
	local_hint(local, ".lanyard/share");
	local_hint(local, "");
	until_idle();
	assert_int_equal(nlogged, 0);
}

/* --- an installer at work --- */

static const char *busy_path;

static bool is_busy_path(const char *path)
{
	return busy_path != NULL && strcmp(path, busy_path) == 0;
}

static void install(const char *path, const char *text, bool with_row)
{
	struct record r = { .kind = RECORD_FILE, .mode = 0644 };
	struct fs_stat st;

	put(".lanyard/parts/x", text);
	move(".lanyard/parts/x", path);
	if (!with_row)
		return;
	assert_int_equal(fs_stat_beneath(root, path, &st), 0);
	r.path = mem_strdup(path);
	r.mtime_ns = st.mtime_ns;
	r.content = (struct content){ .size = st.size, .nblocks = 1 };
	sha256(r.content.root, text, strlen(text));
	r.seen = (struct seen){ st.size, st.mtime_ns, st.ctime_ns, st.ino, st.mode };
	assert_int_equal(version_bump(&r.version, 99, 1), 0);
	assert_int_equal(index_put(ix, &r, NULL), 0);
	record_clear(&r);
}

static void test_an_installed_file_raises_no_echo(void **state)
{
	uint64_t seq;

	(void)state;
	start_local();
	until_idle();
	forget_log();
	install("f", "from a peer", true);
	seq = index_seq(ix);
	until_idle();
	local_rescan(local);
	until_idle();
	assert_int_equal(index_seq(ix), seq);
	assert_int_equal(nlogged, 0);
	assert_index_is_disk();
}

static void test_a_row_that_is_still_to_come_is_waited_for(void **state)
{
	(void)state;
	start_local();
	until_idle();
	forget_log();
	busy = is_busy_path;
	busy_path = "f";
	install("f", "from a peer", false);
	for (int i = 0; i < 10; i++) {
		(void)loop_turn(loop, true);
		assert_false(local_idle(local));
	}
	assert_row("f", "");
	install("f", "from a peer", true);
	busy_path = NULL;
	until_idle();
	assert_int_equal(nlogged, 0);
	assert_index_is_disk();
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_first_scan_finds_every_kind),
		T(test_a_full_scan_says_how_far_it_is),
		T(test_a_time_that_no_record_holds_is_listed_and_its_file_is_synced),
		T(test_a_restart_changes_nothing),
		T(test_finds_what_happened_while_it_was_off),
		T(test_events_become_rows),
		T(test_the_same_bytes_again_are_only_a_new_time),
		T(test_a_write_that_no_look_can_see_is_read_all_the_same),
		T(test_a_look_that_finds_only_another_inode_costs_no_version),
		T(test_an_open_writer_is_waited_for),
		T(test_new_trees_are_found_whole),
		T(test_ignored_paths_keep_their_rows),
		T(test_rules_that_leave_out_their_own_file_can_be_changed),
		T(test_hints_from_outside_are_looked_at),
		T(test_an_installed_file_raises_no_echo),
		T(test_a_row_that_is_still_to_come_is_waited_for),
	};

	return cmocka_run_group_tests_name("local", tests, NULL, NULL);
}
