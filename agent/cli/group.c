/* create, invite, join, leave, members, groups, pause, resume. */
#include "agent/cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cli/format.h"
#include "agent/cli/http.h"
#include "agent/escape.h"
#include "base/mem.h"

/* A share as the agent wants it: absolute, as text. The folder need not be there. NULL when the message is out. */
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
			cli_error("the current folder is gone; give --share an absolute path");
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

/* "/groups/NAME" and what follows. Fresh. */
static char *group_path(const char *name, const char *rest)
{
	char *encoded = http_encode(name);
	char *path = mem_printf("/groups/%s%s", encoded, rest);

	free(encoded);
	return path;
}

/* What create and join have brought about. */
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

int group_create(struct cli *cli, int argc, char **argv)
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
	print_group(cli, document, "founded");
	json_decref(document);
	return CLI_DONE;
}

int group_invite(struct cli *cli, int argc, char **argv)
{
	const char *expires_text = NULL;
	const char *role = NULL;
	struct args_option own[] = {
		{ ARGS_TEXT, "expires", &expires_text },
		{ ARGS_TEXT, "role", &role },
		{ ARGS_END, NULL, NULL },
	};
	int64_t expires = 24 * 3600;
	json_t *document;
	char *path;
	char *token;
	int rc;

	if (cli_args(cli, own, 1, 1, argc, argv) < 0)
		return CLI_USAGE;
	if (expires_text != NULL && (args_duration(expires_text, &expires) < 0 || expires > 366 * 86400))
		return cli_usage(cli, "--expires must be a number with s, m, h or d, at most 366d");
	if (role != NULL && strcmp(role, "member") != 0)
		return cli_usage(cli, "--role must be member");
	path = group_path(argv[0], "/invite");
	rc = http_post(cli, path, json_pack("{s:I}", "expires", (json_int_t)expires), &document);
	free(path);
	if (rc != CLI_DONE)
		return rc;
	token = cli_text(document, "token");
	if (cli->json)
		cli_print_json(document);
	else
		puts(token);
	if (cli->terminal && !cli->json)
		(void)fprintf(
			stderr,
			"On the other host: lanyard join --invite TOKEN. Whoever has the token gets in, so pass it "
			"on with care.\n");
	free(token);
	json_decref(document);
	return CLI_DONE;
}

int group_join(struct cli *cli, int argc, char **argv)
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
		return cli_usage(cli, "this is no token; paste all of what `lanyard invite` printed");
	rc = http_post(cli, "/join", body, &document);
	if (rc != CLI_DONE)
		return rc;
	print_group(cli, document, "joined");
	json_decref(document);
	return CLI_DONE;
}

/* A command that names a group, and nothing else. What it has done is in *document; NULL when it is not to be shown. */
static int one_group(struct cli *cli, const char *verb, int argc, char **argv, json_t **document)
{
	struct args_option own[] = { { ARGS_END, NULL, NULL } };
	char *path;
	int rc;

	*document = NULL;
	if (cli_args(cli, own, 1, 1, argc, argv) < 0)
		return CLI_USAGE;
	path = group_path(argv[0], verb);
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

int group_leave(struct cli *cli, int argc, char **argv)
{
	json_t *document;
	int rc = one_group(cli, "/leave", argc, argv, &document);
	char *name = cli_text(document, "group");
	char *share = cli_text(document, "share");

	if (document != NULL)
		(void)printf("left %s; %s stays as it is\n", name, share);
	free(name);
	free(share);
	json_decref(document);
	return rc;
}

int group_members(struct cli *cli, int argc, char **argv)
{
	struct args_option own[] = { { ARGS_END, NULL, NULL } };
	struct table table = TABLE_INIT(4);
	json_t *document;
	json_t *member;
	char *path;
	size_t i;
	int rc;

	if (cli_args(cli, own, 1, 1, argc, argv) < 0)
		return CLI_USAGE;
	path = group_path(argv[0], "/members");
	rc = http_get(cli, path, &document);
	free(path);
	if (rc != CLI_DONE)
		return rc;
	if (cli->json)
		cli_print_json(document);
	json_array_foreach(json_object_get(document, "members"), i, member) {
		bool self = cli_flag(member, "self");

		if (!cli->json)
			table_row(&table, (char *[]){ cli_text(member, "agent"), cli_text(member, "role"),
			                              mem_strdup(self                            ? "this agent"
			                                         : cli_flag(member, "connected") ? "connected"
			                                                                         : "away"),
			                              cli_text(member, "name") });
	}
	table_print(&table);
	json_decref(document);
	return CLI_DONE;
}

static void print_groups(const json_t *document)
{
	struct table table = TABLE_INIT(4);
	json_t *group;
	size_t i;

	json_array_foreach(json_object_get(document, "groups"), i, group)
		table_row(&table, (char *[]){ cli_text(group, "group"), cli_text(group, "role"),
		                              cli_text(group, "state"), cli_text(group, "share") });
	table_print(&table);
	json_array_foreach(json_object_get(document, "seen"), i, group) {
		char *name = cli_text(group, "group");
		char *agent = cli_text(group, "agent");

		(void)printf("%s  seen at %s\n", name, agent);
		free(name);
		free(agent);
	}
}

int group_list(struct cli *cli, int argc, char **argv)
{
	struct args_option own[] = { { ARGS_END, NULL, NULL } };
	json_t *document;
	int rc;

	if (cli_args(cli, own, 0, 0, argc, argv) < 0)
		return CLI_USAGE;
	rc = http_get(cli, "/groups", &document);
	if (rc != CLI_DONE)
		return rc;
	if (cli->json)
		cli_print_json(document);
	else
		print_groups(document);
	json_decref(document);
	return CLI_DONE;
}

static int set_paused(struct cli *cli, const char *verb, int argc, char **argv)
{
	struct args_option own[] = { { ARGS_END, NULL, NULL } };
	int words = cli_args(cli, own, 0, 1, argc, argv);
	json_t *document;
	char *path;
	int rc;

	if (words < 0)
		return CLI_USAGE;
	path = words == 1 ? group_path(argv[0], verb) : mem_strdup(verb);
	rc = http_post(cli, path, NULL, &document);
	free(path);
	if (rc == CLI_DONE && cli->json)
		cli_print_json(document);
	json_decref(document);
	return rc;
}

int group_pause(struct cli *cli, int argc, char **argv)
{
	return set_paused(cli, "/pause", argc, argv);
}

int group_resume(struct cli *cli, int argc, char **argv)
{
	return set_paused(cli, "/resume", argc, argv);
}

int group_release(struct cli *cli, int argc, char **argv)
{
	json_t *document;
	int rc = one_group(cli, "/release", argc, argv, &document);

	if (document != NULL && cli_number(document, "released") > 0)
		(void)printf("%lld deletions and replacements let go\n", (long long)cli_number(document, "released"));
	else if (document != NULL)
		puts("nothing is held here");
	json_decref(document);
	return rc;
}
