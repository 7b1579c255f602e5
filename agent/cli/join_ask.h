/* Joining by a group's name: the request, its confirmation code, and the wait for an owner. */
#ifndef LANYARD_AGENT_CLI_JOIN_ASK_H
#define LANYARD_AGENT_CLI_JOIN_ASK_H

#include "agent/cli/cli.h"

struct join_ask {
	const char *group;   /* NAME or NAME#ID, as the user wrote it */
	const char *share;   /* as the agent expects it */
	bool share_given;    /* otherwise it is the default */
	const char *message; /* NULL: none was given */
	const char *mode;    /* NULL: a mirror */
	int64_t timeout;     /* s */
};

/* Returns the command's exit status; *document: the last answer, the caller's; NULL if there is none. CLI_DONE: an
 * owner has accepted, and the document is the group's. */
int join_ask(struct cli *cli, const struct join_ask *ask, json_t **document);

#endif
