/* Making and ending engines, and what their owner must know of them: for the agent (and the simulator), which own them.
 * Everybody else uses engine.h. The loop's thread. */
#ifndef LANYARD_AGENT_ENGINE_ENGINE_ADMIN_H
#define LANYARD_AGENT_ENGINE_ENGINE_ADMIN_H

#include "agent/engine/engine.h"
#include "agent/settings.h"

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
	bool strict; /* for tests: a wrong step between phases ends the process */
	bool moved;  /* this is the home's first start on this machine: it may be a copy */
	const struct settings *settings;
	/* The engine's membership or state changed: discovery publishes what is to be published now. */
	void (*changed)(void *arg);
	/* Whether the engine's share, which is `real_path`, may be there (NULL: it cannot be told where it is): NULL,
	 * or why it may not, fresh. NULL: it may be anywhere. */
	char *(*share_is_free)(void *arg, const struct engine *e, const struct real_path *real_path);
	/* engine_end() has come to its end: e is about to be freed. NULL: nobody minds. */
	void (*ended)(void *arg, struct engine *e);
	void *arg;
};

/* --- making --- */

/* Makes an engine for a group that is stored below home, or NULL with *why when even its settings cannot be read. */
struct engine *engine_load(const struct engine_context *context, const char *group_hex, char **why);
/* A new group of ours; takes over the roster. NULL with *why. */
struct engine *engine_found(const struct engine_context *context, struct roster *roster, const char *share, char **why);
/* Joins by a token that parsed. NULL with *why. */
struct engine *engine_join(const struct engine_context *context, const char *token, const struct invite *invite,
                           const char *share, char **why);

/* --- ending --- */

/* Stops and frees; waits for workers that are out, turning the loop: only from loop_between(), when the loop does not
 * run, or when none are. What is stored of the group stays, unless engine_end() has begun. False: the share's disk
 * did not answer for ten seconds; what is known is stored, and nothing is freed: end the process. */
bool engine_free(struct engine *e);
/* Removes what is stored of the group below home. */
void engine_forget(struct engine *e);
/* For good: stops, forgets, removes the share's .lanyard/, frees; ended() is called when that is done, which takes
 * until the share's disk answers. */
void engine_end(struct engine *e);
/* Our identity runs elsewhere too: stops until the agent's next start. Takes why. As engine_free(), from
 * loop_between(). */
void engine_copied(struct engine *e, char *why);
bool engine_is_copied(const struct engine *e);

/* --- what its owner must know --- */

/* Why it does not run, or shares nothing; NULL: it does, or is about to. */
const char *engine_error(const struct engine *e);
/* Whether it holds this very invite, which nobody has honoured yet. */
bool engine_joins_by(const struct engine *e, const char *token);
/* Whether the group is to be announced on the network. */
bool engine_is_announced(const struct engine *e);
/* Whether it waits for jobs that use the share's disk, so that another engine cannot take its place yet. */
bool engine_awaits_disk(const struct engine *e);
/* Where its share is, is about to be opened or was until its .lanyard/ is removed; NULL: nowhere. */
const struct real_path *engine_real_path(const struct engine *e);
/* Our own hand changed the roster (invite honoured or left): store it and pass it on. */
void engine_roster_changed(struct engine *e);
/* An event of the group. path, reason: NULL where there is none. */
void engine_emit(struct engine *e, const char *kind, const char *path, const char *reason);

#endif
