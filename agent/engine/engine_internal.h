/* What the files of an engine share. Each file calls only those above it in this list:
 *
 *   engine_phase      which phase may follow which
 *   engine_report     phases entered; what is logged and emitted about the group
 *   engine_store      the group's settings below the home
 *   engine_disk       whether the share's disk answers; what a user asks of it
 *   engine_sync, engine_verify, engine_versions, engine_tombstones, engine_rules, engine_burst, engine_roster
 *                     the parts: each owns a struct engine_x, and starts and stops it
 *   engine_wiring     what scan, fetch and peers report to each other
 *   engine_mirror     builds and takes down what a member with a share has
 *   engine_open       STOPPED to RUNNING
 *   engine_stop       to STOPPED, or to the end
 *   engine_status, engine_files, engine_dump
 *                     what the engine says of itself
 *   engine            making engines; the end of a turn */
#ifndef LANYARD_AGENT_ENGINE_ENGINE_INTERNAL_H
#define LANYARD_AGENT_ENGINE_ENGINE_INTERNAL_H

#include "agent/engine/engine_admin.h"
#include "agent/engine/engine_phase.h"
#include "base/debug.h"
#include "sync/share/share_source.h"

/* What is there in which phase:
 *
 *   STOPPED, COPIED   roster, unless it could not be read; nothing else
 *   OPENING           opening; a member also has roster and index, a joiner its token
 *   JOINING           token, a roster that is being filled, peers
 *   RUNNING, EXCLUDED, LOST
 *                     roster, index, share, local, fetch, peers: the mirror
 *   LEAVING           what the phase before had
 *   DRAINING          as RUNNING without local, or a part of it
 *   REMOVING          last_share
 *
 * Whatever touches the share is a job of `workers`, so that a disk that does not answer keeps nobody else waiting. */
struct engine {
	const struct engine_context *context;
	struct group_id group;
	char *dir;        /* the group's home folder, below home: "groups/<hex>" */
	char *share_path; /* absolute */
	bool paused;
	char *token;          /* the invite we join by; NULL: a member */
	struct invite invite; /* parsed token */
	bool unstored;        /* joined, and that is still to be written down */

	enum engine_phase phase;  /* set by engine_enter() */
	enum engine_goal goal;    /* of DRAINING */
	bool left;                /* engine_end() was called: what is stored of the group goes, too */
	char *error;              /* why it does not run, or exchanges nothing; NULL: it does, or is about to */
	struct loop_timer *retry; /* runs while it is to be started again */

	struct workers *workers; /* for what touches its share */
	struct engine_open *opening;
	struct roster *roster;
	struct index *index;
	struct share *share, *last_share;
	struct local *local;
	struct fetch *fetch;
	struct peer_group *peers;
	struct share_source files;         /* where peers get blocks from, */
	struct content_source contents[2]; /* and from the parts of downloads */
	bool scanned;                      /* the first scan is done */

	/* Parts that are always there. */
	struct engine_disk *disk;
	struct engine_keeper *keeper; /* engine_roster.c */
	struct engine_sync *sync;
	struct engine_drain *drain; /* engine_stop.c */
	/* Parts of the mirror; NULL without it. */
	struct engine_verify *verify;
	struct engine_versions *versions;
	struct engine_tombstones *tombstones; /* NULL as well where tombstones are never forgotten */

	struct loop_hook *hook; /* end of turn: commit, acknowledge, say what changed */
	bool dirty;             /* what in_sync depends on may have changed */
	bool in_sync;           /* as last said */
};

static inline bool engine_has_mirror(const struct engine *e)
{
	return e->local != NULL;
}

/* A line in the log with the group's name as a field. */
#define engine_log(e, level, ...) log_about(level, &(struct log_about){ .group = engine_name(e) }, __VA_ARGS__)

/* --- engine_report.c --- */

/* A phase that may not follow is logged, and ends the process in tests (engine_context.strict). */
void engine_enter(struct engine *e, enum engine_phase to);
/* Logs and emits why it does not run or exchanges nothing, and keeps it as the error. Takes why. */
void engine_report(struct engine *e, char *why);
/* STOPPED, for a reason that only a person can change. Takes why. */
void engine_fail(struct engine *e, char *why);
/* STOPPED, but the cause may go away: it is tried again. Takes why. */
void engine_fail_for_now(struct engine *e, char *why);
/* Starts it again in a while. */
void engine_retry_later(struct engine *e);
/* The index lost what was written since its last commit, or is damaged: RUNNING becomes LOST. */
void engine_index_lost(struct engine *e);

