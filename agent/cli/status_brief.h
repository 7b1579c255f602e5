/* `status --brief`: a line for each group, for somebody who looks on: who is here, what came, where the folder is. */
#ifndef LANYARD_AGENT_CLI_STATUS_BRIEF_H
#define LANYARD_AGENT_CLI_STATUS_BRIEF_H

#include "agent/cli/cli.h"

/* Prints the line of each group; with watch, goes on and prints those that have changed, until Ctrl-C. Returns the exit
 * status. */
int status_brief(struct cli *cli, bool watch);

#endif
