/* What the files of one `struct local` share: local.c (its life), full.c (looks at everything), scan.c (what to look at next), merge.c
 * (looks against rows), change.c and change_hash.c (rows written), adopt.c, gone.c, written.c, verify.c. Nobody else includes this. The loop's
 * thread. */
#ifndef LANYARD_SYNC_LOCAL_LOCAL_INTERNAL_H
#define LANYARD_SYNC_LOCAL_LOCAL_INTERNAL_H

#include <uthash.h>

#include "sync/local/hash.h"
#include "sync/local/local.h"
#include "sync/local/problem.h"
#include "sync/local/debounce.h"
#include "sync/local/walk.h"
#include "sync/local/watch.h"

struct verify;
struct gone;
struct hidden_write;

/* A walk under way, or about to begin, and the rows it is merged with. */
struct walk_merge {
	char *under; /* "": everything */
	char *from;  /* what is now `under` was this folder: contents are taken over from its rows; NULL: not so */
	bool shallow;
	bool full;             /* of everything, to the last row */
	struct walk *walk;     /* a job may have it */
	bool walked;           /* its last step is back */
	struct ignore *ignore; /* the rules it goes by */
	struct index_cursor *cursor;
	struct record row; /* the cursor's next one */
	bool have_row;
	bool rows_ended;
	uint64_t start_seq; /* the index's number when it began: later rows it does not judge */
	uint64_t walk_no;   /* for problems */
	char *skip;         /* a folder that could not be read: its rows are left alone; NULL: none */
	struct record
		*folders; /* rows of absent folders, one in another; each becomes a tombstone after what is in it */
	size_t nfolders, cap_folders;
	/* in the queue of walks to come, by `under` */
	UT_hash_handle hh;
};

/* A single path to look at. */
struct scan_hint {
	struct debounce_hint hint;
	char *from;        /* it was this file; NULL: not known to be moved */
	UT_hash_handle hh; /* in scan.content_hints, by hint.path */
};

/* A file that is being hashed. */
struct file_job {
	struct hash_file file;     /* first: the hash knows only this */
	uint64_t row_seq;          /* of its row when it was looked at; 0: none */
	bool full;                 /* counted in scan.full_hashing */
	bool hinted;               /* something was heard of it meanwhile: */
	enum debounce_event event; /* the most that it may mean; told anew when the file is hashed */
	bool stale;                /* all was begun anew meanwhile: the result does not count */
	UT_hash_handle hh;         /* by file.path */
};

struct move {
	char *from, *to;
	struct move *prev, *next;
};

struct scan {
	struct walk_merge *queue;   /* walks to come, in order, by path */
	struct walk_merge *subtree; /* the one under way; NULL: none */
	struct walk_merge *full;    /* the full scan under way; NULL: none */
	bool full_wanted;           /* another one, as soon as none is under way */
	struct scan_job *out;       /* has a walk, or single paths; one at a time, so that looks come in their order */
	struct scan_job *ready;     /* back, and not merged to the end; at most two, in their order */
	bool full_last;             /* it was the full scan's turn the last time */
	struct move *moves;         /* files that were renamed, to be looked at */
	size_t nmoves;
	struct file_job *files;
	struct scan_hint *content_hints;    /* those under way whose content was heard to change; the jobs' */
	struct hidden_write *hidden_writes; /* see hidden_write.c */
	bool hidden_more;                   /* more than are kept */
	int64_t full_files;                 /* looked at by the full scan */
	int64_t full_changed;
	int64_t full_ignored; /* left out by the rules */
	int64_t full_hashing; /* files it found that are being hashed */
	bool full_ended;      /* the full scan's walk is through, full_hashing is not */
	int64_t full_began_ms;
	int64_t unwatched; /* folders of the full scan that could not be watched */
	uint64_t walk_no;  /* of the last walk that began */
};

/* Looks at the share's root. */
struct root {
	struct root_probe *out; /* the job's; NULL: none is under way */
	bool again;             /* asked for while one was */
	bool mounts;            /* and what is mounted in it */
	bool rules_hinted;      /* the rules' file may have changed, and was not read since */
	bool rules_fresh;       /* read since the last full scan began */
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
	struct verify *verify; /* NULL: none is running */
	struct loop_hook *hook;
	struct loop_timer *debounce_timer;
	struct loop_timer *rescan_timer;
	int64_t ignored;        /* by the rules, when the last full scan ended */
	bool folders_moved;     /* since the last full scan began */
	int64_t check_after_ms; /* no scan for their sake before */
	struct loop_timer *retry_timer;
	struct loop_timer *problem_timer;
	int64_t problem_wait_ms; /* until failing paths are looked at again; 0: the timer does not run */
	uint8_t mounts_scanned
		[32];          /* digest of the table of mounts when it was last looked through for some in the share */
	uint8_t mounts[32];    /* digest of the table of mounts when covered paths were last looked at; zero: not yet */
	char *error;           /* why LOCAL_ERROR; NULL: none */
	bool failed;           /* error is new: the end of the turn drops what is under way */
	char *watch_problem;   /* why not all is watched; NULL: all is */
	int64_t watch_since_s; /* wall clock; since when */
	int64_t rescan_now_s;  /* the time between full scans in force */
	bool warned_overflow, warned_limit;
	enum local_state last_state;
	bool last_idle;
	int64_t last_problems;
};

