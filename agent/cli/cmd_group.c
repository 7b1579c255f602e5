/* pause, resume, release. */
#include "agent/cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/format.h"
#include "agent/cli/confirm.h"
#include "agent/cli/http.h"
#include "agent/escape.h"

static void say_paused(const char *group, bool paused)
{
	char *name = escape_terminal(group);

	if (paused)
		(void)printf("%s paused: nothing is sent or fetched until `lanyard resume%s%s`\n",
		             group[0] != '\0' ? name : "all groups", group[0] != '\0' ? " " : "", name);
	else
		(void)printf("%s shared again\n", group[0] != '\0' ? name : "all groups");
	free(name);
}

static int group_set_paused(struct cli *cli, const char *verb, int argc, char **argv)
{
	struct args_option own[] = { { ARGS_END, NULL, NULL } };
	int words = cli_args(cli, own, 0, 1, argc, argv);
	json_t *document;
	int rc;

	if (words < 0)
		return CLI_USAGE;
	rc = http_group_tell(cli, words == 1 ? argv[0] : NULL, verb, NULL, &document);
	if (document != NULL)
		say_paused(words == 1 ? argv[0] : "", document_flag(document, "paused"));
	json_decref(document);
	return rc;
}

int cmd_pause(struct cli *cli, int argc, char **argv)
{
	return group_set_paused(cli, "/pause", argc, argv);
}

int cmd_resume(struct cli *cli, int argc, char **argv)
{
	return group_set_paused(cli, "/resume", argc, argv);
}

int cmd_release(struct cli *cli, int argc, char **argv)
{
	bool yes = false;
	struct args_option own[] = { { ARGS_FLAG, "yes", &yes }, { ARGS_END, NULL, NULL } };
	char n[FORMAT_MAX];
	json_t *document;
	int rc;

	if (cli_args(cli, own, 1, 1, argc, argv) < 0)
		return CLI_USAGE;
	if (!confirm_release(cli, argv[0], yes))
		return CLI_REFUSED;
	rc = http_group_tell(cli, argv[0], "/release", NULL, &document);
	if (document != NULL && document_number(document, "released") > 0)
		(void)printf("released %s\n", format_count(n, document_number(document, "released"),
		                                           "deletion or replacement", "deletions and replacements"));
	else if (document != NULL)
		puts("nothing is held here");
	json_decref(document);
	return rc;
}
