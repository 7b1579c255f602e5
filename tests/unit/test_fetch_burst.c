/* Fetch, when a member takes away much of what is here: held as a whole, whoever it names as the author, until it is
 * released or taken back. */
#include "tests/unit/fetch_world.h"

#include <pthread.h>

#include "sync/install/install_job.h"

enum { FILES = 40, CARL = 300 };

static struct {
	int64_t files;
	size_t holds;
	uint64_t by;
	bool brings;
} seen;

static void note(void *arg, const struct fetch_burst *b)
{
	(void)arg;
	seen.files += b->files;
	seen.holds++;
	seen.by = b->by;
	seen.brings = b->brings;
}

static int64_t held(void)
{
	memset(&seen, 0, sizeof(seen));
	fetch_bursts(w->fetch, note, NULL);
	return seen.files;
}

static char *path_of(int i)
{
	static char path[16];

	(void)snprintf(path, sizeof(path), "f%02d", i);
	return path;
}

/* Ours, and told to everybody. */
static void fill(int n)
{
	for (int i = 0; i < n; i++) {
		write_text(path_of(i), path_of(i));
		scan_path(path_of(i));
	}
	turn();
}

static int there(int n)
{
	int same = 0;

	for (int i = 0; i < n; i++) {
		size_t len = 0;
		char *text = fs_read_file(w->root, path_of(i), 100, &len);

		same += text != NULL && len == 3 && memcmp(text, path_of(i), 3) == 0;
		free(text);
	}
	return same;
}

/* Says something of path in the name of `author`. text: NULL: deleted. */
static void say_as(uint64_t author, const char *path, const char *text)
{
	struct record r = peer_next(ANNA, path, RECORD_FILE);

	r.modified_by = author;
	r.deleted = text == NULL;
	if (text != NULL)
		have(ANNA, &r, text, strlen(text), CHUNK);
	say(ANNA, &r, text, text != NULL ? strlen(text) : 0);
}

static void settle(void)
{
	RUN_UNTIL(held() > 0);
	for (int i = 0; i < 300; i++)
		turn();
}

static void what_is_told_at_once_is_held_as_a_whole(void **state)
{
	(void)state;
	fill(FILES);
	for (int i = 0; i < FILES; i++)
		say_gone(ANNA, path_of(i));
	settle();
	assert_int_equal(held(), FILES);
	assert_true(seen.by == ANNA && !seen.brings && seen.holds == 1);
	assert_int_equal(there(FILES), FILES);
	assert_int_equal(index_wants_missing(w->index), FILES);
	/* What is new comes. */
	say_text(ANNA, "new", "new");
	RUN_UNTIL(is_there("new"));
	assert_int_equal(fetch_release(w->fetch), FILES);
	assert_true(run());
	assert_int_equal(there(FILES), 0);
	assert_int_equal(held(), 0);
	assert_int_equal(fetch_release(w->fetch), 0);
}

static void replaced_and_emptied_files_are_lost_too(void **state)
{
	(void)state;
	fill(FILES);
	for (int i = 0; i < FILES; i++)
		say_text(ANNA, path_of(i), i % 2 == 0 ? "hers" : "");
	settle();
	assert_int_equal(there(FILES), held());
	assert_true(held() >= FILES - 20);
}

static void it_is_remembered_over_a_restart(void **state)
{
	(void)state;
	fill(FILES);
	for (int i = 0; i < FILES; i++)
		say_gone(ANNA, path_of(i));
	settle();
	fetch_end();
	fetch_begin();
	peer_up(ANNA);
	RUN_UNTIL(held() == FILES);
	assert_true(seen.by == ANNA);
	assert_int_equal(there(FILES), FILES);
	assert_int_equal(fetch_release(w->fetch), FILES);
	/* That, too. */
	fetch_end();
	fetch_begin();
	peer_up(ANNA);
	assert_true(run());
	assert_int_equal(there(FILES), 0);
}

static void what_is_taken_back_is_held_no_more(void **state)
{
	(void)state;
	fill(FILES);
	for (int i = 0; i < FILES; i++)
		say_gone(ANNA, path_of(i));
	settle();
	for (int i = 0; i < FILES; i++)
		say_text(ANNA, path_of(i), path_of(i));
	assert_true(run());
	assert_int_equal(held(), 0);
	assert_int_equal(there(FILES), FILES);
	/* And does not count any more. */
	say_gone(ANNA, path_of(0));
	assert_true(run());
	assert_int_equal(there(FILES), FILES - 1);
}

static void moved_files_are_not_lost(void **state)
{
	(void)state;
	fill(FILES);
	for (int i = 0; i < FILES; i++) {
		char *to = mem_printf("deeper-%02d", i);

		say_gone(ANNA, path_of(i));
		say_text(ANNA, to, path_of(i));
		free(to);
	}
	assert_true(run());
	assert_int_equal(held(), 0);
	assert_true(is_there("deeper-00") && !is_there("f00"));
	/* But under their new names they are as much as before. */
	for (int i = 0; i < FILES; i++) {
		char *path = mem_printf("deeper-%02d", i);

		say_gone(ANNA, path);
		free(path);
	}
	settle();
	assert_int_equal(held(), FILES);
}

