/* Looking at the disk, for workers: at single paths, or at a whole subtree in the order of the index. One step
 * fills one batch and takes some milliseconds; the loop merges it with the rows while the next step runs. */
#ifndef LANYARD_SYNC_LOCAL_WALK_H
#define LANYARD_SYNC_LOCAL_WALK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/fs.h"
#include "sync/share/share_handle.h"
#include "sync/share/ignore.h"

/* What a look saw of one path. */
struct check {
	const char *path;   /* the batch's */
	const char *target; /* symlinks: the batch's; NULL otherwise */
	struct fs_stat st;  /* kind 0: absent */
	int error;    /* errno: it could not be looked at (kind 0), or it is a folder that could not be read, or with
	                       EXDEV, another file system; ENAMETOOLONG: a name that cannot be */
	int wd;       /* folders that were entered: the watch, or -errno; 0: none was asked for */
	bool moved;   /* it was somewhere else before, and this is what is there now: */
	int before;   /* 0: nothing any more; -1: something; or errno */
	int tag;      /* of walk_look(): the caller's */
	bool ignored; /* of walk_look(): by the rules, or since it is lanyard's own */
	bool ours;    /* of a walk: lanyard's own folder, of another share: not entered, whatever it is */
};

struct walk_text;
struct walk_batch {
	struct check *checks; /* owned */
	size_t n;
	size_t cap;
	struct walk_text *text; /* owned: what the looks point to */
	size_t text_size;
	size_t ignored; /* entries that the rules left out, what is in them not counted */
	bool end;       /* of the walk */
	int error;      /* errno: the walk's start could not be looked at; nothing is known of it or below */
};
void walk_batch_clear(struct walk_batch *b);
/* n bytes and a NUL of the batch's. */
char *walk_batch_text(struct walk_batch *b, const char *p, size_t n);
struct check *walk_batch_add(struct walk_batch *b);

enum { WALK_BATCH = 1000, WALK_STEP_MS = 20 };

struct walk;
/* A walk of what is at and below `under`, or when `shallow`, of that and its entries alone; `from`: where that was
 * before, NULL: not known to be moved. ig is held until the end. */
struct walk *walk_new(struct share_handle *g, const char *under, const char *from, bool shallow, struct ignore *ig);
void walk_free(struct walk *w);
/* Worker: looks at the next paths, in the order of path_compare. What is ignored is left out. b is empty before. */
void walk_step(struct walk *w, struct walk_batch *b);

/* Worker: looks at single paths, one look each, in their order. Nothing is entered, nothing watched. */
struct walk_path {
	const char *path;
	const char *from; /* where it was before; NULL: not known to be moved */
	int tag;
};
void walk_check(const struct share_handle *g, const struct ignore *ig, const struct walk_path *paths, size_t n,
                struct walk_batch *b);
/* Worker: what is at a path that nothing should be at any more: as look.before. */
int walk_absent(const struct share_handle *g, const char *path);

#endif
