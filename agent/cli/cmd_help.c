/* help, version; and the table of commands, from the rows of commands.h. */
#include "agent/cli/cmd_help.h"

#include <stdio.h>
#include <string.h>

#include "agent/cli/cli.h"

#define CLI_ROW(name, function, arguments, summary) { name, function, arguments, summary },
static const struct cli_command commands[] = { CLI_COMMANDS(CLI_ROW) };

enum { NCOMMANDS = sizeof(commands) / sizeof(commands[0]) };

const struct cli_command *cmd_help_find(const char *name)
{
	for (size_t i = 0; i < NCOMMANDS; i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

void cmd_help_print(const struct cli_command *c)
{
	printf("usage: lanyard [--home DIR] [--json] %s%s%s\n\n%s\n", c->name, c->arguments[0] != '\0' ? " " : "",
	       c->arguments, c->summary);
}

int cmd_help(struct cli *cli, int argc, char **argv)
{
	struct args_option none[] = { { ARGS_END, NULL, NULL } };
	int words = argc > 0 ? cli_args(cli, none, 0, 1, argc, argv) : 0;
	const struct cli_command *command;

	if (words < 0)
		return CLI_USAGE;
	if (words == 1) {
		command = cmd_help_find(argv[0]);
		if (command == NULL)
			return cli_usage(cli, "unknown command '%s'", argv[0]);
		cmd_help_print(command);
		return CLI_DONE;
	}
	puts("usage: lanyard [--home DIR] [--json] COMMAND\n");
	for (size_t i = 0; i < NCOMMANDS; i++) {
		int width = printf("  %s %s", commands[i].name, commands[i].arguments);

		printf("%*s%s\n", width < 51 ? 51 - width : 2, "", commands[i].summary);
	}
	puts("\n  --home DIR  the agent's home (default: $LANYARD_HOME, else /var/lib/lanyard for root,\n"
	     "              else $XDG_STATE_HOME/lanyard)\n"
	     "  --json      print one JSON document, or one per line for streams\n\n"
	     "exit status: 0 done, 1 refused, or the answer is no, 2 usage error, 3 no agent");
	return CLI_DONE;
}

int cmd_version(struct cli *cli, int argc, char **argv)
{
	struct args_option none[] = { { ARGS_END, NULL, NULL } };
	json_t *version;

	if (argc > 0 && cli_args(cli, none, 0, 0, argc, argv) < 0)
		return CLI_USAGE;
	if (!cli->json) {
		puts("lanyard " LANYARD_VERSION);
		return CLI_DONE;
	}
	version = json_pack("{s:s}", "version", LANYARD_VERSION);
	cli_print_json(version);
	json_decref(version);
	return CLI_DONE;
}
