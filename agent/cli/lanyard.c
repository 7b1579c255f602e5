/* The main() of `lanyard`: finds the command in the table of commands.h and runs it. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cli/cli.h"
#include "agent/cli/http.h"
#include "agent/home.h"

static const struct cli_command commands[] = {
#define CLI_ROW(name, function, arguments, summary) { name, function, arguments, summary },
	CLI_COMMANDS(CLI_ROW)
#undef CLI_ROW
		{ NULL, NULL, NULL, NULL },
};

static const struct cli_command *find_command(const char *name)
{
	for (const struct cli_command *c = commands; c->name != NULL; c++) {
		if (strcmp(c->name, name) == 0)
			return c;
	}
	return NULL;
}

static void print_command(const struct cli_command *c)
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
		command = find_command(argv[0]);
		if (command == NULL)
			return cli_usage(cli, "unknown command '%s'", argv[0]);
		print_command(command);
		return CLI_DONE;
	}
	puts("usage: lanyard [--home DIR] [--json] COMMAND\n");
	for (const struct cli_command *c = commands; c->name != NULL; c++) {
		int width = printf("  %s %s", c->name, c->arguments);

		printf("%*s%s\n", width < 51 ? 51 - width : 2, "", c->summary);
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

/* `lanyard COMMAND ... --help` works like `lanyard help COMMAND`, wherever the option stands. */
static bool asks_help(int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	}
	return false;
}

static int run_command(struct cli *cli, int argc, char **argv)
{
	bool version = false;
	struct args_option general[] = {
		{ ARGS_TEXT, "home", &cli->home_option }, { ARGS_FLAG, "json", &cli->json },
		{ ARGS_FLAG, "help", &cli->help },        { ARGS_FLAG, "h", &cli->help },
		{ ARGS_FLAG, "version", &version },       { ARGS_END, NULL, NULL },
	};
	char *why = NULL;
	int at = args_parse(general, true, argc, argv, &why);

	if (at < 0) {
		(void)cli_usage(cli, "%s", why);
		free(why);
		return CLI_USAGE;
	}
	if (version)
		return cmd_version(cli, 0, NULL);
	if (at == argc)
		return cli->help ? cmd_help(cli, 0, NULL) : cli_usage(cli, "no command given");
	cli->command = find_command(argv[at]);
	if (cli->command == NULL)
		return cli_usage(cli, "unknown command '%s'", argv[at]);
	if (cli->help || asks_help(argc - at - 1, argv + at + 1)) {
		print_command(cli->command);
		return CLI_DONE;
	}
	return cli->command->run(cli, argc - at - 1, argv + at + 1);
}

int main(int argc, char **argv)
{
	struct cli cli = { .terminal = isatty(STDOUT_FILENO) != 0 };
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");
	int status;

	setlocale(LC_CTYPE, "");
	cli.color =
		cli.terminal && (no_color == NULL || no_color[0] == '\0') && term != NULL && strcmp(term, "dumb") != 0;
	status = run_command(&cli, argc > 0 ? argc - 1 : 0, argv + 1);
	http_free(cli.http);
	free(cli.home);
	/* Output that could not be written is a failure, whatever the command returned. */
	if (fflush(stdout) != 0 || ferror(stdout)) {
		cli_error("cannot write to stdout");
		return status == CLI_DONE ? CLI_REFUSED : status;
	}
	return status;
}
