/* Puts something that leads out of the share in the place of a path, and puts the path back: see swap.h. Uses plain
 * system calls only, since the C library's functions are those that the agent's calls go through. */
#include "tests/fault/swap.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The swap that is in force. */
static struct {
	bool in;
	uint32_t how;
	uint32_t until; /* the call at which the path is put back; 0: the driver says when */
	bool planted;   /* there was nothing at the path */
	uint64_t ino;   /* of what was put in its place */
	char path[SWAP_PATH_MAX];
	char aside[SWAP_PATH_MAX];
} now;
static int busy;     /* a thread is swapping */
static int watching; /* the thread that puts back runs */
static long (*call)(long number, ...);

void swap_start(void)
{
	*(void **)&call = dlsym(RTLD_NEXT, "syscall");
}

static uint32_t next_random(struct swap_order *o)
{
	o->seed = o->seed * 1664525 + 1013904223;
	return o->seed >> 8;
}

/* The kind of the path: S_IFMT's bits; 0: nothing is there. */
static uint32_t look(const char *path, uint64_t *ino)
{
	struct stat st = { 0 };
	long rc = call(SYS_newfstatat, AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW);

	*ino = st.st_ino;
	return rc == 0 ? st.st_mode & S_IFMT : 0;
}

/* One of the paths in the list. */
static bool choose_one(struct swap_order *o)
{
	const char *p = o->path;
	uint32_t n = 1, which;

	for (const char *c = p; *c != '\0'; c++)
		n += *c == ':';
	for (which = next_random(o) % n; which > 0; which--)
		p = strchr(p, ':') + 1;
	n = (uint32_t)strcspn(p, ":");
	memcpy(now.path, p, n);
	now.path[n] = '\0';
	return n > 0;
}

static bool choose(struct swap_order *o, const char *full)
{
	char *slash;
	size_t n = strlen(o->below);

	if (o->what == SWAP_PATH)
		return choose_one(o);
	if (strlen(full) >= sizeof(now.path) || strncmp(full, o->below, n) != 0 || full[n] != '/')
		return false;
	(void)snprintf(now.path, sizeof(now.path), "%s", full);
	slash = strrchr(now.path, '/');
	if (o->what == SWAP_PARENT && slash != NULL)
		*slash = '\0';
	return strlen(now.path) > n;
}

/* A symlink that leads out by "..", relative to where it is put: at a member that gets it from us it leads nowhere,
 * or the test itself would walk through it. */
static bool make_link(const char *target)
{
	const char *slash = strrchr(target, '/');
	char path[2 * SWAP_PATH_MAX];
	size_t top = slash != NULL ? (size_t)(slash - target) : 0, n = 0;

	for (const char *p = now.path + top + 1; *p != '\0' && n + 4 < SWAP_PATH_MAX; p++)
		if (*p == '/')
			n += (size_t)snprintf(path + n, sizeof(path) - n, "../");
	(void)snprintf(path + n, sizeof(path) - n, "%s", target + top + 1);
	return call(SYS_symlinkat, path, AT_FDCWD, now.aside) == 0;
}

/* Makes the thing that takes the path's place. */
static bool make(const struct swap_order *o, bool folder)
{
	int fd;

	if (o->how == SWAP_LINK)
		return make_link(folder ? o->folder : o->file);
	if (folder)
		return call(SYS_mkdirat, AT_FDCWD, now.aside, 0755) == 0;
	fd = (int)call(SYS_openat, AT_FDCWD, now.aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd >= 0)
		(void)call(SYS_close, fd);
	return fd >= 0;
}