/* --- local.c --- */
void local_ref(struct local *l);
void local_unref(struct local *l); /* the last one frees */
/* The share is there: begins anew, with watches and a full scan. */
void local_begin(struct local *l);
/* The next turn comes by itself. */
void local_wake(struct local *l);
/* The share cannot be used: nothing is judged from now on, and at the end of the turn all that is under way is dropped.
 * why is taken over. */
void local_fail(struct local *l, char *why);
/* The index refused a write: everything has to be looked at again. */
void local_unwritten(struct local *l);
/* A number an admin can write to /proc/sys/fs/inotify/<name>; 0 when it cannot be read. */
int64_t local_limit(const char *name);
/* Frees what *slot holds and takes text over. */
void local_set_text(char **slot, char *text);

/* --- root.c --- */
/* Asks whether the share is there (local_fail() when it is not) and for its rules; and when `mounts`, looks for what was
 * mounted in it. Nothing happens while the share is known not to be there. */
void root_ask(struct local *l, bool mounts);
bool root_asked(const struct local *l); /* the answer is still to come */
/* The retry timer's: whether it is there again. */
void root_retry(void *arg);
/* It is not there: it is looked for from now on. */
void root_failed(struct local *l);
/* What is under way does not count any more. */
void root_reset(struct local *l);

/* --- full.c --- */
/* The rescan timer's. */
void full_due(void *arg);
/* The full scan and its hashing are over. */
void full_scanned(struct local *l);
/* Nothing is due, but for what full_check_folders() is to find. */
bool full_is_quiet(const struct local *l);
/* At the end of each turn: one look at everything, when folders were moved and all is quiet again. */
void full_check_folders(struct local *l);

/* --- scan.c --- */
/* Starts the next job if there is something to look at. */
void scan_pump(struct local *l);
/* Merges what is back, as much as fits into one turn; the rest wakes the loop for it. */
void scan_merge(struct local *l);
void scan_tree(struct local *l, const char *path, const char *from);
void scan_folder(struct local *l, const char *path);
void scan_moved(struct local *l, const char *from, const char *to, bool is_dir);
/* A walk, a look or a hash is under way or queued, however long some files are waited for. */
bool scan_is_busy(const struct local *l);
/* Paths that failed are looked at again after a while: plan at the end of each turn; due is the timer's. */
void recheck_plan(struct local *l);
void recheck_due(void *arg);
/* Hints for what is and what was mounted in the share, when the mounts have changed since the last call. */
void recheck_mounts(struct local *l);
bool scan_idle(const struct local *l);
int64_t scan_pending(const struct local *l);
/* Drops all that is queued or under way. */
void scan_reset(struct local *l);
/* One of the full scan's files is hashed. */
void scan_full_hashed(struct local *l);

/* --- walk_merge.c --- */
struct walk_merge *walk_merge_new(const char *under, const char *from, bool shallow);
void walk_merge_free(struct walk_merge *m);
/* A step's looks against the rows up to the last of them; at the end of the walk, to the last row. seq: the index's
 * number when the step began. *at: the look to begin with, 0 at first. False: it took long enough for one turn, call it
 * again in the next one. */
bool walk_merge_batch(struct local *l, struct walk_merge *m, const struct walk_batch *b, size_t *at, uint64_t seq);
/* Single paths. hints[look.tag] is what brought each look. */
void walk_merge_hints(struct local *l, const struct walk_batch *b, const struct scan_hint *hints, uint64_t seq);

/* --- change.c --- */
/* An installer is at work there: true, and the path is looked at again a little later. */
bool change_is_busy(struct local *l, const char *path);
/* Whether no record can name it; then it is a problem, noted. */
bool change_is_too_long(struct local *l, const char *path);
/* What a look found at its path, against the row (NULL: none): written, sent to be hashed, or left alone. */
void change_found(struct local *l, const struct check *k, const struct record *row, const struct scan_hint *hint,
                  const struct walk_merge *m, uint64_t seq);
