/* pause, resume, release. */
#include "agent/cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/format.h"
#include "agent/cli/http.h"
#include "base/mem.h"

/* Runs a command whose only argument is a group. *document is the answer, or NULL if it failed or was printed as
 * JSON already. */
static int one_group(struct cli *cli, const char *verb, int argc, char **argv, json_t **document)
{
	struct args_option own[] = { { ARGS_END, NULL, NULL } };
	char *path;
	int rc;

	*document = NULL;
	if (cli_args(cli, own, 1, 1, argc, argv) < 0)
		return CLI_USAGE;
	path = http_group_path(argv[0], verb);
	rc = http_post(cli, path, NULL, document);
	free(path);
	if (rc == CLI_DONE && cli->json)
		cli_print_json(*document);
	if (rc != CLI_DONE || cli->json) {
		json_decref(*document);
		*document = NULL;
	}
	return rc;
}

static int group_set_paused(struct cli *cli, const char *verb, int argc, char **argv)
{
	struct args_option own[] = { { ARGS_END, NULL, NULL } };
	int words = cli_args(cli, own, 0, 1, argc, argv);
	json_t *document;
	char *path;
	int rc;

	if (words < 0)
		return CLI_USAGE;
	path = words == 1 ? http_group_path(argv[0], verb) : mem_strdup(verb);
	rc = http_post(cli, path, NULL, &document);
	free(path);
	if (rc == CLI_DONE && cli->json)
		cli_print_json(document);
	json_decref(document);
	return rc;
}

int cmd_pause(struct cli *cli, int argc, char **argv)
{
	return group_set_paused(cli, "/pause", argc, argv);
}

int cmd_resume(struct cli *cli, int argc, char **argv)
{
	return group_set_paused(cli, "/resume", argc, argv);
}

int cmd_release(struct cli *cli, int argc, char **argv)
{
	char n[FORMAT_MAX];
	json_t *document;
	int rc = one_group(cli, "/release", argc, argv, &document);

	if (document != NULL && cli_number(document, "released") > 0)
		(void)printf("released %s\n", format_count(n, cli_number(document, "released"),
		                                           "deletion or replacement", "deletions and replacements"));
	else if (document != NULL)
		puts("nothing is held here");
	json_decref(document);
	return rc;
}
