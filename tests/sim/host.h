/* The simulated hosts: each an agent with one group, made of the product's own parts as agent/agent.c makes it. It
 * can be stopped, crash, and come back with what its disk holds. */
#ifndef LANYARD_TESTS_SIM_HOST_H
#define LANYARD_TESTS_SIM_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/engine/engine.h"
#include "agent/engine/engine_status.h"
#include "agent/engine/events.h"
#include "agent/settings.h"
#include "sync/group/rights.h"

enum host_place { HOST_MEMBER, HOST_OUTSIDE, HOST_LEFT, HOST_REMOVED };

struct host {
	int number;
	enum host_place place; /* in the group; OUTSIDE: it never was */
	struct agent_id id;
	char *home, *share; /* absolute */
	char *saved;        /* an older copy of home; NULL: none */
	bool emptied;       /* leaving: its folder will be emptied too */
	int life;           /* counts the starts */
	enum role knows;    /* its own role, as its roster last said while it ran */
	int64_t skew_ns;
	unsigned lacks;    /* its disk: enum fault_lack */
	bool vault;        /* it keeps the group for others, and cannot read it, whether it has heard so or not */
	bool was_plain;    /* of a vault: it was a member before */
	bool harmed;       /* of a vault: what its index says is there may not be */
	int64_t room;      /* for what it stores as a vault; 0: all of its disk */
	bool told_by_disk; /* since then, what its disk shows may be announced: nothing else is known */
	struct loop *loop; /* NULL: not running */
	struct workers *workers;
	struct events *events;
	struct identity *self;
	struct peers *peers;
	int home_dirfd;
	struct settings settings;
	struct engine_context *context;
	struct engine *engine;
	/* Armed: when an installer reaches its `steps`th step from now, the host dies, or a user acts at that
	 * moment. */
	int die_steps, action_steps; /* 0: not armed */
	uint64_t action_luck;
};

extern struct host hosts_all[];
extern int hosts_n;

struct script;
/* The hosts of a script below the folder `base`, the first ones in one group; none runs yet. */
void hosts_make(const char *base, const struct script *s, uint64_t *stream);
void host_start(struct host *h);
void host_stop(struct host *h);
void host_pause(struct host *h, bool paused);
void host_crash(struct host *h, bool silent);
bool host_runs(const struct host *h);
void host_status(struct host *h, struct engine_status *s);
/* Makes its wall clock jump. */
void host_clock(struct host *h, int64_t by_ns);
/* Calls fn(h) in a turn of its loop, when it runs and has an engine. */
void host_turn(struct host *h, loop_fn *fn);
int hosts_members(void);
/* Members reach nothing but vaults, in this run and as long as there is one. */
bool hosts_apart(void);
/* The run is of SCRIPT_ERA_VAULTS or later. */
bool hosts_have_vaults(void);
/* The run is of SCRIPT_ERA_SMALL or later. */
bool hosts_are_small(void);

/* --- membership.c --- */
/* A host that is outside, or left, joins (again) by an invite of host 0 for this role. False: not possible now. */
bool host_join(struct host *h, enum role role);
/* Also ends its process. empties: the user removes the folder's files afterwards. */
bool host_leave(struct host *h, bool empties);
/* Host 0 removes it. */
bool host_remove(struct host *h);
/* With how many members this one is connected when nothing is wrong. */
size_t hosts_within_reach(int host);
/* When all is quiet: which host sees the members differently from another one, or from what is true; NULL: none.
 * The caller frees the text. */
char *hosts_disagree_on_members(void);

/* --- roles.c --- */
/* Host 0 gives it another role. False: not possible now. */
bool host_set_role(struct host *h, enum role role);
/* Whether it is a reader and knows it: what its user does there is nobody else's. */
bool host_is_reader(const struct host *h);
/* Whether this host's roster says that the other one is a reader. */
bool host_knows_reader(int host, int other);
/* Whether a host has a record that a reader forged; NULL: none has. The caller frees it. */
char *hosts_took_forged(void);
/* Looks up its role in its own roster; called whenever that may have changed. */
void host_learns_role(struct host *h);
/* Bit i: host i was removed, and this host knows it. */
unsigned hosts_known_removed(const struct host *h);
/* A host sends another one a frame of this type: nothing of the group's goes to one of which it knows that it is not a
 * member. */
void host_sends(int from, int to, uint8_t type);
/* The first such frame since the last call; NULL: none. The caller frees it. */
char *hosts_told_stranger(void);

/* --- keeps.c --- */
/* Whether its user does not share the path, as the choices in its share say. */
bool host_unshares(const struct host *h, const char *path);
/* Whether what is there is its user's own: unshared, or changed by a reader. */
bool host_may_differ(const struct host *h, const char *path);
/* Whether a path of the group may be missing there, since its user did not choose it. */
bool host_may_lack(const struct host *h, const char *path);
/* Whether it may have a path that the group has not. */
bool host_may_have(const struct host *h, const char *path);
/* For the reader of a trace. */
void hosts_print_lists(void);
/* Whether a member awaits content that no other one has: of this path, or, NULL, of nothing but such paths. */
bool hosts_await_lost(const char *path);
/* When all is quiet: whether two hosts that run know of different files; NULL: they do not. The caller frees it. */
char *hosts_lists_differ(const struct host *a, const struct host *b);

/* A path that its user does not share; NULL: none. The caller frees it. */
char *host_any_unshared(const struct host *h, uint64_t *luck);

/* --- chooser.c --- */
enum choice_of_user {
	CHOICE_MIRROR,
	CHOICE_ON_DEMAND,
	CHOICE_GET_PATH,
	CHOICE_DROP,
	CHOICE_UNSHARE,
	CHOICE_SHARE,
	CHOICE_REVERT,
};
/* Begins a command of its user. path: "" is all. False: its agent cannot be asked now. */
bool host_choose(struct host *h, enum choice_of_user what, const char *path);
/* The same for a path that is drawn. Host 0 keeps and shares everything. */
void host_gets(struct host *h, uint64_t luck);
void host_drops(struct host *h, uint64_t luck);
void host_unshares_any(struct host *h, uint64_t luck);
void host_shares(struct host *h, uint64_t luck);
/* Of a reader: everything that its user changed. */
void host_reverts(struct host *h);

/* --- home.c: of hosts that do not run --- */
enum home_harm { HOME_INDEX_LOST, HOME_INDEX_OLD, HOME_INDEX_DAMAGED, HOME_INDEX_CUT, HOME_OLD, HOME_HARMS };
/* A host that crashed goes on in a copy of its home as it is now, since SQLite still has the old one open. */
void home_move(struct host *h);
/* Takes a copy for later; the host may run. */
void home_save(struct host *h);
/* False: there is nothing to harm. */
bool home_harm(struct host *h, enum home_harm what, uint64_t luck);
/* "groups/<hex>" below a home. Fresh. */
char *home_group_dir(void);

/* Gives it the addresses of the others. */
void host_discover(struct host *h);
/* Sets what to do at an armed step. */
void hosts_on_step(void (*fn)(struct host *h, const char *path));

#endif
