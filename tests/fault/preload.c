/* Loaded into lanyardd with LD_PRELOAD: stands in for the calls that change or read files, and at a point that the
 * driver chose kills the process, lets the call fail, or swaps a file under it (point.h, swap.h). Nothing in the
 * agent knows of it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/fault/point.h"

/* libc's own parameter names are reserved ones. */
/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */

static size_t half(size_t n)
{
	return n > 1 ? n / 2 : n;
}

#define FAULT(kind, dirfd, path)                                  \
	do {                                                      \
		if (point_judge((kind), (dirfd), (path)) == FAIL) \
			return -1;                                \
	} while (0)

/* --- opening --- */

static enum point_kind open_kind(int flags)
{
	return (flags & (O_CREAT | O_TRUNC)) != 0 ? CREATE : OPEN;
}

#define MODE(last)                                                        \
	mode_t mode = 0;                                                  \
	if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE) { \
		va_list ap;                                               \
		va_start(ap, last);                                       \
		mode = va_arg(ap, mode_t);                                \
		va_end(ap);                                               \
	}

int open(const char *path, int flags, ...)
{
	MODE(flags)
	REAL(int, open, const char *, int, ...);
	FAULT(open_kind(flags), AT_FDCWD, path);
	return real(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	MODE(flags)
	REAL(int, open64, const char *, int, ...);
	FAULT(open_kind(flags), AT_FDCWD, path);
	return real(path, flags, mode);
}

int openat(int dirfd, const char *path, int flags, ...)
{
	MODE(flags)
	REAL(int, openat, int, const char *, int, ...);
	FAULT(open_kind(flags), dirfd, path);
	/* A read outside of the share must leave its trace, the atime. */
	return real(dirfd, path, point_is_swapping() ? flags & ~O_NOATIME : flags, mode);
}

int openat64(int dirfd, const char *path, int flags, ...)
{
	MODE(flags)
	REAL(int, openat64, int, const char *, int, ...);
	FAULT(open_kind(flags), dirfd, path);
	return real(dirfd, path, flags, mode);
}

/* openat2 has no wrapper in libc. */
/* NOLINTBEGIN(performance-no-int-to-ptr): this is how the kernel takes its arguments */
long syscall(long number, ...)
{
	long a[6];
	va_list ap;
	REAL(long, syscall, long, ...);

	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (number == SYS_openat2) {
		struct open_how how = *(const struct open_how *)a[2];

		FAULT(open_kind((int)how.flags), (int)a[0], (const char *)a[1]);
		/* As in openat. */
		if (point_is_swapping())
			how.flags &= ~(uint64_t)O_NOATIME;
		return real(number, a[0], a[1], &how, a[3], a[4], a[5]);
	}
	if (number == SYS_copy_file_range)
		FAULT(CLONE, (int)a[2], NULL);
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
/* NOLINTEND(performance-no-int-to-ptr) */

/* --- bytes --- */

ssize_t write(int fd, const void *p, size_t n)
{
	REAL(ssize_t, write, int, const void *, size_t);
	switch (point_judge(WRITE, fd, NULL)) {
	case FAIL:
		return -1;
	case HALF:
		n = half(n);
		break;
	case HALF_THEN_DIE:
		(void)!real(fd, p, half(n));
		point_die();
		break;
	case GO_ON:
		break;
	}
	return real(fd, p, n);
}

#define PWRITE(name, off)                                            \
	ssize_t name(int fd, const void *p, size_t n, off at)        \
	{                                                            \
		REAL(ssize_t, name, int, const void *, size_t, off); \
		switch (point_judge(WRITE, fd, NULL)) {              \
		case FAIL:                                           \
			return -1;                                   \
		case HALF:                                           \
			n = half(n);                                 \
			break;                                       \
		case HALF_THEN_DIE:                                  \
			(void)!real(fd, p, half(n), at);             \
			point_die();                                 \
			break;                                       \
		case GO_ON:                                          \
			break;                                       \
		}                                                    \
		return real(fd, p, n, at);                           \
	}
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define PREAD(name, off)                                            \
	ssize_t name(int fd, void *p, size_t n, off at)             \
	{                                                           \
		enum point_verdict v = point_judge(READ, fd, NULL); \
		REAL(ssize_t, name, int, void *, size_t, off);      \
		if (v == FAIL)                                      \
			return -1;                                  \
		return real(fd, p, v == HALF ? half(n) : n, at);    \
	}
PREAD(pread, off_t)
PREAD(pread64, off64_t)

ssize_t read(int fd, void *p, size_t n)
{
	enum point_verdict v = point_judge(READ, fd, NULL);
	REAL(ssize_t, read, int, void *, size_t);

	if (v == FAIL)
		return -1;
	return real(fd, p, v == HALF ? half(n) : n);
}

/* --- names --- */

/* A call on a path relative to a folder. PARAMS: its parameters; the rest: its arguments. */
#define AT_CALL(ret, name, kind, dirfd, path, PARAMS, ...)         \
	ret name PARAMS                                            \
	{                                                          \
		static ret(*real) PARAMS;                          \
		if (real == NULL)                                  \
			*(void **)&real = dlsym(RTLD_NEXT, #name); \
		FAULT(kind, dirfd, path);                          \
		return real(__VA_ARGS__);                          \
	}

AT_CALL(int, rename, RENAME, AT_FDCWD, to, (const char *from, const char *to), from, to)
AT_CALL(int, renameat, RENAME, tofd, to, (int fromfd, const char *from, int tofd, const char *to), fromfd, from, tofd,
        to)
AT_CALL(int, renameat2, RENAME, tofd, to, (int fromfd, const char *from, int tofd, const char *to, unsigned flags),
        fromfd, from, tofd, to, flags)
AT_CALL(int, link, LINK, AT_FDCWD, to, (const char *from, const char *to), from, to)
AT_CALL(int, linkat, LINK, tofd, to, (int fromfd, const char *from, int tofd, const char *to, int flags), fromfd, from,
        tofd, to, flags)
AT_CALL(int, symlink, LINK, AT_FDCWD, to, (const char *from, const char *to), from, to)
AT_CALL(int, symlinkat, LINK, tofd, to, (const char *from, int tofd, const char *to), from, tofd, to)
AT_CALL(int, unlink, UNLINK, AT_FDCWD, path, (const char *path), path)
AT_CALL(int, unlinkat, UNLINK, dirfd, path, (int dirfd, const char *path, int flags), dirfd, path, flags)
AT_CALL(int, rmdir, UNLINK, AT_FDCWD, path, (const char *path), path)
AT_CALL(int, mkdir, MKDIR, AT_FDCWD, path, (const char *path, mode_t mode), path, mode)
AT_CALL(int, mkdirat, MKDIR, dirfd, path, (int dirfd, const char *path, mode_t mode), dirfd, path, mode)
AT_CALL(int, chmod, CHMOD, AT_FDCWD, path, (const char *path, mode_t mode), path, mode)
AT_CALL(int, fchmodat, CHMOD, dirfd, path, (int dirfd, const char *path, mode_t mode, int flags), dirfd, path, mode,
        flags)
AT_CALL(int, utimensat, UTIME, dirfd, path, (int dirfd, const char *path, const struct timespec t[2], int flags), dirfd,
        path, t, flags)
AT_CALL(int, fstatat, STAT, dirfd, path, (int dirfd, const char *path, struct stat *st, int flags), dirfd, path, st,
        flags)
AT_CALL(int, statx, STAT, dirfd, path,
        (int dirfd, const char *restrict path, int flags, unsigned mask, struct statx *restrict x), dirfd, path, flags,
        mask, x)
AT_CALL(int, stat, STAT, AT_FDCWD, path, (const char *restrict path, struct stat *restrict st), path, st)
AT_CALL(int, stat64, STAT, AT_FDCWD, path, (const char *restrict path, struct stat64 *restrict st), path, st)
AT_CALL(int, lstat64, STAT, AT_FDCWD, path, (const char *restrict path, struct stat64 *restrict st), path, st)
AT_CALL(int, fstat64, STAT, fd, NULL, (int fd, struct stat64 *st), fd, st)
AT_CALL(int, access, STAT, AT_FDCWD, path, (const char *path, int mode), path, mode)
AT_CALL(int, faccessat, STAT, dirfd, path, (int dirfd, const char *path, int mode, int flags), dirfd, path, mode, flags)
AT_CALL(ssize_t, readlink, STAT, AT_FDCWD, path, (const char *restrict path, char *restrict out, size_t n), path, out,
        n)
AT_CALL(ssize_t, readlinkat, STAT, dirfd, path, (int dirfd, const char *path, char *out, size_t n), dirfd, path, out, n)

/* --- descriptors --- */

AT_CALL(int, fchmod, CHMOD, fd, NULL, (int fd, mode_t mode), fd, mode)
AT_CALL(int, futimens, UTIME, fd, NULL, (int fd, const struct timespec t[2]), fd, t)
AT_CALL(int, ftruncate, TRUNCATE, fd, NULL, (int fd, off_t size), fd, size)
AT_CALL(int, ftruncate64, TRUNCATE, fd, NULL, (int fd, off64_t size), fd, size)
AT_CALL(int, fsync, SYNC, fd, NULL, (int fd), fd)
AT_CALL(int, fdatasync, SYNC, fd, NULL, (int fd), fd)
AT_CALL(int, syncfs, SYNC, fd, NULL, (int fd), fd)
AT_CALL(int, fallocate, ALLOCATE, fd, NULL, (int fd, int mode, off_t at, off_t n), fd, mode, at, n)
AT_CALL(int, fallocate64, ALLOCATE, fd, NULL, (int fd, int mode, off64_t at, off64_t n), fd, mode, at, n)
AT_CALL(ssize_t, copy_file_range, CLONE, out, NULL,
        (int in, off64_t *in_at, int out, off64_t *out_at, size_t n, unsigned flags), in, in_at, out, out_at, n, flags)
AT_CALL(int, fstat, STAT, fd, NULL, (int fd, struct stat *st), fd, st)
AT_CALL(ssize_t, getdents64, LIST, fd, NULL, (int fd, void *p, size_t n), fd, p, n)
AT_CALL(int, sync_file_range, SYNC, fd, NULL, (int fd, off64_t at, off64_t n, unsigned flags), fd, at, n, flags)
AT_CALL(int, fstatvfs, STAT, fd, NULL, (int fd, struct statvfs *st), fd, st)
AT_CALL(int, flock, LOCK, fd, NULL, (int fd, int how), fd, how)
AT_CALL(off_t, lseek, SEEK, fd, NULL, (int fd, off_t at, int whence), fd, at, whence)

/* The descriptor is closed even if the call fails. */
int close(int fd)
{
	enum point_verdict v = point_judge(CLOSE, fd, NULL);
	int saved_errno = errno, rc;
	REAL(int, close, int);

	rc = real(fd);
	if (v != FAIL)
		return rc;
	errno = saved_errno;
	return -1;
}

#define MMAP(name, off)                                                             \
	void *name(void *at, size_t n, int protection, int flags, int fd, off from) \
	{                                                                           \
		REAL(void *, name, void *, size_t, int, int, int, off);             \
		if (fd >= 0 && point_judge(MAP, fd, NULL) == FAIL)                  \
			return MAP_FAILED;                                          \
		return real(at, n, protection, flags, fd, from);                    \
	}
MMAP(mmap, off_t)
MMAP(mmap64, off64_t)

/* Taking a lock can fail; releasing one cannot. */
#define FCNTL(name)                                                                          \
	int name(int fd, int command, ...)                                                   \
	{                                                                                    \
		va_list ap;                                                                  \
		void *arg;                                                                   \
		REAL(int, name, int, int, ...);                                              \
		va_start(ap, command);                                                       \
		arg = va_arg(ap, void *);                                                    \
		va_end(ap);                                                                  \
		if ((command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK) && \
		    ((const struct flock *)arg)->l_type != F_UNLCK)                          \
			FAULT(LOCK, fd, NULL);                                               \
		return real(fd, command, arg);                                               \
	}
FCNTL(fcntl)
FCNTL(fcntl64)

/* --- sockets and other descriptors that are not files --- */

AT_CALL(int, inotify_add_watch, WATCH, AT_FDCWD, path, (int fd, const char *path, uint32_t mask), fd, path, mask)
AT_CALL(int, accept4, SOCKET, -1, NULL, (int fd, struct sockaddr *a, socklen_t *n, int flags), fd, a, n, flags)
AT_CALL(int, socket, SOCKET, -1, NULL, (int family, int type, int protocol), family, type, protocol)

int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;
	REAL(int, ioctl, int, unsigned long, ...);

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (request == FICLONE)
		FAULT(CLONE, fd, NULL);
	return real(fd, request, arg);
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
