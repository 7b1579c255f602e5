/* What a scan makes of changes of a member that was a reader before: what it made as a reader stays its own, but the
 * folders of what it shares now do not. */
#include "tests/unit/local_fixture.h"

enum { ANNAS_EPOCH = 1000 };

static bool is_own(const char *path)
{
	enum aside_reason why = 0;

	return index_aside_get(ix, path, &why, NULL) == 1 && why == ASIDE_READER;
}

static void list_file(const char *path)
{
	struct record r = { .path = mem_strdup(path),
		            .kind = RECORD_FILE,
		            .mode = 0644,
		            .content = { .size = 3, .nblocks = 1 } };

	sha256(r.content.root, "one", 3);
	assert_int_equal(version_bump(&r.version, ANNAS_EPOCH, 1), 0);
	assert_int_equal(index_list_add(ix, &r, 100), 1);
	record_clear(&r);
}

/* Where the group has a file at the folder's path, nobody could put the new file anywhere without its folder. */
static void the_folders_of_a_members_file_are_shared(void **state)
{
	struct record r;

	(void)state;
	start_local();
	until_idle();
	list_file("dir");
	index_set_reader(ix, true);
	make_dir("dir");
	make_dir("dir/sub");
	make_dir("other");
	put("dir/mine", "mine");
	until_idle();
	assert_true(is_own("dir") && is_own("dir/sub") && is_own("dir/mine") && is_own("other"));
	index_set_reader(ix, false);
	put("dir/sub/new", "new");
	until_idle();
	assert_row("dir/sub/new", "file");
	assert_row("dir/sub", "dir");
	assert_row("dir", "dir");
	r = get_row("dir");
	assert_int_equal(r.version.n, 1);
	record_clear(&r);
	assert_true(is_own("dir/mine") && is_own("other"));
}

/* A folder that took the place of the group's file. */
static void a_folder_in_the_place_of_a_file_is_a_change(void **state)
{
	struct record r;

	(void)state;
	put("a", "one");
	start_local();
	until_idle();
	index_set_reader(ix, true);
	assert_int_equal(unlinkat(root, "a", 0), 0);
	make_dir("a");
	until_idle();
	assert_true(is_own("a"));
	index_set_reader(ix, false);
	put("a/new", "new");
	until_idle();
	assert_row("a/new", "file");
	assert_row("a", "dir");
	r = get_row("a");
	assert_int_equal(r.version.n, 1);
	record_clear(&r);
}

/* What a reader had deleted takes no folder with it. */
static void a_deletion_shares_no_folder(void **state)
{
	(void)state;
	make_dir("d");
	put("d/a", "one");
	start_local();
	until_idle();
	assert_int_equal(index_set_aside(ix, "d", ASIDE_READER), 0);
	assert_int_equal(unlinkat(root, "d/a", 0), 0);
	until_idle();
	assert_row("d/a", "gone");
	assert_true(is_own("d"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(the_folders_of_a_members_file_are_shared),
		T(a_folder_in_the_place_of_a_file_is_a_change),
		T(a_deletion_shares_no_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
