/* What users do and what befalls the hosts, made from the seed beforehand: a list that can be printed, and shortened by
 * leaving things out. Each deed has its own stream of chance for what it finds when its time comes. */
#ifndef LANYARD_TESTS_SIM_SCRIPT_H
#define LANYARD_TESTS_SIM_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum deed_kind {
	/* of users: deed.c */
	DEED_WRITE,
	DEED_APPEND,
	DEED_TRUNCATE,
	DEED_REPLACE,
	DEED_DELETE,
	DEED_MKDIR,
	DEED_RMDIR,
	DEED_RMTREE,
	DEED_MOVE,
	DEED_COPY,
	DEED_CHMOD,
	DEED_TOUCH,
	DEED_SYMLINK,
	DEED_EDITOR,
	DEED_SWAP_KIND,
	DEED_PATCH,
	DEED_SPARSE,
	DEED_LARGE,
	DEED_SAVE,
	DEED_RESTORE,
	DEED_RESOLVE,
	DEED_HIDE,
	DEED_ODD_TIME,
	DEED_LINK,
	/* of fate: fate.c */
	DEED_PARTITION,
	DEED_HEAL,
	DEED_CUT,
	DEED_CRASH,
	DEED_CRASH_AT_STEP,
	DEED_RACE_AT_STEP,
	DEED_STOP,
	DEED_START,
	DEED_OVERFLOW,
	DEED_PAUSE,
	DEED_RESCAN,
	DEED_VERIFY,
	DEED_RELEASE,
	DEED_FAULT,
	DEED_FAULT_LASTS,
	DEED_HARM,
	DEED_SAVE_HOME,
	DEED_ABSENCE,
	DEED_CLOCK,
	DEED_JOIN,
	DEED_LEAVE,
	DEED_REMOVE,
	DEED_SILENT,
	DEED_KINDS
};

struct deed {
	int64_t at_ns;
	enum deed_kind kind;
	int host, other;
	uint64_t luck;
	bool dropped;
};

struct script {
	struct deed *deeds;
	size_t n;
	int era;     /* which list of kinds made it: seeds that found something go on meaning what they meant */
	int nhosts;  /* of these ... */
	int members; /* ... are members from the beginning */
	bool line;   /* each host reaches only its neighbours */
	unsigned loss;
	int64_t length_ns;
	uint64_t aftermath; /* chance of what is done when it is over */
};

const char *deed_name(enum deed_kind kind);
enum { SCRIPT_ERA = 3 }; /* the present one */
void script_make(struct script *s, uint64_t seed, int era);
void script_print(const struct script *s);

/* --- fate.c --- */
/* All deeds become events. */
void fate_schedule(struct script *s);
/* The end of all trouble: everybody runs, and reaches whom he may. */
void fate_ends(void);

/* deed.c: a user's deed in the share of a host, whether its agent runs or not. path: the one to do it to, NULL: any. */
struct host;
void deed_do(struct host *h, enum deed_kind kind, uint64_t luck, const char *path);
/* How often each kind was done to something. */
extern uint64_t *deed_counts;

#endif
