/* requests, accept, reject: who asks to join, and what an owner decides. */
#include "agent/cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/format.h"
#include "agent/cli/confirm.h"
#include "agent/cli/http.h"
#include "agent/cli/names.h"
#include "agent/escape.h"
#include "base/mem.h"

static const char *const request_heads[] = { "CODE", "GROUP", "NAME", "ID", "ADDRESS", "AGE", "CARRIED", "MESSAGE" };

/* The member that carried it is named as well: it alone could have chosen the code. */
static void print_requests(const struct cli *cli, const json_t *list)
{
	struct table table = cli_table(cli, 8, request_heads);
	size_t id = names_id_length(list, "agent");
	const json_t *request;
	size_t i;

	json_array_foreach(list, i, request) {
		char since[FORMAT_MAX];
		char *giver = document_text(request, "giver_name");

		format_duration(since, (int64_t)time(NULL) - document_number(request, "since"));
		format_table_row(&table, (char *[]){ document_text(request, "code"), document_text(request, "group"),
		                                     document_text(request, "name"), names_id(request, "agent", id),
		                                     document_text(request, "address"), mem_printf("%s ago", since),
		                                     giver[0] != '\0' ? mem_printf("by %s", giver) : mem_strdup(""),
		                                     document_text(request, "message") });
		free(giver);
	}
	format_table_print(&table);
}

int cmd_requests(struct cli *cli, int argc, char **argv)
{
	struct args_option own[] = { { ARGS_END, NULL, NULL } };
	int words = cli_args(cli, own, 0, 1, argc, argv);
	const json_t *list;
	json_t *document;
	int rc;

	if (words < 0)
		return CLI_USAGE;
	rc = http_group_get(cli, words == 1 ? argv[0] : NULL, "/requests", &document);
	if (rc != CLI_DONE)
		return rc;
	list = json_object_get(document, "requests");
	if (cli->json)
		cli_print_json(document);
	else
		print_requests(cli, list);
	if (!cli->json && cli->terminal && json_array_size(list) > 0)
		(void)fputs(
			"Compare the code with the one that `lanyard join` shows there, then: lanyard accept GROUP CODE, "
			"or lanyard reject GROUP CODE\n",
			stderr);
	json_decref(document);
	return CLI_DONE;
}

/* Takes body over, without the agent. *document: the answer, the caller's; NULL if it failed or was printed as JSON. */
static int request_decide(struct cli *cli, const char *verb, char **argv, json_t *body, json_t **document)
{
	char *agent = escape_name(argv[1]);
	int rc;

	json_object_set_new(body, "agent", json_string(agent));
	rc = http_group_tell(cli, argv[0], verb, body, document);
	free(agent);
	return rc;
}

int cmd_accept(struct cli *cli, int argc, char **argv)
{
	const char *role = NULL;
	bool yes = false;
	struct args_option own[] = { { ARGS_TEXT, "role", &role },
		                     { ARGS_FLAG, "yes", &yes },
		                     { ARGS_END, NULL, NULL } };
	json_t *document;
	char *agent, *now;
	int rc;

	if (cli_args(cli, own, 2, 2, argc, argv) < 0)
		return CLI_USAGE;
	if (role != NULL && strcmp(role, "owner") != 0 && strcmp(role, "member") != 0 && strcmp(role, "reader") != 0 &&
	    strcmp(role, "vault") != 0)
		return cli_usage(cli, "--role must be owner, member, reader or vault");
	if (!confirm_accept(cli, argv[0], argv[1], role, yes))
		return CLI_REFUSED;
	rc = request_decide(cli, "/accept", argv, role != NULL ? json_pack("{s:s}", "role", role) : json_object(),
	                    &document);
	if (rc != CLI_DONE || document == NULL)
		return rc;
	agent = names_agent(document);
	now = document_text(document, "role");
	(void)printf("accepted %s: %s\n", agent, now);
	free(agent);
	free(now);
	json_decref(document);
	return CLI_DONE;
}

int cmd_reject(struct cli *cli, int argc, char **argv)
{
	bool forever = false, yes = false;
	struct args_option own[] = { { ARGS_FLAG, "forever", &forever },
		                     { ARGS_FLAG, "yes", &yes },
		                     { ARGS_END, NULL, NULL } };
	json_t *document;
	char *agent;
	int rc;

	if (cli_args(cli, own, 2, 2, argc, argv) < 0)
		return CLI_USAGE;
	if (!confirm_reject(cli, argv[0], argv[1], forever, yes))
		return CLI_REFUSED;
	rc = request_decide(cli, "/reject", argv, json_pack("{s:b}", "forever", (int)forever), &document);
	if (rc != CLI_DONE || document == NULL)
		return rc;
	agent = names_agent(document);
	(void)printf("rejected %s\n", agent);
	free(agent);
	json_decref(document);
	return CLI_DONE;
}
