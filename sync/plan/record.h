/* A record: all that is known about one version of one path. Peers exchange records, the index stores them, reconcile
 * compares them. Pure. */
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
	/* The bits of a mode that count. Never setuid, setgid or sticky: they would give a member the rights of another
	 * machine's users. All that makes records (from the disk, the wire, the index) masks them out. */
	RECORD_MODE = 0777,
};

/* The metadata of the file when its row was written: while a check finds the same, the file is unchanged. mode and
 * mtime_ns are what the disk kept of the row's: one that has no modes, or whole seconds, shows others than it was asked
 * to keep, and only a difference from what it kept is a user's change. */
struct seen {
	int64_t size, mtime_ns, ctime_ns;
	uint64_t ino; /* 0: the file may not be the row's; but this is how the disk keeps its mode and mtime */
	uint32_t mode;
};

struct record {
	char *path;            /* owned; legal Linux path, relative, '/'-separated, no "." or ".." or empty component */
	enum record_kind kind; /* of what is there; of a tombstone: of what was there */
	bool deleted;          /* a tombstone; content, mode, mtime and target mean nothing then */
	uint32_t mode;         /* RECORD_MODE; 0 for symlinks */
	int64_t mtime_ns;      /* files and symlinks; 0 for folders */
	struct content content; /* files */
	uint8_t chunk_log2;     /* files: log2 of the average size of its blocks, with CHUNK_RULE; 0: not cut */
	char *target;           /* symlinks; owned; NULL otherwise */
	struct version version;
	/* Files and symlinks: the version that gave the path this content (or target); empty: this one. An agent whose
	 * version knows base has had this content; since then only mode or mtime have changed. */
	struct version base;
	/* Files with a base: the version that gave the path this mode; empty: this one. Without a base it is empty,
	 * since the mode came with the content. */
	struct version mode_base;
	uint64_t modified_by; /* short ID of the agent that made this version */
	/* Whoever says this does not have its bytes: in offers and on the wire the peer; in what the index gives,
	 * we. */
	bool absent;
	/* Of this agent's rows only, never sent: */
	bool leaving;     /* its drop has begun: an absent file is not a deletion then */
	uint64_t seq;     /* our number of this row's last change; set by the index */
	uint64_t via;     /* short ID of the peer whose row made ours equal to it; 0: our own change; our own
	                           short ID: ours too, but of a content that was here before (moved, mode, mtime) */
	struct seen seen; /* all zero: never seen on disk */
};

/* Frees what it owns and zeroes it. */
void record_clear(struct record *r);
/* `to` is overwritten, not cleared first. */
void record_copy(struct record *to, const struct record *from);
/* The mode that a check finds while nobody changes it. */
uint32_t record_disk_mode(const struct record *r);
/* The mtime that it finds. */
int64_t record_disk_mtime(const struct record *r);
/* Whether the row has never seen a file: all is 0. */
bool record_seen_is_none(const struct seen *s);
/* Whether there is something at the path: NULL, a record without a path and a tombstone say there is not. */
bool record_is_live(const struct record *r);
bool record_is(const struct record *r, enum record_kind kind); /* live, and of this kind */
/* Whether kind, deletion, and content or target are the same; mode and mtime may differ. Two tombstones are the same,
 * of whatever kind. */
bool record_same_content(const struct record *a, const struct record *b);
/* Whether mode and mtime are the same too, where they mean something. Versions may differ. */
bool record_same(const struct record *a, const struct record *b);

/* Whether r, a row, is a live one whose version is one change by this writer under the number that the row still has,
 * with no base: so two numbers say all of it that differs from its twin's. */
bool record_is_as_made(const struct record *r, uint64_t writer);

/* To be called before r, a row, gets another mtime, and `mode`: sets its bases. */
void record_keep_base(struct record *r, uint32_t mode);
/* To be called before it gets other content: empties its bases. */
void record_clear_base(struct record *r);
/* r keeps its content, and its version comes to know what the other one knows. A base that is not known to be older any
 * more is emptied: the content then counts as having come with this version. */
void record_join(struct record *r, const struct version *other);
/* r's version goes on by a change of this writer: version_bump(), or version_fold() with `fresh` if the vector is full.
 * A base that is not known to be older any more is emptied. -1, with r unchanged, if there is no greater version. */
int record_bump(struct record *r, uint64_t writer, uint64_t counter, uint64_t fresh);
/* Cuts the versions of a row that an older lanyard wrote to VERSION_MAX entries. */
void record_fit(struct record *r);

#endif
