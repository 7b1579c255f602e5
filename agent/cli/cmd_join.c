/* create, join: the ways into a group. */
#include "agent/cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cli/http.h"
#include "agent/cli/join_ask.h"
#include "agent/cli/join_token.h"
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
	char *name = document_text(document, "group");
	char *share = document_text(document, "share");
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
	bool hidden = false, sealed = false;
	struct args_option own[] = {
		{ ARGS_TEXT, "share", &share },
		{ ARGS_FLAG, "hidden", &hidden },
		{ ARGS_FLAG, "sealed", &sealed },
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
	body = json_pack("{s:s, s:s, s:b, s:b}", "name", argv[0], "share", text, "hidden", (int)hidden, "sealed",
	                 (int)sealed);
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

/* What `join` was told, checked. */
struct join_words {
	char *token;      /* owned; NULL: it asks */
	char *share;      /* owned */
	const char *mode; /* NULL: a mirror */
	int64_t timeout;
};

static int join_by_token(struct cli *cli, const struct join_words *w, json_t **document)
{
	json_t *body = json_pack("{s:s, s:s, s:I, s:s*}", "token", w->token, "share", w->share, "timeout",
	                         (json_int_t)w->timeout, "mode", w->mode);

	if (body == NULL)
		return cli_usage(cli, "this is not a token; paste everything that `lanyard invite` printed");
	return http_post(cli, "/join", body, document);
}

/* One of the three is given. */
struct join_way {
	const char *group, *invite, *file;
};

/* All users of the host can read the command line as long as the command waits. */
static void hide_word(int argc, char **argv, const char *word)
{
	size_t n = strlen(word);

	for (int i = 0; i < argc; i++) {
		size_t length = argv[i] != NULL ? strlen(argv[i]) : 0;

		if (length >= n && word == argv[i] + (length - n))
			memset(argv[i] + (length - n), 'x', n);
	}
}

/* The token as it was given, or as its file or standard input has it. 0, or an exit status. */
static int join_read_token(struct cli *cli, int argc, char **argv, const struct join_way *way, char **token)
{
	const char *group = way->group, *invite = way->invite, *file = way->file;
	int ways = (group != NULL) + (invite != NULL) + (file != NULL);

	if (ways != 1)
		return cli_usage(cli, "join: either a GROUP to ask for, or --invite TOKEN, or --invite-file FILE");
	if (group != NULL && strncmp(group, "lanyard1-", 9) == 0)
		return cli_usage(cli, "join: that is a token, not a GROUP. Run `lanyard join --invite -` and paste it "
		                      "there: on a command line all users of this host can read it");
	if (group != NULL)
		return CLI_DONE;
	if (invite == NULL || strcmp(invite, "-") == 0) {
		*token = join_token_read(file);
	} else {
		*token = mem_strdup(invite);
		hide_word(argc, argv, invite);
	}
	return *token != NULL ? CLI_DONE : CLI_REFUSED;
}

int cmd_join(struct cli *cli, int argc, char **argv)
{
	const char *invite = NULL, *file = NULL, *share = NULL, *message = NULL, *timeout_text = NULL, *mode = NULL;
	struct args_option own[] = {
		{ ARGS_TEXT, "invite", &invite },
		{ ARGS_TEXT, "invite-file", &file },
		{ ARGS_TEXT, "share", &share },
		{ ARGS_TEXT, "message", &message },
		{ ARGS_TEXT, "timeout", &timeout_text },
		{ ARGS_TEXT, "mode", &mode },
		{ ARGS_END, NULL, NULL },
	};
	int words = cli_args(cli, own, 0, 1, argc, argv);
	const char *group = words == 1 ? argv[0] : NULL;
	struct join_words w = { .timeout = 60, .mode = mode };
	json_t *document = NULL;
	int rc;

	if (words < 0)
		return CLI_USAGE;
	if (timeout_text != NULL && args_number(timeout_text, 0, 366 * 86400, &w.timeout) < 0 &&
	    args_duration(timeout_text, &w.timeout) < 0)
		return cli_usage(cli, "--timeout must be a number of seconds, or one with s, m, h or d");
	if (message != NULL && group == NULL)
		return cli_usage(cli, "--message goes with a GROUP to ask for");
	rc = join_read_token(cli, argc, argv, &(struct join_way){ group, invite, file }, &w.token);
	if (rc != CLI_DONE)
		return rc;
	w.share = share_text(share != NULL ? share : "share");
	if (w.share == NULL)
		rc = CLI_USAGE;
	else if (w.token != NULL)
		rc = join_by_token(cli, &w, &document);
	else
		rc = join_ask(cli, &(struct join_ask){ group, w.share, share != NULL, message, mode, w.timeout },
		              &document);
	if (rc == CLI_DONE)
		print_group(cli, document, "joined");
	else if (document != NULL && cli->json)
		cli_print_json(document);
	json_decref(document);
	free(w.token);
	free(w.share);
	return rc;
}