/* So slowly that the old names are held by then. */
static void moved_files_whose_new_names_come_late_are_let_go(void **state)
{
	(void)state;
	fill(FILES);
	for (int i = 0; i < FILES; i++)
		say_gone(ANNA, path_of(i));
	settle();
	assert_int_equal(held(), FILES);
	for (int i = 0; i < FILES; i++) {
		char *to = mem_printf("deeper-%02d", i);

		say_text(ANNA, to, path_of(i));
		free(to);
	}
	assert_true(run());
	assert_int_equal(held(), 0);
	assert_true(is_there("deeper-00") && !is_there("f00"));
}

/* New names that cannot be installed keep nothing here: the deletions of the old names are a burst. */
static void names_that_cannot_be_installed_save_nothing(void **state)
{
	(void)state;
	fill(FILES);
	write_text("wall", "a file, where a folder would have to be");
	scan_path("wall");
	turn();
	for (int i = 0; i < FILES; i++) {
		char *to = mem_printf("wall/deeper-%02d", i);

		say_text(ANNA, to, path_of(i));
		free(to);
	}
	for (int i = 0; i < 100; i++)
		turn();
	for (int i = 0; i < FILES; i++)
		say_gone(ANNA, path_of(i));
	settle();
	assert_int_equal(held(), FILES);
	assert_int_equal(there(FILES), FILES);
}

static pthread_mutex_t disk = PTHREAD_MUTEX_INITIALIZER; /* held by the test while the disk does not answer */

static void wait_for_disk(enum install_step step, const char *path)
{
	(void)step;
	(void)path;
	pthread_mutex_lock(&disk);
	pthread_mutex_unlock(&disk);
}

/* The news of the deletions comes, and pauses, while the new names are still being written. */
static void moved_files_that_are_being_installed_are_not_lost(void **state)
{
	int64_t meanwhile;

	(void)state;
	fill(FILES);
	pthread_mutex_lock(&disk);
	install_set_hook(wait_for_disk);
	for (int i = 0; i < FILES; i++) {
		char *to = mem_printf("deeper-%02d", i);

		say_text(ANNA, to, path_of(i));
		free(to);
	}
	RUN_UNTIL(fetch_installing(w->fetch, "deeper-00"));
	for (int i = 0; i < FILES; i++)
		say_gone(ANNA, path_of(i));
	for (int i = 0; i < 300; i++)
		turn();
	meanwhile = held();
	pthread_mutex_unlock(&disk);
	assert_int_equal(meanwhile, 0);
	assert_true(run());
	install_set_hook(NULL);
	assert_int_equal(held(), 0);
	assert_true(is_there("deeper-00") && !is_there("f00"));
}

/* Anna's temporary files count as losses only as far as the share shrinks, which a move by copying does not make it
 * do, whether the deletion of an old name or the edit under the new one is heard first. */
static void moved_files_that_are_edited_count_once(void **state)
{
	enum { TEMPORARY = 30, EDITED = 15 };

	(void)state;
	fill(FILES);
	for (int i = 0; i < TEMPORARY; i++) {
		char *name = mem_printf("temporary-%d", i);

		say_text(ANNA, name, name);
		assert_true(run());
		say_gone(ANNA, name);
		assert_true(run());
		free(name);
	}
	for (int i = 0; i < FILES; i++) {
		char *to = mem_printf("deeper-%02d", i);

		say_text(ANNA, to, path_of(i));
		free(to);
	}
	assert_true(run());
	for (int i = 0; i < FILES; i++) {
		char *to = mem_printf("deeper-%02d", i);

		if (i % 2 == 0)
			say_gone(ANNA, path_of(i));
		if (i < EDITED)
			say_text(ANNA, to, "edited");
		if (i % 2 == 1)
			say_gone(ANNA, path_of(i));
		free(to);
	}
	assert_true(run());
	/* Nor do these losses add up with later ones to more than they were. */
	say_text(ANNA, "deeper-39", "edited");
	say_text(ANNA, "deeper-38", "edited");
	assert_true(run());
	assert_int_equal(held(), 0);
}

static void two_files_with_one_content_do_not_save_each_other(void **state)
{
	(void)state;
	for (int i = 0; i < FILES; i++) {
		char text[16];

		(void)snprintf(text, sizeof(text), "of %d", i / 2);
		write_text(path_of(i), text);
		scan_path(path_of(i));
	}
	for (int i = 0; i < FILES; i++)
		say_gone(ANNA, path_of(i));
	settle();
	assert_int_equal(held(), FILES);
}

