/* get --to: copies of a group's files outside the share, written with the caller's rights. */
#ifndef LANYARD_AGENT_CLI_CMD_COPY_H
#define LANYARD_AGENT_CLI_CMD_COPY_H

#include <stdint.h>

#include "agent/cli/cli.h"

/* Copies what the n paths or patterns cover to `to`: into it if it is a folder, or if there is more than one file to
 * copy; else under that name. timeout: seconds to wait for a member that has it; below 0: as long as one is connected.
 * Returns the exit status, after printing. */
int cmd_copy_out(struct cli *cli, const char *group, char **paths, int n, const char *to, int64_t timeout);

#endif
