/* A record: what is known of one path. Peers exchange records, the index keeps them, reconcile compares them. Pure. */
#ifndef LANYARD_SYNC_PLAN_RECORD_H
#define LANYARD_SYNC_PLAN_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "sync/plan/content.h"
#include "sync/plan/version.h"

enum record_kind { RECORD_FILE = 1, RECORD_DIR = 2, RECORD_SYMLINK = 3 };

enum {
	RECORD_PATH_MAX = 4095, /* bytes of a path, without the NUL */
	RECORD_NAME_MAX = 255,  /* bytes of one component */
	/* Of a mode: never setuid, setgid or sticky, which would give a member the rights of another machine's users.
	 * Whatever brings a record in (the disk, the wire, the index) leaves them out. */
	RECORD_MODE = 0777,
};

/* What the scan saw of the path when the row was written; a look that still sees this means "unchanged". mode and
 * mtime_ns are what the disk kept of the row's: a disk that has no modes, or whole seconds, shows others than it was
 * asked to keep, and only a difference from what it kept is a user's change. */
struct seen {
	int64_t size, mtime_ns, ctime_ns;
	uint64_t ino; /* 0: what is there is not known to be the row's, but the disk keeps such a mode and mtime so */
	uint32_t mode;
};

struct record {
	char *path;            /* owned; legal Linux path, relative, '/'-separated, no "." or ".." or empty component */
	enum record_kind kind; /* of what is, or for a tombstone of what was */
	bool deleted;          /* a tombstone: content, mode, mtime and target mean nothing */
	uint32_t mode;         /* RECORD_MODE; 0 for symlinks */
	int64_t mtime_ns;      /* files and symlinks; 0 for folders */
	struct content content; /* files */
	uint8_t chunk_log2;     /* files: log2 of the average block size it was cut with; 0 when not cut (one block) */
	char *target;           /* symlinks; owned; NULL otherwise */
	struct version version;
	/* Files and symlinks: the version at which the content (or target) became what it is; empty when it is this
	 * one. Whose version knows of it has had this content at hand: what changed since is mode or mtime alone. */
	struct version base;
	/* Files with a base: the version at which the mode became what it is; empty when it is this one. Without a
	 * base, empty: the mode counts as having come with the content. */
	struct version mode_base;
	uint64_t modified_by; /* short ID of the agent that made this version */
	/* of this agent only, never sent */
	uint64_t seq;     /* our number of this row's last change; set by the index */
	uint64_t via;     /* short ID of the peer whose row made ours equal to it; 0: our own change; our own
	                           short ID: ours too, but of a content that was here before (moved, mode, mtime) */
	struct seen seen; /* all zero: never seen on disk */
};

void record_clear(struct record *r); /* frees what it owns and zeroes it */
void record_copy(struct record *to, const struct record *from);
/* What a look shows of mode and mtime as long as nobody changes them. */
uint32_t record_kept_mode(const struct record *r);
int64_t record_kept_mtime(const struct record *r);
bool record_seen_is_none(const struct seen *s); /* all zero */
/* Whether there is something at the path: NULL, a record without a path and a tombstone say there is not. */
bool record_is_live(const struct record *r);
bool record_is(const struct record *r, enum record_kind kind); /* live, and of this kind */
/* Same kind, deletion, content or target; mode and mtime may differ. Two tombstones are the same, whatever they were
 * of. */
bool record_same_content(const struct record *a, const struct record *b);
/* record_same_content, and mode and mtime too (where they mean something). Versions may differ. */
bool record_same(const struct record *a, const struct record *b);

/* Before r, a row, takes on another mtime, and `mode`: its bases. Before it takes on other content:
 * record_clear_base. */
void record_keep_base(struct record *r, uint32_t mode);
void record_clear_base(struct record *r);
/* r, whose content stays, comes to know what the other version knows. A base that is not known to be older any more
 * goes: the content then counts as having come with this version. */
void record_join(struct record *r, const struct version *other);
/* r's version goes on by a change of this writer (version_bump; where that has no room version_fold, with `fresh`).
 * Bases: likewise. -1 (and unchanged) when there is no greater version. */
int record_bump(struct record *r, uint64_t writer, uint64_t counter, uint64_t fresh);
/* Versions of an older index: VERSION_MAX entries stay. */
void record_fit(struct record *r);

#endif
