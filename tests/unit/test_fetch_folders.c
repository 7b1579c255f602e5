/* Folders that move as a whole: one rename, where the disk has in the folder what the rows say and nothing else.
 * Whatever else is there stays, and the files move one by one. */
#include "tests/unit/fetch_world.h"

#include <sys/wait.h>

#include "sync/install/install_job.h"

enum { FILES = 30 };

static ino_t ino_of(const char *path)
{
	struct stat st;

	return fstatat(w->root, path, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_ino : 0;
}

static void name_file(char path[32], const char *folder, int i)
{
	(void)snprintf(path, 32, "%s/f%02d", folder, i);
}

static void file_moves(const char *from, const char *to, int i)
{
	struct record r, gone;
	char path[32], text[32];

	name_file(text, "old", i);
	name_file(path, to, i);
	r = peer_next(ANNA, path, RECORD_FILE);
	have(ANNA, &r, text, strlen(text), CHUNK);
	fetch_record(w->fetch, ANNA, &r, NULL, 0, NULL);
	record_clear(&r);
	name_file(path, from, i);
	gone = peer_next(ANNA, path, RECORD_FILE);
	gone.deleted = true;
	fetch_record(w->fetch, ANNA, &gone, NULL, 0, NULL);
	record_clear(&gone);
}

static void folder_is(const char *path, bool deleted)
{
	struct record r = peer_next(ANNA, path, RECORD_DIR);

	r.deleted = deleted;
	fetch_record(w->fetch, ANNA, &r, NULL, 0, NULL);
	record_clear(&r);
}

/* As a member tells it that renamed the folder: in one message, or with a message's end in the middle. */
static void folder_moves(const char *from, const char *to, bool in_two)
{
	folder_is(to, false);
	for (int i = 0; i < FILES; i++) {
		file_moves(from, to, i);
		if (in_two && i == FILES - 5) {
			fetch_records_end(w->fetch, ANNA);
			turn();
		}
	}
	folder_is(from, true);
	fetch_records_end(w->fetch, ANNA);
}

static void make_old(void)
{
	char path[32];

	say_dir(ANNA, "old");
	for (int i = 0; i < FILES; i++) {
		name_file(path, "old", i);
		say_text(ANNA, path, path);
	}
	assert_true(run());
}

static void assert_moved(const char *to)
{
	char path[32], text[32];

	for (int i = 0; i < FILES; i++) {
		name_file(text, "old", i);
		name_file(path, to, i);
		assert_text(path, text);
		assert_row_is_true(path);
		assert_false(is_there(text));
	}
	assert_int_equal(fetch_counters(w->fetch).files_renamed, FILES);
	assert_row_is_true(to);
	assert_int_equal(fetch_unstored(w->fetch, ANNA), 0);
	assert_int_equal(peer_of(ANNA)->blocks, 0);
}

static void a_folder_moves_by_one_rename(void **state)
{
	ino_t ino;

	(void)state;
	make_old();
	ino = ino_of("old");
	folder_moves("old", "new", false);
	assert_true(run());
	assert_moved("new");
	assert_int_equal(ino_of("new"), ino);
	assert_false(is_there("old"));
}

/* The end of a message does not part it. */
static void a_folder_waits_for_its_rest(void **state)
{
	ino_t ino;

	(void)state;
	make_old();
	ino = ino_of("old");
	folder_moves("old", "new", true);
	assert_true(run());
	assert_moved("new");
	assert_int_equal(ino_of("new"), ino);
}

/* But not for ever. */
static void a_folder_whose_rest_never_comes_moves_file_by_file(void **state)
{
	ino_t ino;

	(void)state;
	make_old();
	ino = ino_of("old");
	folder_is("new", false);
	for (int i = 0; i < FILES; i++)
		file_moves("old", "new", i);
	fetch_records_end(w->fetch, ANNA);
	assert_true(run());
	assert_moved("new");
	assert_true(ino_of("new") != ino);
	assert_int_equal(ino_of("old"), ino);
}

static void what_is_a_users_stays_where_it_is(void **state)
{
	ino_t ino;

	(void)state;
	make_old();
	ino = ino_of("old");
	write_text("old/mine", "not told yet");
	folder_moves("old", "new", false);
	RUN_UNTIL(fetch_counters(w->fetch).files_renamed == FILES);
	turn();
	assert_text("old/mine", "not told yet");
	assert_false(is_there("new/mine"));
	assert_int_equal(ino_of("old"), ino);
	assert_moved("new");
}

static void a_changed_file_keeps_its_folder(void **state)
{
	(void)state;
	make_old();
	write_text("old/f07", "changed here");
	folder_moves("old", "new", false);
	RUN_UNTIL(fetch_counters(w->fetch).files_renamed == FILES - 1);
	assert_text("old/f07", "changed here");
	assert_text("new/f08", "old/f08");
}

static void a_folder_whose_new_name_is_taken_moves_file_by_file(void **state)
{
	(void)state;
	make_old();
	assert_int_equal(mkdirat(w->root, "new", 0755), 0);
	write_text("new/mine", "not told yet");
	folder_moves("old", "new", false);
	assert_true(run());
	assert_moved("new");
	assert_text("new/mine", "not told yet");
}

static const char *edited;

static void edit(enum install_step step, const char *path)
{
	if (step != STEP_LOOKED || strcmp(path, "new") != 0 || edited != NULL)
		return;
	edited = "between look and rename";
	write_text("old/f03", edited);
}

/* It moves along, and stays beside what Anna has there. */
static void what_a_user_writes_at_that_moment_is_not_lost(void **state)
{
	(void)state;
	edited = NULL;
	make_old();
	install_set_hook(edit);
	folder_moves("old", "new", false);
	RUN_UNTIL(fetch_counters(w->fetch).files_renamed == FILES - 1);
	install_set_hook(NULL);
	assert_non_null(edited);
	assert_text("new/f03", edited);
	/* It was hinted, so that the scan has told it: it is in conflict with what Anna moved there. */
	assert_true(run());
	assert_int_equal(w->nconflicts, 1);
	assert_text(w->conflicts[0], edited);
	assert_text("new/f03", "old/f03");
}

static enum install_step die_at;

static void die(enum install_step step, const char *path)
{
	if (step == die_at && strcmp(path, "new") == 0)
		_exit(9);
}

static void live_and_die(const char *dir)
{
	pid_t pid = fork();
	int status = 0;

	assert_true(pid >= 0);
	if (pid == 0) {
		world_open(dir);
		make_old();
		index_commit(w->index);
		install_set_hook(die);
		folder_moves("old", "new", false);
		(void)run_ms(5000);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 9);
}

/* The scan at start knows what it finds. */
static void killed_around_the_rename_goes_on(void **state)
{
	char dir[64], path[32], text[32];

	(void)state;
	for (int step = STEP_LOOKED; step <= STEP_PLACED; step++) {
		(void)snprintf(dir, sizeof(dir), "/tmp/test-fetch-XXXXXX");
		assert_non_null(mkdtemp(dir));
		die_at = (enum install_step)step;
		live_and_die(dir);
		world_open(dir);
		assert_int_equal(is_there("new"), step != STEP_LOOKED);
		for (int i = 0; i < FILES; i++) {
			name_file(path, "new", i);
			name_file(text, "old", i);
			assert_non_null(index_leftover(w->index, path));
			assert_true(index_leftover(w->index, text)->deleted);
			scan_path(path);
			scan_path(text);
		}
		scan_path("new");
		scan_path("old");
		peer_of(ANNA)->seq = FILES + 1;
		folder_moves("old", "new", false);
		assert_true(run());
		for (int i = 0; i < FILES; i++) {
			name_file(path, "new", i);
			name_file(text, "old", i);
			assert_text(path, text);
			assert_row_is_true(path);
		}
		assert_false(is_there("old"));
		assert_int_equal(w->nconflicts, 0);
		world_close();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_folder_moves_by_one_rename, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_folder_waits_for_its_rest, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_folder_whose_rest_never_comes_moves_file_by_file, world_setup,
		                                world_teardown),
		cmocka_unit_test_setup_teardown(what_is_a_users_stays_where_it_is, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_changed_file_keeps_its_folder, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_folder_whose_new_name_is_taken_moves_file_by_file, world_setup,
		                                world_teardown),
		cmocka_unit_test(killed_around_the_rename_goes_on),
		cmocka_unit_test_setup_teardown(what_a_user_writes_at_that_moment_is_not_lost, world_setup,
		                                world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
