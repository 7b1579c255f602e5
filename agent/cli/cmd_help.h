/* Finding a command by its name, and its usage. */
#ifndef LANYARD_AGENT_CLI_CMD_HELP_H
#define LANYARD_AGENT_CLI_CMD_HELP_H

struct cli_command;

/* NULL: there is no such command. */
const struct cli_command *cmd_help_find(const char *name);
/* Its usage and summary, on stdout. */
void cmd_help_print(const struct cli_command *c);

#endif
