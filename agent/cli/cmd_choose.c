/* mode, get, drop, unshare, revert: what this agent keeps of a group. */
#include "agent/cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/cli/cmd_copy.h"
#include "agent/cli/confirm.h"
#include "agent/cli/copy_missing.h"
#include "agent/format.h"
#include "agent/cli/http.h"
#include "agent/escape.h"
#include "base/mem.h"

enum {
	SOON_S = 2,   /* for members to connect, before it is said that nobody has it */
	ROUND_S = 60, /* of waiting, per request */
	WORDS_MAX = 1001,
};

/* The words as an array of strings; NULL after a message. */
static json_t *paths_json(struct cli *cli, char **words, int n)
{
	json_t *paths = json_array();

	for (int i = 0; i < n; i++) {
		json_t *path = json_string(words[i]);

		if (path == NULL) {
			(void)cli_usage(cli, "write a byte that is not valid UTF-8 as \\xNN");
			json_decref(paths);
			return NULL;
		}
		json_array_append_new(paths, path);
	}
	return paths;
}

/* --- mode --- */

static int show_mode(struct cli *cli, const char *group)
{
	json_t *document, *list, *entry;
	size_t i;
	int rc = http_group_get(cli, group, "/choices", &document);

	if (rc != CLI_DONE)
		return rc;
	if (cli->json) {
		cli_print_json(document);
		json_decref(document);
		return CLI_DONE;
	}
	char *mode = document_text(document, "mode");

	puts(mode);
	free(mode);
	list = json_object_get(document, "rules");
	json_array_foreach(list, i, entry) {
		char *pattern = document_text(entry, "pattern");

		(void)printf("%s %s\n", document_flag(entry, "get") ? "+" : "-", pattern[0] != '\0' ? pattern : ".");
		free(pattern);
	}
	list = json_object_get(document, "unshared");
	json_array_foreach(list, i, entry) {
		char *name = escape_terminal(json_string_value(entry));

		(void)printf("unshared %s\n", name);
		free(name);
	}
	json_decref(document);
	return CLI_DONE;
}

int cmd_mode(struct cli *cli, int argc, char **argv)
{
	struct args_option own[] = { { ARGS_END, NULL, NULL } };
	int words = cli_args(cli, own, 1, 2, argc, argv);
	json_t *document;
	int rc;

	if (words < 0)
		return CLI_USAGE;
	if (words == 1)
		return show_mode(cli, argv[0]);
	if (strcmp(argv[1], "mirror") != 0 && strcmp(argv[1], "on-demand") != 0)
		return cli_usage(cli, "'%s': a mode is mirror or on-demand", argv[1]);
	rc = http_group_post(cli, argv[0], "/mode", json_pack("{s:s}", "mode", argv[1]), &document);
	if (rc != CLI_DONE)
		return rc;
	if (cli->json)
		cli_print_json(document);
	else if (strcmp(argv[1], "mirror") == 0)
		puts("every file of the group comes to this disk, and stays");
	else
		puts("only what you `get` comes to this disk from now on; what is here stays.\n"
		     "Deleting a file that is here (rm) deletes it for everybody: to free this disk, `drop` it.");
	json_decref(document);
	return CLI_DONE;
}

/* --- get --- */

static void complain_all_missing(const json_t *state)
{
	json_t *missing = json_object_get(state, "missing"), *entry;
	size_t i;

	if (!document_flag(state, "source"))
		cli_error("nobody who has it is connected:");
	json_array_foreach(missing, i, entry)
		copy_missing_print(entry);
}

/* A member has it, and yet it does not come: says why, once. False: there was nothing to say. */
static bool complain_why(const json_t *state)
{
	json_t *entry;
	bool said = false;
	size_t i;

	json_array_foreach(json_object_get(state, "missing"), i, entry) {
		char *path, *reason;

		if (!json_is_string(json_object_get(entry, "reason")))
			continue;
		path = document_text(entry, "path");
		reason = document_text(entry, "reason");
		cli_error("%s: waits: %s", path, reason);
		free(path);
		free(reason);
		said = true;
	}
	return said;
}

static int64_t now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* Waits until the files are here. timeout below 0: as long as somebody who has them is connected. */
static int await_files(struct cli *cli, const char *group, const json_t *paths, int64_t timeout)
{
	int64_t begin = now_s(), left = timeout >= 0 && timeout < SOON_S ? timeout : SOON_S;
	bool told = false, told_why = false, here = false;
	int rc;

	for (;;) {
		json_t *state;
		bool source;

		rc = http_group_post(cli, group, "/await",
		                     json_pack("{s:O, s:I}", "paths", paths, "timeout", (json_int_t)left), &state);
		if (rc != CLI_DONE)
			return rc;
		here = document_flag(state, "here");
		source = document_flag(state, "source");
		left = timeout < 0 ? ROUND_S : timeout - (now_s() - begin);
		if (!here && ((!source && !told) || (left <= 0 && !told))) {
			complain_all_missing(state);
			told = true;
		}
		if (!here && source && !told_why)
			told_why = complain_why(state);
		if (cli->json && (here || left <= 0 || (!source && timeout < 0)))
			cli_print_json(state);
		json_decref(state);
		if (here || left <= 0 || (!source && timeout < 0))
			return here ? CLI_DONE : CLI_REFUSED;
		/* While somebody is there, a round ends early, to see whether he still is. */
		if (timeout < 0 && source)
			left = SOON_S;
		else if (left > ROUND_S)
			left = ROUND_S;
	}
}

