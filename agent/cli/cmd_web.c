/* web: opens the page in a browser, by a link that is good once; or ends all sessions. */
#include "agent/cli/cli.h"

#include <stdio.h>

#include "agent/cli/browser.h"
#include "agent/cli/format.h"
#include "agent/cli/http.h"

static int web_revoke_all(struct cli *cli)
{
	char n[FORMAT_MAX];
	json_t *document;
	int rc = http_post(cli, "/web/revoke", NULL, &document);

	if (rc != CLI_DONE)
		return rc;
	if (cli->json)
		cli_print_json(document);
	else
		printf("%s ended\n", format_count(n, cli_number(document, "ended"), "session", "sessions"));
	json_decref(document);
	return CLI_DONE;
}

static int web_enter(struct cli *cli, bool print)
{
	json_t *document;
	const char *url;
	int rc = http_post(cli, "/web/link", NULL, &document);

	if (rc != CLI_DONE)
		return rc;
	url = json_string_value(json_object_get(document, "url"));
	if (cli->json)
		cli_print_json(document);
	else if (url != NULL && (print || !browser_open(cli, url)))
		printf("%s\n", url);
	json_decref(document);
	return CLI_DONE;
}

int cmd_web(struct cli *cli, int argc, char **argv)
{
	bool print = false, revoke = false;
	struct args_option own[] = {
		{ ARGS_FLAG, "print", &print },
		{ ARGS_FLAG, "revoke", &revoke },
		{ ARGS_END, NULL, NULL },
	};

	if (cli_args(cli, own, 0, 0, argc, argv) < 0)
		return CLI_USAGE;
	if (print && revoke)
		return cli_usage(cli, "--print and --revoke exclude each other");
	return revoke ? web_revoke_all(cli) : web_enter(cli, print);
}
