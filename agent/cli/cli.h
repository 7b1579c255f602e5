/* The `lanyard` command: what its commands share. They speak to the agent through its control socket, print results on
 * stdout and messages on stderr, and return the process's exit code. */
#ifndef LANYARD_AGENT_CLI_CLI_H
#define LANYARD_AGENT_CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>

#include "agent/cli/commands.h"
#include "agent/format.h"
#include "agent/config/args.h"
#include "agent/document.h"

enum cli_exit { CLI_DONE, CLI_REFUSED, CLI_USAGE, CLI_NO_AGENT };

struct http;

struct cli {
	const char *home_option; /* --home; NULL: not given */
	bool json;               /* --json */
	bool help;               /* --help */
	char *home;              /* the home it means; owned */
	const struct cli_command *command;
	struct http *http; /* NULL until the first request */
	bool others;       /* the system's agent answers, through its socket for readers */
	bool terminal;     /* stdout is one */
	bool color;        /* stdout shows colours (terminal, NO_COLOR, TERM=dumb) */
};

/* A row of the table in commands.h. */
struct cli_command {
	const char *name;
	cli_run *run;
	const char *arguments;
	const char *summary;
};

/* Parses the command's own options (a table that ends with ARGS_END), the general ones, and min to max other words,
 * which are moved to the front of argv. Returns the number of words, or -1 after printing a message: return
 * CLI_USAGE then. */
int cli_args(struct cli *cli, struct args_option *own, int min, int max, int argc, char **argv);
/* A message and the command's usage on stderr. Returns CLI_USAGE. */
int cli_usage(struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "lanyard: ..." on stderr, made safe for terminals. */
void cli_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A table of n columns, with these heads on a terminal. Elsewhere it has none, since what reads it there counts
 * lines. */
struct table cli_table(const struct cli *cli, size_t n, const char *const *heads);
/* One line of JSON on stdout. */
void cli_print_json(const json_t *document);
/* An SGR code around text when stdout takes colours; "" otherwise. */
const char *cli_sgr(const struct cli *cli, const char *code);

#endif
