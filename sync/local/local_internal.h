/* Shared by the files of one `struct local`, which are, the lowest first (each calls only those before it):
 *   row_meta       what to record of a mode and an mtime (pure)
 *   local_signal   what every file asks for: a turn, a check, a full scan, failure
 *   scan_state     what the scan has under way or still to do
 *   hidden_write   writes that a rename may hide
 *   other_names    a file with hard links is one at all its names
 *   own            what is its user's own, and what a row stands for
 *   growing        files that travel while they are written
 *   adopt          whose version a row takes
 *   change_row     rows written
 *   gone           absent paths, until they become tombstones
 *   change_hash    files read, and their rows
 *   moves          files that were moved, as events told or as their inodes show
 *   change         one check against its row: nothing, a row, or a file to read
 *   walk_merge, walk_merge_rows, scan_queue   walks: queued, and merged with the rows
 *   recheck, root, full   what is checked again, whether the share is there, when to scan everything
 *   scan           which job goes out next
 *   verify         re-reads what the rows say is here
 *   local          the public calls, the watch's events, the end of each turn
 * Nobody else includes this header. Everything runs on the loop's thread; workers get jobs that own copies. A function
 * that meets an error of the index or of the share calls local_fail(), after which l->error is set and nothing more is
 * judged in this turn. */
#ifndef LANYARD_SYNC_LOCAL_LOCAL_INTERNAL_H
#define LANYARD_SYNC_LOCAL_LOCAL_INTERNAL_H

#include <uthash.h>

#include "sync/hash/hash.h"
#include "sync/local/comings.h"
#include "sync/local/debounce.h"
#include "sync/local/local.h"
#include "sync/local/problem.h"
#include "sync/local/walk.h"
#include "sync/local/watch.h"
#include "sync/share/seen.h"

struct verify;
struct gone;
struct growing;
struct hidden_write;

/* A walk that is queued or under way, and the rows it is merged with. */
struct walk_merge {
	char *under; /* "": everything */
	char *from;  /* `under` was moved here from this path, whose rows say what is in it; NULL: not moved */
	bool shallow;
	bool full;             /* of everything, to the last row */
	struct walk *walk;     /* a job may have it */
	bool walked;           /* its last step is back */
	struct ignore *ignore; /* the rules it goes by */
	struct index_cursor *cursor;
	struct record row; /* the cursor's next one */
	bool have_row;
	bool rows_ended;
	uint64_t walk_no; /* for problems */
	char *skip;       /* a folder that could not be read: its rows are left alone; NULL: none */
	/* Rows of absent folders, each within the one before: each becomes a tombstone after what is in it. */
	struct record *folders;
	size_t nfolders, cap_folders;
	/* Folders that were moved and that the walk is in, each within the one before: paths where they are now. */
	char **left;
	size_t nleft, cap_left;
	UT_hash_handle hh; /* in scan.queue, by `under` */
};

/* A single path to check. */
struct scan_hint {
	struct debounce_hint hint;
	char *from;        /* the file was moved here from this path; NULL: not known to be moved */
	bool full;         /* counted in scan.full_hashing */
	UT_hash_handle hh; /* in scan.content_hints, by hint.path */
};

/* A file that is being hashed. */
struct file_job {
	struct hash_file file;     /* first: the hash knows only this */
	uint64_t row_seq;          /* its row's number when it was checked; 0: it had none */
	bool full;                 /* counted in scan.full_hashing */
	bool hinted;               /* the path was checked again meanwhile: */
	enum debounce_event event; /* the strongest hint since; passed on when the file is hashed */
	bool told;                 /* comings_cut() was called for it */
	bool quiet;                /* nothing is told of it before its record is written */
	bool stale;                /* everything began again meanwhile: the result does not count */
	UT_hash_handle hh;         /* in scan.files, by file.path */
};

/* A file that was renamed. */
struct scan_move {
	char *from, *to; /* owned */
	bool full;       /* the full scan recognized it: counted in scan.full_hashing */
	struct scan_move *prev, *next;
};

