/* What changed here: watch -> debounce -> scan -> chunk + hash -> index rows. One for each group. Events are only
 * hints, the scan decides; what the scan finds already said by its row ends there. The loop's thread; workers walk
 * and hash. */
#ifndef LANYARD_SYNC_LOCAL_LOCAL_H
#define LANYARD_SYNC_LOCAL_LOCAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/workers.h"
#include "sync/index/index.h"
#include "sync/share/share.h"

struct local;

enum local_state { LOCAL_SCANNING, LOCAL_WATCHING, LOCAL_PAUSED, LOCAL_ERROR };

struct local_problem {
	const char *path;
	const char *reason;
	int64_t since_s;
	const char *next; /* what happens next; NULL: it is looked at again when it changes */
};

struct local_config {
	struct loop *loop;
	struct workers *workers;
	struct share *share;
	struct index *index;
	uint64_t short_id; /* ours, for modified_by */
	int64_t rescan_s;  /* a slow full scan, jittered by 20 %; default 3600 */
	bool events_alone; /* no full scan when folders were moved: tests show what is found without */
	/* The path is being changed by an install batch, whose row follows: what a look saw there is not taken for
	 * a change; look again a little later. NULL: never. (fetch_installing) */
	bool (*busy)(void *arg, const char *path);
	/* A row was changed by the scan: for `events`. kind of change is in r (deleted, new...). */
	void (*changed)(void *arg, const struct record *r);
	/* The result of the whole: state changed, or busy became idle or the reverse. */
	void (*state)(void *arg);
	/* The first full scan since start is complete; and after every later one. */
	void (*scanned)(void *arg, int64_t files, int64_t changed);
	/* So many deletions are held, which look like an accident: nobody is told of them before local_release.
	 * NULL: nobody minds. */
	void (*held)(void *arg, int64_t n);
	/* .lanyardignore says something else than before. NULL: nobody minds. */
	void (*rules_changed)(void *arg);
	void *arg;
};

struct local *local_new(const struct local_config *config);
/* Waits for nothing: jobs that are out are dropped when they return. */
void local_free(struct local *l);
/* Begins: watches and a full scan. */
void local_start(struct local *l);
/* "Look at this path": from the watch, and from the installer that found what it did not expect. Looked at at once. */
void local_hint(struct local *l, const char *path);
/* Full scan as soon as possible. */
void local_rescan(struct local *l);
/* Looks whether the share is there: LOCAL_ERROR when it is not. A disk that is unmounted makes no event that can be
 * relied on. mounts: and whether something was mounted in it, which is looked at then as any change is. A worker
 * looks, in some later turn it is known: local_share_checked() is true when no such look is under way, which on a
 * disk that does not answer may take for ever. */
void local_check_share(struct local *l, bool mounts);
bool local_share_checked(const struct local *l);
enum local_state local_state(const struct local *l);
/* No scan, no hint and no hash is pending or due: what is on disk is in the index, as far as events have told. */
bool local_idle(const struct local *l);
/* Files that are waited for because they keep changing, unreadable files, special files, names that cannot be: each
 * with its reason. At most 10,000 are remembered, the count goes on. */
int64_t local_problems(const struct local *l, bool (*fn)(void *arg, const struct local_problem *p), void *arg);
/* Hints, or files to hash, that are not done yet. */
int64_t local_pending(const struct local *l);
/* Paths that the ignore rules left out, when everything was looked at the last time; a folder counts as one. */
int64_t local_ignored(const struct local *l);
/* Of the problems, those that keep the share from being in sync: files that cannot be read now. */
int64_t local_failing(const struct local *l);
/* Deletions that are held: a burst that takes a large part of the share (sync/plan/burst.h). They are among the
 * problems, and end by themselves when the files are there again. */
/* since_s: when they came to be held, wall clock; may be NULL. */
int64_t local_held(const struct local *l, int64_t *since_s);
/* It is no accident: they are let go, and told. How many that were. */
int64_t local_release(struct local *l);
const char *local_error(const struct local *l); /* why LOCAL_ERROR; NULL otherwise */

/* Re-reads every file against its row. fn for each file whose bytes changed although size, mtime and ctime did not
 * (rot), then done(arg, files read, bytes read, rotten). One at a time: -1 when one is running; but it ends a
 * scrub, whose done is then not called. */
int local_verify(struct local *l, void (*fn)(void *arg, const struct record *r),
                 void (*done)(void *arg, int64_t files, int64_t bytes, int64_t rotten), void *arg);
/* The same slowly, at bytes_per_s on average, for the rows with seq > after in that order. reached(arg, seq): all
 * rows up to this one were read, and a later scrub can go on behind it. -1 when one or a verify is running. */
int local_scrub(struct local *l, uint64_t after, int64_t bytes_per_s, void (*fn)(void *arg, const struct record *r),
                void (*reached)(void *arg, uint64_t seq),
                void (*done)(void *arg, int64_t files, int64_t bytes, int64_t rotten), void *arg);

#endif
