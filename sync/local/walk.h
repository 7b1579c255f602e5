/* Checks paths on the disk, in workers: single paths, or a whole subtree in the order of the index. One step fills
 * one batch and takes some milliseconds; the loop merges it with the rows while the next step runs. */
#ifndef LANYARD_SYNC_LOCAL_WALK_H
#define LANYARD_SYNC_LOCAL_WALK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/fs.h"
#include "sync/share/share_handle.h"
#include "sync/share/ignore.h"

/* The result of checking one path. */
struct check {
	const char *path;   /* the batch's */
	const char *target; /* symlinks: the batch's; NULL otherwise */
	struct fs_stat st;  /* kind 0: absent */
	/* errno: it could not be checked (kind 0), or is a folder that could not be read, or is another file system
	 * (EXDEV), or has a name that cannot be synced (ENAMETOOLONG) */
	int error;
	int wd;       /* folders that were entered: the watch number, or -errno; 0: none was asked for */
	bool moved;   /* it was moved here, and this is what is at its old path now: */
	int before;   /* 0: nothing; -1: something; or an errno */
	int tag;      /* of walk_check(): the caller's */
	bool ignored; /* of walk_check(): by the rules, or since it is lanyard's own */
	bool ours;    /* lanyard's own folder, of another share: never entered */
};

struct walk_text;
struct walk_batch {
	struct check *checks; /* owned */
	size_t n;
	size_t cap;
	struct walk_text *text; /* owned: what the checks point to */
	size_t text_size;
	size_t ignored; /* entries that the rules left out; what is in them is not counted */
	bool end;       /* the walk is over */
	int error;      /* errno: the walk's start could not be checked; nothing is known of it or below */
};
void walk_batch_clear(struct walk_batch *b);

enum { WALK_BATCH = 1000, WALK_STEP_MS = 20 };

struct walk;
/* A walk of `under` and everything below it; if `shallow`, of `under` and its entries only. from: where `under` was
 * before; NULL: not known to be moved. Keeps a reference to ig and g. */
struct walk *walk_new(struct share_handle *g, const char *under, const char *from, bool shallow, struct ignore *ig);
void walk_free(struct walk *w);
/* Worker: checks the next paths, in the order of path_compare(), and leaves out what the rules ignore. b must be
 * empty. */
void walk_step(struct walk *w, struct walk_batch *b);

/* Worker: checks single paths, each once, in their order. Enters and watches nothing. */
struct walk_path {
	const char *path;
	const char *from; /* where it was before; NULL: not known to be moved */
	int tag;
};
void walk_check(const struct share_handle *g, const struct ignore *ig, const struct walk_path *paths, size_t n,
                struct walk_batch *b);
/* Worker: what is at a path where nothing should be any more: as check.before. */
int walk_absent(const struct share_handle *g, const char *path);

#endif