enum { NAMES_TOLD = 64 };

struct scan {
	struct walk_merge *queue;   /* walks to come, in order, by path */
	struct walk_merge *subtree; /* the walk of a subtree that is under way; NULL: none */
	struct walk_merge *full;    /* the full scan that is under way; NULL: none */
	bool full_wanted;           /* another full scan, as soon as none is under way */
	struct scan_job *out;       /* a walk or single paths; one at a time, so that checks come back in order */
	size_t nout;                /* single paths that `out` has */
	struct scan_job *ready;     /* back, but not merged to the end; at most two, in their order */
	bool full_last;             /* the last job was the full scan's */
	struct scan_move *moves;    /* files that were renamed and wait to be checked */
	size_t nmoves;
	struct file_job *files;             /* being hashed */
	struct scan_hint *content_hints;    /* hints of jobs whose file's content may have changed; the jobs own them */
	struct seen names_told[NAMES_TOLD]; /* other_names.c's: states of files that their other names were told of */
	struct hidden_write *hidden_writes; /* hidden_write.c's */
	bool hidden_more;                   /* there were more than are remembered */
	/* of the full scan: */
	int64_t full_files; /* paths checked */
	int64_t full_changed;
	int64_t full_ignored; /* left out by the rules */
	int64_t full_hashing; /* files that it found and that are being hashed, or checked as moved ones */
	bool full_ended;      /* the walk is over, but not full_hashing */
	int64_t full_began_ms;
	int64_t unwatched; /* folders that could not be watched */
	uint64_t walk_no;  /* of the last walk that began */
};

/* Probes of the share's root. */
struct root {
	struct root_probe *out; /* the job's; NULL: none is under way */
	bool again;             /* asked for while one was */
	bool mounts;            /* asked for too: what is mounted in the share */
	bool rules_hinted;      /* the rules' file may have changed, and has not been read since */
	bool rules_fresh;       /* read since the last full scan began */
	/* local.c's: the share is there again, so everything begins again. */
	void (*back)(struct local *l);
};

struct local {
	struct local_config c;
	int refs;   /* the owner, and each job that is out */
	bool freed; /* by the owner */
	bool started;
	struct share_handle *handle; /* NULL: not started, or the share cannot be used */
	struct watch *watch;         /* NULL: nothing is watched */
	struct debounce *debounce;
	struct hash *hash;
	struct problem_set *problems;
	struct gone *gone;
	struct root root;
	struct scan scan;
	struct growing *growing; /* growing.c's */
	struct verify *verify;   /* NULL: none is running */
	struct loop_hook *hook;
	struct loop_timer *debounce_timer; /* also the one that makes the next turn come */
	struct loop_timer *rescan_timer;
	int64_t ignored;        /* by the rules, when the last full scan ended */
	bool merging;           /* until the first full scan is complete: see local_config.merge */
	bool folders_moved;     /* since the last full scan began */
	int64_t check_after_ms; /* no full scan because of that before */
	struct loop_timer *retry_timer;
	struct loop_timer *problem_timer;
	int64_t problem_wait_ms;    /* until failing paths are checked again; 0: the timer does not run */
	uint8_t mounts_scanned[32]; /* digest of the mount table when it was last searched for mounts in the share */
	uint8_t mounts[32];         /* digest of it when covered paths were last checked; zero: not yet */
	char *error;                /* why LOCAL_ERROR; NULL: none */
	bool failed;                /* error is new: the end of the turn drops what is under way */
	char *watch_problem;        /* why not everything is watched; NULL: everything is */
	int64_t watch_since_s;      /* since when, wall clock */
	bool warned_overflow, warned_limit;
	enum local_state last_state; /* as reported by c.state */
	bool last_idle;
	int64_t last_problems;
};

