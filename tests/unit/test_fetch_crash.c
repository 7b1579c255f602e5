/* Fetch and kill -9 between any two steps: what stands in the share is whole, nothing a user wrote is lost, and the
 * next start goes on. Also file systems that cannot exchange two files. */
#include "tests/unit/fetch_world.h"

#include <errno.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "sync/install/install_job.h"
#include "sync/fetch/reason.h"
#include "sync/versions/version_store.h"

static bool no_exchange, no_keeping;

/* In place of the C library's. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): libc's own names are reserved ones */
int renameat2(int olddirfd, const char *oldpath, int newdirfd, const char *newpath, unsigned int flags)
{
	struct kept_tag tag;
	int64_t at_ns;

	if (no_exchange && (flags & RENAME_EXCHANGE) != 0) {
		errno = EINVAL;
		return -1;
	}
	if (no_keeping && newdirfd != w->root && kept_name_parse(newpath, &tag, &at_ns, NULL) == 0) {
		errno = ENOSPC;
		return -1;
	}
	return (int)syscall(SYS_renameat2, olddirfd, oldpath, newdirfd, newpath, flags);
}

static char dir[64];
static enum install_step die_at;
static const char *edit_at_look;
static bool died; /* the last life, in the middle */

static void die(enum install_step step, const char *path)
{
	if (strcmp(path, "e") != 0)
		return;
	if (step == STEP_LOOKED && edit_at_look != NULL) {
		write_text("tmp~", edit_at_look);
		if (renameat(w->root, "tmp~", w->root, "e") < 0)
			_exit(2);
	}
	if (step == die_at)
		_exit(9);
}

/* The deeds know what Anna said before, and nothing of what was done here. */
static void replace(void)
{
	struct record r = peer_record(ANNA, "e", RECORD_FILE);

	have(ANNA, &r, "version two", 11, CHUNK);
	say(ANNA, &r, "version two", 11);
}

static void replace_big(void)
{
	uint8_t *two = noise(1 << 20, 2);
	struct record r = peer_record(ANNA, "e", RECORD_FILE);

	have(ANNA, &r, two, 1 << 20, CHUNK);
	say(ANNA, &r, NULL, 0);
	free(two);
}

static void delete (void)
{
	struct record r = peer_record(ANNA, "e", RECORD_FILE);

	r.deleted = true;
	say(ANNA, &r, NULL, 0);
}

static void make_folder(void)
{
	struct record r = peer_record(ANNA, "e", RECORD_DIR);

	say(ANNA, &r, NULL, 0);
}