static bool swap_in(struct swap_order *o, const char *full)
{
	uint32_t kind;
	bool folder;

	if (!choose(o, full))
		return false;
	kind = look(now.path, &now.ino);
	now.how = o->how;
	if (o->how == SWAP_MOUNT)
		return (kind == S_IFDIR || kind == S_IFREG) &&
		       mount(kind == S_IFDIR ? o->folder : o->file, now.path, NULL, MS_BIND, NULL) == 0;
	(void)snprintf(now.aside, sizeof(now.aside), "%.480s/%u", o->aside, o->tries);
	now.planted = kind == 0;
	folder = now.planted ? o->tries % 2 != 0 : kind == S_IFDIR;
	if (!make(o, folder))
		return false;
	(void)look(now.aside, &now.ino);
	if (call(SYS_renameat2, AT_FDCWD, now.aside, AT_FDCWD, now.path,
	         now.planted ? RENAME_NOREPLACE : RENAME_EXCHANGE) == 0)
		return true;
	(void)call(SYS_unlinkat, AT_FDCWD, now.aside, folder && o->how == SWAP_OTHER ? AT_REMOVEDIR : 0);
	return false;
}

static void put_back(struct swap_order *o)
{
	uint32_t kind;
	uint64_t ino;

	now.in = false;
	o->again++;
	if (now.how == SWAP_MOUNT) {
		(void)umount2(now.path, MNT_DETACH);
		return;
	}
	kind = look(now.path, &ino);
	if (now.planted && ino == now.ino)
		(void)call(SYS_renameat2, AT_FDCWD, now.path, AT_FDCWD, now.aside, RENAME_NOREPLACE);
	else if (!now.planted && kind == 0)
		(void)call(SYS_renameat2, AT_FDCWD, now.aside, AT_FDCWD, now.path, RENAME_NOREPLACE);
	else if (!now.planted)
		(void)call(SYS_renameat2, AT_FDCWD, now.aside, AT_FDCWD, now.path, RENAME_EXCHANGE);
	if (look(now.aside, &ino) == S_IFLNK)
		(void)call(SYS_unlinkat, AT_FDCWD, now.aside, 0);
}

static bool begin(struct swap_order *o, uint32_t n, const char *full)
{
	if (!swap_in(o, full))
		return false;
	now.in = true;
	now.until = o->back == 0 ? 0 : n + o->back;
	o->tries++;
	return true;
}

/* The thread that puts back when the driver says so, since no call comes for that; in a race it also swaps, as fast
 * as it can. */
static void *watch(void *arg)
{
	struct swap_order *o = arg;

	for (;;) {
		if (o->race == 0)
			(void)usleep(1000);
		if (__atomic_exchange_n(&busy, 1, __ATOMIC_SEQ_CST) != 0)
			continue;
		if (now.in && (o->undo != 0 || o->race != 0))
			put_back(o);
		else if (!now.in && o->undo == 0 && o->race != 0)
			(void)begin(o, 0, "");
		o->in = now.in;
		__atomic_store_n(&busy, 0, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

static void start_watch(struct swap_order *o)
{
	pthread_t thread;

	if (__atomic_exchange_n(&watching, 1, __ATOMIC_SEQ_CST) == 0 && pthread_create(&thread, NULL, watch, o) == 0)
		(void)pthread_detach(thread);
}

/* Whether call n is one to swap at. */
static bool is_due(struct swap_order *o, uint32_t n, uint32_t at)
{
	return o->chance != 0 ? next_random(o) % o->chance == 0 : n == at;
}

bool swap_turn(struct swap_order *o, uint32_t n, uint32_t at, const char *full)
{
	bool done = false;

	start_watch(o);
	/* Another thread is swapping: its call serves as well. */
	if (o->race != 0 || __atomic_exchange_n(&busy, 1, __ATOMIC_SEQ_CST) != 0)
		return false;
	if (now.in && now.until != 0 && n >= now.until)
		put_back(o);
	else if (!now.in && o->undo == 0 && is_due(o, n, at))
		done = begin(o, n, full);
	o->in = now.in;
	__atomic_store_n(&busy, 0, __ATOMIC_SEQ_CST);
	return done;
}
