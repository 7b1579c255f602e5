/* What a confined process cannot do any more; each in a child, because there is no way back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/confine.h"

/* Runs fn in a confined child; its exit status. */
static int confined(int (*fn)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		confine_process();
		_exit(fn());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int leaves_no_core(void)
{
	struct rlimit core;

	return getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur == 0 && core.rlim_max == 0 &&
	       prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}

static void keys_in_memory_reach_no_core_dump(void **state)
{
	(void)state;
	assert_int_equal(confined(leaves_no_core), 1);
}

static int program_runs(void)
{
	execl("/bin/true", "true", NULL);
	return errno == EPERM ? 7 : 8;
}

/* Whether confine.c has a filter for this processor, and the kernel takes it: an emulator of one program does not. */
static bool may_filter(void)
{
#if defined(__x86_64__) || defined(__aarch64__) || defined(__i386__) || defined(__arm__)
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) == -1 && errno == EFAULT;
#else
	return false;
#endif
}

static void no_program_can_be_run(void **state)
{
	(void)state;
	if (!may_filter())
		skip();
	assert_int_equal(confined(program_runs), 7);
}

/* Landlock, told to refuse programs alone, refuses this as well. */
static int moves_between_folders(void)
{
	char dir[] = "/tmp/lanyard-confine-XXXXXX";
	char from[64];
	char to[64];
	bool moved;

	if (mkdtemp(dir) == NULL)
		return 8;
	(void)snprintf(from, sizeof(from), "%s/a", dir);
	(void)snprintf(to, sizeof(to), "%s/b", dir);
	moved = mkdir(from, 0700) == 0 && mkdir(to, 0700) == 0;
	(void)snprintf(from, sizeof(from), "%s/a/x", dir);
	(void)snprintf(to, sizeof(to), "%s/b/x", dir);
	moved = moved && mkdir(from, 0700) == 0 && rename(from, to) == 0;
	(void)!rmdir(to);
	(void)!rmdir(from);
	*strrchr(from, '/') = '\0';
	*strrchr(to, '/') = '\0';
	(void)!rmdir(from);
	(void)!rmdir(to);
	(void)!rmdir(dir);
	return moved ? 7 : 9;
}

static void files_move_between_folders_as_before(void **state)
{
	(void)state;
	assert_int_equal(confined(moves_between_folders), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_in_memory_reach_no_core_dump),
		cmocka_unit_test(no_program_can_be_run),
		cmocka_unit_test(files_move_between_folders_as_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
