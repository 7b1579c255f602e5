/* Reads the events of one inotify descriptor, turns watch numbers into paths (watch_map.c), and pairs the two
 * halves of a rename. See watch.h. */
#include "sync/local/watch.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <uthash.h>

#include "base/mem.h"
#include "sync/local/watch_map.h"

/* No IN_DONT_FOLLOW: the one symlink that is followed is /proc/self/fd/N, which leads to the folder that was opened. */
enum {
	MASK = IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ATTRIB | IN_MODIFY |
	       IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK,
	READ_SIZE = 64 << 10,
	READS_A_TURN = 16, /* so that a flood of events leaves time for the rest of the loop */
};

/* The first half of a rename. */
struct half {
	uint32_t cookie;
	bool is_dir;
	UT_hash_handle hh; /* in watch.halves, by cookie */
	char path[];
};

struct watch {
	struct loop *loop;
	int inotify; /* the caller's */
	struct loop_io *io;
	struct loop_timer *timer; /* runs while halves is not empty */
	struct watch_ops ops;
	void *arg;
	struct watch_map *map;
	struct half *halves; /* MOVED_FROM without a MOVED_TO yet */
};

int watch_open(void)
{
	return inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
}

int watch_add(int inotify, int dirfd)
{
	char path[40];
	int wd;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", dirfd);
	wd = inotify_add_watch(inotify, path, MASK);
	return wd >= 0 ? wd : -errno;
}

void watch_know(struct watch *w, const char *path, int wd)
{
	if (watch_map_put(w->map, path, wd))
		w->ops.folder(w->arg, path);
}

bool watch_knows(const struct watch *w, const char *path)
{
	return watch_map_has(w->map, path);
}

size_t watch_count(const struct watch *w)
{
	return watch_map_count(w->map);
}

bool watch_idle(const struct watch *w)
{
	int n = 0;

	return w->halves == NULL && (ioctl(w->inotify, FIONREAD, &n) < 0 || n == 0);
}

/* --- renames --- */

/* Nothing came back into the share: it is gone, and what happens to it elsewhere does not matter. */
static void half_expired(struct watch *w, struct half *h)
{
	HASH_DEL(w->halves, h);
	if (h->is_dir) {
		watch_map_drop(w->map, w->inotify, h->path);
		w->ops.left(w->arg, h->path);
	} else {
		w->ops.hint(w->arg, h->path, DEBOUNCE_NOW);
	}
	free(h);
}

static void pair_timeout(void *arg)
{
	struct watch *w = arg;

	while (w->halves != NULL)
		half_expired(w, w->halves);
}

static void moved_from(struct watch *w, const char *path, const struct inotify_event *e)
{
	size_t n = strlen(path);
	struct half *h = mem_calloc(1, sizeof(*h) + n + 1);

	h->cookie = e->cookie;
	h->is_dir = (e->mask & IN_ISDIR) != 0;
	memcpy(h->path, path, n);
	HASH_ADD_INT(w->halves, cookie, h);
	if (!loop_timer_running(w->timer))
		loop_timer_start(w->timer, WATCH_PAIR_MS, 0);
}

static void moved_to(struct watch *w, const char *path, const struct inotify_event *e)
{
	bool is_dir = (e->mask & IN_ISDIR) != 0;
	struct half *h;

	HASH_FIND_INT(w->halves, &e->cookie, h);
	if (h == NULL) {
		/* It came from outside of the share, or from a folder that is not watched. */
		if (is_dir)
			w->ops.tree(w->arg, path);
		else
			w->ops.hint(w->arg, path, DEBOUNCE_NOW);
		return;
	}
	HASH_DEL(w->halves, h);
	if (w->halves == NULL)
		loop_timer_stop(w->timer);
	if (is_dir)
		watch_map_move(w->map, w->inotify, h->path, path);
	w->ops.moved(w->arg, h->path, path, is_dir);
	free(h);
}

/* --- events --- */

