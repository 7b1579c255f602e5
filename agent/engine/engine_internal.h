/* The state of an engine, shared by the files of this folder. Each file calls only those above it in this list:
 *
 *   engine_phase      which phase may follow which
 *   engine_report     phases entered; what is logged and emitted about the group
 *   group_settings    the group's settings as text
 *   engine_store      the group's settings in the home
 *   engine_vault      the vault of an agent that keeps what it cannot read
 *   engine_disk       whether the share's disk answers; requests that need it
 *   engine_vaults     what a member has to do with vaults: see engine_vaults.h
 *   engine_keys_mail, engine_keys, engine_keys_share
 *                     the keys of a sealed group: see engine_keys.h
 *   engine_sync, engine_verify, engine_versions, engine_tombstones, engine_rules, engine_burst, engine_seen,
 *   engine_lag, engine_members, engine_role, engine_roster, engine_requests
 *                     the parts: each owns a struct engine_x, and starts and stops it
 *   engine_aside, engine_choices (choice_change), engine_drop, engine_revert
 *                     what this agent has chosen, and what follows for rows that are not shared, or not wanted
 *   engine_keys_sign  signs what is due in a sealed group
 *   engine_heads_root, engine_heads_relay, engine_heads_blame, engine_heads
 *                     what agents of a sealed group sign of their state: see engine_heads.h
 *   engine_seal       what the connections of a sealed group ask
 *   engine_comings    tells peers of files that have no record yet
 *   engine_wiring     passes on what scan, fetch and peers report
 *   engine_vault_start
 *                     builds what works for a vault
 *   engine_mirror     builds and takes down everything that works on a share
 *   engine_keyless    waits for keys in place of the mirror
 *   engine_open       STOPPED to RUNNING
 *   engine_stop       to STOPPED, or to the end
 *   engine_status, engine_files, engine_dump
 *                     reports for users
 *   engine            construction; commands; the end of a turn */
#ifndef LANYARD_AGENT_ENGINE_ENGINE_INTERNAL_H
#define LANYARD_AGENT_ENGINE_ENGINE_INTERNAL_H

#include "agent/engine/engine_admin.h"
#include "agent/engine/engine_choices.h"
#include "agent/engine/engine_status.h"
#include "agent/engine/events.h"
#include "agent/engine/engine_phase.h"
#include "base/debug.h"
#include "sync/local/local.h"
#include "sync/share/share_choices.h"
#include "sync/share/share_source.h"

