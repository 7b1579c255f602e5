/* Shared by the files of sync/fetch; nobody else includes it.
 *
 * The life of a ticket: fetch_record.c (a peer's record) or wants.c (the index) makes it, judge.c decides what has to
 * be done, route.c sends it into one of the states below, getting.c has its content got by sync/get, batch.c has it
 * installed by sync/install, and batch_result.c writes the row.
 *
 * From the lowest to the highest, none calling a higher one: reason.c, fetch_state.c; ticket_due.c; allowance.c;
 * listed.c; also.c; ticket.c; carried.c; guard_author.c; ticket_end.c; guard_hold.c, judge.c; route.c; carried_turn.c,
 * guard.c, getting.c, folder.c, wants.c; fetch_choices.c;
 * batch_result.c, batch_folder.c; batch.c; leftovers.c, fetch_record.c, fetch_status.c; fetch.c. Everything runs on
 * the loop's thread. */
#ifndef LANYARD_SYNC_FETCH_INTERNAL_H
#define LANYARD_SYNC_FETCH_INTERNAL_H

#include <uthash.h>
#include <utlist.h>

#include "base/heap.h"
#include "sync/fetch/carried.h"
#include "sync/fetch/fetch.h"
#include "sync/fetch/guard.h"
#include "sync/get/get.h"
#include "sync/fetch/reason.h"
#include "sync/plan/blocklist.h"
#include "sync/plan/reconcile.h"
#include "sync/versions/kept_name.h"

enum {
	UNSTORED_BYTES_MAX = 64 << 20, /* above it records are stored in the index, without their bytes */
	UNSTORED_BARE_MAX = 8 << 20,   /* the same for records that lose nothing by it */
	WINDOW_MAX = 2048,             /* tickets taken from the index at a time */
	BURST_MAX = 16384,             /* tickets that records may make, until it is clear that they are not moves */
	SOURCELESS_MS = 2000,          /* so long after it is wanted a record without a source is listed */
	SHORT_LISTS_MAX = 65536,       /* blocks of lists that came along with records; other lists are requested */
	SETTLED_MS = 250,              /* so soon after a peer has settled more it is asked for what nobody had */
	WAITING_MAX = 1000,            /* tickets that wait with a reason */
	HELD_MAX = 500,                /* tickets that wait, above which those that are held are left to the index */
	FIRSTS_MAX = 16,               /* patterns that fetch_first() was called with and that count */
	COMPLETED_MAX = 32,            /* completed downloads that fetch_downloads() shows */
	QUIET_MS = 50,       /* deletions wait until a peer's news pause this long: they may turn out to be moves */
	QUIET_MAX_MS = 3000, /* but no longer than this */
};

enum ticket_state {
	TICKET_FRESH, /* came in this message */
	TICKET_LOSS,  /* would take content away here: a short wait until it is clear that it is not part of a burst */
	TICKET_AWAIT_MOVE, /* a local file has its content and may have moved here: a short wait for the news of that */
	TICKET_AWAIT_CARRIER, /* another receiver is to bring its bytes */
	TICKET_QUEUED,        /* its content has to be got */
	TICKET_ACTIVE,        /* is being got: has a download */
	TICKET_READY,         /* its content is here, or none is needed: to be installed */
	TICKET_DELETE,        /* a file or symlink to be removed */
	TICKET_RMDIR,         /* a folder to be removed, or to make way */
	TICKET_PAIRED,        /* a deletion that a move will do */
	TICKET_INSTALLING,    /* in a batch that is out; the ticket may not change */
	TICKET_WAITING,       /* for its reason to go away */
	TICKET_STATES,
};

/* The table by the root of a content in which a ticket is. */
enum ticket_root {
	ROOT_NONE,
	ROOT_DELETION, /* in fetch.deletions: a file here that is to go */
	ROOT_COPY,     /* in fetch.copies: a file here has what it wants */
	ROOT_AWAITED,  /* in fetch.awaited: another receiver is to bring what it wants */
};

