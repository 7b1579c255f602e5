/* events: the events that the agent remembers, and with --follow new ones. */
#include "agent/cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/format.h"
#include "agent/cli/http.h"

static bool print_raw(void *arg, const char *line, size_t n)
{
	(void)arg;
	(void)fwrite(line, 1, n, stdout);
	(void)putchar('\n');
	return fflush(stdout) == 0;
}

static bool print_event(void *arg, const char *line, size_t n)
{
	static const char *const keys[] = { "group", "path", "peer", "reason" };
	json_t *event = json_loadb(line, n, 0, NULL);
	char *kind = cli_text(event, "event");
	char when[FORMAT_MAX];

	(void)arg;
	(void)printf("%s  %s", format_time(when, (int64_t)json_number_value(json_object_get(event, "time"))), kind);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		char *text = cli_text(event, keys[i]);

		if (text[0] != '\0')
			(void)printf(strcmp(keys[i], "group") == 0 ? "  [%s]" : "  %s", text);
		free(text);
	}
	(void)putchar('\n');
	free(kind);
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