/* What is there in which phase:
 *
 *   STOPPED, COPIED   roster, unless it could not be read; nothing else
 *   OPENING           opening; a member also has roster and index, a joiner its invite
 *   JOINING           invite, a roster that is being filled, peers; keyless: roster, index, share, peers
 *   RUNNING, EXCLUDED, LOST
 *                     roster, index, share, local, fetch, peers: the mirror; or, of a vault, roster, index,
 *                     share, vault, peers
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
	char *token;              /* the invite we join by; NULL: none */
	bool restored;            /* of a key file: a member that gets its roster from the others */
	struct invite invite;     /* parsed token; of a restored group its name, and where members may be */
	struct export_head *seen; /* what vaults had signed, as a key file says; owned, nseen */
	size_t nseen;
	bool unstored;   /* joined, but that is not stored yet */
	bool was_vault;  /* it has begun as a vault here: its index and its folder are those of one */
	bool readmitted; /* outside, but a member again: the end of the turn starts it again */
	bool keyless;    /* JOINING: a member of a sealed group that waits for its first keys */

	enum engine_phase phase;  /* set by engine_enter() */
	enum engine_goal goal;    /* of DRAINING */
	bool left;                /* engine_end() was called: what is stored of the group goes, too */
	char *error;              /* why it does not run or does not exchange anything; NULL: it does, or is about to */
	struct loop_timer *retry; /* runs while it is to be started again */

	struct workers *workers; /* for jobs that touch its share */
	struct engine_open *opening;
	struct roster *roster;
	struct engine_keys *keys; /* NULL: not a sealed group, or not open */
	struct index *index;
	struct share *share, *last_share;
	struct local *local;
	struct fetch *fetch;
	struct engine_vault *vault;   /* in place of local and fetch */
	struct engine_vaults *vaults; /* of a sealed group, beside fetch; NULL: this agent deals with none */
	struct peer_group *peers;
	struct share_source files;         /* where peers get blocks from, */
	struct content_source contents[3]; /* from the parts of downloads, and from files that have no record yet */
	struct comings *comings;           /* those files */
	bool scanned;                      /* the first scan is done */
	struct share_choices *chosen;      /* as read with the share, until the mirror takes it */
	bool begin_on_demand;              /* the mode of a share that is new */
	struct engine_past_files *past;    /* files that came; NULL: none yet */
	bool again;                        /* LOST: only to list all again */
	bool doubtful;                     /* rows are doubtful until a member has told all */

	/* Parts that are always there. */
	struct engine_disk *disk;
	struct engine_keeper *keeper; /* engine_roster.c */
	struct engine_members *members;
	struct engine_sync *sync;
	struct engine_drain *drain; /* engine_stop.c */
	/* Parts of the mirror; NULL without it. */
	struct engine_requests *requests;
	struct engine_verify *verify;
	struct engine_versions *versions;
	struct engine_aside *aside;
	struct revert_task *reverts; /* under way */
	struct engine_drop *drop;
	struct engine_content *reading;       /* contents that are read for users */
	struct engine_choices *choices;       /* what is in effect stays while the engine drains */
	struct engine_heads *heads;           /* NULL as well in a group that is not sealed */
	struct engine_lag *lag;               /* since when members are behind */
	struct engine_tombstones *tombstones; /* NULL as well where tombstones are never forgotten */

	struct loop_hook *hook; /* at the end of each turn: commit, acknowledge, emit what changed */
	bool rolled_back; /* others have shown that our index was: at the end of this turn, another epoch begins */
	bool dirty;       /* what in_sync depends on may have changed */
	bool in_sync;     /* as last emitted */
	int64_t last_in_sync_s; /* wall clock, when it was last found out; 0: never */
	struct engine_counts counts;
	bool settled; /* engine_status.settled at the end of the last turn that changed something */
};

/* It has no roster of its own yet. */
static inline bool engine_joins(const struct engine *e)
{
	return e->token != NULL || e->restored;
}

static inline bool engine_has_mirror(const struct engine *e)
{
	return e->local != NULL;
}

/* It has connections on which only the roster and keys are exchanged. */
static inline bool engine_awaits_keys(const struct engine *e)
{
	return e->keyless && e->peers != NULL && e->index != NULL;
}

/* It has a mirror or a vault: what peers tell is stored. */
static inline bool engine_works(const struct engine *e)
{
	return e->peers != NULL && e->index != NULL && (e->fetch != NULL || e->vault != NULL);
}

/* Logs a line with the group's name as a field. */
#define engine_log(e, level, ...) log_about(level, &(struct log_about){ .group = engine_name(e) }, __VA_ARGS__)

/* --- engine_report.c --- */

/* A phase that may not follow is logged, and ends the process in tests (engine_context.strict). */
void engine_enter(struct engine *e, enum engine_phase to);
/* Logs and emits why it does not run or does not exchange anything, and keeps it as the error. Takes why. */
void engine_report(struct engine *e, char *why);
/* STOPPED, for a reason that only a person can change. Takes why. */
void engine_fail(struct engine *e, char *why);
/* STOPPED, but the cause may go away: it is tried again. Takes why. */
void engine_fail_for_now(struct engine *e, char *why);
/* Starts it again in a while. */
void engine_retry_later(struct engine *e);
/* The index lost rows that it had not committed, or is damaged: RUNNING or EXCLUDED becomes LOST. */
void engine_index_lost(struct engine *e);
/* It is in a phase that LOST may follow. */
bool engine_may_be_lost(const struct engine *e);
/* The share is not there any more: as above, until it can be opened again. Takes why. */
void engine_share_lost(struct engine *e, char *why);
/* Commits now what this turn wrote, before somebody is told that it is done. 0; -1: it is undone, and the engine starts
 * again from what was committed before. */