/* A further peer's record that is equal to a ticket's: known in memory only, counts in fetch_unstored. */
struct ticket_also {
	uint64_t peer, seq;
	struct ticket_also *more;        /* of the ticket */
	struct ticket_also *prev, *next; /* of the peer, by seq */
};

/* One offered version of a path that is worked on. Invariants: in the table by path and in the list of its state;
 * `unstored` exactly when its record is not among the index's offers (and it is not a repair); `download` exactly when
 * ACTIVE, or READY and INSTALLING with a part. */
struct ticket {
	struct record want;   /* what the peer offers; want.path names the ticket */
	struct record ours;   /* the row it was judged against; path NULL: there was none */
	struct record merged; /* what our row will be */
	enum reconcile action;
	uint64_t peer;  /* whose record it is: short ID */
	uint64_t stamp; /* foreign_puts() of judge.c when it was judged */
	enum ticket_state state;
	bool unstored;         /* known in memory only: counts in fetch_unstored */
	bool rejudge;          /* something newer is offered: judge again before installing */
	bool unvouched;        /* we are a reader, and its peer stopped being a writer while it was being installed */
	bool repair;           /* the row's own content is downloaded again */
	bool no_move;          /* a move was tried and failed */
	bool awaited;          /* has waited for a move already, or a local copy was found */
	bool weighed;          /* by the guard (guard.h), and ... */
	bool loss;             /* ... counted as a loss, or ... */
	bool stays;            /* ... found to leave its content here under another name */
	bool going;            /* a loss by which the share will have one file less */
	bool passed;           /* it may take away what is here */
	bool released;         /* since the admin released it */
	bool mkdirs;           /* its missing folders may be made */
	bool first;            /* its user waits for it */
	bool forced;           /* wanted whatever the choices say: a folder above what is, or where a file moves to */
	bool listed;           /* it has no source: its record is listed, so that others learn of it */
	struct record *aside;  /* its conflict name: a folder that has to stay stands in its place; owned */
	uint64_t unstored_seq; /* its sequence number, while unstored */
	unsigned unstored_in;  /* its peer's times_down when it came last */
	bool untold;           /* it was stored when its peer had gone, which has not said it again */
	size_t cost;           /* of it in fetch.unstored_bytes */
	uint8_t *bytes;        /* the whole content of a small file; owned */
	uint64_t bytes_from;   /* the peer that sent bytes */
	bool relayed;          /* ... and passed them on, unverified, for another */
	uint64_t carrier;      /* the peer that is to bring bytes; 0: none */
	struct ticket_also *also;
	struct liars liars;      /* peers that sent wrong bytes for it */
	struct blocklist blocks; /* of its content, when known */
	struct record *from;     /* a local file with its content, to copy or move; owned */
	struct ticket *pair;     /* of a move: the deletion; of that deletion: the move */
	struct download *download;
	struct install_item *item; /* while INSTALLING; the batch's */
	struct queue_entry queued;
	enum reason reason, reported;
	unsigned tries;     /* since it last succeeded at something */
	int64_t failing_ms; /* the first of these tries */
	int64_t since_ms,
		due_ms; /* when it came into its state; when a waiting one is tried again (INT64_MAX: by an event) */
	struct ticket *prev, *next;                   /* in its state's list */
	struct heap_entry waits;                      /* WAITING: in fetch.waiting */
	enum reason waits_for;                        /* WAITING: in whose list it is */
	struct ticket *reason_prev, *reason_next;     /* there */
	struct busy_folder *busy;                     /* INSTALLING: its folder */
	struct ticket *unstored_prev, *unstored_next; /* in its peer's list */
	struct ticket *awaited_prev, *awaited_next;   /* in its carrier's list, while AWAIT_CARRIER ... */
	struct fetch_peer *awaits;                    /* ... which is this peer's; NULL otherwise */
	enum ticket_root by_root;
	UT_hash_handle hh_root;
	UT_hash_handle hh;
};

