/* Shared by the files of this folder; no other includes it. Each file calls only files above it in this list:
 *
 * vault_clock.c: how long things last; vault_job.c: workers; vault_store.c: the files of objects, for workers;
 * vault_row.c: a told core and what it says;
 * vault_judge.c: what it means beside the cores of its path; vault_peer.c: who is connected and how far we are with
 * each; vault_object.c: what is wanted, and asked for; vault_arrival.c: what has come is written, synced, and deleted
 * in the end; vault_kept.c: what lies in the folder though the index has lost it; vault_pending.c: rows that wait for
 * objects, and are stored when they are whole; vault_cores.c: told rows, checked by workers; vault_repair.c: what is
 * lost is told and wanted again; vault_withheld.c: rows of those who may write again; vault_serve.c: rows and objects
 * given; vault_scrub.c: the disk compared with the
 * index; vault_space.c: what nobody needs goes; vault_mail.c: envelopes; vault.c: all of it together. */
#ifndef LANYARD_SYNC_VAULT_VAULT_INTERNAL_H
#define LANYARD_SYNC_VAULT_VAULT_INTERNAL_H

#include <uthash.h>

#include "sync/index/index_vault.h"
#include "sync/plan/version.h"
#include "sync/seal/endorse.h"
#include "sync/vault/vault.h"

enum {
	VAULT_ROWS = 4096,           /* of one peer: told, and not stored yet */
	VAULT_TOLD_BYTES = 20 << 20, /* bytes of these, and of what waits to be checked */
	VAULT_OBJECTS = 2048,        /* of one peer: wanted, and not stored yet */
	VAULT_ASKED = 256,           /* of one peer: asked for */
	VAULT_ASKED_BYTES = 8 << 20, /* what these may come to, as far as sizes can be foreseen */
	VAULT_ARRIVED = 64 << 20,    /* bytes of objects that wait for a worker; more are asked for again */
	VAULT_PAGE_WEIGHT = 128,     /* a wanted page counts as much as this number of blocks */
	VAULT_SYNC_OBJECTS = 256,    /* written objects that are synced at once, */
	VAULT_SYNC_BYTES = 64 << 20, /* or their bytes, */
	VAULT_SYNC_MS = 100,         /* or after so long */
	VAULT_SYNC_AGAIN_MS = 1000,  /* and after a sync that failed */
	VAULT_PAGES = 4,             /* of one row: asked for, or being filled */
	VAULT_FORESEEN = 64 << 10,   /* bytes of an object, before any has come */
	VAULT_ASKED_S = 60,          /* then another holder is asked */
	VAULT_ASK_MS = 1000,         /* then a row that failed is asked for again; later ones after twice as long, */
	VAULT_ASK_MOST_MS = 600000,  /* and so on up to this */
	VAULT_SIBLINGS = 16,         /* cores of one path that stand */
	VAULT_OLD = 8,               /* superseded cores of one path */
	VAULT_TWINS = 64,            /* rows of one path that are pending; each is compared with the others */
	VAULT_LOOKUPS = 512,         /* of objects in one turn of the loop */
	VAULT_SHARDS = 256,          /* folders that the files of objects are in */
	VAULT_NAME_TEXT = 64 + 1 + 16 + 1 + 1 + 1, /* an object's file name, and NUL */
};

struct vault_peer;
struct vault_object;

/* --- vault_clock.c: v->now_s --- */
void vault_clock_new(struct vault *v);
void vault_clock_tick(struct vault *v);
/* Stores it. */
void vault_clock_keep(struct vault *v);

/* --- vault_job.c --- */
/* Hands a job to a worker, and counts it: its `done` takes one off v->jobs. */
void vault_job_submit(struct vault *v, workers_fn *work, workers_done_fn *done, void *job);

/* --- vault_store.c: any thread; root: the share's --- */
/* The folder that everything is in. */
#define VAULT_FOLDER ".lanyard/vault"
/* Makes it. 0, -1; *made: it was not there. */
int vault_store_make(int root, bool *made);
/* Writes an object's file, beside which an old one stays until it is whole. sum: the object's SHA-256, which is stored
 * behind it. Not synced. 0, -1. */