int engine_index_commit(struct engine *e);
/* Numbers of ours may be used elsewhere, too: we take another epoch. */
void engine_begin_epoch(struct engine *e);

/* --- engine_store.c: home/groups/<hex>/settings --- */

int engine_store_save(struct engine *e, char **why);
int engine_store_load(struct engine *e, char **why);
/* This agent joins again: puts the entry by which it left into the roster, to be shown to the member that admits it. */
void engine_store_show_leave(struct engine *e);
/* It is a member again. */
void engine_store_forget_leave(struct engine *e);

/* --- engine_vault.c --- */

extern const struct peer_seal engine_vault_seal;
/* Before the index is opened, whatever our role is: sets was_vault. An agent that becomes a vault forgets what it had
 * as a member: the group's keys and the index. 0; ENGINE_VAULT_BECAME: it has just forgotten an index, so its share
 * is there; -1: it was a vault and has another role now, or the disk failed: it is STOPPED. */
enum { ENGINE_VAULT_BECAME = 1 };
int engine_vault_prepare(struct engine *e);
/* Index and share are open: makes the vault. -1 with *why. */
int engine_vault_new(struct engine *e, char **why);
/* As those of the mirror. Nothing if it is not a vault. */
void engine_vault_stop(struct engine *e);
bool engine_vault_is_drained(const struct engine *e);
void engine_vault_free(struct engine *e);
void engine_vault_roster_told(struct engine *e);
/* Others have shown that its index was rolled back. */
void engine_vault_rolled_back(struct engine *e);
/* The index is about to be synced, with nothing written since its commit; or was synced. */
void engine_vault_sync(struct engine *e, bool begins);
/* False: it is not a vault. */
bool engine_vault_counts(const struct engine *e, struct vault_counts *counts);
/* As engine_verify(); members that have what is bad send it again. */
int engine_vault_verify(struct engine *e, void (*done)(void *arg, int64_t files, int64_t bytes, int64_t rotten),
                        void *arg);

/* --- parts --- X_new and X_free: with the engine. X_start and X_stop: with the mirror. X_stop drops the part at
 * once; jobs of it that are out find that it is gone. */

void engine_disk_new(struct engine *e);
void engine_disk_free(struct engine *e);
/* Checks periodically whether the disk answers and the share is there. */
void engine_disk_watch(struct engine *e, bool on);

void engine_sync_new(struct engine *e);
void engine_sync_free(struct engine *e);
/* At the end of a turn: starts what is due for the index's file. */
void engine_sync_turn(struct engine *e);
/* Another index was opened: none of it is synced yet. */
void engine_sync_begin(struct engine *e);
/* No sync is started by the timer any more. */
void engine_sync_stop(struct engine *e);

/* Scrubs from now on; drops a verify or scrub that is running (its done is not called). */
void engine_verify_start(struct engine *e);
void engine_verify_stop(struct engine *e);

/* Thins kept versions at once and then periodically. */
void engine_versions_start(struct engine *e);
void engine_versions_stop(struct engine *e);
/* There are more of them: thins soon. */
void engine_versions_thin(struct engine *e);

/* Forgets tombstones that all members have, once they are old enough. */
void engine_tombstones_start(struct engine *e);
void engine_tombstones_stop(struct engine *e);

/* Before anything works on the index: what was chosen is in effect from now on. */
void engine_choices_start(struct engine *e);
void engine_choices_stop(struct engine *e);
/* After the index was closed. */
void engine_choices_free(struct engine *e);
/* Index and choices are not of one time: the first full scan takes nothing that is absent for deleted. */
bool engine_choices_merging(const struct engine *e);
void engine_choices_scanned(struct engine *e);
/* At the end of a turn: rows that are to be judged again are gone on with in the next one. */
void engine_choices_turn(struct engine *e);
/* Others have told a record: where this agent keeps what is chosen, an event says that the list is another. */
void engine_choices_heard(struct engine *e);
/* A drop of this path is marked in the index: writes that it is not wanted any more, with a new stamp. */
void engine_choices_dropped(struct engine *e, const char *path, engine_choices_fn *done, void *arg);

