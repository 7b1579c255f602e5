/* .lanyard/share: 32 bytes (the group ID) that distinguish a share from an empty mount point and from another group's
 * share. */
#ifndef LANYARD_SYNC_SHARE_MARKER_H
#define LANYARD_SYNC_SHARE_MARKER_H

#include <stdint.h>

#define MARKER_FILE ".lanyard/share"
enum { MARKER_SIZE = 32 };

/* Worker. 1: the folder has this marker; 0: it has none; -1 with *why (fresh): it has another group's, or it cannot be
 * read. */
int marker_check(int root, const char *path, const uint8_t marker[MARKER_SIZE], char **why);

#endif