int vault_store_write(int root, const uint8_t name[INDEX_VAULT_OBJECT], const uint8_t *p, size_t n,
                      const uint8_t sum[32]);
/* Writes again what is stored behind an object of n bytes. 0, -1. */
int vault_store_mend(int root, const uint8_t name[INDEX_VAULT_OBJECT], size_t n, const uint8_t sum[32]);
/* The object in fresh memory, *n bytes; NULL and errno. sum: as it is stored behind it; NULL: not asked for. */
uint8_t *vault_store_read(int root, const uint8_t name[INDEX_VAULT_OBJECT], size_t *n, uint8_t *sum);
/* Absent is success. */
int vault_store_remove(int root, const uint8_t name[INDEX_VAULT_OBJECT]);
/* Makes all that was written safe from a power cut. 0, -1. */
int vault_store_sync(int root);
struct vault_stored {
	uint8_t name[INDEX_VAULT_OBJECT];
	int64_t size; /* of the object */
	int64_t mtime_ns;
};
/* Calls fn for each object's file in the shard that is older than before_ns, and removes what an interrupted write has
 * left. */
void vault_store_list(int root, int shard, int64_t before_ns, void (*fn)(void *arg, const struct vault_stored *file),
                      void *arg);
/* Bytes of all objects in the shard. */
int64_t vault_store_bytes(int root, int shard);

/* --- vault_row.c: any thread --- */
/* Whoever told a row, and under which of its numbers. */
struct vault_holder {
	struct vault_peer *peer;
	struct vault_owed *owed; /* in the peer's list; this row's alone */
};

/* Something that waits for objects: a row, a page that has come, or a patch that was found in the folder. */
struct vault_need {
	size_t missing;        /* objects that it waits for */
	struct vault_row *row; /* one of these two */
	struct vault_object *page;
};

/* A core that was told. */
struct vault_row {
	uint8_t name[32];
	uint8_t *bytes; /* owned: the core, then its endorsement */
	size_t ncore, nendorsement;
	struct agent_id endorser;
	uint64_t generation;
	bool deleted, paged;
	struct version version;
	uint8_t (*ids)[INDEX_VAULT_PATH]; /* of its path, owned; the first is the core's own */
	size_t nids;
	uint8_t (*refs)[INDEX_VAULT_OBJECT]; /* owned */
	size_t nrefs;

	/* While it is pending: */
	struct vault_holder *holders; /* owned; at least one */
	size_t nholders;
	struct vault_peer *charged; /* whose told_bytes has its bytes; NULL: nobody's */
	struct vault_need need;
	size_t next_ref;               /* those before it are here, or waited for */
	int64_t path;                  /* its number when it came */
	bool waited;                   /* for another of the same version */
	bool stored;                   /* or known */
	bool dropped;                  /* to be freed once nothing waits on its behalf */
	bool deep;                     /* something that is stored is gone: what its objects need is looked up too */
	int tries;                     /* to store it */
	struct vault_row **queue;      /* a peer's, which it is in; NULL: none */
	struct vault_row *prev, *next; /* in that queue */
	struct vault_row *same_prev, *same_next; /* pending rows of the same path */
	UT_hash_handle hh, hh_path;              /* by name; by path the first of those */
};

enum vault_row_result {
	VAULT_ROW_OK,
	VAULT_ROW_LATER, /* of a form that a later lanyard writes */
	VAULT_ROW_BAD,   /* malformed, or not endorsed */
};
/* Reads and checks a core with its endorsement, of this group; *row is fresh if OK. known: as for endorse_check(). */
enum vault_row_result vault_row_read(struct vault_row **row, const struct group_id *group, const uint8_t *core,
                                     size_t ncore, const uint8_t *endorsement, size_t nendorsement,
                                     struct endorse_root *known);
/* The same of a stored one, whose endorsement was checked when it came. NULL: it is damaged. */
struct vault_row *vault_row_stored(const struct index_vault_core *stored);
void vault_row_free(struct vault_row *row);
/* An object's name of its parts. */
void vault_row_object(uint8_t name[INDEX_VAULT_OBJECT], uint8_t kind, uint64_t generation, const uint8_t bare[32]);
/* Whether these bytes are the object of that name, as far as can be seen without keys, and of a kind that is kept. A
 * patch is a form of the block that it makes, unless that has to be whole. refs: fresh, those of a page, or a patch's
 * base; NULL: none. */
