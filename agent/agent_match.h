/* The agent that a user means by AGENT: a name that one agent alone has, or a start of an agent ID with which one alone
 * begins. The whole ID always means that agent. A word that is the name of one agent and begins the ID of another
 * means neither, so that no agent can choose a name under which it is taken for another. A start is at least as long as
 * lists show it: one in 32 agents has an ID that begins as a given letter, so a mistyped name, or that of an agent that
 * has left, would mean a stranger. The loop's thread. */
#ifndef LANYARD_AGENT_AGENT_MATCH_H
#define LANYARD_AGENT_AGENT_MATCH_H

#include "sync/group/id.h"
#include "sync/group/roster.h"

/* Zeroed except for `text`; then every agent that may be meant is offered once. */
struct agent_match {
	const char *text; /* as the user wrote it; dashes and case do not matter in an ID */
	size_t n;         /* agents that it fits */
	bool exact;       /* it is the whole ID of `id` */
	struct agent_id id;
	struct agent_id other; /* a second one that it fits */
};

void agent_match_offer(struct agent_match *m, const struct agent_id *id, const char *name);
/* It fits this agent for another reason than its name or ID. */
void agent_match_add(struct agent_match *m, const struct agent_id *id);
/* 0: m->id is meant. -1 with *why, fresh: it fits none, or several. among: what was searched, such as "member". */
int agent_match_end(const struct agent_match *m, const char *among, char **why);

/* The member of a roster that is meant. -1 with *why, fresh. *member is the roster's until that changes. */
int agent_match_member(const struct roster *r, const char *text, struct roster_member *member, char **why);

#endif
