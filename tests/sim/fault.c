/* Stands in for libc's calls and lets them fail: see fault.h. The program's own definitions come before libc's, for
 * the shared libraries as well. SQLite calls the functions with 64 in their names and the product the others, which
 * tells whose call it is. */
#undef _FORTIFY_SOURCE
#include "tests/sim/fault.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "tests/sim/sim.h"
#include "tests/sim/tally.h"
#include "tests/sim/touch.h"
#include "tests/sim/vaults.h"

enum class { OPEN, CREATE, READ, WRITE, SYNC, NAME, UNLINK, META, LOOK, CLASSES };

enum { ALL = (1 << CLASSES) - 1, HALF = -1 };

static struct fault {
	unsigned once; /* the classes of calls that the fault may hit; 0: none is armed */
	int after;     /* calls of these classes until it hits */
	int error;     /* HALF: the call does half of its work; else an errno */
	int64_t until; /* a lasting fault's end, virtual */
	unsigned lasting;
	int lasting_error;
	unsigned percent;
	uint64_t luck;
} faults[SIM_HOSTS];

static unsigned lacks[SIM_HOSTS]; /* enum fault_lack */
static int shield;

void fault_lacks(int host, unsigned what)
{
	lacks[host] = what;
}

void fault_shield(int by)
{
	shield += by;
}

bool fault_shielded(void)
{
	return shield > 0;
}

/* The faults that hit one call. */
static const struct {
	unsigned classes;
	int error;
} kinds[] = {
	{ 1 << CREATE | 1 << WRITE | 1 << NAME, ENOSPC },
	{ 1 << SYNC, ENOSPC },
	{ 1 << CREATE | 1 << WRITE | 1 << NAME | 1 << SYNC, EDQUOT },
	{ ALL, EIO },
	{ 1 << READ, EIO },
	{ 1 << SYNC, EIO },
	{ 1 << NAME | 1 << UNLINK, EIO },
	{ 1 << META, EIO },
	{ 1 << OPEN | 1 << CREATE, EMFILE },
	{ 1 << OPEN | 1 << CREATE | 1 << LOOK | 1 << NAME, ENOMEM },
	{ 1 << OPEN | 1 << CREATE | 1 << NAME | 1 << UNLINK, EACCES },
	{ 1 << READ | 1 << WRITE, EINTR },
	{ 1 << WRITE, HALF },
	{ 1 << READ, HALF },
};

void fault_once(int host, uint64_t luck)
{
	struct fault *f = &faults[host];
	size_t kind = sim_below(&luck, sizeof(kinds) / sizeof(kinds[0]));

	f->once = kinds[kind].classes;
	f->error = kinds[kind].error;
	f->after = 1 + (int)sim_below(&luck, sim_chance(&luck, 50) ? 10 : 80);
}

void fault_for(int host, enum fault_lasting what, int64_t ns, uint64_t luck)
{
	static const struct {
		unsigned classes;
		int error;
		unsigned percent;
	} lasting[FAULT_LASTING_KINDS] = {
		[FAULT_FULL] = { 1 << CREATE | 1 << WRITE | 1 << NAME, ENOSPC, 100 },
		[FAULT_QUOTA] = { 1 << CREATE | 1 << WRITE | 1 << NAME, EDQUOT, 100 },
		[FAULT_SICK] = { ALL, EIO, 15 },
		[FAULT_DESCRIPTORS] = { 1 << OPEN | 1 << CREATE, EMFILE, 100 },
	};
	struct fault *f = &faults[host];

	f->until = sim_now() + ns;
	f->lasting = lasting[what].classes;
	f->lasting_error = lasting[what].error;
	f->percent = lasting[what].percent;
	f->luck = luck;
}

void fault_end(int host)
{
	faults[host] = (struct fault){ 0 };
}