bool vault_row_object_of(const uint8_t name[INDEX_VAULT_OBJECT], bool whole, const uint8_t *p, size_t n,
                         uint8_t (**refs)[INDEX_VAULT_OBJECT], size_t *nrefs);

/* --- vault_judge.c --- */
enum vault_judgement {
	VAULT_KNOWN,  /* nothing new: its number is settled */
	VAULT_REPAIR, /* known, and something that is stored is gone: are its objects here? */
	VAULT_NEW,    /* to be stored */
	VAULT_FAILED, /* the index cannot be read */
};
/* What a row changes among the cores of its path. */
struct vault_change {
	uint64_t beats[VAULT_SIBLINGS + 1]; /* these are superseded by it */
	size_t nbeats;
	uint64_t goes[VAULT_SIBLINGS + VAULT_OLD]; /* these are deleted: it takes their place, or they are too many */
	size_t ngoes;
	bool same; /* one of those that go is this very core */
};
/* change: set for NEW. path: 0: unknown. */
enum vault_judgement vault_judge(struct vault *v, const struct vault_row *row, int64_t path,
                                 struct vault_change *change);
/* Deletes a stored core of the path. 0, -1. */
int vault_judge_remove(struct vault *v, int64_t path, uint64_t seq, int64_t now_s);

/* --- vault_peer.c --- */
/* A number of a peer's that is not settled yet. */
struct vault_owed {
	uint64_t seq;
	bool held; /* by a pending row; else the peer has to tell it again */
	struct vault_owed *prev, *next;
};

/* A part of what a peer was told and has not acknowledged. */
struct vault_told {
	uint64_t upto;
	size_t rows, bytes;
	struct vault_told *next;
};

struct vault_peer {
	uint64_t id;
	struct agent_id agent;
	bool writes; /* it knows itself as a writer */
	uint64_t epoch;

	/* Its rows: */
	uint64_t last;           /* its last number when it said hello ... */
	uint64_t had;            /* ... and ours */
	uint64_t told;           /* up to this it has told all */
	struct vault_owed *owed; /* those that are not stored, ascending; owned */
	size_t nowed;
	uint64_t done;                 /* all up to this are stored */
	uint64_t syncing, safe, acked; /* of that: what is being synced, was synced, was acknowledged */
	uint64_t failed;               /* the first number that holds these up, and that nothing here waits for ... */
	int64_t failed_ms;             /* ... since when; 0: there is none */
	int64_t ask_ms;                /* how long it may be so before the peer is asked to tell it again */
	struct vault_check *checks;    /* CORES that a worker checks */
	struct vault_check *waiting;   /* that wait for it; owned */
	size_t ntold;                  /* rows that wait to be checked */
	size_t told_bytes;             /* of those, and of pending rows */
	bool checking;
	struct endorse_root known;

	/* Objects: */
	struct vault_row *ready;    /* whose objects are here */
	struct vault_row *rows;     /* whose refs are to be looked up */
	int no_room;                /* above 0: the first of those would want too many objects; counts seconds */
	struct vault_object *queue; /* to be asked for */
	struct vault_object *asked; /* asked for */
	size_t nobjects, nasked;    /* wanted on its behalf, pages by their weight; asked of it */
	size_t late;                /* answers that nobody waits for any more */

	/* Ours, for it: */
	uint64_t cursor;                     /* told up to this */
	struct vault_told *unacked, *newest; /* owned */
	size_t unacked_rows, unacked_bytes;
	struct vault_serve *serve; /* what it wants; owned */
	struct vault_peer *prev, *next;
};