static int choose_files(struct cli *cli, const char *group, char **words, int n, bool first, int64_t timeout)
{
	json_t *paths = paths_json(cli, words, n), *document;
	int rc;

	if (paths == NULL)
		return CLI_USAGE;
	rc = http_group_post(cli, group, "/get", json_pack("{s:O, s:b}", "paths", paths, "first", (int)first),
	                     &document);
	if (rc == CLI_DONE) {
		json_decref(document);
		rc = await_files(cli, group, paths, timeout);
	}
	json_decref(paths);
	return rc;
}

int cmd_get(struct cli *cli, int argc, char **argv)
{
	const char *to = NULL, *wait = NULL;
	bool first = false;
	int64_t timeout = -1;
	struct args_option own[] = {
		{ ARGS_TEXT, "to", &to },
		{ ARGS_TEXT, "timeout", &wait },
		{ ARGS_FLAG, "first", &first },
		{ ARGS_END, NULL, NULL },
	};
	int words = cli_args(cli, own, 2, WORDS_MAX, argc, argv);

	if (words < 0)
		return CLI_USAGE;
	if (wait != NULL && args_number(wait, 0, INT32_MAX, &timeout) < 0)
		return cli_usage(cli, "--timeout takes a number of seconds");
	if (to != NULL && first)
		return cli_usage(cli, "--first is for files that come into the share");
	if (to != NULL)
		return cmd_copy_out(cli, argv[0], argv + 1, words - 1, to, timeout);
	return choose_files(cli, argv[0], argv + 1, words - 1, first, timeout);
}

/* --- drop --- */

static int print_dropped(const json_t *document)
{
	json_t *refused = json_object_get(document, "refused"), *entry;
	char files[FORMAT_MAX];
	size_t i;

	json_array_foreach(refused, i, entry) {
		char *path = document_text(entry, "path"), *reason = document_text(entry, "reason");

		cli_error("%s: %s", path, reason);
		free(path);
		free(reason);
	}
	(void)printf("%s dropped\n", format_count(files, document_number(document, "dropped"), "file", "files"));
	return document_number(document, "refused_count") > 0 ? CLI_REFUSED : CLI_DONE;
}

int cmd_drop(struct cli *cli, int argc, char **argv)
{
	bool even_if_last = false, yes = false;
	struct args_option own[] = { { ARGS_FLAG, "even-if-last", &even_if_last },
		                     { ARGS_FLAG, "yes", &yes },
		                     { ARGS_END, NULL, NULL } };
	int words = cli_args(cli, own, 2, WORDS_MAX, argc, argv);
	json_t *paths, *document;
	int rc;

	if (words < 0 || (paths = paths_json(cli, argv + 1, words - 1)) == NULL)
		return CLI_USAGE;
	if (!confirm_drop(cli, argv[0], even_if_last, yes)) {
		json_decref(paths);
		return CLI_REFUSED;
	}
	rc = http_group_post(cli, argv[0], "/drop",
	                     json_pack("{s:o, s:b}", "paths", paths, "even_if_last", (int)even_if_last), &document);
	if (rc != CLI_DONE)
		return rc;
	if (cli->json) {
		cli_print_json(document);
		rc = document_number(document, "refused_count") > 0 ? CLI_REFUSED : CLI_DONE;
	} else {
		rc = print_dropped(document);
	}
	json_decref(document);
	return rc;
}

/* --- unshare, revert --- */

int cmd_unshare(struct cli *cli, int argc, char **argv)
{
	struct args_option own[] = { { ARGS_END, NULL, NULL } };
	int words = cli_args(cli, own, 2, WORDS_MAX, argc, argv);
	json_t *paths, *document;
	int rc;

	if (words < 0 || (paths = paths_json(cli, argv + 1, words - 1)) == NULL)
		return CLI_USAGE;
	rc = http_group_post(cli, argv[0], "/unshare", json_pack("{s:o}", "paths", paths), &document);
	if (rc != CLI_DONE)
		return rc;
	if (cli->json)
		cli_print_json(document);
	else
		puts("this agent's own from now on: it stays on this disk, and what others have stays with them");
	json_decref(document);
	return CLI_DONE;
}

int cmd_revert(struct cli *cli, int argc, char **argv)
{
	struct args_option own[] = { { ARGS_END, NULL, NULL } };
	int words = cli_args(cli, own, 1, 2, argc, argv);
	char files[FORMAT_MAX];
	json_t *document;
	int rc;

	if (words < 0)
		return CLI_USAGE;
	rc = http_group_post(cli, argv[0], "/revert", json_pack("{s:s*}", "path", words == 2 ? argv[1] : NULL),
	                     &document);
	if (rc != CLI_DONE)
		return rc;
	if (cli->json)
		cli_print_json(document);
	else
		(void)printf("%s as the group has it again; what was changed here is among the versions\n",
		             format_count(files, document_number(document, "reverted"), "file is", "files are"));
	json_decref(document);
	return CLI_DONE;
}
