/* The file system, beneath a directory and nowhere else. Paths are relative, '/'-separated bytes; every lookup goes
 * through openat2(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV), so a symlink
 * planted on the way is an error (ELOOP), not a detour, and so is what somebody mounted there (EXDEV). Where that call
 * is missing or refused, fs_walk.h gives the same promise, except that fs_kernel_tells_mounts() may be false there:
 * then only folders of other file systems are EXDEV. fs_kernel.h says what is missing. All functions return 0 or an fd
 * on success, -1 with errno otherwise. Any thread. */
#ifndef LANYARD_BASE_FS_H
#define LANYARD_BASE_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The kind, metadata and identity of what is at a path. kind is S_IFMT's bits, 0 when there is nothing. */
struct fs_stat {
	uint32_t kind;    /* S_IFREG, S_IFDIR, S_IFLNK, ... or 0: absent */
	uint32_t mode;    /* permission bits, 0777 */
	uint32_t special; /* setuid, setgid, sticky: 07000; on another machine they would mean other users */
	int64_t size;     /* bytes */
	int64_t mtime_ns; /* since 1970; before 1677-09-21 or after 2262-04-11, the nearest that fits */
	int64_t ctime_ns;
	bool odd_mtime; /* mtime_ns is such a nearest time */
	uint64_t ino;
	uint64_t dev;
	uint32_t nlink;
	uint32_t uid; /* of its owner */
};

/* Seconds and nanoseconds as nanoseconds. Where 64 bits do not hold them, the nearest time that fits, and *odd (may
 * be NULL) is true: disks hold times of other millennia, and any number can be set. */
int64_t fs_time_ns(int64_t s, int64_t ns, bool *odd);

/* O_CLOEXEC and O_NOCTTY are always added. dirfd is the root; path "" or "." is the root itself (directories only).
 * Open a path that may be a FIFO or a device with O_NONBLOCK. */
int fs_open(int dirfd, const char *path, int flags, mode_t mode);
/* Closes fd unless it is -1, and leaves errno as it was: for the way out of a failure. */
void fs_close_keep_errno(int fd);
/* Opens path's parent; *name points into path at the last component. O_PATH-free: usable for fsync and *at calls. */
int fs_open_parent(int dirfd, const char *path, const char **name);
/* Stats name in dirfd itself, without following a symlink. Absent is success with kind 0. Here and below, a `name`
 * is one component: EINVAL for "", ".." or a slash. */
int fs_stat_at(int dirfd, const char *name, struct fs_stat *st);
/* Stats a whole path beneath dirfd. If a parent is missing or is not a directory (a symlink, say), the path is
 * absent too. */
int fs_stat_beneath(int dirfd, const char *path, struct fs_stat *st);
int fs_stat_fd(int fd, struct fs_stat *st);
/* Reads a symlink's target into fresh NUL-terminated memory; NULL and errno (ENAMETOOLONG above PATH_MAX). */
char *fs_readlink_at(int dirfd, const char *name);

/* The first byte from `at` on that may be data: `at` itself if the disk does not tell, INT64_MAX if only hole is
 * left. Moves fd's offset. */
int64_t fs_next_data(int fd, int64_t at);
/* Reads and writes of a whole buffer: EINTR and short counts are continued. pread_full returns the bytes read,
 * which are less than n only at the end of the file. */
ssize_t fs_pread_full(int fd, void *buf, size_t n, int64_t offset);
int fs_pwrite_all(int fd, const void *buf, size_t n, int64_t offset);

/* renameat2 with RENAME_NOREPLACE (the first two) or RENAME_EXCHANGE. Where the file system has no such call (EINVAL),
 * the exchange fails with EOPNOTSUPP, and the caller must find another way. fs_rename_noreplace then tries the next
 * best things:
 * - linkat, which refuses a taken name just as well, then unlinkat. Whatever takes the old name in between stays there,
 *   unless it comes between the last check and the unlinkat. So a name that users write to is best moved to a name of
 *   ours first (fs_rename_into), checked, and moved on from there.
 * - Without hard links, and for folders: a check, then a rename, which would replace what is made between the two. A
 *   placeholder made first would prevent that, but users would see it, and after a crash it would pass for an empty
 *   file.
 * fs_rename_into moves to a name where nobody but us makes anything, so that a check and a rename do no harm there. It
 * never takes from the old name what it did not check, since that is one rename. */
int fs_rename_noreplace(int old_dirfd, const char *old_name, int new_dirfd, const char *new_name);
int fs_rename_into(int old_dirfd, const char *old_name, int new_dirfd, const char *new_name);
int fs_rename_exchange(int a_dirfd, const char *a, int b_dirfd, const char *b);

/* Whether a call that set a mode or a time, or synced a folder, failed because the disk has no such thing or does
 * not let us, rather than because something is broken: the caller can continue without it. */
bool fs_lacks(int error);
/* Makes the folder's entries safe from a power cut, as far as the disk can do that. */
int fs_sync_dir(int fd);

/* Sets the mtime in nanoseconds, and leaves atime alone, of an open file, or of a name: not of what a symlink there
 * leads to, nor of what is mounted there (EXDEV). By name, EACCES means that the name cannot be opened; a disk that
 * refuses the time gives EPERM. */
int fs_set_mtime_fd(int fd, int64_t mtime_ns);
int fs_set_mtime_at(int dirfd, const char *name, int64_t mtime_ns);
/* Sets the permission bits, 0777, of the same; EOPNOTSUPP for a symlink. The file need be neither readable nor
 * writable. A folder keeps its setgid and sticky bits, which are its owner's policy; a file loses them. */
int fs_set_mode_at(int dirfd, const char *name, mode_t mode);
int fs_set_mode_fd(int fd, mode_t mode);

/* mkdir -p beneath dirfd; what it creates gets mode, less the umask. ENOTDIR or ELOOP when something else is there. */
int fs_mkdirs(int dirfd, const char *path, mode_t mode);
/* Removes a file or a whole folder beneath dirfd, following nothing, however deep it goes. Absent is success. */
int fs_remove_tree(int dirfd, const char *path);

/* Calls fn for each name in a folder that ends in suffix. A folder that cannot be read has none. */
void fs_each_name(int dirfd, const char *suffix, void (*fn)(void *arg, const char *name), void *arg);

/* Small files of our own (keys, tokens, config). Reads the whole content, NUL-terminated, at most max bytes
 * (EFBIG); the caller frees it. */
char *fs_read_file(int dirfd, const char *path, size_t max, size_t *len);
/* Writes a new file of the given mode beside the old one, fsyncs it, renames it over, fsyncs the folder. */
int fs_write_file(int dirfd, const char *path, const void *p, size_t n, mode_t mode);

#endif