struct vault_peer *vault_peer_find(struct vault *v, uint64_t id);
/* NULL if the roster does not have it. */
struct vault_peer *vault_peer_add(struct vault *v, uint64_t id);
void vault_peer_free(struct vault *v, struct vault_peer *p);
bool vault_peer_may(const struct vault *v, const struct vault_peer *p, enum right right);
/* Whether it vouches for what it tells. */
bool vault_peer_vouches(const struct vault *v, const struct vault_peer *p);
void vault_peer_hello(struct vault *v, uint64_t id);
void vault_peer_state(struct vault *v);
/* It tells its rows again from here on. */
void vault_peer_rewind(struct vault *v, struct vault_peer *p, uint64_t done);
/* Its row `seq` was told and is not stored. */
struct vault_owed *vault_peer_owe(struct vault_peer *p, uint64_t seq);
/* It is stored now, or need not be. */
void vault_peer_settle(struct vault *v, struct vault_peer *p, struct vault_owed *owed);
/* Its rows are known as far as they can be: notes it. */
void vault_peer_note(struct vault *v, struct vault_peer *p);
/* Whether one of those who could write at the last call cannot any more; calls fn with each. */
bool vault_peer_writer_lost(struct vault *v, bool (*fn)(struct vault *v, uint64_t id));
/* The newest row that everybody who reads has settled. */
uint64_t vault_peer_settled_by_all(struct vault *v);

/* --- vault_object.c --- */
enum vault_object_state {
	VAULT_WANTED, /* in a peer's queue, or nobody's */
	VAULT_ASKED_FOR,
	VAULT_ARRIVED_HERE, /* a worker writes it */
	VAULT_WRITTEN,
	VAULT_SYNCING,
	VAULT_SYNCED,   /* a page that waits for its blocks, or a patch for its base */
	VAULT_DELETING, /* its file is being removed */
};

/* A peer, and under which of its numbers. */
struct vault_try {
	uint64_t peer, seq;
};

struct vault_object {
	uint8_t name[INDEX_VAULT_OBJECT];
	enum vault_object_state state;
	struct vault_need **waiters; /* owned array */
	size_t nwaiters, max_waiters;
	struct vault_try *tried; /* owned array: who was asked */
	size_t ntried;
	struct vault_peer *charged; /* whose nobjects counts it; NULL: nobody's */
	struct vault_peer *peer;    /* whose queue it is in, or who is asked */
	uint64_t seq;               /* as whose row */
	bool lost;                  /* its file was found missing or bad: patches may need it, so it has to be whole */
	bool baseless;              /* of these: a patch without its base, which is kept until the block has come */
	bool whole;                 /* asked for as what it is, no patch will do */
	bool base;                  /* a patch waits for it */
	uint32_t request;
	int64_t asked_ms;
	struct index_vault_object is;        /* once it has arrived */
	uint8_t (*refs)[INDEX_VAULT_OBJECT]; /* of a page, or a patch's base; owned */
	size_t nrefs;
	struct vault_need need;
	bool dead;                        /* within a sweep: nobody waits for this page */
	struct vault_object *prev, *next; /* in the peer's queue, its asked, or v->written */
	UT_hash_handle hh;
};

/* Makes `need` wait for the object unless it is here: 0: it is here; 1: it waits; -1: the index failed; -2: no more can
 * be wanted on this peer's behalf now. */
int vault_object_need(struct vault *v, struct vault_need *need, const uint8_t name[INDEX_VAULT_OBJECT],
                      struct vault_peer *charged);
/* Bytes that are stored, or are about to be. */
int64_t vault_object_used(struct vault *v);
/* Asks the peer for as many as may be asked. */
void vault_object_ask(struct vault *v, struct vault_peer *p);
/* Asks somebody for what is in nobody's queue. */
void vault_object_seek(struct vault *v, struct vault_object *o);
/* Whether a patch has come in place of the block. */
bool vault_object_is_patch(const struct vault_object *o);
/* Whether this block is stored whole, so that a patch may need it. */
bool vault_object_is_whole(struct vault *v, const uint8_t name[INDEX_VAULT_OBJECT]);
/* Whether this is stored as a patch whose base is gone. It makes nothing then. */
bool vault_object_is_baseless(struct vault *v, const struct index_vault_object *is);
/* Nothing of this peer is asked of it any more. */
void vault_object_peer_gone(struct vault *v, struct vault_peer *p);
/* Takes dropped rows off what waits, and forgets what nobody waits for. */
void vault_object_sweep(struct vault *v);
/* Sees to those that were asked for too long ago. */
void vault_object_tick(struct vault *v);
/* It is here, or cannot be had: tells who waits, and frees it. */
void vault_object_end(struct vault *v, struct vault_object *o, bool here);
/* It is not asked for any more. */
void vault_object_unask(struct vault_object *o);
void vault_object_free_all(struct vault *v);

