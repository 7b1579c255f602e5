/* See confine.h. */
#include "agent/confine.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The one calling convention this program uses; calls by another (x86 has three) are refused. 0: not known here. */
#if defined(__x86_64__) && !defined(__ILP32__)
enum { OWN_ARCH = (int)AUDIT_ARCH_X86_64, FOREIGN_CALLS = 0x40000000 };
#elif defined(__aarch64__)
enum { OWN_ARCH = (int)AUDIT_ARCH_AARCH64, FOREIGN_CALLS = 0x40000000 };
#elif defined(__arm__) && defined(__ARM_EABI__) && !defined(__ARM_BIG_ENDIAN)
/* A kernel that takes the calls of the older convention, whose numbers begin at 0x900000, takes no filter at all. */
enum { OWN_ARCH = (int)AUDIT_ARCH_ARM, FOREIGN_CALLS = 0x40000000 };
#elif defined(__i386__)
enum { OWN_ARCH = (int)AUDIT_ARCH_I386, FOREIGN_CALLS = 0x40000000 };
#else
enum { OWN_ARCH = 0, FOREIGN_CALLS = 0 };
#endif

static void forbid_programs(void)
{
	struct sock_filter steps[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)OWN_ARCH, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FOREIGN_CALLS, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execve, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execveat, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	};
	const struct sock_fprog program = { .len = sizeof(steps) / sizeof(steps[0]), .filter = steps };

	/* SPEC_ALLOW: it runs no code of strangers, so older kernels need not slow it down for having a filter. */
	if (OWN_ARCH != 0)
		(void)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program);
}

void confine_process(void)
{
	const struct rlimit none = { 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	forbid_programs();
}
