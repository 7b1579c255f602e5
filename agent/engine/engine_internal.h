/* Shared by the files of one engine and by agent.c, which makes and ends engines. */
#ifndef LANYARD_AGENT_ENGINE_ENGINE_INTERNAL_H
#define LANYARD_AGENT_ENGINE_ENGINE_INTERNAL_H

#include "agent/engine/engine.h"

struct real_path;

/* What all engines of an agent share; outlives them. */
struct engine_context {
	struct loop *loop;
	struct workers *workers; /* for what touches no share */
	int worker_threads;      /* of each group's own, at most */
	struct peers *peers;
	struct events *events;
	const struct identity *self;
	const char *name; /* host name, for people */
	const char *home; /* absolute */
	int home_dirfd;
	bool moved; /* this is the home's first start on this machine: it may be a copy */
	int64_t rescan_s;
	int64_t scrub_s;          /* between scrubs; 0: never */
	int64_t versions_age_s;   /* of the oldest versions that are kept; 0: none are */
	int versions_percent;     /* of the disk that they may fill */
	size_t memory;            /* of blocks on their way, for each group; 0: the default */
	int64_t tombstones_age_s; /* of deletions before they may be forgotten; 0: never are */
	/* The engine's membership or state changed: discovery publishes what is to be published now. */
	void (*changed)(void *arg);
	/* Whether the engine's share, which is `real_path`, may be there (NULL: it cannot be told where it is): NULL, or why it may
	 * not, fresh. NULL: it may be anywhere. */
	char *(*share_is_free)(void *arg, const struct engine *e, const struct real_path *real_path);
	/* engine_end() has come to its end: e is about to be freed. NULL: nobody minds. */
	void (*ended)(void *arg, struct engine *e);
	void *arg;
};

enum { ENGINE_RETRY_MS = 5000 };

struct engine {
	struct engine *prev, *next; /* of the agent */
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
	struct loop_hook *hook;         /* end of turn: commit, acknowledge, say what changed */
	bool dirty;                     /* what in_sync depends on may have changed */
	bool in_sync;                   /* as last said */
	bool scanned;                   /* the first scan is done */
	bool checkpointing, syncing;    /* a worker is at it */
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

/* Makes an engine for a group that is stored below home, or NULL with *why when even its settings cannot be read. */
struct engine *engine_load(const struct engine_context *context, const char *group_hex, char **why);
/* A new group of ours; takes over the roster. NULL with *why. */
struct engine *engine_found(const struct engine_context *context, struct roster *roster, const char *share, char **why);
/* Joins by a token that parsed. NULL with *why. */
struct engine *engine_join(const struct engine_context *context, const char *token, const struct invite *invite,
                           const char *share, char **why);
/* Stops and frees; waits for workers that are out, turning the loop: only from loop_between(), when the loop does not run, or
 * when none are. What is stored of the group stays, unless engine_end() has begun. False: the share's disk did not answer for
 * ten seconds; what is known is stored, and nothing is freed: end the process. */
bool engine_free(struct engine *e);
/* Removes what is stored of the group below home. */
void engine_forget(struct engine *e);
/* For good: stops, forgets, removes the share's .lanyard/, frees; ended() is called when that is done, which takes until the
 * share's disk answers. */
void engine_end(struct engine *e);
/* Our own hand changed the roster (invite honoured or left): store it and pass it on. */
void engine_roster_changed(struct engine *e);
void engine_emit(struct engine *e, const char *kind, const char *path, const char *reason);
/* A line in the log with the group's name as a field. */
#define engine_log(e, level, ...) log_about(level, &(struct log_about){ .group = engine_name(e) }, __VA_ARGS__)

/* The index lost what was written since its last commit, or is damaged: all that was built on it begins anew, before long. */
void engine_index_lost(struct engine *e);
/* engine_life.c. Begins: the share is opened by a worker; engine_opening() until it is. */
void engine_start(struct engine *e);
/* Where its share is, is about to be opened or was until its .lanyard/ is removed; NULL: nowhere. */
const struct real_path *engine_real_path(const struct engine *e);
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

/* Our identity runs elsewhere too: stops until the agent's next start. Takes why. As engine_free(), from loop_between(). */
void engine_copied(struct engine *e, char *why);

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
