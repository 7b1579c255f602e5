/* Loaded into lanyardd with LD_PRELOAD: counts the calls that change (or, when asked, read) files below given folders, and at
 * call number N kills the process on the spot, lets the call fail, or puts something else in the place of what the call is
 * about to touch (swap.h). The driver says what through a shared page (struct control, the file FAULT_CONTROL); the
 * folders are in FAULT_ROOTS, separated by colons. Nothing in the agent knows of it.
 *
 * A write is two points for a kill: before it, and after the first half of its bytes.
 *
 * A failure may also be meant for a call site instead of a number: a site is the function called and the functions on the stack
 * that it was called from. Which ones a run comes by is noted in the page. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

#include "tests/fault/swap.h"

enum kind {
	CREATE,
	WRITE,
	RENAME,
	LINK,
	UNLINK,
	MKDIR,
	CHMOD,
	UTIME,
	TRUNCATE,
	SYNC,
	ALLOCATE,
	CLONE,
	/* From here on nothing is changed. */
	OPEN,
	READ,
	STAT,
	LIST,
	/* These are only made to fail. */
	MAP,
	LOCK,
	CLOSE,
	SEEK,
	WATCH,
	SOCKET, /* anywhere: it has no path */
};
static const char *const kind_names[] = { "create", "write", "rename",   "link",  "unlink", "mkdir", "chmod", "utime",
	                                  "trunc",  "sync",  "allocate", "clone", "open",   "read",  "stat",  "list",
	                                  "map",    "lock",  "close",    "seek",  "watch",  "socket" };

enum action { ACT_COUNT, ACT_KILL, ACT_FAIL, ACT_SWAP };

enum {
	SITES = 8192,
	OWN_FRAMES = 8, /* this many functions of the agent itself tell one site from another */
	MOST_FRAMES = 48,
	WHERE_ROOM = 18, /* of one frame in `where` */
};

struct site {
	uint64_t stack; /* 0: free */
	uint32_t kind;
	uint32_t calls;
};

/* tests/fault/stand.py has the same. */
struct control {
	uint32_t armed;  /* 0: nothing is counted */
	uint32_t action; /* enum action */
	uint32_t at;     /* the number of the call, from 1 */
	uint32_t count;  /* calls so far */
	uint32_t fired;  /* 1 when it was done */
	uint32_t error;  /* ACT_FAIL: errno; 0: half of the bytes only */
	uint32_t kinds;  /* a bit for each kind that is counted */
	uint32_t times;  /* ACT_FAIL: this many calls in a row */
	char what[480];  /* kind and path of call `at` */
	struct swap_order swap;
	uint64_t site;    /* ACT_FAIL: if not 0, only calls from this site are counted to `at` */
	uint32_t at_site; /* calls from it so far */
	uint32_t full;    /* 1: more sites than there is room for */
	char where[(OWN_FRAMES + 1) * WHERE_ROOM]; /* the addresses in the agent that call `at` came from */
	struct site sites[SITES];                  /* ACT_COUNT, ACT_FAIL: what was called from where */
};

/* libc's own parameter names are reserved ones. */
/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */

static struct control *control;
static char roots[PATH_MAX * 2];

