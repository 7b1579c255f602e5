/* What the files of an engine share. */
#ifndef LANYARD_AGENT_ENGINE_ENGINE_INTERNAL_H
#define LANYARD_AGENT_ENGINE_ENGINE_INTERNAL_H

#include "agent/engine/engine_admin.h"
#include "sync/share/share_source.h"

enum { ENGINE_RETRY_MS = 5000 };

struct engine {
	const struct engine_context *context;
	struct group_id group;
	char *dir;        /* the group's home folder, below home: "groups/<hex>" */
	char *share_path; /* absolute */
	bool paused;
	char *token;             /* the invite we join by; NULL: a member */
	struct invite invite;    /* parsed token */
	char *error;             /* ENGINE_ERROR: why */
	bool unstored;           /* joined, and that is still to be written down */
	struct workers *workers; /* for what touches its share */
	struct opening *opening; /* the share is being opened; the job's; NULL: it is not */
	char *stuck;             /* its disk does not answer: as last said; NULL: it does */
	struct roster *roster;
	struct index *index;
	struct share *share;
	struct local *local;
	struct fetch *fetch;
	struct peer_group *peers;
	struct share_source files;         /* where peers get blocks from, */
	struct content_source contents[2]; /* and from the parts of downloads */
	struct loop_hook *hook;            /* end of turn: commit, acknowledge, say what changed */
	bool dirty;                        /* what in_sync depends on may have changed */
	bool in_sync;                      /* as last said */
	bool scanned;                      /* the first scan is done */
	bool checkpointing, syncing;       /* a worker is at it */
	uint64_t synced;                /* commits that are safe, or will be when the sync that is under way is done */
	struct loop_timer *sync_again;  /* runs while the next sync has to wait */
	bool copied;                    /* stopped for good: our identity runs elsewhere too */
	bool restarting, ending;        /* that is to happen between two turns, or happens */
	bool damaged;                   /* restarting, since the index is */
	void (*then)(struct engine *);  /* what follows when all jobs are back; NULL: it is not being stopped */
	struct loop_timer *drain;       /* runs while they are not */
	bool between;                   /* that is to be looked at between two turns */
	struct share *last_share;       /* ending: whose .lanyard/ is being removed; NULL: none */
	struct loop_timer *look;        /* every now and then: is the share still there? */
	struct loop_timer *retry;       /* runs while it is to be started again */
	struct loop_timer *save_roster; /* runs while what is new of the roster is still to be stored */
	bool roster_unsaved;            /* the last time it could not be */
	int64_t roster_saved_ms;        /* when it was stored last; 0: not yet */
	struct loop_timer *duty;        /* runs while an owner's agent may have to sign something */
	struct engine_verify *verify;
	struct loop_timer *scrub; /* looks whether one is due; NULL while stopped */
	bool scrubbing;
	struct loop_timer *thin; /* engine_versions.c; NULL while stopped */
	bool thin_soon, thinning, thin_again;
	int64_t thin_gap_ms;
	int64_t scrub_saved_s;                   /* loop's clock */
	struct loop_timer *tombstones;           /* engine_tombstones.c; NULL while stopped */
	uint64_t tombstones_at, tombstones_upto; /* forgetting has come so far, and goes on to; 0: not under way */
	int64_t tombstones_dropped;
};

/* A line in the log with the group's name as a field. */
#define engine_log(e, level, ...) log_about(level, &(struct log_about){ .group = engine_name(e) }, __VA_ARGS__)

/* The index lost what was written since its last commit, or is damaged: all that was built on it begins anew, before long. */
void engine_index_lost(struct engine *e);
/* engine_life.c. Begins: the share is opened by a worker; engine_opening() until it is. */
void engine_start(struct engine *e);
/* engine.c: once its share may be where it is to be. */
void engine_start_joining(struct engine *e);
/* Timers' and hooks' functions of the engine arg. */
void engine_try_again(void *arg);
void engine_look_due(void *arg);
void engine_drain_due(void *arg);
void engine_restart(void *arg);
/* engine.c: peers are told what was committed. */
void engine_index_committed(void *arg);

/* engine_sync.c: at the end of a turn, starts what is due for the index's file; when the timer says so. */
void engine_sync_turn(struct engine *e);
void engine_sync_again(void *arg);

/* engine_verify.c: scrubs from now on; drops a verify or scrub that is running (its done is not called) and scrubs no more. */
void engine_verify_start(struct engine *e);
void engine_verify_stop(struct engine *e);

/* engine_versions.c: versions are thinned from now on, and soon; no more. */
void engine_versions_start(struct engine *e);
void engine_versions_thin(struct engine *e);
void engine_versions_stop(struct engine *e);

/* engine_burst.c: fetch's config.burst. */
void engine_burst_begins(void *arg, const struct fetch_burst *b);

/* engine_tombstones.c: deletions that all members have are forgotten after a while. */
void engine_tombstones_start(struct engine *e);
void engine_tombstones_stop(struct engine *e);

/* It does not run, for a reason that only a person can change. Takes why. */
void engine_fail(struct engine *e, char *why);
/* It does not run, but the cause may go away: it is tried again. Takes why. */
void engine_fail_for_now(struct engine *e, char *why);

/* engine_wiring.c */
/* When the timer says so: what an owner's agent signs by itself. */
void engine_do_duty(void *arg);
void engine_save_roster(struct engine *e);
/* The same for what peers told, which may come in any number: once a second. */
void engine_save_roster_later(struct engine *e);
void engine_save_roster_due(void *arg);
/* Drops what peers said that are members no longer: what they alone had is not waited for. */
void engine_forget_departed(struct engine *e);
extern const struct peer_hooks engine_peer_hooks;
/* What this engine serves contents from: e has its share, index and fetch. */
struct content_sources engine_sources(struct engine *e);
struct local *engine_make_local(struct engine *e);
struct fetch *engine_make_fetch(struct engine *e);

/* engine_rules.c: whether the ignore rules are others than when the peers' rows were received; these will be asked for
 * again when connections open anew. */
bool engine_rules_changed(struct engine *e);

/* engine_store.c: settings of a group: home/groups/<hex>/settings. */
int engine_store_save(struct engine *e, char **why);
int engine_store_load(struct engine *e, char **why);
/* Its roster. Failing leaves the engine in error, to be tried again: -1. */
int engine_load_roster(struct engine *e);
/* A member from now on, and after a restart. Likewise. */
int engine_store_joined(struct engine *e);

#endif
