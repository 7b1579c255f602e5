/* Finding a command by its name, and its usage. */
#ifndef LANYARD_AGENT_CLI_CMD_HELP_H
#define LANYARD_AGENT_CLI_CMD_HELP_H

struct cli;
struct cli_command;

/* NULL: there is no such command. */
const struct cli_command *cmd_help_find(const char *name);
/* Complains about a word that is not a command, and names the command that is nearest. Returns CLI_USAGE. */
int cmd_help_unknown(struct cli *cli, const char *word);
/* Its usage, summary, options and examples, on stdout. */
void cmd_help_print(const struct cli_command *c);

#endif
