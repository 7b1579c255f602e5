/* Deletions of paths that were never here: of each member as many are kept as the share is worth, and all others that
 * come matter as before. */
#include "tests/unit/fetch_world.h"

enum { MANY = 3000, DEPTH = 20 };

/* A path of some 4,000 bytes, so that not too many are needed. */
static char *path_of(int i)
{
	char name[128];
	char *path = mem_printf("%d", i), *longer;

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (int k = 0; k < DEPTH; k++) {
		longer = mem_printf("%s/%s", path, name);
		free(path);
		path = longer;
	}
	return path;
}

static void tell_deletions(uint64_t peer, int first, int n)
{
	for (int i = first; i < first + n; i++) {
		char *path = path_of(i);
		struct record r = peer_record(peer, path, RECORD_FILE);

		r.deleted = true;
		fetch_record(w->fetch, peer, &r, NULL, 0, NULL);
		record_clear(&r);
		free(path);
	}
	fetch_records_end(w->fetch, peer);
	assert_true(run());
}

static uint64_t refused_by;
static uint64_t refused;

static bool note_refusal(void *arg, const struct fetch_refusal *r)
{
	(void)arg;
	refused_by = r->peer;
	refused = r->count;
	assert_non_null(r->path);
	assert_true(r->since_s > 0);
	return true;
}

static int64_t tombstones(void)
{
	return index_totals(w->index).tombstones;
}

static void a_member_has_room_for_so_many(void **state)
{
	int64_t kept;

	(void)state;
	say_text(ANNA, "here", "x");
	assert_true(run());
	tell_deletions(ANNA, 0, MANY);
	kept = tombstones();
	assert_in_range(kept, 1000, 2000);
	refused = 0;
	fetch_refusals(w->fetch, note_refusal, NULL);
	assert_int_equal(refused_by, ANNA);
	assert_int_equal((int64_t)refused, MANY - kept);
	/* Others have room of their own. */
	peer_up(BERT);
	tell_deletions(BERT, MANY, 10);
	assert_int_equal(tombstones(), kept + 10);
	/* What is here is deleted as ever. */
	say_gone(ANNA, "here");
	assert_true(run());
	assert_int_equal(tombstones(), kept + 11);
	assert_int_equal(index_totals(w->index).files, 0);
}

static void coming_back_gives_no_new_room(void **state)
{
	int64_t kept;

	(void)state;
	tell_deletions(ANNA, 0, MANY);
	kept = tombstones();
	peer_down(ANNA);
	peer_up(ANNA);
	tell_deletions(ANNA, MANY, 100);
	assert_int_equal(tombstones(), kept);
	fetch_end();
	fetch_begin();
	peer_up(ANNA);
	tell_deletions(ANNA, 2 * MANY, 100);
	assert_in_range(tombstones(), kept, kept + 1);
}

/* What was not taken is not known, so nothing is taken for deleted because of it. */
static void what_found_no_room_is_not_known(void **state)
{
	struct record r;
	char *path = path_of(MANY - 1);

	(void)state;
	tell_deletions(ANNA, 0, MANY);
	assert_int_equal(index_get(w->index, path, &r), 0);
	say_text(ANNA, "after", "x");
	assert_true(run());
	assert_text("after", "x");
	free(path);
}

/* --- what has to be got --- */

enum { BACKLOG = 60, FILES = 150 };

static struct record files[FILES];

/* Files that ANNA has, and gives when she is not mute. */
static void make_files(void)
{
	for (int i = 0; i < FILES; i++) {
		char *path = mem_printf("f%03d", i), *text = mem_printf("content %d", i);

		files[i] = peer_record(ANNA, path, RECORD_FILE);
		have(ANNA, &files[i], text, strlen(text), CHUNK);
		free(text);
		free(path);
	}
}

static void tell_files(void)
{
	uint64_t first = fetch_unstored(w->fetch, ANNA);

	for (int i = 0; i < FILES; i++) {
		if (files[i].seq >= first)
			fetch_record(w->fetch, ANNA, &files[i], NULL, 0, NULL);
	}
	fetch_records_end(w->fetch, ANNA);
}

static void more_than_waits_is_told_again_when_there_is_room(void **state)
{
	(void)state;
	fetch_end();
	w->backlog = BACKLOG;
	fetch_begin();
	peer_up(ANNA);
	make_files();
	peer_of(ANNA)->mute = true;
	tell_files();
	for (int i = 0; i < 20; i++)
		turn();
	assert_in_range(index_wants_missing(w->index), BACKLOG / 2, BACKLOG);
	refused = 0;
	fetch_refusals(w->fetch, note_refusal, NULL);
	assert_int_equal(refused_by, ANNA);
	assert_in_range(refused, FILES - BACKLOG, FILES);
	assert_in_range(fetch_unstored(w->fetch, ANNA), files[1].seq, files[BACKLOG].seq);
	assert_int_equal(w->told_again, 0);
	peer_of(ANNA)->mute = false;
	while (index_totals(w->index).files < FILES) {
		peer_down(ANNA);
		peer_up(ANNA);
		w->told_again = 0;
		tell_files();
		RUN_UNTIL(w->told_again == ANNA || index_totals(w->index).files == FILES);
	}
	assert_true(run());
	assert_int_equal(fetch_unstored(w->fetch, ANNA), 0);
	assert_text("f149", "content 149");
	for (int i = 0; i < FILES; i++)
		record_clear(&files[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_member_has_room_for_so_many, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(coming_back_gives_no_new_room, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(what_found_no_room_is_not_known, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(more_than_waits_is_told_again_when_there_is_room, world_setup,
		                                world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
