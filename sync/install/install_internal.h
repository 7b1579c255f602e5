/* What the files of sync/install share; nobody else includes it. Everything here runs on the batch's worker.
 *
 * From the lowest to the highest: install_item.c, folders.c and swap.c; install_meta.c and install_case.c; install_write.c
 * and install_keep.c; install_apply.c; install_job.c. */
#ifndef LANYARD_SYNC_INSTALL_INTERNAL_H
#define LANYARD_SYNC_INSTALL_INTERNAL_H

#include "sync/install/folders.h"
#include "sync/install/install_job.h"

/* --- install_item.c: what the steps share --- */
/* Calls the tests' hook, if there is one. */
void install_hook(enum install_step step, const char *path);
/* Notes why an item failed. -1, so that it can be returned. */
int install_fail(struct install_item *item, enum install_result result, int error);
/* Whether st is what the row says is there, to the last detail. */
bool install_look_same(const struct fs_stat *st, const struct record *ours);
/* Whether st is what the row says was there, as far as a rename leaves it: a new ctime does not count. */
bool install_came_out_same(const struct fs_stat *st, const struct record *ours);
/* For a thing that no longer is as we made it: only what the disk kept of its mode and mtime. */
struct seen install_kept_as(const struct fs_stat *made);
/* S_IFREG and the like. */
uint32_t install_kind_bits(enum record_kind kind);

/* Writes what an item needs into parts/; sets item->temp and made. 0, or -1 with result and error set. */
int install_write(struct install_job *job, struct install_item *item, uint32_t number, bool sync);
/* Looks, renames, looks again. Sets the result. */
void install_apply(struct install_job *job, struct install_item *item);
void install_delete(struct install_job *job, struct install_item *item);
void install_move(struct install_job *job, struct install_item *item);
/* Whether on the way to path, or at it, stands something whose name differs from it in upper and lower case alone. */
bool install_meets_other_case(struct install_job *job, const char *path);
/* Moves dirfd/from to a conflict name of item's path, whatever it is. 0, or -1 and errno. */
int install_keep_stranger(struct install_job *job, struct install_item *item, struct folder *d, int dirfd,
                          const char *from, const struct fs_stat *st);
/* Keeps ours under its conflict name: 1 it is there now, 0 an equal copy was there already, -1 with result and error. */
int install_keep_ours(struct install_job *job, struct install_item *item, struct folder *d, const char *name);

/* --- install_meta.c: modes and times, which not every disk keeps --- */
/* Of a new file of ours, as want says, as far as the disk takes them; -1 and errno when something is broken. */
int install_give_meta(const struct install_job *job, int fd, const struct record *want);
/* Sets mode and mtime of name as want says, each although the other failed; -1 and errno of the first that did. */
int install_set_meta(const struct install_job *job, struct folder *d, const char *name, const struct record *want);
/* Sets them of what stood at name a moment ago as *before, and looks: *made is what the disk kept of them, or, where what is
 * seen is not the disk's doing but a user's, what it should have kept. -1 and errno: EPERM when another owns it. */
int install_change_meta(struct install_job *job, struct folder *d, const char *name, const struct record *want,
                        const struct fs_stat *before, struct fs_stat *made);
/* A copy of the file at name, as the row says it is, in parts/ with the mode and mtime of want, as item->temp and made: what of another user's
 * file cannot be set is set by replacing it. -1 and errno EPERM when that cannot be done. */
int install_copy_as_ours(struct install_job *job, struct install_item *item, struct folder *d, const char *name);

#endif