/* Answers of peers that are for a content that is read for a user: true, and taken. */
bool engine_content_block(struct engine *e, uint64_t peer, uint32_t request, struct slab *bytes);
bool engine_content_list(struct engine *e, uint64_t peer, uint32_t request, uint32_t first, const uint8_t *blocks,
                         size_t n);
/* The peer has come or gone. */
void engine_content_peer(struct engine *e, uint64_t peer, bool up);
void engine_content_stop(struct engine *e);

void engine_drop_start(struct engine *e);
void engine_drop_stop(struct engine *e);

/* The file has come. */
void engine_history_add(struct engine *e, const struct record *r);
void engine_history_free(struct engine *e);

/* Rows at and below paths that are not shared any more are set aside, or those that are again are brought back. done
 * may be NULL. */
void engine_aside_begin(struct engine *e, bool away, char *const *paths, size_t n, engine_choices_fn *done, void *arg);
void engine_aside_start(struct engine *e);
void engine_aside_stop(struct engine *e);
/* What is still under way ends. */
void engine_revert_stop(struct engine *e);
/* None of that is under way. */
bool engine_aside_idle(const struct engine *e);

/* True if the ignore rules differ from those under which the peers' rows were received. Then all rows are exchanged
 * again, as soon as the connections of the group are opened again. */
bool engine_rules_changed(struct engine *e);

/* For fetch_config.burst. */
void engine_burst_begins(void *arg, const struct fetch_burst *b);

/* --- engine_members.c --- */

void engine_members_new(struct engine *e);
void engine_members_free(struct engine *e);
/* The roster may have changed: emits who came, who went and why, and whose role is another. The first call only takes
 * note. */
void engine_members_changed(struct engine *e);
/* The role that it had then; ROLE_NONE: it was not a member. */
enum role engine_members_role(const struct engine *e, const struct agent_id *id);
/* An event about this member. */
void engine_members_emit(struct engine *e, const struct agent_id *id, const char *kind, const char *reason);
/* The message that this agent is no longer a member, and why; fresh. */
char *engine_members_why_outside(const struct engine *e);

/* --- engine_seen.c --- */

/* The connection to a member has ended. */
void engine_seen_note(struct engine *e, uint64_t peer);
/* Whether what it has settled is known here. */
bool engine_seen_knows(struct engine *e, uint64_t peer);

/* --- engine_lag.c --- */

void engine_lag_start(struct engine *e);
void engine_lag_stop(struct engine *e);
/* At the end of a turn in which something has changed: looks soon. */
void engine_lag_turn(struct engine *e);
/* The peer has settled more of our rows. */
void engine_lag_settled(struct engine *e, uint64_t peer);

/* --- engine_role.c --- */

/* The index is open: says whether this agent is a reader. True if all rows were made doubtful, since the role is
 * another one or a member's word has to be heard again: then the index is to be opened again. */
bool engine_role_doubt(struct engine *e);
/* The roster may have changed: what peers said that are not members any more, or may not write any more, is forgotten,
 * so that nothing waits for files that they alone had. RUNNING may become LOST. */
void engine_role_told(struct engine *e);
/* At the end of a turn: what stayed doubtful when a member had told all that it has is this agent's own. */
void engine_role_turn(struct engine *e);
/* All members are asked again for all of their rows: RUNNING becomes LOST. */
void engine_role_list_again(struct engine *e);

/* --- engine_roster.c --- */

void engine_roster_new(struct engine *e);
void engine_roster_free(struct engine *e);
/* -1: it could not be read; the engine is STOPPED, and tries again. */
int engine_roster_load(struct engine *e);
/* Stores that this agent is a member now. -1 as above. */
int engine_roster_joined(struct engine *e);
/* Saves at once; if that fails, again after a while. */
void engine_roster_save(struct engine *e);
/* Saves if a save is still due: the engine stops. */
void engine_roster_flush(struct engine *e);
/* Peers changed it, perhaps very often: it is saved at most once per second. RUNNING may become EXCLUDED, and the other
 * way round by a restart. */