/* A life that ends in the middle. */
static void live_and_die(void (*what)(void))
{
	pid_t pid = fork();
	int status = 0;

	assert_true(pid >= 0);
	if (pid == 0) {
		world_open(dir);
		say_text(ANNA, "e", "version one");
		if (!run())
			_exit(3);
		index_commit(w->index);
		install_set_hook(die);
		what();
		(void)run_ms(5000);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_true(WEXITSTATUS(status) == 9 || WEXITSTATUS(status) == 0);
	died = WEXITSTATUS(status) == 9;
}

static bool is_somewhere(const char *text)
{
	char command[300];

	snprintf(command, sizeof(command), "grep -rqxF '%s' %s", text, w->share_dir);
	return system(command) == 0;
}

/* Not only among the versions, which go one day. */
static bool is_in_share(const char *text)
{
	char command[300];

	snprintf(command, sizeof(command), "grep -rqxF --exclude-dir=.lanyard '%s' %s", text, w->share_dir);
	return system(command) == 0;
}

static void begin_dir(void)
{
	snprintf(dir, sizeof(dir), "/tmp/test-fetch-XXXXXX");
	umask(022);
	assert_non_null(mkdtemp(dir));
}

/* The next run: the scan at start, then the same news. */
static void live_on(void (*what)(void))
{
	world_open(dir);
	/* So that the scan at start knows what it finds, wherever the last life ended. */
	if (died)
		assert_non_null(index_leftover(w->index, "e"));
	scan_path("e");
	peer_of(ANNA)->seq = 1;
	what();
	assert_true(run());
	RUN_UNTIL(parts_left() == 0);
	/* All of the last life was dealt with. */
	assert_null(index_leftover(w->index, "e"));
}

static bool is_big(void)
{
	struct fs_stat st;

	return fs_stat_beneath(w->root, "e", &st) == 0 && st.size == 1 << 20;
}

static void check(void (*what)(void))
{
	if (what == replace) {
		assert_text("e", "version two");
	} else if (what == replace_big) {
		uint8_t *two = noise(1 << 20, 2);

		assert_true(is_big());
		assert_bytes("e", two, 1 << 20);
		free(two);
	} else if (what == delete) {
		assert_false(is_there("e"));
	}
	assert_row_is_true("e");
}

static void (*const deeds[])(void) = { replace, replace_big, delete, make_folder };

static void killed_at_any_step_goes_on(void **state)
{
	(void)state;
	edit_at_look = NULL;
	for (int exchange = 0; exchange < 2; exchange++) {
		no_exchange = exchange == 0;
		for (size_t deed = 0; deed < sizeof(deeds) / sizeof(deeds[0]); deed++) {
			for (int step = STEP_WRITTEN; step <= STEP_PLACED; step++) {
				die_at = (enum install_step)step;
				begin_dir();
				live_and_die(deeds[deed]);
				live_on(deeds[deed]);
				check(deeds[deed]);
				if (!is_somewhere("version one"))
					fail_msg("not kept: deed %zu, step %d, exchange %d", deed, step, exchange);
				world_close();
			}
		}
	}
	no_exchange = false;
}

static void edit_and_kill_lose_nothing(void **state)
{
	(void)state;
	edit_at_look = "what I wrote";
	for (int exchange = 0; exchange < 2; exchange++) {
		no_exchange = exchange == 0;
		for (size_t deed = 0; deed < sizeof(deeds) / sizeof(deeds[0]); deed++) {
			for (int step = STEP_LOOKED; step <= STEP_PLACED; step++) {
				die_at = (enum install_step)step;
				begin_dir();
				live_and_die(deeds[deed]);
				live_on(deeds[deed]);
				if (!is_in_share("what I wrote"))
					fail_msg("lost: deed %zu, step %d, exchange %d", deed, step, exchange);
				world_close();
			}
		}
	}
	no_exchange = false;
}

static void without_exchange_everything_works(void **state)
{
	uint8_t *one = noise(1 << 20, 1), *two = noise(2 << 20, 2);

	(void)state;
	no_exchange = true;
	begin_dir();
	world_open(dir);
	say_text(ANNA, "s", "one");
	say_file(ANNA, "b", one, 1 << 20, false);
	say_link(ANNA, "l", "one");
	assert_true(run());
	say_text(ANNA, "s", "two");
	say_file(ANNA, "b", two, 2 << 20, false);
	say_link(ANNA, "l", "two");
	assert_true(run());
	assert_text("s", "two");
	assert_bytes("b", two, 2 << 20);
	assert_row_is_true("s");
	assert_row_is_true("b");
	assert_row_is_true("l");
	RUN_UNTIL(parts_left() == 0);
	world_close();
	no_exchange = false;
	free(one);
	free(two);
}

/* Contents of e's versions, the newest first, as one text. */
static void versions_of_e(char *out, size_t max)
{
	struct kept_tag tag = kept_tag_of("e");
	struct kept_versions l;

	out[0] = '\0';
	assert_int_equal(version_store_list(w->root, "e", &l), 0);
	for (size_t i = 0; i < l.n; i++) {
		char path[100 + KEPT_NAME_MAX], *text;
		size_t n = 0;

		snprintf(path, sizeof(path), KEPT_FOLDER "/%.2s/%s", tag.hex, l.v[i].name);
		text = fs_read_file(w->root, path, 4 << 20, &n);
		assert_non_null(text);
		snprintf(out + strlen(out), max - strlen(out), "%s%s", n < 100 ? text : "(big)",
		         i + 1 < l.n ? "," : "");
		free(text);
	}
	version_store_list_clear(&l);
}

static void what_cannot_be_kept_waits_and_stays(void **state)
{
	void (*const needs[])(void) = { replace, replace_big, delete, make_folder };
	char versions[500];

	(void)state;
	for (int exchange = 0; exchange < 2; exchange++) {
		for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
			begin_dir();
			world_open(dir);
			say_text(ANNA, "e", "version one");
			assert_true(run());
			no_exchange = exchange == 0;
			no_keeping = true;
			needs[i]();
			RUN_UNTIL(w->nproblems == 1);
			assert_string_equal(w->problem, reason_text(REASON_FULL));
			assert_text("e", "version one");
			no_keeping = false;
			scan_path("e");
			assert_true(run());
			check(needs[i]);
			versions_of_e(versions, sizeof(versions));
			assert_string_equal(versions, "version one");
			RUN_UNTIL(parts_left() == 0);
			world_close();
		}
	}
	no_exchange = false;
}

static void what_is_replaced_is_kept_as_it_was(void **state)
{
	char versions[500];
	struct fs_stat before;
	struct kept_versions l;

	(void)state;
	begin_dir();
	world_open(dir);
	say_text(ANNA, "e", "version one");
	assert_true(run());
	assert_int_equal(fs_stat_beneath(w->root, "e", &before), 0);
	replace();
	assert_true(run());
	replace_big();
	assert_true(run());
	delete ();
	assert_true(run());
	versions_of_e(versions, sizeof(versions));
	assert_string_equal(versions, "(big),version two,version one");
	assert_int_equal(version_store_list(w->root, "e", &l), 0);
	assert_true(l.v[2].st.ino == before.ino && l.v[2].st.mtime_ns == before.mtime_ns);
	version_store_list_clear(&l);
	world_close();
}

static int quiet(void **state)
{
	(void)state;
	log_set_level(LOG_ERROR);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* The first two fork, so they come before there are threads. */
		cmocka_unit_test(killed_at_any_step_goes_on),
		cmocka_unit_test(edit_and_kill_lose_nothing),
		cmocka_unit_test(without_exchange_everything_works),
		cmocka_unit_test(what_is_replaced_is_kept_as_it_was),
		cmocka_unit_test(what_cannot_be_kept_waits_and_stays),
	};

	return cmocka_run_group_tests(tests, quiet, NULL);
}
