/* help, version; and the table of commands, from the rows of commands.h. */
#include "agent/cli/cmd_help.h"

#include <stdio.h>
#include <string.h>

#include "agent/cli/cli.h"
#include "agent/cli/help_text.h"

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

/* How many letters must be typed, left out, replaced or swapped with the next to get from one word to the other; both
 * shorter than WORD_MAX (optimal string alignment: Boytsov, Indexing methods for approximate dictionary searching,
 * 2011, section 2). */
enum { WORD_MAX = 16 };
static int typing_distance(const char *a, const char *b)
{
	int d[WORD_MAX + 1][WORD_MAX + 1];
	int na = (int)strlen(a), nb = (int)strlen(b);

	for (int i = 0; i <= na; i++) {
		for (int j = 0; j <= nb; j++) {
			if (i == 0 || j == 0) {
				d[i][j] = i + j;
				continue;
			}
			d[i][j] = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			if (d[i - 1][j] + 1 < d[i][j])
				d[i][j] = d[i - 1][j] + 1;
			if (d[i][j - 1] + 1 < d[i][j])
				d[i][j] = d[i][j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    d[i - 2][j - 2] + 1 < d[i][j])
				d[i][j] = d[i - 2][j - 2] + 1;
		}
	}
	return d[na][nb];
}

int cmd_help_unknown(struct cli *cli, const char *word)
{
	const char *nearest = NULL;
	int least = strlen(word) > 3 ? 3 : 2; /* one more than is forgiven */

	for (size_t i = 0; i < NCOMMANDS && strlen(word) < WORD_MAX; i++) {
		int distance = typing_distance(word, commands[i].name);

		if (distance < least) {
			least = distance;
			nearest = commands[i].name;
		}
	}
	return nearest != NULL ? cli_usage(cli, "unknown command '%s': did you mean '%s'?", word, nearest)
	                       : cli_usage(cli, "unknown command '%s'", word);
}

void cmd_help_print(const struct cli_command *c)
{
	printf("usage: lanyard [--home DIR] [--json] %s%s%s\n\n%s\n%s", c->name, c->arguments[0] != '\0' ? " " : "",
	       c->arguments, c->summary, help_text(c->name));
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
			return cmd_help_unknown(cli, argv[0]);
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
