/* doctor: runs all checks, with an agent or without one, and says how to fix what is wrong. */
#include "agent/doctor/doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/cli.h"
#include "agent/cli/http.h"

/* Returns how many findings are bad. */
static size_t print_findings(struct cli *cli, const json_t *findings)
{
	static const char *const colors[] = { "\x1b[32m", "\x1b[33m", "\x1b[31m" };
	json_t *f;
	size_t bad = 0;
	size_t i;

	json_array_foreach(findings, i, f) {
		char *check = document_text(f, "check");
		char *state = document_text(f, "state");
		char *text = document_text(f, "text");
		char *cure = document_text(f, "cure");
		const char *color = colors[strcmp(state, "ok") == 0 ? 0 : strcmp(state, "note") == 0 ? 1 : 2];

		bad += strcmp(state, "bad") == 0;
		if (!cli->json) {
			(void)printf("%s%-4s%s  %s: %s\n", cli_sgr(cli, color), state, cli_sgr(cli, "\x1b[0m"), check,
			             text);
			if (cure[0] != '\0')
				(void)printf("      -> %s\n", cure);
		}
		free(check);
		free(state);
		free(text);
		free(cure);
	}
	return bad;
}

int cmd_doctor(struct cli *cli, int argc, char **argv)
{
	struct args_option own[] = { { ARGS_END, NULL, NULL } };
	json_t *status = NULL, *findings;
	const char *home;
	size_t bad;

	if (cli_args(cli, own, 0, 0, argc, argv) < 0)
		return CLI_USAGE;
	home = http_home(cli);
	if (home == NULL)
		return CLI_REFUSED;
	(void)http_probe(cli, "/status", &status);
	findings = doctor_examine(home, status, http_is_systems(cli));
	bad = print_findings(cli, findings);
	if (cli->json) {
		json_t *document = json_pack("{s:O}", "checks", findings);

		cli_print_json(document);
		json_decref(document);
	}
	json_decref(findings);
	json_decref(status);
	return bad > 0 ? CLI_REFUSED : CLI_DONE;
}
