/* A script: what users do and what happens to the hosts, drawn from the seed in advance as a list that can be
 * printed, and shortened by leaving things out. Each action has its own stream of chance for what it finds when its
 * time comes. */
#ifndef LANYARD_TESTS_SIM_SCRIPT_H
#define LANYARD_TESTS_SIM_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sync/group/rights.h"

enum action_kind {
	/* of users: action.c */
	ACTION_WRITE,
	ACTION_APPEND,
	ACTION_TRUNCATE,
	ACTION_REPLACE,
	ACTION_DELETE,
	ACTION_MKDIR,
	ACTION_RMDIR,
	ACTION_RMTREE,
	ACTION_MOVE,
	ACTION_COPY,
	ACTION_CHMOD,
	ACTION_TOUCH,
	ACTION_SYMLINK,
	ACTION_EDITOR,
	ACTION_SWAP_KIND,
	ACTION_PATCH,
	ACTION_SPARSE,
	ACTION_LARGE,
	ACTION_VAST,
	ACTION_FLOCK,
	ACTION_SLOW,
	ACTION_SAVE,
	ACTION_RESTORE,
	ACTION_RESOLVE,
	ACTION_HIDE,
	ACTION_ODD_TIME,
	ACTION_LINK,
	ACTION_GATHER,
	/* of trouble: trouble.c */
	ACTION_PARTITION,
	ACTION_HEAL,
	ACTION_CUT,
	ACTION_CRASH,
	ACTION_CRASH_AT_STEP,
	ACTION_RACE_AT_STEP,
	ACTION_STOP,
	ACTION_START,
	ACTION_OVERFLOW,
	ACTION_PAUSE,
	ACTION_RESCAN,
	ACTION_VERIFY,
	ACTION_RELEASE,
	ACTION_FAULT,
	ACTION_FAULT_LASTS,
	ACTION_HARM,
	ACTION_SAVE_HOME,
	ACTION_ABSENCE,
	ACTION_CLOCK,
	ACTION_JOIN,
	ACTION_LEAVE,
	ACTION_REMOVE,
	ACTION_SILENT,
	ACTION_ROLE,
	ACTION_MODE,
	ACTION_GET,
	ACTION_DROP,
	ACTION_UNSHARE,
	ACTION_SHARE,
	ACTION_REVERT,
	/* of vaults */
	ACTION_ROT,
	ACTION_BOUND,
	ACTION_POWER,
	ACTION_KINDS
};

struct action {
	int64_t at_ns;
	enum action_kind kind;
	int host, other;
	uint64_t luck;
	bool dropped;
};

struct script {
	struct action *actions;
	size_t n;
	int era;          /* which list of kinds it was drawn from: seeds that found something keep their meaning */
	int nhosts;       /* of these ... */
	int members;      /* ... are members from the beginning */
	bool line;        /* each host reaches only its neighbours */
	bool sealed;      /* the group is */
	bool roles;       /* may change */
	unsigned vaults;  /* bit i: host i begins, or joins, as a vault */
	bool apart;       /* members reach vaults only, as long as there is one */
	unsigned readers; /* bit i: host i begins, or joins, as a reader */
	bool chooses;     /* users choose what their hosts keep */
	unsigned demand;  /* bit i: host i begins on demand */
	unsigned loss;
	int64_t length_ns;
	uint64_t aftermath; /* chance for the aftermath */
	unsigned copies;  /* files that the hosts have before they meet, most of them identical; 0: they begin empty */
	uint64_t meeting; /* chance for these */
	unsigned rows;    /* that are read or told at a time when hosts compare; 0: as the product does */
};

const char *action_name(enum action_kind kind);
enum {
	SCRIPT_ERA = 4, /* of seeds that say none; the later ones take longer */
	/* From here on files of some hundred KiB travel before their records, and the small files of every second host
	 * by carriers. */
	SCRIPT_ERA_SMALL = 6,
	/* From here on hosts may have copies of the same files before they meet, which they compare in many steps. */
	SCRIPT_ERA_COPIES = 7,
	/* From here on the group is sealed: at first only host 0 has its keys. */
	SCRIPT_ERA_SEALED = 8,
	/* From here on one or two hosts are vaults, and members may be, or become, such. */
	SCRIPT_ERA_VAULTS = 9,
};
void script_make(struct script *s, uint64_t seed, int era);
/* Whether this host's user may choose what it keeps: host 0 has everything, and in a line nothing comes past one that
 * has not. */
bool script_chooses(const struct script *s, int host);
/* As what the host begins, or joins. */
enum role script_role(const struct script *s, int host);
void script_print(const struct script *s);

/* --- trouble.c --- */
/* Makes an event of each action. */
void trouble_schedule(struct script *s);
/* The end of all trouble: every host runs, and reaches those it may; files that are being written are closed. */
void trouble_end(void);
/* The host's agent crashes if it runs, and comes back later. */
void trouble_crash(int host);

/* meeting.c: the files that hosts have before they meet. Returns when they may meet; 0: at once. */
int64_t meeting_begin(const struct script *s);

/* action.c: a user acts in the share of a host, whether its agent runs or not. path: where; NULL: anywhere. */
struct host;
void action_do(struct host *h, enum action_kind kind, uint64_t luck, const char *path);
/* action_slow.c: whether a user is writing this path, at any host. */
bool action_slow_writes(const char *path);
/* All such files are closed. */
void action_slow_end(void);
/* How often each kind had an effect. */
extern uint64_t *action_counts;

#endif
