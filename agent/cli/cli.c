/* See cli.h. */
#include "agent/cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/escape.h"

static void __attribute__((format(printf, 1, 0))) complain(const char *fmt, va_list ap)
{
	char *raw = NULL;
	char *text;

	if (vasprintf(&raw, fmt, ap) < 0)
		abort(); /* no memory */
	text = escape_terminal(raw);
	(void)fprintf(stderr, "lanyard: %s\n", text);
	free(text);
	free(raw);
}

void cli_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(fmt, ap);
	va_end(ap);
}

int cli_usage(struct cli *cli, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(fmt, ap);
	va_end(ap);
	if (cli->command != NULL)
		(void)fprintf(stderr, "usage: lanyard %s %s\n", cli->command->name, cli->command->arguments);
	else
		(void)fputs("usage: lanyard [--home DIR] [--json] COMMAND; `lanyard help` lists the commands\n",
		            stderr);
	return CLI_USAGE;
}

int cli_args(struct cli *cli, struct args_option *own, int min, int max, int argc, char **argv)
{
	struct args_option general[] = {
		{ ARGS_TEXT, "home", &cli->home_option },
		{ ARGS_FLAG, "json", &cli->json },
		{ ARGS_END, NULL, NULL },
	};
	struct args_option *last = own;
	char *why = NULL;
	int words;

	while (last->kind != ARGS_END)
		last++;
	*last = (struct args_option){ ARGS_MORE, NULL, general };
	words = args_parse(own, false, argc, argv, &why);
	*last = (struct args_option){ ARGS_END, NULL, NULL };
	if (words < 0)
		(void)cli_usage(cli, "%s", why);
	else if (words < min)
		(void)cli_usage(cli, "%s: an argument is missing", cli->command->name);
	else if (words > max)
		(void)cli_usage(cli, "%s: unexpected argument '%s'", cli->command->name, argv[max]);
	free(why);
	return words < min || words > max ? -1 : words;
}

struct table cli_table(const struct cli *cli, size_t n, const char *const *heads)
{
	return (struct table){ .columns = n, .head = cli->terminal ? heads : NULL };
}

void cli_print_json(const json_t *document)
{
	/* ASCII: no name in it can do anything to a terminal. */
	(void)json_dumpf(document, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
	(void)putchar('\n');
}

const char *cli_sgr(const struct cli *cli, const char *code)
{
	return cli->color ? code : "";
}
