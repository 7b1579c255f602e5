/* Runs a program as on an older kernel, or under a stricter filter: without CALL=ERROR[,CALL=ERROR...] PROGRAM
 * ARGUMENT... A filter (seccomp) lets each call fail with its error, in the program and all that it starts. `without
 * --list` prints the calls. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/stat.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { STEPS_EACH = 6, STEPS_MAX = 400 };

/* with: only calls that have one of these bits in the fourth argument; 0: all. */
static const struct {
	const char *name;
	long number;
	unsigned with;
} calls[] = {
	{ "openat2", SYS_openat2, 0 },
	{ "renameat2", SYS_renameat2, 0 },
	{ "statx", SYS_statx, 0 },
	{ "statx-mounts", SYS_statx, STATX_MNT_ID },
	{ "name_to_handle_at", SYS_name_to_handle_at, 0 },
	{ "utimensat-empty", SYS_utimensat, AT_EMPTY_PATH },
	{ "copy_file_range", SYS_copy_file_range, 0 },
	{ "sync_file_range", SYS_sync_file_range, 0 },
	{ "fallocate", SYS_fallocate, 0 },
	{ "faccessat2", SYS_faccessat2, 0 },
	{ "close_range", SYS_close_range, 0 },
	{ "pidfd_open", SYS_pidfd_open, 0 },
	{ "memfd_create", SYS_memfd_create, 0 },
	{ "clone3", SYS_clone3, 0 },
	{ "rseq", SYS_rseq, 0 },
	{ "seccomp", SYS_seccomp, 0 },
	{ "io_uring_setup", SYS_io_uring_setup, 0 },
	{ "epoll_pwait2", SYS_epoll_pwait2, 0 },
	{ "preadv2", SYS_preadv2, 0 },
};

static const struct {
	const char *name;
	int error;
} errors[] = { { "ENOSYS", ENOSYS },
	       { "EPERM", EPERM },
	       { "EINVAL", EINVAL },
	       { "EACCES", EACCES },
	       { "ENOMEM", ENOMEM } };

static struct sock_filter steps[STEPS_MAX];
static unsigned short used;

static void step(struct sock_filter s)
{
	steps[used++] = s;
}

static void forbid_call(size_t i, int error)
{
	unsigned past = calls[i].with != 0 ? 3 : 1;

	step((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
	step((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i].number, 0,
	                                  (unsigned char)past));
	if (calls[i].with != 0) {
		/* The lower half: these are ints. All machines that we test on are little-endian. */
		step((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[3])));
		step((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, calls[i].with, 0, 1));
	}
	step((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error));
}

/* 0: name is not in the table. */
static int error_of(const char *name)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (strcmp(errors[i].name, name) == 0)
			return errors[i].error;
	}
	return 0;
}

/* CALL=ERROR; -1: there is no such thing. */
static int forbid_named(char *rule)
{
	char *equals = strchr(rule, '=');
	int error = equals != NULL ? error_of(equals + 1) : 0;

	if (error == 0 || used + STEPS_EACH > STEPS_MAX)
		return -1;
	*equals = '\0';
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (strcmp(calls[i].name, rule) == 0) {
			forbid_call(i, error);
			return 0;
		}
	}
	return -1;
}

static int usage(void)
{
	(void)fputs("usage: without CALL=ERROR[,CALL=ERROR...] PROGRAM [ARGUMENT...] | without --list\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	struct sock_fprog program = { .filter = steps };
	char *rule, *rest;

	if (argc == 2 && strcmp(argv[1], "--list") == 0) {
		for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
			puts(calls[i].name);
		return 0;
	}
	if (argc < 3)
		return usage();
	for (rule = strtok_r(argv[1], ",", &rest); rule != NULL; rule = strtok_r(NULL, ",", &rest)) {
		if (forbid_named(rule) < 0)
			return usage();
	}
	step((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
	program.len = used;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
		perror("without: the filter");
		return 1;
	}
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 127;
}
