/* One group's folder on this agent: its root as a descriptor, so that every access stays beneath it; the marker that
 * distinguishes the share from an empty mount point; and .lanyard/ for parts. The loop owns it and touches no disk:
 * workers open the folder, read its rules, and do whatever is done with the descriptors. */
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

/* Worker. Opens the folder, and .lanyard/ (0700) with parts/ in it. create: makes a missing folder, and those above it.
 * marker: 32 bytes (the group ID), written to .lanyard/share if there is none. Refuses a folder with another group's
 * marker, and with expect_marker one that has none any more; then nothing is created. Loads the ignore rules. The loop
 * takes the result over. NULL with *why (fresh text that says what to do). */
struct share *share_open(const char *path, bool create, bool expect_marker, const uint8_t marker[32], char **why);
/* Worker. Whether the path, or the part of it that exists, is on a virtual file system (/proc), which keeps nothing. */
bool share_is_virtual(const char *path);
/* Worker. Makes it ours alone until share_free() or share_move(): -1 with *why (fresh) if another agent on this machine
 * has it. Two agents would take each other's writes for their user's, and what one drops for deleted. A disk that
 * cannot lock lets everybody in. */
int share_lock(struct share *s, char **why);
/* Closes the descriptors: workers must be done with them, or hold a handle. */
void share_free(struct share *s);
const char *share_path(const struct share *s);
const struct real_path *share_real_path(const struct share *s); /* what its path led to when it was opened */
/* The group's name, for lines in the log about this share; NULL until it is given. Copied. */
void share_set_group(struct share *s, const char *group);
const char *share_group(const struct share *s);
const struct log_about *share_about(const struct share *s); /* the group alone */
uint64_t share_dev(const struct share *s);                  /* of the root, as st_dev */
int share_root(const struct share *s);                      /* descriptor of the root, O_RDONLY|O_DIRECTORY */
int share_parts(const struct share *s);                     /* of .lanyard/parts */

/* The limits of its disk, as found when the share was opened. */
const struct disk *share_disk(const struct share *s);

/* The errno that the agent, with its user and in its sandbox, last met when it checked its access; 0: it may read and
 * write. */
int share_access(const struct share *s);
void share_set_access(struct share *s, int error);

/* For a job: a handle with its own descriptors. NULL and errno when none are left. */
struct share_handle *share_handle_of(const struct share *s);
/* For a job that only reads: another reference to one handle that all of them share, since there are many. */
struct share_handle *share_reading_handle(const struct share *s);
/* For when share_handle_check() has failed and the cause is gone: `again` is the same share, opened again. Its root and
 * parts replace ours under the same descriptor numbers, and it is freed. 0, or -1 with *why. */
int share_move(struct share *s, struct share *again, char **why);

/* The rules now in force (NULL: none); a worker's job keeps them by ignore_ref. */
struct ignore *share_ignore(const struct share *s);
/* The first 63 bits of their file's digest, by which they are recognised after a restart; 0: none. */
int64_t share_ignore_digest(const struct share *s);
/* Worker. Reads .lanyardignore below root. Fresh; share_take_rules() takes it, or share_rules_free(). */
struct share_rules;
struct share_rules *share_read_rules(int root);
void share_rules_free(struct share_rules *r);
/* Puts r in force, and takes it; true if the rules have changed. A file that could not be read or is too big is logged
 * once and leaves the rules as they were. */
bool share_take_rules(struct share *s, struct share_rules *r);
/* Why a part of the file, as last read, is not used, for people; NULL: all of it is. */
const char *share_rules_problem(const struct share *s);
/* Whether a path, from a peer or a scan, is shared: path rules and ignore rules. */
bool share_accepts(const struct share *s, const char *path, bool is_dir);

#endif