static void one_file_again_and_again_is_no_burst(void **state)
{
	(void)state;
	fill(30);
	for (int i = 0; i < 40; i++) {
		say_text(ANNA, path_of(0), i % 2 == 0 ? "even" : "odd");
		assert_true(run());
	}
	assert_int_equal(held(), 0);
	assert_int_equal(there(30), 29);
}

static void what_a_member_made_itself_may_come_and_go(void **state)
{
	(void)state;
	fill(20);
	for (int i = 20; i < FILES + 20; i++) {
		say_text(ANNA, path_of(i), path_of(i));
		assert_true(run());
		if (i > 20)
			say_gone(ANNA, path_of(i - 1));
	}
	assert_int_equal(held(), 0);
	/* But not go all at once. */
	for (int i = 20; i < FILES + 20; i++)
		say_text(ANNA, path_of(i), path_of(i));
	assert_true(run());
	for (int i = 20; i < FILES + 20; i++)
		say_gone(ANNA, path_of(i));
	settle();
	assert_int_equal(held(), FILES);
}

/* One member puts files, another takes them. */
static void what_is_put_and_taken_again_and_again_is_no_burst(void **state)
{
	(void)state;
	fill(10);
	for (int i = 10; i < FILES + 10; i++) {
		write_text(path_of(i), path_of(i));
		scan_path(path_of(i));
		say_gone(ANNA, path_of(i));
		assert_true(run());
	}
	assert_int_equal(held(), 0);
	assert_int_equal(there(FILES), 10);
}

/* Each name is below what would be held, but all of it comes from one. */
static void who_speaks_for_many_answers_for_all(void **state)
{
	(void)state;
	fill(FILES);
	for (int i = 0; i < FILES; i++)
		say_as(CARL + (uint64_t)(i % 20), path_of(i), NULL);
	settle();
	assert_int_equal(held(), FILES);
	assert_true(seen.by == ANNA && seen.brings);
	assert_int_equal(there(FILES), FILES);
}

static void two_members_with_a_little_each_are_no_burst(void **state)
{
	(void)state;
	fill(FILES + 10);
	for (int i = 0; i < 20; i++)
		say_gone(ANNA, path_of(i));
	assert_true(run());
	peer_up(BERT);
	for (int i = 20; i < 40; i++)
		say_gone(BERT, path_of(i));
	RUN_UNTIL(there(FILES + 10) == 10);
	assert_int_equal(held(), 0);
}

/* A folder whose files are held is not brought back to life meanwhile. */
static void a_folder_waits_for_what_is_held_in_it(void **state)
{
	struct record r;

	(void)state;
	assert_int_equal(fs_mkdirs(w->root, "d", 0755), 0);
	scan_path("d");
	for (int i = 0; i < 1200; i++) {
		char *path = mem_printf("d/%04d", i);

		write_text(path, path);
		scan_path(path);
		free(path);
	}
	for (int i = 0; i < 1200; i++) {
		char *path = mem_printf("d/%04d", i);

		say_gone(ANNA, path);
		free(path);
	}
	say_gone(ANNA, "d");
	settle();
	assert_int_equal(held(), 1200);
	assert_int_equal(index_get(w->index, "d", &r), 1);
	assert_int_equal(r.via, 0);
	assert_int_equal(r.version.n, 1);
	record_clear(&r);
	fetch_release(w->fetch);
	assert_true(run());
	assert_false(is_there("d"));
}

static void without_room_for_versions_a_deletion_waits(void **state)
{
	(void)state;
	fill(3);
	fetch_versions_budget(w->fetch, 5);
	for (int i = 0; i < 3; i++)
		say_gone(ANNA, path_of(i));
	assert_false(run_ms(500));
	assert_int_equal(there(3), 2);
	assert_non_null(strstr(w->problem, "old versions"));
	/* There is room again. */
	fetch_versions_budget(w->fetch, 3);
	RUN_UNTIL(there(3) == 1);
	assert_int_equal(fetch_release(w->fetch), 1);
	assert_true(run());
	assert_int_equal(there(3), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(what_is_told_at_once_is_held_as_a_whole),
		T(replaced_and_emptied_files_are_lost_too),
		T(it_is_remembered_over_a_restart),
		T(what_is_taken_back_is_held_no_more),
		T(moved_files_are_not_lost),
		T(moved_files_whose_new_names_come_late_are_let_go),
		T(moved_files_that_are_being_installed_are_not_lost),
		T(names_that_cannot_be_installed_save_nothing),
		T(moved_files_that_are_edited_count_once),
		T(two_files_with_one_content_do_not_save_each_other),
		T(one_file_again_and_again_is_no_burst),
		T(what_a_member_made_itself_may_come_and_go),
		T(what_is_put_and_taken_again_and_again_is_no_burst),
		T(who_speaks_for_many_answers_for_all),
		T(two_members_with_a_little_each_are_no_burst),
		T(a_folder_waits_for_what_is_held_in_it),
		T(without_room_for_versions_a_deletion_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
