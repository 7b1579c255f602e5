/* What `COMMAND --help` says below the usage line: each option explained, and an example. tests/lab/test_cli.py checks
 * that no command and no option of commands.h is left out. */
#ifndef LANYARD_AGENT_CLI_HELP_TEXT_H
#define LANYARD_AGENT_CLI_HELP_TEXT_H

/* Lines that end with a newline; "" for a command without any. Static. */
const char *help_text(const char *command);

#endif
