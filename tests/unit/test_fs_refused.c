/* Proves what fs.h does where the kernel or the file system refuses a call: each in a child of its own, which cannot
 * make it. */
#include "tests/unit/fs_dirs.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* An emulator of one program (qemu-user) knows no filter. */
enum { NO_FILTER = 99 };

/* Makes one system call fail with err from now on, in this process. */
static void forbid(long number, int err)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = sizeof(filter) / sizeof(filter[0]), .filter = filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0)
		_exit(NO_FILTER);
}

/* Runs check in a child of its own and expects it to return 0. Skips the test where no call can be refused. */
static void in_child(int (*check)(void))
{
	int status = -1;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		alarm(20);
		_exit(check());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NO_FILTER)
		skip();
	assert_int_equal(status, 0);
}

static int without_renameat2(void)
{
	struct fs_stat st;

	forbid(SYS_renameat2, EINVAL);
	if (fs_rename_noreplace(root, "a", root, "b") != -1 || errno != EEXIST)
		return 1;
	if (fs_rename_noreplace(root, "a", root, "c") != 0)
		return 2;
	if (fs_stat_at(root, "a", &st) < 0 || st.kind != 0 || fs_stat_at(root, "c", &st) < 0 || st.nlink != 1)
		return 3;
	if (fs_rename_noreplace(root, "link", root, "link2") != 0 || fs_stat_at(root, "link2", &st) < 0 ||
	    st.kind != S_IFLNK)
		return 4;
	/* No folder has hard links. */
	if (fs_rename_noreplace(root, "dir", root, "b") != -1 || errno != EEXIST)
		return 5;
	if (fs_rename_noreplace(root, "dir", root, "dir2") != 0 || fs_stat_at(root, "dir2", &st) < 0 ||
	    st.kind != S_IFDIR)
		return 7;
	if (fs_rename_into(root, "c", root, "b") != -1 || errno != EEXIST)
		return 8;
	if (fs_rename_into(root, "c", root, "e") != 0 || fs_rename_into(root, "e", root, "c") != 0)
		return 9;
	if (fs_rename_exchange(root, "b", root, "c") != -1 || errno != EOPNOTSUPP)
		return 6;
	return 0;
}

static void rename_falls_back_where_the_file_system_cannot(void **state)
{
	(void)state;
	put(root, "a", "A");
	put(root, "b", "B");
	assert_int_equal(mkdirat(root, "dir", 0755), 0);
	assert_int_equal(symlinkat("b", root, "link"), 0);
	in_child(without_renameat2);
	assert_content(root, "b", "B");
	assert_content(root, "c", "A");
}

static int openat2_unsure_for_ever(void)
{
	forbid(SYS_openat2, EAGAIN);
	return fs_open(root, "a", O_RDONLY, 0) == -1 && errno == EAGAIN ? 0 : 1;
}

static void open_gives_up_after_a_bounded_number_of_tries(void **state)
{
	(void)state;
	put(root, "a", "A");
	in_child(openat2_unsure_for_ever);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FS_TEST(rename_falls_back_where_the_file_system_cannot),
		FS_TEST(open_gives_up_after_a_bounded_number_of_tries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