/* A peer as the deciding side sees it: what it announced, and how much of that is accepted. */
struct fetch_peer {
	uint64_t id;
	bool up;
	unsigned times_down;
	struct ticket *unstored;       /* by number, the smallest first */
	struct ticket_also *also;      /* the same, of tickets for records of other peers */
	struct ticket *awaited;        /* tickets that wait for what it brings, the oldest first */
	int64_t brought_ms, brings_ms; /* when it last did; how long it took lately, 0: not known */
	int64_t given_up_ms;           /* when the patience with it ended last, and it has brought nothing since; 0 */
	int64_t rests_ms;              /* until then nothing waits for it */
	unsigned let_wait, in_time;    /* how often it let files wait; contents that it has brought in time since */
	bool mode_known, chooses;      /* it is on demand, or was; as at the last message */
	uint64_t unstorable; /* the smallest sequence number whose record the index could not store; 0: none */
	int64_t bare,
		bare_s; /* bytes that its deletions of paths that were never here take, as of bare_s; see allowance.c */
	bool bare_known, bare_unsaved;
	uint64_t refused;   /* such deletions above its allowance, in this run ... */
	char *refused_path; /* ... the first of them; owned */
	int64_t refused_s;
	size_t tickets;  /* for offers of this peer */
	int64_t backlog; /* its stored offers when they were last counted, and those that came since */
	bool full;       /* no more offers of it are stored for now, and its news is not acknowledged */
	char *full_path; /* the first of that; owned */
	uint64_t full_count;
	int64_t full_s;
	uint64_t first_rejected; /* the sequence number of the first that was refused since it came up; 0: none */
	UT_hash_handle hh;
};

struct install_batch;
struct drop_job;

/* A folder in which a batch that is out works. */
struct busy_folder {
	size_t n; /* of its tickets that are INSTALLING */
	UT_hash_handle hh;
	char path[];
};

struct completed {
	char *path;
	int64_t size, finished_s;
};

/* The walk through the paths that the index wants. */
struct wants_walk {
	char *after;      /* how far it came; owned */
	bool more;        /* there may be wanted paths behind it */
	bool again;       /* and before it: it begins again */
	bool sourceless;  /* some tickets without a source were dropped: it begins again when a peer comes up */
	int64_t again_ms; /* when it begins again for tickets that were dropped; INT64_MAX: none was */
	int64_t list_ms;  /* from then on those without a source are listed at once; INT64_MAX: they wait first */
};

/* The share is not there. */
struct missing_share {
	char *why;                /* owned; NULL: it is there */
	int64_t due_ms, since_ms; /* when a batch tries it again; when it was first missed */
	unsigned tries;
};

struct fetch {
	struct fetch_config c;
	struct loop_hook *hook;
	struct loop_timer *timer;
	int64_t timer_at_ms; /* INT64_MAX: not running */
	bool started, paused;
	bool cleaning; /* the leftovers in parts/ are being dealt with: nothing is installed yet */
	struct leftovers
		*leftovers; /* found in parts/, and being compared with what is wanted; NULL: none are just now */
	bool parts_kept; /* some of an earlier run's parts were left there: to be judged again when nothing is wanted */
	bool reserve;    /* the index is on the share's disk: sync/share/reserve.h */
	bool dead;       /* freed, except for jobs that are out */
	bool dirty;      /* something is to be done at the end of this turn */
	bool state_changed; /* config.state is due */
	bool was_idle;
	int jobs; /* out, of any kind */