/* --- vault_arrival.c --- */
void vault_arrival_take(struct vault *v, struct vault_peer *p, const struct msg_object *m);
/* The object's file is written, and waits for a sync. Takes refs. */
void vault_arrival_written(struct vault *v, struct vault_object *o, const struct index_vault_object *is,
                           uint8_t (*refs)[INDEX_VAULT_OBJECT], size_t nrefs);
/* Something may be ready to be synced. */
void vault_arrival_sync(struct vault *v, bool at_once);
/* Objects that nothing needs: deleted from the index now, and from the disk once that is synced. */
void vault_arrival_delete(struct vault *v, const uint8_t name[INDEX_VAULT_OBJECT]);
/* The index is about to be synced / was synced. */
void vault_arrival_sync_begin(struct vault *v);
void vault_arrival_sync_end(struct vault *v);
/* An object that this page waited for is here; or one that this patch waited for, or it cannot be had. */
void vault_arrival_page_met(struct vault *v, struct vault_object *page);
void vault_arrival_new(struct vault *v);
void vault_arrival_free(struct vault *v);

/* --- vault_kept.c --- */
void vault_kept_new(struct vault *v);
/* The folder is there; made: it was not before, so nothing is in it. */
void vault_kept_begin(struct vault *v, bool made);
/* The index was set back, or does not know something that lies there. */
void vault_kept_again(struct vault *v);
/* Whether a file of this time that the index does not know is wanted by nobody. */
bool vault_kept_unwanted(const struct vault *v, int64_t mtime_ns);
/* Counts what lies there and is not known, for the quota. */
void vault_kept_count(struct vault *v);
/* So many bytes of that are known now, or gone. */
void vault_kept_less(struct vault *v, int64_t bytes);
void vault_kept_tick(struct vault *v);

/* --- vault_pending.c --- */
/* A row that was checked; taken. */
void vault_pending_add(struct vault *v, struct vault_row *row, struct vault_peer *p, uint64_t seq);
void vault_pending_peer_gone(struct vault *v, struct vault_peer *p);
/* An object that the row waited for is here, or cannot be had. */
void vault_pending_met(struct vault *v, struct vault_row *row, bool here);
void vault_pending_pump(struct vault *v);
/* Once a second. */
void vault_pending_tick(struct vault *v, struct vault_peer *p);
void vault_pending_free_all(struct vault *v);

/* --- vault_cores.c --- */
void vault_cores_take(struct vault *v, struct vault_peer *p, const struct msg_cores *m);
void vault_cores_drop(struct vault_peer *p);
/* Asks it to tell again what could not be stored, if that has held up what follows for a while. */
void vault_cores_ask_again(struct vault *v, struct vault_peer *p);

/* --- vault_repair.c --- */
/* The stored core is damaged: it is deleted, and told again by whoever has the row. */
void vault_repair_core(struct vault *v, int64_t path, uint64_t seq);
/* The object's file is missing or bad. */
void vault_repair_lost(struct vault *v, const uint8_t name[INDEX_VAULT_OBJECT]);
/* All writers tell all again. */
void vault_repair_reset(struct vault *v);

/* --- vault_withheld.c --- */
/* Rows of this agent are not told now. Nothing behind them may be told either, until the note of that is committed:
 * true. Else v->withheld_waits. */
bool vault_withheld_note(struct vault *v, uint64_t id);
/* The same where the index must not be written to. */
bool vault_withheld_is_noted(const struct vault *v, uint64_t id);
/* The roster has changed, or the vault begins: rows of those who may write again get new numbers. */
void vault_withheld_look(struct vault *v);
void vault_withheld_go_on(struct vault *v);
void vault_withheld_free(struct vault *v);

/* --- vault_serve.c --- */
void vault_serve_start(struct vault *v, struct vault_peer *p, const struct msg_vault *hello);
void vault_serve_tell(struct vault *v, struct vault_peer *p);
void vault_serve_ack(struct vault *v, struct vault_peer *p, const struct msg_vault *m);
void vault_serve_want(struct vault *v, struct vault_peer *p, const struct msg_vault *m);
void vault_serve_cancel(struct vault_peer *p, const struct msg_vault *m);
void vault_serve_go_on(struct vault *v, struct vault_peer *p);
void vault_serve_end(struct vault_peer *p);

