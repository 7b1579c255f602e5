/* The state of an engine for users: one word, the numbers, and the paths that cannot be synced. The loop's thread. */
#ifndef LANYARD_AGENT_ENGINE_ENGINE_STATUS_H
#define LANYARD_AGENT_ENGINE_ENGINE_STATUS_H

#include "agent/engine/engine.h"
#include "sync/fetch/fetch.h"
#include "sync/index/index.h"
#include "sync/peer/peers.h"

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
	bool in_sync;          /* scanned and idle here, nothing wanted is missing, each connected peer settled all our
	                 rows. Members that are here through others only have told us nothing */
	const char *error;     /* ENGINE_ERROR: why */
	const char *waits_for; /* what is missing for in_sync; NULL when in sync */
	struct index_totals totals;
	int64_t wanted, wanted_bytes;
	int64_t pending; /* local hints and hashes */
	int64_t ignored; /* paths here that the ignore rules leave out */
	int64_t held;    /* files of bursts that wait for engine_release, see engine_bursts */
	size_t peers;    /* connected in this group */
	size_t here;     /* these, and members that are connected only with others */
	struct fetch_counters fetch;
	struct peer_counters peer;
};

void engine_status(struct engine *e, struct engine_status *s);

/* Our role in the group; ROLE_NONE while joining or in error. */
enum role engine_role(struct engine *e);
/* Records that the group has and this disk has not; changes here that are not shared, since we are a reader. */
int64_t engine_listed(struct engine *e);
int64_t engine_local_changes(struct engine *e);
/* Calls fn with the paths of these changes, the first `max`, until it returns false. */
void engine_local_paths(struct engine *e, int max, bool (*fn)(void *arg, const char *path), void *arg);

struct engine_problem {
	const char *path, *reason;
	int64_t since_s; /* wall clock */
	char next[64];   /* what happens next, for people */
};
/* A member, by its short ID. */
struct engine_member_state {
	bool connected;
	bool here;           /* connected, or connected with others that say so */
	int64_t last_seen_s; /* wall clock; now while it is connected, about now while it is here; -1: not known */
	int64_t behind;      /* our files that it has not settled, as far as they are counted; -1: not known */
};
void engine_member_state(struct engine *e, uint64_t peer, struct engine_member_state *s);
int64_t engine_last_seen(struct engine *e, uint64_t peer); /* as last_seen_s */
/* Paths that cannot be synced now, those of the scan and those of fetch. At most max. */
int64_t engine_problem_count(struct engine *e);
void engine_problems(struct engine *e, size_t max, bool (*fn)(void *arg, const struct engine_problem *p), void *arg);

#endif
