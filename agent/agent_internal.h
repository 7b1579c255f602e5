/* The state of an agent, shared by the agent*.c files. */
#ifndef LANYARD_AGENT_AGENT_INTERNAL_H
#define LANYARD_AGENT_AGENT_INTERNAL_H

#include "agent/agent.h"
#include "agent/home_machine.h"
#include "agent/engine/engine_admin.h"
#include "agent/engine/events.h"
#include "base/loop.h"
#include "discovery/discovery.h"
#include "sync/peer/asker.h"
#include "sync/peer/peers.h"

enum { AGENT_MAX_GROUPS = 64, AGENT_MAX_ASKS = 16 };

/* A group that this agent is in, joins, or is leaving. */
struct agent_group {
	struct agent_group *prev, *next;
	struct engine *engine;
};

/* A group that this agent asks to join. */
struct agent_asking {
	struct agent_asking *prev, *next;
	struct agent *agent;
	struct group_tag tag;
	char text[TAG_TEXT_MAX]; /* of the tag */
	char *name, *share, *message;
	bool on_demand;
	struct asker *asker;
	enum asker_state told;             /* the last state that the user was told, */
	char told_code[REQUEST_CODE_TEXT]; /* and the last code; "": none */
	struct loop_timer *save;           /* runs while it is not stored yet */
	char *error;                       /* accepted, and why it could not be set up here; NULL: it could */
	struct loop_timer *again;          /* runs until members are asked again then */
	bool by_secret, refuted;           /* as of struct agent_asked */
	char *secret;                      /* NULL: none, or nobody has told it in this run */
};

struct agent {
	struct loop *loop;
	bool ending; /* agent_free() began: groups and connections that are still there change nothing any more */
	struct workers *workers;
	struct events *events;
	struct identity *self;
	struct peers *peers;
	struct discovery *discovery;
	struct addresses *addresses; /* NULL without netlink */
	struct link_losses *losses;
	uint64_t refused[AGENT_REFUSED];
	char *backend, *problem; /* as discovery reports them */
	int port;
	char *home, *name;
	struct home_machine machine;
	char *copy;                /* see agent_copy() */
	bool copied_seen;          /* groups are to be stopped between two turns */
	struct agent_id copied_by; /* the member that reported the copy; all zero: we found it ourselves */
	int home_dirfd;
	struct real_path *home_real_path;
	struct engine_context context;
	void (*replaced)(void *arg); /* see agent_config */
	void *replaced_arg;
	struct agent_group *groups;
	struct agent_asking *asks;         /* agent_asks.c */
	struct agent_group *leaving;       /* left, but their disks have not answered yet */
	struct loop_timer *replaced_timer; /* for agent_key_replaced_soon() */
	struct loop_timer *load_timer;     /* runs while the settings of a group cannot be read */
	struct loop_timer *announce_timer; /* agent_list.c */
	struct seen_groups *seen;
	struct loop_timer *browse_timer; /* runs while all services are browsed, */
	int64_t browse_since_ms;         /* since then; 0: they are not */
};

/* Each file calls only those above it: agent_list, agent_discovery, agent_copied and agent_key, agent_groups,
 * agent_members and agent_peers, agent_asks, agent_requests, agent. */

/* --- agent_list.c --- */

/* One more group; takes the engine. */
void agent_add_group(struct agent *a, struct engine *e);
/* For engine_context.changed. Tells discovery which groups this agent is in. arg: the agent. */
void agent_publish(void *arg);
/* For announce_timer. arg: the agent. */
void agent_announce_again(void *arg);
/* Whether this agent is in the group with this tag, or is joining it. */
bool agent_has_tag(const struct agent *a, const char *tag);
/* Whether it asks to join it, or has asked. */
bool agent_has_asked(const struct agent *a, const char *tag);
/* Stops asking, when the agent is in the group or joins it in another way. Nothing if it does not ask. */
void agent_ask_drop(struct agent *a, const char *tag);

/* --- agent_discovery.c --- */

void agent_open_discovery(struct agent *a, const struct settings *settings);
void agent_close_discovery(struct agent *a);
/* Tries the addresses at which a group that is being joined may have members. */
void agent_look_for_members(struct agent *a, const struct engine *e);

/* --- agent_copied.c: for peers_config.copied_home. --- */

void agent_copied_home(void *arg, const struct agent_id *peer, const char *address, bool yield);

/* --- agent_groups.c --- */

/* For engine_context.share_is_free. */
char *agent_share_is_free(void *arg, const struct engine *e, const struct real_path *real_path);
/* For engine_context.ended. arg: the agent. */
void agent_ended(void *arg, struct engine *e);

/* --- agent_members.c --- */

/* The group's roster, if this agent may decide in the group; NULL and *why: only an owner can do `what`. */
struct roster *agent_owned_roster(const struct agent *a, struct engine *e, const char *what, char **why);
/* Whether the group can have somebody in this role: a vault needs a sealed one. False with *why. */
bool agent_role_possible(const struct roster *r, enum role role, char **why);
/* Whether this agent ID asks to join; if so, fills in its name. */
bool agent_asks_to_join(struct engine *e, struct agent_decided *about);
/* Gives it the role, whatever it was before. For owners; -1 with *why. */
int agent_grant(struct agent *a, struct engine *e, const struct agent_decided *about, enum role role, char **why);

/* --- agent_asks.c --- */

/* Goes on with what earlier runs asked for. After the groups were loaded. */
void agent_load_asks(struct agent *a);
/* What is stored stays. Before the connections are freed. */
void agent_free_asks(struct agent *a);

/* --- agent_peers.c --- */

/* Opens a->peers, and listens. -1 with *why. */
int agent_open_peers(struct agent *a, const struct settings *settings, char **why);

#endif
