/* One group's folder on this agent: its root as a descriptor, so that what is done in it is done beneath it, the
 * marker that tells this share from an empty mount point, and .lanyard/ for parts. The loop's thread, except that
 * workers may use the descriptors. */
#ifndef LANYARD_SYNC_SHARE_SHARE_H
#define LANYARD_SYNC_SHARE_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fs.h"
#include "base/log.h"
#include "sync/share/disk.h"
#include "sync/share/ignore.h"

struct place;
struct share;

#define SHARE_IGNORE_FILE ".lanyardignore"

/* Opens the folder, creating it (and what is above it) when `create`, and .lanyard/ (0700) with parts/ in it. marker:
 * 32 bytes (the group ID), written to .lanyard/share when there is none; an existing share whose marker is of another
 * group, or a folder that had a marker (`expect_marker`) and has none now, is refused; with expect_marker nothing is
 * created. NULL with *why (fresh text, what to do). Loads the ignore rules. */
struct share *share_open(const char *path, bool create, bool expect_marker, const uint8_t marker[32], char **why);
/* The descriptors are closed: workers must be done with them, or hold duplicates. */
void share_free(struct share *s);
const char *share_path(const struct share *s);
const struct place *share_place(const struct share *s); /* what its path was when it was opened */
/* The group's name, for lines in the log about this share; NULL until it is given. Copied. */
void share_set_group(struct share *s, const char *group);
const char *share_group(const struct share *s);
const struct log_about *share_about(const struct share *s); /* the group alone */
int share_root(const struct share *s);                      /* descriptor of the root, O_RDONLY|O_DIRECTORY */
int share_parts(const struct share *s);                     /* of .lanyard/parts */

/* What the disk cannot do, as it was when the share was opened. */
const struct disk *share_disk(const struct share *s);

/* Whether the path still leads to this very folder with its marker: 0; -1 with *why (fresh) when it vanished, was
 * replaced, or something was mounted over it, or .lanyard/parts was removed (share_reopen makes it anew). Nothing may be
 * taken for deleted while this fails. Cheap; call it before every scan and before committing deletions. */
int share_check(struct share *s, char **why);
/* After the cause is gone: opens the root anew, under the same descriptor numbers. 0 / -1 with *why. */
int share_reopen(struct share *s, char **why);

/* The rules now in force (NULL: none); a job at a worker holds them by ignore_ref. Reloaded by share_reload_ignore when
 * .lanyardignore may have changed: true when the rules are others than before. A file that cannot be read or is too
 * big is reported once and leaves the rules as they were. */
struct ignore *share_ignore(const struct share *s);
bool share_reload_ignore(struct share *s);
/* Whether a peer's or a scanned path counts: path rules and ignore rules. */
bool share_accepts(const struct share *s, const char *path, bool is_dir);

#endif
