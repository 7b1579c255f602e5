/* From a path to the content it holds: read, cut, hashed, and known not to have changed meanwhile. Small files go
 * many to a job. A large one is cut in segments by several jobs at once, with the result of cutting it from front
 * to back. The loop's thread; workers do the work. */
#ifndef LANYARD_SYNC_HASH_HASH_H
#define LANYARD_SYNC_HASH_HASH_H

#include "base/fs.h"
#include "base/workers.h"
#include "sync/hash/chunk.h"
#include "sync/plan/blocklist.h"
#include "sync/plan/record.h"
#include "sync/share/share_handle.h"

struct hash;

enum hash_status {
	HASH_DONE,
	HASH_AGAIN,   /* not a file any more, or another one, or only its ctime changed: check again */
	HASH_CHANGED, /* it was written to while it was read */
	HASH_FAILED,  /* cannot be read: error says why (EFBIG: more blocks than a record may have) */
};

/* One file to hash; the caller's, who may make it part of something larger. */
struct hash_file {
	/* set by the caller */
	char *path;
	int64_t size;          /* when it was last checked: only decides how it is hashed */
	uint8_t previous_log2; /* log2 of the block size that its last version was cut with; 0: none */
	/* The list of its last version, if an earlier rule cut it and it has this size: while the bytes are those, the
	 * list stays. Empty otherwise; the caller clears it. */
	struct blocklist known;
	/* the result */
	enum hash_status status;
	int error;
	struct fs_stat st; /* DONE: of the file as it was read */
	struct content content;
	uint8_t chunk_log2;
	bool kept_cuts;          /* the content is the known one, and an earlier rule's */
	struct blocklist blocks; /* of two or more; empty otherwise; the caller clears it */
	/* ours */
	struct hash_file *prev, *next;
};

struct hash_ops {
	/* Of a large file more blocks are known, in file order, while the rest of it is still being read: f->blocks
	 * grew. They are those of the file as it was when f->st was taken, if nothing changes it meanwhile. fd: of the
	 * file, lent. Not called any more once a change was seen. May be NULL. */
	void (*cut)(void *arg, struct hash_file *f, int fd);
	/* The file is done, and the caller's again. */
	void (*done)(void *arg, struct hash_file *f);
	/* The hash was freed before the file was done: frees f. */
	void (*drop)(struct hash_file *f);
};

enum { HASH_SMALL_MAX = 4 << 20 }; /* up to this size a file is hashed by one job */

/* ops is kept by reference. rule: how files are cut; it outlives the workers. */
struct hash *hash_new(struct workers *workers, const struct chunk_rule *rule, const struct hash_ops *ops, void *arg);
/* Jobs that are out end by themselves, and call drop instead of done. */
void hash_free(struct hash *h);
void hash_add(struct hash *h, struct share_handle *g, struct hash_file *f);
/* Starts jobs for what was added: call it when a run of hash_add() is over. */
void hash_pump(struct hash *h);
/* Files that were added and are not done. */
size_t hash_pending(const struct hash *h);

/* Any thread: opens a file for reading; with O_NOATIME if the file is ours, since reading it must not look like use. -1
 * and errno. */
int hash_open(int dirfd, const char *name);

#endif
