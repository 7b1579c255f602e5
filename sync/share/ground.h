/* What a job at a worker needs of a share: descriptors of its own, and what the share is known by, so that the job lives as
 * long as it must, whatever becomes of the share meanwhile. A disk can hang for ever (a dead NFS server), so all that
 * touches a share is a worker's; the loop makes, holds and gives back grounds, which touches no disk. */
#ifndef LANYARD_SYNC_SHARE_GROUND_H
#define LANYARD_SYNC_SHARE_GROUND_H

#include <stdint.h>

#include "sync/share/disk.h"

enum { GROUND_MARKER_SIZE = 32 };

struct ground {
	char *path; /* as the admin gave it */
	uint8_t marker[GROUND_MARKER_SIZE];
	int root;     /* O_RDONLY|O_DIRECTORY */
	int parts;    /* of .lanyard/parts */
	int inotify;  /* whoever watches gives it: closed with the ground; -1: nothing is watched */
	uint64_t dev; /* of the root */
	uint64_t ino;
	struct disk *disk; /* owned: what it cannot do, and for whom it is; NULL: not known */
	int refs;          /* the loop's thread */
};

/* Of duplicates of these descriptors. NULL and errno when they cannot be duplicated. Loop's thread. */
struct ground *ground_new(const char *path, const uint8_t marker[GROUND_MARKER_SIZE], int root, int parts, uint64_t dev,
                          uint64_t ino);
struct ground *ground_ref(struct ground *g);
void ground_free(struct ground *g); /* one holder less; NULL is allowed */

/* Worker. Whether the path still leads to this very folder with its marker: 0; -1 with *why (fresh) when it vanished, was
 * replaced, or something was mounted over it, or .lanyard/parts was removed (share_reopen makes it anew). Nothing may be
 * taken for deleted while this fails: call it behind the looks that a deletion rests on. Cheap. */
int ground_check(const struct ground *g, char **why);

#endif
