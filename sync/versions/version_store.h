/* Versions on disk: .lanyard/versions/ of a share, so always on the file system of what is kept. Keeping is one rename,
 * so a crash finds the content at its old name or at its new one, and nothing is copied. Paths are relative to root, a
 * descriptor of the share; every step goes beneath it and follows nothing. For worker threads: all of it is disk. */
#ifndef LANYARD_SYNC_VERSIONS_VERSION_STORE_H
#define LANYARD_SYNC_VERSIONS_VERSION_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "base/fs.h"
#include "sync/versions/kept_name.h"

#define KEPT_FOLDER      ".lanyard/versions"
#define KEPT_COPY_PREFIX "copy-" /* of names of what is being copied; left behind by a crash only, and then removed */

/* Where a version stands. */
struct version_place {
	int fd; /* of its folder; owned; -1: none */
	char name[KEPT_NAME_MAX];
};
#define VERSION_PLACE_NONE ((struct version_place){ .fd = -1 })
void version_store_place_close(struct version_place *p);

/* A place for a version of `path` that is kept now; folders are made as needed. hands: whose content it is, and who
 * takes it away; NULL: not known. 0, or -1 and errno. */
int version_store_place(int root, const char *path, const struct kept_hands *hands, struct version_place *p);
/* Moves what stands at dirfd/name (no folder) to the place; when that is taken, to the next free one. 0, or -1 and
 * errno: then nothing was moved. */
int version_store_move(struct version_place *p, int dirfd, const char *name);
/* The whole content of one open file into another, empty one. 0, or -1 and errno. */
int version_store_copy_bytes(int from, int to);
/* Both in one, for a path that only its tag is known of. */
int version_store_move_tagged(int root, int dirfd, const char *name, const struct kept_tag *tag);

struct kept_version {
	int64_t at_ns;
	char *name; /* in its folder; owned */
	struct fs_stat st;
};
/* The versions of a path, the newest first. 0, or -1 and errno. */
struct kept_versions {
	struct kept_version *v; /* owned */
	size_t n;
};
int version_store_list(int root, const char *path, struct kept_versions *l);
void kept_versions_clear(struct kept_versions *l);

/* Removes what the policy (kept_policy.h) does not keep. -1 and errno when it could not look at all. */
struct version_store_thinned {
	int64_t files, bytes; /* that stay */
	int64_t dropped;
	int64_t room; /* bytes of versions that may still come and be spared (kept_policy.h) */
};
int version_store_thin(int root, int64_t now_ns, int64_t max_age_ns, int disk_percent, struct version_store_thinned *t);

/* --- changes a user asks for: ordinary local changes, which the scan finds. What they replace is kept too. --- */

/* Puts a copy of v, a version of `path`, at `to`; missing folders above it are made. 0, or -1 and errno (EISDIR: a
 * folder is there). */
int version_store_restore(int root, const char *path, const struct kept_version *v, const char *to);
/* The file at path becomes a version. 0, or -1 and errno. */
int version_store_retire(int root, const char *path);
/* The file at `from` takes the place of that at `to`, if there is one, which becomes a version. 0, or -1 and errno. */
int version_store_replace(int root, const char *from, const char *to);
/* The file at `from` gets the name `to`, which must be free. 0, or -1 and errno. */
int version_store_rename(int root, const char *from, const char *to);

#endif
