/* What the kernel lacks, or what a filter (seccomp, a service manager's) refuses to this process, of the calls that
 * base/fs is made with. It is found out once, at the first question; filters that are put up later are not noticed.
 * Any thread. */
#ifndef LANYARD_BASE_FS_KERNEL_H
#define LANYARD_BASE_FS_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fs_kernel_lack {
	FS_KERNEL_NO_OPENAT2 = 1,   /* before Linux 5.6 */
	FS_KERNEL_NO_RENAMEAT2 = 2, /* before Linux 3.15 */
	FS_KERNEL_NO_STATX = 4,     /* before Linux 4.11; older than 5.8, it does not tell mounts */
};

/* The bits of what is missing. */
unsigned fs_kernel_lacks(void);
/* What is missing and what is done instead, in words for the log and for doctor: the i-th of them; NULL: no more. */
const char *fs_kernel_lack(size_t i);

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE  2
#endif

struct statx; /* of linux/stat.h */

/* The calls themselves, where libc has no function for them (musl). */
int fs_kernel_renameat2(int old_dirfd, const char *old_name, int new_dirfd, const char *new_name, unsigned flags);
int fs_kernel_statx(int dirfd, const char *name, int flags, unsigned mask, struct statx *out);

/* The mount that an open file is on. Two files of one mount have equal values. Two of different mounts do not, as far
 * as fs_kernel_tells_mounts(). */
struct fs_mount {
	unsigned way; /* how it was told */
	bool folder;
	uint64_t id;
};

/* -1 with errno (no descriptor is left, say). */
int fs_kernel_mount(int fd, struct fs_mount *m);
bool fs_kernel_same_mount(const struct fs_mount *a, const struct fs_mount *b);
/* Whether id is the mount's number in /proc/self/mountinfo. */
bool fs_kernel_mount_numbered(const struct fs_mount *m);
/* Whether fs_open() beneath fd keeps out whatever is mounted there. False: only folders of other file systems. That is
 * so without openat2, on a kernel before 5.8 (or where statx is refused), on a file system without handles (many a
 * container's) or where name_to_handle_at is refused, for a process other than root's or without /proc. */
bool fs_kernel_tells_mounts(int fd);

#endif
