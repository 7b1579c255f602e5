/* Counts the points and decides what happens at each: see point.h. The folders whose calls count are in
 * FAULT_ROOTS, separated by colons; the page is the file FAULT_CONTROL.
 *
 * A failure may be meant for a call site in place of a number. A site is the function called and the functions on
 * the stack that it was called from; the page has a list of those that the run came by. */
#include "tests/fault/point.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/fault/swap.h"

static const char *const kind_names[] = { "create", "write", "rename",   "link",  "unlink", "mkdir", "chmod", "utime",
	                                  "trunc",  "sync",  "allocate", "clone", "open",   "read",  "stat",  "list",
	                                  "map",    "lock",  "close",    "seek",  "watch",  "socket" };

enum action { ACT_COUNT, ACT_KILL, ACT_FAIL, ACT_SWAP };

enum {
	SITES = 8192,
	OWN_FRAMES = 8, /* this many of the agent's own functions tell one site from another */
	MOST_FRAMES = 48,
	WHERE_ROOM = 18, /* bytes of one frame in `where` */
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
	uint32_t fired;  /* 1: it was done */
	uint32_t error;  /* ACT_FAIL: errno; 0: does half of the bytes */
	uint32_t kinds;  /* one bit per kind that is counted */
	uint32_t times;  /* ACT_FAIL: this many calls in a row */
	char what[480];  /* kind and path of call `at` */
	struct swap_order swap;
	uint64_t site;    /* ACT_FAIL: if not 0, only calls from this site are counted to `at` */
	uint32_t at_site; /* calls from that site so far */
	uint32_t full;    /* 1: there were more sites than fit */
	char where[(OWN_FRAMES + 1) * WHERE_ROOM]; /* addresses in the agent: where call `at` came from */
	struct site sites[SITES];                  /* ACT_COUNT, ACT_FAIL: the sites that were passed */
};

static struct control *control;
static char roots[PATH_MAX * 2];

__attribute__((constructor)) static void start(void)
{
	const char *path = getenv("FAULT_CONTROL"), *list = getenv("FAULT_ROOTS");
	int fd;

	void *frame[1];

	swap_start();
	/* The first call loads a library. */
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

/* The absolute path of a path relative to dirfd (NULL: dirfd itself), as far as one can tell without following
 * links. */
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

void point_die(void)
{
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

struct stack {
	uint64_t hash;
	unsigned own;                /* the agent's own frames */
	uintptr_t frame[OWN_FRAMES]; /* addresses in its file */
};

static uint64_t mix(uint64_t hash, uint64_t value)
{
	return (hash ^ value) * 0x9e3779b97f4a7c15 ^ (hash >> 29);
}

/* The call's site: all frames down to the OWN_FRAMES-th of the agent itself. A function that calls itself, such as
 * a walk through folders, counts once. */
static void read_stack(struct stack *s)
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
		/* The program is the object without a name. */
		if (object.dlfo_link_map->l_name[0] == '\0')
			s->frame[s->own++] = (uintptr_t)frames[i] - object.dlfo_link_map->l_addr;
	}
	s->hash |= 1;
}

static void note_site(enum point_kind kind, uint64_t stack)
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

static void note(enum point_kind kind, const char *path)
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

/* A call that may have to fail. Its site is noted, and it is counted if the driver means calls from there. */
static enum point_verdict judge_site(enum point_kind kind, const char *path)
{
	int saved_errno = errno;
	struct stack stack;
	uint32_t n, at = control->at;

	n = __atomic_add_fetch(&control->count, 1, __ATOMIC_SEQ_CST);
	read_stack(&stack);
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

/* A kill counts a write twice, for its two points; every other action counts each call once. */
enum point_verdict point_judge(enum point_kind kind, int dirfd, const char *path)
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
	point_die();
	return GO_ON;
}

bool point_is_swapping(void)
{
	return control != NULL && control->action == ACT_SWAP;
}
