/* The agent: identity, connections, discovery, and an engine for each group. What the control API offers, as
 * functions. Home folder: key.pem, lock, machine, control.sock, groups/<group ID hex>/{settings, roster.bin,
 * index.db}. The loop's thread. */
#ifndef LANYARD_AGENT_AGENT_H
#define LANYARD_AGENT_AGENT_H

#include "agent/engine/engine.h"
#include "agent/engine/events.h"
#include "agent/link_losses.h"
#include "agent/settings.h"
#include "discovery/discovery.h"

struct agent;

struct agent_config {
	const char *home; /* absolute; exists, 0700, locked by the caller; copied */
	const struct settings
		*settings; /* must outlive the agent; agent_add_static() and agent_limit() tell it what changes */
	int worker_threads;
};

/* Opens everything; groups whose share or index cannot be opened are in state ENGINE_ERROR, they do not stop the
 * others. NULL with *why (fresh text) when there is no identity or no port. */
struct agent *agent_new(struct loop *loop, const struct agent_config *config, struct events *events, char **why);
/* False: the disk of a share does not answer. What is known is stored, nothing more can be done: end the process. */
bool agent_free(struct agent *a);
/* Another agent runs under our identity: where, and what to do; NULL: none is known. */
const char *agent_copy(const struct agent *a);
/* Members to whom connections were lost of late, with the name that the roster gives them; the name is valid during
 * the call. */
typedef void agent_loss_fn(void *arg, const struct link_loss *loss, const char *name);
void agent_losses(struct agent *a, agent_loss_fn *fn, void *arg);

const struct agent_id *agent_self(const struct agent *a);
int agent_port(const struct agent *a);
/* One more member outside the local network, as in settings.peers; tried from now on. -1: no HOST:PORT. */
int agent_add_static(struct agent *a, const char *host_port);
/* Other limits from now on, as in upload and download. */
void agent_limit(struct agent *a, int64_t upload, int64_t download);
/* "avahi", "embedded", "off"; *problem: what hinders it, or NULL. */
const char *agent_discovery(const struct agent *a, const char **problem);
struct peers *agent_peers(struct agent *a);

void agent_engines(struct agent *a, bool (*fn)(void *arg, struct engine *e), void *arg);
size_t agent_engine_count(const struct agent *a);
/* By name, or by an unambiguous start (4 digits or more) of the ID in hex. NULL with *why. */
struct engine *agent_find(struct agent *a, const char *name_or_id, char **why);

/* All return 0, or -1 with *why (fresh text for the person who asked). share: absolute path, created when missing. */
int agent_create(struct agent *a, const char *name, const char *share, bool hidden, bool sealed, struct engine **out,
                 char **why);
/* Fresh text in *token. */
int agent_invite(struct agent *a, struct engine *e, int64_t expires_s, enum role role, char **token, char **why);
/* Starts joining: the engine exists at once, in state ENGINE_JOINING, and becomes a full one, or goes to ENGINE_ERROR
 * when a member refused. */
int agent_join(struct agent *a, const char *token, const char *share, struct engine **out, char **why);
/* Leaves the group: tells the others, forgets it here. The share and its files stay, its .lanyard/ goes. e is freed. */
int agent_leave(struct agent *a, struct engine *e, char **why);
/* That is under way: it takes until the share's disk answers. */
bool agent_is_leaving(const struct agent *a, const struct group_id *group);
/* A group that was just founded could not begin: as if it had never been. *why: the reason, fresh. */
void agent_unfound(struct agent *a, struct engine *e, char **why);

/* Groups heard of on the network that are not hidden: name, and the agent that named it (short text). */
void agent_seen_groups(struct agent *a, bool (*fn)(void *arg, const char *name, const char *agent), void *arg);

#endif
