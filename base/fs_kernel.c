/* See fs_kernel.h. */
#include "base/fs_kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KNOWN (UINT32_C(1) << 31)

enum way { WAY_STATX = 1, WAY_HANDLE, WAY_FDINFO, WAY_DEVICE };

static const struct {
	unsigned lack;
	const char *text;
} lack_texts[] = {
	{ FS_KERNEL_NO_OPENAT2,
	  "openat2 is missing or refused: paths are opened folder by folder, which is as safe, and slower" },
	{ FS_KERNEL_NO_RENAMEAT2,
	  "renameat2 is missing or refused: files are exchanged in two steps, and checked before each" },
	{ FS_KERNEL_NO_STATX, "statx is missing or refused: older calls are used" },
};

/* Tests stand in for the functions of glibc. */
int fs_kernel_renameat2(int old_dirfd, const char *old_name, int new_dirfd, const char *new_name, unsigned flags)
{
#ifdef __GLIBC__
	return renameat2(old_dirfd, old_name, new_dirfd, new_name, flags);
#else
	return (int)syscall(SYS_renameat2, old_dirfd, old_name, new_dirfd, new_name, flags);
#endif
}

int fs_kernel_statx(int dirfd, const char *name, int flags, unsigned mask, struct statx *out)
{
#ifdef __GLIBC__
	return statx(dirfd, name, flags, mask, out);
#else
	return (int)syscall(SYS_statx, dirfd, name, flags, mask, out);
#endif
}

/* --- mounts --- */

/* Whether the call, or what was asked of it, is missing or refused. Any other failure ends the question: with another
 * way's number for one of two files, they would seem to be on two mounts. */
static bool is_not_told(int error)
{
	return error == ENOSYS || error == EPERM || error == EINVAL || error == EOPNOTSUPP;
}

/* Here and below: 1; 0: not told that way; -1 with errno. No server need be asked for that. */
static int mount_by_statx(int fd, uint64_t *id)
{
	struct statx x;

	if (fs_kernel_statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &x) < 0)
		return is_not_told(errno) ? 0 : -1;
	*id = x.stx_mnt_id;
	/* Emulators of another machine's calls pass the mask on, but not the number. */
	return (x.stx_mask & STATX_MNT_ID) != 0 && x.stx_mnt_id != 0;
}

/* The handle itself is not wanted; the mount is told even if there is no room for it. Not every file system has
 * handles. */
static int mount_by_handle(int fd, uint64_t *id)
{
	struct file_handle none = { 0 };
	int mount = -1;

	if (name_to_handle_at(fd, "", &none, &mount, AT_EMPTY_PATH) < 0 && errno != EOVERFLOW)
		return is_not_told(errno) ? 0 : -1;
	*id = (uint64_t)mount;
	return mount >= 0;
}

/* Root may read it; others may not in a process that cannot be dumped. */
static int mount_by_fdinfo(int fd, uint64_t *id)
{
	char path[40], line[80];
	FILE *f;
	int rc = 0;

	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	if (f == NULL)
		return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? -1 : 0;
	while (rc == 0 && fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, "mnt_id:", 7) != 0)
			continue;
		*id = strtoull(line + 7, NULL, 10);
		rc = 1;
	}
	(void)fclose(f);
	return rc;
}

static int mount_by_device(int fd, struct fs_mount *m)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -1;
	m->folder = S_ISDIR(st.st_mode);
	m->id = st.st_dev;
	return 1;
}

int fs_kernel_mount(int fd, struct fs_mount *m)
{
	int rc;

	*m = (struct fs_mount){ .way = WAY_STATX };
	rc = mount_by_statx(fd, &m->id);
	if (rc == 0) {
		m->way = WAY_HANDLE;
		rc = mount_by_handle(fd, &m->id);
	}
	if (rc == 0) {
		m->way = WAY_FDINFO;
		rc = mount_by_fdinfo(fd, &m->id);
	}
	if (rc == 0) {
		m->way = WAY_DEVICE;
		rc = mount_by_device(fd, m);
	}
	return rc < 0 ? -1 : 0;
}

/* What is told in one way of one and in another of the other is on two file systems. Folders alone have the device of
 * their file system everywhere: on overlayfs, files may have that of a layer. */
bool fs_kernel_same_mount(const struct fs_mount *a, const struct fs_mount *b)
{
	if (a->way == WAY_DEVICE && b->way == WAY_DEVICE && !(a->folder && b->folder))
		return true;
	return a->way == b->way && a->id == b->id;
}

bool fs_kernel_mount_numbered(const struct fs_mount *m)
{
	return m->way != WAY_DEVICE;
}

/* --- what is missing --- */

/* Each question is one that the call itself answers with an error of its own, and so tells that it is there. Without a
 * free descriptor or memory nothing can be told yet. */
static bool has_openat2(bool *sure)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH };
	long fd = syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof(how));

	if (fd >= 0) /* it does not keep what it promises */
		close((int)fd);
	*sure = fd >= 0 || (errno != EMFILE && errno != ENFILE && errno != ENOMEM && errno != EINTR && errno != EAGAIN);
	return fd < 0 && (errno == EXDEV || !*sure);
}

static bool has_renameat2(void)
{
	return fs_kernel_renameat2(AT_FDCWD, "", AT_FDCWD, "", RENAME_NOREPLACE) < 0 && errno == ENOENT;
}

static bool has_statx(void)
{
	struct statx x;

	return fs_kernel_statx(AT_FDCWD, "/", AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &x) == 0;
}

static unsigned find_out(bool *sure)
{
	int saved_errno = errno;
	unsigned lacks = has_openat2(sure) ? 0 : FS_KERNEL_NO_OPENAT2;

	if (!has_renameat2())
		lacks |= FS_KERNEL_NO_RENAMEAT2;
	if (!has_statx())
		lacks |= FS_KERNEL_NO_STATX;
	errno = saved_errno;
	return lacks;
}

unsigned fs_kernel_lacks(void)
{
	static _Atomic unsigned known;
	unsigned lacks = atomic_load_explicit(&known, memory_order_relaxed);
	bool sure = false;

	if ((lacks & KNOWN) != 0)
		return lacks & ~KNOWN;
	/* Two threads may both ask: they come to the same answer. */
	lacks = find_out(&sure);
	if (sure)
		atomic_store_explicit(&known, lacks | KNOWN, memory_order_relaxed);
	return lacks;
}

bool fs_kernel_tells_mounts(int fd)
{
	struct fs_mount m;

	return (fs_kernel_lacks() & FS_KERNEL_NO_OPENAT2) == 0 || fs_kernel_mount(fd, &m) < 0 || m.way != WAY_DEVICE;
}

const char *fs_kernel_lack(size_t i)
{
	unsigned lacks = fs_kernel_lacks();

	for (size_t k = 0; k < sizeof(lack_texts) / sizeof(lack_texts[0]); k++) {
		if ((lacks & lack_texts[k].lack) != 0 && i-- == 0)
			return lack_texts[k].text;
	}
	return NULL;
}
