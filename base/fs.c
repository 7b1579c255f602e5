/* Lookups, stat calls and renames beneath a directory: see fs.h. Folder trees are in fs_tree.c, contents in
 * fs_file.c. */
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fs_kernel.h"
#include "base/fs_walk.h"
#include "base/mem.h"

/* openat2 says EAGAIN when a rename elsewhere made it unsure that ".." stayed beneath; each try is a fresh walk. */
enum { OPEN_TRIES = 64 };

#define NS_PER_S INT64_C(1000000000)

void fs_close_keep_errno(int fd)
{
	int saved_errno = errno;

	if (fd >= 0)
		close(fd);
	errno = saved_errno;
}

int fs_open(int dirfd, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC | O_NOCTTY),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
	};
	long fd = -1;

	/* openat2 refuses what openat would ignore: a mode without a file to create, O_PATH with other flags. */
	if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE)
		how.mode = mode & 07777;
	if ((flags & O_PATH) != 0)
		how.flags &= O_PATH | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW;
	if (path[0] == '\0')
		path = ".";
	if ((fs_kernel_lacks() & FS_KERNEL_NO_OPENAT2) != 0)
		return fs_walk_open(dirfd, path, (int)how.flags, (mode_t)how.mode);
	for (int i = 0; i < OPEN_TRIES; i++) {
		fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return (int)fd;
}

/* A name is one component: with a slash or "..", the *at calls would leave the folder they were given. */
static int fs_check_name(const char *name)
{
	if (name[0] == '\0' || strcmp(name, "..") == 0 || strchr(name, '/') != NULL) {
		errno = EINVAL;
		return -1;
	}
	return 0;
}