/* --- row_meta.c: pure --- */
/* The mode and mtime to record for what is on disk (st) where `row` was (NULL or a tombstone: nothing was). A disk
 * may keep less than it was given: as long as it shows what it kept of the row's mode or mtime, the row's value
 * stands, so that the disk's loss is nobody's change. */
uint32_t row_meta_mode(const struct disk *disk, const struct record *row, enum record_kind kind,
                       const struct fs_stat *st);
int64_t row_meta_mtime(const struct record *row, enum record_kind kind, const struct fs_stat *st);
/* Whether a time equals another one, or is that one with its finer part lost: some disks keep the finer part only
 * as long as the file is in memory. */
bool row_meta_is_coarser(int64_t ns, int64_t of_ns);

/* --- local_signal.c --- */
void local_ref(struct local *l);
void local_unref(struct local *l); /* the last one frees */
/* Makes another turn of the loop come by itself. */
void local_wake(struct local *l);
/* The share cannot be used: nothing more is judged, and the end of the turn drops all that is under way. Takes
 * `why` over. */
void local_fail(struct local *l, char *why);
/* The index refused to read or write: fails, since the rows are not what the scan took them for. */
void local_unwritten(struct local *l);
/* Frees *slot and puts text, which it takes over, in its place. */
void local_set_text(char **slot, char *text);
/* The limit /proc/sys/fs/inotify/<name>, which an admin can raise; 0 when it cannot be read. */
int64_t local_watch_limit(const char *name);
/* Whether the watch's events of this path are left out: by the ignore rules, or since it is lanyard's own. The
 * rules' own file is not, whatever the rules say. */
bool local_is_left_out(const struct local *l, const char *path, bool is_dir);
/* Passes an event of the watch to the debouncer, unless the path is left out. */
void local_event(struct local *l, const char *path, enum debounce_event event);
/* Has the path checked as soon as possible, whatever the rules say of it. */
void local_check_again(struct local *l, const char *path);
/* True while an install batch works at the path: what is there so far is not the user's doing, and the path is
 * checked again DEBOUNCE_BUSY_MS later. */
bool local_is_installing(struct local *l, const char *path);
/* True when the path is longer than a record may name; notes the problem. */
bool local_refuse_long(struct local *l, const char *path);

/* --- scan_state.c --- */
/* A walk, a check, a hash or a probe for the rules is queued or under way. Files that the debouncer waits for do
 * not count. */
bool scan_is_busy(const struct local *l);
/* Not busy, and the debouncer waits for nothing. */
bool scan_idle(const struct local *l);
/* Walks, paths and files to go, for `status`. */
int64_t scan_pending(const struct local *l);

/* --- hidden_write.c --- */
/* The path was written to, and is gone from there or being installed over: nobody can check it now. */
void hidden_write_note(struct local *l, const char *path);
/* `from` was renamed before any scan saw it. `first` is the oldest name in the chain of renames: the path at which
 * its index row is, or would be. _tree_: `from` is a folder, and all below it moved along. */
void hidden_write_moved(struct local *l, const char *from, const char *first);
void hidden_write_tree_moved(struct local *l, const char *from, const char *first);
/* True if the file at `path` may have been written to since its row was recorded. before: the path it was moved
 * from, whose row counts as well; NULL if it was not moved. */
bool hidden_write_possible(const struct local *l, const char *path, const char *before);
/* Nothing is left to check: forgets all of it. */
void hidden_write_forget(struct local *l);

/* --- other_names.c --- */
/* The file that the check met is not what its row says: has its other names checked, unless that was done already for
 * what it is now. content: its content may have changed without a trace in size and times. */
void other_names_check(struct local *l, const struct check *k, bool content);

