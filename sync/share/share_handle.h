/* A worker job's access to a share: its own descriptors, and what the share is recognised by. A job can outlast the
 * share (a disk may hang for ever, as with a dead NFS server), and the handle lives as long as the job. Only workers
 * touch the disk; the loop makes, references and frees handles, none of which touches it. */
#ifndef LANYARD_SYNC_SHARE_SHARE_HANDLE_H
#define LANYARD_SYNC_SHARE_SHARE_HANDLE_H

#include <stdint.h>

#include "sync/share/disk.h"
#include "sync/share/marker.h"

struct share_handle {
	char *path; /* as the admin gave it */
	uint8_t marker[MARKER_SIZE];
	int root;     /* O_RDONLY|O_DIRECTORY */
	int parts;    /* of .lanyard/parts */
	int inotify;  /* set by the watcher, closed with the handle; -1: nothing is watched */
	uint64_t dev; /* of the root */
	uint64_t ino;
	struct disk *disk; /* owned; NULL: not known */
	int refs;          /* the loop's */
};

/* Loop. Duplicates both descriptors; NULL and errno when that fails. */
struct share_handle *share_handle_new(const char *path, const uint8_t marker[MARKER_SIZE], int root, int parts,
                                      uint64_t dev, uint64_t ino);
struct share_handle *share_handle_ref(struct share_handle *h);
void share_handle_free(struct share_handle *h); /* drops one reference; NULL is allowed */

/* Worker. 0 when the path still leads to this very folder with its marker; -1 with *why (fresh) when the folder
 * vanished or was replaced, when something was mounted over it, or when .lanyard/parts was removed (share_open makes it
 * again). While this fails, nothing may be taken for deleted: call it after the checks that a deletion rests on.
 * Cheap. */
int share_handle_check(const struct share_handle *h, char **why);

#endif