static void count(enum class class, int error, bool sqlite)
{
	static const enum tally of_class[CLASSES] = {
		[OPEN] = TALLY_FAULT_OPEN,   [CREATE] = TALLY_FAULT_OPEN, [READ] = TALLY_FAULT_READ,
		[WRITE] = TALLY_FAULT_WRITE, [SYNC] = TALLY_FAULT_SYNC,   [NAME] = TALLY_FAULT_NAME,
		[UNLINK] = TALLY_FAULT_NAME, [META] = TALLY_FAULT_META,   [LOOK] = TALLY_FAULT_LOOK,
	};
	static const struct {
		int error;
		enum tally tally;
	} of_error[] = {
		{ ENOSPC, TALLY_ENOSPC }, { EDQUOT, TALLY_EDQUOT }, { EIO, TALLY_EIO },     { EMFILE, TALLY_EMFILE },
		{ ENOMEM, TALLY_ENOMEM }, { EACCES, TALLY_EACCES }, { EINTR, TALLY_EINTR },
	};

	for (size_t i = 0; i < sizeof(of_error) / sizeof(of_error[0]); i++)
		if (of_error[i].error == error)
			tally_add(of_error[i].tally);
	if (error == HALF)
		tally_add(class == WRITE ? TALLY_SHORT_WRITE : TALLY_SHORT_READ);
	else
		tally_add(of_class[class]);
	if (sqlite)
		tally_add(TALLY_FAULT_SQLITE);
}

/* The host whose code runs; NULL: none, or nothing may fail. */
static struct fault *armed(void)
{
	int host = sim_running_host();

	return host < 0 || shield > 0 ? NULL : &faults[host];
}

/* How this call ends: 0: well; HALF; or an errno. may_be_half: the call can do half of what it was asked. */
static int judge(enum class class, bool sqlite, bool may_be_half)
{
	struct fault *f = armed();
	int error = 0;

	if (f == NULL)
		return 0;
	if (f->until > sim_now() && (f->lasting & 1U << class) != 0 && sim_chance(&f->luck, f->percent))
		error = f->lasting_error;
	if ((f->once & 1U << class) != 0 && (f->error != HALF || may_be_half) && --f->after <= 0) {
		error = f->error;
		f->once = 0;
	}
	if (error == 0)
		return 0;
	count(class, error, sqlite);
	sim_trace("host %d: call of class %d fails: %s", sim_running_host(), (int)class,
	          error == HALF ? "half is done" : strerror(error));
	return error;
}

/* True, with errno: the call is not made. */
static bool refuses(enum class class, bool sqlite)
{
	int error = judge(class, sqlite, false);

	if (error > 0)
		errno = error;
	return error > 0;
}

/* How many of n bytes are to be done; -1, with errno: none. */
static ssize_t part_of(enum class class, bool sqlite, size_t n)
{
	int error = judge(class, sqlite, n > 1 && !(sqlite && class == READ));

	if (error > 0) {
		errno = error;
		return -1;
	}
	return (ssize_t)(error == HALF ? n / 2 : n);
}

/* --- disks that lack something --- */

static unsigned lacking(void)
{
	int host = sim_running_host();

	return host < 0 || shield > 0 ? 0 : lacks[host];
}

static bool lacks_it(unsigned what, int error)
{
	if ((lacking() & what) == 0)
		return false;
	tally_add(TALLY_LACKED);
	errno = error;
	return true;
}

static mode_t kept_mode(mode_t mode)
{
	if ((lacking() & FAULT_NO_MODES) == 0)
		return mode;
	tally_add(TALLY_MODE_LOST);
	return FAULT_MARK_MODE;
}

/* Only the mtime is ever set. */
static void keep_times(struct timespec kept[2], const struct timespec times[2])
{
	kept[0] = times[0];
	kept[1] = times[1];
	if ((lacking() & (FAULT_NO_TIMES | FAULT_SECONDS)) == 0)
		return;
	tally_add(TALLY_TIME_LOST);
	kept[1].tv_sec -= times[1].tv_sec & 1;
	kept[1].tv_nsec = (lacking() & FAULT_NO_TIMES) != 0 ? FAULT_MARK_NS : 0;
}

static bool too_long(const char *path)
{
	const char *slash = strrchr(path, '/');

	return strlen(slash != NULL ? slash + 1 : path) > 143 && lacks_it(FAULT_SHORT_NAMES, ENAMETOOLONG);
}

/* --- in the place of libc's --- */

