/* A run of blocks of a file that has no record yet: it is still being hashed, or written. A member announces it so that
 * its bytes travel meanwhile. Each run is a content of its own, made by its blocks, so it is requested, announced,
 * served and verified like any other content; only the place of its first byte in the file is new. Nothing is ever
 * installed because of a run: the file's record alone says what the file is. Pure. */
#ifndef LANYARD_SYNC_PLAN_COMING_RUN_H
#define LANYARD_SYNC_PLAN_COMING_RUN_H

#include <stdint.h>

#include "sync/plan/blocklist.h"

enum {
	COMING_BLOCKS_MAX = 2048,   /* of one run */
	COMING_RUN_MIN = 8 << 20,   /* bytes of a run, except the last of a file, */
	COMING_RUN_MAX = 128 << 20, /* and at most */
	COMING_FILE_MIN = 8 << 20,  /* a smaller file travels with its record */
	COMING_FILES_MAX = 4,       /* files that one member may announce at a time in a group */
};
/* Bytes of the largest file: as many of the smallest blocks as a content may have. */
#define COMING_SIZE_MAX ((int64_t)CONTENT_MAX_BLOCKS << 20)

enum coming_state {
	COMING_RUN,   /* here are further blocks */
	COMING_ENDED, /* no more runs come, and the sender gives no more of those that came: no blocks are said */
};

struct coming {
	uint64_t id; /* of this version of the file, drawn by its sender */
	const char *path;
	enum coming_state state;
	int64_t base;            /* in the file: where the first block begins */
	struct blocklist blocks; /* COMING_RUN: 1 to COMING_BLOCKS_MAX */
};

#endif
