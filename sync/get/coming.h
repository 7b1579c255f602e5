/* Files that a peer is still hashing, or that are still being written there: their bytes come before their records.
 * Each run of blocks (sync/plan/coming_run.h) is a content of its own and one download, and all runs of a file are
 * written to one coming part, at their places. When the record comes, the download of the whole takes the coming part
 * over, with every block that is the same in its list; what is not, is verified or requested as if the coming part
 * were an older version. A coming part that nobody takes over is removed. The loop's thread; nobody outside of
 * sync/get includes this. */
#ifndef LANYARD_SYNC_GET_COMING_H
#define LANYARD_SYNC_GET_COMING_H

#include <uthash.h>

#include "sync/get/liars.h"
#include "sync/get/part_map.h"
#include "sync/plan/coming_run.h"

struct get;
struct download;
struct get_coming;
struct coming_run;

enum {
	COMING_FILE_NAME = 24,      /* of a coming part: 16 hex digits, ".coming" */
	COMING_KEPT_MS = 60000,     /* a coming part that has ended waits this long for its record */
	COMING_DRAIN_MS = 2000,     /* answers under way are awaited this long before the part is taken over */
	COMING_RUNS_AT_ONCE = 6,    /* of one file */
	COMING_BLOCK_MIN = 8 << 10, /* bytes of a block, on average: shorter ones are not announced by honest members */
	COMING_PARTS_MAX = 16,      /* of one group */
	COMING_LIST_MAX = 1 << 18,  /* blocks that all runs of one group have, */
	COMING_RUN_COSTS = 16,      /* where a run counts as that many more: it takes memory however short it is */
};
/* Bytes of all coming parts of a group. The disk's reserve bounds them as it bounds all parts. */
#define COMING_BYTES_MAX (INT64_C(256) << 30)

/* What the download of a run calls. */
struct coming_ops {
	/* All of the run's blocks are in the part. */
	void (*complete)(struct coming_run *run);
	/* The run cannot go on. */
	void (*failed)(struct coming_run *run);
	/* A download of one of the runs was freed. */
	void (*freed)(struct get_coming *c);
};

/* One run. */
struct coming_run {
	struct get_coming *of; /* NULL once a job owns the run */
	int64_t base;          /* of its first block in the file */
	struct content c;
	struct blocklist list;     /* owned */
	int64_t *at;               /* of each block in the run; owned */
	uint8_t *have;             /* one per block: 1 when it is verified and in the part; while a download has it,
	                            * only that knows; owned */
	struct download *download; /* NULL: not begun, or over */
	bool whole;                /* all of it is in the part */
	bool named;                /* in get.runs */
	struct coming_run *prev, *next;
	UT_hash_handle hh; /* in get.runs, by c.root */
};

enum coming_part_state {
	COMING_OPENING, /* a worker makes the file */
	COMING_OPEN,
	COMING_OVER,     /* nothing more is requested; it waits for the record until due_ms */
	COMING_DRAINING, /* a download waits for what is under way, and takes the part over */
	COMING_GONE,     /* taken over or dropped: freed with its last download and job */
};

/* One file of one peer. Invariants: runs ascend by base and do not overlap; `next` and all after it have not begun;
 * heir is NULL unless DRAINING, and where it is NULL then, the download is gone that waited. */
struct get_coming {
	struct get *g;
	const struct coming_ops *ops;
	uint64_t peer, id;
	char *path; /* owned; for messages, and to find the record's download */
	struct liars liars;
	char file[COMING_FILE_NAME];
	enum coming_part_state state;
	int fd;  /* owned; -1: not open */
	int old; /* of the file that stands at path, an older version; owned; -1: there is none */
	int64_t old_size;
	struct leaves *leaves; /* what the last run knew of it (leaves.c); owned */
	struct coming_run *runs;
	struct coming_run *next;
	int64_t end;      /* of the last run */
	int64_t due_ms;   /* OVER: when it is dropped; DRAINING: when it stops waiting */
	uint32_t nblocks; /* of all runs */
	int64_t bytes;    /* of all runs */
	int running;      /* runs that have a download which goes on */
	int downloads;    /* that are not freed */
	bool job;         /* the opening one is out */
	bool failed;      /* it ends in the next turn */
	struct download *heir;
	struct get_coming *prev, *following; /* in get.comings, oldest first */
};

/* What a worker makes a part of: given to the download that takes it over. */
struct coming_legacy {
	char file[COMING_FILE_NAME];
	struct coming_run *runs; /* owned: a list */
};
void coming_legacy_free(struct coming_legacy *legacy);
/* Any thread: for each block of list, *have (list->n of them) says whether the legacy has it: PART_HERE, or
 * PART_CLAIMS if its bytes are there and nobody knows whether they are right, or PART_LACKS. */
void coming_legacy_have(const struct coming_legacy *legacy, const struct blocklist *list, uint8_t *have);

#endif