/* The next definition of a function: POSIX promises that the object pointer means the function. */
#define REAL(ret, name, ...)                                       \
	static ret (*real)(__VA_ARGS__);                           \
	do {                                                       \
		if (real == NULL)                                  \
			*(void **)&real = dlsym(RTLD_NEXT, #name); \
	} while (0)

/* libc's own parameter names are reserved ones. */
/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */

/* The mode that comes after these flags; 0: none does. A macro: the analyzer does not see that a caller began ap. */
#define MODE_OF(flags, ap) (((flags) & (O_CREAT | O_TMPFILE)) != 0 ? (mode_t)va_arg(ap, unsigned) : 0)

int open(const char *path, int flags, ...)
{
	REAL(int, open, const char *, int, ...);
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = MODE_OF(flags, ap);
	va_end(ap);
	touch_path("open", AT_FDCWD, path);
	return refuses((flags & O_CREAT) != 0 ? CREATE : OPEN, false) ? -1 : real(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	REAL(int, open64, const char *, int, ...);
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = MODE_OF(flags, ap);
	va_end(ap);
	return refuses((flags & O_CREAT) != 0 ? CREATE : OPEN, true) ? -1 : real(path, flags, mode);
}

int openat(int dirfd, const char *path, int flags, ...)
{
	REAL(int, openat, int, const char *, int, ...);
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = MODE_OF(flags, ap);
	va_end(ap);
	touch_path("openat", dirfd, path);
	return refuses((flags & O_CREAT) != 0 ? CREATE : OPEN, false) ? -1 : real(dirfd, path, flags, mode);
}

/* openat2 has no wrapper in libc. */
__attribute__((no_sanitize("address"))) long syscall(long number, ...)
{
	REAL(long, syscall, long, ...);
	long a[6];
	va_list ap;

	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (number == SYS_openat2) {
		const struct open_how *how;

		touch_fd("openat2", (int)a[0]);
		memcpy(&how, &a[2], sizeof(how));
		if (refuses((how->flags & O_CREAT) != 0 ? CREATE : OPEN, false))
			return -1;
	}
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

#define SIZED(name, class, sqlite, buf)                                                      \
	ssize_t name(int fd, buf p, size_t n)                                                \
	{                                                                                    \
		REAL(ssize_t, name, int, buf, size_t);                                       \
		ssize_t most = fd == STDERR_FILENO ? (ssize_t)n : part_of(class, sqlite, n); \
                                                                                             \
		touch_fd(#name, fd);                                                         \
		return most < 0 ? -1 : real(fd, p, (size_t)most);                            \
	}
#define SIZED_AT(name, class, sqlite, buf)                            \
	ssize_t name(int fd, buf p, size_t n, off_t at)               \
	{                                                             \
		REAL(ssize_t, name, int, buf, size_t, off_t);         \
		ssize_t most = part_of(class, sqlite, n);             \
                                                                      \
		touch_fd(#name, fd);                                  \
		return most < 0 ? -1 : real(fd, p, (size_t)most, at); \
	}

SIZED(read, READ, false, void *)
SIZED(write, WRITE, false, const void *)
SIZED_AT(pread, READ, false, void *)
SIZED_AT(pwrite, WRITE, false, const void *)
SIZED_AT(pread64, READ, true, void *)
SIZED_AT(pwrite64, WRITE, true, const void *)

ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t n, unsigned flags)
{
	REAL(ssize_t, copy_file_range, int, off64_t *, int, off64_t *, size_t, unsigned);
	ssize_t most = part_of(WRITE, false, n);

	touch_fd("copy_file_range", out);
	return most < 0 ? -1 : real(in, in_at, out, out_at, (size_t)most, flags);
}

/* `first`: the descriptor that the call is about, or that its path is relative to. */
#define PLAIN(name, class, sqlite, first, params, args)         \
	int name params                                         \
	{                                                       \
		REAL(int, name, TYPES params);                  \
		touch_fd(#name, first);                         \
		return refuses(class, sqlite) ? -1 : real args; \
	}
#define TYPES(...) __VA_ARGS__

#define GUARDED(name, class, fd, lack, params, args)                     \
	int name params                                                  \
	{                                                                \
		REAL(int, name, TYPES params);                           \
		touch_fd(#name, fd);                                     \
		return (lack) || refuses(class, false) ? -1 : real args; \
	}

PLAIN(fallocate, WRITE, false, fd, (int fd, int mode, off_t at, off_t n), (fd, mode, at, n))
PLAIN(ftruncate, WRITE, false, fd, (int fd, off_t n), (fd, n))
PLAIN(ftruncate64, WRITE, true, fd, (int fd, off64_t n), (fd, n))
PLAIN(fsync, SYNC, false, fd, (int fd), (fd))
PLAIN(fdatasync, SYNC, true, fd, (int fd), (fd))

int syncfs(int fd)
{
	REAL(int, syncfs, int);
	touch_fd("syncfs", fd);
	return refuses(SYNC, false) ? -1 : vault_synced(real(fd));
}

PLAIN(mkdirat, NAME, false, fd, (int fd, const char *path, mode_t mode), (fd, path, mode))
PLAIN(symlinkat, NAME, false, fd, (const char *to, int fd, const char *path), (to, fd, path))
GUARDED(linkat, NAME, a, lacks_it(FAULT_NO_LINKS, EPERM) || too_long(to),
        (int a, const char *from, int b, const char *to, int flags), (a, from, b, to, flags))

int renameat(int a, const char *from, int b, const char *to)
{
	REAL(int, renameat, int, const char *, int, const char *);
	touch_fd("renameat", a);
	return too_long(to) || refuses(NAME, false) ? -1 : vault_named(b, to, real(a, from, b, to));
}

GUARDED(renameat2, NAME, a, (flags != 0 && lacks_it(FAULT_NO_FLAGS, EINVAL)) || too_long(to),
        (int a, const char *from, int b, const char *to, unsigned flags), (a, from, b, to, flags))
PLAIN(unlinkat, UNLINK, false, fd, (int fd, const char *path, int flags), (fd, path, flags))
PLAIN(unlink, UNLINK, false, AT_FDCWD, (const char *path), (path))
GUARDED(chmod, META, AT_FDCWD, lacks_it(FAULT_MODES_REFUSED, EPERM), (const char *path, mode_t mode),
        (path, kept_mode(mode)))
GUARDED(fchmod, META, fd, lacks_it(FAULT_MODES_REFUSED, EPERM), (int fd, mode_t mode), (fd, kept_mode(mode)))

int futimens(int fd, const struct timespec times[2])
{
	REAL(int, futimens, int, const struct timespec[2]);
	struct timespec kept[2];

	touch_fd("futimens", fd);
	if (lacks_it(FAULT_TIMES_REFUSED, EOPNOTSUPP) || refuses(META, false))
		return -1;
	keep_times(kept, times);
	return real(fd, kept);
}

int utimensat(int fd, const char *path, const struct timespec times[2], int flags)
{
	REAL(int, utimensat, int, const char *, const struct timespec[2], int);
	struct timespec kept[2];

	touch_fd("utimensat", fd);
	if (lacks_it(FAULT_TIMES_REFUSED, EOPNOTSUPP) || refuses(META, false))
		return -1;
	keep_times(kept, times);
	return real(fd, path, kept, flags);
}

PLAIN(fstatat, LOOK, false, fd, (int fd, const char *path, struct stat *st, int flags), (fd, path, st, flags))
PLAIN(statx, LOOK, false, fd, (int fd, const char *path, int flags, unsigned mask, struct statx *st),
      (fd, path, flags, mask, st))

int stat(const char *path, struct stat *st)
{
	REAL(int, stat, const char *, struct stat *);
	touch_path("stat", AT_FDCWD, path);
	return real(path, st);
}

int fstat(int fd, struct stat *st)
{
	REAL(int, fstat, int, struct stat *);
	touch_fd("fstat", fd);
	return real(fd, st);
}

int statfs(const char *path, struct statfs *st)
{
	REAL(int, statfs, const char *, struct statfs *);
	touch_path("statfs", AT_FDCWD, path);
	return real(path, st);
}

int faccessat(int dirfd, const char *path, int mode, int flags)
{
	REAL(int, faccessat, int, const char *, int, int);
	touch_path("faccessat", dirfd, path);
	return real(dirfd, path, mode, flags);
}

int mkdir(const char *path, mode_t mode)
{
	REAL(int, mkdir, const char *, mode_t);
	touch_path("mkdir", AT_FDCWD, path);
	return real(path, mode);
}

ssize_t readlinkat(int fd, const char *path, char *buf, size_t n)
{
	REAL(ssize_t, readlinkat, int, const char *, char *, size_t);
	touch_fd("readlinkat", fd);
	return real(fd, path, buf, n);
}

ssize_t getdents64(int fd, void *buf, size_t n)
{
	REAL(ssize_t, getdents64, int, void *, size_t);
	touch_fd("getdents64", fd);
	return real(fd, buf, n);
}

/* Closing a file involves its disk, which may not answer; closing a folder does not. */
int close(int fd)
{
	REAL(int, close, int);
	touch_close(fd);
	return real(fd);
}

/* --- locks --- */

/* A crashed host's descriptors stay open in this process, and would hold the lock of its share when it starts again. */
int flock(int fd, int operation)
{
	(void)fd;
	(void)operation;
	return 0;
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
