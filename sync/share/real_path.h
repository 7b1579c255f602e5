/* A path resolved to the folder it leads to, so that two spellings of one folder compare equal: symlinks are followed,
 * and a bind mount is traced to the folder of its file system that it shows. Any thread; real_path_of() touches the
 * disk. */
#ifndef LANYARD_SYNC_SHARE_REAL_PATH_H
#define LANYARD_SYNC_SHARE_REAL_PATH_H

#include <stdbool.h>

struct real_path;

/* path: absolute; it need not exist: missing folders resolve to where they would be made. NULL when that cannot be told
 * (".." after a component that does not exist). */
struct real_path *real_path_of(const char *path);
void real_path_free(struct real_path *p);
/* True if, on its own file system, the folder is below one whose path contains `part`, while the resolved path does
 * not. */
bool real_path_is_below(const struct real_path *p, const char *part);
/* True if both are the same folder, or one is inside the other. NULL overlaps nothing. */
bool real_path_overlaps(const struct real_path *a, const struct real_path *b);

#endif
