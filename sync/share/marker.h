/* .lanyard/share: 32 bytes (the group ID) that tell a share from an empty mount point and from another group's share. */
#ifndef LANYARD_SYNC_SHARE_MARKER_H
#define LANYARD_SYNC_SHARE_MARKER_H

#include <stdint.h>

#define MARKER_FILE ".lanyard/share"
enum { MARKER_SIZE = 32 };

/* Worker. What the folder has: 1 this marker, 0 none, -1 with *why (fresh): another group's, or it cannot be read. */
int marker_check(int root, const char *path, const uint8_t marker[MARKER_SIZE], char **why);

#endif
