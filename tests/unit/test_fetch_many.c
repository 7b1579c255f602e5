/* Proves that many small files in one batch come whole, that a batch which is killed in the middle leaves nothing
 * behind, and that what a ticket costs does not grow with the number of others. */
#include <errno.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sync/install/install_job.h"
#include "tests/unit/fetch_world.h"

enum { MANY = 40 };

static char dir[64];
static bool staged;

static void say_many(int n)
{
	char path[32], text[32];

	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "f%04d", i);
		snprintf(text, sizeof(text), "text %d", i);
		say_text(ANNA, path, text);
	}
}

static void assert_many(int n)
{
	char path[32], text[32];

	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "f%04d", i);
		snprintf(text, sizeof(text), "text %d", i);
		assert_text(path, text);
		assert_row_is_true(path);
	}
}

static void die_in_the_middle(enum install_step step, const char *path)
{
	if (step == STEP_PLACED && strcmp(path, "f0020") == 0)
		_exit(9);
}

/* Forks, so it comes before there are threads. */
static void killed_batch_leaves_nothing_in_parts(void **state)
{
	pid_t pid;
	int status = 0;

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test-fetch-XXXXXX");
	assert_non_null(mkdtemp(dir));
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		world_open(dir);
		install_set_hook(die_in_the_middle);
		say_many(MANY);
		(void)run_ms(5000);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 9);
	world_open(dir);
	/* What was placed has its note, as the scan at start finds it. */
	for (int i = 0; i <= 20; i++) {
		char path[32];

		snprintf(path, sizeof(path), "f%04d", i);
		assert_non_null(index_leftover(w->index, path));
		scan_path(path);
	}
	peer_of(ANNA)->seq = 0;
	say_many(MANY);
	assert_true(run());
	RUN_UNTIL(parts_left() == 0);
	assert_many(MANY);
	world_close();
}

static void look_for_a_folder(enum install_step step, const char *path)
{
	char command[160];

	if (step != STEP_LOOKED || strcmp(path, "f0020") != 0)
		return;
	snprintf(command, sizeof(command), "test -d %s/.lanyard/parts/*.new", w->share_dir);
	staged = system(command) == 0;
}

/* Nobody else sees a name before its file is complete, and two batches do not wait for one folder's lock. */
static void many_are_made_in_a_folder_of_their_own(void **state)
{
	(void)state;
	install_set_hook(look_for_a_folder);
	say_many(MANY);
	assert_true(run());
	install_set_hook(NULL);
	assert_true(staged);
	RUN_UNTIL(parts_left() == 0);
	assert_many(MANY);
}

static _Atomic int syncs_failed = -1; /* -1: they go on as they should */

/* In the place of libc's. */
int syncfs(int fd)
{
	if (syncs_failed < 0)
		return (int)syscall(SYS_syncfs, fd);
	syncs_failed++;
	errno = ENOSPC;
	return -1;
}

/* What could not be made durable is not installed, and takes no space while it waits. */
static void a_batch_that_cannot_be_synced_leaves_nothing(void **state)
{
	(void)state;
	syncs_failed = 0;
	say_many(MANY);
	RUN_UNTIL(syncs_failed > 0);
	RUN_UNTIL(parts_left() == 0);
	syncs_failed = -1;
	assert_false(is_there("f0020"));
}

static void note_visits(void *arg, const char *part, const char *name, int64_t value)
{
	(void)part;
	if (strcmp(name, "ticket_visits") == 0)
		*(int64_t *)arg = value;
}

static int64_t visits(void)
{
	int64_t n = -1;

	fetch_debug(w->fetch, note_visits, &n);
	assert_true(n >= 0);
	return n;
}

/* Visits of tickets by walks that one file costs, while n come into folders that come after them. */
static double visits_of(int n, const char *folder)
{
	int64_t before = visits();
	char path[32];

	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s%d/f", folder, i);
		say_text(ANNA, path, path);
	}
	RUN_UNTIL(fetch_waiting(w->fetch) > 0);
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s%d", folder, i);
		say_dir(ANNA, path);
	}
	assert_true(run());
	return (double)(visits() - before) / n;
}

static void a_ticket_costs_the_same_among_many(void **state)
{
	double few, many;

	(void)state;
	few = visits_of(50, "few");
	many = visits_of(1500, "many");

	assert_true(few > 0);
	assert_true(many <= few + 2);
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
		cmocka_unit_test(killed_batch_leaves_nothing_in_parts),
		cmocka_unit_test_setup_teardown(many_are_made_in_a_folder_of_their_own, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_batch_that_cannot_be_synced_leaves_nothing, world_setup,
		                                world_teardown),
		cmocka_unit_test_setup_teardown(a_ticket_costs_the_same_among_many, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, quiet, NULL);
}
