/* Points: the calls at which preload.c may kill the process, let the call fail, or swap a file. Which of them, and what
 * happens there, the driver says through a page that it shares (struct control in point.c). Any thread. */
#ifndef LANYARD_TESTS_FAULT_POINT_H
#define LANYARD_TESTS_FAULT_POINT_H

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>

enum point_kind {
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
	/* These change nothing. */
	OPEN,
	READ,
	STAT,
	LIST,
	/* These are only ever made to fail. */
	MAP,
	LOCK,
	CLOSE,
	SEEK,
	WATCH,
	SOCKET, /* anywhere: it has no path */
};

enum point_verdict { GO_ON, HALF_THEN_DIE, FAIL, HALF };

/* The next definition of a function: POSIX promises that the object pointer means the function. */
#define REAL(ret, name, ...)                                       \
	static ret (*real)(__VA_ARGS__);                           \
	do {                                                       \
		if (real == NULL)                                  \
			*(void **)&real = dlsym(RTLD_NEXT, #name); \
	} while (0)

/* Counts the call, or both points of a write: before it, and after the first half of its bytes. dirfd and path: the
 * file that the call touches; path NULL: dirfd itself. FAIL: errno is set; else errno is as it was. */
enum point_verdict point_judge(enum point_kind kind, int dirfd, const char *path);
/* Kills the process on the spot. */
void point_die(void);
/* The driver has asked for swaps. */
bool point_is_swapping(void);

#endif