/* --- own.c --- */
/* Whether the path is unshared or set aside: nothing is judged there. True if that cannot be read. */
bool own_is(struct local *l, const char *path);
/* Nothing of the row's past counts now: it is being dropped, or is doubtful, or the index may be of another time. */
bool own_knows_nothing(const struct local *l, const struct record *row);
/* What r, which is about to be written and has its path's old row's version, is to that row. */
enum own_found {
	OWN_CHANGE,  /* a change of it */
	OWN_FOUND,   /* something else: the row has gone, and r knows nothing of it any more */
	OWN_NOTHING, /* nothing is to be written */
};
enum own_found own_found(struct local *l, struct record *r);
/* What it means that the file of a live row is not there. */
enum own_absent {
	OWN_ABSENT_DELETED, /* its user has deleted it */
	OWN_ABSENT_FORGET,  /* it is not here, and that is all */
	OWN_ABSENT_ASIDE,   /* we are a reader: it is not shared that its user has deleted it */
	OWN_ABSENT_STAYS,   /* nothing */
};
enum own_absent own_absent(struct local *l, const struct record *row);
/* The live row goes: its file is not here. _set_aside: what stands there, or that nothing does, is a reader's own. 0;
 * -1 after a failure of the index, which has been dealt with. */
int own_forget(struct local *l, const char *path);
int own_set_aside(struct local *l, const char *path);
/* A member's change is at the path, and is shared: so are the folders that it is in, although some may still be set
 * aside from when it was a reader. 0, -1 as index_put(). */
int own_share_folders(struct local *l, const char *path);
/* Whether what a check found at a path that is a reader's own may be what the group has there by now. */
bool own_may_end(struct local *l, const struct check *k);
/* r, what is on disk at a path that is its user's own, is written as the group's record if a reader's own has become
 * that; otherwise r->seq is 0. 0, -1 as index_put(). */
int own_end(struct local *l, struct record *r, const struct blocklist *blocks);
/* Nothing is at the path. */
void own_gone(struct local *l, const char *path);
/* Everything begins: whether as a merge (local_config.merge). */
void own_begin(struct local *l);

/* --- adopt.c --- */
/* Records what a scan found on disk (r: the disk's metadata with the old row's version). This is normally a local
 * change. If a peer already offers the same content, the group has it listed, or a run that crashed was installing it,
 * the row takes that version, plus a local change if only mode or mtime differ. A reader's changes are set aside: then,
 * as when nothing is to be written, r->seq is 0. blocks, result: as index_put_change's. */
int adopt_write(struct local *l, struct record *r, const struct blocklist *blocks);
/* Whether a previous run was deleting the path when it ended: no accident of a user then. */
bool adopt_was_deleting(const struct local *l, const char *path);
/* The log2 of the block size by which a previous run cut a file of this size that it was installing here, or by
 * which the row's (NULL: none) was cut, so that it is cut in the same places again; 0: not known. */
uint8_t adopt_chunk_log2(const struct local *l, const char *path, int64_t size, const struct record *row);

/* --- change_row.c --- */
/* Reads the path's row into *fresh, which the caller clears when the result is true. False: the row is newer than
 * seq, the index's number when the check was made, so that check must not judge it (the path is checked again); or
 * the index failed. */
bool change_row_fresh(struct local *l, const char *path, uint64_t seq, struct record *fresh);
/* Writes r and reports it by c.changed. -1: the index refused it, which is a problem of the path, or fails
 * everything. */
int change_row_write(struct local *l, struct record *r, const struct blocklist *blocks);
/* The row is right, and st is what its content looks like now. Only for a caller that has just read the content. */
void change_row_touch(struct local *l, const char *path, const struct fs_stat *st);
/* Makes r, which keeps its path and version, a record of what is on disk (st), without content or target. same: r
 * will get the content or target that it had. was: the row of what is on disk, which is r itself or the row of the
 * path it was moved from. */
void change_row_fill(const struct local *l, struct record *r, const struct record *was, enum record_kind kind,
                     const struct fs_stat *st, bool same);
/* The path was checked once more, and the share after it. there: as check.before. If nothing is there and the row
 * says otherwise, the row becomes a tombstone. */
void change_row_gone(struct local *l, const char *path, int there);

