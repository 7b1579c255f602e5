/* The folders that a batch works in, opened once each beneath the share's root. For one worker at a time. */
#ifndef LANYARD_SYNC_INSTALL_FOLDERS_H
#define LANYARD_SYNC_INSTALL_FOLDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A folder of the share, open. */
struct folder {
	char *path; /* owned; "" is the root */
	size_t len;
	int fd;        /* -1: a free slot */
	bool dirty;    /* to be synced */
	bool unlocked; /* u+rwx was added; mode is what it had */
	uint32_t mode;
	uint64_t used; /* when it was last opened, by folders.clock */
};

enum { FOLDERS_MAX = 32 };
struct folders {
	int root;
	struct folder f[FOLDERS_MAX];
	size_t n;
	uint64_t clock;
	bool lost; /* a folder was closed that still had to be synced */
};

/* The folder of path, opened beneath the root; *name is path's last component. NULL and errno. The last FOLDERS_MAX
 * asked for stay valid. */
struct folder *folders_open(struct folders *c, const char *path, bool mkdirs, const char **name);
/* The folder at path itself, open as fd, which is taken over: to be synced, and open for what comes into it. */
void folders_adopt(struct folders *c, const char *path, int fd);
/* Closes a folder that is being removed or replaced, and all beneath it. */
void folders_forget(struct folders *c, const char *path);
/* After an EACCES: adds u+rwx to a folder of our own that lacks it, until the end of the batch. True: try again. Keeps
 * errno. */
bool folders_unlock(struct folder *d);
size_t folders_dirty(const struct folders *c);
int folders_sync(struct folders *c);
void folders_close(struct folders *c);

#endif
