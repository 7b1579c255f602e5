/* What a path is, however it is written: symlinks followed, and a folder that is mounted at a second place (a bind mount) known to be
 * the one below which it is on its disk. Any thread; place_of() touches the disk. */
#ifndef LANYARD_SYNC_SHARE_PLACE_H
#define LANYARD_SYNC_SHARE_PLACE_H

#include <stdbool.h>

struct place;

/* An absolute path, which need not exist yet: what it will be once its missing folders are made. NULL when that cannot be told
 * ("..", behind what does not exist). */
struct place *place_of(const char *path);
void place_free(struct place *p);
/* Whether what is mounted there is, on its own disk, below a folder whose path has this in it, while the path itself has not. */
bool place_is_below(const struct place *p, const char *part);
/* Whether one is the other, or in it. NULL is nowhere. */
bool place_overlaps(const struct place *a, const struct place *b);

#endif
