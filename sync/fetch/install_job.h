/* One batch of changes to a share, done by a worker from its own copy of what it needs: it knows neither tickets nor
 * the index.
 *
 * The commit order, for every item: a new file is written in parts/ under a fresh name, verified and synced; the notes
 * of the rows to come are made safe from a power cut, for the whole batch at once; then the target is looked at again;
 * then one rename puts the new in its place, and what came out is looked at; then the folders are synced. The rows are
 * the loop's thread's business, when the job is back. Few files are synced one by one, many by one syncfs, unless that
 * has to wait for much that others wrote.
 *
 * What is replaced or deleted becomes a version (sync/versions): a deletion is a rename to there, a replacement an
 * exchange and a rename. What cannot be kept is put back and waits. Those renames need no sync of their own: on a file
 * system that keeps a rename whole, the old content is at one of the names that are looked at after a crash.
 *
 * A target that is not what the row says is left alone (INSTALL_CHANGED), and what the exchange brings out unexpected
 * is kept under a conflict name. While something of the user's may stand in parts/, it has a name that says what it
 * should be (swap.h), so that not even a crash in between makes it look like rubbish.
 *
 * Of one path at most CONFLICTS_MAX conflict copies stand in the share: with one more, the oldest becomes a version.
 * But not where no versions are kept, so that it never becomes nothing. */
#ifndef LANYARD_SYNC_FETCH_INSTALL_JOB_H
#define LANYARD_SYNC_FETCH_INSTALL_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fs.h"
#include "sync/plan/record.h"
#include "sync/share/ground.h"
#include "sync/versions/kept_name.h"

struct index;

enum install_op {
	INSTALL_FILE,
	INSTALL_SYMLINK,
	INSTALL_DIR,
	INSTALL_META,   /* what is there stays; its mode and mtime become want's */
	INSTALL_MOVE,   /* the file at from->path becomes want->path */
	INSTALL_DELETE, /* file or symlink; of a folder only when it is empty */
};

enum install_result {
	INSTALL_DONE,
	INSTALL_CHANGED,   /* the target (a move: the source) is not what its row says; nothing was done there */
	INSTALL_NO_PARENT, /* its folder is missing (error ENOENT), or something else is in its place */
	INSTALL_NOT_EMPTY, /* a folder has to go and is not empty; names has some of its entries */
	INSTALL_BAD_BYTES, /* the bytes do not have the content's hash */
	INSTALL_NO_SHARE,  /* the share is not there: nothing was done at all */
	INSTALL_NO_SOURCE, /* the local file to copy from is not what its row says */
	INSTALL_ERROR,     /* error is the errno */
};

enum { INSTALL_NAMES = 16, CONFLICTS_MAX = 10 };

struct install_item {
	/* What to do. The records are the caller's and outlive the job. */
	enum install_op op;
	const struct record *want; /* what shall be at want->path */
	const struct record *ours; /* our row: what should be there now; NULL or a tombstone: nothing */
	const struct record *from; /* MOVE: the row of the file that moves. FILE: NULL, or a local file to copy from */
	const uint8_t *bytes;      /* FILE: the content, of one block; NULL: copy, part or empty */
	const char *part;          /* FILE: a complete and synced part in parts/, mode and mtime set; NULL: none */
	uint64_t part_ino;         /* of the part that was verified */
	bool conflict;             /* ours is kept under its conflict name first */
	bool mkdirs;               /* missing folders above may be made */
	struct kept_hands hands;   /* of a version that is made of ours */

	/* What came of it. */
	enum install_result result;
	int error; /* errno, or ROOM_RESERVED */
	struct seen
		seen; /* of what is there now; only what the disk kept of mode and mtime when it was changed again already */
	bool away;                 /* a user took it away again at once: no walk may come by there for long */
	bool hint;                 /* the path (or what was moved aside) should be looked at by the scan */
	char *conflict_path;       /* where ours was kept, owned; NULL: not, or an equal copy was there already */
	struct seen conflict_seen; /* of it; zero when it is not what the row said */
	char *kept_path;           /* where something unexpected was kept, owned */
	char *names
		[INSTALL_NAMES]; /* NOT_EMPTY: entries of the folder; else paths of conflict copies that became versions; owned */

