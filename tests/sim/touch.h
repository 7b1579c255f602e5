/* Checks that nothing on the loop's thread touches a share: a disk that does not answer (a dead NFS server) would
 * stop every group. Each call that fault.c stands in for reports here. The first one that is made on the loop's
 * thread for a path in a share fails the run, with the path. */
#ifndef LANYARD_TESTS_SIM_TOUCH_H
#define LANYARD_TESTS_SIM_TOUCH_H

#include <stdbool.h>

/* Before a call on an open file, and on a path (relative to dirfd). */
void touch_fd(const char *call, int fd);
void touch_path(const char *call, int dirfd, const char *path);
/* Before a close. */
void touch_close(int fd);
/* The first path touched on the loop since the last call; NULL: none. The caller frees it. */
char *touch_found(void);

#endif
