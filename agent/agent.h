/* The agent: identity, connections, discovery, and an engine per group; the functions are what the control API
 * offers. Files in the home: key.pem, lock, machine, control.sock, groups/<group ID hex>/{settings, roster.bin,
 * keys.bin, index.db}. The loop's thread. */
#ifndef LANYARD_AGENT_AGENT_H
#define LANYARD_AGENT_AGENT_H

#include "agent/engine/engine.h"
#include "agent/link_losses.h"
#include "agent/seen_groups.h"
#include "agent/settings.h"
#include "sync/group/roster.h"
#include "sync/peer/asker.h"

struct agent;
struct events;
struct loop;
struct peers;

struct agent_config {
	const char *home; /* absolute; exists, 0700, locked by the caller; copied */
	const struct settings
		*settings; /* must outlive the agent; agent_add_static() and the like tell it what changes */
	int worker_threads;
	/* The home is another agent's now (agent_key_install()): this one is to be freed, and another one made. */
	void (*replaced)(void *arg);
	void *arg;
};

/* Opens everything. A group whose share or index cannot be opened is in state ENGINE_ERROR and does not affect the
 * others. NULL with *why (fresh text) without an identity, a port or the list of groups. */
struct agent *agent_new(struct loop *loop, const struct agent_config *config, struct events *events, char **why);
/* False: the disk of a share does not answer. What is known is stored, and the process must end. */
bool agent_free(struct agent *a);
/* The message about another agent with our identity: where it runs and what to do; NULL: none is known. */
const char *agent_copy(const struct agent *a);
/* Members to which connections were lost recently, each with its name in the roster, which is valid during the call. */
typedef void agent_loss_fn(void *arg, const struct link_loss *loss, const char *name);
void agent_losses(struct agent *a, agent_loss_fn *fn, void *arg);

/* Connections that were refused in this run. */
enum agent_refused {
	AGENT_REFUSED_HANDSHAKE, /* the other end showed no key */
	AGENT_REFUSED_STRANGER,  /* it is a member of none of our groups */
	AGENT_REFUSED_MEMBER,    /* it is one */
	AGENT_REFUSED
};
uint64_t agent_refused_count(const struct agent *a, enum agent_refused why);

const struct agent_id *agent_self(const struct agent *a);
const char *agent_home(const struct agent *a); /* its path */
int agent_port(const struct agent *a);
/* One more address of a member, as in settings.peers, tried from now on. -1: not of the form HOST:PORT. */
int agent_add_static(struct agent *a, const char *host_port);
/* Changes the limits of settings.upload and settings.download. */
void agent_limit(struct agent *a, int64_t upload, int64_t download);
/* vault_disk may be another one in the settings, or in those of groups: the vaults that run take it over. */
void agent_vault_disk_changed(struct agent *a);
/* "avahi", "embedded", "off"; *problem: why it does not work, or NULL. */
const char *agent_discovery(const struct agent *a, const char **problem);
struct peers *agent_peers(struct agent *a);

void agent_engines(struct agent *a, bool (*fn)(void *arg, struct engine *e), void *arg);
size_t agent_engine_count(const struct agent *a);
/* By name, by NAME#start of the public ID, or by an unambiguous start (4 digits or more) of the ID in hex. NULL with
 * *why. */
struct engine *agent_find(struct agent *a, const char *name_or_id, char **why);

/* All return 0, or -1 with *why (fresh text for the user). share: absolute path, created when missing. */
int agent_create(struct agent *a, const char *name, const char *share, bool hidden, bool sealed, struct engine **out,
                 char **why);
/* Founds a group that shows that its founder has the secret (sync/group/group_secret.h). */
int agent_found(struct agent *a, const char *name, const char *share, const char *secret, struct engine **out,
                char **why);
/* Starts joining: the engine exists at once, in state ENGINE_JOINING, and becomes a member's, or goes to ENGINE_ERROR
 * if it is refused. */
int agent_join(struct agent *a, const char *token, const char *share, struct engine **out, char **why);
/* Leaves the group: informs the members and forgets it here. The share and its files stay, its .lanyard/ is removed.
 * e is freed. abandon: even if members stay without an owner, which is refused otherwise. */
int agent_leave(struct agent *a, struct engine *e, bool abandon, char **why);
/* The group is still being left, which may take until the share's disk answers. */
bool agent_is_leaving(const struct agent *a, const struct group_id *group);
/* What only an owner can do; all gossip it to the members at once. *id: of the invite or agent that was meant.
 *
 * invite: fresh text in *token. revoke: by the start of the invite's ID, or by its token; agents that came by it and
 * that no owner has confirmed are out. */
struct agent_invite {
	int64_t expires_s; /* from now */
	enum role role;    /* not owner */
	uint32_t uses;     /* 1 to INVITE_MAX_USES */
};
int agent_invite(struct agent *a, struct engine *e, const struct agent_invite *what, char **token, struct agent_id *id,
                 char **why);