/* --- gone.c: what is absent, until it becomes a tombstone --- */
struct gone *gone_new(struct local *l);
void gone_free(struct gone *g);
/* Forgets what waits; a full scan finds it again. */
void gone_reset(struct gone *g);
/* Nothing is at the row's path. */
void gone_add(struct local *l, const struct record *row);
/* Files and symlinks when nothing was going on last. */
int64_t gone_calm(const struct gone *g);
/* Something is at the path again, or its row is a tombstone. */
void gone_back(struct local *l, const char *path);
/* A full scan begins, or has ended. */
void gone_scan_begins(struct gone *g);
void gone_scanned(struct local *l);
/* At the end of each turn: plans when to judge what waits. */
void gone_turn(struct local *l);
/* Something waits and will become a tombstone without anybody's help. */
bool gone_waits(const struct gone *g);
int64_t gone_pending(const struct gone *g);
/* Deletions that are held, and since when (wall clock); 0: none. */
int64_t gone_held(const struct gone *g);
int64_t gone_since(const struct gone *g);
/* Releases them. Returns how many there were. */
int64_t gone_release(struct local *l);
/* Calls fn for each that is held; false when fn returned false. */
bool gone_each(const struct gone *g, bool (*fn)(void *arg, const char *path, const char *reason, int64_t since_s),
               void *arg);

/* --- growing.c --- */
void growing_new(struct local *l);
void growing_free(struct local *l);
/* Drops all that is followed. */
void growing_reset(struct local *l);
/* Events of the watch: the file was written to; its writer closed it, or it is another file now; it was renamed. */
void growing_written(struct local *l, const char *path);
void growing_closed(struct local *l, const char *path);
/* Another file is at the path, or none: nothing more comes of the one that was. */
void growing_gone(struct local *l, const char *path);
void growing_moved(struct local *l, const char *from, const char *to);
/* Whether the path is followed behind its writer. */
bool growing_follows(const struct local *l, const char *path);

/* --- change_hash.c --- */
/* Queues the file to be hashed. row (may be NULL): what is known of it. row_seq: the row's number (0: none); if
 * another one is there when the file is hashed, the result does not count. full: found by the full scan. */
void change_hash_send(struct local *l, const struct check *k, const struct record *row, uint64_t row_seq, bool full);
/* If the file is being hashed, keeps the hint until that is over, and returns true. */
bool change_hash_defer(struct local *l, const char *path, const struct scan_hint *hint);
/* The hash gives a file back: its row is written. True: it was one of the full scan's, whose count goes down. */
bool change_hash_done(struct local *l, struct hash_file *f);
/* More of a large file is cut: tells peers of it. fd: of the file, lent. */
void change_hash_cut(struct local *l, struct hash_file *f, int fd);
/* Frees a file that is not hashed any more. */
void change_hash_drop(struct hash_file *f);

/* --- moves.c --- */
/* `from` is now `to`: to be checked as a pair. full: as scan_move.full. False: too many wait. */
bool moves_add(struct local *l, const char *from, const char *to, bool full);
/* `from` is now `to`. If the last pair was moved to `from`, its new path is `to`, and true is returned. */
bool moves_again(struct local *l, const char *from, const char *to);
/* The next pair, of which there is one; its paths are the caller's to free. */
struct scan_move moves_take(struct local *l);
void moves_drop(struct local *l);
/* True if the check, of a file that is not what its path's row says, met a file that has a row at another path: the two
 * will be checked as a pair. */
bool moves_found(struct local *l, const struct check *k, const struct record *row, bool full);
/* Whether a file with the inode of r's is that file. Where the ctime is the mtime again (vfat, exfat, sshfs) it
 * confirms nothing, and such disks give out new inode numbers at each mount: another file of the same size and time
 * may have this one now. It is read first. */
bool moves_is_that_file(const struct record *r, const struct fs_stat *st);
/* Whether a write may not show. The clock that stamps files ticks every few milliseconds: a second write in the same
 * tick, of the same size, changes nothing that a check can see. But it leaves mtime and ctime equal, and there is an
 * event of it, if only of the path that the file had then. */
