/* What an act leads to, said before it happens. Where a person is at the terminal, the consequences are printed, and
 * the person is asked whether to go on. Scripts, and whoever says --yes or --json, go on without a word. */
#ifndef LANYARD_AGENT_CLI_CONFIRM_H
#define LANYARD_AGENT_CLI_CONFIRM_H

#include "agent/cli/cli.h"

/* False: not to go on, which was said. The group is as the command line names it. */
bool confirm_leave(struct cli *cli, const char *group, bool abandon, bool yes);
bool confirm_remove(struct cli *cli, const char *group, const char *agent, bool yes);
bool confirm_release(struct cli *cli, const char *group, bool yes);
/* role: its name. That of confirm_accept may be NULL: a member. */
bool confirm_role(struct cli *cli, const char *group, const char *agent, const char *role, bool yes);
bool confirm_accept(struct cli *cli, const char *group, const char *agent, const char *role, bool yes);
bool confirm_reject(struct cli *cli, const char *group, const char *agent, bool forever, bool yes);
bool confirm_drop(struct cli *cli, const char *group, bool even_if_last, bool yes);
/* file: as the command line names the key file. */
bool confirm_import(struct cli *cli, const char *file, bool yes);

#endif
