/* Local changes: watch -> debounce -> scan -> cut and hash -> index rows. One per group. Events are only hints; the
 * scan decides, and it ends there if the row already says what the scan finds. The loop's thread; workers walk and
 * hash. */
#ifndef LANYARD_SYNC_LOCAL_LOCAL_H
#define LANYARD_SYNC_LOCAL_LOCAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/workers.h"
#include "sync/index/index.h"
#include "sync/local/comings.h"
#include "sync/share/share.h"

struct local;

enum local_state { LOCAL_SCANNING, LOCAL_WATCHING, LOCAL_PAUSED, LOCAL_ERROR };

struct local_problem {
	const char *path;
	const char *reason;
	int64_t since_s;
	const char *next; /* what happens next; NULL: it is checked again when it changes */
};

struct local_config {
	struct loop *loop;
	struct workers *workers;
	struct share *share;
	struct index *index;
	uint64_t short_id;             /* ours, for modified_by */
	const struct chunk_rule *cuts; /* how files are cut; outlives the workers; NULL: as in a group without keys */
	struct comings *comings;       /* is told of large files before their records are written; NULL: nobody is */
	int64_t rescan_s;              /* between full scans, jittered by 20 %; 0: 3600 */
	/* The index is not of this disk's time, since it was put back or its choices were: until the first full scan is
	 * complete, what is absent is not here, and what differs was found; neither is a change of what the rows
	 * say. */
	bool merge;
	bool events_alone; /* no full scan when folders were moved, so that tests show what is found without */
	/* Whether an install batch is changing the path, whose row follows: what a check finds there is not a
	 * user's change, and the path is checked again a little later. NULL: never. (fetch_installing) */
	bool (*busy)(void *arg, const char *path);
	/* The scan wrote a row: for `events`. r says what kind of change it was (deleted, new...). */
	void (*changed)(void *arg, const struct record *r);
	/* local_state(), local_idle() or the number of problems changed. */
	void (*state)(void *arg);
	/* A full scan is complete: the first one since start, and every later one. */
	void (*scanned)(void *arg, int64_t files, int64_t changed);
	/* What was a reader's own at this path is gone, and what the group has there is wanted again. NULL: nobody
	 * asks. */
	void (*given_back)(void *arg, const char *path);
	/* n deletions are held since they look like an accident: no peer is sent them before local_release(). May
	 * be NULL. */
	void (*held)(void *arg, int64_t n);
	/* The rules in .lanyardignore have changed. May be NULL. */
	void (*rules_changed)(void *arg);
	void *arg;
};

struct local *local_new(const struct local_config *config);
/* Does not wait: jobs that are out are dropped when they come back. */
void local_free(struct local *l);
/* Begins: watches and a full scan. */
void local_start(struct local *l);
/* Checks this path at once. For the installer that found what it did not expect, and whoever else has a doubt. */
void local_hint(struct local *l, const char *path);
/* The same for a folder and all that is in it: things may be there that no event told of, or that did not count so
 * far. */
void local_hint_tree(struct local *l, const char *path);
/* Makes a full scan as soon as possible. */
void local_rescan(struct local *l);
/* Has a worker probe whether the share is there: LOCAL_ERROR when it is not. An unmounted disk makes no event that
 * one could rely on. mounts: also checks what was mounted in the share since, as any other change. The result comes
 * in some later turn: local_share_checked() is true when no such probe is under way, which on a disk that does not
 * answer may take for ever. */
void local_check_share(struct local *l, bool mounts);
bool local_share_checked(const struct local *l);
enum local_state local_state(const struct local *l);
/* No scan, hint or hash is pending or due: what is on disk is in the index, as far as events have told. */
bool local_idle(const struct local *l);
/* Files that keep changing, unreadable files, special files, illegal names: each with its reason. Returns how many
 * there are. At most 10,000 are remembered; further ones are only counted. */
int64_t local_problems(const struct local *l, bool (*fn)(void *arg, const struct local_problem *p), void *arg);
/* How far the full scan that is under way has come. False: none is. */
struct local_scanning {
	int64_t seen;    /* paths that it has checked */
	int64_t hashing; /* files that it found and that are being read still */
	int64_t took_ms; /* so far */
};
bool local_scanning(const struct local *l, struct local_scanning *s);
/* Walks, hints and files to hash that are not done yet. */
int64_t local_pending(const struct local *l);
/* Paths that the ignore rules left out in the last full scan; a folder counts as one. */
int64_t local_ignored(const struct local *l);
/* Of the problems, those that keep the share from being in sync: files that cannot be read at present. */
int64_t local_failing(const struct local *l);
/* Deletions that are held: a burst that takes a large part of the share (sync/plan/burst.h). They are among the
 * problems, and end by themselves when the files are there again. since_s: when that began, wall clock; may be
 * NULL. */
int64_t local_held(const struct local *l, int64_t *since_s);
/* It was not an accident: the held deletions become tombstones. Returns how many there were. */
int64_t local_release(struct local *l);
const char *local_error(const struct local *l); /* why LOCAL_ERROR; NULL otherwise */

/* The results of a verify or a scrub. */
struct local_verify_ops {
	/* The file's bytes changed although size, mtime and ctime did not. */
	void (*rotten)(void *arg, const struct record *r);
	/* Scrubs only: all rows up to this number were read, and a later scrub can go on after it. */
	void (*reached)(void *arg, uint64_t seq);
	/* It is over; how many files and bytes were read, and how many files are rotten. */
	void (*done)(void *arg, int64_t files, int64_t bytes, int64_t rotten);
};

/* Re-reads every file against its row. ops is kept by reference. One at a time: -1 when one is running. A running scrub
 * ends, without its done being called. */
int local_verify(struct local *l, const struct local_verify_ops *ops, void *arg);
/* The same slowly, at bytes_per_s on average, for the rows with seq > after, in that order. -1 when a scrub or a verify
 * is running. */
int local_scrub(struct local *l, uint64_t after, int64_t bytes_per_s, const struct local_verify_ops *ops, void *arg);

#endif
