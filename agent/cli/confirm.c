/* See confirm.h. */
#include "agent/cli/confirm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cli/http.h"
#include "agent/cli/lines.h"
#include "agent/cli/status_problems.h"
#include "agent/escape.h"
#include "base/mem.h"

/* A group as the status has it, and what is to be said of it. */
struct consequences {
	json_t *status;      /* owned; NULL: no agent has answered */
	const json_t *group; /* in it; NULL: there is none of that name */
	struct lines lines;  /* owned */
};

/* What the consequences are is asked of the agent only where somebody is there to be told. */
static bool is_person(const struct cli *cli, bool yes)
{
	return !yes && !cli->json && isatty(STDIN_FILENO) != 0 && isatty(STDERR_FILENO) != 0;
}

/* By its name, NAME#ID, or the beginning of its ID. */
static bool is_called(const json_t *g, const char *called)
{
	const char *name = json_string_value(json_object_get(g, "group"));
	const char *id = json_string_value(json_object_get(g, "id"));
	const char *public_id = json_string_value(json_object_get(g, "public_id"));
	size_t n = name != NULL ? strlen(name) : 0;

	if (n > 0 && strncmp(called, name, n) == 0 &&
	    (called[n] == '\0' || (called[n] == '#' && public_id != NULL &&
	                           strncmp(public_id, called + n + 1, strlen(called + n + 1)) == 0)))
		return true;
	return id != NULL && called[0] != '\0' && strncmp(id, called, strlen(called)) == 0;
}

static void consequences_begin(struct cli *cli, struct consequences *c, const char *called)
{
	const json_t *g;
	size_t i;

	memset(c, 0, sizeof(*c));
	(void)http_probe(cli, "/status", &c->status);
	if (http_is_systems(cli))
		return; /* it refuses all acts */
	json_array_foreach(json_object_get(c->status, "groups"), i, g) {
		if (c->group == NULL && is_called(g, called))
			c->group = g;
	}
}

/* Asks if there is something to be said. Frees it. */
static bool consequences_end(struct consequences *c)
{
	char answer[16] = "y";

	for (size_t i = 0; i < c->lines.n; i++)
		(void)fprintf(stderr, "%s\n", c->lines.v[i]);
	if (c->lines.n > 0) {
		(void)fprintf(stderr, "Go on? [y/N] ");
		if (fgets(answer, sizeof(answer), stdin) == NULL)
			answer[0] = '\0';
	}
	lines_free(&c->lines);
	json_decref(c->status);
	if (answer[0] == 'y' || answer[0] == 'Y')
		return true;
	cli_error("nothing was done");
	return false;
}

bool confirm_leave(struct cli *cli, const char *group, bool abandon, bool yes)
{
	struct consequences c;
	char *share, *waits;

	if (!is_person(cli, yes))
		return true;
	consequences_begin(cli, &c, group);
	if (c.group == NULL)
		return consequences_end(&c);
	share = document_text(c.group, "share");
	waits = document_text(c.group, "waits_for");
	if (json_object_get(c.group, "vault") != NULL)
		lines_add(&c.lines, mem_printf("What this vault stores in %s is deleted.", share));
	else
		lines_add(&c.lines,
		          mem_printf("The files in %s stay. Kept versions of older files are deleted. Changes "
		                     "go neither way any more.",
		                     share));
	if (!document_flag(c.group, "in_sync") && waits[0] != '\0')
		lines_add(&c.lines, mem_printf("It is not in sync: %s. What the others lack now, they do not get from "
		                               "here.",
		                               waits));
	if (abandon)
		lines_add(&c.lines, mem_strdup("If this is the only owner, the group has none then: nobody can invite, "
		                               "accept or remove."));
	free(waits);
	free(share);
	return consequences_end(&c);
}

bool confirm_remove(struct cli *cli, const char *group, const char *agent, bool yes)
{
	struct consequences c;
	char *shown;

	if (!is_person(cli, yes))
		return true;
	consequences_begin(cli, &c, group);
	shown = escape_terminal(agent);
	if (c.group != NULL)
		lines_add(
			&c.lines,
			mem_printf("%s is told nothing any more, and neither are agents that it let in and that no "
		                   "owner has confirmed. Files that it has stay there. Only an owner can add it again.",
		                   shown));
	free(shown);
	return consequences_end(&c);
}

static void add_hold(struct lines *l, const json_t *hold)
{
	char *name = document_text(hold, "name"), files[FORMAT_MAX];

	format_count(files, document_number(hold, "files"), "file", "files");
	if (document_flag(hold, "here"))
		lines_add(l, mem_printf("%s that disappeared here are deleted at the other members, as far as those "
		                        "let it happen.",
		                        files));
	else
		lines_add(l, mem_printf("%s are deleted, replaced or emptied here, as %s did it. They become kept "
		                        "versions.",
		                        files, name[0] != '\0' ? name : "a member"));
	free(name);
}

bool confirm_release(struct cli *cli, const char *group, bool yes)
{
	struct consequences c;
	const json_t *hold;
	size_t i;

	if (!is_person(cli, yes))
		return true;
	consequences_begin(cli, &c, group);
	json_array_foreach(json_object_get(c.group, "holds"), i, hold)
		add_hold(&c.lines, hold);
	if (c.lines.n > 0)
		status_problems_add(&c.lines, json_object_get(c.group, "problems"),
		                    document_number(c.group, "problem_count"));
	return consequences_end(&c);
}