	struct fetch_peer *peers; /* by id */
	int64_t full_due_ms;      /* when backlogs are counted again; 0: none is full */
	struct ticket *tickets;   /* by path */
	struct ticket *list[TICKET_STATES];
	size_t count[TICKET_STATES];
	struct heap waiting;                    /* WAITING ones, by when they are tried again or listed */
	size_t waiting_brief;                   /* WAITING ones without a reason */
	struct ticket *waits_for[REASON_COUNT]; /* WAITING ones by reason; the one that has waited longest first */
	struct busy_folder *busy;               /* by path */
	uint64_t visits;          /* of tickets by walks through many: per file that must not grow with their number */
	int64_t settled_due_ms;   /* when those without a source are tried, since a peer settled more; INT64_MAX */
	bool rmdirs_sorted;       /* RMDIR's list is sorted: a folder's contents before it */
	struct ticket *deletions; /* DELETE tickets of files with content, by root */
	struct ticket *copies;    /* tickets whose content a local file has, by root */
	struct ticket *awaited;   /* AWAIT_CARRIER tickets, by root */
	struct early *early;      /* contents that came before their record, by root; the oldest first */
	size_t early_bytes;       /* memory that they take */
	size_t unstored_bytes;
	bool record_came;       /* a record came in this turn */
	int64_t last_record_ms; /* the end of the last turn in which one did */
	uint64_t puts;          /* rows written by us */
	uint64_t
		listed_from[2]; /* our number half a minute ago or, if less came, before the last two messages; later */
	int64_t listed_from_ms;

	struct wants_walk walk;

	struct install_batch *batches; /* that are out */
	int batches_out;
	int64_t folder_due_ms;       /* when a folder no longer waits for the rest of its moves; INT64_MAX: none does */
	int64_t fsync_ns, syncfs_ns; /* what they took lately; 0: not known */
	bool stopping;               /* nothing is begun any more */
	struct missing_share missing;

	struct get *get;          /* gets contents; owned */
	size_t short_lists;       /* blocks of lists that tickets have */
	char *firsts[FIRSTS_MAX]; /* patterns of what is got before all else; owned; NULL: none */
	size_t firsts_next;

	struct drop *drops; /* under way, by path */
	struct drop_job *drop_job;
	uint32_t drop_requests;
	bool resuming; /* further rows may be marked as leaving by an earlier run: those behind resumed_after */
	uint64_t resumed_after;

	struct guard *guard; /* owned */

	struct completed completed[COMPLETED_MAX];
	size_t completed_next;
	uint64_t files_installed, files_renamed;
};

/* --- fetch_state.c --- */
/* Something is to be done at the end of this turn. */
void fetch_wake(struct fetch *f);
int64_t fetch_now(const struct fetch *f);
struct fetch_peer *fetch_peer_get(struct fetch *f, uint64_t id); /* made when new */
/* A job that may outlive fetch_free begins / ended; after the latter f may be gone. */
void fetch_job_begin(struct fetch *f);
void fetch_job_end(struct fetch *f);

/* --- ticket_due.c --- */
/* When a waiting ticket is tried again; INT64_MAX: by an event. */
void ticket_due(struct fetch *f, struct ticket *t, int64_t due_ms);
/* Something else changed that says when a waiting one is due: stored, listed. */
void ticket_due_update(struct fetch *f, struct ticket *t);
/* The waiting ticket that is due next to be tried, or to be listed, and when; NULL, INT64_MAX: none waits. */
struct ticket *ticket_next_due(const struct fetch *f);
int64_t ticket_next_due_ms(const struct fetch *f);
/* For ticket.c: it came to WAITING, with its reason set; it leaves. The same for INSTALLING. */
void ticket_wait_begins(struct fetch *f, struct ticket *t);
void ticket_wait_ends(struct fetch *f, struct ticket *t);
void ticket_folder_begin(struct fetch *f, struct ticket *t);
void ticket_folder_end(struct fetch *f, struct ticket *t);
/* Waiting ones with this reason, or any (REASON_NONE) but those without a source, are tried in this turn. */
void ticket_retry(struct fetch *f, enum reason reason);
/* The one that has waited longest for the disk, and for at least a second, is tried in this turn. */
void ticket_retry_disk(struct fetch *f);

