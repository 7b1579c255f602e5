/* Shared by comings.c and comings_serve.c; nobody else includes this. The loop's thread. */
#ifndef LANYARD_SYNC_LOCAL_COMINGS_INTERNAL_H
#define LANYARD_SYNC_LOCAL_COMINGS_INTERNAL_H

#include <uthash.h>

#include "sync/local/comings.h"

/* One run that was told. */
struct told_run {
	struct told_file *file;
	int64_t base;
	struct content c;
	struct blocklist list; /* owned */
	int64_t *at;           /* of each block in the run; owned */
	struct fs_stat st;     /* of the file when it was read */
	bool named;            /* in comings.runs: another of the same content may be there */
	struct told_run *next;
	UT_hash_handle hh; /* in comings.runs, by c.root */
};

struct told_file {
	uint64_t id;
	char *path; /* owned; where it is now */
	char *as;   /* owned; the path that was told */
	int fd;     /* owned */
	uint8_t log2;
	bool growing;
	bool written;          /* its record is */
	int64_t touched_ms;    /* when more of it was known, or its record was written */
	uint32_t told;         /* blocks of the file that are in runs */
	int64_t end;           /* where they end */
	struct block last;     /* the last of them */
	struct told_run *runs; /* in file order */
	struct told_run *last_run;
	struct told_file *prev, *next; /* in comings.files, oldest first */
};

struct comings_counters {
	int64_t files;
	int64_t bytes_told;   /* of all runs */
	int64_t bytes_served; /* of blocks that were read for peers */
	int64_t bytes_wrong;  /* of runs of files that were something else in the end */
};

struct comings {
	struct comings_config c;
	struct told_file *files;
	struct told_run *runs; /* by root */
	size_t nfiles;
	struct loop_timer *timer; /* runs while there are files */
	struct comings_counters counters;
};

/* --- comings.c --- */
/* The file was changed under what was told of it: it ends. */
void comings_wrong(struct comings *s, struct told_file *f);

#endif