/* The next definition of a function: POSIX promises that the object pointer means the function. */
#define REAL(ret, name, ...)                                       \
	static ret (*real)(__VA_ARGS__);                           \
	do {                                                       \
		if (real == NULL)                                  \
			*(void **)&real = dlsym(RTLD_NEXT, #name); \
	} while (0)

__attribute__((constructor)) static void start(void)
{
	const char *path = getenv("FAULT_CONTROL"), *list = getenv("FAULT_ROOTS");
	int fd;

	void *frame[1];

	swap_start();
	/* The first time it loads a library. */
	(void)backtrace(frame, 1);
	if (path == NULL || list == NULL || strlen(list) >= sizeof(roots))
		return;
	(void)snprintf(roots, sizeof(roots), "%s", list);
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
	if (fd < 0)
		abort();
	control = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (control == MAP_FAILED)
		abort();
}

static ssize_t raw_readlink(const char *path, char *out, size_t n)
{
	REAL(ssize_t, readlinkat, int, const char *, char *, size_t);
	return real(AT_FDCWD, path, out, n);
}

/* Where a path relative to dirfd (NULL: dirfd itself) is, as far as one can tell without following anything. */
static void full_path(char out[PATH_MAX], int dirfd, const char *path)
{
	char link[64];
	ssize_t n;
	size_t room;

	out[0] = '\0';
	if (path != NULL && strncmp(path, "/proc/self/fd/", 14) == 0) {
		n = raw_readlink(path, out, PATH_MAX - 1);
		out[n > 0 ? n : 0] = '\0';
		return;
	}
	if (path != NULL && path[0] == '/') {
		(void)snprintf(out, PATH_MAX, "%s", path);
		return;
	}
	if (dirfd == AT_FDCWD)
		(void)snprintf(link, sizeof(link), "/proc/self/cwd");
	else
		(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", dirfd);
	n = raw_readlink(link, out, PATH_MAX - 1);
	if (n < 0)
		n = 0;
	out[n] = '\0';
	room = PATH_MAX - (size_t)n;
	if (path != NULL && path[0] != '\0' && room > 1)
		(void)snprintf(out + n, room, "/%s", path);
}

static bool below_roots(const char *path)
{
	for (const char *p = roots; *p != '\0';) {
		size_t n = strcspn(p, ":");

		if (n > 0 && strncmp(path, p, n) == 0 && (path[n] == '/' || path[n] == '\0'))
			return true;
		p += n + (p[n] == ':');
	}
	return false;
}

static void die(void)
{
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

enum verdict { GO_ON, HALF_THEN_DIE, FAIL, HALF };

struct stack {
	uint64_t hash;
	unsigned own;                /* the agent's own frames */
	uintptr_t frame[OWN_FRAMES]; /* addresses in its file */
};

static uint64_t mix(uint64_t hash, uint64_t value)
{
	return (hash ^ value) * 0x9e3779b97f4a7c15 ^ (hash >> 29);
}

/* From where this is called: all frames down to the OWN_FRAMES-th of the agent itself. A function that calls itself, as a walk
 * through folders does, counts once. */
static void look_back(struct stack *s)
{
	void *frames[MOST_FRAMES], *before = NULL;
	struct dl_find_object object;
	int n = backtrace(frames, MOST_FRAMES);

	*s = (struct stack){ .hash = 1 };
	for (int i = 0; i < n && s->own < OWN_FRAMES; i++) {
		uintptr_t at;

		if (frames[i] == before || _dl_find_object(frames[i], &object) != 0)
			continue;
		before = frames[i];
		at = (uintptr_t)frames[i] - (uintptr_t)object.dlfo_map_start;
		s->hash = mix(mix(s->hash, at), (uintptr_t)object.dlfo_map_end - (uintptr_t)object.dlfo_map_start);
		/* The program is the one without a name. */
		if (object.dlfo_link_map->l_name[0] == '\0')
			s->frame[s->own++] = (uintptr_t)frames[i] - object.dlfo_link_map->l_addr;
	}
	s->hash |= 1;
}

static void note_site(enum kind kind, uint64_t stack)
{
	for (size_t i = stack >> 20, tries = 0; tries < SITES; i++, tries++) {
		struct site *site = &control->sites[i % SITES];
		uint64_t was = 0;

		if (!__atomic_compare_exchange_n(&site->stack, &was, stack, false, __ATOMIC_SEQ_CST,
		                                 __ATOMIC_SEQ_CST) &&
		    was != stack)
			continue;
		site->kind = kind;
		__atomic_add_fetch(&site->calls, 1, __ATOMIC_SEQ_CST);
		return;
	}
	control->full = 1;
}

static void note(enum kind kind, const char *path)
{
	(void)snprintf(control->what, sizeof(control->what), "%s %s", kind_names[kind], path);
	__atomic_store_n(&control->fired, 1, __ATOMIC_SEQ_CST);
}

static void note_where(const struct stack *s)
{
	for (unsigned i = 0; i < s->own; i++)
		(void)snprintf(control->where + (size_t)i * WHERE_ROOM, WHERE_ROOM, "%-17lx",
		               (unsigned long)s->frame[i]);
}

/* A call that may have to fail. Its site is noted, and it is counted if it is one of those that are meant. */
static enum verdict judge_site(enum kind kind, const char *path)
{
	int saved_errno = errno;
	struct stack stack;
	uint32_t n, at = control->at;

	n = __atomic_add_fetch(&control->count, 1, __ATOMIC_SEQ_CST);
	look_back(&stack);
	note_site(kind, stack.hash);
	errno = saved_errno;
	if (control->site != 0 && stack.hash != control->site)
		return GO_ON;
	if (control->site != 0)
		n = __atomic_add_fetch(&control->at_site, 1, __ATOMIC_SEQ_CST);
	if (n < at || n >= at + (control->times > 0 ? control->times : 1))
		return GO_ON;
	note_where(&stack);
	note(kind, path);
	if (control->error == 0)
		return kind == WRITE || kind == READ ? HALF : GO_ON;
	errno = (int)control->error;
	return FAIL;
}

/* Counts one call, or two for a write that is to be torn. FAIL: errno is set. */
static enum verdict judge(enum kind kind, int dirfd, const char *path)
{
	char full[PATH_MAX];
	uint32_t n, at;
	int saved_errno = errno;

	if (control == NULL || __atomic_load_n(&control->armed, __ATOMIC_SEQ_CST) == 0 ||
	    (control->kinds >> kind & 1) == 0)
		return GO_ON;
	full[0] = '\0';
	if (kind != SOCKET)
		full_path(full, dirfd, path);
	errno = saved_errno;
	if (kind != SOCKET && !below_roots(full))
		return GO_ON;
	if (control->action == ACT_FAIL)
		return judge_site(kind, full);
	at = control->at;
	if (control->action == ACT_SWAP) {
		n = __atomic_add_fetch(&control->count, 1, __ATOMIC_SEQ_CST);
		if (swap_turn(&control->swap, n, at, full))
			note(kind, full);
		errno = saved_errno;
		return GO_ON;
	}
	if (control->action == ACT_KILL && kind == WRITE) {
		n = __atomic_add_fetch(&control->count, 2, __ATOMIC_SEQ_CST);
		if (n == at) {
			note(kind, full);
			return HALF_THEN_DIE;
		}
		n--;
	} else {
		n = __atomic_add_fetch(&control->count, 1, __ATOMIC_SEQ_CST);
	}
	if (control->action == ACT_COUNT || n != at)
		return GO_ON;
	note(kind, full);
	die();
	return GO_ON;
}

static size_t half(size_t n)
{
	return n > 1 ? n / 2 : n;
}

#define FAULT(kind, dirfd, path)                            \
	do {                                                \
		if (judge((kind), (dirfd), (path)) == FAIL) \
			return -1;                          \
	} while (0)

/* --- opening --- */

static enum kind open_kind(int flags)
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
	return real(dirfd, path, flags, mode);
}

int openat64(int dirfd, const char *path, int flags, ...)
{
	MODE(flags)
	REAL(int, openat64, int, const char *, int, ...);
	FAULT(open_kind(flags), dirfd, path);
	return real(dirfd, path, flags, mode);
}

/* openat2 has no wrapper. */
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
		/* A read outside is to leave its trace. */
		if (control != NULL && control->action == ACT_SWAP)
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
	switch (judge(WRITE, fd, NULL)) {
	case FAIL:
		return -1;
	case HALF:
		n = half(n);
		break;
	case HALF_THEN_DIE:
		(void)!real(fd, p, half(n));
		die();
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
		switch (judge(WRITE, fd, NULL)) {                    \
		case FAIL:                                           \
			return -1;                                   \
		case HALF:                                           \
			n = half(n);                                 \
			break;                                       \
		case HALF_THEN_DIE:                                  \
			(void)!real(fd, p, half(n), at);             \
			die();                                       \
			break;                                       \
		case GO_ON:                                          \
			break;                                       \
		}                                                    \
		return real(fd, p, n, at);                           \
	}
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define PREAD(name, off)                                         \
	ssize_t name(int fd, void *p, size_t n, off at)          \
	{                                                        \
		enum verdict v = judge(READ, fd, NULL);          \
		REAL(ssize_t, name, int, void *, size_t, off);   \
		if (v == FAIL)                                   \
			return -1;                               \
		return real(fd, p, v == HALF ? half(n) : n, at); \
	}
PREAD(pread, off_t)
PREAD(pread64, off64_t)

ssize_t read(int fd, void *p, size_t n)
{
	enum verdict v = judge(READ, fd, NULL);
	REAL(ssize_t, read, int, void *, size_t);

	if (v == FAIL)
		return -1;
	return real(fd, p, v == HALF ? half(n) : n);
}

/* --- names --- */

/* A call on a path relative to a folder; PARAMS and ARGS are what follows. */
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

/* A descriptor is closed also when this fails. */
int close(int fd)
{
	enum verdict v = judge(CLOSE, fd, NULL);
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
		if (fd >= 0 && judge(MAP, fd, NULL) == FAIL)                        \
			return MAP_FAILED;                                          \
		return real(at, n, protection, flags, fd, from);                    \
	}
MMAP(mmap, off_t)
MMAP(mmap64, off64_t)

/* Taking a lock can fail; giving back a whole one cannot. */
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
