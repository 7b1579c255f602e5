/* Shared by the files of sync/install; nobody else includes it. Everything here runs on the batch's worker.
 *
 * From the lowest to the highest: install_item.c, folders.c and swap.c; install_meta.c and install_case.c;
 * install_write.c and install_keep.c; install_apply.c; install_folder.c; install_job.c. */
#ifndef LANYARD_SYNC_INSTALL_INTERNAL_H
#define LANYARD_SYNC_INSTALL_INTERNAL_H

#include "sync/install/folders.h"
#include "sync/install/install_job.h"

/* --- install_item.c: used by all steps --- */
/* Calls the tests' hook, if there is one. */
void install_hook(enum install_step step, const char *path);
/* Notes why an item failed. -1, so that it can be returned. */
int install_fail(struct install_item *item, enum install_result result, int error);
/* Whether st is what the row says is there, to the last detail. */
bool install_look_same(const struct fs_stat *st, const struct record *ours);
/* Whether st is what the row says was there, as far as a rename leaves it: a new ctime does not count. */
bool install_came_out_same(const struct fs_stat *st, const struct record *ours);
/* The folder in which the item's new thing is. */
int install_made_in(const struct install_job *job, const struct install_item *item);
/* For a thing that was changed since we made it: only what the disk kept of its mode and mtime. */
struct seen install_kept_as(const struct fs_stat *made);

/* Writes what an item needs into parts/; sets item->temp and made. 0, or -1 with result and error set. */
int install_write(struct install_job *job, struct install_item *item, uint32_t number, bool sync);
/* Checks the hashes of all bytes that came along, side by side: items fail, or are verified. */
void install_verify_all(struct install_job *job);
/* What is at the path of an item that was placed: st, or nothing if `there` is false. For the row; the scan sees
 * whatever differs later. */
void install_placed_as(struct install_item *item, const struct fs_stat *st, bool there);
/* Checks, renames, checks again. Sets the result. */
void install_apply(struct install_job *job, struct install_item *item);
void install_delete(struct install_job *job, struct install_item *item);
void install_move(struct install_job *job, struct install_item *item);
/* The file of a MOVE is at its new place, and *st: its mode and mtime follow, and the result is set. */
void install_finish_move(struct install_job *job, struct install_item *item, struct folder *to, const char *name,
                         struct fs_stat *st);
/* The folder at name, which was made or moved there, is to be item's: gives it its mode, and sets the result. */
void install_set_dir(struct install_job *job, struct install_item *item, struct folder *d, const char *name,
                     bool moved);
/* Moves the folder of a DIR item, and all MOVE items that go into it, by one rename, if they are all that is in it.
 * True: the results of all of them are set. False: nothing was done. */
bool install_folder(struct install_job *job, size_t at);
/* Whether a name on the way to path, or at it, differs from it in upper and lower case alone. */
bool install_meets_other_case(struct install_job *job, const char *path);
/* Moves `from` in parts/, which is *st, to a conflict name of item's path, whatever it is. 0, or -1 and errno. */
int install_keep_stranger(struct install_job *job, struct install_item *item, struct folder *d, const char *from,
                          const struct fs_stat *st);
/* Whether the new file and ours, at name, have the same bytes, however they were cut into blocks. */
bool install_is_equal(const struct install_job *job, const struct install_item *item, const struct folder *d,
                      const char *name);
/* Whether no program has the file open for writing, or mapped: what it writes later has to go somewhere. False where
 * the file system cannot tell. */
bool install_is_let_go(int dirfd, const char *name);
/* Renames ours to its conflict name. 1: it is there now; 0: an identical copy was there already; -1 with result and
 * error. */
int install_keep_ours(struct install_job *job, struct install_item *item, struct folder *d, const char *name);

/* --- install_meta.c: modes and times, which not every disk keeps --- */
/* The mode as this disk will show it. */
uint32_t install_shown_mode(const struct install_job *job, const struct record *want);
/* Gives a new file of ours the mode and mtime of want, as far as the disk can. -1 and errno when something is
 * broken. */
int install_give_meta(const struct install_job *job, int fd, const struct record *want);
/* Gives name the mode and mtime of want, each even if the other fails. -1 and errno of the first that failed. */
int install_set_meta(const struct install_job *job, struct folder *d, const char *name, const struct record *want);
/* The same for a thing that was *before a moment ago, and checks it: *made is what the disk kept of them or, if a user
 * has changed them since, what it should have kept. -1 and errno: EPERM when another user owns it. */
int install_change_meta(struct install_job *job, struct folder *d, const char *name, const struct record *want,
                        const struct fs_stat *before, struct fs_stat *made);
/* Copies the file at name to parts/ as item->temp and made, with the mode and mtime of want, if it is what the row
 * says: another user's file cannot be set, but it can be replaced. -1 and errno EPERM when that cannot be done. */
int install_copy_as_ours(struct install_job *job, struct install_item *item, struct folder *d, const char *name);

#endif
