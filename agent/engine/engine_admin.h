/* Making and ending engines, and what only their owner asks of them: for the agent and the simulator. All others use
 * engine.h. The loop's thread. */
#ifndef LANYARD_AGENT_ENGINE_ENGINE_ADMIN_H
#define LANYARD_AGENT_ENGINE_ENGINE_ADMIN_H

#include "agent/engine/engine.h"
#include "agent/settings.h"
#include "sync/local/comings.h"

struct events;
struct identity;
struct invite;
struct loop;
struct peers;
struct real_path;

/* What all engines of an agent share; outlives them. */
struct engine_context {
	struct loop *loop;
	struct workers *workers; /* for jobs that do not touch a share */
	int worker_threads;      /* in each group's own pool */
	struct peers *peers;
	struct events *events;
	const struct identity *self;
	const char *name; /* the host's, for messages */
	const char *home; /* absolute */
	int home_dirfd;
	bool strict;                 /* for tests: a wrong step between phases ends the process */
	bool moved;                  /* the home's first start on this machine: it may be a copy */
	struct comings_sizes coming; /* file 0: the usual ones; tests have smaller files */
	const struct settings *settings;
	/* The engine's membership or state changed, and with it what discovery has to announce. */
	void (*changed)(void *arg);
	/* Returns NULL if the engine's share may be at `real_path` (NULL: the path cannot be followed), else why not,
	 * fresh. No function: any place is allowed. */
	char *(*share_is_free)(void *arg, const struct engine *e, const struct real_path *real_path);
	/* What engine_end() began is done, and e is about to be freed. May be NULL. */
	void (*ended)(void *arg, struct engine *e);
	void *arg;
};

/* --- making --- */

/* The engine of a group that is stored below home; NULL with *why if even its settings cannot be read. */
struct engine *engine_load(const struct engine_context *context, const char *group_hex, char **why);
/* The engine of a group that this agent founds; takes over the roster, and makes the first keys if it is sealed. NULL
 * with *why. */
struct engine *engine_found(const struct engine_context *context, struct roster *roster, const char *share, char **why);
/* The engine of a group whose owner has accepted us; takes over its roster. NULL with *why. */
struct engine *engine_accepted(const struct engine_context *context, struct roster *roster, const char *share,
                               char **why);
/* An engine that joins with this token, which was parsed into `invite`. NULL with *why. */
struct engine *engine_join(const struct engine_context *context, const char *token, const struct invite *invite,
                           const char *share, char **why);

/* --- ending --- */

/* Stops and frees. Waits for jobs that are out by turning the loop, so it may be called only from loop_between(),
 * when the loop does not run, or when no jobs are out. What is stored of the group stays, unless engine_end() was
 * called. False: the share's disk did not answer for ten seconds; what is known is stored, nothing is freed, and the
 * process must end. */
bool engine_free(struct engine *e);
/* Removes what is stored of the group below home. */
void engine_forget(struct engine *e);
/* The user left the group: stops, forgets it, removes the share's .lanyard/, frees. Calls context.ended when that is
 * done, which may take until the share's disk answers. */
void engine_end(struct engine *e);
/* Our identity also runs elsewhere: stops until the agent's next start. Takes why. Only from loop_between(). */
void engine_copied(struct engine *e, char *why);
bool engine_is_copied(const struct engine *e);

/* --- what its owner must know --- */

/* Why it does not run or does not exchange anything; NULL: it does, or is about to. */
const char *engine_error(const struct engine *e);
/* What a joiner joins by: where members may be found; NULL: it is none. */
const struct invite *engine_invite(const struct engine *e);
/* It is joining with this very token. */
bool engine_joins_by(const struct engine *e, const char *token);
/* The group should be announced on the network. */
bool engine_is_announced(const struct engine *e);
/* Its jobs still use the share's disk, so another engine cannot take its place yet. */
bool engine_awaits_disk(const struct engine *e);
/* Where its share is, from before it is opened until its .lanyard/ is removed; NULL: nowhere. */
const struct real_path *engine_real_path(const struct engine *e);
/* We changed the roster (by admitting, removing or leaving): stores it and sends it to peers. */
void engine_roster_changed(struct engine *e);
/* We answered a request to join, or have seen it: stores that and sends it to peers. */
void engine_requests_changed(struct engine *e);
/* Keeps the entry by which we left: whoever admits us again may not have heard of it. */
void engine_remember_leave(struct engine *e, const uint8_t *entry, size_t n);
/* Emits an event of the group. path and reason may be NULL. */
void engine_emit(struct engine *e, const char *kind, const char *path, const char *reason);

#endif
