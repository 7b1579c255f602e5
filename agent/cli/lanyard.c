/* The main() of `lanyard`: finds the command that is asked for and runs it. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cli/cli.h"
#include "agent/cli/cmd_help.h"
#include "agent/cli/http.h"

/* `lanyard COMMAND ... --help` works like `lanyard help COMMAND`, wherever the option stands. */
static bool asks_help(int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	}
	return false;
}

/* General options may stand before the command or after it; the command parses those after it. */
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
	cli->command = cmd_help_find(argv[at]);
	if (cli->command == NULL)
		return cmd_help_unknown(cli, argv[at]);
	if (cli->help || asks_help(argc - at - 1, argv + at + 1)) {
		cmd_help_print(cli->command);
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