/* --- ticket.c --- */
struct ticket *ticket_find(const struct fetch *f, const char *path);
/* Takes the record over. FRESH. */
struct ticket *ticket_new(struct fetch *f, struct record *want, uint64_t peer);
void ticket_to(struct fetch *f, struct ticket *t, enum ticket_state state);
/* It works on this peer's offer from now on; 0: on nobody's. */
void ticket_is_of(struct fetch *f, struct ticket *t, uint64_t peer);
/* Its record is in memory only from now on. */
void ticket_set_unstored(struct fetch *f, struct ticket *t);
/* Its peer has said once more what is unstored. */
void ticket_said_again(struct fetch *f, struct ticket *t);
/* Its row is written, or its record is among the index's offers now. */
void ticket_set_stored(struct fetch *f, struct ticket *t);
/* Stores an unstored record among the index's offers. If that fails or would be too much of its peer, it stays
 * unstored. */
void ticket_store(struct fetch *f, struct ticket *t);
/* Frees the block list that came along with its record. */
void ticket_drop_blocks(struct fetch *f, struct ticket *t);
/* A move is given up: both halves go their own ways, at the end of this turn. t: either. */
void ticket_unpair(struct fetch *f, struct ticket *t);
/* Whether fewer than `max` tickets are under way, those that wait not counted. */
bool ticket_below(const struct fetch *f, size_t max);
/* The same for one of this peer's; a few it may have however many others have. */
bool ticket_has_slot(struct fetch *f, uint64_t peer, size_t max);
/* For ticket_end.c: out of the table by root; out of the list of its state. */
void ticket_root_remove(struct fetch *f, struct ticket *t);
void ticket_leave_state(struct fetch *f, struct ticket *t);

/* --- ticket_end.c --- */
/* Drops all that was got or decided for it, except what it wants. */
void ticket_reset(struct fetch *f, struct ticket *t);
/* Also ends its download. Not while INSTALLING. */
void ticket_free(struct fetch *f, struct ticket *t);
/* Waits with this reason, until route_due() or ticket_retry(). t may be gone afterwards: above a bound, waiting is
 * left to the index. */
void ticket_wait(struct fetch *f, struct ticket *t, enum reason reason);

/* --- judge.c --- */
enum judged {
	JUDGED_WORK,    /* the ticket has something to do on disk */
	JUDGED_AGAIN,   /* a row was written, and the rest has to be judged against it */
	JUDGED_NOTHING, /* nothing is left to do */
	JUDGED_FAILED,  /* the index cannot be read or written */
};
/* Reconciles our row with everything that is offered for t's path, and does what needs no disk. */
enum judged judge_ticket(struct fetch *f, struct ticket *t);
/* reconcile(), or a reader's decision where we are one. */
enum reconcile judge_reconcile(const struct index *index, const struct record *ours, const struct record *theirs,
                               struct record *merged);
/* Whether a peer of this run is known to have r's content; r is a row. */
bool judge_is_elsewhere(struct fetch *f, const struct record *r);
/* What a reader changed while it was a member, and whose bytes nobody else is known to have: a concurrent version does
 * not replace it. True: it has been set aside, as the reader's own. */
bool judge_stays_own(struct fetch *f, const struct record *ours, const struct record *theirs);
/* Whether nothing has to change on disk. ours may be NULL. */
bool judge_at_once(enum reconcile action, const struct record *ours, const struct record *merged);
/* t is to bring this row (path NULL: none) to `merged`; both are taken over. */
void judge_set(struct fetch *f, struct ticket *t, struct record *ours, struct record *merged, enum reconcile action);
/* Writes the row of a file that was kept under another name, as a local change of whatever row that name had; at a
 * reader the scan finds it. */
