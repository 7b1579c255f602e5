/* One group's folder on this agent: its root as a descriptor, so that what is done in it is done beneath it, the
 * marker that tells this share from an empty mount point, and .lanyard/ for parts. The loop's thread, which touches no disk
 * here: opening the folder and reading its rules are a worker's, and so is whatever is done with the descriptors. */
#ifndef LANYARD_SYNC_SHARE_SHARE_H
#define LANYARD_SYNC_SHARE_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fs.h"
#include "base/log.h"
#include "sync/share/disk.h"
#include "sync/share/share_handle.h"
#include "sync/share/ignore.h"

struct real_path;
struct share;

#define SHARE_IGNORE_FILE ".lanyardignore"

/* Worker. Opens the folder, creating it (and what is above it) when `create`, and .lanyard/ (0700) with parts/ in it. marker:
 * 32 bytes (the group ID), written to .lanyard/share when there is none; an existing share whose marker is of another
 * group, or a folder that had a marker (`expect_marker`) and has none now, is refused; with expect_marker nothing is
 * created. NULL with *why (fresh text, what to do). Loads the ignore rules. The loop takes what comes out. */
struct share *share_open(const char *path, bool create, bool expect_marker, const uint8_t marker[32], char **why);
/* The descriptors are closed: workers must be done with them, or hold duplicates. */
void share_free(struct share *s);
const char *share_path(const struct share *s);
const struct real_path *share_real_path(const struct share *s); /* what its path was when it was opened */
/* The group's name, for lines in the log about this share; NULL until it is given. Copied. */
void share_set_group(struct share *s, const char *group);
const char *share_group(const struct share *s);
const struct log_about *share_about(const struct share *s); /* the group alone */
uint64_t share_dev(const struct share *s);                  /* of the root, as st_dev */
int share_root(const struct share *s);                      /* descriptor of the root, O_RDONLY|O_DIRECTORY */
int share_parts(const struct share *s);                     /* of .lanyard/parts */

/* What the disk cannot do, as it was when the share was opened. */
const struct disk *share_disk(const struct share *s);

/* errno: what the agent, as the user it is and in the sandbox it is in, may not do there; 0: nothing. As last seen. */
int share_access(const struct share *s);
void share_set_access(struct share *s, int error);

/* For a job: a handle with its own descriptors. NULL and errno when none are left. */
struct share_handle *share_handle_of(const struct share *s);
/* For a job that only reads: another reference to one handle that all of them share, since there are many. */
struct share_handle *share_reading_handle(const struct share *s);
/* After share_handle_check() failed and the cause is gone: `again` is the same share, opened anew. Its root and parts take the
 * place of ours under the same descriptor numbers; it is freed. 0 / -1 with *why. */
int share_move(struct share *s, struct share *again, char **why);

/* The rules now in force (NULL: none); a job at a worker holds them by ignore_ref. */
struct ignore *share_ignore(const struct share *s);
/* The first 63 bits of their file's digest; 0: none. To know them again after a restart. */
int64_t share_ignore_digest(const struct share *s);
/* Worker. Reads .lanyardignore below root. Fresh; share_take_rules() takes it, or share_rules_free(). */
struct share_rules;
struct share_rules *share_read_rules(int root);
void share_rules_free(struct share_rules *r);
/* From now on these are in force: true when they are others than before. A file that could not be read or is too big is
 * reported once and leaves the rules as they were. Takes r. */
bool share_take_rules(struct share *s, struct share_rules *r);
/* Why not all of the file is used, as it was last taken, for people; NULL: all is. */
const char *share_rules_problem(const struct share *s);
/* Whether a peer's or a scanned path counts: path rules and ignore rules. */
bool share_accepts(const struct share *s, const char *path, bool is_dir);

#endif