/* The path waits no more: it was looked at once more, and there is what `there` says, as look.before. Nothing: if its row says
 * otherwise, the row becomes a tombstone. The share was checked behind that look. */
void change_write_gone(struct local *l, const char *path, int there);
/* For change_hash.c: */
struct seen change_seen(const struct fs_stat *st);
void change_check_again(struct local *l, const char *path);
/* r is written and told; -1: the index refused. */
int change_write_row(struct local *l, struct record *r, const struct blocklist *blocks);
/* The path's row is right, and st is what its content looks like now: only for who has just read it. */
void change_touch_row(struct local *l, const char *path, const struct fs_stat *st);
/* Whether it is the file that was seen, and at most its ctime is another. */
bool change_same_but_ctime(const struct seen *s, const struct fs_stat *st);
/* Makes r, which keeps its path and version, a record of what is on disk, without content or target. same: those will be what
 * they were. was: the row of what is there, r itself or that of where it was before. */
void change_fill_row(const struct local *l, struct record *r, const struct record *was, enum record_kind kind,
                     const struct fs_stat *st, bool same);

/* --- change_hash.c --- */
/* The file has to be read. row (may be NULL): what is known of it, whose number will be row_seq (0: none) as long as nobody
 * writes it meanwhile. full: found by the full scan. */
void change_send_to_hash(struct local *l, const struct check *k, const struct record *row, uint64_t row_seq, bool full);
/* It was looked at again while it is being hashed, and is told anew when that is over. False: it is not being hashed. */
bool change_defer_hint(struct local *l, const char *path, const struct scan_hint *hint);
/* A hashed file is back. */
void change_hashed(void *arg, struct hash_file *f);
void change_drop(struct hash_file *f);

/* --- row_meta.c --- */
/* What to tell of the mode and mtime of what a look found where row was (NULL, or a tombstone: nothing was): where the disk shows
 * what it kept of the row's, they are the row's, whatever the disk made of them. */
uint32_t row_meta_mode(const struct disk *disk, const struct record *row, enum record_kind kind,
                       const struct fs_stat *st);
int64_t row_meta_mtime(const struct record *row, enum record_kind kind, const struct fs_stat *st);
/* Whether a time is another one, or what became of it when its finer part was lost: some disks keep that only as long as the
 * file is in memory. */
bool row_meta_is_coarser(int64_t ns, int64_t of_ns);

/* --- hidden_write.c --- */
/* The path was written to, and is not there any more, or is an installer's for now. */
void hidden_write_note(struct local *l, const char *path);
/* The file from, or all that was at it or below, has another name now, and its row is at `first`, or would be if somebody had
 * looked when it had that name. */
void hidden_write_moved(struct local *l, const char *from, const char *first);
void hidden_write_tree_moved(struct local *l, const char *from, const char *first);
/* Whether what is at path may have been written to since its row was; or since the row of before, where it was moved from, was
 * (NULL: it was not moved). */
bool hidden_write_possible(const struct local *l, const char *path, const char *before);
void hidden_write_forget(struct local *l);

/* --- adopt.c --- */
/* Writes r, which is what is on disk with the version of its row, as a change of ours; but where others say the same of the
 * path, or an earlier life was about to make it so, it becomes theirs, or a change of theirs. blocks, result: as
 * index_put_change's. */
int adopt_write(struct local *l, struct record *r, const struct blocklist *blocks);
/* An earlier life was deleting it: no accident of a user. */
bool adopt_was_deleting(const struct local *l, const char *path);
/* How a file of this size was cut by an earlier life, or by its row (NULL: none), so that it is cut alike; 0: not known. */
uint8_t adopt_chunk_log2(const struct local *l, const char *path, int64_t size, const struct record *row);

/* --- gone.c: what is absent, until it becomes a tombstone --- */
struct gone *gone_new(struct local *l);
void gone_free(struct gone *g);
/* Forgets what waits; a full scan finds it again. */
void gone_reset(struct gone *g);
/* The row's path is absent. */
void gone_add(struct local *l, const struct record *row);
/* It is there again. */
void gone_back(struct local *l, const char *path);
void gone_scan_begins(struct gone *g);
void gone_scanned(struct local *l);
void gone_turn(struct local *l);
/* Something waits that will go by itself. */
bool gone_waits(const struct gone *g);
int64_t gone_pending(const struct gone *g);
int64_t gone_held(const struct gone *g);
int64_t gone_since(const struct gone *g);
int64_t gone_release(struct local *l);
/* The held ones; false when fn returned false. */
bool gone_each(const struct gone *g, bool (*fn)(void *arg, const char *path, const char *reason, int64_t since_s),
               void *arg);

/* --- verify.c --- */
void verify_free(struct verify *v);

#endif