bool moves_hides_write(const struct fs_stat *st);

/* --- change.c --- */
/* Compares a check with the path's row (NULL: none): writes a row, sends the file to be hashed, or leaves
 * everything as it is. hint: what asked for the check; NULL: the walk m did. seq: the index's number when the check
 * was made. */
void change_found(struct local *l, const struct check *k, const struct record *row, const struct scan_hint *hint,
                  const struct walk_merge *m, uint64_t seq);

/* --- walk_merge_rows.c --- */
struct walk_merge *walk_merge_new(const char *under, const char *from, bool shallow);
void walk_merge_free(struct walk_merge *m);
/* The next row, which stays m's; NULL at the end, or when the index failed. */
struct record *walk_merge_next_row(struct local *l, struct walk_merge *m);
/* The row has been judged. */
void walk_merge_drop_row(struct walk_merge *m);

/* --- scan_queue.c --- */
/* Queues a walk of the subtree at path. from: as walk_merge.from. */
void scan_queue_tree(struct local *l, const char *path, const char *from);
/* Queues a walk of the folder and its entries alone. */
void scan_queue_folder(struct local *l, const char *path);
/* `from` is now `to`. */
void scan_queue_move(struct local *l, const char *from, const char *to, bool is_dir);
/* Drops the queued walks. moves_too: those of moved folders as well, which a full scan does not replace. */
void scan_queue_drop(struct local *l, bool moves_too);

/* --- walk_merge.c --- */
/* Merges the checks of one step with the rows up to the last of them; at the end of the walk, with all rows. seq:
 * the index's number when the step began. *at: the check to go on with, 0 at first. False: the slice of this turn
 * is used up; call it again in the next one. */
bool walk_merge_batch(struct local *l, struct walk_merge *m, const struct walk_batch *b, size_t *at, uint64_t seq);
/* The same for single paths. hints[check.tag] is what asked for each check. */
void walk_merge_hints(struct local *l, const struct walk_batch *b, const struct scan_hint *hints, uint64_t seq);

/* --- recheck.c: what no event tells of --- */
/* At the end of each turn: plans when to check failing paths again. _due: the timer's. */
void recheck_plan(struct local *l);
void recheck_due(void *arg);
/* Hints for what is mounted, and what was mounted, in the share, if the mounts have changed since the last call. */
void recheck_mounts(struct local *l);

/* --- root.c --- */
/* Has a worker probe whether the share is there (local_fail() when it is not) and read its rules; and if `mounts`,
 * looks for what was mounted in it. Does nothing while the share is known not to be there. */
void root_ask(struct local *l, bool mounts);
/* The result of root_ask() is still to come. */
bool root_asked(const struct local *l);
/* The retry timer's: whether the share is there again. */
void root_retry(void *arg);
/* The share is not there: starts the retries. */
void root_failed(struct local *l);
/* The result of a probe that is under way does not count any more. */
void root_reset(struct local *l);

/* --- full.c --- */
/* The rescan timer's. */
void full_due(void *arg);
/* The full scan and its hashing are over: plans the next one, and reports. */
void full_scanned(struct local *l);
/* Nothing is due, except perhaps what full_check_folders() would find. */
bool full_is_quiet(const struct local *l);
/* At the end of each turn: asks for one more full scan if folders were moved and everything is quiet again. */
void full_check_folders(struct local *l);

/* --- scan.c --- */
/* Sends the next job out if there is something to check and room for a job. */
void scan_pump(struct local *l);
/* Merges what is back, as much as fits into one turn; for the rest it wakes the loop. */
void scan_merge(struct local *l);
/* Drops all that is queued or under way. */
void scan_reset(struct local *l);
/* One of the full scan's files is hashed. */
void scan_full_hashed(struct local *l);

/* --- verify.c --- */
/* Ends a verify or a scrub (NULL: none) without calling its `done`; a job that is out frees the rest. */
void verify_free(struct verify *v);

#endif
