/* fs_open where the kernel has no openat2, or a filter refuses it: folder by folder, each opened by its name in the one
 * before, without following a symlink, and refused if it is on another mount. That gives what openat2's
 * RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV gives, with the same errors: between two steps somebody can
 * move the folder that was reached, as within openat2, but can lead the walk nowhere else. */
#ifndef LANYARD_BASE_FS_WALK_H
#define LANYARD_BASE_FS_WALK_H

#include <sys/types.h>

/* As fs_open; ".." is EXDEV wherever it leads. Any thread. */
int fs_walk_open(int dirfd, const char *path, int flags, mode_t mode);

#endif
