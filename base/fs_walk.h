/* fs_open where the kernel has no openat2, or a filter refuses it: folder by folder, each opened by its name in the one
 * before, without following a symlink, and refused if it is on another mount. That gives what openat2's
 * RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV gives, with the same errors: between two steps somebody can
 * move the folder that was reached, as within openat2, but can lead the walk nowhere else. Two things are less:
 * - where fs_kernel_tells_mounts() is false, a mounted folder of the same file system, and any mounted file, are taken
 *   for the share's own;
 * - who mounts something over the last name between a look at it and its opening has it opened, and closed again:
 *   neither read, cut nor changed. */
#ifndef LANYARD_BASE_FS_WALK_H
#define LANYARD_BASE_FS_WALK_H

#include <sys/types.h>

/* As fs_open; ".." is EXDEV wherever it leads. Any thread. */
int fs_walk_open(int dirfd, const char *path, int flags, mode_t mode);

#endif
