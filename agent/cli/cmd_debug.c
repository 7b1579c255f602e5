/* debug dump: the agent's state as JSON, for a bug report. */
#include "agent/cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "agent/cli/http.h"

int cmd_debug(struct cli *cli, int argc, char **argv)
{
	bool names = false;
	struct args_option own[] = { { ARGS_FLAG, "names", &names }, { ARGS_END, NULL, NULL } };
	json_t *document;
	int rc;

	if (cli_args(cli, own, 1, 1, argc, argv) < 0)
		return CLI_USAGE;
	if (strcmp(argv[0], "dump") != 0)
		return cli_usage(cli, "debug: unknown action '%s'", argv[0]);
	rc = http_get(cli, names ? "/debug/dump?names=1" : "/debug/dump", &document);
	if (rc != CLI_DONE)
		return rc;
	if (cli->json) {
		cli_print_json(document);
	} else {
		(void)json_dumpf(document, stdout, JSON_INDENT(1) | JSON_ENSURE_ASCII);
		(void)putchar('\n');
	}
	json_decref(document);
	return CLI_DONE;
}
