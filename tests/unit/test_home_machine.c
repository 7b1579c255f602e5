/* Which machine a home was last used on: the same one, another, one of old. /etc/machine-id is a file of the test's
 * own, mounted over it; where that cannot be, only what needs no other ID is tested. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/home_machine.h"
#include "base/fs.h"
#include "tests/unit/own_mounts.h"

static const char ONE[] = "0123456789abcdef0123456789abcdef\n", TWO[] = "fedcba9876543210fedcba9876543210\n";

static bool can_mount;
static char dir[64];
static int home = -1;

static void on_machine(const char *id)
{
	assert_int_equal(fs_write_file(home, "id", id, strlen(id), 0644), 0);
	if (can_mount) {
		char path[96];

		(void)umount2("/etc/machine-id", MNT_DETACH);
		snprintf(path, sizeof(path), "%s/id", dir);
		assert_int_equal(mount(path, "/etc/machine-id", NULL, MS_BIND, NULL), 0);
	}
}

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test-machine-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	home = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return home < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	(void)state;
	if (can_mount)
		(void)umount2("/etc/machine-id", MNT_DETACH);
	close(home);
	rc = fs_remove_tree(tmp, dir + strlen("/tmp/"));
	close(tmp);
	return rc;
}

/* A start of the agent here, which is stored. */
static struct home_machine start(void)
{
	struct home_machine m = home_machine_check(home);

	assert_int_equal(home_machine_store(home, &m), 0);
	return m;
}

static void begin_on_one(void)
{
	if (!can_mount)
		skip();
	on_machine(ONE);
	start();
}

static void a_home_that_stays_is_never_moved(void **state)
{
	(void)state;
	if (!can_mount && access("/etc/machine-id", R_OK) != 0)
		skip();
	on_machine(ONE);
	for (int i = 0; i < 3; i++) {
		struct home_machine m = start();

		assert_false(m.moved);
		assert_false(m.fresh);
		assert_string_not_equal(m.text, "");
	}
}

static void a_home_on_another_machine_is_fresh_once_and_moved_for_ever(void **state)
{
	struct home_machine m;

	(void)state;
	begin_on_one();
	on_machine(TWO);
	m = start();
	assert_true(m.fresh);
	assert_true(m.moved);
	m = start();
	assert_false(m.fresh);
	assert_true(m.moved);
	/* Back again, it has still been away. */
	on_machine(ONE);
	m = start();
	assert_true(m.fresh);
	assert_true(m.moved);
}

static void a_fresh_start_that_was_not_finished_is_fresh_again(void **state)
{
	(void)state;
	begin_on_one();
	on_machine(TWO);
	assert_true(home_machine_check(home).fresh);
	assert_true(home_machine_check(home).fresh);
}

static void a_machine_without_an_id_says_and_stores_nothing(void **state)
{
	struct fs_stat st;

	(void)state;
	begin_on_one();
	for (int i = 0; i < 2; i++) {
		struct home_machine m;

		on_machine(i == 0 ? "" : "\n");
		m = start();
		assert_string_equal(m.text, "");
		assert_false(m.moved || m.fresh);
	}
	/* What was known before is known again. */
	on_machine(ONE);
	assert_false(start().fresh);
	on_machine(TWO);
	assert_true(start().fresh);
	assert_int_equal(fs_stat_at(home, "machine", &st), 0);
	assert_int_equal(st.mode, 0600);
}

static void the_id_itself_is_not_stored(void **state)
{
	char *text;
	size_t n;

	(void)state;
	begin_on_one();
	text = fs_read_file(home, "machine", 1000, &n);
	assert_non_null(text);
	assert_null(strstr(text, "0123456789abcdef"));
	free(text);
}

static void a_damaged_file_is_no_other_machine(void **state)
{
	struct home_machine m;

	(void)state;
	begin_on_one();
	assert_int_equal(fs_write_file(home, "machine", "cut", 3, 0600), 0);
	m = start();
	assert_false(m.moved || m.fresh);
	assert_false(start().moved);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_home_that_stays_is_never_moved),
		T(a_home_on_another_machine_is_fresh_once_and_moved_for_ever),
		T(a_fresh_start_that_was_not_finished_is_fresh_again),
		T(a_machine_without_an_id_says_and_stores_nothing),
		T(the_id_itself_is_not_stored),
		T(a_damaged_file_is_no_other_machine),
	};

	can_mount = access("/etc/machine-id", F_OK) == 0 && own_mounts() == 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