void engine_roster_told(struct engine *e);
/* RUNNING becomes EXCLUDED unless the roster says that we are in the group. */
void engine_roster_check_self(struct engine *e);
/* A restored group that waits: says so if members have shown that this agent belongs to it no more. */
void engine_roster_check_restored(struct engine *e);
/* Signs what an owner's agent signs without being asked: from the next turn on, or not any more. */
void engine_roster_duty(struct engine *e, bool on);

/* --- engine_requests.c --- */

/* Before the connections are made, which need the mailbox; freed after them. */
void engine_requests_start(struct engine *e);
void engine_requests_free(struct engine *e);
/* Peers changed what counts: it is saved soon, and an owner's user is told what is new. */
void engine_requests_told(struct engine *e);

/* --- the state of each part, for engine_dump.c --- */

void engine_vault_debug(const struct engine *e, debug_fn *fn, void *arg);
void engine_disk_debug(const struct engine *e, debug_fn *fn, void *arg);
void engine_sync_debug(const struct engine *e, debug_fn *fn, void *arg);
void engine_verify_debug(const struct engine *e, debug_fn *fn, void *arg);
void engine_versions_debug(const struct engine *e, debug_fn *fn, void *arg);
void engine_tombstones_debug(const struct engine *e, debug_fn *fn, void *arg);
void engine_choices_debug(const struct engine *e, debug_fn *fn, void *arg);
void engine_requests_debug(const struct engine *e, debug_fn *fn, void *arg);
void engine_roster_debug(const struct engine *e, debug_fn *fn, void *arg);
void engine_keys_debug(const struct engine *e, debug_fn *fn, void *arg);
void engine_stop_debug(const struct engine *e, debug_fn *fn, void *arg);

/* --- engine_comings.c --- */
struct comings *engine_comings_new(struct engine *e);
/* Tells a peer that has come what others were told. */
void engine_comings_up(struct engine *e, uint64_t peer);

/* --- engine_seal.c: for peer_group_config.seal --- */

extern const struct peer_seal engine_seal_calls;

/* --- engine_wiring.c: constructors, with the hooks through which each reports --- */

extern const struct peer_hooks engine_wiring_peer_hooks;
struct local *engine_wiring_local(struct engine *e);
struct fetch *engine_wiring_fetch(struct engine *e);
/* Of an engine that is keyless too. */
struct peer_group *engine_wiring_peers(struct engine *e);

/* --- engine_vault_start.c --- */

/* The vault is made: builds the rest and starts it, in place of a mirror. */
void engine_vault_start(struct engine *e);

/* --- engine_mirror.c: what it takes down may also be a vault's --- */

/* Index and share are open: builds the rest and starts it. */
void engine_mirror_start(struct engine *e);
/* Starts nothing new. Batches that are being installed are completed, and their rows are written. */
void engine_mirror_stop(struct engine *e);
bool engine_mirror_is_drained(const struct engine *e);
/* Drained: frees and closes everything, and the share too unless the group was left. */
void engine_mirror_free(struct engine *e);

/* --- engine_keyless.c --- */

/* Index and share are open, and the group's first keys are not here: JOINING, until they come. */
void engine_keyless_start(struct engine *e);

/* --- engine_open.c --- */

/* STOPPED to OPENING, and on from there as workers answer; or to STOPPED with the reason. In another phase it does
 * nothing. */
void engine_start(struct engine *e);
/* For the retry timer: engine_start(), then context.changed. */
void engine_try_again(void *arg);
/* The share that a worker is opening is not wanted any more. */
void engine_open_drop(struct engine *e);

/* --- engine_stop.c --- */

void engine_stop_new(struct engine *e);
/* LOST; or what was lacking is here: drains, and starts again. From loop_between(). */
void engine_restart(void *arg);

#endif