int agent_revoke(struct agent *a, struct engine *e, const char *invite, struct agent_id *id, char **why);
/* Whom a decision is about. */
struct agent_decided {
	struct agent_id id;
	char name[MEMBER_NAME_MAX + 1]; /* "": none is known */
};
/* who: as in agent_match.h. An agent that is not a member is added, also one that was removed, if `who` is its whole
 * ID. */
int agent_role(struct agent *a, struct engine *e, const char *who, enum role role, struct agent_decided *about,
               char **why);
int agent_remove(struct agent *a, struct engine *e, const char *who, struct agent_decided *about, char **why);
/* Undoes agent_create() of a group that could not be started. *why: the reason, fresh. */
void agent_unfound(struct agent *a, struct engine *e, char **why);

/* --- deciding who joins --- */

/* An owner's decision about an agent that asks to join, named by `text`: a confirmation code, a name, a start of an
 * agent ID. accept: makes it a member in this role; a whole agent ID is accepted before it asks. reject, forever: the
 * agent will not be heard again, whether it asks now or not. -1 with *why. */
int agent_accept(struct agent *a, struct engine *e, const char *text, enum role role, struct agent_decided *about,
                 char **why);
int agent_reject(struct agent *a, struct engine *e, const char *text, bool forever, struct agent_decided *about,
                 char **why);
/* Makes everybody a member who asks to join and proves to have the secret, except whom an owner has removed or
 * rejected; returns how many. Nothing unless this agent is an owner. */
size_t agent_accept_proven(struct agent *a, struct engine *e, const char *secret);
/* The requests of the group were shown to its user. */
void agent_requests_seen(struct agent *a, struct engine *e);

/* --- asking to join --- */

/* Groups that this agent asks to join. */
struct agent_asked {
	const char *name; /* as it was announced: not proven */
	const char *tag;  /* the group's public ID */
	const char *share, *message;
	const char *error;          /* what keeps us from joining though we were accepted; NULL */
	bool by_secret;             /* it proves to have a secret, and joins only a group whose founder had it */
	bool refuted;               /* we were accepted, and the founder of that group did not have it */
	struct asker_status status; /* ASKER_REJECTED, ASKER_BARRED, ASKER_EXPIRED: it has stopped */
};
typedef bool agent_asked_fn(void *arg, const struct agent_asked *asked);
void agent_asks(struct agent *a, agent_asked_fn *fn, void *arg);
/* What a user wants of a request. */
struct agent_ask_wish {
	const char *name;          /* the group's */
	const char *share;         /* absolute; NULL: that of the request that is under way, or default_share */
	const char *default_share; /* may be NULL */
	const char *message;       /* NULL: that of the request that is under way, or none */
	bool on_demand;            /* once it is accepted */
	const char *secret;        /* to be proved by the message; NULL: none */
};
/* Asks the members of the group with this tag to let us in, from now on until an owner has decided, also after
 * restarts; begins again where an earlier attempt has stopped. A request that is under way goes on, with its code. When
 * an owner accepts, the group appears among the engines and this ends. -1 with *why. */
int agent_ask(struct agent *a, const struct group_tag *tag, const struct agent_ask_wish *wish, char **why);
/* Stops asking, and forgets what was decided. The owners still see the request until it expires. */
void agent_ask_end(struct agent *a, const char *tag);

/* --- its key --- */

struct export_content;

/* What a key file of this agent holds: its identity, and each group that it is in or waits for. Fresh, freed by
 * export_content_free(). NULL with *why. */
struct export_content *agent_key_content(struct agent *a, char **why);
/* Why this agent may not become another one: it is in a group, for example. Fresh; NULL: it may. */
char *agent_key_obstacle(const struct agent *a);
/* A worker's: key_check_shares() for this agent's home. */
char *agent_key_shares(const struct agent *a, const struct export_content *c, char *const *shares, bool asked);
/* Makes the home that of the agent whose key file it was. shares: of each group, absolute. -1 with *why. *became: also
 * after -1, as of key_file_install(). Then this agent goes on as it was until agent_key_replaced(); arg: the agent. */
int agent_key_install(struct agent *a, const struct export_content *c, char *const *shares, bool *became, char **why);
void agent_key_replaced(void *arg);
/* Once an answer that was given in this turn has been sent. */
void agent_key_replaced_soon(struct agent *a);
/* For work that takes a worker a while, and no disk of a share. */
void agent_work(struct agent *a, workers_fn *work, workers_done_fn *done, void *job);

/* --- the network --- */

/* Queries the network for groups, now and for the next ten minutes. */
void agent_look_around(struct agent *a);
/* Goes on looking for ten more minutes, without another query. */
void agent_keep_looking(struct agent *a);
/* False for the first moment of it, until those that are there have had the time to answer. */
bool agent_has_looked(const struct agent *a);
/* Groups that are announced on the network and that this agent is neither in nor asks to join: each once, in order of
 * names. */
typedef bool agent_seen_fn(void *arg, const struct seen_group *g);
void agent_seen_groups(struct agent *a, agent_seen_fn *fn, void *arg);

#endif