	/* The worker's. */
	char temp[40];       /* name of the new thing in parts/; "" when none */
	struct fs_stat made; /* of the new thing */
};

struct install_job {
	struct ground *ground;
	uint64_t id;       /* makes names in parts/ unique */
	uint64_t short_id; /* ours, for conflict names */
	const char *group; /* the caller's, for lines in the log; NULL: none */
	struct install_item **items;
	size_t n;
	bool copies_stay;          /* conflict copies never become versions, however many there are */
	bool folds_case;           /* the disk takes upper and lower case for one name */
	bool reserve;              /* a reserve stays free on the disk (room.h): the index is on it too */
	const struct index *notes; /* the index in which the rows to come are noted; NULL: none are */
	/* Nanoseconds that one fsync of a small file, and one syncfs, took lately; 0: not known. In: what to reckon with;
	 * out: what was measured, 0 when it was not done. */
	int64_t fsync_ns, syncfs_ns;

	/* The worker's. */
	int root, parts; /* the ground's */
	char *share_why; /* out: why the share is not there, owned; NULL: it is */
	struct folders *folders;
	bool sync_all;  /* the whole file system is to be synced at the end */
	uint32_t swaps; /* names used */
	size_t kept;    /* out: versions made */
};

/* Does everything, in order; sorts job->items. Any thread. */
void install_job_run(struct install_job *job);
/* Frees what came of an item. */
void install_item_clear(struct install_item *item);

/* For tests: called between the steps of an item, on the worker. NULL: no hook. */
enum install_step { STEP_WRITTEN, STEP_LOOKED, STEP_SWAPPED, STEP_PLACED };
void install_set_hook(void (*fn)(enum install_step step, const char *path));

/* --- between install_*.c --- */

/* A folder of the share, open. */
struct folder {
	char *path; /* owned; "" is the root */
	size_t len;
	int fd;        /* -1: a free place */
	bool dirty;    /* to be synced */
	bool unlocked; /* u+rwx was added; mode is what it had */
	uint32_t mode;
	uint64_t used; /* when it was last asked for */
};

enum { FOLDERS_MAX = 32 };
struct folders {
	int root;
	struct folder f[FOLDERS_MAX];
	size_t n;
	uint64_t clock;
	bool lost; /* one that was to be synced was not */
};

/* The folder of path, opened beneath the root; *name is path's last component. NULL and errno. The last FOLDERS_MAX asked
 * for stay valid. */
struct folder *folders_open(struct folders *c, const char *path, bool mkdirs, const char **name);
/* Drops a folder that is being removed or replaced, and what is beneath it. */
void folders_forget(struct folders *c, const char *path);
/* After an EACCES: adds u+rwx to a folder of our own that lacks it, until the end of the batch. True: try again. Keeps
 * errno. */
bool folder_unlock(struct folder *d);
size_t folders_dirty(const struct folders *c);
int folders_sync(struct folders *c);
void folders_close(struct folders *c);

/* Writes what an item needs into parts/; sets item->temp and made. 0, or -1 with result and error set. */
int install_write(struct install_job *job, struct install_item *item, uint32_t number, bool sync);
/* Looks, renames, looks again. Sets the result. */
void install_apply(struct install_job *job, struct install_item *item);
void install_delete(struct install_job *job, struct install_item *item);
void install_move(struct install_job *job, struct install_item *item);
/* Whether on the way to path, or at it, stands something whose name differs from it in upper and lower case alone. */
bool install_meets_other_case(struct install_job *job, const char *path);
void install_hook(enum install_step step, const char *path);
int install_fail(struct install_item *item, enum install_result result, int error);
/* Whether st is what the row says is there, to the last detail / as far as a rename leaves it. */
bool install_look_same(const struct fs_stat *st, const struct record *ours);
bool install_came_out_same(const struct fs_stat *st, const struct record *ours);
struct seen install_seen(const struct fs_stat *st);
/* Of what is not there any more as it was made: what the disk kept of its mode and mtime. */
struct seen install_kept_as(const struct fs_stat *made);
uint32_t install_kind_bits(enum record_kind kind);
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
