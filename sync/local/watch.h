/* inotify over a whole tree: which folder each watch means, renames paired, and every loss told. What it tells are
 * hints where to look, never what is there. The loop's thread, but for watch_add. */
#ifndef LANYARD_SYNC_LOCAL_WATCH_H
#define LANYARD_SYNC_LOCAL_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "sync/local/debounce.h"

struct watch;

struct watch_ops {
	/* Look at this path. */
	void (*hint)(void *arg, const char *path, enum debounce_event event);
	/* A folder appeared here with what is in it: walk it (its own watches are added by the walk). */
	void (*tree)(void *arg, const char *path);
	/* Events of this folder were missed: look at its entries. */
	void (*folder)(void *arg, const char *path);
	/* What was `from` is now `to`. */
	void (*moved)(void *arg, const char *from, const char *to, bool is_dir);
	/* Events were lost: look at everything. */
	void (*lost)(void *arg);
	/* The root itself was moved, deleted or unmounted, or its .lanyard was touched. */
	void (*root)(void *arg);
};

enum { WATCH_PAIR_MS = 10 }; /* how long the first half of a rename waits for the second */

/* inotify: from watch_open(), stays the caller's and must outlive the watch. NULL and errno when it cannot be
 * polled. */
struct watch *watch_new(struct loop *loop, int inotify, const struct watch_ops *ops, void *arg);
void watch_free(struct watch *w);
/* A new inotify descriptor, or -1 with errno. */
int watch_open(void);

/* Begins to watch an open folder: its number, or -errno. Any thread. The number has to be told with watch_know(). */
int watch_add(int inotify, int dirfd);
/* The watch `wd` is of the folder `path` ("" is the root). */
void watch_know(struct watch *w, const char *path, int wd);
/* Whether the folder at this path is watched. */
bool watch_knows(const struct watch *w, const char *path);
/* Folders watched. */
size_t watch_count(const struct watch *w);
/* Nothing was heard that was not told, and nothing waits in the kernel's queue. */
bool watch_idle(const struct watch *w);

#endif
