/* conflicts, resolve: list conflict copies, and choose which side stays. */
#include "agent/cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/format.h"
#include "agent/cli/http.h"
#include "base/mem.h"

static void print_side(const json_t *side)
{
	char *path = document_text(side, "path");
	char size[FORMAT_MAX];
	char when[FORMAT_MAX];

	(void)printf("    %-6s  %7s  modified %s  %s\n", document_flag(side, "mine") ? "mine" : "theirs",
	             format_bytes(size, document_number(side, "size")),
	             format_time(when, document_number(side, "modified")), path);
	free(path);
}

static void print_conflict(const json_t *conflict)
{
	json_t *sides = json_object_get(conflict, "sides");
	char *group = document_text(conflict, "group");
	char *path = document_text(conflict, "path");

	(void)printf("[%s] %s\n", group, path);
	for (size_t i = 0; i < json_array_size(sides); i++)
		print_side(json_array_get(sides, i));
	free(group);
	free(path);
}

int cmd_conflicts(struct cli *cli, int argc, char **argv)
{
	struct args_option own[] = { { ARGS_END, NULL, NULL } };
	int words = cli_args(cli, own, 0, 1, argc, argv);
	json_t *document = NULL;
	json_t *list;
	char *path;
	int rc;

	if (words < 0)
		return CLI_USAGE;
	path = http_group_path(words == 1 ? argv[0] : NULL, "/conflicts");
	rc = cli->json ? http_copy(cli, path) : http_get(cli, path, &document);
	free(path);
	if (rc != CLI_DONE || cli->json)
		return rc;
	list = json_object_get(document, "conflicts");
	for (size_t i = 0; i < json_array_size(list); i++)
		print_conflict(json_array_get(list, i));
	json_decref(document);
	return CLI_DONE;
}

int cmd_resolve(struct cli *cli, int argc, char **argv)
{
	const char *keep = NULL;
	struct args_option own[] = { { ARGS_TEXT, "keep", &keep }, { ARGS_END, NULL, NULL } };
	json_t *document;
	json_t *body;
	char n[FORMAT_MAX];
	char *path;
	int rc;

	if (cli_args(cli, own, 2, 2, argc, argv) < 0)
		return CLI_USAGE;
	if (keep == NULL || (strcmp(keep, "mine") != 0 && strcmp(keep, "theirs") != 0 && strcmp(keep, "both") != 0))
		return cli_usage(cli, "--keep must be mine, theirs or both");
	body = json_pack("{s:s, s:s}", "path", argv[1], "keep", keep);
	if (body == NULL)
		return cli_usage(cli, "write a byte that is not valid UTF-8 as \\xNN");
	rc = http_group_post(cli, argv[0], "/resolve", body, &document);
	if (rc != CLI_DONE)
		return rc;
	path = document_text(document, "path");
	if (cli->json)
		cli_print_json(document);
	else
		(void)printf("%s: %s resolved\n", path,
		             format_count(n, document_number(document, "resolved"), "conflict copy",
		                          "conflict copies"));
	free(path);
	json_decref(document);
	return CLI_DONE;
}