void judge_put_kept(struct fetch *f, struct record *r, const struct blocklist *l);
/* Whether ours, concurrent with theirs, differs from it only in what this disk makes of mode and time. So it is on
 * a member that came with its own copy of the files on such a disk, or lost its index; its mode and time are not to
 * win. */
bool judge_is_degraded(const struct disk *disk, const struct record *ours, const struct record *theirs);
/* Then our row takes theirs, as a change of ours, so that it replaces our old row everywhere. 0, -1. */
int judge_take_original(struct fetch *f, const struct record *ours, const struct record *theirs);
/* Whether t's row is still the one it was judged against. */
bool judge_row_is_current(struct fetch *f, struct ticket *t);
/* If ours wins against theirs, and the peer has to act on that, our row is sent again: the peer may have judged and
 * forgotten it at a time when its own version won, and may have changed that since. Only winners are sent again, so
 * this ends. */
void judge_retell(struct fetch *f, struct record *ours, const struct record *theirs);
/* Writes r as a local change of ours. l: as for index_put. 0, -1. */
int judge_put_change(struct fetch *f, struct record *r, const struct blocklist *l);
/* Whether the verdict on t is still good; cheap when only we have written rows. */
bool judge_is_current(struct fetch *f, struct ticket *t);
/* Writes r, which follows from what `peer` offers in `theirs` (NULL: from no offer). l: as for index_put. 0, -1. */
int judge_put(struct fetch *f, struct record *r, const struct record *theirs, uint64_t peer, const struct blocklist *l);

/* --- also.c --- */
/* A further peer has the same record as t: it is not acknowledged before t's work is done, or it is stored. */
void also_add(struct fetch *f, struct ticket *t, uint64_t peer, uint64_t seq);
/* t's work is done / goes on elsewhere: these records are stored as their peers' offers / this peer's is void. */
void also_drop(struct fetch *f, struct ticket *t);
void also_store(struct fetch *f, struct ticket *t);
void also_forget(struct fetch *f, struct ticket *t, uint64_t peer);
/* Whether the peer has stored a later offer for the path than its number `seq`. */
bool also_outdated(struct fetch *f, const char *path, uint64_t peer, uint64_t seq);

/* --- allowance.c --- */
/* Whether this deletion of a path that was never here is within the allowance of the peer that brings it. */
bool allowance_take(struct fetch *f, uint64_t peer, const struct record *theirs);
/* Whether the peer has so many offers stored that this one is not stored for now. */
bool allowance_is_full(struct fetch *f, struct fetch_peer *p, const struct record *theirs);
/* Stores a peer's record among the index's offers. A record that cannot be stored is not acknowledged to the peer. */
void allowance_store_offer(struct fetch *f, uint64_t peer, const struct record *theirs);
/* At the end of a turn: peers whose backlog has shrunk are asked to send again. Returns when to look next; INT64_MAX:
 * no peer waits. */
int64_t allowance_turn(struct fetch *f);
/* Stores how much of its allowance the peer has used, once per message. */
void allowance_save(struct fetch *f, uint64_t peer);

/* --- listed.c --- */
/* Whether that the peer has what it tells follows from what it settles, so that it need not be noted. */
bool listed_follows_from_numbers(struct fetch *f, uint64_t peer);
/* Stores a record of the peer for later: among its offers if it is wanted, else in the list. */
void listed_store(struct fetch *f, uint64_t peer, const struct record *theirs);
/* Lists a record of the peer. 0; -1: it could not be, and is not acknowledged to the peer. */
int listed_add(struct fetch *f, uint64_t peer, const struct record *theirs);
/* What the peer says of the content of our row, or of a listed record. */
void listed_note_holds(struct fetch *f, uint64_t peer, const struct record *mine, bool has);
/* t has no source: its record is listed as well. */
void listed_sourceless(struct fetch *f, struct ticket *t);
/* Whether nothing more is listed. */
bool listed_is_full(const struct fetch *f);

