/* events: the events that the agent remembers, and with --follow new ones. */
#include "agent/cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/format.h"
#include "agent/cli/http.h"
#include "agent/cli/names.h"

static bool print_raw(void *arg, const char *line, size_t n)
{
	(void)arg;
	(void)fwrite(line, 1, n, stdout);
	(void)putchar('\n');
	return fflush(stdout) == 0;
}

static void print_part(const char *text)
{
	if (text[0] != '\0')
		(void)printf("  %s", text);
}

static bool print_event(void *arg, const char *line, size_t n)
{
	json_t *event = json_loadb(line, n, 0, NULL);
	char *kind = document_text(event, "event"), *group = document_text(event, "group"),
	     *path = document_text(event, "path"), *peer = names_peer(event), *reason = document_text(event, "reason");
	/* In words it mostly begins with who it is about. */
	bool says_who = strncmp(reason, peer, strlen(peer)) == 0;
	char when[FORMAT_MAX];

	(void)arg;
	(void)printf("%s  %s", format_time(when, (int64_t)json_number_value(json_object_get(event, "time"))), kind);
	if (group[0] != '\0')
		(void)printf("  [%s]", group);
	print_part(path);
	print_part(says_who ? "" : peer);
	print_part(reason);
	(void)putchar('\n');
	free(kind);
	free(group);
	free(path);
	free(peer);
	free(reason);
	json_decref(event);
	return fflush(stdout) == 0;
}

int cmd_events(struct cli *cli, int argc, char **argv)
{
	bool follow = false;
	struct args_option own[] = { { ARGS_FLAG, "follow", &follow }, { ARGS_END, NULL, NULL } };

	if (cli_args(cli, own, 0, 0, argc, argv) < 0)
		return CLI_USAGE;
	return http_lines(cli, follow ? "/events?follow=1" : "/events", cli->json ? print_raw : print_event, NULL);
}
