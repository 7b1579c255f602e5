/* The agent's state in one line for `systemctl status`: "3 peers, 12 files to go". Sent to the service manager when
 * it has changed, at most twice per second. The loop's thread. */
#ifndef LANYARD_AGENT_STATUS_LINE_H
#define LANYARD_AGENT_STATUS_LINE_H

#include "agent/agent.h"
#include "agent/notify.h"

struct status_line;

/* All of them must outlive it. */
struct status_line *status_line_new(struct loop *loop, struct agent *agent, struct events *events,
                                    struct notify *notify);
void status_line_free(struct status_line *s);

/* The facts that the line is made of. */
struct status_line_facts {
	size_t groups;
	size_t peers;
	size_t joining, paused, failed;
	size_t asking;       /* groups that this agent asks to join; not among `groups` */
	size_t requests;     /* agents that ask to join its groups */
	size_t scanning;     /* or otherwise busy with local files */
	int64_t files;       /* to go */
	const char *problem; /* the first failed group's error; NULL */
	const char *name;    /* and its name */
};
/* Fresh. */
char *status_line_text(const struct status_line_facts *f);

#endif
