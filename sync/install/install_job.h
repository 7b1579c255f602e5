/* One batch of changes to a share, done by a worker from its own copy of what it needs: it knows neither tickets,
 * downloads nor the index.
 *
 * The commit order for every item: a new file is written in parts/ under a fresh name, verified and synced (of many in
 * one batch: in a folder there of the batch's own, since two batches in one folder wait for its lock); then the notes
 * of the rows to come are made safe from a power cut, for the whole batch at once; then the target is checked again;
 * then one rename puts the new thing in its place, and the old one that came out is checked; then the folders are
 * synced. The loop's thread writes the rows when the job is back. A few files are synced one by one, many by one
 * syncfs, unless that has to wait for much that others wrote.
 *
 * A file that is replaced or deleted becomes a version (sync/versions): a deletion is a rename to there, a replacement
 * an exchange and a rename. A file that cannot be kept is put back, and the item waits. Those renames need no sync of
 * their own: on a file system that keeps a rename whole, the old content is at one of the names that recover.h checks
 * after a crash.
 *
 * A target that is not what the row says is left alone (INSTALL_CHANGED), and anything unexpected that the exchange
 * brings out is kept under a conflict name. While a user's file may stand in parts/, its name there says what it
 * should be (swap.h), so that even a crash in between does not make it look like rubbish.
 *
 * One path has at most CONFLICTS_MAX conflict copies in the share: with one more, the oldest becomes a version. But
 * not where no versions are kept, since it would be lost. */
#ifndef LANYARD_SYNC_INSTALL_JOB_H
#define LANYARD_SYNC_INSTALL_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fs.h"
#include "sync/plan/record.h"
#include "sync/share/share_handle.h"
#include "sync/versions/kept_name.h"

struct folders;

enum install_op {
	INSTALL_FILE,
	INSTALL_SYMLINK,
	INSTALL_DIR,
	INSTALL_META,   /* the thing stays; it gets the mode and mtime of want */
	INSTALL_MOVE,   /* the file at from->path becomes want->path */
	INSTALL_DELETE, /* file or symlink; of a folder only when it is empty */
};

enum install_result {
	INSTALL_DONE,
	INSTALL_CHANGED,   /* the target (a move: the source) is not what its row says; nothing was done there */
	INSTALL_NO_PARENT, /* its folder is missing (error ENOENT), or something else is in its place */
	INSTALL_NOT_EMPTY, /* a folder that has to go is not empty; names has some of its entries */
	INSTALL_BAD_BYTES, /* the bytes do not have the content's hash */
	INSTALL_NO_SHARE,  /* the share is not there: nothing was done at all */
	INSTALL_NO_SOURCE, /* the local file to copy from is not what its row says */
	INSTALL_ERROR,     /* error is the errno */
};

enum { INSTALL_NAMES = 16, CONFLICTS_MAX = 10 };

struct install_item {
	/* The order. The records are the caller's and outlive the job. */
	enum install_op op;
	const struct record *want; /* what shall be at want->path */
	const struct record *ours; /* our row: what should be there now; NULL or a tombstone: nothing */
	/* MOVE: the row of the file that moves. FILE: NULL, or a local file to copy from. DIR: NULL, or the row of a
	 * folder that the batch deletes and whose files move here, so that it may move as a whole. */
	const struct record *from;
	const uint8_t *bytes;    /* FILE: the content, of one block; NULL: copy, part or empty */
	const char *part;        /* FILE: a complete and synced part in parts/, mode and mtime set; NULL: none */
	uint64_t part_ino;       /* of the part that was verified */
	bool conflict;           /* ours is kept under its conflict name first, if its bytes differ */
	bool mkdirs;             /* missing folders above may be made */
	bool release;            /* DELETE: no version is kept: other members have the file */
	struct kept_hands hands; /* for a version that is made of ours */

	/* The result. */
	enum install_result result;
	int error; /* errno, or RESERVE_REACHED */
	/* Of the thing that is there now; only what the disk kept of mode and mtime if it was changed again already. */
	struct seen seen;
	bool away;           /* a user took it away again at once, and no scan may come by for a long time */
	bool hint;           /* the scan should check the path, or the file that was moved aside */
	char *conflict_path; /* where ours was kept, owned; NULL: it was not, or an identical copy was there already */
	struct seen conflict_seen; /* of that copy; zero if it is not what the row said */
	char *kept_path;           /* where an unexpected file was kept, owned */
	/* NOT_EMPTY: entries of the folder; else paths of conflict copies that became versions; owned. */
	char *names[INSTALL_NAMES];

	/* The worker's. */
	char temp[40];       /* name of the new thing in parts/; "" when none */
	bool staged;         /* in the batch's folder there */
	bool verified;       /* bytes have the content's hash */
	bool moved;          /* with its folder */
	bool placed;         /* it is at its path; the job checks it once more at the end */
	bool equal;          /* the conflict was none: ours has the same bytes, and nothing of it has to be kept */
	bool part_used;      /* its part is at its path, whatever failed after that */
	struct fs_stat made; /* of the new thing */
};

struct install_job {
	struct share_handle *handle;
	uint64_t id;       /* makes names in parts/ unique */
	uint64_t short_id; /* ours, for conflict names */
	const char *group; /* the caller's, for lines in the log; NULL: none */
	struct install_item **items;
	size_t n;
	bool copies_stay; /* conflict copies never become versions, however many there are */
	bool folds_case;  /* the disk does not distinguish upper and lower case */
	bool reserve;     /* a reserve stays free on the disk (sync/share/reserve.h): the index is on it too */
	/* Makes the caller's notes of the rows to come safe from a power cut; called by the worker. NULL: there are
	 * none. */
	void (*sync_notes)(const void *arg);
	const void *notes;
	/* Nanoseconds that one fsync of a small file, and one syncfs, took lately; 0: not known. In: what to reckon
	 * with; out: what was measured, 0 when it was not done. */
	int64_t fsync_ns, syncfs_ns;

	/* The worker's. */
	int root, parts; /* the handle's */
	int staging;     /* the batch's folder in parts/; -1: it has none */
	char staging_name[40];
	int64_t taken;   /* bytes granted of the disk above the reserve (reserve_take), */
	int64_t room;    /* and those of them that are not written yet */
	char *share_why; /* out: why the share is not there, owned; NULL: it is */
	struct folders *folders;
	bool sync_all;  /* the whole file system is to be synced at the end */
	uint32_t swaps; /* names used */
	size_t kept;    /* out: versions made */
};

/* Does everything, in order; sorts job->items. Any thread. */
void install_job_run(struct install_job *job);
/* Frees the result of an item. */
void install_item_clear(struct install_item *item);

/* For tests: called between the steps of an item, on the worker. NULL: no hook. */
enum install_step { STEP_WRITTEN, STEP_LOOKED, STEP_SWAPPED, STEP_PLACED };
void install_set_hook(void (*fn)(enum install_step step, const char *path));

#endif
