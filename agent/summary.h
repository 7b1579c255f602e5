/* How the agent is, in one line for `systemctl status`: "3 peers, 12 files to go". Told to the service manager when it
 * has changed, at most twice a second. The loop's thread. */
#ifndef LANYARD_AGENT_SUMMARY_H
#define LANYARD_AGENT_SUMMARY_H

#include "agent/agent.h"
#include "agent/notify.h"

struct summary;

/* All of them must outlive it. */
struct summary *summary_new(struct loop *loop, struct agent *agent, struct events *events, struct notify *notify);
void summary_free(struct summary *s);

/* What the line says, from what there is; for tests as well. Names are the groups'. */
struct summary_facts {
	size_t groups;
	size_t peers;
	size_t joining, paused, failed;
	size_t scanning;     /* or otherwise busy with what is here */
	int64_t files;       /* to go */
	const char *problem; /* the first failed group's error; NULL */
	const char *name;    /* and its name */
};
/* Fresh. */
char *summary_text(const struct summary_facts *f);

#endif