/* --- engine_store.c: home/groups/<hex>/settings --- */

int engine_store_save(struct engine *e, char **why);
int engine_store_load(struct engine *e, char **why);

/* --- parts --- X_new and X_free: with the engine. X_start and X_stop: with the mirror. X_stop drops the part at
 * once; jobs of it that are out find that it is gone. */

void engine_disk_new(struct engine *e);
void engine_disk_free(struct engine *e);
/* Checks every now and then whether the disk answers and the share is there. */
void engine_disk_watch(struct engine *e, bool on);

void engine_sync_new(struct engine *e);
void engine_sync_free(struct engine *e);
/* At the end of a turn: starts what is due for the index's file. */
void engine_sync_turn(struct engine *e);
/* Another index was opened: all of it is due. */
void engine_sync_begin(struct engine *e);
/* The engine drains. */
void engine_sync_stop(struct engine *e);

/* Scrubs from now on; drops a verify or scrub that is running (its done is not called). */
void engine_verify_start(struct engine *e);
void engine_verify_stop(struct engine *e);

/* Versions are thinned from now on, at once and then every now and then. */
void engine_versions_start(struct engine *e);
void engine_versions_stop(struct engine *e);
/* There are more of them: soon. */
void engine_versions_thin(struct engine *e);

/* Deletions that all members have are forgotten after a while. */
void engine_tombstones_start(struct engine *e);
void engine_tombstones_stop(struct engine *e);

/* Whether the ignore rules are others than when the peers' rows were received; these will be asked for again when
 * connections open anew. */
bool engine_rules_changed(struct engine *e);

/* For fetch_config.burst. */
void engine_burst_begins(void *arg, const struct fetch_burst *b);

/* --- engine_roster.c --- */

void engine_roster_new(struct engine *e);
void engine_roster_free(struct engine *e);
/* -1: it could not be read; the engine has failed, and tries again. */
int engine_roster_load(struct engine *e);
/* A member from now on, and after a restart: stores that. -1 as above. */
int engine_roster_joined(struct engine *e);
/* At once; when that fails, again in a while. */
void engine_roster_save(struct engine *e);
/* Stores what is still to be stored: the engine stops. */
void engine_roster_flush(struct engine *e);
/* Peers changed it, any number of times: it is stored once a second, and we may be excluded. */
void engine_roster_told(struct engine *e);
/* Drops what peers offered that are not members any more, so that nothing waits for files that they alone had. */
void engine_roster_forget_departed(struct engine *e);
/* Signs what an owner's agent signs by itself: from the next turn on; not any more. */
void engine_roster_duty(struct engine *e, bool on);

/* --- the state of each part, for engine_dump.c --- */

void engine_disk_debug(const struct engine *e, debug_fn *fn, void *arg);
void engine_sync_debug(const struct engine *e, debug_fn *fn, void *arg);
void engine_verify_debug(const struct engine *e, debug_fn *fn, void *arg);
void engine_versions_debug(const struct engine *e, debug_fn *fn, void *arg);
void engine_tombstones_debug(const struct engine *e, debug_fn *fn, void *arg);
void engine_roster_debug(const struct engine *e, debug_fn *fn, void *arg);
void engine_stop_debug(const struct engine *e, debug_fn *fn, void *arg);

/* --- engine_wiring.c: made with the hooks that pass on what each reports --- */

extern const struct peer_hooks engine_wiring_peer_hooks;
struct local *engine_wiring_local(struct engine *e);
struct fetch *engine_wiring_fetch(struct engine *e);
struct peer_group *engine_wiring_peers(struct engine *e);

/* --- engine_mirror.c --- */

/* Index and share are there: builds the rest and starts it. */
void engine_mirror_start(struct engine *e);
/* Begins nothing more. What is being installed comes to its end, and its rows are written. */
void engine_mirror_stop(struct engine *e);
bool engine_mirror_is_drained(const struct engine *e);
/* Drained: frees and closes everything, and the share too unless the group was left. */
void engine_mirror_free(struct engine *e);

/* --- engine_open.c --- */

/* STOPPED to OPENING, and on from there as workers answer; or to STOPPED with the reason. In another phase it does
 * nothing. */
void engine_start(struct engine *e);
/* The timer's: engine_start(), and the agent hears of it. */
void engine_try_again(void *arg);
/* What is being opened is not wanted any more. */
void engine_open_drop(struct engine *e);

/* --- engine_stop.c --- */

void engine_stop_new(struct engine *e);
/* LOST: drains, and starts again. From loop_between(). */
void engine_restart(void *arg);

#endif