static void entry_event(struct watch *w, const char *path, const struct inotify_event *e)
{
	if ((e->mask & IN_MOVED_FROM) != 0)
		moved_from(w, path, e);
	else if ((e->mask & IN_MOVED_TO) != 0)
		moved_to(w, path, e);
	else if ((e->mask & IN_DELETE) != 0)
		w->ops.hint(w->arg, path, DEBOUNCE_NOW);
	else if ((e->mask & IN_CREATE) != 0 && (e->mask & IN_ISDIR) != 0)
		w->ops.tree(w->arg, path);
	else if ((e->mask & IN_CREATE) != 0)
		w->ops.hint(w->arg, path, DEBOUNCE_FRESH);
	else if ((e->mask & IN_CLOSE_WRITE) != 0)
		w->ops.hint(w->arg, path, DEBOUNCE_CLOSED);
	else if ((e->mask & IN_MODIFY) != 0)
		w->ops.hint(w->arg, path, DEBOUNCE_MODIFIED);
	else if ((e->mask & IN_ATTRIB) != 0)
		w->ops.hint(w->arg, path, DEBOUNCE_ATTRIB);
}

/* An event without a name is of the watched folder itself. Only the root's matter: for other folders, the folder
 * above has told the same by name. */
static void watch_event(struct watch *w, const struct inotify_event *e)
{
	char path[PATH_MAX + NAME_MAX + 2];
	ssize_t n;

	if ((e->mask & IN_Q_OVERFLOW) != 0) {
		w->ops.lost(w->arg);
		return;
	}
	if ((e->mask & IN_IGNORED) != 0) {
		watch_map_forget(w->map, e->wd);
		return;
	}
	n = watch_map_path(w->map, e->wd, path, PATH_MAX);
	if (n == WATCH_MAP_UNKNOWN && !watch_map_miss(w->map, e->wd))
		w->ops.lost(w->arg);
	if (n < 0)
		return;
	if (e->len == 0 || e->name[0] == '\0') {
		if (n == 0 && (e->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT)) != 0)
			w->ops.root(w->arg);
		return;
	}
	if (n == 0 && strcmp(e->name, ".lanyard") == 0) {
		if ((e->mask & (IN_DELETE | IN_MOVED_FROM)) != 0)
			w->ops.root(w->arg);
		return;
	}
	if (n > 0)
		path[n++] = '/';
	memcpy(path + n, e->name, strlen(e->name) + 1);
	entry_event(w, path, e);
}

/* Stops when the queue is nearly empty: the kernel wakes the loop again for more. */
static void watch_readable(void *arg, int events)
{
	struct watch *w = arg;
	char buf[READ_SIZE] __attribute__((aligned(__alignof__(struct inotify_event))));

	(void)events;
	for (int i = 0; i < READS_A_TURN; i++) {
		ssize_t n = read(w->inotify, buf, sizeof(buf));

		if (n <= 0)
			break;
		for (char *p = buf; p < buf + n;) {
			const struct inotify_event *e = (const void *)p;

			watch_event(w, e);
			p += sizeof(*e) + e->len;
		}
		if (n < (ssize_t)sizeof(buf) / 2)
			break;
	}
	loop_io_want(w->io, LOOP_READ);
}

struct watch *watch_new(struct loop *loop, int inotify, const struct watch_ops *ops, void *arg)
{
	struct watch *w = MEM_NEW(struct watch);

	w->loop = loop;
	w->inotify = inotify;
	w->ops = *ops;
	w->arg = arg;
	w->io = loop_io_new(loop, inotify, watch_readable, w);
	if (w->io == NULL) {
		free(w);
		return NULL;
	}
	w->timer = loop_timer_new(loop, pair_timeout, w);
	w->map = watch_map_new();
	loop_io_want(w->io, LOOP_READ);
	return w;
}

void watch_free(struct watch *w)
{
	struct half *h;
	struct half *next;

	if (w == NULL)
		return;
	HASH_ITER(hh, w->halves, h, next) {
		HASH_DEL(w->halves, h);
		free(h);
	}
	loop_timer_free(w->timer);
	loop_io_free(w->io);
	watch_map_free(w->map);
	free(w);
}
