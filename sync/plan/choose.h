/* Whether this agent wants the content of what the group lists for a path: the decision, and nothing else. A mirror
 * wants everything. On demand it wants what the last rule that covers the path asks for, what is here, and what others
 * took from here by a deletion; a conflict copy is covered by what covers its original. Neither wants what is unshared,
 * or what is its user's own. Deletions are always wanted: they need no content, and peers that do not know of one would
 * bring the file back. Pure. */
#ifndef LANYARD_SYNC_PLAN_CHOOSE_H
#define LANYARD_SYNC_PLAN_CHOOSE_H

#include <stdbool.h>
#include <stddef.h>

#include "sync/plan/record.h"

enum choose_mode { CHOOSE_MIRROR, CHOOSE_ON_DEMAND };

/* "mirror" or "on-demand". */
const char *choose_mode_name(enum choose_mode mode);
/* -1 for other names. */
int choose_mode_parse(const char *name, enum choose_mode *mode);

struct choose_rule {
	const char *pattern; /* sync/plan/pattern.h */
	bool get;            /* wanted, or not */
};

/* What this agent has chosen. Zeroed: a mirror that shares everything. */
struct choices {
	enum choose_mode mode;
	const struct choose_rule *rules; /* CHOOSE_ON_DEMAND: in order, the last that covers a path decides */
	size_t nrules;
	const char *const *unshared; /* paths that are not shared here, with all below them; sorted by strcmp() */
	size_t nunshared;
};

/* What the index knows of the path. Zeroed: nothing of it is here. */
struct choose_state {
	bool here;    /* its row is live: the disk has it */
	bool leaving; /* a drop of it has begun */
	bool had;     /* others deleted it while it was here */
	bool own;     /* it is set aside: its user's own, whatever the group has */
};

enum choice {
	CHOICE_GET,   /* bring our row and the disk to what is offered */
	CHOICE_LEAVE, /* list it, and leave the content with the peers */
};

/* state may be NULL: nothing of the path is here. Of the offer only path and deleted are read. */
enum choice choose(const struct choices *choices, const struct record *offer, const struct choose_state *state);
/* Whether neither the path nor a folder above it is unshared. */
bool choose_shares(const struct choices *choices, const char *path);
/* What the last rule that covers the path says, on demand or not: 1 get, -1 leave, 0: none covers it. */
int choose_rule_of(const struct choices *choices, const char *path);

#endif
