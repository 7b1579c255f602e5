/* Why a ticket waits, in words that an admin can act on, and how soon it is tried again. Pure. */
#ifndef LANYARD_SYNC_FETCH_REASON_H
#define LANYARD_SYNC_FETCH_REASON_H

#include <stdbool.h>
#include <stdint.h>

enum reason {
	REASON_NONE,
	REASON_CHANGED,    /* the file here is not what its row says: the scan checks it */
	REASON_PARENT,     /* its folder is not known yet */
	REASON_IN_THE_WAY, /* something else is in its folder's place */
	REASON_NOT_EMPTY,  /* the folder to be removed holds what is not shared */
	REASON_CHILDREN,   /* the folder to be removed waits for what is in it */
	REASON_IN_USE,     /* the file to be removed is being copied to another place */
	REASON_SAME,       /* another path with the same content is being fetched */
	REASON_NO_SOURCE,  /* nobody who has it is connected */
	REASON_NOT_NOW,
	REASON_SILENT,     /* those who have it do not answer */
	REASON_BAD_SOURCE, /* those who have it sent something else */
	REASON_HELD,       /* one of many losses by one member: see guard.h */
	REASON_UNKEPT,     /* it takes content away, and there is no space to keep a version of that */
	REASON_FULL,
	REASON_RESERVED, /* what is free on the disk is kept for the index */
	REASON_QUOTA,
	REASON_READ_ONLY,
	REASON_DENIED,
	REASON_NAME,
	REASON_CASE, /* another of its names differs in upper and lower case alone, which the disk cannot tell apart */
	REASON_SYMLINK, /* the disk has no symlinks */
	REASON_TOO_BIG,
	REASON_OTHER_DISK,
	REASON_FILES,
	REASON_DISK,
	REASON_COUNT,
};

/* NULL for REASON_NONE. */
const char *reason_text(enum reason r);
enum reason reason_of_errno(int error);
/* Milliseconds until the next try, after `tries` that failed. */
int64_t reason_patience_ms(enum reason r, unsigned tries);
/* Whether an admin should hear of it (config.problem); else it passes by itself. */
bool reason_is_problem(enum reason r);
/* Whether what waits for this reason is listed meanwhile: it can take for ever, and others may get it. */
bool reason_lists(enum reason r);
/* Whether the cause lies with the members that have the content, or claim to. */
bool reason_is_source(enum reason r);
/* Whether another ticket's success is a sign that the cause is gone. */
bool reason_is_disk(enum reason r);

#endif
