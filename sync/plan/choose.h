/* Whether this agent wants what a peer offers for a path: the decision, and nothing else. A mirror wants everything.
 * Where a group is on demand, the pins decide: the last one that is at the offered path or above it, and what no pin
 * covers is left with the peers. Deletions are always wanted: they need no content, and peers that do not know of one
 * would bring the file back. Pure. */
#ifndef LANYARD_SYNC_PLAN_CHOOSE_H
#define LANYARD_SYNC_PLAN_CHOOSE_H

#include <stdbool.h>
#include <stddef.h>

#include "sync/plan/record.h"

enum choose_mode { CHOOSE_MIRROR, CHOOSE_ON_DEMAND };

struct choose_pin {
	const char *path; /* this path and all below it; "" is the whole share */
	bool get;         /* wanted, or not */
};

/* What this agent has chosen. Zeroed: a mirror. */
struct choices {
	enum choose_mode mode;
	const struct choose_pin *pins; /* CHOOSE_ON_DEMAND: in order, the last that covers a path decides */
	size_t npins;
};

enum choice {
	CHOICE_GET,   /* bring our row and the disk to what is offered */
	CHOICE_LEAVE, /* remember the offer, and leave the content with the peers */
};

enum choice choose(const struct choices *choices, const struct record *offer);

#endif
