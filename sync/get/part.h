/* The jobs of workers on parts: open, write blocks, verify claims, finish, remove. Each job has its own copy of what
 * it needs, except the descriptors, which stay open until the download's last job is back. */
#ifndef LANYARD_SYNC_GET_PART_H
#define LANYARD_SYNC_GET_PART_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "sync/get/coming.h"
#include "sync/get/part_map.h"
#include "sync/plan/leaf.h"

struct download;
struct get;

/* One block on its way into the part. */
struct piece {
	uint32_t block, len;
	int64_t offset;      /* in the part */
	int64_t from_offset; /* COPY: in the source */
	uint8_t hash[32];
	struct slab bytes;             /* WRITE: owned */
	uint64_t peer;                 /* WRITE: who sent them */
	bool patched;                  /* WRITE: put together from an older version and leaves */
	struct leaf_digester digester; /* WRITE: of the digests that are wanted */
	uint8_t *digests;              /* out: these, of a block that is right; owned; NULL: there are none */
	size_t ndigests;               /* bytes of them */
	bool ok;                       /* verified, and in the part */
};

enum part_op {
	PART_OPEN,   /* takes up a part that fits the content; else begins one, if the list is known */
	PART_WRITE,  /* verifies and writes pieces */
	PART_COPY,   /* reads pieces from a local file, verifies and writes those that are right */
	PART_VERIFY, /* reads pieces from the part itself; wrong ones are cleared */
	PART_SYNC,   /* blocks and claims so far survive a power cut from now on */
	PART_FINISH, /* mode, mtime, fsync */
	PART_REMOVE,
};

enum part_have {
	PART_LACKS,
	PART_CLAIMS, /* the map says that it is there: to be verified */
	PART_ZEROS,  /* a block of zeros, which is there */
	PART_HERE,   /* verified in this run of the agent, in the coming part that was taken over */
};

struct part_job {
	enum part_op op;
	struct download *d; /* the caller's: this one, */
	struct get *get;    /* or this one is NULL */
	char name[PART_NAME + 1];
	int parts;       /* OPEN, REMOVE: descriptor of parts/, the job's own */
	int root;        /* COPY, OPEN with a source: of the share, the job's own */
	int part, map;   /* the download's; OPEN: opened by the job, -1 when not */
	int64_t base;    /* of the first byte in the part: 0, except of a run of a coming part, which has no map */
	int64_t have_at; /* of the map's first byte of claims; OPEN: out */
	bool reserve;    /* OPEN, WRITE, COPY: a reserve stays free on the disk (sync/share/reserve.h) */
	bool dirty;      /* the part may contain bytes that are not known to be zero */
	char *path;      /* OPEN: the file's, for a new map; COPY: the source's; owned */
	char *source;    /* OPEN: a local file that may have all of the content, to be cloned; NULL: none; owned */
	int old;         /* OPEN: out: the file at path, an older version; -1: there is none */
	int64_t old_size;
	struct coming_legacy *legacy; /* OPEN: a coming part, taken over or removed; NULL: none; owned */
	bool taken_over;              /* OPEN: out: the part was begun for another path */
	bool cloned;                  /* OPEN: out: source was cloned: all blocks are claimed */
	struct content content;       /* OPEN */
	struct blocklist list;        /* OPEN: in: what is known (n 0: nothing); out: what the map said; owned */
	uint8_t *have;                /* OPEN: out: enum part_have of each block; NULL: no part; owned */
	struct piece *pieces;         /* owned */
	size_t n;
	uint32_t mode; /* FINISH: the mode that is wanted, */
	uint32_t shown;
	uint64_t ino; /* out: of the part */
	int64_t mtime_ns;
	int error; /* out: errno of the disk, or RESERVE_REACHED; 0 */
};

/* Any thread: opens the file at a path, an older version of what comes: -1 if there is none. */
int part_open_older(int root, const char *path, int64_t *size);
/* Any thread. */
void part_job_run(struct part_job *job);
/* Frees the job and what it owns; not the descriptors of part and map. */
void part_job_free(struct part_job *job);

#endif
