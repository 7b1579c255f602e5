/* Which folder each inotify watch means: a tree of names, so that moving a folder moves everything below it in one
 * step, and fifty thousand folders take a few megabytes. The loop's thread. */
#ifndef LANYARD_SYNC_LOCAL_WATCH_MAP_H
#define LANYARD_SYNC_LOCAL_WATCH_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct watch_map;

struct watch_map *watch_map_new(void);
void watch_map_free(struct watch_map *m);
/* wd watches this folder. True when events of it were missed (watch_map_miss) before that was known. */
bool watch_map_put(struct watch_map *m, const char *path, int wd);
bool watch_map_has(const struct watch_map *m, const char *path);
size_t watch_map_count(const struct watch_map *m);
enum { WATCH_MAP_UNKNOWN = -1, WATCH_MAP_GONE = -2 };
/* The folder's path, NUL-terminated, and its length. UNKNOWN; or GONE, when it has left the tree or is too deep in it
 * (size bytes do not hold the path), so that its events do not matter. */
ssize_t watch_map_path(const struct watch_map *m, int wd, char *path, size_t size);
/* An event of an unknown watch came: remembered until watch_map_put(). False when too many are remembered already. */
bool watch_map_miss(struct watch_map *m, int wd);
/* The kernel has removed this watch. */
void watch_map_forget(struct watch_map *m, int wd);
/* The folder was renamed; what stood at `to` is dropped. */
void watch_map_move(struct watch_map *m, int inotify, const char *from, const char *to);
/* The folder has left the tree: its watch and all those below are removed. */
void watch_map_drop(struct watch_map *m, int inotify, const char *path);

#endif