/* --- route.c --- */
/* Sends a judged ticket the way its content and kind demand. */
void route_ticket(struct fetch *f, struct ticket *t);
/* Judges t, and routes it or ends it: t may be gone afterwards. */
void route_judge(struct fetch *f, struct ticket *t);
/* The ticket for this path, made of what the index wants if there is none; NULL when nothing is wanted. */
struct ticket *route_load(struct fetch *f, const char *path);
/* Waiting ones whose time has come are judged again; returns when the next is due, INT64_MAX: none. */
int64_t route_due(struct fetch *f);
/* FRESH ones: deletions first, so that moves find them. */
void route_fresh(struct fetch *f);
/* A record was listed: if it is where a file goes that is being deleted here, the file goes along. */
void route_listed(struct fetch *f, const struct record *r);
/* A message has been dealt with. */
void route_records_end(struct fetch *f);
/* Whether a file with this content has to stay a little longer, since a ticket copies it. */
bool route_needs_copy(const struct fetch *f, const struct content *c);
/* AWAIT_MOVE ones whose time has come. */
void route_awaited(struct fetch *f);

/* --- fetch_choices.c --- */
/* Nothing is wanted any more: nothing comes first. */
void fetch_choices_idle(struct fetch *f);

/* --- drop_turn.c --- */
/* Goes on with drops; returns when to look next, INT64_MAX: not before something happens. */
int64_t drop_turn(struct fetch *f);
/* Carries through what an earlier run had decided to drop. */
void drop_resume(struct fetch *f);
/* f is to be freed. */
void drop_stop(struct fetch *f);

/* --- wants.c --- */
/* Makes tickets of more wanted paths of the index, as far as there may be more. */
void wants_fill(struct fetch *f);
/* The walk through wanted paths begins again. */
void wants_restart(struct fetch *f);

/* --- batch.c --- */
/* Hands what is ready to workers, in batches. */
void batch_pump(struct fetch *f);
/* When batch_pump() is due, for deletions that wait for the news to pause, or for a share that is missing; INT64_MAX:
 * never. */
int64_t batch_due(const struct fetch *f);
/* Submits batches whose notes are committed: first in each pump, and alone while stopping. */
void batch_send(struct fetch *f);
/* --- fetch_status.c --- */
/* fetch_downloads() shows this file as completed. */
void fetch_completed(struct fetch *f, const char *path, int64_t size);

/* --- folder.c --- */
/* The folder in t's way is not empty: it stays, or t waits for what is in it to go. */
struct install_item;
void folder_not_empty(struct fetch *f, struct ticket *t, struct install_item *item);
/* t's file was installed under its conflict name: the folder in its place stays, for everybody. */
void folder_put_aside(struct fetch *f, struct ticket *t, const struct seen *seen);
/* t's folder is missing, or something else is in its place. */
void folder_no_parent(struct fetch *f, struct ticket *t, int error);

/* --- leftovers.c --- */
/* At start: looks through parts/, finishes what a crash interrupted, and removes what nobody wants. */
void leftovers_clean(struct fetch *f);
/* Goes on with that, as much as is good for one turn. */
void leftovers_pump(struct fetch *f);
/* f is to be freed. */
void leftovers_stop(struct fetch *f);
/* Whether the index has heard of a peer's files at all, so that what it does not want is not wanted any more. */
bool leftovers_can_be_judged(struct fetch *f);

/* --- getting.c --- */
/* Makes the sync/get of this group, with the hooks by which it asks us and reports. */
struct get *getting_new(struct fetch *f);
/* Begins to get the contents of QUEUED tickets, as many as may be under way at a time. */
void getting_start(struct fetch *f);
/* Whether the part has the mode and mtime of t; if not, it is given them first, and t comes back when that is done. */
bool getting_is_finished(struct fetch *f, struct ticket *t);
/* The peer announces that it has something for t's path again: it may be asked again. */
void getting_announced(struct fetch *f, struct ticket *t, uint64_t peer);

#endif
