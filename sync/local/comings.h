/* Files of ours that have no record yet, since they are still being hashed or written: what was told of them, and their
 * blocks for the peers that ask. A run (sync/plan/coming_run.h) is told as soon as its blocks are cut. Whether the file
 * is what its blocks say is checked with each block that is read: against the file's metadata, and against the block's
 * hash where they have moved on. A file that was changed under what was told of it is told no more of, and its record
 * will say what it is.
 *
 * The loop's thread; workers read blocks. One per group; it outlives the scan that feeds it. */
#ifndef LANYARD_SYNC_LOCAL_COMINGS_H
#define LANYARD_SYNC_LOCAL_COMINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/debug.h"
#include "base/fs.h"
#include "base/loop.h"
#include "base/workers.h"
#include "sync/plan/coming_run.h"
#include "sync/plan/content_source.h"

struct comings;

/* From how many bytes on. */
struct comings_sizes {
	int64_t file;   /* a file is told of before its record is there */
	int64_t run;    /* further blocks of it are told; the last of the file may be less */
	int64_t shared; /* several receivers are told of a file that grows */
};

struct comings_config {
	struct loop *loop;
	struct workers *workers;
	/* Tell all peers. Lent. */
	void (*tell)(void *arg, const struct coming *said);
	/* How many peers would be told. NULL: one. */
	size_t (*listeners)(void *arg);
	struct comings_sizes sizes; /* file 0: the usual ones */
	void *arg;
};

struct comings *comings_new(const struct comings_config *config);
/* No reading is open any more. NULL is allowed. */
void comings_free(struct comings *s);
/* A smaller file travels with its record. */
int64_t comings_file_min(const struct comings *s);
/* Ends all, and closes their files. */
void comings_end_all(struct comings *s);
/* Calls fn with all runs that were told, for a peer that comes later. */
void comings_each(const struct comings *s, void (*fn)(void *arg, const struct coming *said), void *arg);
/* For peers that ask for blocks; good as long as s. */
struct content_source comings_source(struct comings *s);

/* What one file is known to begin with. */
struct comings_cut {
	const char *path;
	int fd;                       /* lent */
	struct fs_stat st;            /* of the file when these blocks were read */
	const struct blocklist *list; /* from the front of the file on */
	uint8_t log2;                 /* of the average block that it is cut into */
	bool growing;                 /* it is being written, and the list only becomes longer */
	bool known;                   /* something was told of it before, on behalf of the same caller */
};
/* More blocks are known: tells them when they are enough. False: nothing more is told of the file, since there are too
 * many already, or what was told of it was wrong, or it took too long. */
bool comings_cut(struct comings *s, const struct comings_cut *cut);
/* The file's record is written (written), so that receivers go on with that; or the file is gone, or something else by
 * now. */
void comings_end(struct comings *s, const char *path, bool written);
/* The file has another name. */
void comings_move(struct comings *s, const char *from, const char *to);
/* log2 of the average block into which the file was cut while it grew; 0: nothing was told of it. */
uint8_t comings_log2(const struct comings *s, const char *path);

/* For a bug report. */
void comings_debug(const struct comings *s, debug_fn *fn, void *arg);

#endif