/* A last component that the *at calls could not be given ("", ".", ".."), and an absolute path, are EINVAL. */
int fs_open_parent(int dirfd, const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');
	const char *last = slash != NULL ? slash + 1 : path;
	char parent[PATH_MAX];
	size_t len;

	if (fs_check_name(last) < 0)
		return -1;
	if (strcmp(last, ".") == 0 || slash == path) {
		errno = EINVAL;
		return -1;
	}
	len = slash != NULL ? (size_t)(slash - path) : 0;
	if (len >= sizeof(parent)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(parent, path, len);
	parent[len] = '\0';
	*name = last;
	return fs_open(dirfd, parent, O_RDONLY | O_DIRECTORY, 0);
}

int64_t fs_time_ns(int64_t s, int64_t ns, bool *odd)
{
	int64_t all = 0;
	/* Before 1970, the nanoseconds count upwards within a negative second: only the two together fit into 64
	 * bits. */
	bool below = s < 0;
	bool over = __builtin_mul_overflow(below ? s + 1 : s, NS_PER_S, &all) ||
	            __builtin_add_overflow(all, below ? ns - NS_PER_S : ns, &all);

	if (odd != NULL)
		*odd = over;
	return !over ? all : below ? INT64_MIN : INT64_MAX;
}

static void fill_stat(struct fs_stat *st, const struct stat *in)
{
	*st = (struct fs_stat){
		.kind = in->st_mode & S_IFMT,
		.mode = in->st_mode & 0777,
		.special = in->st_mode & 07000,
		.size = in->st_size,
		.ctime_ns = fs_time_ns(in->st_ctim.tv_sec, in->st_ctim.tv_nsec, NULL),
		.ino = in->st_ino,
		.dev = in->st_dev,
		.nlink = (uint32_t)in->st_nlink,
		.uid = in->st_uid,
	};
	st->mtime_ns = fs_time_ns(in->st_mtim.tv_sec, in->st_mtim.tv_nsec, &st->odd_mtime);
}

int fs_stat_at(int dirfd, const char *name, struct fs_stat *st)
{
	struct stat in;

	if (fs_check_name(name) < 0)
		return -1;
	if (fstatat(dirfd, name, &in, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) == 0) {
		fill_stat(st, &in);
		return 0;
	}
	if (errno != ENOENT)
		return -1;
	*st = (struct fs_stat){ 0 };
	return 0;
}

int fs_stat_beneath(int dirfd, const char *path, struct fs_stat *st)
{
	int fd;
	int rc;

	if (strchr(path, '/') == NULL && path[0] != '\0')
		return fs_stat_at(dirfd, path, st);
	fd = fs_open(dirfd, path, O_PATH | O_NOFOLLOW, 0);
	if (fd < 0) {
		/* ELOOP: a symlink stands where a parent should be, and a symlink is not a directory. */
		if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
			return -1;
		*st = (struct fs_stat){ 0 };
		return 0;
	}
	rc = fs_stat_fd(fd, st);
	fs_close_keep_errno(fd);
	return rc;
}

int fs_stat_fd(int fd, struct fs_stat *st)
{
	struct stat in;

	if (fstat(fd, &in) < 0)
		return -1;
	fill_stat(st, &in);
	return 0;
}

char *fs_readlink_at(int dirfd, const char *name)
{
	char target[PATH_MAX + 1];
	ssize_t n;
	char *out;

	if (fs_check_name(name) < 0)
		return NULL;
	n = readlinkat(dirfd, name, target, sizeof(target));
	if (n < 0)
		return NULL;
	if (n > PATH_MAX) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	out = mem_calloc((size_t)n + 1, 1);
	memcpy(out, target, (size_t)n);
	return out;
}

static bool same_file(const struct fs_stat *a, const struct fs_stat *b)
{
	return a->kind != 0 && a->kind == b->kind && a->dev == b->dev && a->ino == b->ino;
}

/* The second half of a rename by links. The old name may hold another file by now, which stays. */
static int unlink_linked(int old_dirfd, const char *old_name, int new_dirfd, const char *new_name)
{
	struct fs_stat old, new;
	int saved_errno;

	if (fs_stat_at(old_dirfd, old_name, &old) == 0 && fs_stat_at(new_dirfd, new_name, &new) == 0 &&
	    !same_file(&old, &new))
		return 0;
	if (unlinkat(old_dirfd, old_name, 0) == 0)
		return 0;
	saved_errno = errno;
	unlinkat(new_dirfd, new_name, 0);
	errno = saved_errno;
	return -1;
}

static int look_and_rename(int old_dirfd, const char *old_name, int new_dirfd, const char *new_name)
{
	struct fs_stat st;

	if (fs_stat_at(new_dirfd, new_name, &st) < 0)
		return -1;
	if (st.kind != 0) {
		errno = EEXIST;
		return -1;
	}
	return renameat(old_dirfd, old_name, new_dirfd, new_name);
}

/* Whether a rename with flags, or a link, failed because the disk has no such call. */
static bool has_no_call(int error)
{
	return error == EINVAL || error == ENOSYS || error == EOPNOTSUPP || error == EPERM || error == EMLINK;
}

/* A filter may refuse the call with EPERM, which from the file system means something else. */
static int rename_with(int old_dirfd, const char *old_name, int new_dirfd, const char *new_name, unsigned flags)
{
	if ((fs_kernel_lacks() & FS_KERNEL_NO_RENAMEAT2) == 0)
		return fs_kernel_renameat2(old_dirfd, old_name, new_dirfd, new_name, flags);
	errno = ENOSYS;
	return -1;
}

int fs_rename_noreplace(int old_dirfd, const char *old_name, int new_dirfd, const char *new_name)
{
	if (fs_check_name(old_name) < 0 || fs_check_name(new_name) < 0)
		return -1;
	if (rename_with(old_dirfd, old_name, new_dirfd, new_name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (linkat(old_dirfd, old_name, new_dirfd, new_name, 0) == 0)
		return unlink_linked(old_dirfd, old_name, new_dirfd, new_name);
	return has_no_call(errno) ? look_and_rename(old_dirfd, old_name, new_dirfd, new_name) : -1;
}

int fs_rename_into(int old_dirfd, const char *old_name, int new_dirfd, const char *new_name)
{
	if (fs_check_name(old_name) < 0 || fs_check_name(new_name) < 0)
		return -1;
	if (rename_with(old_dirfd, old_name, new_dirfd, new_name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	return look_and_rename(old_dirfd, old_name, new_dirfd, new_name);
}

bool fs_lacks(int error)
{
	return error == EPERM || error == EACCES || error == EOPNOTSUPP || error == ENOSYS || error == EINVAL;
}

int fs_sync_dir(int fd)
{
	if (fsync(fd) == 0)
		return 0;
	if (!fs_lacks(errno) && errno != EBADF)
		return -1;
	/* Syncs the whole file system if folders cannot be synced by themselves. A disk that cannot do that either
	 * keeps its folders on its own, or does not. */
	return syncfs(fd) == 0 || fs_lacks(errno) ? 0 : -1;
}

int fs_rename_exchange(int a_dirfd, const char *a, int b_dirfd, const char *b)
{
	if (fs_check_name(a) < 0 || fs_check_name(b) < 0)
		return -1;
	if (rename_with(a_dirfd, a, b_dirfd, b, RENAME_EXCHANGE) == 0)
		return 0;
	if (errno == EINVAL || errno == ENOSYS)
		errno = EOPNOTSUPP;
	return -1;
}

/* Times before 1970 are negative, nanoseconds within a second never are. */
static void fill_times(struct timespec times[2], int64_t mtime_ns)
{
	int64_t s = mtime_ns / NS_PER_S;
	int64_t ns = mtime_ns % NS_PER_S;

	if (ns < 0) {
		s--;
		ns += NS_PER_S;
	}
	times[0] = (struct timespec){ .tv_nsec = UTIME_OMIT };
	times[1] = (struct timespec){ .tv_sec = s, .tv_nsec = ns };
}

int fs_set_mtime_fd(int fd, int64_t mtime_ns)
{
	struct timespec times[2];

	fill_times(times, mtime_ns);
	return futimens(fd, times);
}

/* Opens a name as it is, following neither a symlink nor a mount: a way to change what the calls by name would
 * follow. */
static int open_as_it_is(int dirfd, const char *name)
{
	if (fs_check_name(name) < 0)
		return -1;
	return fs_open(dirfd, name, O_PATH | O_NOFOLLOW, 0);
}

enum { LINK_MAX_LENGTH = 40 };

static void proc_link_of(char path[LINK_MAX_LENGTH], int fd)
{
	(void)snprintf(path, LINK_MAX_LENGTH, "/proc/self/fd/%d", fd);
}

int fs_set_mtime_at(int dirfd, const char *name, int64_t mtime_ns)
{
	struct timespec times[2];
	char path[LINK_MAX_LENGTH];
	int fd = open_as_it_is(dirfd, name);
	int rc;

	if (fd < 0)
		return -1;
	fill_times(times, mtime_ns);
	rc = utimensat(fd, "", times, AT_EMPTY_PATH);
	/* Before Linux 5.8; the descriptor's link in /proc leads to the very file, or symlink. */
	if (rc < 0 && errno == EINVAL) {
		proc_link_of(path, fd);
		rc = utimensat(AT_FDCWD, path, times, 0);
	}
	if (rc < 0 && errno == EACCES)
		errno = EPERM;
	fs_close_keep_errno(fd);
	return rc;
}

/* The mode bits to set when `mode` is asked for. */
static mode_t whole_mode(const struct fs_stat *st, mode_t mode)
{
	return (mode & 0777) | (st->kind == S_IFDIR ? st->special : 0);
}

/* A disk without modes may show another one after each call, so none is made for the mode that is there. */
static bool has_mode(const struct fs_stat *st, mode_t mode)
{
	return (st->mode | st->special) == whole_mode(st, mode);
}

int fs_set_mode_fd(int fd, mode_t mode)
{
	struct fs_stat st;

	if (fs_stat_fd(fd, &st) < 0)
		return -1;
	return has_mode(&st, mode) ? 0 : fchmod(fd, whole_mode(&st, mode));
}

int fs_set_mode_at(int dirfd, const char *name, mode_t mode)
{
	int fd = open_as_it_is(dirfd, name);
	struct fs_stat st;
	char path[LINK_MAX_LENGTH];
	int rc = -1;

	if (fd < 0)
		return -1;
	/* fchmod refuses an O_PATH descriptor, but its link in /proc leads to the very file. */
	proc_link_of(path, fd);
	if (fs_stat_fd(fd, &st) == 0) {
		errno = EOPNOTSUPP;
		rc = st.kind == S_IFLNK ? -1 : has_mode(&st, mode) ? 0 : chmod(path, whole_mode(&st, mode));
	}
	fs_close_keep_errno(fd);
	return rc;
}
