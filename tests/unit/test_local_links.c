/* Proves that a file with several names is the same at each of them, whichever it was written through: events tell of
 * one. */
#include "tests/unit/local_fixture.h"

#include "sync/index/index_internal.h"

static void make_link(const char *from, const char *to)
{
	assert_int_equal(linkat(root, from, root, to, 0), 0);
}

static void append(const char *path, const char *text)
{
	int fd = openat(root, path, O_WRONLY | O_APPEND | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_true(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static void test_a_write_through_one_name_is_told_of_all(void **state)
{
	(void)state;
	make_dir("d");
	make_dir("e");
	put("d/one", "x");
	start_local();
	until_idle();
	make_link("d/one", "e/two");
	make_link("d/one", "three");
	until_idle();
	assert_index_is_disk();
	forget_log();
	append("e/two", "more");
	until_idle();
	assert_index_is_disk();
	assert_int_equal(nlogged, 3);
	append("three", "and more");
	until_idle();
	assert_index_is_disk();
	/* And of its mode and time. */
	assert_int_equal(fchmodat(root, "d/one", 0600, 0), 0);
	until_idle();
	assert_index_is_disk();
	assert_int_equal(fs_set_mtime_at(root, "three", 1234567890123456789), 0);
	until_idle();
	assert_index_is_disk();
}

static void test_names_that_were_made_while_it_was_empty_or_nobody_looked(void **state)
{
	(void)state;
	make_dir("d");
	put("empty", "");
	put("away", "x");
	start_local();
	until_idle();
	make_link("empty", "d/empty");
	until_idle();
	append("d/empty", "text");
	until_idle();
	assert_index_is_disk();
	stop_local();
	make_link("away", "d/away");
	start_local();
	until_idle();
	append("d/away", "text");
	until_idle();
	assert_index_is_disk();
	move("d/away", "d/moved");
	until_idle();
	append("away", "text");
	until_idle();
	assert_index_is_disk();
	assert_int_equal(unlinkat(root, "away", 0), 0);
	until_idle();
	append("d/moved", "text");
	until_idle();
	assert_index_is_disk();
}

static void test_a_name_outside_and_many_names_are_no_trouble(void **state)
{
	char name[16];

	(void)state;
	put("f", "x");
	assert_int_equal(linkat(root, "f", top, "outside", 0), 0);
	for (int i = 0; i < 1200; i++) {
		(void)snprintf(name, sizeof(name), "n%d", i);
		make_link("f", name);
	}
	start_local();
	until_idle();
	append("n7", "more");
	until_idle();
	assert_index_is_disk();
}

/* Steps of SQLite's machine that the search for rows of an inode took so far. */
static int inode_steps(void)
{
	return sqlite3_stmt_status(ix->stmt[STMT_ROW_BY_INODE], SQLITE_STMTSTATUS_VM_STEP, 0);
}

static void test_a_change_of_many_names_costs_no_square_of_them(void **state)
{
	enum { NAMES = 600 };
	char name[16];
	int before;

	(void)state;
	put("f", "x");
	start_local();
	until_idle();
	for (int i = 1; i < NAMES; i++) {
		(void)snprintf(name, sizeof(name), "n%d", i);
		make_link("f", name);
	}
	until_idle();
	assert_index_is_disk();
	before = inode_steps();
	append("n7", "more");
	until_idle();
	assert_index_is_disk();
	/* For each event once all the names, and for each name itself. */
	assert_true(inode_steps() - before < 100 * NAMES * 10);
	before = inode_steps();
	assert_int_equal(fchmodat(root, "n8", 0600, 0), 0);
	until_idle();
	assert_index_is_disk();
	assert_true(inode_steps() - before < 100 * NAMES * 10);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_a_write_through_one_name_is_told_of_all),
		T(test_names_that_were_made_while_it_was_empty_or_nobody_looked),
		T(test_a_name_outside_and_many_names_are_no_trouble),
		T(test_a_change_of_many_names_costs_no_square_of_them),
	};

	return cmocka_run_group_tests_name("local links", tests, NULL, NULL);
}
