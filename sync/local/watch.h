/* inotify over a whole tree: which folder each watch means, renames paired, and every loss reported. It reports
 * hints which path to check, never what is there. The loop's thread, except for watch_add(). */
#ifndef LANYARD_SYNC_LOCAL_WATCH_H
#define LANYARD_SYNC_LOCAL_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "sync/local/debounce.h"

struct watch;

struct watch_ops {
	/* Check this path. */
	void (*hint)(void *arg, const char *path, enum debounce_event event);
	/* A folder appeared here with its content: walk it. (The walk adds its watches.) */
	void (*tree)(void *arg, const char *path);
	/* This folder is not here any more: it was moved out of the share, or to where nothing was watched yet. */
	void (*left)(void *arg, const char *path);
	/* Events of this folder were missed: check its entries. */
	void (*folder)(void *arg, const char *path);
	/* What was `from` is now `to`. */
	void (*moved)(void *arg, const char *from, const char *to, bool is_dir);
	/* Events were lost: scan everything. */
	void (*lost)(void *arg);
	/* The root itself was moved, deleted or unmounted, or its .lanyard was touched. */
	void (*root)(void *arg);
};

enum { WATCH_PAIR_MS = 10 }; /* how long the first half of a rename waits for the second */

/* inotify: from watch_open(); it stays the caller's and must outlive the watch. NULL and errno when it cannot be
 * polled. */
struct watch *watch_new(struct loop *loop, int inotify, const struct watch_ops *ops, void *arg);
void watch_free(struct watch *w);
/* A new inotify descriptor, or -1 with errno. */
int watch_open(void);

/* Any thread: begins to watch an open folder. Returns the watch's number, which has to be reported by watch_know(),
 * or -errno. */
int watch_add(int inotify, int dirfd);
/* The watch `wd` is of the folder `path` ("" is the root). */
void watch_know(struct watch *w, const char *path, int wd);
/* Whether the folder at this path is watched. */
bool watch_knows(const struct watch *w, const char *path);
/* Folders watched. */
size_t watch_count(const struct watch *w);
/* Every event has been reported, and none waits in the kernel's queue. */
bool watch_idle(const struct watch *w);

#endif
