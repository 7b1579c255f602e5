/* The home: which one, who may read it, and that only one agent runs on it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/home.h"
#include "base/fs.h"
#include "base/mem.h"

static char dir[] = "/tmp/lanyard-home-XXXXXX";

static void expect_choice(const char *option, const char *want)
{
	char *why = NULL;
	char *got = home_choose(option, &why);

	assert_string_equal(got, want);
	free(got);
}

static void the_home_is_what_was_said_or_the_default(void **state)
{
	char *why = NULL;
	char *relative;
	char *cwd;

	(void)state;
	unsetenv("LANYARD_HOME");
	setenv("XDG_STATE_HOME", "/xdg", 1);
	setenv("HOME", "/me", 1);
	expect_choice("/said", "/said");
	cwd = getcwd(NULL, 0);
	relative = mem_printf("%s/said", cwd);
	expect_choice("said", relative);
	expect_choice("./said", relative);
	free(relative);
	free(cwd);
	if (geteuid() == 0) {
		expect_choice(NULL, "/var/lib/lanyard");
	} else {
		expect_choice(NULL, "/xdg/lanyard");
		setenv("XDG_STATE_HOME", "relative", 1);
		expect_choice(NULL, "/me/.local/state/lanyard");
	}
	setenv("LANYARD_HOME", "/env", 1);
	expect_choice(NULL, "/env");
	expect_choice("/said", "/said");
	assert_null(home_choose("", &why));
	free(why);
	unsetenv("LANYARD_HOME");
}

static void it_is_made_for_its_owner_alone(void **state)
{
	char *path = mem_printf("%s/a/b/home", dir);
	char *why = NULL;
	struct home h;
	struct stat st;

	(void)state;
	umask(0);
	assert_int_equal(home_open(&h, path, &why), 0);
	assert_int_equal(fstat(h.dirfd, &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0700);
	assert_int_equal(fstatat(h.dirfd, "lock", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	home_close(&h);
	home_close(&h);
	umask(022);
	free(path);
}

static void others_that_may_read_it_are_refused(void **state)
{
	static const mode_t modes[] = { 0750, 0705, 0720, 0701 };
	char *path = mem_printf("%s/open", dir);

	(void)state;
	assert_int_equal(mkdir(path, 0700), 0);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct home h;
		char *why = NULL;

		assert_int_equal(chmod(path, modes[i]), 0);
		assert_int_equal(home_open(&h, path, &why), -1);
		assert_non_null(strstr(why, "chmod 700"));
		assert_non_null(strstr(why, path));
		free(why);
	}
	free(path);
}

static void what_is_no_folder_is_refused(void **state)
{
	char *path = mem_printf("%s/file", dir);
	char *why = NULL;
	struct home h;
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	(void)state;
	close(fd);
	assert_int_equal(home_open(&h, path, &why), -1);
	assert_non_null(strstr(why, "Not a directory"));
	free(why);
	free(path);
}

static void a_second_agent_is_refused_and_told_of_the_first(void **state)
{
	char *path = mem_printf("%s/one", dir);
	char *pid = mem_printf("(process %d)", (int)getpid());
	char *why = NULL;
	struct home h;
	struct home second;

	(void)state;
	assert_int_equal(home_open(&h, path, &why), 0);
	assert_int_equal(home_open(&second, path, &why), -1);
	assert_non_null(strstr(why, pid));
	assert_non_null(strstr(why, path));
	free(why);
	home_close(&h);
	assert_int_equal(home_open(&h, path, &why), 0);
	home_close(&h);
	free(pid);
	free(path);
}

static void the_lock_ends_with_its_process(void **state)
{
	char *path = mem_printf("%s/killed", dir);
	char *why = NULL;
	struct home h;
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0)
		_exit(home_open(&h, path, &why) < 0 ? 1 : 0); /* nothing is given back */
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(home_open(&h, path, &why), 0);
	home_close(&h);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_home_is_what_was_said_or_the_default),
		cmocka_unit_test(it_is_made_for_its_owner_alone),
		cmocka_unit_test(others_that_may_read_it_are_refused),
		cmocka_unit_test(what_is_no_folder_is_refused),
		cmocka_unit_test(a_second_agent_is_refused_and_told_of_the_first),
		cmocka_unit_test(the_lock_ends_with_its_process),
	};
	int rc;
	int tmp;

	if (mkdtemp(dir) == NULL)
		return 1;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)fs_remove_tree(tmp, strrchr(dir, '/') + 1);
	close(tmp);
	return rc;
}
