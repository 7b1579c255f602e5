/* files, verify: list a group's files, and check them for rot. */
#include "agent/cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/format.h"
#include "agent/cli/http.h"
#include "agent/escape.h"
#include "base/mem.h"

/* A list of files as it is printed: the members come in its first line. */
struct file_list {
	json_t *members; /* owned */
	bool head;       /* to be printed above the first file */
};

static bool is_among(const json_t *ids, const json_t *id)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(ids, i, entry) {
		if (json_equal(entry, id))
			return true;
	}
	return false;
}

enum { HOLDER_SELF, HOLDER_CONNECTED, HOLDER_AWAY };

static int holder_rank(const json_t *m)
{
	if (document_flag(m, "self"))
		return HOLDER_SELF;
	return document_flag(m, "connected") ? HOLDER_CONNECTED : HOLDER_AWAY;
}

/* "here", "anna", or "bob (2d04h ago)". Fresh. */
static char *holder_text(const json_t *m)
{
	bool seen = json_is_integer(json_object_get(m, "last_seen"));
	char *name, *text, ago[FORMAT_MAX];

	if (holder_rank(m) == HOLDER_SELF)
		return mem_strdup("here");
	name = document_text(m, "name");
	if (holder_rank(m) == HOLDER_CONNECTED)
		return name;
	text = mem_printf("%s (%s%s)", name,
	                  seen ? format_duration(ago, (int64_t)time(NULL) - document_number(m, "last_seen")) : "away",
	                  seen ? " ago" : "");
	free(name);
	return text;
}

/* "here, anna, bob (2d04h ago)". Fresh. */
static char *holders_text(const struct file_list *list, const json_t *ids)
{
	char *text = mem_strdup("");

	for (int rank = HOLDER_SELF; rank <= HOLDER_AWAY; rank++) {
		json_t *m;
		size_t i;

		json_array_foreach(list->members, i, m) {
			char *before = text, *holder;

			if (holder_rank(m) != rank || !is_among(ids, json_object_get(m, "agent")))
				continue;
			holder = holder_text(m);
			text = mem_printf("%s%s%s", before, before[0] != '\0' ? ", " : "", holder);
			free(holder);
			free(before);
		}
	}
	return text;
}

/* What this disk has of it, in one word. */
static const char *state_text(const json_t *file)
{
	if (!document_flag(file, "shared"))
		return "own";
	if (document_flag(file, "here"))
		return document_flag(file, "behind") ? "older" : "here";
	return document_flag(file, "wanted") ? "wanted" : "-";
}

static bool print_file(void *arg, const char *line, size_t n)
{
	struct file_list *list = arg;
	json_t *file = json_loadb(line, n, 0, NULL), *members = json_object_get(file, "members");

	if (json_object_get(file, "path") == NULL && list->members == NULL) {
		list->members = json_incref(members);
	} else {
		char *path = document_text(file, "path"), *kind = document_text(file, "kind");
		char *holders = holders_text(list, members), size[FORMAT_MAX] = "";

		if (list->head)
			puts("KIND       SIZE  STATE   PATH  [WHO HAS IT]");
		list->head = false;
		if (strcmp(kind, "file") == 0)
			format_bytes(size, document_number(file, "size"));
		(void)printf("%-7s %7s  %-6s  %s  [%s]\n", kind, size, state_text(file), path, holders);
		free(holders);
		free(path);
		free(kind);
	}
	json_decref(file);
	return ferror(stdout) == 0;
}

int cmd_files(struct cli *cli, int argc, char **argv)
{
	struct args_option own[] = { { ARGS_END, NULL, NULL } };
	int words = cli_args(cli, own, 1, 2, argc, argv);
	const char *under = words == 2 ? argv[1] : "";
	struct file_list list = { .head = cli->terminal };
	char *name;
	char *encoded;
	char *path;
	int rc;

	if (words < 0)
		return CLI_USAGE;
	name = http_group_path(argv[0], "/files");
	encoded = http_encode(under);
	path = mem_printf("%s?path=%s%s", name, encoded, cli->json ? "" : "&lines=1&members=1");
	rc = cli->json ? http_copy(cli, path) : http_lines(cli, path, print_file, &list);
	json_decref(list.members);
	free(path);
	free(encoded);
	free(name);
	return rc;
}

static void print_verified(const json_t *document)
{
	json_t *rotten = json_object_get(document, "rotten");
	int64_t count = document_number(document, "rotten_count");
	bool vault = document_flag(document, "vault");
	char size[FORMAT_MAX], files[FORMAT_MAX];

	for (size_t i = 0; i < json_array_size(rotten); i++) {
		char *path = escape_terminal(json_string_value(json_array_get(rotten, i)));

		(void)printf("rotten: %s\n", path);
		free(path);
	}
	if ((size_t)count > json_array_size(rotten))
		(void)printf("rotten: ... and %lld more\n", (long long)count - (long long)json_array_size(rotten));
	(void)printf("read %s, %s; %lld rotten%s\n",
	             format_count(files, document_number(document, "files"), vault ? "object" : "file",
	                          vault ? "objects" : "files"),
	             format_bytes(size, document_number(document, "bytes")), (long long)count,
	             count > 0 && vault                               ? "; they are asked for again"
	             : count > 0 && document_flag(document, "repair") ? "; they are being downloaded again"
	                                                              : "");
}

int cmd_verify(struct cli *cli, int argc, char **argv)
{
	bool repair = false;
	struct args_option own[] = { { ARGS_FLAG, "repair", &repair }, { ARGS_END, NULL, NULL } };
	json_t *document;
	int rc;

	if (cli_args(cli, own, 1, 1, argc, argv) < 0)
		return CLI_USAGE;
	rc = http_group_post(cli, argv[0], "/verify", json_pack("{s:b}", "repair", (int)repair), &document);
	if (rc != CLI_DONE)
		return rc;
	if (cli->json)
		cli_print_json(document);
	else
		print_verified(document);
	/* Exit 1 says that rot was found and not repaired. */
	if (document_number(document, "rotten_count") > 0 && !repair)
		rc = CLI_REFUSED;
	json_decref(document);
	return rc;
}
