/* create, join: the ways into a group. */
#include "agent/cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cli/http.h"
#include "agent/escape.h"
#include "base/mem.h"

/* The share's path as the agent expects it: absolute and escaped. The folder need not exist. NULL after printing a
 * message. */
static char *share_text(const char *dir)
{
	char *real = realpath(dir, NULL);
	char *cwd = NULL;
	char *text;

	if (dir[0] == '\0') {
		cli_error("--share is empty");
		return NULL;
	}
	if (real == NULL && dir[0] != '/') {
		cwd = getcwd(NULL, 0);
		if (cwd == NULL) {
			cli_error("the current folder was deleted; give --share an absolute path");
			return NULL;
		}
		while (strncmp(dir, "./", 2) == 0)
			dir += 2;
		real = mem_printf("%s/%s", strcmp(cwd, "/") == 0 ? "" : cwd, dir);
		free(cwd);
	}
	text = escape_name(real != NULL ? real : dir);
	free(real);
	return text;
}

/* Prints the group that create or join has made. */
static void print_group(struct cli *cli, const json_t *document, const char *did)
{
	char *name = cli_text(document, "group");
	char *share = cli_text(document, "share");
	const json_t *lack;
	size_t i;

	if (cli->json)
		cli_print_json(document);
	else
		(void)printf("%s %s; it shares %s\n", did, name, share);
	json_array_foreach(json_object_get(document, "disk_lacks"), i, lack)
		(void)fprintf(stderr, "note: the disk of %s %s\n", share, json_string_value(lack));
	free(name);
	free(share);
}

int cmd_create(struct cli *cli, int argc, char **argv)
{
	const char *share = NULL;
	bool hidden = false;
	struct args_option own[] = {
		{ ARGS_TEXT, "share", &share },
		{ ARGS_FLAG, "hidden", &hidden },
		{ ARGS_END, NULL, NULL },
	};
	json_t *body;
	json_t *document;
	char *text;
	int rc;

	if (cli_args(cli, own, 1, 1, argc, argv) < 0)
		return CLI_USAGE;
	text = share_text(share != NULL ? share : "share");
	if (text == NULL)
		return CLI_USAGE;
	body = json_pack("{s:s, s:s, s:b}", "name", argv[0], "share", text, "hidden", (int)hidden);
	free(text);
	if (body == NULL)
		return cli_usage(cli, "a group's name must be valid UTF-8");
	rc = http_post(cli, "/groups", body, &document);
	if (rc != CLI_DONE)
		return rc;
	print_group(cli, document, "created");
	json_decref(document);
	return CLI_DONE;
}

int cmd_join(struct cli *cli, int argc, char **argv)
{
	const char *token = NULL;
	const char *share = NULL;
	const char *timeout_text = NULL;
	struct args_option own[] = {
		{ ARGS_TEXT, "invite", &token },
		{ ARGS_TEXT, "share", &share },
		{ ARGS_TEXT, "timeout", &timeout_text },
		{ ARGS_END, NULL, NULL },
	};
	int64_t timeout = 60;
	json_t *body;
	json_t *document;
	char *text;
	int rc;

	if (cli_args(cli, own, 0, 0, argc, argv) < 0)
		return CLI_USAGE;
	if (token == NULL)
		return cli_usage(cli, "join: --invite TOKEN is missing");
	if (timeout_text != NULL && args_number(timeout_text, 0, 366 * 86400, &timeout) < 0 &&
	    args_duration(timeout_text, &timeout) < 0)
		return cli_usage(cli, "--timeout must be a number of seconds, or one with s, m, h or d");
	text = share_text(share != NULL ? share : "share");
	if (text == NULL)
		return CLI_USAGE;
	body = json_pack("{s:s, s:s, s:I}", "token", token, "share", text, "timeout", (json_int_t)timeout);
	free(text);
	if (body == NULL)
		return cli_usage(cli, "this is not a token; paste everything that `lanyard invite` printed");
	rc = http_post(cli, "/join", body, &document);
	if (rc != CLI_DONE)
		return rc;
	print_group(cli, document, "joined");
	json_decref(document);
	return CLI_DONE;
}
