/* A change of what this agent has chosen of a group, from the command that asks for it until it is in effect or
 * refused: see engine_choices.c. The loop's thread. */
#ifndef LANYARD_AGENT_ENGINE_CHOICE_CHANGE_H
#define LANYARD_AGENT_ENGINE_CHOICE_CHANGE_H

#include "agent/engine/engine_choices.h"

struct share_choices;

/* CHANGE_MERGED: the scan is complete that had to come first. */
enum change_kind { CHANGE_MERGED, CHANGE_STAMP, CHANGE_MODE, CHANGE_RULES, CHANGE_UNSHARE, CHANGE_SHARE };

struct choice_change {
	enum change_kind kind;
	enum choose_mode mode;
	bool get;
	bool dropped; /* by a drop, which sees to the rest itself */
	char **what;  /* patterns or paths; owned, each too */
	size_t n;
	char *why; /* it was refused; owned */
	engine_choices_fn *done;
	void *arg;
	struct choice_change *prev, *next;
};

/* Makes the change to *next, all of it or nothing: then *next is as it was, and the change has its reason. */
void choice_change_apply(struct choice_change *change, struct share_choices **next);
/* Tells whoever asked, and frees it. why: it came to nothing, unless it has a reason of its own; NULL: it is done. */
void choice_change_end(struct choice_change *change, const char *why);
/* The same for a whole list, which is empty then. */
void choice_change_end_all(struct choice_change **list, const char *why);

#endif
