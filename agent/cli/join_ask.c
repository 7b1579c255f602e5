/* See join_ask.h. */
#include "agent/cli/join_ask.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/cli/http.h"
#include "agent/escape.h"
#include "base/mem.h"

static const char *answer_state(const json_t *document)
{
	const char *state = json_string_value(json_object_get(document, "state"));

	return state != NULL ? state : "";
}

static int post_request(struct cli *cli, const struct join_ask *ask, json_t **document)
{
	char *group = escape_name(ask->group);
	json_t *body = json_pack("{s:s, s:s, s:I}", "group", group, ask->share_given ? "share" : "default_share",
	                         ask->share, "timeout", (json_int_t)ask->timeout);

	if (ask->mode != NULL)
		json_object_set_new(body, "mode", json_string(ask->mode));
	if (ask->message != NULL) {
		char *message = escape_name(ask->message);

		json_object_set_new(body, "message", json_string(message));
		free(message);
	}
	free(group);
	return http_post(cli, "/ask", body, document);
}

/* What two people compare. On stdout, since it is what the command is for. */
static void show_code(const struct cli *cli, const json_t *document)
{
	char *group = document_text(document, "group");
	char *code = document_text(document, "code");

	if (!cli->json && code[0] != '\0') {
		(void)printf("asked to join %s\nconfirmation code: %s%s%s\n", group, cli_sgr(cli, "\x1b[1m"), code,
		             cli_sgr(cli, "\x1b[0m"));
		(void)fflush(stdout);
		(void)fputs("An owner compares it with `lanyard requests`, and accepts.\n", stderr);
	}
	free(group);
	free(code);
}

/* Says why it is not joined. Returns the exit status. */
static int not_joined(const json_t *document)
{
	char *group = document_text(document, "group");
	char *note = document_text(document, "note");

	if (strcmp(answer_state(document), "asked") == 0)
		cli_error("%s: %s; the agent keeps asking (lanyard status; lanyard leave gives up)", group, note);
	else
		cli_error("%s: %s", group, note);
	free(group);
	free(note);
	return CLI_REFUSED;
}

static int await_decision(struct cli *cli, const json_t *first, int64_t timeout, json_t **document)
{
	char *tag = http_encode(json_string_value(json_object_get(first, "public_id")));
	char *path = mem_printf("/ask?public_id=%s&timeout=%lld", tag, (long long)timeout);
	int rc = http_get(cli, path, document);

	/* Once it is accepted, the request is gone, and its code with it. */
	if (rc == CLI_DONE && !json_is_string(json_object_get(*document, "code")))
		json_object_set(*document, "code", json_object_get(first, "code"));
	free(tag);
	free(path);
	return rc;
}

/* Anybody can announce a group of any name, and accept at once. */
static void warn_of_files(const char *share)
{
	char *path = escape_decode(share);
	DIR *d = path != NULL ? opendir(path) : NULL;
	const struct dirent *entry;
	bool has_files = false;

	while (d != NULL && !has_files && (entry = readdir(d)) != NULL)
		has_files = strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	if (d != NULL)
		closedir(d);
	if (has_files)
		(void)fputs(
			"note: the share has files already, which the group gets once an owner accepts. Anybody can "
			"announce a group of this name: compare its public ID with an owner's\n",
			stderr);
	free(path);
}

int join_ask(struct cli *cli, const struct join_ask *ask, json_t **document)
{
	int64_t begun = (int64_t)time(NULL);
	int64_t left;
	json_t *first;
	int rc;

	*document = NULL;
	warn_of_files(ask->share);
	if (cli->terminal && !cli->json)
		(void)fputs("Looking for a member of the group...\n", stderr);
	rc = post_request(cli, ask, &first);
	if (rc != CLI_DONE)
		return rc;
	*document = first;
	if (strcmp(answer_state(first), "asked") == 0) {
		show_code(cli, first);
		left = ask->timeout - ((int64_t)time(NULL) - begun);
		rc = await_decision(cli, first, left > 0 ? left : 0, document);
		json_decref(first);
		if (rc != CLI_DONE) {
			*document = NULL;
			return rc;
		}
	}
	return strcmp(answer_state(*document), "accepted") == 0 ? CLI_DONE : not_joined(*document);
}
