/* versions, restore: list kept versions, and bring one back. */
#include "agent/cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/format.h"
#include "agent/cli/http.h"
#include "base/mem.h"

/* The path, or as much of it as is known. */
static char *kept_path(const json_t *v)
{
	char *path, *name;

	if (!json_is_null(json_object_get(v, "path")))
		return document_text(v, "path");
	name = document_text(v, "name");
	path = mem_printf("%s (in a folder that is not known any more)", name);
	free(name);
	return path;
}

static const char *const version_heads[] = { "VERSION", "KIND", "SIZE", "MODIFIED", "KEPT", "PATH" };

static void print_versions(const struct cli *cli, const json_t *document)
{
	json_t *list = json_object_get(document, "versions");
	bool all = json_object_get(document, "more") != NULL;
	struct table table = cli_table(cli, all ? 6 : 5, version_heads);

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *v = json_array_get(list, i);
		char size[FORMAT_MAX];
		char modified[FORMAT_MAX];
		char kept[FORMAT_MAX];
		char *cells[6];

		cells[0] = document_text(v, "version");
		cells[1] = document_text(v, "kind");
		cells[2] = mem_strdup(format_bytes(size, document_number(v, "size")));
		cells[3] = mem_printf("modified %s", format_time(modified, document_number(v, "modified")));
		cells[4] = mem_printf("kept %s", format_time(kept, document_number(v, "kept")));
		cells[5] = all ? kept_path(v) : NULL;
		format_table_row(&table, cells);
	}
	format_table_print(&table);
	if (document_flag(document, "more"))
		(void)printf("... and older ones: `lanyard versions GROUP PATH` lists those of a path\n");
}

/* Versions are kept where somebody else's change arrives, so who wants its own back has to look elsewhere. */
static void say_none(struct cli *cli, const char *group, const char *path)
{
	char *names = mem_strdup("");
	json_t *document = NULL, *m;
	size_t i;

	(void)http_group_get(cli, group, "/members", &document);
	json_array_foreach(json_object_get(document, "members"), i, m) {
		const char *role = json_string_value(json_object_get(m, "role"));
		char *name, *longer;

		if (document_flag(m, "self") || role == NULL || strcmp(role, "vault") == 0)
			continue;
		name = document_text(m, "name");
		longer = mem_printf("%s%s%s", names, names[0] != '\0' ? ", " : "", name);
		free(name);
		free(names);
		names = longer;
	}
	json_decref(document);
	if (path == NULL)
		path = "any path";
	if (names[0] == '\0')
		cli_error("no version of %s was kept here", path);
	else
		cli_error(
			"no version of %s was kept here. What this machine itself overwrote or deleted is kept by the "
			"members that had it (%s): `lanyard restore` there brings it back for all",
			path, names);
	free(names);
}

int cmd_versions(struct cli *cli, int argc, char **argv)
{
	struct args_option own[] = { { ARGS_END, NULL, NULL } };
	json_t *document;
	char *encoded;
	char *base;
	char *path;
	int words, rc;

	words = cli_args(cli, own, 1, 2, argc, argv);
	if (words < 0)
		return CLI_USAGE;
	encoded = words == 2 ? http_encode(argv[1]) : NULL;
	base = http_group_path(argv[0], "/versions");
	path = mem_printf("%s%s%s", base, words == 2 ? "?path=" : "", words == 2 ? encoded : "");
	rc = http_get(cli, path, &document);
	free(path);
	free(base);
	free(encoded);
	if (rc != CLI_DONE)
		return rc;
	if (cli->json) {
		cli_print_json(document);
	} else if (json_array_size(json_object_get(document, "versions")) == 0) {
		say_none(cli, argv[0], words == 2 ? argv[1] : NULL);
		rc = CLI_REFUSED;
	} else {
		print_versions(cli, document);
	}
	json_decref(document);
	return rc;
}

/* Prints where the restored file is, and its version. */
static void print_restored(const json_t *document)
{
	char *version = document_text(document, "version");
	char *to = document_text(document, "to");
	char size[FORMAT_MAX];

	(void)printf("restored %s: version %s, %s\n", to, version,
	             format_bytes(size, document_number(document, "size")));
	free(version);
	free(to);
}

int cmd_restore(struct cli *cli, int argc, char **argv)
{
	const char *version = NULL;
	const char *to = NULL;
	struct args_option own[] = {
		{ ARGS_TEXT, "version", &version },
		{ ARGS_TEXT, "to", &to },
		{ ARGS_END, NULL, NULL },
	};
	int words = cli_args(cli, own, 2, 3, argc, argv);
	json_t *document;
	json_t *body;
	int rc;

	if (words < 0)
		return CLI_USAGE;
	if (words == 3 && version != NULL)
		return cli_usage(cli, "the version is given twice");
	if (words == 3)
		version = argv[2];
	body = json_pack("{s:s, s:s*, s:s*}", "path", argv[1], "version", version, "to", to);
	if (body == NULL)
		return cli_usage(cli, "write a byte that is not valid UTF-8 as \\xNN");
	rc = http_group_post(cli, argv[0], "/restore", body, &document);
	if (rc != CLI_DONE)
		return rc;
	if (cli->json)
		cli_print_json(document);
	else
		print_restored(document);
	json_decref(document);
	return CLI_DONE;
}
