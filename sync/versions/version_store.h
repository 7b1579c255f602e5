/* The store of kept versions: .lanyard/versions/ of a share, so always on the file system of what is kept. Keeping a
 * file is one rename, so a crash leaves the content at its old name or at its new one, and nothing is copied. Paths are
 * relative to root, a descriptor of the share; no step leaves it or follows a symlink. All functions access the disk:
 * they are for worker threads. Where nothing else is said they return 0, or -1 and errno. */
#ifndef LANYARD_SYNC_VERSIONS_VERSION_STORE_H
#define LANYARD_SYNC_VERSIONS_VERSION_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "base/fs.h"
#include "sync/versions/kept_name.h"

#define KEPT_FOLDER      ".lanyard/versions"
#define KEPT_COPY_PREFIX "copy-" /* of the names of unfinished copies; a crash leaves them, and thinning removes them */

/* --- keeping --- */

/* Where a version is, or is to be. */
struct version_place {
	int fd; /* of its folder; owned; -1: none */
	char name[KEPT_NAME_MAX];
};
#define VERSION_PLACE_NONE ((struct version_place){ .fd = -1 })
void version_store_place_close(struct version_place *p);

/* A place for a version of `path` that is kept now; makes the folder if need be. hands: who wrote the content and who
 * takes it away; NULL: not known. */
int version_store_place(int root, const char *path, const struct kept_hands *hands, struct version_place *p);
/* Moves the file or symlink at dirfd/name to the place, or to the next free one. On failure nothing was moved. */
int version_store_move(struct version_place *p, int dirfd, const char *name);
/* Both in one, for a path of which only the tag is known. */
int version_store_move_tagged(int root, int dirfd, const char *name, const struct kept_tag *tag);

/* --- finding --- */

struct kept_version {
	int64_t at_ns; /* when it was kept */
	char *name;    /* in its folder; owned */
	struct fs_stat st;
};
struct kept_versions {
	struct kept_version *v; /* owned */
	size_t n;
};
/* The versions of a path, the newest first. */
int version_store_list(int root, const char *path, struct kept_versions *l);
/* The versions of all paths, the newest first; of more than max the newest max. 1: there are more. */
int version_store_list_all(int root, size_t max, struct kept_versions *l);
void version_store_list_clear(struct kept_versions *l);

/* --- thinning --- */

struct version_store_thinned {
	int64_t files, bytes; /* that stay */
	int64_t dropped;
	int64_t space; /* bytes that further spared versions may take (kept_policy.h) */
};
/* Removes the versions that the policy (kept_policy.h) does not keep. -1 and errno if the disk's size cannot be
 * read. */
int version_store_thin(int root, int64_t now_ns, int64_t max_age_ns, int disk_percent, struct version_store_thinned *t);

/* --- what a user asks for: ordinary local changes, which the scan finds. What they replace becomes a version too.
 * --- */

/* Puts a copy of v, a version of `path`, at `to`, and makes missing folders above it. EISDIR: a folder is there. */
int version_store_restore(int root, const char *path, const struct kept_version *v, const char *to);
/* The file at `from` becomes a version of `path`. */
int version_store_retire(int root, const char *from, const char *path);
/* The file at `from` replaces that at `to`, if there is one. */
int version_store_replace(int root, const char *from, const char *to);
/* The file at `from` gets the name `to`, which must be free. */
int version_store_rename(int root, const char *from, const char *to);

/* Copies the whole content of one open file into another, which is empty. */
int version_store_copy_bytes(int from, int to);

#endif