/* --- vault_scrub.c --- */
void vault_scrub_new(struct vault *v);
void vault_scrub_free(struct vault *v);
void vault_scrub_tick(struct vault *v);
void vault_scrub_start(struct vault *v, void (*done)(void *arg, const struct vault_found *f), void *arg);

/* --- vault_space.c --- */
void vault_space_tick(struct vault *v);
/* Whether nothing more may be stored; tells peers if that has changed. */
bool vault_space_full(struct vault *v);
/* What it is full of is what it stores, not a disk that fails. */
bool vault_lacks_space(const struct vault *v);

/* --- vault_mail.c --- */
/* Envelopes are kept; who brings none asks for its own. */
void vault_mail_in(struct vault *v, uint64_t peer, const struct msg_keys *m);
void vault_mail_roster_changed(struct vault *v);
void vault_mail_free(struct vault *v);

struct vault {
	struct vault_config config;
	struct share_handle *share;
	bool on_index_disk;
	bool stopping;
	int jobs; /* that workers have */

	struct vault_peer *peers;
	struct vault_row *rows;         /* pending, by name; owned */
	struct vault_row *dropped_rows; /* to be freed; owned */
	struct vault_row *by_path;      /* the first of each path */
	struct vault_object *objects;   /* by name; owned */
	struct vault_object *written;   /* of those: not synced yet */
	size_t nwritten;
	int64_t written_bytes;
	bool syncing;          /* a worker does it */
	bool sync_failed;      /* the last one did: no other begins before `sync` fires */
	int64_t arrived_bytes; /* of objects that workers have */
	size_t foreseen;       /* bytes of the largest object of late */
	uint32_t request;      /* the last one */
	struct loop_timer *pump, *second;
	struct loop_timer *sync;
	/* How rows and pages hear of their objects, from below. */
	void (*met)(struct vault *v, struct vault_row *row, bool here);
	void (*page_met)(struct vault *v, struct vault_object *page);
	/* And how a new object is come by. */
	void (*seek)(struct vault *v, struct vault_object *o);
	int64_t tick_ms;      /* what `second` takes for one */
	int64_t now_s;        /* seconds: what ages and waits are counted by; see vault_clock.c */
	int64_t clock_ms;     /* of the loop, when now_s was last counted up */
	int64_t kept_since_s; /* since when the folder may have objects that the index does not know; 0: it has not */
	int64_t kept_known_s; /* wall clock: those written before that were not wanted; 0: none was judged */
	int64_t kept_bytes;   /* of such objects; 0 without a quota */
	bool kept_walking;    /* they are being counted: nothing is asked for */
	bool kept_over;       /* the wait for who may want them has ended: the scrub looks for them at once */
	int64_t kept_found;   /* such objects that were wanted, and so are known now */
	int kept_looks;       /* such objects that workers look for */
	struct vault_object *kept_queue; /* that are looked for next */
	struct vault_doomed *doomed;     /* owned */

	uint64_t *writers; /* short IDs of those who may write, ascending; owned */
	size_t nwriters;
	struct vault_withheld *withheld; /* by ID; owned */
	struct vault_restored *restored; /* owned; NULL: it gives nobody's rows new numbers */
	bool withheld_waits;             /* something is not told before a note is committed */
	uint64_t committed;              /* our number up to which rows are committed */
	bool full, disk_full;
	int disk_error;     /* of disk_full: an errno, or RESERVE_REACHED */
	int64_t said_bytes; /* of what is stored, as peers were told last */
	int64_t reset_ms;   /* when writers were last asked to tell all again; 0: never */
	bool reset_due;
	int64_t epoch_ms; /* when a new epoch was last begun on a peer's word; 0: never */
	struct vault_scrub *scrub;
	int seconds; /* of the tick */
	int mailing; /* messages of envelopes that workers check */
	/* Peers that asked for mail and had not the current keys, naskers of them: their short IDs; owned. */
	uint64_t *askers;
	size_t naskers;
};

#endif
