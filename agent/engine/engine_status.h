/* The state of an engine for users: one word, the numbers, and the paths that cannot be synced. The loop's thread. */
#ifndef LANYARD_AGENT_ENGINE_ENGINE_STATUS_H
#define LANYARD_AGENT_ENGINE_ENGINE_STATUS_H

#include "agent/engine/engine.h"
#include "sync/fetch/fetch.h"
#include "sync/index/index.h"
#include "sync/local/local.h"
#include "sync/peer/peers.h"
#include "sync/vault/vault.h"

enum engine_state {
	ENGINE_JOINING,
	ENGINE_SCANNING,
	ENGINE_SYNCING,
	ENGINE_IN_SYNC,
	ENGINE_WAITING,
	ENGINE_PAUSED,
	ENGINE_ERROR,
	ENGINE_RESTORED /* of a key file, and no member has shown the roster yet */
};
/* "joining", "scanning", "syncing", "in-sync", "waiting", "paused", "error", "restored" */
const char *engine_state_name(enum engine_state s);

/* Since the group was started in this run; they only grow. */
struct engine_counts {
	uint64_t conflicts; /* conflict copies that were made here */
	uint64_t problems;  /* events of kind problem */
};

struct engine_status {
	enum engine_state state;
	bool in_sync;          /* scanned and idle here, nothing wanted is missing, each connected peer settled all our
	                 rows. Members that are here through others only have told us nothing */
	bool settled;          /* the same, but others may still lack our rows */
	const char *error;     /* ENGINE_ERROR: why */
	const char *waits_for; /* what is missing for in_sync; NULL when in sync */
	struct index_totals totals;
	int64_t wanted, wanted_bytes;
	int64_t pending; /* local hints and hashes */
	bool scans;      /* a full scan is under way: */
	struct local_scanning scan;
	int64_t ignored;        /* paths here that the ignore rules leave out */
	int64_t held;           /* files of bursts that wait for engine_release, see engine_bursts */
	size_t peers;           /* connected in this group */
	size_t here;            /* these, and members that are connected only with others */
	int64_t last_in_sync_s; /* wall clock; now while it is; -1: not in this run */
	struct engine_counts counts;
	struct fetch_counters fetch;
	struct peer_counters peer;
	struct peer_rates rates;
	bool vault;                /* it is one: in sync is that all that connected members told is stored */
	struct vault_counts store; /* what it stores */
};

void engine_status(struct engine *e, struct engine_status *s);

/* Our role in the group; ROLE_NONE while joining or in error. */
enum role engine_role(struct engine *e);
/* Records that the group has and this disk has not; changes here that are not shared, since we are a reader. */
int64_t engine_listed(struct engine *e);
int64_t engine_local_changes(struct engine *e);
/* Calls fn with the paths of these changes, the first `max`, until it returns false. */
void engine_local_paths(struct engine *e, int max, bool (*fn)(void *arg, const char *path), void *arg);

/* What another agent of a sealed group has signed of its state, as far as it is compared with ours. */
struct engine_head {
	const struct agent_id *id;
	bool vault;
	int64_t as_of_s;     /* its clock's */
	const char *meeting; /* "in-sync", "behind": we are; NULL: not compared yet */
	const char *blame;   /* what is to be said against it, for people; NULL: nothing */
	int64_t blame_s;     /* since when; 0: as long as the heads of others say so */
};
/* Calls fn with each whose head is known, until it returns false. */
void engine_heads_each(const struct engine *e, bool (*fn)(void *arg, const struct engine_head *h), void *arg);
/* Whether the memory that the keys of a sealed group lie in is locked: it is never swapped. */
bool engine_keys_locked(const struct engine *e);
/* The maker of the present keys of a sealed group, while they are not here. NULL: they are, or there are none. */
const struct agent_id *engine_keys_maker(const struct engine *e);
/* The newest of each vault for a key file, `max` at most. How many. */
struct export_head;
size_t engine_heads_seen(const struct engine *e, struct export_head *out, size_t max);

/* The bytes that are free on the disk of the share, and its size, as a worker found out a while ago; it finds out again
 * if that is more than ten seconds. -1: not known yet, or the disk does not say. */
void engine_disk_space(struct engine *e, int64_t *free_bytes, int64_t *size);
/* Paths that cannot be synced now, by where they are stuck; together engine_problem_count(). */
struct engine_stuck_paths {
	int64_t downloads;   /* files of others that do not come now */
	int64_t unreadable;  /* files here that cannot be read at present */
	int64_t unshareable; /* what else is here and is not told to others: what cannot be shared, files that keep
	                        changing, deletions that are held, and 1 if the watch cannot see everything */
	int64_t announced;   /* members that announce more than is accepted */
};
void engine_stuck_paths(struct engine *e, struct engine_stuck_paths *p);

struct engine_problem {
	const char *path, *reason;
	int64_t since_s; /* wall clock */
	char next[64];   /* what happens next, for people */
};
/* A member, by its short ID. */
struct engine_member_state {
	bool connected;
	bool here;              /* connected, or connected with others that say so */
	int64_t last_seen_s;    /* wall clock; now while it is connected, about now while it is here; -1: not known */
	int64_t behind;         /* our files that it has not settled, as far as they are counted; -1: not known */
	int64_t behind_since_s; /* wall clock; when it last had everything; -1: it has, or that is not known */
};
void engine_member_state(struct engine *e, uint64_t peer, struct engine_member_state *s);
/* `behind` alone, counted up to `most`. */
int64_t engine_member_behind(struct engine *e, uint64_t peer, int64_t most);
int64_t engine_member_behind_since(struct engine *e, uint64_t peer); /* as behind_since_s; but of folders as well */
int64_t engine_last_seen(struct engine *e, uint64_t peer);           /* as last_seen_s */
/* Calls fn with each vault that is connected with this member, and what it says of itself, until fn returns false. */
struct engine_vault_seen {
	struct agent_id id;
	const char *name;     /* as it calls itself; untrusted */
	uint64_t used, quota; /* bytes; quota 0: none */
	bool full;
	uint64_t bad;      /* objects and rows that an honest vault does not give, since it connected */
	const char *waits; /* why its rows are not taken, or ours not told; NULL: they are */
};
void engine_vaults_seen(struct engine *e, bool (*fn)(void *arg, const struct engine_vault_seen *v), void *arg);
/* Paths that cannot be synced now, those of the scan and those of fetch. At most max. */
int64_t engine_problem_count(struct engine *e);
void engine_problems(struct engine *e, size_t max, bool (*fn)(void *arg, const struct engine_problem *p), void *arg);

#endif
