/* One group on this agent, wired: share, index, local scanner, fetch, and the group's side of the connections. The
 * loop's thread. */
#ifndef LANYARD_AGENT_ENGINE_ENGINE_H
#define LANYARD_AGENT_ENGINE_ENGINE_H

#include "agent/engine/events.h"
#include "sync/fetch/fetch.h"
#include "sync/local/local.h"
#include "sync/peer/peers.h"

struct engine;

enum engine_state {
	ENGINE_JOINING,
	ENGINE_SCANNING,
	ENGINE_SYNCING,
	ENGINE_IN_SYNC,
	ENGINE_WAITING,
	ENGINE_PAUSED,
	ENGINE_ERROR
};
const char *engine_state_name(
	enum engine_state s); /* "joining", "scanning", "syncing", "in-sync", "waiting", "paused", "error" */

struct engine_status {
	enum engine_state state;
	bool in_sync;      /* P9: scanned and idle here, nothing wanted, every connected peer has and has told all */
	const char *error; /* ENGINE_ERROR: why */
	const char *waits_for; /* what in_sync lacks; NULL when in sync */
	struct index_totals totals;
	int64_t wanted, wanted_bytes;
	int64_t pending; /* local hints and hashes */
	int64_t ignored; /* paths here that the ignore rules leave out */
	int64_t held;    /* files of bursts that wait for engine_release, see engine_bursts */
	size_t peers;    /* connected in this group */
	struct fetch_counters fetch;
	struct peer_counters peer;
};

const char *engine_name(const struct engine *e); /* the group's */
const struct group_id *engine_group(const struct engine *e);
const char *engine_share_path(const struct engine *e);
struct roster *engine_roster(struct engine *e);
struct index *engine_index(struct engine *e); /* NULL while joining or in error */
struct fetch *engine_fetch(struct engine *e); /* likewise */
struct local *engine_local(struct engine *e); /* likewise */
struct peer_group *engine_peers(struct engine *e);
void engine_status(struct engine *e, struct engine_status *s);
struct engine_problem {
	const char *path, *reason;
	int64_t since_s; /* wall clock */
	char next[64];   /* what happens next, for people */
};
/* Everything that is not in sync and will not be by itself at once, scan's and fetch's. At most max. */
int64_t engine_problem_count(struct engine *e);
void engine_problems(struct engine *e, size_t max, bool (*fn)(void *arg, const struct engine_problem *p), void *arg);

/* fn for each live file of the group in walk order under `under`, ours and wanted ones. here: complete in our share.
 * has: the short IDs of members known to have this version (ourselves included). after: begins with the first path
 * behind this one, so that a long list can be read in pieces over many turns; NULL: from the start. */
typedef bool engine_file_fn(void *arg, const struct record *r, bool here, const uint64_t *has, size_t nhas);
void engine_files(struct engine *e, const char *under, const char *after, engine_file_fn *fn, void *arg);

void engine_pause(struct engine *e, bool paused); /* remembered over restarts */
bool engine_paused(const struct engine *e);
void engine_rescan(struct engine *e);
/* Looks whether the share is there, and what is mounted in it, so that what is said next is true of a disk that came or
 * went a moment ago, too. looked: the answer is there, or will not come soon (engine_stuck()). */
void engine_look(struct engine *e);
bool engine_looked(struct engine *e);
/* It holds an invite that nobody has honoured yet. */
bool engine_is_attempt(const struct engine *e);
/* The share is not opened yet: what engine_found() began goes on. */
bool engine_opening(const struct engine *e);
/* Why nothing can be asked of the share's disk: it does not answer; NULL: it does. */
const char *engine_stuck(struct engine *e);
/* errno: what the agent may not do in the share; 0: nothing, as far as is known. */
int engine_share_access(const struct engine *e);
/* A burst that is held: deletions here that nobody is told of, or changes of a member that would take away a large
 * part of the share here (sync/fetch/guard.h). */
struct engine_burst {
	bool here;
	bool known;         /* `by` is filled; false: several, or no member now */
	struct agent_id by; /* here: ourselves */
	const char *name;   /* as it calls itself, untrusted; NULL: here, or not known; good until the roster changes */
	bool brings;        /* changes that are said to be of several others, and came from this one */
	int64_t files;
	int64_t since_s; /* wall clock */
};
void engine_bursts(struct engine *e, void (*fn)(void *arg, const struct engine_burst *b), void *arg);
/* The files of all of them. */
int64_t engine_held(struct engine *e);
/* Lets all of them go, and what waits for room among the versions; how many files. */
int64_t engine_release(struct engine *e);
/* Re-hash everything; fn for each rotten file, then done. With repair, rotten files are fetched again from peers. -1:
 * running already, or not possible now. */
int engine_verify(struct engine *e, bool repair, void (*fn)(void *arg, const struct record *r),
                  void (*done)(void *arg, int64_t files, int64_t bytes, int64_t rotten), void *arg);

/* For what a user asks of the share's disk: the share (NULL while joining or in error); a job at a worker, which
 * holds a duplicate of what it needs of the share; and "look at this path" for what it changed there. */
struct share *engine_share(struct engine *e);
void engine_work(struct engine *e, workers_fn *work, workers_done_fn *done, void *job);
void engine_hint(struct engine *e, const char *path);
uint64_t engine_self(const struct engine *e); /* our short ID */

#endif
