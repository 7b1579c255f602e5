/* files, verify: list a group's files, and check them for rot. */
#include "agent/cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/format.h"
#include "agent/cli/http.h"
#include "agent/escape.h"
#include "base/mem.h"

static bool print_file(void *arg, const char *line, size_t n)
{
	json_t *file = json_loadb(line, n, 0, NULL);
	char *path = cli_text(file, "path");
	char *kind = cli_text(file, "kind");
	size_t members = json_array_size(json_object_get(file, "members"));
	char size[FORMAT_MAX] = "", holders[FORMAT_MAX];

	(void)arg;
	format_count(holders, (int64_t)members, "has it", "have it");
	if (strcmp(kind, "file") == 0)
		format_bytes(size, cli_number(file, "size"));
	(void)printf("%-7s %7s  %-4s  %s  %s\n", kind, size, cli_flag(file, "here") ? "here" : "-", holders, path);
	free(path);
	free(kind);
	json_decref(file);
	return ferror(stdout) == 0;
}

int cmd_files(struct cli *cli, int argc, char **argv)
{
	struct args_option own[] = { { ARGS_END, NULL, NULL } };
	int words = cli_args(cli, own, 1, 2, argc, argv);
	const char *under = words == 2 ? argv[1] : "";
	char *name;
	char *encoded;
	char *path;
	int rc;

	if (words < 0)
		return CLI_USAGE;
	name = escape_decode(under);
	if (name == NULL)
		return cli_usage(cli, "'%s': write a backslash in a name as \\\\, any other byte as \\xNN", under);
	free(name);
	name = http_group_path(argv[0], "/files");
	encoded = http_encode(under);
	path = mem_printf("%s?path=%s%s", name, encoded, cli->json ? "" : "&lines=1");
	rc = cli->json ? http_copy(cli, path) : http_lines(cli, path, print_file, NULL);
	free(path);
	free(encoded);
	free(name);
	return rc;
}

static void print_verified(const json_t *document)
{
	json_t *rotten = json_object_get(document, "rotten");
	int64_t count = cli_number(document, "rotten_count");
	char size[FORMAT_MAX], files[FORMAT_MAX];

	for (size_t i = 0; i < json_array_size(rotten); i++) {
		char *path = escape_terminal(json_string_value(json_array_get(rotten, i)));

		(void)printf("rotten: %s\n", path);
		free(path);
	}
	if ((size_t)count > json_array_size(rotten))
		(void)printf("rotten: ... and %lld more\n", (long long)count - (long long)json_array_size(rotten));
	(void)printf("read %s, %s; %lld rotten%s\n",
	             format_count(files, cli_number(document, "files"), "file", "files"),
	             format_bytes(size, cli_number(document, "bytes")), (long long)count,
	             count > 0 && cli_flag(document, "repair") ? "; they are being downloaded again" : "");
}

int cmd_verify(struct cli *cli, int argc, char **argv)
{
	bool repair = false;
	struct args_option own[] = { { ARGS_FLAG, "repair", &repair }, { ARGS_END, NULL, NULL } };
	json_t *document;
	char *path;
	int rc;

	if (cli_args(cli, own, 1, 1, argc, argv) < 0)
		return CLI_USAGE;
	path = http_group_path(argv[0], "/verify");
	rc = http_post(cli, path, json_pack("{s:b}", "repair", (int)repair), &document);
	free(path);
	if (rc != CLI_DONE)
		return rc;
	if (cli->json)
		cli_print_json(document);
	else
		print_verified(document);
	/* Exit 1 says that rot was found and not repaired. */
	if (cli_number(document, "rotten_count") > 0 && !repair)
		rc = CLI_REFUSED;
	json_decref(document);
	return rc;
}
